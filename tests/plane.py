"""Indexes whose exemplars lie in a plane, so that what is near what can be seen by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radu_core.exemplars import AnnotatedExemplar
from radu_core.progress import Progress, silent
from radu_core.retrieval import ModuleIndex
from radu_core.retrieval.embedder import Side
from radu_core.schema import Function, Schema

Row = tuple[str, str | None, list[float]]


class _Placed:
    """Gives templates the directions they were placed in, and each description an axis."""

    name = identity = "placed by hand"

    def __init__(self, rows: Sequence[Row], functions: Sequence[str]) -> None:
        self._places = {template: direction for template, _, direction in rows}
        self._axes = np.eye(len(functions), len(rows[0][2]), dtype=np.float32)

    def embed(
        self, texts: Sequence[str], *, side: Side = "symmetric", progress: Progress = silent
    ) -> NDArray[np.float32]:
        if side == "passage":
            return self._axes
        vectors = np.array([self._places[t] for t in texts], dtype=np.float32)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def index_of(rows: list[Row], functions: list[str]) -> ModuleIndex:
    """An index of vectors in the plane: (template, function, direction)."""
    exemplars = [
        AnnotatedExemplar(id=f"e{n:03}", utterance=t, template=t, function=f, outcome="resolved")
        for n, (t, f, _) in enumerate(rows)
    ]
    schema = Schema(module="a_b_en", functions=tuple(Function(name=f) for f in functions))
    return ModuleIndex.build(schema, exemplars, _Placed(rows, functions))


def around(angle: float, count: int, function: str | None, step: float = 1.0) -> list[Any]:
    """``count`` exemplars of a function, a degree apart."""
    angles = np.radians([angle + step * n for n in range(count)])
    return [
        (f"{function} {angle} {n}", function, [float(np.cos(a)), float(np.sin(a)), 0.0])
        for n, a in enumerate(angles)
    ]
