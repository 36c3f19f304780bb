"""The report of one evaluation: the run's systems beside the baselines, and the errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from radu_core.errors import StoreError
from radu_core.evaluation.compare import Comparison, compare
from radu_core.evaluation.metrics import CallError, Metrics, Prediction
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import content_hash, read_json, write_json
from radu_core.training.joint.scope import Curve, curve_of
from radu_core.words import percent, quantity

__all__ = [
    "EvaluationReport",
    "Labels",
    "ScopeReport",
    "Source",
    "Verdict",
    "WithEnsemble",
    "WithGenerator",
    "against_baselines",
    "compare_each",
    "hash_of_rows",
    "scope_report",
]


class Labels(BaseModel):
    """The labels that a model was trained on: how many, and their hash.

    And how many of them a baseline can't learn from, by reason.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int
    hash: str
    left_out: dict[str, int] = {}

    @property
    def usable(self) -> int:
        """How many a baseline learned from."""
        return self.count - sum(self.left_out.values())

    def __str__(self) -> str:
        """A sentence for people."""
        unused = "; ".join(f"{n:,} {why}" for why, n in self.left_out.items())
        return (
            f"Every baseline learned from {self.usable:,} of the "
            f"{quantity(self.count, 'label')} that the model was trained on (hash "
            f"{self.hash[:12]})."
        ) + (f" It can't learn from: {unused}." if unused else "")


class Source(BaseModel):
    """A source of a fast model's head: its ``weight``, what it adds and how long it takes.

    ``adds`` is by how much the log loss would rise without it, and ``without`` the share of
    functions right without it, out of fold, with the others weighed again; ``milliseconds`` is what
    it takes, None where nothing is weighed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    weight: float | None
    adds: float | None = None
    without: float | None = None
    milliseconds: float

    @property
    def adds_rounded(self) -> float | None:
        """``adds`` to three places, never "-0.000"."""
        return None if self.adds is None else round(self.adds, 3) + 0.0


class WithEnsemble(BaseModel):
    """A language model that is asked for the function with a prompt for each exemplar.

    ``comparisons`` are with one prompt for all exemplars, on the same rows.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    metrics: Metrics
    comparisons: tuple[Comparison, ...]

    def lines(self) -> list[str]:
        """What an ensemble of prompts adds, in sentences."""
        return [f"with a prompt for each exemplar instead of one: {_adds(self.comparisons)}"]


class WithGenerator(BaseModel):
    """A fast model that asks a language model where it is unsure: the run ``generator``.

    ``comparisons`` are with the fast model alone; ``told`` says on which rows it was weighed, and
    what it got right there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    generator: str
    metrics: Metrics
    comparisons: tuple[Comparison, ...]
    told: dict[str, float]

    @property
    def gains(self) -> bool:
        """Whether anything is better than without it, beyond chance, and nothing worse."""
        sure = [c for c in self.comparisons if c.p < _CHANCE]
        return bool(sure) and all(c.difference > 0 for c in sure)

    def lines(self) -> list[str]:
        """What the language model adds, in sentences."""
        figures = self.told
        name = self.metrics.system.removeprefix("with ")
        lines = [
            f"{name} was weighed on {quantity(int(figures['rows']), 'validation row')}; of "
            f"the {figures['asked']:,.0f} least sure, the function is right in "
            f"{figures.get('functions_right', 0):,.0f} without it and in "
            f"{figures.get('functions_right_with', 0):,.0f} with it; asking it takes "
            f"{1000 * figures['seconds']:,.0f} ms"
        ]
        if "values_asked" in figures:
            lines.append(
                f"of the {figures['values_asked']:,.0f} with the least sure values, the call is "
                f"right in {figures['values_right']:,.0f} without it and in "
                f"{figures['values_right_with']:,.0f} with the values that it chooses"
            )
        advice = "use it" if self.gains else "the fast model alone is the better choice"
        return [*lines, f"with it: {_adds(self.comparisons)}; {advice}"]


def _adds(comparisons: Iterable[Comparison]) -> str:
    return ", ".join(
        f"{c.measure} {percent(c.difference, sign=True)} (p {c.p:.3f})" for c in comparisons
    )


class ScopeReport(BaseModel):
    """How a model tells apart what isn't in scope.

    ``kept`` is the share in scope it was to keep; the curve is of its score, of the rows measured
    if some are out of scope, else of functions that were left out when it was fitted. ``refused``
    of the ``inside`` rows measured that are in scope were taken for out of scope.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kept: float
    curve: Curve | None
    inside: int = 0
    refused: int = 0

    def __str__(self) -> str:
        """Sentences for people."""
        return f"{self._sentence} {self._here}".rstrip()

    @property
    def _here(self) -> str:
        if not self.inside:
            return ""
        return f"Of {quantity(self.inside, 'row')} in scope here, {self.refused:,} refused."

    @property
    def _sentence(self) -> str:
        if self.curve is None:
            kept = percent(self.kept)
            return f"Out of scope: {kept} of what is in scope is to be kept; not measured."
        of = f"{quantity(self.curve.outside, 'row')} of {self.curve.by}"
        return (
            f"Out of scope: AUROC {self.curve.auroc:.3f}; {percent(self.curve.at(0.95))} found "
            f"where 95 % of what is in scope is kept ({of}, {self.curve.inside:,} in scope). The "
            f"model is to keep {percent(self.kept)}."
        )


