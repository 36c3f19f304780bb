"""What each source of a fast model's head is worth, and the time it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from radu_core.evaluation import Source
from radu_core.exemplars import AnnotatedExemplar
from radu_core.training.joint.files import EMBEDDING
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["head_accuracy", "head_sources"]

_TIMED = 50  # utterances: the median is of warm ones


def head_sources(
    workspace: Workspace, run: RunDirectory, rows: Sequence[AnnotatedExemplar]
) -> tuple[Source, ...]:
    """The sources of a run's head, the heaviest first, timed on some of ``rows``.

    After them stands the embedding that most of them start from.
    """
    from radu_core.training.joint.fast import FastModel

    model = FastModel.load(run.model, workspace.exact_embedder)
    report = run.report() or {}
    adds = report.get("adds") or {}
    without = _out_of_fold(run).get("without") or {}
    time_by_source = model.milliseconds([r.utterance for r in rows[:_TIMED]])
    weights: dict[str, float | None] = dict(model.head.weights)
    return tuple(
        Source(
            name=name,
            weight=weights.get(name),
            adds=adds.get(name),
            without=without.get(name),
            milliseconds=round(milliseconds, 3),
        )
        for name, milliseconds in sorted(
            time_by_source.items(), key=lambda i: (i[0] == EMBEDDING, -(weights.get(i[0]) or 0.0))
        )
    )


def head_accuracy(run: RunDirectory) -> float | None:
    """The share of functions that a run's head has right out of fold, if that was measured."""
    share = _out_of_fold(run).get("function_accuracy")
    return None if share is None else float(share)


def _out_of_fold(run: RunDirectory) -> Mapping[str, Any]:
    return (run.report() or {}).get("out_of_fold") or {}
