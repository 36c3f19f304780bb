"""What learns best from a module's labels: the free systems and ours, on public data.

``python benchmarks/learning.py [--cases shot10 shot59 sgd] [--systems NAME ...] [--seeds 3]
[--split validation|test] [--no-scope]``: HWU64 with 10 and 59 labels a function, and the five
Schema-Guided Dialogue services of ``main_job.py``, read from ``RADU_DATA`` or
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
from radu_core.workflows.frame.workspace import Workspace

Labels = list[AnnotatedExemplar]
Numbers = NDArray[np.float64]
_FOLDS = 3
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


def fit_free(name: str, schema: Schema, labels: Labels, seed: int) -> System:
    """A free baseline by its short name; where a module has it not, the nearest exemplar."""
    baselines = free_baselines(schema, labels)
    baseline = baselines.get(name, baselines["nearest"])
    vectors = encoder().embed([e.utterance for e in labels])
    functions = [e.function or "" for e in labels]
    if name == "regression":
        sure = fit_probabilities(vectors, functions, baseline.name)
        return System(baseline.predict, baseline.seconds, confidence=sure, in_scope=sure)
    if name == "centroid":
        vectors = centroids(vectors, functions)
    scored = None if name == "crf" else partial(find_nearest, vectors)
    return System(baseline.predict, baseline.seconds, in_scope=scored)


_fitted: dict[str, dict[str, Baseline]] = {}  # the last two: with all functions, and without some


def free_baselines(schema: Schema, labels: Labels) -> dict[str, Baseline]:
    """Short name → baseline. All are fitted at once, and kept until other labels come."""
    key = content_hash([[e.id, len(e.spans or ())] for e in labels])
    if key not in _fitted:
        encoder().embed([e.utterance for e in labels])
        baselines = {name_of(b.name): b for b in fit_baselines(schema, labels, encoder())}
        if len(_fitted) > 1:
            del _fitted[next(iter(_fitted))]
        _fitted[key] = baselines
    return _fitted[key]


def name_of(baseline: str) -> str:
    """What a baseline is called here."""
    if baseline.endswith("CRF"):
        return "crf"
    begins = {
        "nearest exemplar": "nearest",
        "nearest centroid": "centroid",
        "logistic": "regression",
    }
    return next((short for long, short in begins.items() if baseline.startswith(long)), "knn")


def find_nearest(vectors: NDArray[np.float32], rows: Labels) -> Numbers:
    """The greatest cosine of each row."""
    cosines = encoder().embed([r.utterance for r in rows]) @ vectors.T
    nearest: Numbers = cosines.max(axis=1).astype(np.float64)
    return nearest


def centroids(vectors: NDArray[np.float32], functions: list[str]) -> NDArray[np.float32]:
    """The direction of each function's mean."""
    names = np.array(functions)
    means = np.stack([vectors[names == n].mean(axis=0) for n in sorted(set(functions))])
    directions: NDArray[np.float32] = means / np.linalg.norm(means, axis=1, keepdims=True)
    return directions


def fit_probabilities(
    vectors: NDArray[np.float32], functions: list[str], name: str
) -> Callable[[Labels], Numbers]:
    """The greatest probability that the regression of that name gives each row."""
    from sklearn.linear_model import LogisticRegression

    strength = float(name.split("C=")[1].split(")")[0])
    model = LogisticRegression(max_iter=1000, C=strength, random_state=0).fit(vectors, functions)

    def sure(rows: Labels) -> Numbers:
        probabilities = model.predict_proba(encoder().embed([r.utterance for r in rows]))
        greatest: Numbers = np.asarray(probabilities, dtype=np.float64).max(axis=1)
        return greatest

    return sure


def fit_setfit(schema: Schema, labels: Labels, seed: int) -> System:
    """SetFit for functions, the gazetteer for values: a rival, and no dependency of the studio."""
    raise SystemExit("SetFit isn't available here: pip install setfit, and fill in this hook.")


