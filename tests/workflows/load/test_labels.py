"""A schema that is replaced, and the decisions that it contradicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, SCHEMA
from deciding import decide, reading

from radu_core.dataset import DatasetConfig, read_rows
from radu_core.errors import InputError
from radu_core.store import StoredExemplar
from radu_core.workflows.coverage.report import build_index, coverage_report
from radu_core.workflows.evaluate.evaluation import rows_to_measure
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import init_module
from radu_core.workflows.schema.module import check_text, save_schema, view
from radu_core.workflows.train.dataset import build

RENAMED = json.dumps(SCHEMA).replace("book_flight", "reserve_flight")


def item(space: Workspace, id: str) -> StoredExemplar:
    return space.store.exemplar(MODULE, id)


@pytest.fixture
def decided(loaded: Workspace) -> Workspace:
    """a00 by its first reading, u00 by marks and an implied value; both are of book_flight."""
    decide(loaded, "decide", "a00", **reading(loaded, "a00"))
    bonn = {"slot": "destination", "start": 29, "end": 33, "value": "Bonn", "text": "Bonn"}
    labels = {"function": "book_flight", "arguments": {"destination": "Bonn", "passengers": 2}}
    decide(loaded, "decide", "u00", **labels, spans=[bonn], implied=["passengers"])
    return loaded


def test_a_decision_about_a_function_that_is_gone_is_invalid(decided: Workspace) -> None:
    before = item(decided, "a00").exemplar
    funnel = save_schema(decided, MODULE, RENAMED, who="bob").funnel
    assert (funnel.outcomes["invalid"], funnel.outcomes["resolved"]) == (8, 7)
    now = item(decided, "a00").exemplar
    assert (now.outcome, now.resolved_by) == ("invalid", None)
    assert now.reason == "The schema has no function 'book_flight'."
    event = decided.store.history(MODULE, "a00")[-1]
    assert (event.who, event.kind, event.before) == ("bob", "contradicted", before)


def test_the_decision_is_back_with_its_function(decided: Workspace) -> None:
    before = {id: item(decided, id).exemplar for id in ("a00", "u00")}
    save_schema(decided, MODULE, RENAMED, who="bob")
    save_schema(decided, MODULE, json.dumps(SCHEMA), who="bob")
    for id, exemplar in before.items():
        now = item(decided, id).exemplar
        assert now.outcome == "resolved"
        assert (now.spans, now.template, now.implied) == (
            exemplar.spans,
            exemplar.template,
            exemplar.implied,
        )


def test_a_slot_that_is_gone_makes_it_invalid_too(decided: Workspace) -> None:
    save_schema(decided, MODULE, json.dumps(SCHEMA).replace('"origin"', '"source"'), who="bob")
    assert item(decided, "a00").exemplar.outcome == "invalid"
    assert "book_flight has no slot 'origin'" in item(decided, "a00").exemplar.reason
    assert item(decided, "u00").exemplar.outcome == "resolved"


def test_a_schema_that_is_loaded_does_the_same(decided: Workspace, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(RENAMED)
    init_module(decided, MODULE, tmp_path / "schema.json", who="bob", replace=True)
    assert item(decided, "a00").exemplar.outcome == "invalid"
    assert item(decided, "f00").exemplar.outcome == "resolved"  # until somebody resolves again


def test_what_contradicts_the_schema_is_neither_indexed_nor_taught_but_counted(
    decided: Workspace, tmp_path: Path
) -> None:
    """Before ``resolve``, and after an undo, resolved exemplars may be of no function there is."""
    (tmp_path / "schema.json").write_text(RENAMED)
    init_module(decided, MODULE, tmp_path / "schema.json", who="bob", replace=True)
    decide(decided, "undo", "a00")
    assert item(decided, "a00").exemplar.outcome == "resolved"
    index = build_index(decided, MODULE)
    assert {e.function for e in index.exemplars} == {"book_hotel", None}
    assert index.left_out["contradicts the schema"] == 7  # f00 to f05, a00
    view = build(decided, MODULE, config=DatasetConfig(strategies=("rag", "all")))
    assert view.manifest.left_out["contradicts the schema"] == 8  # u00, too: it is invalid
    rows: list[dict[str, Any]] = [
        row for split in ("train", "validation", "test") for row in read_rows(view.directory, split)
    ]
    assert not any("book_flight" in row.prompt + row.completion for row in rows)
    assert coverage_report(decided, MODULE).grid.total == 1  # h02; f03 is left out
    assert coverage_report(decided, MODULE).left_out == {"contradicts the schema": 1}
    assert rows_to_measure(decided, MODULE, "test")[1] == {"contradicts the schema": 1}


def test_a_module_whose_labels_all_contradict_is_said(decided: Workspace) -> None:
    other = {"module": MODULE, "functions": [{"name": "other"}]}
    out_of_scope = [i for i in decided.store.exemplars(MODULE) if i.exemplar.function is None]
    for one in out_of_scope:
        decide(decided, "discard", one.exemplar.id, reason="x")
    decided.store.put_schema(decided.store.schema(MODULE).model_validate(other), who="bob")
    with pytest.raises(InputError, match="no resolved training exemplars"):
        build_index(decided, MODULE)


def test_a_saved_schema_aligns_again_and_a_wrong_one_changes_nothing(loaded: Workspace) -> None:
    text = view(loaded, MODULE).text
    assert check_text(text, module=MODULE) == loaded.store.schema(MODULE)
    saved = save_schema(loaded, MODULE, text.replace('"destination"', '"target"'), who="ann")
    assert saved.changed
    assert saved.funnel.outcomes["invalid"] == 8
    with pytest.raises(InputError, match="column 2"):
        save_schema(loaded, MODULE, "{", who="ann")
    assert "target" in view(loaded, MODULE).text
