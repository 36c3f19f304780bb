"""Splits: every function gets its share, a template is on one side, and the seed decides."""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, SCHEMA
from hypothesis import given, settings
from hypothesis import strategies as some

from radu_core.errors import InputError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import parse_schema
from radu_core.store import erasing
from radu_core.workflows.coverage.indexing import data_state
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.imports import redo, undo
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.load.splitting import Wanted, check, parse_share, plan, split

TENTHS = Wanted(validation=0.1, test=0.1)


def flights(number: int, *, per: int = 1, start: int = 0) -> list[AnnotatedExemplar]:
    """So many templates, ``per`` exemplars of each."""
    cities = ["Oslo", "Rome", "Bonn", "Kyiv", "Lima"]
    return [
        AnnotatedExemplar(
            id=f"f{start + n}-{c}",
            utterance=f"way {start + n} to {cities[c]}",
            function="book_flight",
            arguments={"destination": cities[c]},
        )
        for n in range(number)
        for c in range(per)
    ]


def outside(number: int) -> list[AnnotatedExemplar]:
    return [AnnotatedExemplar(id=f"n{n}", utterance=f"sing song {n}") for n in range(number)]


@pytest.fixture
def fill(workspace: Workspace) -> Callable[..., Workspace]:
    def work(*items: list[AnnotatedExemplar]) -> Workspace:
        workspace.store.put_schema(parse_schema(SCHEMA), who="t")
        flat = [item for part in items for item in part]
        workspace.store.put_exemplars(MODULE, flat, who="t", source="t")
        resolve(workspace, MODULE, who="t")
        return workspace

    return work


def sides(space: Workspace) -> dict[str, str]:
    return {i.exemplar.id: i.exemplar.split for i in space.store.exemplars(MODULE)}


def by_function(space: Workspace) -> dict[str | None, Counter[str]]:
    found: dict[str | None, Counter[str]] = defaultdict(Counter)
    for item in space.store.exemplars(MODULE):
        found[item.exemplar.function][item.exemplar.split] += 1
    return found


def test_every_function_gets_its_share(fill: Callable[..., Workspace]) -> None:
    space = fill(flights(40), outside(20))
    before = data_state(space, MODULE)
    shown = plan(space, MODULE, TENTHS)
    assert set(sides(space).values()) == {"train"}
    report = split(space, MODULE, TENTHS, who="ann")
    assert by_function(space) == {
        "book_flight": {"train": 32, "validation": 4, "test": 4},
        None: {"train": 16, "validation": 2, "test": 2},
    }
    assert report.counts == shown.counts == {"train": 48, "validation": 6, "test": 6}
    assert report.moved == {"train → test": 6, "train → validation": 6}
    assert (report.too_small, report.crossing, report.followed) == ({}, (), 0)
    assert data_state(space, MODULE) != before  # the index and datasets are of another state
    counts = space.store.counts(MODULE)
    assert counts[("test", "resolved")] + counts[("validation", "resolved")] == 12
    assert split(space, MODULE, TENTHS, who="ann").number is None  # there is nothing to do


def test_a_template_is_on_one_side(fill: Callable[..., Workspace]) -> None:
    same = AnnotatedExemplar(id="copy", utterance="SING  song 3")
    space = fill(flights(10, per=5), outside(10), [same])
    split(space, MODULE, Wanted(0.2, 0.2, seed=3), who="ann")
    found = sides(space)
    for n in range(10):
        assert len({found[f"f{n}-{c}"] for c in range(5)}) == 1
    assert found["copy"] == found["n3"]
    assert by_function(space)["book_flight"] == {"train": 30, "validation": 10, "test": 10}
    assert check(space, MODULE) == []


def test_unresolved_ones_take_part_with_what_they_resemble(fill: Callable[..., Workspace]) -> None:
    twice = [
        AnnotatedExemplar(
            id=f"t{n}",
            utterance=f"{city}, lovely {city}",
            function="book_flight",
            arguments={"destination": city},
        )
        for n, city in enumerate(("Oslo", "Rome", "Bonn", "Kyiv"))
    ]
    space = fill(flights(10), twice)
    assert space.store.exemplar(MODULE, "t0").exemplar.outcome == "ambiguous"
    for seed in range(5):
        split(space, MODULE, Wanted(0.3, 0.3, seed=seed, again=True), who="ann")
        found = sides(space)
        assert len({found[f"t{n}"] for n in range(4)}) == 1


