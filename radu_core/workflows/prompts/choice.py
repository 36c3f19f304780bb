"""Utterances that a page offers to look at: those a search finds, the resolved ones."""

from __future__ import annotations

from collections.abc import Hashable

from radu_core.errors import NotFoundError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["find", "offer", "resolved_utterances", "state"]


def find(workspace: Workspace, module: str, text: str, *, limit: int) -> list[AnnotatedExemplar]:
    """The first exemplars in which every word of ``text`` occurs."""
    return [i.exemplar for i in workspace.store.search(module, text, limit=limit)]


def offer(
    workspace: Workspace, module: str, text: str, *, limit: int, current: str | None
) -> tuple[dict[str, AnnotatedExemplar], bool]:
    """What ``find`` gives, by id, after the exemplar that is ``current``; whether that is there."""
    exemplar_by_id = {e.id: e for e in find(workspace, module, text, limit=limit)}
    if not current or current in exemplar_by_id:
        return exemplar_by_id, True
    try:
        return {current: workspace.store.exemplar(module, current).exemplar, **exemplar_by_id}, True
    except NotFoundError:
        return exemplar_by_id, False


def resolved_utterances(workspace: Workspace, module: str) -> dict[str, str]:
    """Id → utterance of every resolved exemplar."""
    items = workspace.store.exemplars(module, outcomes=["resolved"])
    return {i.exemplar.id: i.exemplar.utterance for i in items}


def state(workspace: Workspace, module: str) -> Hashable:
    """Changes when the schema does, or the number of exemplars of an outcome."""
    counts = tuple(workspace.store.counts(module).items())
    return workspace.schema(module).hash, counts
