"""Values that aren't in the text: said in other words, or implied? What is offered, and how sure.

Cases whose answer is known are made from utterances with gold spans (SGD, HWU64):
*said*: the value of one span, whose words occur nowhere else in the module, is exchanged for
another value of the slot, so that these words are what stands for it;
*implied*: a slot that the utterance says nothing of gets a value that isn't in the text. Half of
each stand beside an utterance of another function, whose words might be taken for the value.
Real ones are SGD's canonical values that aren't in the text, and the sample's gold.

    python benchmarks/unsaid.py          figures on dev, HWU64 test and the sample's gold
    python benchmarks/unsaid.py --fit    the constants of unsaid.py, fitted on the train parts
"""

from __future__ import annotations

import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alignment_asked import calibration_error, log_odds
from alignment_rows import Row, hwu64_rows, sample_rows, sgd_rows
from sgd_turns import REFERENCE, data_directory

from radu_core.alignment import Knowledge, learn
from radu_core.alignment.align import Aligner
from radu_core.alignment.ranking import calibrate
from radu_core.alignment.text import Text
from radu_core.alignment.unsaid import Guess, features, guesses, said_probability
from radu_core.exemplars import AnnotatedExemplar, Span
from radu_core.schema import Schema, as_values
from radu_core.workflows.load.outcomes import PRESELECTED

_MOST = 120  # of each kind and module of SGD, and of HWU64 to fit
_ROUNDS = 4  # over all of HWU64 to measure: it is one module
_SIMULATIONS = 100


@dataclass(frozen=True)
class Case:
    """A missing value with its guesses; ``gold`` is its place, or None if it is implied."""

    source: str
    guesses: Sequence[Guess]
    gold: tuple[int, int] | None

    @property
    def right(self) -> bool:
        """Whether the first guess overlaps the gold place."""
        best = self.guesses[0].place if self.guesses else None
        return bool(best and self.gold and best[0] < self.gold[1] and self.gold[0] < best[1])


def with_spans(rows: Sequence[Row]) -> list[AnnotatedExemplar]:
    """The rows as resolved exemplars: value = words, with their gold spans."""
    exemplars = []
    for row in rows:
        text = row.exemplar.utterance
        spans = [Span(slot=s, start=a, end=b, value=text[a:b]) for s, a, b in sorted(row.gold)]
        arguments: dict[str, list[str]] = defaultdict(list)
        for span in spans:
            arguments[span.slot].append(str(span.value))
        exemplars.append(
            row.exemplar.model_copy(
                update={
                    "spans": tuple(spans),
                    "arguments": {k: v if len(v) > 1 else v[0] for k, v in arguments.items()},
                }
            )
        )
    return exemplars


def make_cases(
    source: str,
    schema: Schema,
    rows: Sequence[Row],
    seed: int,
    beside: Sequence[AnnotatedExemplar],
    *,
    most: int = _MOST,
) -> Iterator[Case]:
    """Cases of both kinds from one module, ``most`` of each.

    One half of its utterances teaches the other.
    """
    draw = random.Random(f"{source} {seed}")
    exemplars = with_spans(rows)
    draw.shuffle(exemplars)
    half = len(exemplars) // 2
    taught_rows, rows_tried = exemplars[:half], exemplars[half:]
    knowledge = learn(schema, taught_rows)
    aligner = Aligner(schema, knowledge=knowledge)
    values: dict[str, list[str]] = defaultdict(list)
    for exemplar in taught_rows:
        for slot, value in exemplar.arguments.items():
            values[slot] += [str(v) for v in as_values(value)]
    values_known = {slot: set(map(str.casefold, own)) for slot, own in values.items()}
    counts: Counter[str] = Counter()
    for exemplar in rows_tried:
        for span in exemplar.spans or ():
            words = exemplar.utterance[span.start : span.end]
            if words.casefold() not in values_known.get(span.slot, ()) and counts["said"] < most:
                case = _case(
                    source, knowledge, aligner, exemplar, span.slot, values, draw, span, beside
                )
                counts["said"] += case is not None
                yield from (case,) if case else ()
        function = schema.function(exemplar.function or "")
        open_slots = (
            [s.name for s in function.slots if s.name not in exemplar.arguments and values[s.name]]
            if function
            else []
        )
        if open_slots and counts["implied"] < most:
            slot = draw.choice(open_slots)
            case = _case(source, knowledge, aligner, exemplar, slot, values, draw, None, beside)
            counts["implied"] += case is not None
            yield from (case,) if case else ()


