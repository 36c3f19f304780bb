"""An index in a directory: read back, or refused with the reason; all or nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import HashEmbedder
from retrieving import WHOLE, built, exemplar, random_exemplars

from radu_core.errors import NotFoundError, StaleIndexError, StoreError
from radu_core.retrieval import (
    Contents,
    ModuleIndex,
    Query,
    count_indexed,
    read_index,
    save_index,
    saved,
    saved_fingerprint,
)
from radu_core.schema import Schema

QUERY = [Query("fly to Rome"), Query("a hotel room")]


def files(directory: Path) -> list[str]:
    return sorted(p.name for p in directory.iterdir())


def test_an_index_is_read_back_and_refused_when_stale(index: ModuleIndex, tmp_path: Path) -> None:
    save_index(index, tmp_path / "i")
    assert files(tmp_path) == ["i"]
    assert files(tmp_path / "i") == ["exemplars.json", "meta.json", "vectors.npz"]
    embedder = HashEmbedder()
    again = read_index(tmp_path / "i", embedder, expected_fingerprint=index.fingerprint)
    assert embedder.embedded == []
    assert again.search(QUERY, k_desc=2, k_exemplar=5) == index.search(
        QUERY, k_desc=2, k_exemplar=5
    )
    assert (again.fingerprint, again.source) == (index.fingerprint, index.source)
    assert saved_fingerprint(tmp_path / "i") == index.fingerprint
    assert saved_fingerprint(tmp_path / "none") is None
    with pytest.raises(StaleIndexError, match=r"built from other data.*Build it again"):
        read_index(tmp_path / "i", HashEmbedder(), expected_fingerprint="other")
    with pytest.raises(NotFoundError):
        read_index(tmp_path / "none", HashEmbedder())


def test_another_embedder_makes_it_stale(index: ModuleIndex, tmp_path: Path) -> None:
    save_index(index, tmp_path / "i")
    with pytest.raises(StaleIndexError, match="built from other data"):
        read_index(tmp_path / "i", HashEmbedder("another"))


def _edit(**values: Any) -> Callable[[Path], object]:
    return lambda path: path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def _less_schema(path: Path) -> None:
    meta = json.loads(path.read_text())
    meta["schema"]["functions"][0]["description"] = "Something else."
    path.write_text(json.dumps(meta))


def test_another_schema_makes_it_stale(index: ModuleIndex, tmp_path: Path) -> None:
    save_index(index, tmp_path / "i")
    _less_schema(tmp_path / "i" / "meta.json")
    with pytest.raises(StaleIndexError, match="isn't what its fingerprint says"):
        read_index(tmp_path / "i", HashEmbedder())


@pytest.mark.parametrize("version", [1, 3, "2"])
def test_another_version_is_stale_and_not_damaged(
    index: ModuleIndex, tmp_path: Path, version: object
) -> None:
    """Version 1 held its exemplars in meta.json."""
    save_index(index, tmp_path / "i")
    old = {"version": version, "fingerprint": "f", "embedder": "e", "schema": {}, "exemplars": []}
    (tmp_path / "i" / "meta.json").write_text(json.dumps(old))
    for look in (count_indexed, lambda d: read_index(d, HashEmbedder())):
        with pytest.raises(StaleIndexError, match=r"is of another version.*Build it again"):
            look(tmp_path / "i")
    assert saved_fingerprint(tmp_path / "i") is None


def test_its_exemplars_are_not_read_when_they_are_known(
    schema: Schema, index: ModuleIndex, tmp_path: Path
) -> None:
    """``left_out`` and duplicates, which aren't saved, are those of the contents given."""
    twin = exemplar("twin", "fly me to Oslo")
    full, _ = built(schema, [*index.exemplars, twin])
    save_index(full, tmp_path / "i")
    (tmp_path / "i" / "exemplars.json").unlink()
    again = read_index(tmp_path / "i", HashEmbedder(), contents=full.contents)
    assert again.source == full.source
    assert [e.id for e in again.change({"train0": None}).exemplars][-1] == "twin"
    other = Contents.of(schema, index.exemplars[1:])
    with pytest.raises(StaleIndexError, match="doesn't belong"):
        read_index(tmp_path / "i", HashEmbedder(), contents=other)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-300])


