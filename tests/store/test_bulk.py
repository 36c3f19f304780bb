"""Many decisions in one transaction, on every database."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from conftest import MODULE, SCHEMA

from radu_core.errors import NotFoundError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import parse_schema
from radu_core.store import Store, bulk

Make = Callable[..., AnnotatedExemplar]


@pytest.fixture
def store(url: str, make_exemplar: Make) -> Iterator[Store]:
    with Store.open(url) as opened:
        opened.put_schema(parse_schema(SCHEMA), who="a")
        items = [make_exemplar(f"fly {n}", id=f"{n:04}") for n in range(1_200)]
        opened.put_exemplars(MODULE, items, who="a", source="f")
        yield opened


def decided(store: Store) -> list[tuple[AnnotatedExemplar, int]]:
    return [
        (i.exemplar.model_copy(update={"outcome": "resolved", "reason": "r"}), i.revision)
        for i in store.exemplars(MODULE)
    ]


def test_more_than_one_part_is_accepted_and_taken_back(store: Store) -> None:
    before = [(i.exemplar, i.readings, i.flag) for i in store.exemplars(MODULE)]
    seen = decided(store)
    store.decide(MODULE, seen[700][0], who="bob", kind="kept", expected_revision=1)
    assert store.accept_in_bulk(MODULE, seen, who="ann", batch="b1") == ["0700"]
    assert store.counts(MODULE) == {("train", "resolved"): 1_200}
    assert [e.kind for e in store.history(MODULE, "0700")] == ["kept"]
    [event] = store.history(MODULE, "1199")
    assert (event.who, event.kind, event.note) == ("ann", bulk.KIND, "b1")
    assert event.before == before[-1][0]
    item = store.exemplar(MODULE, "0001")
    store.decide(MODULE, item.exemplar, who="bob", kind="kept", expected_revision=item.revision)
    back, since, gone = store.undo_bulk(MODULE, "b1", who="ann")
    assert (len(back), since, gone) == (1_198, ["0001"], [])
    after = [(i.exemplar, i.readings, i.flag) for i in store.exemplars(MODULE)]
    assert [n for n in range(1_200) if after[n] != before[n]] == [1, 700]


def test_a_batch_of_another_module_is_not_taken_back(store: Store) -> None:
    store.put_schema(parse_schema({**SCHEMA, "module": "x_y_en"}), who="a")
    store.accept_in_bulk(MODULE, decided(store), who="ann", batch="b1")
    with pytest.raises(NotFoundError):
        store.undo_bulk("x_y_en", "b1", who="ann")
