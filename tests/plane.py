"""Indexes whose exemplars lie in a plane, so that what is near what can be seen by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from fakes import HashEmbedder

from radu_core.exemplars import AnnotatedExemplar
from radu_core.retrieval import ModuleIndex


def index_of(rows: list[tuple[str, str | None, list[float]]], functions: list[str]) -> ModuleIndex:
    """An index of vectors in the plane: (template, function, direction)."""
    exemplars = [
        AnnotatedExemplar(id=f"e{n:03}", utterance=t, template=t, function=f, outcome="resolved")
        for n, (t, f, _) in enumerate(rows)
    ]
    vectors = np.array([v for *_, v in rows], dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    descriptions = np.eye(len(functions), vectors.shape[1], dtype=np.float32)
    return ModuleIndex(
        exemplars, functions, vectors, descriptions, HashEmbedder(), fingerprint="f", left_out={}
    )


def around(angle: float, count: int, function: str | None, step: float = 1.0) -> list[Any]:
    """``count`` exemplars of a function, a degree apart."""
    angles = np.radians([angle + step * n for n in range(count)])
    return [
        (f"{function} {angle} {n}", function, [float(np.cos(a)), float(np.sin(a)), 0.0])
        for n, a in enumerate(angles)
    ]
