"""Databases of older studios, brought up to date with what is in them."""

from __future__ import annotations

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from radu_core.exemplars import AnnotatedExemplar, Span
from radu_core.schema import parse_schema
from radu_core.store import Store, pairs
from radu_core.store.derived import folded_text, slots_of
from radu_core.store.engine import _MIGRATIONS, make_engine, writing

MODULE = "x_y_en"
EXEMPLARS = [
    AnnotatedExemplar(
        id="1",
        utterance="STRASSE nach Köln\0",
        function="f",
        arguments={"b": ["x", True], "a": 2},
        outcome="ambiguous",
    ),
    AnnotatedExemplar(
        id="2",
        utterance="fly",
        function="f",
        arguments={"a": "fly"},
        outcome="resolved",
        spans=(Span(slot="a", start=0, end=3, value="fly"),),
    ),
    AnnotatedExemplar(id="3", utterance="go", outcome="invalid", tags=("discarded",)),
    AnnotatedExemplar(id="4", utterance="new"),
    AnnotatedExemplar(id="5", utterance="bad", function="f", outcome="unlocated"),
]
FLAGS = {"2": "Coverage: f wasn't retrieved", "5": "Evaluation of r1: wrong function"}


@pytest.fixture
def old(url: str) -> str:
    """A database as the second version left it."""
    engine = make_engine(url, busy_seconds=1)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    schema = parse_schema({"module": MODULE, "functions": [{"name": "f"}]}).model_dump_json()
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        at = "2026-01-01 00:00:00.000000"
        module = "insert into module (id, schema, schema_hash, updated) values (:m, :s, '', :at)"
        connection.execute(text(module), {"m": MODULE, "s": schema, "at": at})
        row = text(
            "insert into exemplar (module, id, function, split, outcome, data, readings, flag,"
            " decided, revision, updated) values (:m, :i, :f, 'train', :o, :d, '[]', :flag, 0, 1,"
            " :at)"
        )
        for e in EXEMPLARS:
            values = {"m": MODULE, "i": e.id, "f": e.function, "o": e.outcome, "at": at}
            data = e.model_dump_json()
            connection.execute(row, {**values, "d": data, "flag": FLAGS.get(e.id)})
        event = (
            "insert into event (module, exemplar, at, who, kind, before, after)"
            " values (:m, '2', :at, 'ann', 'placed', :b, :b)"
        )
        before = EXEMPLARS[1].model_dump_json()
        connection.execute(text(event), {"m": MODULE, "at": at, "b": before})
    engine.dispose()
    return url


def test_queues_slots_and_search_are_filled_in(old: str) -> None:
    with Store.open(old) as store, store.reading() as connection:
        columns = "select id, queue, flag_kind, slots from exemplar order by id"
        rows = [tuple(row) for row in connection.execute(text(columns))]
        texts = [tuple(r) for r in connection.execute(text("select id, text from exemplar_text"))]
    assert rows == [
        ("1", "ambiguous", None, "a,b"),
        ("2", "suspected", "suspected", "a"),
        ("3", None, None, ""),
        ("4", None, None, ""),
        ("5", "evaluation", "evaluation", ""),
    ]
    assert sorted(texts) == [(e.id, folded_text(e)) for e in EXEMPLARS]
    assert dict(texts)["1"] == "strasse nach köln \nf\nx\ntrue\n2\n1"


def test_an_old_decision_can_still_be_taken_back(old: str) -> None:
    with Store.open(old) as store:
        [event] = store.history(MODULE, "2")
        back = store.restore(MODULE, "2", event.id, who="ann", expected_revision=1)
        assert (back.exemplar, back.flag) == (EXEMPLARS[1], FLAGS["2"])


def test_slots_are_cut_at_whole_names() -> None:
    names = {f"slot_{n:03d}": "x" for n in range(100)}
    cut = slots_of(names)
    assert len(cut) <= 500
    assert cut.split(",") == sorted(names)[: len(cut.split(","))]
    assert len(cut) + len(",slot_000") > 500


def test_judgements_have_a_table(old: str) -> None:
    with Store.open(old) as store:
        with store.writing(MODULE, who="ann") as w:
            pairs.judge(w, "2", "1", "same")
        with store.reading() as connection:
            [found] = pairs.list_judgements(connection, MODULE)
    assert (found.first, found.second, found.verdict) == ("1", "2", "same")


def test_imports_of_before_are_listed_and_not_remembered(old: str) -> None:
    engine = make_engine(old, busy_seconds=1)
    with writing(engine) as connection:
        connection.execute(
            text(
                "insert into import (module, source, content_hash, at, who, rows, accepted,"
                " rejections) values (:m, 'f.jsonl', '', '2026-01-01 00:00:00', 'ann', 5, 5, '[]')"
            ),
            {"m": MODULE},
        )
    engine.dispose()
    with Store.open(old) as store:
        [found] = store.imports(MODULE)
        assert (found.kind, found.remembered, found.undone) == ("import", False, False)
        assert (store.modules(), store.trashed_modules()) == ([MODULE], {})