@dataclass(frozen=True)
class Trained:
    """A tuned encoder that has learnt all labels.

    ``held`` ``(labels, functions)`` is what models without a fold said of it (NaN where a row's
    fold wasn't left out).
    """

    model: Any
    known: Any
    held: NDArray[np.float32]
    folds: NDArray[np.int64]


def train_joint(schema: Schema, labels: Labels, seed: int) -> Trained:
    """The joint encoder and its folds, as ``radu fit`` trains them."""
    from radu_core.training.joint import rows
    from radu_core.training.joint.fast import joint_scores
    from radu_core.training.joint.files import epochs_for
    from radu_core.training.joint.fit import JointSettings, fit_joint
    from radu_core.training.joint.folds import ENOUGH, folds_of

    base = model_directory(DEFAULT_EMBEDDER, Workspace.from_environment().models)
    settings = JointSettings(seed=seed, epochs=min(80.0, epochs_for(len(labels))))  # as `fit`
    label_set = rows.Labels.of(schema, labels)
    out_of_fold = np.full((len(labels), len(label_set.functions)), np.nan, dtype=np.float32)
    folds = np.array(folds_of(labels, _FOLDS, seed=seed))
    for fold in range(_FOLDS):
        if (~np.isnan(out_of_fold[:, 0])).sum() >= ENOUGH:
            break
        places = np.flatnonzero(folds == fold)
        rest = [labels[n] for n in np.flatnonzero(folds != fold)]
        model = fit_joint(schema, rest, base, settings, labels=label_set)
        out_of_fold[places] = joint_scores(model, [labels[n].utterance for n in places])
    return Trained(
        fit_joint(schema, labels, base, settings, labels=label_set), label_set, out_of_fold, folds
    )


def fit_fast(schema: Schema, labels: Labels, seed: int) -> System:
    """What ``radu fit`` makes: the joint encoder, its folds, and the head; no language model."""
    from radu_core.inference import FastParser
    from radu_core.inference.taught import Taught
    from radu_core.retrieval import Query
    from radu_core.training.joint.fast import FastModel
    from radu_core.training.joint.fitted import fit_head_on

    start = time.process_time()
    joint = train_joint(schema, labels, seed)
    head_fit = fit_head_on(schema, labels, encoder(), joint.known, joint.held)
    adds = head_fit.adds
    print("head", {n: f"{w:.2f} ({adds.get(n, 0):+.3f})" for n, w in head_fit.head.weights.items()})
    fast = FastModel.of(joint.model, encoder(), head_fit, schema.language)
    parser = FastParser(fast, schema, Taught.of(schema, labels, fast.embedder))
    seconds = time.process_time() - start

    def predict(rows: Labels) -> list[Prediction]:
        calls = parser.parse_many([Query(r.utterance) for r in rows])
        return [Prediction(function=c.function, arguments=c.arguments) for c in calls]

    def sure(rows: Labels) -> Numbers:
        calls = parser.parse_many([Query(r.utterance) for r in rows])
        return np.array([max(c.scores.values()) for c in calls])

    def in_scope(rows: Labels) -> Numbers:
        calls = parser.parse_many([Query(r.utterance) for r in rows])
        return np.array([1.0 - (c.out_of_scope or 0.0) for c in calls])

    return System(predict, seconds, confidence=sure, in_scope=in_scope)


FREE = ("nearest", "knn", "centroid", "regression", "crf")
SYSTEMS: dict[str, Callable[[Schema, Labels, int], System]] = {
    **{name: partial(fit_free, name) for name in FREE},
    "fast": fit_fast,
    "setfit": fit_setfit,
}


