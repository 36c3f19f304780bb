"""An index in a directory, all or nothing.

``meta.json`` (what it was built from), ``exemplars.json``, ``vectors.npz`` and, of a large one,
``graph.faiss``.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radu_core.errors import NotFoundError, RaduError, StaleIndexError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import read_json, whole_directory, write_json
from radu_core.instructions import instruct
from radu_core.retrieval.contents import Contents
from radu_core.retrieval.dense import DenseIndex
from radu_core.retrieval.embedder import Embedder
from radu_core.retrieval.index import VERSION, ModuleIndex, Parts
from radu_core.retrieval.lexical import template_text, tokenizer_for
from radu_core.retrieval.settings import RetrievalSettings
from radu_core.schema import parse_schema

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["count_indexed", "mark_current", "read_index", "save_index", "saved_fingerprint"]

_META = "meta.json"
_KINDS = {"version": int, "fingerprint": str, "source": dict, "schema": dict}
_EXEMPLARS = "exemplars.json"
_VECTORS = "vectors.npz"
_GRAPH = "graph.faiss"


def save_index(index: ModuleIndex, directory: Path) -> None:
    """Write an index to a temporary directory, then put it in the place of ``directory``."""
    import numpy as np

    with whole_directory(directory) as new:
        np.savez(
            new / _VECTORS,
            exemplars=index.vectors,
            descriptions=index.description_vectors,
            fingerprint=np.array(index.fingerprint),
        )
        index.parts.dense.write_graph(new / _GRAPH)
        rows = [e.model_dump(mode="json") for e in index.exemplars]
        write_json(new / _EXEMPLARS, rows)
        write_json(new / _META, _meta(index))


def _meta(index: ModuleIndex) -> dict[str, Any]:
    return {
        "version": VERSION,
        "fingerprint": index.fingerprint,
        "source": index.source,
        "schema": index.schema.model_dump(mode="json"),
    }


def read_index(
    directory: Path,
    embedder: Embedder,
    *,
    expected_fingerprint: str | None = None,
    contents: Contents | None = None,
) -> ModuleIndex:
    """Read a saved index.

    ``NotFoundError`` if there is none, ``StaleIndexError`` if it was built from something else, by
    another embedder, or is damaged.

    With ``contents`` (of what it is expected to be built from) its exemplars aren't read again.
    """
    meta = _read_meta(directory)
    if (
        meta["version"] != VERSION
        or meta["fingerprint"] != (expected_fingerprint or meta["fingerprint"])
        or meta["source"].get("embedder_identity") != embedder.identity
    ):
        raise StaleIndexError(
            f"The index in {directory} was built from other data", remedy="Build it again."
        )
    with _whole(directory):
        schema = parse_schema(meta["schema"])
        if contents is None:
            rows = read_json(directory / _EXEMPLARS)
            contents = Contents.of(schema, map(AnnotatedExemplar.model_validate, rows))
        settings = RetrievalSettings.model_validate(meta["source"]["settings"])
        vectors, descriptions = _read_vectors(
            directory, meta["fingerprint"], len(contents.exemplars), len(schema.functions)
        )
        tokenize = tokenizer_for(schema.language)
        tokens = [tokenize(template_text(e.template or "")) for e in contents.exemplars]
        dense = DenseIndex(vectors, graph_from=settings.graph_from, graph=directory / _GRAPH)
        parts = Parts(vectors, descriptions, tokens, dense)
        index = ModuleIndex(schema, contents, parts, embedder, settings)
        if index.fingerprint != meta["fingerprint"]:
            raise ValueError(f"{_META} isn't what its fingerprint says")
    return index


def count_indexed(directory: Path) -> int:
    """How many exemplars the saved index stands for; errors as ``read_index``."""
    meta = _read_meta(directory)
    with _whole(directory):
        return int(meta["source"]["members"])


def saved_fingerprint(directory: Path) -> str | None:
    """The fingerprint of the saved index; None where there is none that could be read."""
    try:
        return str(_read_meta(directory)["fingerprint"])
    except RaduError:
        return None


def mark_current(directory: Path) -> None:
    """Note in the file's time that the saved index is what would be saved now."""
    with suppress(OSError):  # somebody else's file: the index is as good
        os.utime(directory / _META)


def _read_meta(directory: Path) -> dict[str, Any]:
    path = directory / _META
    if not path.is_file():
        raise NotFoundError(
            "There is no index",
            value=str(directory),
            remedy=f"To build it, {instruct('build index', directory.name)}.",
        )
    with _whole(directory):
        meta = dict(read_json(path))
        if meta.get("version") not in (None, VERSION):  # of an older studio
            raise StaleIndexError(
                f"The index in {directory} is of another version", remedy="Build it again."
            )
        if {k: type(v) for k, v in meta.items()} != _KINDS:
            raise ValueError(f"{_META} isn't what an index has there")
    return meta


def _read_vectors(
    directory: Path, fingerprint: str, exemplars: int, functions: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The vectors of the exemplars and of the functions, one each."""
    import numpy as np

    with np.load(directory / _VECTORS, allow_pickle=False) as arrays:
        vectors, descriptions = arrays["exemplars"], arrays["descriptions"]
        other = str(arrays["fingerprint"]) != fingerprint  # put in its place while we read
    if (
        other
        or vectors.ndim != 2
        or vectors.shape[1:] != descriptions.shape[1:]
        or (len(vectors), len(descriptions)) != (exemplars, functions)
        or {vectors.dtype, descriptions.dtype} != {np.dtype(np.float32)}
    ):
        raise ValueError(f"{_VECTORS} doesn't belong to {_META}")
    return vectors, descriptions


@contextmanager
def _whole(directory: Path) -> Iterator[None]:
    """What reading a damaged file raises, as a ``StaleIndexError``: it can be built again."""
    try:
        yield
    except StaleIndexError:
        raise
    except (
        OSError,
        EOFError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
        RaduError,
    ) as error:
        first_line = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise StaleIndexError(
            f"The index in {directory} is damaged ({first_line})",
            remedy=f"To build it again, {instruct('build index', directory.name)}.",
        ) from error
