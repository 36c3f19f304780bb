"""Previews: what is known of an utterance, and what isn't; templates that can't ask are refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE

from radu_core.dataset import DatasetConfig, read_rows
from radu_core.dataset.making import Maker
from radu_core.errors import InputError, TemplateError
from radu_core.exemplars import Split
from radu_core.files import content_hash
from radu_core.prompts import STRATEGIES, RowOptions, TemplateSet, check_template
from radu_core.prompts.inspect import too_long
from radu_core.schema import parse_schema
from radu_core.workflows.coverage.indexing import load_index
from radu_core.workflows.coverage.judgements import judge
from radu_core.workflows.coverage.prompt_tokens import BASE, tokenizer_of
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.prompts import negatives
from radu_core.workflows.prompts import preview as prompts
from radu_core.workflows.prompts.preview import (
    Preview,
    as_json,
    as_text,
    check_context,
    prepare,
    preview,
    render,
)
from radu_core.workflows.prompts.templates import save_template, template_sources
from radu_core.workflows.train.dataset import build

VARIED = ["positive", "fewer", "zero", "removed"]


@pytest.fixture(autouse=True)
def _no_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "token_counter", lambda _: lambda text: len(text.split()))


def completions(shown: Preview) -> list[str]:
    return [made.row.completion for made in shown.rows]


@pytest.mark.parametrize("strategy", ["rag", "knn", "all", "single"])
def test_a_typed_utterance_has_no_completion(loaded: Workspace, strategy: str) -> None:
    shown = preview(loaded, MODULE, strategy=strategy, text="fly to Boston", k_desc=2)
    assert shown.rows
    assert set(completions(shown)) == {""}
    assert {m.completion_tokens for m in shown.rows} == {0}
    assert {m.row.kind for m in shown.rows} == {"asked"}
    assert "isn't known" in shown.notes[0]
    assert (shown.function, shown.answer_retrieved, shown.negatives) == (None, None, ())


def test_the_meaning_of_a_typed_utterance_gives_completion_and_verdict(loaded: Workspace) -> None:
    def shown(strategy: str, function: str, k_exemplar: int = 4) -> Preview:
        return preview(
            loaded,
            MODULE,
            strategy=strategy,
            text="fly to Boston",
            function=function,
            k_desc=0,
            k_exemplar=k_exemplar,
        )

    right = shown("rag", "book_flight")
    assert (completions(right)[0], right.answer_retrieved) == (" book_flight", True)
    absent = shown("rag", "book_hotel", 1)
    assert (completions(absent), absent.answer_retrieved) == ([""], False)
    assert [m.row.kind for m in absent.rows] == ["asked"]
    assert not any(note.startswith("no row") for note in absent.notes)  # said once, by the row
    assert [w.kind for row in absent.rows for w in row.warnings] == ["answer absent"]
    assert set(completions(shown("knn", "book_flight"))) <= {" yes", " no"}
    assert shown("knn", "book_hotel", 1).answer_retrieved is False
    assert completions(shown("rag", "none")) == [" none"]
    assert shown("rag", "none").answer_retrieved is None
    slots = shown("all", "book_flight")
    assert (completions(slots), slots.answer_retrieved) == ([""], None)
    assert "no values" in slots.notes[0]


def test_the_prompt_asked_about_is_the_one_that_is_trained(loaded: Workspace) -> None:
    typed = preview(loaded, MODULE, strategy="rag", text="fly to Boston")
    known = preview(loaded, MODULE, strategy="rag", text="fly to Boston", function="book_flight")
    assert typed.rows[0].row.prompt == known.rows[0].row.prompt


def test_a_stored_exemplar_says_itself_what_it_means(loaded: Workspace) -> None:
    shown = preview(loaded, MODULE, strategy="rag", exemplar_id="f03")
    assert (shown.function, shown.answer_retrieved) == ("book_flight", True)
    quiet = preview(loaded, MODULE, strategy="yes_no", exemplar_id="f03")
    assert (quiet.rows, quiet.answer_retrieved) == ((), None)
    assert quiet.notes == ("no row: the bot hadn't asked a yes/no question",)
    with pytest.raises(InputError, match="has its own function"):
        preview(loaded, MODULE, strategy="rag", exemplar_id="f03", function="book_hotel")


def test_an_unknown_function_is_refused(loaded: Workspace) -> None:
    with pytest.raises(InputError, match=r"no function of that name: 'nope'.*book_flight"):
        preview(loaded, MODULE, strategy="rag", text="fly", function="nope")


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_shipped_templates_ask_what_they_must(name: str) -> None:
    check_template(TemplateSet(), name)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("rag", "hello", "doesn't show utterance. It must use: utterance"),
        ("knn", "{{ utterance }}", "doesn't show exemplar. It must use: utterance, exemplar"),
        ("single", "{{ utterance }}", "doesn't show slot"),
        ("yes_no", "{{ answer }}", "doesn't show question"),
        ("all", "{# {{ utterance }} #}", "doesn't show utterance"),
        ("rag", "{{ utterance }} {{ nope }}", "isn't there .*nope"),
        ("rag", "{{ utterance", "line 1"),
        ("nope", "{{ utterance }}", "No such template"),
    ],
)
def test_a_template_that_cannot_ask_is_refused(
    loaded: Workspace, name: str, text: str, words: str
) -> None:
    before = template_sources(loaded, MODULE)
    with pytest.raises(TemplateError, match=words):
        save_template(loaded, MODULE, name, text, who="ann")
    assert template_sources(loaded, MODULE) == before


def test_a_short_template_of_ones_own_is_taken(loaded: Workspace) -> None:
    text = "{{ exemplar.utterance | upper }} = {{ utterance }}?"
    assert save_template(loaded, MODULE, "knn", text, who="ann") == 1
    assert template_sources(loaded, MODULE)["knn"] == text


@pytest.fixture
def tokenized(loaded: Workspace, tiny_model: Path) -> Workspace:
    """The workspace with a tiny model under the name of the default generator."""
    target = loaded.models / BASE
    shutil.copytree(tiny_model, target)
    record = {"name": BASE, "source": "t", "licence": "t"}
    (target / "radu-model.json").write_text(json.dumps(record))
    return loaded


def kinds(shown: Preview) -> list[str]:
    return [w.kind for w in (*shown.warnings, *(w for m in shown.rows for w in m.warnings))]


def test_a_yes_no_answer_can_be_typed_with_what_the_bot_had_asked(loaded: Workspace) -> None:
    shown = preview(
        loaded, MODULE, strategy="yes_no", text="sure", context="book_flight.refundable"
    )
    assert completions(shown) == [""]
    assert "Question: money back" in shown.rows[0].row.prompt
    assert preview(loaded, MODULE, strategy="yes_no", text="sure").rows == ()
    given = preview(loaded, MODULE, strategy="rag", text="sure", context="book_flight.origin")
    assert "The bot had asked for book_flight.origin." in given.rows[0].row.prompt
    with pytest.raises(InputError, match=r"no slot of that name: 'x'.*origin, destination"):
        preview(loaded, MODULE, strategy="rag", text="sure", context="book_flight.x")
    with pytest.raises(InputError, match="no function of that name"):
        preview(loaded, MODULE, strategy="rag", text="sure", context="nope.x")
    with pytest.raises(InputError, match="its own context"):
        preview(loaded, MODULE, strategy="rag", exemplar_id="f00", context="book_flight.origin")


@pytest.mark.parametrize(
    "text",
    ["fly 我想去北京 👩‍👩‍👧", "שלום, אני רוצה לטוס", "<script>{{ 7 * 7 }}</script>", "x" * 10_000],
)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_any_utterance_has_its_prompt(tokenized: Workspace, strategy: str, text: str) -> None:
    shown = preview(
        tokenized, MODULE, strategy=strategy, text=text, context="book_flight.refundable"
    )
    assert shown.rows
    for made in shown.rows:
        assert text in made.row.prompt
        assert made.tokens is not None
        assert "".join(c.text for c in made.tokens.cells) == made.row.prompt
    assert ("truncated" in kinds(shown)) == (len(text) > 1000)


def test_tokens_are_counted_per_part_against_the_limit(tokenized: Workspace) -> None:
    shown = preview(tokenized, MODULE, strategy="rag", exemplar_id="f00", limit=100)
    made = shown.rows[0]
    assert made.tokens is not None
    assert (
        made.completion_tokens
        == made.tokens.per_part["completion"]
        == made.tokens.supervised_tokens
    )
    assert made.prompt_tokens == made.tokens.tokens - made.completion_tokens
    (warning,) = [w for w in made.warnings if w.kind == "truncated"]
    assert f"{made.tokens.tokens} tokens, {made.tokens.tokens - 100} more" in warning.text
    nearest = next(p for p in made.places if p.origin == "exemplars")
    assert nearest.tokens is not None
    assert 0 < nearest.tokens < made.prompt_tokens


def test_without_the_base_model_there_are_words_and_no_limit(loaded: Workspace) -> None:
    shown = preview(loaded, MODULE, strategy="rag", exemplar_id="f00", limit=16)
    assert shown.rows[0].tokens is None
    assert shown.rows[0].prompt_tokens == len(shown.rows[0].row.prompt.split())
    assert kinds(shown) == []


def test_what_isnt_used_for_training_says_why_and_is_shown_as_asked(loaded: Workspace) -> None:
    ambiguous = preview(loaded, MODULE, strategy="rag", exemplar_id="a00")
    assert kinds(ambiguous) == ["not resolved"]
    assert "ambiguous" in ambiguous.warnings[0].text
    stored = preview(loaded, MODULE, strategy="rag", text="fly me to Oslo please")
    assert "answer leaked" in kinds(stored)
    absent = preview(
        loaded,
        MODULE,
        strategy="rag",
        text="fly to Bern",
        function="book_hotel",
        k_desc=0,
        k_exemplar=1,
    )
    assert kinds(absent) == ["answer absent"]


def test_a_template_in_use_that_lacks_something_is_told(loaded: Workspace) -> None:
    loaded.store.put_template(MODULE, "rag", "hello", who="t")  # as older studios let one
    assert "template" in kinds(preview(loaded, MODULE, strategy="rag", exemplar_id="f00"))


def test_an_export_holds_everything(tokenized: Workspace) -> None:
    shown = preview(tokenized, MODULE, strategy="rag", exemplar_id="f00")
    data = json.loads(json.dumps(as_json(shown)))
    made, row = shown.rows[0], data["rows"][0]
    assert made.tokens is not None
    assert row["row"]["prompt"] == "".join(p["text"] for p in row["row"]["parts"])
    assert row["row"]["completion"] == " book_flight"
    assert row["tokens"]["input_ids"] == list(made.tokens.input_ids)
    assert row["tokens"]["ids_hash"] == content_hash(row["tokens"]["input_ids"])
    assert row["tokens"]["labels_hash"] == content_hash(row["tokens"]["labels"])
    assert [h["id"] for h in data["retrieved"]["exemplars"]] == list(made.row.exemplar_ids)
    assert data["exemplar"]["id"] == "f00"
    assert {"warnings", "notes", "negatives", "model", "limit"} <= set(data)
    assert as_text(shown).startswith("=== rag/positive\nWhich function")
    assert made.row.prompt + " book_flight\n" in as_text(shown)


def test_a_negative_exemplar_is_shown_as_the_dataset_has_it(
    loaded: Workspace, write_jsonl: Callable[..., Path]
) -> None:
    """A positive that looks the same contradicts it: the dataset finds it, and so does the page."""
    row = {
        "id": "pos",
        "utterance": "what about pillows",
        "function": "book_hotel",
        "split": "train",
        "arguments": {},
    }
    rows = [row, {**row, "id": "neg", "mode": "negative"}]
    import_file(loaded, "jsonl", write_jsonl(rows, "n.jsonl"), module=MODULE, who="t")
    resolve(loaded, MODULE, who="t")
    shown = preview(loaded, MODULE, strategy="rag", exemplar_id="neg")
    why = "nearly the same as an exemplar of the function it isn't"
    assert f"no row: {why}" in shown.notes
    config = DatasetConfig.of(strategies=("rag",), tokenizer="none")
    built = build(loaded, MODULE, name="n", config=config).directory
    discards = [json.loads(line) for line in (built / "discards.jsonl").read_text().splitlines()]
    assert [d["reason"] for d in discards if d["exemplar_id"] == "neg"] == [why]
    found = negatives.retrieve(loaded, MODULE, exemplar_id="neg")
    assert "pos" in [h.id for h in found.hits]


@pytest.mark.parametrize(("split", "kinds"), [("validation", ["positive"]), ("train", VARIED)])
def test_rows_vary_for_training_only_and_it_says_so(
    loaded: Workspace, split: Split, kinds: list[str]
) -> None:
    items = loaded.store.exemplars(MODULE, splits=[split], outcomes=["resolved"])
    one = next(i.exemplar.id for i in items if i.exemplar.function)
    options = RowOptions(removed_share=1, fewer_share=1, zero_share=1)
    shown = preview(loaded, MODULE, strategy="rag", exemplar_id=one, options=options)
    assert [r.row.kind for r in shown.rows] == kinds
    said = any(note.startswith(f"it is of the split {split}") for note in shown.notes)
    assert said == (split != "train")
    config = DatasetConfig.of(
        strategies=("rag",), tokenizer="none", removed_share=1, fewer_share=1, zero_share=1
    )
    built = build(loaded, MODULE, name="n", config=config).directory
    assert [r.kind for r in read_rows(built, split) if r.exemplar_id == one] == kinds


def test_a_context_may_name_a_function_with_dots() -> None:
    found = parse_schema(
        {
            "module": "acme_x_en",
            "functions": [{"name": "book"}, {"name": "book.hotel", "slots": [{"name": "pets"}]}],
        }
    )
    for context in ("book.hotel.pets", "book.hotel", "book"):
        check_context(found, context)
    with pytest.raises(InputError, match=r"book\.hotel has no slot of that name.*'x'"):
        check_context(found, "book.hotel.x")
    with pytest.raises(InputError, match="no function of that name"):
        check_context(found, "taxi.x")


def test_a_judgement_does_not_make_a_preview_read_the_whole_module(
    loaded: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is one of many: the template editor renders each pinned example twice."""
    before = preview(loaded, MODULE, strategy="knn", exemplar_id="f00")
    no = next(r.row.exemplar_ids[0] for r in before.rows if r.row.kind == "knn_no")
    judge(loaded, MODULE, "f00", no, "same", who="t")
    prepared = prepare(loaded, MODULE, strategy="knn", exemplar_id="f00")
    real = type(loaded.store).exemplars
    read: list[Any] = []

    def counted(store: Any, module: str, **chosen: Any) -> Any:
        read.append(chosen.get("ids"))
        return real(store, module, **chosen)

    monkeypatch.setattr(type(loaded.store), "exemplars", counted)
    shown = render(prepared, TemplateSet())
    assert read == [sorted(["f00", no])]
    assert no not in [i for r in shown.rows for i in r.row.exemplar_ids]


