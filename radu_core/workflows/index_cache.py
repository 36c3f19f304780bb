"""The index of a module, kept in memory while nothing that it is made of changes.

Checking that an index on the disk is current means reading every exemplar: two seconds at 20,000.
A page that previews at every keystroke asks the database for a mark of its state instead.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from radu_core.models import DEFAULT_EMBEDDER
from radu_core.progress import Progress, silent
from radu_core.retrieval import ModuleIndex
from radu_core.workflows.coverage import load_index
from radu_core.workflows.workspace import Workspace

__all__ = ["current_index", "is_at_hand"]

_KEPT = 3
_LOCK = threading.Lock()
_INDEXES: OrderedDict[tuple[str, str, str, str], tuple[str, ModuleIndex]] = OrderedDict()


def _key(workspace: Workspace, module: str, embedder: str) -> tuple[str, str, str, str]:
    return str(workspace.home), workspace.database_url, module, embedder


def is_at_hand(workspace: Workspace, module: str, *, embedder: str = DEFAULT_EMBEDDER) -> bool:
    """Whether ``current_index`` has nothing to read or build."""
    kept = _INDEXES.get(_key(workspace, module, embedder))
    return kept is not None and kept[0] == workspace.store.state(module)


def current_index(
    workspace: Workspace,
    module: str,
    *,
    embedder: str = DEFAULT_EMBEDDER,
    progress: Progress = silent,
) -> ModuleIndex:
    """As ``load_index``, without reading anything where nothing has changed since the last call.

    The state is read before the index: what changes in between makes the next call read again.
    """
    key = _key(workspace, module, embedder)
    state = workspace.store.state(module)
    with _LOCK:
        kept = _INDEXES.get(key)
        if kept is not None and kept[0] == state:
            _INDEXES.move_to_end(key)
            return kept[1]
    index = load_index(workspace, module, embedder=embedder, progress=progress)
    with _LOCK:
        _INDEXES[key] = (state, index)
        _INDEXES.move_to_end(key)
        while len(_INDEXES) > _KEPT:
            _INDEXES.popitem(last=False)
    return index
