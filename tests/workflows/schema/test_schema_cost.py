"""What replacing a schema costs is said before it is done; nothing is replaced by accident."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, SCHEMA

from radu_core.errors import InputError
from radu_core.schema import parse_schema
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import init_module
from radu_core.workflows.load.schema_cost import schema_cost
from radu_core.workflows.schema.module import save_schema, versions, view
from radu_core.workflows.schema.text import as_text


def flights_only(**changes: Any) -> dict[str, Any]:
    flight = SCHEMA["functions"][0]
    slots = [s for s in flight["slots"] if s["name"] != "passengers"]
    return {"module": MODULE, "functions": [{**flight, "slots": slots, **changes}]}


def test_the_cost_names_what_is_gone_and_counts_who_names_it(loaded: Workspace) -> None:
    cost = schema_cost(loaded, parse_schema(flights_only()))
    assert cost
    assert (cost.functions, cost.slots) == ({"book_hotel": 5}, {"book_flight.passengers": 1})
    assert (cost.invalid_count, cost.total) == (6, 15)
    assert str(cost) == (
        "The new schema removes 1 function: book_hotel (named by 5) and 1 slot: "
        "book_flight.passengers (named by 1). Of 15 exemplars 6 would contradict it and become "
        "invalid."
    )


def test_a_type_that_no_longer_fits_costs_too(loaded: Workspace) -> None:
    changed = json.loads(json.dumps(SCHEMA).replace('"integer"', '"boolean"'))
    cost = schema_cost(loaded, parse_schema(changed))
    assert (cost.functions, cost.slots, cost.invalid_count) == ({}, {}, 1)


def test_more_slots_cost_nothing(loaded: Workspace) -> None:
    changed = {**SCHEMA, "description": "new"}
    assert not schema_cost(loaded, parse_schema(changed))


def test_creating_never_replaces(loaded: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps(flights_only()))
    before = loaded.store.schema(MODULE)
    with pytest.raises(InputError, match=r"replace schema.*Of 15 exemplars 6 would"):
        init_module(loaded, MODULE, path, who="t")
    assert loaded.store.schema(MODULE) == before
    assert init_module(loaded, MODULE, path, who="t", replace=True).schema.hash != before.hash


def test_an_earlier_schema_comes_back_with_everything_that_was_valid(loaded: Workspace) -> None:
    text = view(loaded, MODULE).text
    outcomes = [i.exemplar.outcome for i in loaded.store.exemplars(MODULE)]
    assert [v.number for v in versions(loaded, MODULE)] == [1]
    funnel = save_schema(loaded, MODULE, json.dumps(flights_only()), who="ann").funnel
    assert funnel.outcomes["invalid"] == 6
    version, _ = versions(loaded, MODULE)
    earlier = as_text(version.schema)
    assert (version.number, version.who, earlier) == (1, "test", text)
    save_schema(loaded, MODULE, earlier, who="ann")
    assert [i.exemplar.outcome for i in loaded.store.exemplars(MODULE)] == outcomes
    assert [v.number for v in versions(loaded, MODULE)] == [1, 2, 3]