def test_discarded_ones_are_left_alone_and_counted(fill: Callable[..., Workspace]) -> None:
    gone = [e.model_copy(update={"tags": ("discarded",)}) for e in flights(5, start=50)]
    space = fill(flights(10), gone)
    report = split(space, MODULE, Wanted(0.4, 0.4), who="ann")
    assert report.left == {"discarded by a person": 5}
    assert {sides(space)[e.id] for e in gone} == {"train"}


def test_small_functions_are_named(fill: Callable[..., Workspace]) -> None:
    space = fill(flights(2, per=5), outside(3))
    report = split(space, MODULE, TENTHS, who="ann")
    assert report.too_small == {"book_flight": 2}
    assert "book_flight is too small to be split: 2 different templates" in str(report.sentences)
    assert by_function(space) == {
        "book_flight": {"train": 10},
        None: {"train": 1, "validation": 1, "test": 1},
    }
    assert plan(space, MODULE, Wanted(test=0.1)).too_small == {}


def test_what_is_held_out_stays_and_what_is_alike_follows(
    fill: Callable[..., Workspace],
) -> None:
    space = fill(flights(10, per=2), outside(10))
    first = Wanted(0.2, 0.2, seed=1)
    split(space, MODULE, first, who="ann")
    before = sides(space)
    held = next(i for i, side in before.items() if side == "test" and i.startswith("f"))
    number = held[1:].split("-")[0]
    later = AnnotatedExemplar(
        id="later",
        utterance=f"way {number} to Graz",
        function="book_flight",
        arguments={"destination": "Graz"},
    )
    fill([later], flights(10, per=2, start=10))
    [crossing] = check(space, MODULE)
    assert (crossing.kind, crossing.splits, "later" in crossing.ids) == (
        "template",
        {"train": 1, "test": 2},
        True,
    )
    report = split(space, MODULE, Wanted(0.2, 0.2, seed=2), who="ann")
    after = sides(space)
    assert (report.followed, after["later"], check(space, MODULE)) == (1, "test", [])
    assert all(after[i] == side for i, side in before.items() if side != "train")
    assert after["f10-0"] == after["f10-1"]
    again = split(space, MODULE, Wanted(0.2, 0.2, seed=2, again=True), who="ann")
    assert (again.followed, check(space, MODULE)) == (0, [])
    assert any(sides(space)[i] != side for i, side in before.items() if side != "train")


def test_texts_in_two_splits_are_reported(fill: Callable[..., Workspace]) -> None:
    one = AnnotatedExemplar(id="a", utterance="sing it", split="test")
    other = AnnotatedExemplar(id="b", utterance="Sing it", function="book_hotel")
    space = fill([one, other])
    [found] = check(space, MODULE)
    assert (found.kind, found.text, found.splits) == ("text", "sing it", {"train": 1, "test": 1})
    assert (found.functions, found.ids) == (("book_hotel", "none"), ("a", "b"))


def test_a_split_can_be_taken_back_and_made_again(fill: Callable[..., Workspace]) -> None:
    space = fill(flights(20), outside(20))
    report = split(space, MODULE, TENTHS, who="ann")
    after = sides(space)
    moved = next(i for i, side in after.items() if side == "test")
    [event] = [e for e in space.store.history(MODULE, moved) if e.kind == "split"]
    assert (event.who, event.note) == ("ann", f"train → test (split {report.number})")
    assert report.number is not None
    done = undo(space, report.number, who="bob")
    assert (done.kind, done.returned, done.kept) == ("split", 8, ())
    assert set(sides(space).values()) == {"train"}
    redo(space, report.number, who="bob")
    assert sides(space) == after
    record = space.store.imports(MODULE)[0]
    assert (record.kind, record.source) == ("split", "validation 0.1, test 0.1, seed 0")


