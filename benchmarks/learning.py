"""What learns best from a module's labels: the free systems and ours, on public data.

``python benchmarks/learning.py [--cases shot10 shot59 sgd] [--systems NAME ...] [--seeds 3]
[--split validation|test] [--no-scope]``: HWU64 with 10 and 59 labels a function, and the five
Schema-Guided Dialogue services of ``main_job.py``, looked for in ``RADU_DATA`` and
``~/.cache/radu/data``.

A seed draws the labels. HWU64: seed 0 has the fixed subset, others as many of each function from
train. SGD: seed 0 has all labels, others nine in ten. ``validation`` is for choosing: the
validation rows, and of HWU64 up to 2,000 rows of train that no labels are drawn from. ``test`` is
for reporting. Seconds are CPU-seconds; the frozen encoder's vectors of labels aren't counted, as an
index has them; milliseconds are of single utterances, embedding included.

Out of scope: five functions drawn by the seed are removed from the labels, and their rows are what
has to be told apart. Tests are paired by row, against the free system that is strongest in the
measure; p is the greatest of the seeds.

To add a system: ``SYSTEMS["name"] = fit`` with ``fit(schema, labels, seed)`` that gives a
``System``. SetFit is a rival that isn't installed with the studio: see ``fit_setfit``.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from baselines import load_hwu64, load_sgd
from numpy.typing import NDArray

from radu_core.evaluation import Baseline, Metrics, Prediction, compare, fit_baselines, measure
from radu_core.evaluation.compare import MEASURES
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import content_hash
from radu_core.models import DEFAULT_EMBEDDER, model_directory
from radu_core.retrieval import SentenceEmbedder
from radu_core.schema import Schema
from radu_core.workflows.workspace import Workspace

Labels = list[AnnotatedExemplar]
Numbers = NDArray[np.float64]
_HELD_OUT = 5  # functions
_POOL = 2_000  # rows of train to validate on
_TIMED = 50  # utterances
_KEPT = 0.95  # of what is in scope


@dataclass(frozen=True)
class System:
    """A fitted system, and the CPU-seconds that fitting took.

    ``confidence``: the probability that the function answered is right; ``in_scope``: greater where
    a function of the module is meant. Both are a number a row, or None if the system has none.
    """

    predict: Callable[[Labels], list[Prediction]]
    seconds: float
    confidence: Callable[[Labels], Numbers] | None = None
    in_scope: Callable[[Labels], Numbers] | None = None


@dataclass(frozen=True)
class Case:
    """Labels to learn from and rows to measure on, of one seed."""

    name: str
    schema: Schema
    labels: Labels
    rows: Labels


@dataclass(frozen=True)
class Outcome:
    """One system on one case: answers, metrics, and what else is known."""

    predictions: list[Prediction]
    metrics: Metrics
    seconds: float
    milliseconds: float
    calibration: float | None
    scope: tuple[float, float] | None  # AUROC; share found with 95 % in scope kept


class Encoder:
    """The default embedder; ``fresh`` computes again what is cached."""

    def __init__(self) -> None:
        space = Workspace.from_environment()
        self._cached = space.embedder()
        self._uncached = SentenceEmbedder(
            model_directory(DEFAULT_EMBEDDER, space.models), name=DEFAULT_EMBEDDER
        )
        self.name = self._cached.name
        self.identity = self._cached.identity
        self.fresh = False

    def embed(self, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:
        """Vectors of texts, L2-normalised."""
        return (self._uncached if self.fresh else self._cached).embed(texts, **options)


@cache
def encoder() -> Encoder:
    """The one of this process."""
    return Encoder()


# --- Systems -----------------------------------------------------------------------------------

_STAGES = {
    "nearest": (),
    "knn": ("neighbours",),
    "centroid": (),
    "regression": ("regression",),
    "crf": ("CRF",),
}
_last: tuple[str, dict[str, Baseline], dict[str, float]] | None = None


def fit_free(name: str, schema: Schema, labels: Labels, seed: int) -> System:
    """A free baseline by its short name; all are fitted at once, and kept for the next name."""
    known, seconds = free_baselines(schema, labels)
    if name not in known:  # one function, or no values
        name = "nearest"
    baseline = known[name]
    stages = _STAGES[name]
    if name == "crf":
        own = next(n for n in _STAGES if _short(baseline.name.replace("CRF", "gazetteer")) == n)
        stages = (*stages, *_STAGES[own])
    spent = sum(s for message, s in seconds.items() if not message or message.endswith(stages))
    if name in ("regression", "crf"):
        return System(baseline.predict, spent)
    vectors = encoder().embed([e.utterance for e in labels])
    if name == "centroid":
        vectors = centroids(vectors, [e.function or "" for e in labels])
    return System(baseline.predict, spent, in_scope=partial(nearest_cosine, vectors))


def free_baselines(
    schema: Schema, labels: Labels
) -> tuple[dict[str, Baseline], dict[str, float]]:
    """Short name → baseline, and progress message → CPU-seconds until the next."""
    global _last
    key = content_hash([[e.id, e.utterance, e.function, len(e.spans or ())] for e in labels])
    if _last is not None and _last[0] == key:
        return _last[1:]
    encoder().embed([e.utterance for e in labels])
    marks = [("", time.process_time())]
    told = lambda message, done, total: marks.append((message, time.process_time()))  # noqa: E731
    fitted = fit_baselines(schema, labels, encoder(), progress=told)
    ends = [t for _, t in marks[1:]] + [time.process_time()]
    seconds: dict[str, float] = defaultdict(float)
    for (message, begun), end in zip(marks, ends, strict=True):
        seconds[message] += end - begun
    _last = key, {_short(b.name): b for b in fitted}, dict(seconds)
    return _last[1:]
