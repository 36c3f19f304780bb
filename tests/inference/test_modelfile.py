"""A Modelfile puts around a prompt what the chat template puts there."""

from __future__ import annotations

from pathlib import Path

from radu_core.inference.modelfile import make_modelfile, turns_around
from radu_core.tokenizing import Encoder, load_tokenizer

TURNS = (
    "{% for m in messages %}<|end|>{{ m['role'] }}\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|end|>assistant\n{% endif %}"
)
PROMPTS = ["one", "two\nlines"]


def test_the_turns_around_a_prompt(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    assert turns_around(Encoder(tokenizer), PROMPTS) == ("", "")
    around = turns_around(Encoder(tokenizer, TURNS), PROMPTS)
    assert around == ("<|end|>user\n", "<|end|>\n<|end|>assistant\n")
    shouting = TURNS.replace("m['content']", "m['content'] | replace('one', 'ONE')")
    assert turns_around(Encoder(tokenizer, shouting), PROMPTS) is None


def test_a_modelfile_says_how_it_was_trained() -> None:
    text = make_modelfile(
        "m.gguf", ("<|a|>\n", "<|b|>\n"), stops=["<|b|>", "</s>"], context=512, answer=64
    )
    assert text == (
        'FROM ./m.gguf\nTEMPLATE """<|a|>\n{{ .Prompt }}<|b|>\n"""\n'
        "PARAMETER temperature 0\nPARAMETER top_k 1\nPARAMETER repeat_penalty 1\n"
        "PARAMETER num_ctx 512\nPARAMETER num_predict 64\n"
        'PARAMETER stop "<|b|>"\nPARAMETER stop "</s>"\n'
    )


def test_braces_and_quotes_of_a_template_stay_text() -> None:
    text = make_modelfile("m", ('{{x}}"""', ""), stops=[], context=8, answer=4)
    assert '"""{{ "{{" }}x}}{{ "\\x22\\x22\\x22" }}{{ .Prompt }}"""' in text
