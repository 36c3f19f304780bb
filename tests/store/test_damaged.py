"""What can't be read in one module takes neither Home nor other modules down."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import MODULE, SCHEMA
from sqlalchemy import create_engine, text

from radu_core.errors import DamagedError
from radu_core.formats import write as written
from radu_core.schema import parse_schema
from radu_core.store import imports, splits
from radu_core.store.records import NewBatch
from radu_core.store.trash import UNREADABLE
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.home.funnels import funnels
from radu_core.workflows.load import trash
from radu_core.workflows.load.files import import_file, init_module
from radu_core.workflows.load.imports import undo
from radu_core.workflows.load.schema_cost import schema_cost
from radu_core.workflows.schema.rename import Target, plan_rename

OTHER = {"module": "acme_bank_en", "functions": [{"name": "pay"}]}
NULLS = '{"module": "a_b_en", "functions": [{"name": "f", "slots": [{"name": "s", "possible_values": [null]}]}]}'  # noqa: E501
GARBAGE = ["", "null", "[1,", '{"x": NaN}', NULLS, "[" * 5000]


@pytest.fixture
def damaged(loaded: Workspace) -> Workspace:
    loaded.store.put_schema(parse_schema(OTHER), who="t")
    return loaded


def write(workspace: Workspace, table: str, column: str, garbage: str, where: str) -> None:
    engine = create_engine(workspace.database_url)
    with engine.begin() as connection:
        statement = f'update "{table}" set "{column}" = :garbage where {where}'
        assert connection.execute(text(statement), {"garbage": garbage}).rowcount
    engine.dispose()


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_schema_that_cant_be_read_is_named_and_replaced(
    damaged: Workspace, garbage: str, tmp_path: Path
) -> None:
    write(damaged, "module", "schema", garbage, f"id = '{MODULE}'")
    other, broken = funnels(damaged)
    assert (other.module, other.functions, other.notes) == ("acme_bank_en", 1, ())
    assert (broken.module, broken.next) == (MODULE, None)
    assert broken.notes[0].startswith(f"The schema of {MODULE} can't be read from the database (")
    assert f"radu init --module {MODULE} --schema FILE --replace" in broken.notes[0]
    with pytest.raises(DamagedError, match="can't be read"):
        damaged.store.schema(MODULE)
    new = parse_schema(SCHEMA)
    assert not schema_cost(damaged, new)
    path = tmp_path / "schema.json"
    path.write_text(new.model_dump_json())
    init_module(damaged, MODULE, path, who="t", replace=True)
    assert funnels(damaged)[1].loaded == 15


@pytest.mark.parametrize(
    ("column", "garbage"),
    [
        *(("data", garbage) for garbage in GARBAGE),
        *(("readings", garbage) for garbage in GARBAGE),
        *(("details", garbage) for garbage in ("null", "[1,", '{"x": NaN}', "[" * 5000)),
    ],
)
def test_an_exemplar_that_cant_be_read_is_named(
    damaged: Workspace, column: str, garbage: str
) -> None:
    write(damaged, "exemplar", column, garbage, f"module = '{MODULE}' and id = 'f00'")
    assert [f.module for f in funnels(damaged)] == ["acme_bank_en", MODULE]
    with pytest.raises(DamagedError, match=f"xemplar f00 of {MODULE} can't be read"):
        damaged.store.exemplars(MODULE)
    assert damaged.store.exemplar(MODULE, "f01").exemplar.id == "f01"
    assert damaged.store.exemplars("acme_bank_en") == []


@pytest.mark.parametrize("garbage", ["null ", "[1,", '{"x": NaN}'])
def test_settings_that_cant_be_read_are_named(damaged: Workspace, garbage: str) -> None:
    write(damaged, "module", "settings", garbage, f"id = '{MODULE}'")
    with pytest.raises(DamagedError, match=f"The settings of {MODULE} can't be read"):
        damaged.store.settings(MODULE)
    assert f"The settings of {MODULE} can't be read" in funnels(damaged)[1].notes[0]
    assert damaged.store.settings("acme_bank_en") == {}


EXEMPLARS = ["", "null", "[1,", '{"id": "h00", "utterance": NaN}', "[" * 5000]


@pytest.mark.parametrize("garbage", EXEMPLARS)
def test_an_exemplar_that_cant_be_read_is_named_and_can_be_deleted(
    loaded: Workspace, garbage: str
) -> None:
    write(loaded, "exemplar", "data", garbage, "id = 'h00'")
    rows = {"h00": (loaded.store.revisions(MODULE, outcome=None)["h00"][0], "test")}
    with loaded.store.writing(MODULE, who="t") as w:
        batch = imports.begin(w, NewBatch("split", "", 1, 1, kind="split"))
        with pytest.raises(DamagedError, match="Exemplar h00"):
            splits.assign(w, batch, rows)
    with pytest.raises(DamagedError, match="radu exemplars delete h00 --module"):
        loaded.store.exemplar(MODULE, "h00")
    ids = trash.choose(loaded, MODULE, ids=["h00"])
    assert trash.delete(loaded, MODULE, ids, who="t").ids == ("h00",)
    [thrown] = trash.list_trash(loaded, MODULE).items
    assert (thrown.exemplar.id, thrown.exemplar.utterance) == ("h00", UNREADABLE)
    with pytest.raises(DamagedError, match="Exemplar h00"):
        trash.restore(loaded, MODULE, ["h00"], who="t")
    now = datetime(2026, 3, 2, tzinfo=UTC)
    assert trash.empty(loaded, MODULE, ["h00"], who="t", now=now).exemplars == 1
    assert trash.list_trash(loaded, MODULE).total == 0


def test_a_rename_or_undo_that_cant_read_an_exemplar_names_it(
    loaded: Workspace, tmp_path: Path
) -> None:
    functions = [*SCHEMA["functions"], {"name": "sing", "description": "Sing a song."}]
    theirs = parse_schema({**SCHEMA, "functions": functions})
    written("openai", tmp_path / "t.json", schema=theirs, exemplars=[])
    number = import_file(
        loaded, "openai", tmp_path / "t.json", module=MODULE, who="ann", replace_schema=True
    ).number
    write(loaded, "exemplar", "data", '{"function": "book_hotel"', "id = 'h00'")
    with pytest.raises(DamagedError, match="Exemplar h00"):
        plan_rename(loaded, MODULE, Target("book_hotel"), "reserve")
    with pytest.raises(DamagedError, match="Exemplar h00"):
        undo(loaded, number, who="ann")


def test_what_comes_back_says_that_it_isnt_checked_beside_a_damaged_one(loaded: Workspace) -> None:
    trash.delete(loaded, MODULE, ["f00"], who="t")
    functions = [*SCHEMA["functions"], {"name": "sing"}]
    loaded.store.put_schema(parse_schema({**SCHEMA, "functions": functions}), who="t")
    write(loaded, "exemplar", "data", "[1,", "id = 'h00'")
    with pytest.raises(DamagedError, match="Done, but") as error:
        trash.restore(loaded, MODULE, ["f00"], who="t")
    assert "radu exemplars delete h00" in str(error.value)
    assert loaded.store.exemplar(MODULE, "f00").exemplar.id == "f00"