def _text(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(text)


def _other_vectors(path: Path) -> None:
    np.savez(path, exemplars=np.zeros((2, 4), np.float32), descriptions=np.zeros((2, 4)))


def _wide_vectors(path: Path) -> None:
    np.savez(path, exemplars=np.zeros((7, 64)), descriptions=np.zeros((2, 64)))


def _no_fingerprint(path: Path) -> None:
    path.write_text(path.read_text().replace("fingerprint", "fingerprints"))


def _fewer(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text())[:-1]))


def _edited(path: Path) -> None:
    path.write_text(path.read_text().replace("to Oslo", "to Bonn"))


DAMAGE = [
    ("vectors.npz", _truncate),
    ("vectors.npz", _text("")),
    ("vectors.npz", _text("junk")),
    ("vectors.npz", _other_vectors),
    ("vectors.npz", _wide_vectors),
    ("vectors.npz", Path.unlink),
    ("meta.json", _truncate),
    ("meta.json", _text("{}")),
    ("meta.json", _text("[1]")),
    ("meta.json", _text('"\\ud800"')),
    ("meta.json", _text("[" * 100_000)),
    ("meta.json", _no_fingerprint),
    ("meta.json", _edit(version=None)),
    ("meta.json", _edit(schema={})),
    ("meta.json", _edit(source={})),
    ("exemplars.json", _truncate),
    ("exemplars.json", _text("{}")),
    ("exemplars.json", _text("7")),
    ("exemplars.json", _text("[[]]")),
    ("exemplars.json", _fewer),
    ("exemplars.json", _edited),
    ("exemplars.json", Path.unlink),
]


@pytest.mark.parametrize(("name", "damage"), DAMAGE)
def test_a_damaged_index_is_stale(
    index: ModuleIndex, tmp_path: Path, name: str, damage: Callable[[Path], object]
) -> None:
    save_index(index, tmp_path / "i")
    assert count_indexed(tmp_path / "i") == 7
    damage(tmp_path / "i" / name)
    with pytest.raises(
        StaleIndexError, match=r"/i (is damaged \(.+\)|was built .*)\. (To build|Build) it"
    ):
        read_index(tmp_path / "i", HashEmbedder())
    if damage in (_truncate, _no_fingerprint) and name == "meta.json":
        with pytest.raises(StaleIndexError, match="is damaged"):
            count_indexed(tmp_path / "i")
    save_index(index, tmp_path / "i")
    assert read_index(tmp_path / "i", HashEmbedder()).exemplars == index.exemplars


@pytest.fixture
def large(schema: Schema) -> ModuleIndex:
    index, _ = built(schema, random_exemplars(200), graph_from=50)
    return index


def test_a_graph_is_saved_and_read_back(large: ModuleIndex, tmp_path: Path) -> None:
    save_index(large, tmp_path / "i")
    assert "graph.faiss" in files(tmp_path / "i")
    again = read_index(tmp_path / "i", HashEmbedder())
    assert (again.source["dense"], again.source["recall"]) == ("hnsw", large.source["recall"])
    assert again.search(QUERY, k_desc=0, k_exemplar=9) == large.search(
        QUERY, k_desc=0, k_exemplar=9
    )
    (tmp_path / "i" / "graph.faiss").unlink()
    assert read_index(tmp_path / "i", HashEmbedder()).source["dense"] == "hnsw"