def draw_cases(name: str, split: str, seeds: int) -> Iterator[Case]:
    """The case of that name for each seed; none where its data isn't there."""
    data = load_sgd() if name == "sgd" else load_hwu64()
    if data is None:
        print(f"skipped {name}: its data isn't there (see ../shared/data)")
        return
    schema, rows = data
    rows = sorted(rows, key=lambda r: r.id)
    train = [r for r in rows if r.split == "train"]
    test_rows = [r for r in rows if r.split == split]
    shot = [r for r in train if name in r.tags]
    pool: Labels = []
    if shot and split == "validation":
        fixed = {r.id for r in train if {"shot10", "shot59"} & set(r.tags)}
        spare = sorted((r for r in train if r.id not in fixed), key=lambda r: content_hash(r.id))
        pool = spare[:_POOL]
    kept_out = {r.id for r in pool}
    free = [r for r in train if r.id not in kept_out]
    for seed in range(seeds):
        labels = draw(free, shot, seed)
        yield Case(f"{name}/{seed}", schema, labels, [*test_rows, *pool])


def draw(rows: Labels, shot: Labels, seed: int) -> Labels:
    """As many rows of each function as ``shot`` has, or nine in ten where it is empty."""
    if seed == 0:
        return shot or rows
    dice = random.Random(seed)
    if not shot:
        return sorted(dice.sample(rows, len(rows) * 9 // 10), key=lambda r: r.id)
    of_function: dict[str, Labels] = defaultdict(list)
    for row in rows:
        of_function[row.function or ""].append(row)
    counts = Counter(r.function or "" for r in shot)
    return [r for name, n in sorted(counts.items()) for r in dice.sample(of_function[name], n)]


def measure_system(name: str, case: Case, seed: int, *, scope: bool) -> Outcome:
    """Fit a system on a case's labels, and measure it on its rows."""
    system = SYSTEMS[name](case.schema, case.labels, seed)
    encoder().embed([r.utterance for r in case.rows])
    predictions = system.predict(case.rows)
    metrics, _ = measure(name, case.rows, predictions)
    calibration = None
    if system.confidence is not None:
        right = [r.function == p.function for r, p in zip(case.rows, predictions, strict=True)]
        calibration = expected_error(system.confidence(case.rows), np.array(right))
    return Outcome(
        predictions,
        metrics,
        system.seconds,
        time_single(system, case.rows),
        calibration,
        measure_scope(name, case, seed) if scope and system.in_scope else None,
    )


def time_single(system: System, rows: Labels) -> float:
    """Median CPU-milliseconds of a single utterance, warm, with its embedding."""
    encoder().fresh = True
    milliseconds = []
    for row in rows[: _TIMED + 5]:
        start = time.process_time()
        system.predict([row])
        milliseconds.append(1000 * (time.process_time() - start))
    encoder().fresh = False
    return statistics.median(milliseconds[5:])


def measure_scope(name: str, case: Case, seed: int) -> tuple[float, float] | None:
    """How well functions that weren't learnt are told apart.

    AUROC, and the share of their rows found where 95 % of the others are kept.
    """
    from sklearn.metrics import roc_auc_score

    names = sorted({r.function for r in case.rows if r.function})
    held_names = set(random.Random(seed).sample(names, min(_HELD_OUT, len(names) // 4)))
    labels = [r for r in case.labels if r.function not in held_names]
    if name in FREE:  # their scores don't depend on values, and the CRF takes long
        labels = [r.model_copy(update={"spans": ()}) for r in labels]
    system = SYSTEMS[name](case.schema, labels, seed)
    rows = [r for r in case.rows if r.function]
    if not held_names or system.in_scope is None:
        return None
    scores = system.in_scope(rows)
    inside = np.array([r.function not in held_names for r in rows])
    threshold = np.quantile(scores[inside], 1 - _KEPT)
    return float(roc_auc_score(inside, scores)), float((scores[~inside] < threshold).mean())


def expected_error(confidence: Numbers, right: NDArray[np.bool_], bins: int = 15) -> float:
    """The expected calibration error, over bins of equal width (Guo et al. 2017)."""
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = (
        abs(confidence[places == b].mean() - right[places == b].mean()) * (places == b).mean()
        for b in range(bins)
        if (places == b).any()
    )
    return float(sum(gaps))


VALUES: dict[str, Callable[[Metrics], float]] = {
    "function accuracy": lambda m: m.function.share,
    "slot F1": lambda m: m.slot_f1,
    "exact match": lambda m: m.exact_match.share,
}
assert set(VALUES) == set(MEASURES)


def print_table(name: str, cases: list[Case], outcomes: dict[str, list[Outcome]]) -> None:
    """A row a system: means over the seeds (function accuracy with its standard deviation)."""
    rows = sorted({len(c.rows) for c in cases})
    labels = sorted({len(c.labels) for c in cases})
    print(f"\n{name}: {len(cases)} seeds, labels {labels}, rows {rows}")
    print(
        "| system | functions | slot F1 | exact | CPU-s to fit | ms | calibration | "
        "out of scope: AUROC | found at 95 % kept | against the strongest free |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for system, results in outcomes.items():
        spread = statistics.pstdev(o.metrics.function.share for o in results)
        mean = {
            n: statistics.fmean(value(o.metrics) for o in results) for n, value in VALUES.items()
        }
        print(
            f"| {system} | {mean['function accuracy']:.1%} ± {spread:.1%} | {mean['slot F1']:.1%} "
            f"| {mean['exact match']:.1%} | {statistics.fmean(o.seconds for o in results):.1f} "
            f"| {statistics.fmean(o.milliseconds for o in results):.1f} "
            f"| {average([o.calibration for o in results], '.3f')} "
            f"| {average([o.scope and o.scope[0] for o in results], '.3f')} "
            f"| {average([o.scope and o.scope[1] for o in results], '.1%')} "
            f"| {compare_strongest_free(system, cases, outcomes)} |",
            flush=True,
        )


def average(values: Sequence[float | None], form: str) -> str:
    """The mean of what is known."""
    numbers = [v for v in values if v is not None]
    return format(statistics.fmean(numbers), form) if numbers else "–"


def compare_strongest_free(
    system: str, cases: list[Case], outcomes: dict[str, list[Outcome]]
) -> str:
    """Points of difference to the strongest other free system, and the greatest p of the seeds."""
    texts = []
    for name, value in VALUES.items():
        free = [n for n in FREE if n in outcomes and n != system]
        if not free:
            return "–"
        best = max(free, key=lambda n: statistics.fmean(value(o.metrics) for o in outcomes[n]))
        pairs = zip(cases, outcomes[system], outcomes[best], strict=True)
        tests = [
            c
            for case, own, other in pairs
            for c in compare(best, case.rows, own.predictions, other.predictions)
            if c.measure == name
        ]
        difference = 100 * statistics.fmean(c.difference for c in tests)
        texts.append(f"{difference:+.1f} (p {max(c.p for c in tests):.3f}, {best})")
    return "; ".join(texts)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", nargs="+", default=["shot10", "shot59", "sgd"])
    parser.add_argument("--systems", nargs="+", choices=sorted(SYSTEMS), default=list(FREE))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--split", choices=["validation", "test"], default="validation")
    parser.add_argument("--no-scope", action="store_true", help="don't fit again for out of scope")
    options = parser.parse_args()
    for name in options.cases:
        cases = list(draw_cases(name, options.split, options.seeds))
        outcomes: dict[str, list[Outcome]] = defaultdict(list)
        for seed, case in enumerate(cases):
            for system in options.systems:
                outcome = measure_system(system, case, seed, scope=not options.no_scope)
                outcomes[system].append(outcome)
                figures = ", ".join(
                    f"{n} {value(outcome.metrics):.1%}" for n, value in VALUES.items()
                )
                print(f"  {case.name} {system}: {figures}; {outcome.seconds:.0f} CPU-s", flush=True)
        if cases:
            print_table(f"{name}, {options.split}", cases, outcomes)


if __name__ == "__main__":
    main()
