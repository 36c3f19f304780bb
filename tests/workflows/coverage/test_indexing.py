"""The index of a module follows whatever is done to the module, and is never yesterday's."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from conftest import MODULE, ROWS, SCHEMA
from deciding import decide, reading
from fakes import HashEmbedder
from retrieving import exemplar

from radu_core.errors import InputError, ModelError, NotFoundError
from radu_core.retrieval import ModuleIndex, Query, RetrievalSettings, saved_fingerprint
from radu_core.schema import parse_schema
from radu_core.store import Store
from radu_core.workflows.coverage import indexing
from radu_core.workflows.coverage.indexing import (
    build_index,
    choose_point,
    chosen_point,
    load_index,
    resolved_exemplars,
    retrieval_settings,
    set_retrieval,
)
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve

DEFAULT = "all-MiniLM-L6-v2"
ASKED = ("fly to Oslo", "a hotel in Paris")
Write = Callable[..., Path]


def embedder(space: Workspace) -> HashEmbedder:
    found = space._embedders[DEFAULT]
    assert isinstance(found, HashEmbedder)
    return found


def fresh(space: Workspace) -> ModuleIndex:
    """The index built anew from what is stored now."""
    return ModuleIndex.build(
        space.store.schema(MODULE),
        resolved_exemplars(space, MODULE),
        HashEmbedder(),
        settings=retrieval_settings(space, MODULE),
    )


def current(space: Workspace) -> ModuleIndex:
    """What ``load_index`` gives, after it was compared with one built anew."""
    found, expected = load_index(space, MODULE), fresh(space)
    assert (found.fingerprint, found.source) == (expected.fingerprint, expected.source)
    assert found.exemplars == expected.exemplars
    assert found.vectors.tolist() == expected.vectors.tolist()
    assert found.parts.tokens == expected.parts.tokens
    asked = [Query(text) for text in ASKED]
    assert found.search(asked, k_desc=2, k_exemplar=9) == expected.search(
        asked, k_desc=2, k_exemplar=9
    )
    assert saved_fingerprint(space.index(MODULE)) == expected.fingerprint
    return found


def templates_embedded(space: Workspace) -> list[str]:
    """What was embedded since the last look, without descriptions of functions and queries."""
    texts = [t for t in embedder(space).embedded if ": " not in t and t not in ASKED]
    embedder(space).embedded.clear()
    return texts


@pytest.fixture
def space(loaded: Workspace) -> Workspace:
    """The small module with its index in memory and saved."""
    assert len(current(loaded).exemplars) == 8
    templates_embedded(loaded)
    return loaded


@pytest.fixture
def another(space: Workspace) -> Iterator[Workspace]:
    """Another process over the same home."""
    opened = Workspace(space.home)
    opened._embedders[DEFAULT] = HashEmbedder()  # type: ignore[assignment]
    yield opened
    opened.store.close()


def test_as_long_as_nothing_changes_it_is_the_same_object(space: Workspace) -> None:
    first = load_index(space, MODULE)
    space.store.flag(MODULE, {"f03": "of another split"}, who="e")
    assert load_index(space, MODULE) is first
    assert templates_embedded(space) == []


def test_a_decision_brings_one_exemplar(space: Workspace) -> None:
    decide(space, "decide", "a00", **reading(space, "a00"))
    assert "a00" in {e.id for e in current(space).exemplars}
    template = space.store.exemplar(MODULE, "a00").exemplar.template
    assert templates_embedded(space) == [template]
    decide(space, "undo", "a00")
    assert "a00" not in {e.id for e in current(space).exemplars}
    assert templates_embedded(space) == []


def test_what_becomes_unresolved_disappears(space: Workspace) -> None:
    decide(space, "discard", "f00", reason="no")
    index = current(space)
    assert "f00" not in {e.id for e in index.exemplars}
    assert templates_embedded(space) == []
    [found] = index.search([Query(ASKED[0])], k_desc=0, k_exemplar=50)
    assert "f00" not in {h.id for h in found.exemplars}


def test_an_import_brings_what_is_new_and_changed(space: Workspace, write_jsonl: Write) -> None:
    rows = [
        {**ROWS[0], "utterance": "soar over to Oslo", "arguments": {"destination": "Oslo"}},
        {
            "id": "new",
            "utterance": "a zeppelin to Rome",
            "function": "book_flight",
            "arguments": {"destination": "Rome"},
            "split": "train",
        },
    ]
    import_file(space, "jsonl", write_jsonl(rows, "more.jsonl"), module=MODULE, who="t")
    assert "f00" not in {e.id for e in current(space).exemplars}  # nobody has aligned it yet
    resolve(space, MODULE, who="t")
    assert {"f00", "new"} <= {e.id for e in current(space).exemplars}
    assert templates_embedded(space) == [
        "soar over to <destination>",
        "a zeppelin to <destination>",
    ]


def test_a_changed_split_or_label_is_seen(space: Workspace, write_jsonl: Write) -> None:
    rows = [{**ROWS[0], "split": "test"}, {**ROWS[1], "function": None, "arguments": {}}]
    import_file(space, "jsonl", write_jsonl(rows, "more.jsonl"), module=MODULE, who="t")
    resolve(space, MODULE, who="t")
    functions = {e.id: e.function for e in current(space).exemplars}
    assert "f00" not in functions
    assert functions["f01"] is None


def test_another_schema_is_seen(space: Workspace) -> None:
    text = json.dumps(SCHEMA).replace("Buy a plane ticket", "Go by air")
    space.store.put_schema(parse_schema(json.loads(text)), who="t")
    assert "Go by air" in current(space).schema.functions[0].description
    assert templates_embedded(space) == []
    less = {**SCHEMA, "functions": SCHEMA["functions"][1:]}
    space.store.put_schema(parse_schema(less), who="t")
    assert {e.function for e in current(space).exemplars} == {"book_hotel", None}
    space.store.put_schema(parse_schema(SCHEMA), who="t")
    assert len(current(space).exemplars) == 8


def test_a_flagged_exemplar_is_as_it_was(space: Workspace) -> None:
    """A flag is a new revision of an exemplar with the same content."""
    before = load_index(space, MODULE)
    space.store.flag(MODULE, {"f00": "the model said none"}, who="e")
    assert current(space).fingerprint == before.fingerprint
    assert templates_embedded(space) == []


def test_of_duplicates_the_next_takes_the_place(space: Workspace) -> None:
    twin = exemplar("f000", "fly me to Oslo please", template="fly me to <destination> please")
    first = space.store.exemplar(MODULE, "f00").exemplar
    space.store.add_exemplar(MODULE, first.model_copy(update={"id": twin.id}), who="t")
    assert load_index(space, MODULE).contents.members == 9
    decide(space, "discard", "f00", reason="no")
    ids = {e.id for e in current(space).exemplars}
    assert ("f000" in ids, "f00" in ids) == (True, False)


def test_many_changes_at_once_are_read_with_all_the_others(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int | None] = []
    exemplars = Store.exemplars

    def counting(self: Store, module: str, **filters: Any) -> Any:
        ids = filters.get("ids")
        asked.append(None if ids is None else len(ids))
        return exemplars(self, module, **filters)

    some = [exemplar(f"x{i:04d}", f"journey number {i}") for i in range(501)]
    space.store.put_exemplars(MODULE, some, who="t", source="s")
    monkeypatch.setattr(Store, "exemplars", counting)
    index = load_index(space, MODULE)
    assert asked == [None]
    assert len(index.exemplars) == 509
    assert templates_embedded(space) == [e.template for e in some]
    space.store.put_exemplars(MODULE, [exemplar("x0000", "a trip")], who="t", source="s")
    asked.clear()
    assert len(load_index(space, MODULE).exemplars) == 509
    assert asked == [1]
    assert templates_embedded(space) == ["a trip"]
    monkeypatch.undo()
    current(space)


def test_another_process_reads_the_saved_index_and_embeds_nothing(
    space: Workspace, another: Workspace
) -> None:
    found = load_index(another, MODULE)
    assert embedder(another).embedded == []
    assert found.fingerprint == load_index(space, MODULE).fingerprint
    decide(another, "decide", "a00", **reading(another, "a00"))
    assert current(another).fingerprint == current(space).fingerprint


def test_a_saved_index_of_yesterday_is_built_again(space: Workspace, another: Workspace) -> None:
    decide(another, "discard", "f00", reason="no")
    found = current(another)
    assert "f00" not in {e.id for e in found.exemplars}
    assert len(templates_embedded(another)) == 7
    assert current(space).fingerprint == found.fingerprint


def test_a_saved_index_that_is_gone_or_damaged_is_saved_again(space: Workspace) -> None:
    held = load_index(space, MODULE)
    (space.index(MODULE) / "meta.json").write_text("{}")
    assert load_index(space, MODULE) is held
    assert saved_fingerprint(space.index(MODULE)) == held.fingerprint


def test_a_large_index_is_not_saved_at_every_edit(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load_index(space, MODULE).fingerprint
    monkeypatch.setattr(indexing, "_SAVED_BELOW", 7)
    decide(space, "discard", "f00", reason="no")
    assert load_index(space, MODULE).fingerprint == fresh(space).fingerprint != before
    assert saved_fingerprint(space.index(MODULE)) == before
    build_index(space, MODULE)
    assert saved_fingerprint(space.index(MODULE)) == fresh(space).fingerprint


def test_chosen_settings_are_those_of_the_index(space: Workspace) -> None:
    assert retrieval_settings(space, MODULE) == RetrievalSettings()
    set_retrieval(space, MODULE, RetrievalSettings(dense_weight=0.2, graph_from=5), who="ann")
    index = current(space)
    assert (index.settings.dense_weight, index.source["dense"]) == (0.2, "hnsw")
    set_retrieval(space, MODULE, RetrievalSettings(), who="ann")
    assert current(space).settings.dense_weight == 0.6


def test_settings_to_compare_with_are_not_saved_over_the_modules_own(space: Workspace) -> None:
    own = load_index(space, MODULE)
    other = RetrievalSettings(dense_weight=0.1)
    for make in (load_index, build_index, load_index):
        compared = make(space, MODULE, settings=other)
        assert compared.settings == other
        assert saved_fingerprint(space.index(MODULE)) == own.fingerprint
    decide(space, "discard", "f00", reason="no")
    compared = load_index(space, MODULE, settings=other)
    assert "f00" not in {e.id for e in compared.exemplars}
    assert saved_fingerprint(space.index(MODULE)) == own.fingerprint
    assert retrieval_settings(space, MODULE) == RetrievalSettings()
    current(space)


def test_an_embedder_that_is_not_there_is_refused_and_nothing_is_chosen(space: Workspace) -> None:
    for name in ("nope", "x" * 300, "../nope", "a\0b"):
        with pytest.raises(ModelError, match=rf"No such model.*Use {DEFAULT}"):
            set_retrieval(space, MODULE, RetrievalSettings(embedder=name), who="ann")
    assert retrieval_settings(space, MODULE) == RetrievalSettings()
    with pytest.raises(ModelError, match="No such model"):
        load_index(space, MODULE, settings=RetrievalSettings(embedder="nope"))
    current(space)


def test_a_long_name_is_no_run_either(space: Workspace) -> None:
    space.runs.mkdir()
    with pytest.raises(ModelError, match="No such model"):
        space.embedder("x" * 300)


def test_settings_of_a_later_studio_are_the_defaults(space: Workspace) -> None:
    for kept in ({"dense_weight": 7}, {"later": 1}, "text", None, ["x"]):
        space.store.change_settings(MODULE, {"retrieval": kept}, who="t")
        assert retrieval_settings(space, MODULE) == RetrievalSettings()
    current(space)


def test_a_module_without_exemplars_has_no_index(space: Workspace) -> None:
    for one in resolved_exemplars(space, MODULE):
        decide(space, "discard", one.id, reason="no")
    for make in (load_index, build_index, load_index):
        with pytest.raises(InputError, match="no resolved training exemplars to index"):
            make(space, MODULE)
    decide(space, "undo", "f00")
    assert [e.id for e in current(space).exemplars] == ["f00"]


def test_an_unknown_module_has_no_index(space: Workspace) -> None:
    for make in (load_index, build_index):
        with pytest.raises(NotFoundError):
            make(space, "acme_none_en")


def test_pages_that_ask_at_once_get_the_same_index(space: Workspace, another: Workspace) -> None:
    decide(space, "discard", "f00", reason="no")
    start, found, failed = Barrier(4), [], []

    def ask(one: Workspace) -> None:
        try:
            start.wait()
            found.append(load_index(one, MODULE).fingerprint)
        except BaseException as error:
            failed.append(error)

    threads = [Thread(target=ask, args=(one,)) for one in (space, space, another, another)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert set(found) == {fresh(space).fingerprint}
    current(space)


def test_of_many_things_in_memory_the_first_goes(workspace: Workspace) -> None:
    for number in range(9):
        workspace.hold(number, str(number))
    assert workspace.recall(0) is None
    assert [workspace.recall(n) for n in range(1, 9)] == [str(n) for n in range(1, 9)]
    workspace.hold(1, "again")
    workspace.hold("new", "new")
    assert (workspace.recall(1), workspace.recall(2)) == ("again", None)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "20260101-run"])
def test_only_a_run_that_wrote_a_model_is_an_embedder(
    workspace: Workspace, name: str, tmp_path: Path
) -> None:
    assert workspace._run_model(name) is None
    (workspace.runs / "20260101-run" / "model").mkdir(parents=True)
    if name == "20260101-run":
        with pytest.raises(ModelError, match="no embedding model: it tuned a language model"):
            workspace.embedder(name)
    written = workspace.runs / "20260101-run" / "model"
    (written / "modules.json").write_text("[]")
    assert workspace._run_model(name) == (written if name == "20260101-run" else None)


def test_revisions_change_with_whatever_changes_an_exemplar(space: Workspace) -> None:
    first = space.store.revisions(MODULE)
    assert set(first) == {e.id for e in resolved_exemplars(space, MODULE)}
    assert space.store.revisions(MODULE) == first
    decide(space, "decide", "a00", **reading(space, "a00"))
    second = space.store.revisions(MODULE)
    assert {**second, **first} == second
    assert set(second) - set(first) == {"a00"}
    space.store.put_exemplars(MODULE, [exemplar("f00", "changed")], who="t", source="s")
    third = space.store.revisions(MODULE)
    assert {id for id in third if third[id] != second[id]} == {"f00"}
    assert set(space.store.revisions(MODULE, outcome="unlocated")) <= {"u00", "a00"}


def test_a_model_that_is_fetched_holds_up_no_index(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetching, seen = threading.Event(), threading.Event()

    def fetch(*_: Any, **__: Any) -> Path:
        fetching.set()
        assert seen.wait(10)
        raise ModelError("gone")

    monkeypatch.setattr("radu_core.workflows.frame.workspace.model_directory", fetch)

    def quietly() -> None:
        with suppress(ModelError):
            space.tokenizer("large")

    fetcher = threading.Thread(target=quietly)
    fetcher.start()
    assert fetching.wait(10)
    assert space.recall("nothing") is None  # it would wait for ever
    seen.set()
    fetcher.join(10)


def test_a_point_is_chosen_and_kept(space: Workspace) -> None:
    assert chosen_point(space, MODULE) == (3, 4)
    choose_point(space, MODULE, (2, 0), who="ann")
    assert chosen_point(Workspace(space.home), MODULE) == (2, 0)
    for point in ((0, 0), (-1, 3), (3, 51)):
        with pytest.raises(InputError, match="numbers can't be retrieved"):
            choose_point(space, MODULE, point, who="ann")