@pytest.mark.parametrize("damage", [_truncate, _text(""), _text("junk" * 100)])
def test_a_damaged_graph_is_stale(
    large: ModuleIndex, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    save_index(large, tmp_path / "i")
    damage(tmp_path / "i" / "graph.faiss")
    with pytest.raises(
        StaleIndexError, match=r"/i is damaged \(.+\)\. (Build it|To build it) again"
    ):
        read_index(tmp_path / "i", HashEmbedder())


def test_a_graph_of_other_vectors_is_stale(
    schema: Schema, large: ModuleIndex, tmp_path: Path
) -> None:
    save_index(large, tmp_path / "i")
    save_index(built(schema, random_exemplars(300, seed=4), graph_from=50)[0], tmp_path / "other")
    os.replace(tmp_path / "other" / "graph.faiss", tmp_path / "i" / "graph.faiss")
    with pytest.raises(
        StaleIndexError, match=r"/i is damaged \(.+\)\. (Build it|To build it) again"
    ):
        read_index(tmp_path / "i", HashEmbedder())


@pytest.mark.parametrize("failing", [0, 1], ids=["taking the old away", "putting the new there"])
def test_a_save_that_fails_leaves_the_old_index(
    index: ModuleIndex,
    large: ModuleIndex,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failing: int,
) -> None:
    save_index(index, tmp_path / "i")
    replace = os.replace
    calls: list[int] = []

    def fail(source: Path, target: Path) -> None:
        if Path(source).is_dir():
            calls.append(1)
            if len(calls) == failing + 1:
                raise PermissionError(13, "Not now", str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(StoreError, match="Not allowed to write"):
        save_index(large, tmp_path / "i")
    monkeypatch.undo()
    assert read_index(tmp_path / "i", HashEmbedder()).exemplars == index.exemplars
    assert files(tmp_path) == ["i"]


def test_a_save_that_fails_while_writing_leaves_the_old_index(
    index: ModuleIndex, large: ModuleIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_index(index, tmp_path / "i")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(StoreError):
        save_index(large, tmp_path / "i")
    assert saved_fingerprint(tmp_path / "i") == index.fingerprint
    assert files(tmp_path) == ["i"]


@pytest.mark.parametrize("before", [0, 1], ids=["taking the old away", "putting the new there"])
@pytest.mark.parametrize("first", [True, False], ids=["the first one", "there was one"])
def test_two_that_save_at_once_leave_one_whole_index(
    index: ModuleIndex,
    large: ModuleIndex,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: int,
    first: bool,
) -> None:
    """Another process saves its index between two steps of ours."""
    if not first:
        save_index(index, tmp_path / "i")
    replace = os.replace
    calls: list[int] = []

    def slow(source: Path, target: Path) -> None:
        if Path(source).parent == tmp_path:
            calls.append(1)
            if len(calls) == before + 1:
                save_index(large, tmp_path / "i")
        replace(source, target)

    monkeypatch.setattr(os, "replace", slow)
    save_index(index, tmp_path / "i")
    found = read_index(tmp_path / "i", HashEmbedder()).fingerprint
    assert found == (index, large)[before].fingerprint
    assert files(tmp_path) == ["i"]


def test_an_index_that_another_took_away_is_put_there(
    index: ModuleIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_index(index, tmp_path / "i")
    replace = os.replace

    def slow(source: Path, target: Path) -> None:
        if Path(source) == tmp_path / "i":
            shutil.rmtree(source)
        replace(source, target)

    monkeypatch.setattr(os, "replace", slow)
    save_index(index, tmp_path / "i")
    assert files(tmp_path) == ["i"]


def test_vectors_of_another_index_are_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process puts its index in the place of this one while it is read."""
    one = ModuleIndex.build(WHOLE, random_exemplars(30), HashEmbedder())
    first = one.exemplars[3].id
    two = one.change({first: exemplar(first, "completely other words here", "book_hotel")})
    save_index(one, tmp_path / "i")
    read = saved._read_vectors

    def swapped(directory: Path, *more: Any) -> Any:
        save_index(two, directory)
        return read(directory, *more)

    monkeypatch.setattr(saved, "_read_vectors", swapped)
    with pytest.raises(StaleIndexError):
        read_index(
            tmp_path / "i",
            HashEmbedder(),
            expected_fingerprint=one.fingerprint,
            contents=one.contents,
        )


def test_what_a_run_keeps_is_read_without_the_store(tmp_path: Path) -> None:
    """Arguments in any order: they are saved in their names' order."""
    row = exemplar("a", "fly me", arguments={"origin": "Oslo", "destination": "Rome"})
    one = ModuleIndex.build(WHOLE, [row, *random_exemplars(5)], HashEmbedder())
    save_index(one, tmp_path / "i")
    again = read_index(tmp_path / "i", HashEmbedder(), expected_fingerprint=one.fingerprint)
    assert again.fingerprint == one.fingerprint