def scope_report(
    kept: float,
    own: Curve | None,
    rows: Sequence[AnnotatedExemplar],
    predictions: Sequence[Prediction],
) -> ScopeReport:
    """Of a model with the curve ``own``, on rows it was measured on."""
    scores = [p.out_of_scope or 0.0 for p in predictions]
    curve = curve_of(scores, [r.function is not None for r in rows], by="labels")
    inside = [p for r, p in zip(rows, predictions, strict=True) if r.function is not None]
    return ScopeReport(
        kept=kept,
        curve=curve or own,
        inside=len(inside),
        refused=sum(p.function is None for p in inside),
    )


class EvaluationReport(BaseModel):
    """What an evaluation measured: the run's model, baselines and other systems on the same rows.

    ``trained`` is the run's model; measured on the same rows, if asked for, ``untrained`` is its
    base model, ``generated`` the run's model with values that it generates instead of choosing,
    ``ensemble`` the run's model asked with a prompt for each exemplar, ``full`` the run's fast
    model with a language model beside it, and ``full_ensemble`` the same with the language model
    asked with a prompt for each exemplar. ``others`` is what earlier evaluations measured with
    other language models, and ``replaced`` names what an earlier one measured as well and this
    report can't keep, as it is of other rows, settings or answers.

    ``rows_hash`` tells the rows measured from others (``hash_of_rows``; older reports have none).
    ``left_out`` counts the rows of the split that weren't measured, by reason; ``comparisons`` are
    of the trained model with every baseline, in each measure. ``learned_from`` says what
    every baseline learned from, ``no_baselines`` why there are none. ``scope`` is of a model that
    has a score for what isn't in scope, ``sources`` of one with a head; ``head_accuracy`` is the
    share of functions right with all sources, out of fold.
    """

    model_config = ConfigDict(extra="forbid")

    module: str
    split: str
    run: str
    created: str
    rows: int
    rows_hash: str = ""
    left_out: dict[str, int]
    trained: Metrics
    untrained: Metrics | None = None
    generated: Metrics | None = None
    ensemble: WithEnsemble | None = None
    full: WithGenerator | None = None
    full_ensemble: WithGenerator | None = None
    others: tuple[WithGenerator, ...] = ()
    replaced: tuple[str, ...] = ()
    learned_from: Labels | None = None
    no_baselines: str = ""
    baselines: tuple[Metrics, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    errors: tuple[CallError, ...] = ()
    scope: ScopeReport | None = None
    sources: tuple[Source, ...] = ()
    head_accuracy: float | None = None
    settings: dict[str, str | int | float] = {}

    def save(self, path: Path) -> None:
        """Write the report; atomic: all or nothing."""
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path) -> EvaluationReport:
        """Read a report; ``NotFoundError`` if there is none, ``StoreError`` if it is damaged."""
        data = read_json(path)
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise StoreError(
                f"{path} isn't an evaluation report ({error.error_count()} fields are wrong)",
                remedy="Evaluate again: that replaces it.",
            ) from error

    @property
    def systems(self) -> tuple[Metrics, ...]:
        """Baselines first, then the model before and after training."""
        others = (m for m in (self.untrained, self.generated) if m is not None)
        return (*self.baselines, *others, *self.ways)

    @property
    def verdict(self) -> Verdict:
        """Where the trained model is better than every baseline, or worse than one."""
        return against_baselines(self)

    @property
    def ways(self) -> tuple[Metrics, ...]:
        """The trained model, then what else answers with it: an ensemble, a language model."""
        return (self.trained, *(way.metrics for way in self._beside))

    def additions(self) -> list[str]:
        """What an ensemble and language models add, in sentences, and what was replaced."""
        lines = [line for each in self._beside for line in each.lines()]
        if self.split == "validation" and (self.full or self.full_ensemble or self.others):
            lines.append(
                "the language model was weighed on rows of validation, and these are some of them: "
                "what it adds looks better than it is; measure it on test"
            )
        if self.replaced:
            lines.append(
                f"replaced, as it is of other rows, settings or answers: {', '.join(self.replaced)}"
            )
        return lines

    @property
    def _beside(self) -> tuple[WithEnsemble | WithGenerator, ...]:
        systems = (self.ensemble, self.full, self.full_ensemble)
        return (*(each for each in systems if each), *self.others)

    def with_earlier(self, earlier: EvaluationReport) -> EvaluationReport:
        """This report with what ``earlier`` measured as well and this one didn't.

        Only where both are of the same rows and the trained model answered them alike, so that
        comparisons with it are still right; otherwise this report, which names what it replaces.
        A language model that isn't measured again stays among ``others``.
        """

        def identity(report: EvaluationReport) -> tuple[object, ...]:
            share_kept = report.scope.kept if report.scope else None
            return report.rows_hash, report.settings, share_kept, report.errors

        if not self.rows_hash or identity(self) != identity(earlier):
            before = [m.system for m in earlier.systems if m not in earlier.baselines]
            now = {m.system for m in self.systems}
            return self.model_copy(update={"replaced": tuple(n for n in before if n not in now)})
        missing = {n: getattr(earlier, n) for n in _AS_WELL if getattr(self, n) is None}
        report = self.model_copy(update=missing)
        here = {m.system for m in report.ways}
        old = (earlier.full, earlier.full_ensemble, *earlier.others)
        others = tuple(each for each in old if each and each.metrics.system not in here)
        return report.model_copy(update={"others": others})