@pytest.mark.parametrize("strategy", ["rag", "knn", "all"])
def test_what_becomes_of_a_long_row_is_what_the_dataset_makes_of_it(
    tokenized: Workspace, strategy: str
) -> None:
    shares = RowOptions(removed_share=1, fewer_share=1, zero_share=1)
    exemplar = tokenized.store.exemplar(MODULE, "f00").exemplar
    schema, index = tokenized.store.schema(MODULE), load_index(tokenized, MODULE)
    tokenizer = tokenizer_of(tokenized, BASE)
    seen: set[tuple[int, int] | None] = set()
    for limit in range(40, 400, 20):
        config = DatasetConfig(strategies=(strategy,), rows=shares, max_length=limit)
        maker = Maker(schema, index, TemplateSet(), config, tokenizer)
        fates = {}
        for _, fitted in maker.make([exemplar])[0].rows:
            assert not fitted.original.parts  # a batch of them would fill the memory
            exemplars, functions = fitted.omissions
            left_out = (len(exemplars), len(functions)) if fitted.row else None
            warning = too_long(fitted.before or 0, limit, left_out)
            long = (fitted.before or 0) > limit
            fates[fitted.original.prompt] = [warning.text] if long else []
            seen |= {left_out} if long else set()
        shown = preview(
            tokenized, MODULE, strategy=strategy, exemplar_id="f00", options=shares, limit=limit
        )
        for made in shown.rows:
            said = [w.text for w in made.warnings if w.kind == "truncated"]
            assert said == fates[made.row.prompt]
    assert None in seen
    assert any(fate and fate[0] for fate in seen) == (strategy != "knn")
    assert any(fate and fate[1] for fate in seen) == (strategy == "rag")
