"""An earlier schema comes back with the names of now, so that no exemplar contradicts it."""

from __future__ import annotations

import pytest
from conftest import MODULE, ROWS

from radu_core.errors import NotFoundError
from radu_core.schema import Function
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.schema_cost import schema_cost
from radu_core.workflows.schema import edits
from radu_core.workflows.schema.module import save_schema
from radu_core.workflows.schema.remove import remove
from radu_core.workflows.schema.rename import Target, rename
from radu_core.workflows.schema.restore import restorable

FLIGHT = "book_flight"


def test_functions_and_slots_keep_the_names_of_now(loaded: Workspace) -> None:
    before = loaded.store.schema(MODULE)
    rename(loaded, MODULE, Target("origin", FLIGHT), "from", who="ann")
    rename(loaded, MODULE, Target(FLIGHT), "fly", who="ann")
    changed = edits.change_function(loaded.store.schema(MODULE), "fly", description="New.")
    save_schema(loaded, MODULE, changed, who="ann")
    found = restorable(loaded, MODULE, 1)
    assert found.version.schema == before
    assert found.names == ("slot book_flight.origin → from", "function book_flight → fly")
    fly = found.schema.function("fly")
    old = before.function(FLIGHT)
    assert fly is not None
    assert old is not None
    assert (fly.description, fly.slots[0].name) == (old.description, "from")
    cost = schema_cost(loaded, found.schema)
    assert (cost.invalid_count, dict(cost.functions), dict(cost.slots)) == (0, {}, {})
    save_schema(loaded, MODULE, found.schema, who="ann")
    assert {e.exemplar.function for e in loaded.store.exemplars(MODULE)} == {
        "fly" if r["function"] == FLIGHT else r["function"] for r in ROWS
    }


def test_a_version_from_after_the_rename_is_as_it_was(loaded: Workspace) -> None:
    rename(loaded, MODULE, Target(FLIGHT), "fly", who="ann")
    found = restorable(loaded, MODULE, 2)
    assert (found.schema, found.names) == (found.version.schema, ())


def test_renamed_back_is_as_it_was(loaded: Workspace) -> None:
    before = loaded.store.schema(MODULE)
    rename(loaded, MODULE, Target(FLIGHT), "fly", who="ann")
    rename(loaded, MODULE, Target("fly"), FLIGHT, who="ann")
    assert restorable(loaded, MODULE, 1).schema == before


def test_a_name_that_the_version_has_for_something_else_stays(loaded: Workspace) -> None:
    schema = edits.add_function(loaded.store.schema(MODULE), Function(name="fly"))
    save_schema(loaded, MODULE, schema, who="ann")
    remove(loaded, MODULE, Target("fly"), who="ann")
    rename(loaded, MODULE, Target(FLIGHT), "fly", who="ann")
    found = restorable(loaded, MODULE, 2)
    assert (found.schema, found.names) == (schema, ())


def test_there_is_no_such_version(loaded: Workspace) -> None:
    with pytest.raises(NotFoundError, match=r"no schema version .*: 7\. It has 1 to 1\."):
        restorable(loaded, MODULE, 7)