def _case(
    source: str,
    knowledge: Knowledge,
    aligner: Aligner,
    exemplar: AnnotatedExemplar,
    slot: str,
    values: dict[str, list[str]],
    draw: random.Random,
    span: Span | None,
    beside: Sequence[AnnotatedExemplar],
) -> Case | None:
    text, shift = exemplar.utterance, 0
    if draw.random() < 0.5:
        foreign = draw.choice([e for e in beside if e.function != exemplar.function] or beside)
        shift = len(foreign.utterance) + 2 if draw.random() < 0.5 else 0
        text = f"{foreign.utterance}. {text}" if shift else f"{text}. {foreign.utterance}"
    other = [v for v in values[slot] if v.casefold() not in text.casefold()]
    if not other:
        return None
    value = draw.choice(sorted(other))
    places_taken = [(s.start + shift, s.end + shift) for s in exemplar.spans or () if s is not span]
    guesses_made = guesses(
        knowledge.context,
        Text(text, aligner.language),
        slot,
        value,
        places_taken,
        phrases=knowledge.phrases.get(slot, frozenset()),
    )
    return Case(source, guesses_made, (span.start + shift, span.end + shift) if span else None)


def real(source: str, schema: Schema, rows: Sequence[Row]) -> Iterator[Case]:
    """SGD's canonical values that aren't in the text, where gold says where they stand."""
    knowledge = learn(schema, (r.exemplar for r in rows), reference=REFERENCE)
    aligner = Aligner(schema, reference=REFERENCE, knowledge=knowledge)
    for row in rows:
        result = aligner.align(row.exemplar)
        missing = [a for a in result.arguments if a.state == "missing"]
        gold = {slot: (start, end) for slot, start, end in row.gold}
        if len(missing) == 1 and missing[0].slot in gold and isinstance(missing[0].value, str):
            slot = missing[0].slot
            base = result.readings[0].spans if result.readings else ()
            guesses_made = guesses(
                knowledge.context,
                Text(row.exemplar.utterance, aligner.language),
                slot,
                str(missing[0].value),
                [(s.start, s.end) for s in base if s.slot != slot],
                phrases=knowledge.phrases.get(slot, frozenset()),
            )
            yield Case(source, guesses_made, gold[slot])


def cases(part: str) -> list[Case]:
    """All cases of the ``train`` parts, or of what is measured on."""
    directory = data_directory()
    cases_made: list[Case] = []
    if directory is None:
        return cases_made
    modules = sgd_rows(directory, "train" if part == "train" else "dev", "said")
    every = [r.exemplar for _, rows in modules.values() for r in rows]
    for name, (schema, rows) in modules.items():
        cases_made += make_cases(f"sgd made {name}", schema, rows, 0, every)
    for schema, rows in sgd_rows(
        directory, "train" if part == "train" else "dev", "canonical"
    ).values():
        cases_made += real("sgd real", schema, rows)
    home = hwu64_rows(directory)
    if home is not None:
        schema, rows = home
        own = [r for r in rows if (r.exemplar.split == "train") == (part == "train")]
        rounds, most = (1, _MOST) if part == "train" else (_ROUNDS, len(own))
        for seed in range(rounds):
            cases_made += make_cases(
                "hwu made", schema, own, seed, [r.exemplar for r in own], most=most
            )
    return cases_made


def first_guesses(case: Case) -> Iterator[tuple[float, bool]]:
    """(confidence, whether it is right) of the first guess, and of the value being implied."""
    probability = said_probability(case.guesses[0] if case.guesses else None)
    if case.guesses:
        yield probability * calibrate("guess", [g.share for g in case.guesses])[0], case.right
    yield 1 - probability, case.gold is None


