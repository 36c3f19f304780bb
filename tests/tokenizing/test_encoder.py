"""Ids of a row: plain text as before, or turns of a chat template, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken

from radu_core.errors import InputError, ModelError
from radu_core.tokenizing import Encoder, FastTokenizer, chat_template, load_tokenizer

TURNS = (
    "{% for m in messages %}[{{ m['role'] }}]\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant]\n{% endif %}"
)


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    return load_tokenizer(tiny_model)


def ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def test_plain_text_is_joined_with_an_end_token(tokenizer: Any) -> None:
    plain = Encoder(tokenizer)
    start, answer = plain.row("fly ->", " book_flight")
    assert start == plain.prompt("fly ->") == ids(tokenizer, "fly ->")
    assert answer == [*ids(tokenizer, " book_flight"), tokenizer.eos_token_id]


def test_a_completion_is_the_assistants_turn_up_to_its_end(tokenizer: Any) -> None:
    chat = Encoder(tokenizer, TURNS)
    start, answer = chat.row("fly ->", " book_flight")
    assert start == chat.prompt("fly ->")
    assert tokenizer.decode(start) == "[user]\nfly -><|end|>\n[assistant]\n"
    assert tokenizer.decode(answer) == "book_flight<|end|>"
    assert answer[-1] == chat.end == tokenizer.eos_token_id


def test_the_end_may_be_another_token_than_the_tokenizers(tiny_model: Path) -> None:
    other = load_tokenizer(tiny_model)
    other.add_special_tokens({"extra_special_tokens": ["<|turn|>"]})
    chat = Encoder(other, TURNS.replace("<|end|>", "<|turn|>"))
    assert chat.end == other.convert_tokens_to_ids("<|turn|>") != other.eos_token_id
    assert chat.row("fly ->", " book_flight")[1][-1] == chat.end


def test_a_template_may_strip_and_say_more_before(tokenizer: Any) -> None:
    stripping = "Be brief.\n" + TURNS.replace("m['content']", "m['content'] | trim")
    start, answer = Encoder(tokenizer, stripping).row("  fly ->\n", " none ")
    assert tokenizer.decode([*start, *answer]) == (
        "Be brief.\n[user]\nfly -><|end|>\n[assistant]\nnone<|end|>"
    )


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{% for m in messages %}{{ m['content'] }}\n{% endfor %}", "no special token after"),
        ("{{ messages | length }} " + TURNS, "isn't how question and answer begin"),
        ("{{ raise_exception('only tools') }}", "only tools"),
        ("{% if %}", "TemplateSyntaxError"),
        ("{{ messages[0]['content'] }}<|end|>", "no special token after"),
    ],
)
def test_what_cant_be_used_is_refused_naming_the_model(
    tiny_model: Path, tokenizer: Any, template: str, words: str
) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        Encoder(tokenizer, template).row("fly ->", " none")
    assert str(tiny_model) in str(caught.value)
    assert "chat_template: none" in caught.value.remedy


def test_lengths_are_those_of_the_rows(tokenizer: Any) -> None:
    rows = [("fly me ->\nto Oslo", " book_flight"), ("hi ->", ' {"a": 1}'), ("", " none")]
    for template in (None, TURNS, "Hello\n" + TURNS):
        encoder = Encoder(tokenizer, template)
        fast = FastTokenizer(tokenizer, name="tiny", template=template)
        assert fast.sizes(rows) == [sum(map(len, encoder.row(p, c))) for p, c in rows]
    assert fast.hash != FastTokenizer(tokenizer, name="tiny").hash


def test_settings(tokenizer: Any, tiny_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "chat.jinja"
    file.write_text(TURNS, encoding="utf-8")
    assert chat_template(tokenizer, "none") is None
    assert chat_template(tokenizer, "auto") is None  # it has none
    assert chat_template(tokenizer, str(file)) == chat_template(tokenizer, TURNS) == TURNS
    own = load_tokenizer(tiny_model)
    own.chat_template = TURNS
    assert chat_template(own, "auto") == TURNS
    assert chat_template(own, "none") is None
    with pytest.raises(InputError, match="names no file"):
        chat_template(tokenizer, str(tmp_path / "gone.jinja"))


def test_of_several_templates_the_default_one_is_used_or_it_is_said(
    tiny_model: Path, tmp_path: Path
) -> None:
    made = load_tokenizer(tiny_model)
    made.chat_template = {"tools": "no", "default": TURNS}
    made.save_pretrained(tmp_path / "several")
    assert chat_template(load_tokenizer(tmp_path / "several"), "auto") == TURNS
    made.chat_template = {"tools": "no", "rag": TURNS}
    made.save_pretrained(tmp_path / "none")
    saved = load_tokenizer(tmp_path / "none")
    with pytest.raises(
        ModelError, match=r"none has several chat templates \(rag, tools\)"
    ) as caught:
        chat_template(saved, "auto")
    assert "to one of them, as jinja" in caught.value.remedy
    assert chat_template(saved, TURNS) == TURNS


def test_signs_of_the_models_own_are_found_in_a_text(tiny_model: Path) -> None:
    made = load_tokenizer(tiny_model)
    made.add_tokens([AddedToken(s, special=True) for s in ("<filename>", "<|turn|>", "<|turn|>s")])
    plain = Encoder(made)
    assert plain.special_in("so <|end|> it ends") == "<|end|>"
    assert plain.special_in("<|turn|>, <filename> or <|END|>") is None  # it isn't used with these
    chat = Encoder(made, TURNS.replace("<|end|>", "<|turn|>"))
    assert chat.special_in("fly <|turn|>s") == "<|turn|>"
    assert chat.special_in("open <filename>") is None  # a slot may be called so
    fast = FastTokenizer(made, name="tiny", template=chat.template)
    assert fast.special_in("fly <|turn|>") == "<|turn|>"


def test_a_row_is_the_same_every_day_and_without_thinking(tokenizer: Any) -> None:
    asked = (
        "{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}"
        '{% endif %}{{ date_string }} {{ strftime_now("%d %B %Y") }}\n'
        + TURNS.replace(
            "[assistant]\n", "[assistant]\n{% if enable_thinking is not false %}hm{% endif %}"
        )
    )
    template = chat_template(tokenizer, asked)
    start, _ = Encoder(tokenizer, template).row("fly ->", " none")
    assert tokenizer.decode(start) == (
        "26 Jul 2024 26 July 2024\n[user]\nfly -><|end|>\n[assistant]\n"
    )
    assert chat_template(tokenizer, template or "") == template


@pytest.mark.parametrize("template", [None, TURNS, "Be brief.\n" + TURNS])
def test_answers_behind_a_prompt_are_those_of_rows(
    tokenizer: Any, template: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = Encoder(tokenizer, template)
    prompt = "fly to <|end|> Köln 🙂 ->" * 300
    said = [' {"to": "Köln', " 5", ' {"a": "\\"\\\\', " null", " [", "🙂"]
    wanted = [encoder.row(prompt, each)[1][:-1] for each in said]
    answer = encoder.answers(prompt)
    read: list[int] = []

    def counting(text: str) -> list[int]:
        read.append(len(text))
        return ids(tokenizer, text)

    monkeypatch.setattr(encoder, "_ids", counting)
    assert [answer(each) for each in said] == wanted
    assert max(read, default=0) < 100  # not the prompt, which has thousands of characters
