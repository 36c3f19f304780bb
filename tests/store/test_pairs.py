"""Judgements about pairs, on every database: the newest counts, nothing is overwritten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, SCHEMA

from radu_core.errors import InputError, NotFoundError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import parse_schema
from radu_core.store import Store, bulk, changes, pairs
from radu_core.store.copying import fill_database

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def store(url: str, make_exemplar: Callable[..., AnnotatedExemplar]) -> Iterator[Store]:
    times = iter(range(1_000))
    with Store.open(url, clock=lambda: NOW + timedelta(minutes=next(times))) as opened:
        opened.put_schema(parse_schema(SCHEMA), who="a")
        items = [make_exemplar(f"fly {n}", id=f"{n}") for n in range(4)]
        opened.put_exemplars(MODULE, items, who="a", source="f")
        yield opened


def said(store: Store) -> list[tuple[str, str, str, str]]:
    with store.reading() as connection:
        return [
            (j.first, j.second, j.verdict, j.who) for j in pairs.list_judgements(connection, MODULE)
        ]


def judge(store: Store, *arguments: str, who: str = "ann") -> None:
    with store.writing(MODULE, who=who) as w:
        pairs.judge(w, *arguments)


def test_the_newest_counts_and_all_stay(store: Store) -> None:
    judge(store, "2", "1", "same")
    judge(store, "0", "3", "different")
    judge(store, "1", "2", "different", who="bob")
    assert said(store) == [("0", "3", "different", "ann"), ("1", "2", "different", "bob")]
    with store.writing(MODULE, who="cy") as w:
        pairs.withdraw(w, "2", "1")
    assert said(store) == [("0", "3", "different", "ann")]
    with store.reading() as connection:
        past = pairs.history(connection, MODULE, "2", "1")
    assert [(j.verdict, j.who) for j in past] == [
        ("same", "ann"),
        ("different", "bob"),
        ("withdrawn", "cy"),
    ]
    assert past[0].at < past[1].at < past[2].at
    judge(store, "1", "2", "same")
    assert said(store)[-1] == ("1", "2", "same", "ann")


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("1", "1", "same"), InputError, "two exemplars"),
        (("1", "2", "equal"), InputError, "same or different"),
        (("1", "no such", "same"), NotFoundError, "no such"),
    ],
)
def test_what_is_no_judgement_is_refused(
    store: Store, arguments: tuple[str, ...], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        judge(store, *arguments)
    assert said(store) == []


def test_only_what_was_judged_can_be_withdrawn(store: Store) -> None:
    for _ in range(2):
        with (
            pytest.raises(InputError, match="Nobody has judged"),
            store.writing(MODULE, who="a") as w,
        ):
            pairs.withdraw(w, "1", "2")


def test_another_module_is_not_asked(store: Store) -> None:
    judge(store, "1", "2", "same")
    with store.reading() as connection:
        assert pairs.list_judgements(connection, "x_y_en") == []


def test_judgements_are_in_a_backup_and_go_on_after_a_restore(
    store: Store, empty_postgres: str, tmp_path: Path
) -> None:
    judge(store, "1", "2", "same")
    before = said(store)
    store.backup(tmp_path / "copy.db")
    for target in (empty_postgres, f"sqlite:///{tmp_path / 'new.db'}"):
        fill_database(target, tmp_path / "copy.db")
        with Store.open(target) as restored:
            assert said(restored) == before
            judge(restored, "0", "3", "different")
            assert len(said(restored)) == 2


def test_relabelling_keeps_flags_and_history(store: Store) -> None:
    store.flag(MODULE, {"1": "looks wrong"}, who="a", kind="suspected")
    items = [
        i.exemplar.model_copy(update={"function": "book_hotel"}) for i in store.exemplars(MODULE)
    ]
    with store.writing(MODULE, who="ann") as w:
        bulk.relabel(w, items, kind="merged", note="a into b")
        seen: dict[str, Any] = bulk.revisions(w, ["0", "1", "no such"])
    assert seen == {"0": 2, "1": 2}
    found = store.exemplar(MODULE, "1")
    assert (found.exemplar.function, found.flag, found.queue) == (
        "book_hotel",
        "looks wrong",
        "suspected",
    )
    event = store.history(MODULE, "1")[-1]
    assert (event.kind, event.note, event.who) == ("merged", "a into b", "ann")
    assert event.before is not None
    assert event.before.function == "book_flight"


def test_a_schema_is_put_inside_a_transaction_with_others(store: Store) -> None:
    schema = parse_schema({**SCHEMA, "description": "new"})
    with store.writing(MODULE, who="ann") as w:
        assert changes.put_schema(w, schema)
        assert not changes.put_schema(w, schema)
    assert store.schema(MODULE) == schema
    assert [v.who for v in store.schema_versions(MODULE)] == ["a", "ann"]