def by_chance(confidence_lists: Sequence[Sequence[float]]) -> float:
    """The mean calibration error that right confidences have by chance with so few cases.

    In each of ``confidence_lists``, at most one of the confidences' readings is right, as often as
    they say.
    """
    draw = random.Random(0)
    errors = []
    for _ in range(_SIMULATIONS):
        pairs = []
        for confidences in confidence_lists:
            at, before = draw.random(), 0.0
            for confidence in confidences:
                pairs.append((confidence, before <= at < before + confidence))
                before += confidence
        errors.append(calibration_error(pairs))
    return sum(errors) / len(errors)


def report(name: str, cases: Sequence[Case]) -> None:
    """How good and how sure what is offered first is."""
    both = [list(first_guesses(c)) for c in cases]
    first = [max(options) for options in both]
    sure = [right for confidence, right in first if confidence >= PRESELECTED]
    chance = by_chance([[confidence for confidence, _ in options] for options in both])
    print(
        f"{name:10} {len(cases):6,} cases, {sum(c.gold is not None for c in cases):,} said: first "
        f"right {sum(r for _, r in first) / len(first):.1%}; "
        f"chosen beforehand {len(sure):,}, of them wrong {sure.count(False)}; calibration error "
        f"{calibration_error([o for options in both for o in options]):.3f} over all that "
        f"is offered (by chance {chance:.3f}), {calibration_error(first):.3f} over the first"
    )


def sample() -> None:
    """The sample project's own gold: everything that is asked, and what isn't in the text of it."""
    pairs_asked: list[tuple[float, bool]] = []
    unsaid: list[list[tuple[float, bool]]] = []
    for schema, rows in sample_rows().values():
        knowledge = learn(schema, (r.exemplar for r in rows))
        aligner = Aligner(schema, knowledge=knowledge)
        for row in rows:
            result = aligner.align(row.exemplar)
            if result.outcome in ("resolved", "invalid") or not result.readings:
                continue
            judgements = [(r.confidence, row.judge(r.spans) == "right") for r in result.readings]
            pairs_asked.append(judgements[0])
            if any(a.state in ("missing", "unsure") for a in result.arguments):
                unsaid.append(judgements)
    sure = [right for confidence, right in pairs_asked if confidence >= PRESELECTED]
    every = [reading for judgements in unsaid for reading in judgements]
    chance = by_chance([[confidence for confidence, _ in judgements] for judgements in unsaid])
    print(
        f"sample: {len(pairs_asked)} asked; first right {sum(r for _, r in pairs_asked)}; chosen "
        "beforehand "
        f"{len(sure)}, of them wrong {sure.count(False)}; calibration error of all that is offered "
        f"where a value isn't in the text {calibration_error(every):.3f} ({len(every)} readings of "
        f"{len(unsaid)} utterances; by chance {chance:.3f})"
    )


def fit(cases: Sequence[Case]) -> None:
    """Print the weights of P(said), and the calibration of guesses for expressed values."""
    from sklearn.linear_model import LogisticRegression

    own = [c for c in cases if c.guesses]
    kinds = Counter((c.source.split()[0], c.gold is None) for c in own)
    weights = [1_000 / kinds[c.source.split()[0], c.gold is None] for c in own]
    rows = [features(c.guesses[0])[1:] for c in own]
    model_fitted = LogisticRegression(C=10).fit(rows, [c.gold is not None for c in own], weights)
    print("said:", model_fitted.intercept_.round(2), model_fitted.coef_.round(2))
    cases_with_gold = [c for c in own if c.gold]
    odds = [[log_odds(c.guesses[0].share)] for c in cases_with_gold]
    guess = LogisticRegression(C=10).fit(odds, [c.right for c in cases_with_gold])
    print("guess:", guess.intercept_.round(2), guess.coef_.round(2))


def main() -> None:
    if "--fit" in sys.argv:
        fit(cases("train"))
        return
    dev_cases = cases("dev")
    for source in sorted({c.source.split()[0] for c in dev_cases}):
        report(source, [c for c in dev_cases if c.source.split()[0] == source])
    sample()


if __name__ == "__main__":
    main()
