"""An index is kept while nothing changes, and never used once something has."""

from __future__ import annotations

import pytest
from conftest import MODULE, SCHEMA

from radu_core.schema import parse_schema
from radu_core.workflows import index_cache
from radu_core.workflows.index_cache import current_index
from radu_core.workflows.workspace import Workspace


def decide(space: Workspace, template: str) -> None:
    stored = space.store.exemplar(MODULE, "n00")
    changed = stored.exemplar.model_copy(update={"utterance": template, "template": template})
    space.store.decide(
        MODULE, changed, who="t", kind="edit", expected_revision=stored.revision
    )  # fmt: skip


def test_the_same_index_until_an_exemplar_or_the_schema_changes(loaded: Workspace) -> None:
    first = current_index(loaded, MODULE)
    assert current_index(loaded, MODULE) is first
    decide(loaded, "another joke")
    second = current_index(loaded, MODULE)
    assert second is not first
    assert "another joke" in {e.template for e in second.exemplars}
    functions = [{**SCHEMA["functions"][0], "description": "Fly."}, SCHEMA["functions"][1]]
    loaded.store.put_schema(parse_schema({**SCHEMA, "functions": functions}), who="t")
    assert current_index(loaded, MODULE).fingerprint != second.fingerprint


def test_what_changes_while_it_is_read_is_read_again(
    loaded: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = index_cache.load_index

    def slow(*args: object, **more: object) -> object:
        found = load(*args, **more)  # type: ignore[arg-type]
        decide(loaded, "meanwhile")
        monkeypatch.setattr(index_cache, "load_index", load)
        return found

    monkeypatch.setattr(index_cache, "load_index", slow)
    assert "meanwhile" not in {e.template for e in current_index(loaded, MODULE).exemplars}
    assert "meanwhile" in {e.template for e in current_index(loaded, MODULE).exemplars}


def test_few_are_kept(loaded: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_cache, "_KEPT", 1)
    current_index(loaded, MODULE)
    assert len(index_cache._INDEXES) <= 1
