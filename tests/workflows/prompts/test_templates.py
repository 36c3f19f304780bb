"""Templates: versions, conflicts, pinned examples, what a change does to them."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import MODULE

from radu_core.dataset import DatasetConfig
from radu_core.errors import ConflictError, InputError, NotFoundError, TemplateError
from radu_core.prompts import STRATEGIES, TemplateSet, shipped_templates, template_variables
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load import trash
from radu_core.workflows.prompts import preview as prompts
from radu_core.workflows.prompts.templates import (
    MOST_PINS,
    compare,
    diff,
    old_datasets,
    pin,
    pinned_examples,
    restore_template,
    save_template,
    template,
    template_sources,
    try_template,
    verdict,
)
from radu_core.workflows.train import dataset

MINE = '{{ part("utterance") }}{{ utterance }} ?'


@pytest.fixture(autouse=True)
def _no_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "token_counter", lambda _: lambda text: len(text.split()))


def test_every_version_is_kept_and_the_shipped_one_is_number_0(loaded: Workspace) -> None:
    view = template(loaded, MODULE, "rag")
    assert (view.number, view.is_changed, view.text) == (0, False, shipped_templates()["rag"])
    assert save_template(loaded, MODULE, "rag", MINE, who="ann", based_on=0) == 1
    assert save_template(loaded, MODULE, "rag", MINE + "?", who="bob", based_on=1) == 2
    view = template(loaded, MODULE, "rag")
    assert [(v.number, v.who) for v in view.versions] == [(2, "bob"), (1, "ann"), (0, "")]
    assert (view.text, view.is_changed) == (MINE + "?", True)
    assert restore_template(loaded, MODULE, "rag", 1, who="ann") == 3
    assert template_sources(loaded, MODULE)["rag"] == MINE
    assert restore_template(loaded, MODULE, "rag", 0, who="ann") == 4
    assert not template(loaded, MODULE, "rag").is_changed
    with pytest.raises(NotFoundError, match="There are: 4, 3, 2, 1, 0"):
        restore_template(loaded, MODULE, "rag", 9, who="ann")


def test_a_version_saved_between_the_look_and_the_save_is_not_covered(
    loaded: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = type(loaded.store).put_template

    def late(*arguments: Any, **more: Any) -> int:
        monkeypatch.setattr(type(loaded.store), "put_template", real)
        save_template(loaded, MODULE, "rag", MINE, who="bob", based_on=0)
        return real(*arguments, **more)

    monkeypatch.setattr(type(loaded.store), "put_template", late)
    with pytest.raises(ConflictError, match="bob saved version 1 of rag meanwhile"):
        save_template(loaded, MODULE, "rag", MINE + "!", who="ann", based_on=0)
    assert template_sources(loaded, MODULE)["rag"] == MINE


def test_saving_over_somebody_elses_version_is_refused(loaded: Workspace) -> None:
    save_template(loaded, MODULE, "rag", MINE, who="bob", based_on=0)
    with pytest.raises(ConflictError, match="bob saved version 1 of rag meanwhile"):
        save_template(loaded, MODULE, "rag", MINE + "!", who="ann", based_on=0)
    assert template_sources(loaded, MODULE)["rag"] == MINE


def test_saving_what_is_there_already_makes_no_version(loaded: Workspace) -> None:
    with pytest.raises(InputError, match="like that already"):
        save_template(loaded, MODULE, "rag", shipped_templates()["rag"], who="ann")
    assert template(loaded, MODULE, "rag").number == 0


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{{ utterance }}\n{{ contxt }}", 2),
        ("{% if context == 'no such' %}\n{{ contxt }}{% endif %}{{ utterance }}", 2),
        ("{{ utterance }}{% for e in exemplars %}\n\n{{ e.tmplate }}{% endfor %}", 3),
        ("{{ utterance }}\n{% for e in exemplars %}{{ e.function.upper() }}{% endfor %}", 2),
        ("{{ utterance }}\n{% for e in exemplars %}{{ e.function ~ 1 * 'x' }}{% endfor %}", 2),
        ("{{ utterance }}{% if not exemplars %}\n{{ 1 / 0 }}{% endif %}", 2),
    ],
)
def test_a_branch_that_fails_is_found_before_it_is_saved(
    loaded: Workspace, text: str, line: int
) -> None:
    with pytest.raises(TemplateError, match=f"line {line}") as caught:
        try_template(loaded, MODULE, "rag", text)
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("name", "over"),
    [
        ("rag", "functions"),
        ("rag", "exemplars"),
        ("all", "slots"),
        ("all", "examples"),
        ("single", "examples"),
    ],
)
def test_a_template_that_fails_at_the_largest_k_is_refused(
    loaded: Workspace, name: str, over: str
) -> None:
    """It renders where two are shown, and on no prompt of fifty."""
    loops = "".join(f"{{% for e{d} in {over} %}}" for d in range(8))
    text = f"{shipped_templates()[name]}\n{loops}{'x' * 32}{'{% endfor %}' * 8}"
    line = text.count("\n") + 1
    with pytest.raises(TemplateError, match="the largest prompt that can be asked for") as caught:
        save_template(loaded, MODULE, name, text, who="ann")
    assert caught.value.line == line
    assert template(loaded, MODULE, name).number == 0


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_variables_of_a_template_are_those_that_prompts_give(name: str) -> None:
    can, must = template_variables(name)
    assert set(must) <= set(can)
    assert {n for n, _ in TemplateSet().names_read(name)} <= {*can, "part"}


def test_datasets_of_older_templates_are_named(loaded: Workspace) -> None:
    config = DatasetConfig(strategies=("rag",))
    dataset.build(loaded, MODULE, name="first", config=config)
    assert old_datasets(loaded, MODULE) == []
    save_template(loaded, MODULE, "rag", MINE, who="ann")
    assert old_datasets(loaded, MODULE) == ["first"]
    (loaded.datasets / "first" / MODULE / "manifest.json").write_text("{")
    assert old_datasets(loaded, MODULE) == ["first"]


def test_examples_are_chosen_until_somebody_pins_some(loaded: Workspace) -> None:
    assert pinned_examples(loaded, MODULE) == []
    assert [c.exemplar.id for c in compare(loaded, MODULE, "rag", MINE)] == ["f00", "h00", "n00"]
    assert pin(loaded, MODULE, ["h01", "f03", "h01"], who="ann") == ["h01", "f03"]
    assert pinned_examples(loaded, MODULE) == ["h01", "f03"]
    assert [c.exemplar.id for c in compare(loaded, MODULE, "rag", MINE)] == ["h01", "f03"]
    with pytest.raises(NotFoundError):
        pin(loaded, MODULE, ["nope"], who="ann")
    with pytest.raises(InputError, match="at most"):
        pin(loaded, MODULE, [str(i) for i in range(MOST_PINS + 1)], who="ann")
    assert pinned_examples(loaded, MODULE) == ["h01", "f03"]
    pin(loaded, MODULE, [], who="ann")
    assert pinned_examples(loaded, MODULE) == []


def test_a_change_is_seen_before_and_after_on_the_pinned_examples(loaded: Workspace) -> None:
    pin(loaded, MODULE, ["f00", "n00"], who="ann")
    first, joke = compare(loaded, MODULE, "rag", MINE)
    assert first.before is not None
    assert first.after is not None
    assert first.before.row.prompt.endswith('"fly me to Oslo please" ->')
    assert first.after.row.prompt == "fly me to Oslo please ?"
    assert (first.after.row.completion, first.after.prompt_tokens) == (" book_flight", 6)
    assert joke.after is not None
    assert joke.after.row.completion == " none"
    slots = compare(loaded, MODULE, "all", shipped_templates()["all"])
    assert slots[1].after is None
    assert "have no slots" in slots[1].reason
    with pytest.raises(TemplateError):
        compare(loaded, MODULE, "rag", "{{ nope }}")


def test_a_pinned_example_that_is_gone_is_told(loaded: Workspace) -> None:
    loaded.store.change_settings(MODULE, {"pinned_examples": ["gone", "f00"]}, who="ann")
    gone, there = compare(loaded, MODULE, "rag", MINE)
    assert (gone.exemplar.id, gone.after, "no exemplar" in gone.reason) == ("gone", None, True)
    assert there.after is not None


def test_a_pinned_example_that_is_gone_is_unpinned_with_the_next_change(
    loaded: Workspace,
) -> None:
    pin(loaded, MODULE, ["f00", "h00", "n00"], who="ann")
    trash.delete(loaded, MODULE, ["f00"], who="ann")
    assert pin(loaded, MODULE, ["f00", "n00"], who="ann") == ["n00"]
    assert pinned_examples(loaded, MODULE) == ["n00"]
    with pytest.raises(NotFoundError):
        pin(loaded, MODULE, ["f00"], who="ann")  # it isn't pinned any more


LEAKING = shipped_templates()["rag"] + "\n{% if 'Oslo' in utterance %}book_flight{% endif %}"


def test_warnings_that_an_edit_brings_are_told(loaded: Workspace) -> None:
    pin(loaded, MODULE, ["f00", "n00"], who="ann")
    leaks, fine = compare(loaded, MODULE, "rag", LEAKING)
    assert [w.kind for w in leaks.warnings] == ["answer leaked"]
    assert fine.warnings == ()
    ((text, ids),) = verdict([leaks, fine]).errors
    assert (text.split(".")[0], "book_flight, is in the prompt" in text, ids) == (
        "answer leaked",
        True,
        ("f00",),
    )
    save_template(loaded, MODULE, "rag", LEAKING, who="ann")
    again = compare(loaded, MODULE, "rag", LEAKING + " ")
    assert [c.warnings for c in again] == [(), ()]  # it isn't this edit that leaks
    own_verdict = verdict(again)
    assert (own_verdict.failed, own_verdict.errors) == ((), ())


def test_all_rows_of_an_example_are_looked_at_for_warnings(loaded: Workspace) -> None:
    """The first row says yes; the leak is in the others'."""
    pin(loaded, MODULE, ["f00"], who="ann")
    (found,) = compare(loaded, MODULE, "knn", shipped_templates()["knn"] + "\nno")
    assert found.after is not None
    assert found.after.row.completion == " yes"
    assert [w.text for w in found.warnings] == [
        "The completion, no, is in the prompt after the utterance."
    ]


def test_an_edit_that_fails_on_pinned_examples_is_told_once(loaded: Workspace) -> None:
    pin(loaded, MODULE, ["f00", "f01", "n00"], who="ann")
    text = shipped_templates()["rag"] + "\n{% if 'Oslo' in utterance %}{{ 1 / 0 }}{% endif %}"
    found = compare(loaded, MODULE, "rag", text)
    failing = tuple(c.exemplar.id for c in found if "Oslo" in c.exemplar.utterance)
    assert [c.exemplar.id for c in found if c.failed] == list(failing)
    ((reason, ids),) = verdict(found).failed
    assert (ids, f"line {text.count(chr(10)) + 1}" in reason) == (failing, True)


def test_a_difference_in_lines() -> None:
    lines = diff("a\nb\nc", "a\nB\nc", names=("old", "new"))
    assert lines == ["--- old", "+++ new", "@@ -1,3 +1,3 @@", " a", "-b", "+B", " c"]
    assert diff("a", "a") == []