def test_a_decision_made_before_or_taken_back_after_it_leaves_the_split(
    fill: Callable[..., Workspace],
) -> None:
    space = fill(flights(3))
    item = space.store.exemplar(MODULE, "f0-0")
    decided = item.exemplar.model_copy(update={"resolved_by": "annotator"})
    space.store.decide(MODULE, decided, who="ann", kind="placed", expected_revision=item.revision)
    split(space, MODULE, Wanted(0.3, 0.3, seed=5), who="ann")
    side = sides(space)["f0-0"]
    item = space.store.exemplar(MODULE, "f0-0")
    assert item.exemplar.resolved_by == "annotator"
    event = space.store.history(MODULE, "f0-0")[0]
    back = space.store.restore(MODULE, "f0-0", event.id, who="ann", expected_revision=item.revision)
    assert (back.exemplar.resolved_by, back.exemplar.split) == ("unique", side)
    stale = item.exemplar.model_copy(update={"split": "train"})  # as a tab had it open
    kept = space.store.decide(
        MODULE, stale, who="ann", kind="placed", expected_revision=back.revision
    )
    assert kept.exemplar.split == side


@pytest.mark.parametrize("text", ["10", "-1%", "100%", "1", "x", "", "nan", "1e999", "inf%"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="Write 10% or"):
        parse_share(text)


def test_shares_are_read() -> None:
    assert [parse_share(t) for t in ("10%", "0.1", " 12.5% ", "0")] == [0.1, 0.1, 0.125, 0.0]


@pytest.mark.parametrize("wanted", [Wanted(), Wanted(0.5, 0.5), Wanted(-0.1, 0.2)])
def test_shares_leave_something_on_every_side(loaded: Workspace, wanted: Wanted) -> None:
    with pytest.raises(InputError):
        split(loaded, MODULE, wanted, who="ann")


TEXTS = some.lists(
    some.tuples(
        some.sampled_from(["sing", "Sing ", "歌って", "go <now>", "book it", "ΟΔΟΣ", "odos x"]),
        some.sampled_from([None, "book_flight", "book_hotel"]),
        some.sampled_from(["train", "train", "train", "validation", "test"]),
    ),
    min_size=1,
    max_size=40,
)


@pytest.fixture(scope="module")
def opened() -> Iterator[Workspace]:
    with tempfile.TemporaryDirectory() as home:
        space = Workspace(Path(home))
        yield space
        space.store.close()


@settings(max_examples=40, deadline=None)
@given(rows=TEXTS, seed=some.integers(0, 5), again=some.booleans(), reverse=some.booleans())
def test_groups_stay_together_whatever_the_order(
    opened: Workspace, rows: list[Any], seed: int, again: bool, reverse: bool
) -> None:
    items = [
        AnnotatedExemplar(id=f"{n:02}", utterance=f"{text}{n % 9}", function=f, split=s)
        for n, (text, f, s) in enumerate(rows)
    ]
    wanted = Wanted(0.2, 0.2, seed=seed, again=again)
    found = []
    for number, order in enumerate((items, items[::-1])):
        module = f"m{number}_y_en"
        schema = parse_schema({**SCHEMA, "module": module})
        opened.store.put_schema(schema, who="t")
        old = [i.exemplar.id for i in opened.store.exemplars(module)]
        with opened.store.writing(module, who="t") as w:
            erasing.erase(w, old)
        renamed = [
            e.model_copy(update={"id": f"{number * (99 - int(e.id)):02}-{e.id}"}) for e in order
        ]
        opened.store.put_exemplars(module, renamed, who="t", source="t")
        report = split(opened, module, wanted, who="t")
        stored = {i.exemplar.id.split("-")[1]: i.exemplar for i in opened.store.exemplars(module)}
        found.append({id_: e.split for id_, e in stored.items()})
        before = {e.id: e.split for e in items}
        if not again:
            assert all(stored[i].split == s for i, s in before.items() if s != "train")
        texts = defaultdict(set)
        for e in stored.values():
            texts[" ".join(e.utterance.casefold().split())].add(e.split)
        crossing = {text for text, splits in texts.items() if len(splits) > 1}
        assert {c.text for c in report.crossing if c.kind == "text"} == crossing
        if again or len(set(before.values()) - {"train"}) < 2:
            assert not crossing
    assert found[0] == found[1]
