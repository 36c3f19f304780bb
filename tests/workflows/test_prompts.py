"""Previews: what is known of an utterance, and what isn't; templates that can't ask are refused."""

from __future__ import annotations

import pytest
from conftest import MODULE

from radu_core.errors import InputError, TemplateError
from radu_core.prompts import STRATEGIES, TemplateSet, check_template
from radu_core.workflows import prompts
from radu_core.workflows.prompts import Preview, preview
from radu_core.workflows.templates import save_template, template_sources
from radu_core.workflows.workspace import Workspace


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
            loaded, MODULE, strategy=strategy, text="fly to Boston", function=function, k_desc=0,
            k_exemplar=k_exemplar,
        )  # fmt: skip

    right = shown("rag", "book_flight")
    assert (completions(right)[0], right.answer_retrieved) == (" book_flight", True)
    absent = shown("rag", "book_hotel", 1)
    assert (completions(absent), absent.answer_retrieved) == ([""], False)
    assert [m.row.kind for m in absent.rows] == ["asked"]
    assert "no row: the right function wasn't retrieved" in absent.notes
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