_AS_WELL = ("untrained", "generated", "ensemble", "full", "full_ensemble")


def hash_of_rows(rows: Iterable[AnnotatedExemplar]) -> str:
    """Of ids, texts and labels, whatever the order: equal for the same rows, asked the same."""
    contents = sorted([r.id, r.utterance, r.context, r.function, r.arguments] for r in rows)
    return content_hash(contents)


@dataclass(frozen=True)
class Verdict:
    """The trained model beside all baselines, a sentence a measure.

    ``better`` than every one of them; ``worse`` than one of them; ``unclear``: the rows don't say,
    as the difference to one of them may be chance.
    """

    better: list[str]
    worse: list[str]
    unclear: list[str]


def against_baselines(report: EvaluationReport) -> Verdict:
    """Where the trained model is better than every baseline, or worse than one, beyond chance.

    "Better than every one" needs p < 0.05 against each. That is an intersection-union test (Berger
    1982): its level is 0.05 as it stands, without a correction for how many baselines there are.
    "Worse than one" is a claim about any of them, so its p-values are corrected by Holm (1979).
    A measure that wasn't compared with every baseline gives no sentence, nor do values where there
    are none.
    """
    verdict = Verdict([], [], [])
    for label, value in _MEASURES.items():
        baselines = sorted(report.baselines, key=value, reverse=True)
        comparisons = {c.other: c for c in report.comparisons if c.measure == label}
        if not baselines or any(m.system not in comparisons for m in baselines):
            continue
        if label == "slot F1" and not report.trained.slot_pairs:
            continue
        losses = {n for n in _significant([*comparisons.values()]) if comparisons[n].difference < 0}
        won = {n for n, c in comparisons.items() if c.difference > 0 and c.p < _CHANCE}
        unclear = [m for m in baselines if m.system not in won]
        worse = [m for m in baselines if m.system in losses]
        best = (worse or unclear or baselines)[0]
        ours, theirs = percent(value(report.trained)), percent(value(best))
        line = f"{label} {ours} against {theirs} ({best.system})"
        (verdict.worse if worse else verdict.unclear if unclear else verdict.better).append(line)
    return verdict


def _significant(comparisons: Sequence[Comparison]) -> set[str]:
    """With which systems the difference is more than chance, however many were looked at (Holm)."""
    by_p = sorted(comparisons, key=lambda c: c.p)
    clear: set[str] = set()
    for rank, comparison in enumerate(by_p):
        if comparison.p * (len(by_p) - rank) >= _CHANCE:
            break
        clear.add(comparison.other)
    return clear


def compare_each(
    rows: Sequence[AnnotatedExemplar],
    own: Sequence[Prediction],
    baselines: Mapping[str, Sequence[Prediction]],
) -> tuple[Comparison, ...]:
    """``own`` predictions against those of each baseline, on the same rows, in each measure."""
    return tuple(
        c for name, baseline in baselines.items() for c in compare(name, rows, own, baseline)
    )


_CHANCE = 0.05
_MEASURES: dict[str, Callable[[Metrics], float]] = {
    "function accuracy": lambda m: m.function.share,
    "slot F1": lambda m: m.slot_f1,
    "exact match": lambda m: m.exact_match.share,
}
