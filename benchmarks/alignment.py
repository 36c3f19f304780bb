"""Alignment beside the rule everybody uses: a value must occur verbatim, exactly once.

On the sample project's gold spans, and on the user turns of the Schema-Guided Dialogue dataset
(``sgd_turns``; skipped when it isn't there): values as said and lower-cased on all parts, canonical
ones on dev. Each service is a module, learnt from its own utterances without their spans.

Judged over the slots that have a gold span:
*right*: every span equals its gold span; *boundary*: every span overlaps its gold span, edges
differ; *wrong*: a span overlaps no gold span of its slot; *asked*: not resolved. With the arguments
that have no span too, what is placed for them can't be judged; *strict* counts as right only what
places nothing for them.

    python benchmarks/alignment.py           figures, and speed on one core (--lost lists what the
                                             rule has right and alignment hasn't)
    python benchmarks/alignment.py --fit     the constants of ranking.py, fitted on train
    python benchmarks/alignment.py --kinds   how often a lone place of each kind is right, on train
    python benchmarks/alignment.py --scale   seconds and memory up to 200,000 utterances
"""

from __future__ import annotations

import gc
import os
import sys
import time
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice, pairwise
from pathlib import Path

from alignment_asked import fit_ranking, report_asked
from alignment_rows import Row, against, hwu64_rows, sample_rows, sgd_rows
from sgd_turns import REFERENCE, Values, data_directory, parts
from text_to_num import alpha2digit

from radu_core.alignment import Aligner, Alignment, Knowledge, learn
from radu_core.alignment.folding import squeeze_text
from radu_core.exemplars import AnnotatedExemplar, Span
from radu_core.schema import Schema, as_values, parse_schema


def verbatim(exemplar: AnnotatedExemplar) -> list[Span] | None:
    """The reference: spans if every value occurs exactly once as it is, otherwise None."""
    spans = []
    for slot, value in exemplar.arguments.items():
        for one in as_values(value):
            if exemplar.utterance.count(str(one)) != 1:
                return None
            start = exemplar.utterance.index(str(one))
            spans.append(Span(slot=slot, start=start, end=start + len(str(one)), value=one))
    spans.sort(key=lambda s: s.start)
    if any(a.end > b.start for a, b in pairwise(spans)):
        return None
    return spans


class Tally:
    """Counts of judgements and the seconds of one core they took."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.strict = 0
        self.beyond: Counter[str] = Counter()  # spans of slots that have no gold span
        self.literal = 0  # utterances with a span that overlaps no gold span of its slot
        self.seconds = 0.0

    def add(self, row: Row, spans: Sequence[Span] | None) -> None:
        verdict = "asked" if spans is None else row.judge(spans)
        self.counts[verdict] += 1
        places = {(s.slot, s.start, s.end) for s in spans or ()}
        self.strict += spans is not None and places == row.gold
        slots = {slot for slot, _, _ in row.gold}
        beyond = [s for s in spans or () if slots and s.slot not in slots]
        self.literal += bool(beyond) or verdict == "wrong"
        for span in beyond:
            surface = row.exemplar.utterance[span.start : span.end]
            self.beyond["itself" if fold(surface) == fold(span.value) else "other words"] += 1

    def line(self, name: str) -> str:
        n = sum(self.counts.values())
        shares = ", ".join(
            f"{k} {self.counts[k] / n:.3%}" for k in ("right", "boundary", "wrong", "asked")
        )
        return f"  {name:20} {shares}; {n / self.seconds:,.0f} utterances/s"


@dataclass(frozen=True)
class Lost:
    """A row that the rule has right and alignment hasn't."""

    row: Row
    result: Alignment


def measure(
    modules: Iterable[tuple[Schema, list[Row]]], *, reference: date | None
) -> tuple[Tally, Tally, float, list[Lost]]:
    """(the rule's tally, ours, our seconds of learning, what only the rule has right)."""
    rule, ours = Tally(), Tally()
    learning = 0.0
    losses = []
    for schema, rows in modules:
        start = time.process_time()
        by_rule = [verbatim(r.exemplar) for r in rows]
        rule.seconds += time.process_time() - start
        start = time.process_time()
        knowledge = learn(schema, (r.exemplar for r in rows), reference=reference)
        learning += time.process_time() - start
        aligner = Aligner(schema, reference=reference, knowledge=knowledge)
        start = time.process_time()
        results = [aligner.align(r.exemplar) for r in rows]
        ours.seconds += time.process_time() - start
        for row, spans, result in zip(rows, by_rule, results, strict=True):
            rule.add(row, spans)
            ours.add(row, result.spans if result.outcome == "resolved" else None)
            if spans is not None and row.judge(spans) == "right":
                right = result.spans is not None and row.judge(result.spans) == "right"
                if not right:
                    losses.append(Lost(row, result))
    return rule, ours, learning, losses


def report(name: str, modules: Iterable[tuple[Schema, list[Row]]], reference: date | None) -> None:
    """Both systems' figures for one form of the values."""
    all_modules = list(modules)
    gc.collect()
    gc.freeze()  # the rows held here are no work of what is measured
    rule, ours, learning, losses = measure(all_modules, reference=reference)
    gc.unfreeze()
    n = sum(ours.counts.values())
    print(f"{name}: {n:,} utterances")
    print(rule.line("verbatim and unique"))
    print(ours.line("align"))
    print(
        f"  aligning takes {ours.seconds / rule.seconds:.1f} times the rule's time, learning "
        f"{learning / rule.seconds:.1f} times; strictly right: rule {rule.strict / n:.2%}, "
        f"align {ours.strict / n:.2%}"
    )
    print(f"  right by the rule and not by us: {len(losses)}")
    for one in losses if "--lost" in sys.argv else ():
        print(f"    {one.row.exemplar.utterance!r} {one.row.exemplar.arguments}")
        print(f"      {one.result.outcome}: {one.result.reason}")
    if ours.beyond:
        print(
            f"  {ours.beyond.total():,} spans are of slots without a gold span and can't be judged "
            f"({ours.beyond['itself'] / ours.beyond.total():.0%} are the value or its number "
            f"itself); counting each as wrong: {ours.literal / n:.1%} of the utterances"
        )


def fold(value: object) -> str:
    """A value as it is compared here: no case, number words as figures."""
    return str(alpha2digit(squeeze_text(str(value)), "en"))


def kinds(directory: Path) -> None:
    """How often the only place of a value is right, by the kind of candidate, on train."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for values in ("canonical", "lower"):
        for schema, rows in sgd_rows(directory, "train", values).values():
            knowledge = learn(schema, (r.exemplar for r in rows), reference=REFERENCE)
            aligner = Aligner(schema, reference=REFERENCE, knowledge=knowledge)
            for row in rows:
                for a in aligner.align(row.exemplar).arguments:
                    gold = frozenset(g for g in row.gold if g[0] == a.slot)
                    if len(a.candidates) == 1 and gold:
                        only = a.candidates[0]
                        span = Span(slot=a.slot, start=only.start, end=only.end, value=a.value)
                        counts[only.kind][against(gold)([span])] += 1
    for kind, verdicts in sorted(counts.items()):
        n = sum(verdicts.values())
        print(
            f"{kind:10} {n:7,}: right {verdicts['right'] / n:.2%}, "
            f"wrong {verdicts['wrong'] / n:.3%}"
        )


def scale(directory: Path | None) -> None:
    """Seconds and memory with the number of utterances, learning included."""
    if directory is not None:
        modules = sgd_rows(directory, "train", "canonical").values()
        schema, rows = max(modules, key=lambda m: len(m[1]))
        reference: date | None = REFERENCE
    else:
        schema, rows = max(sample_rows().values(), key=lambda m: len(m[1]))
        reference = None
    exemplars = [r.exemplar for r in rows]
    for size in (25_000, 50_000, 100_000, 200_000):
        start = time.process_time()
        knowledge = learn(schema, _repeat(exemplars, size), reference=reference)
        learnt = time.process_time() - start
        count = _align_all(schema, knowledge, _repeat(exemplars, size), reference)
        seconds = time.process_time() - start
        tracemalloc.start()
        _align_all(schema, knowledge, _repeat(exemplars, 5_000), reference)
        small = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        _align_all(schema, knowledge, _repeat(exemplars, size // 4), reference)
        large = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(
            f"{size:7,}: {seconds:5.1f} s ({learnt:3.1f} of learning), {count / seconds:,.0f}/s; "
            f"at most {small / 1e6:.2f} MB for 5,000, {large / 1e6:.2f} MB for {size // 4:,}"
        )


def _align_all(
    schema: Schema,
    knowledge: Knowledge,
    exemplars: Iterable[AnnotatedExemplar],
    reference: date | None,
) -> int:
    aligner = Aligner(schema, reference=reference, knowledge=knowledge)
    return sum(1 for e in exemplars if aligner.align(e).reason)


def _repeat(exemplars: Sequence[AnnotatedExemplar], size: int) -> Iterator[AnnotatedExemplar]:
    """``size`` different utterances: each repetition gets a number in front."""
    endless = (
        e.model_copy(update={"utterance": f"({round}) {e.utterance}"})
        for round in range(1 + size // len(exemplars))
        for e in exemplars
    )
    return islice(endless, size)


def crowd() -> None:
    """The worst of a few adversarial utterances: one value thirty times, for 1 to 31 slots."""
    worst = 0.0
    for slots in range(1, 32):
        names = [f"s{n}" for n in range(slots)]
        functions = [{"name": "f", "slots": [{"name": n} for n in names]}]
        aligner = Aligner(
            parse_schema({"module": "a_b_en", "functions": functions}), knowledge=Knowledge()
        )
        row = AnnotatedExemplar(
            id="x",
            utterance=" ".join(["ping"] * 30),
            function="f",
            arguments=dict.fromkeys(names, "ping"),
        )
        start = time.process_time()
        aligner.align(row)
        worst = max(worst, time.process_time() - start)
    print(f"a value thirty times, for 1 to 31 slots: {worst * 1000:.0f} ms at worst")


_FORMS: tuple[tuple[str, Values, bool], ...] = (
    ("as said", "said", False),
    ("lower-cased", "lower", False),
    ("as said, typed", "said", True),
    ("lower-cased, typed", "lower", True),
)


def main() -> None:
    directory = data_directory()
    if "--scale" in sys.argv:
        scale(directory)
        return
    if directory is None:
        print("No Schema-Guided Dialogue data in RADU_DATA or ~/.cache/radu/data: sample only.")
    elif "--fit" in sys.argv:
        fit_ranking(directory)
        return
    elif "--kinds" in sys.argv:
        kinds(directory)
        return
    report("sample project", sample_rows().values(), None)
    if directory is not None:
        every = parts(directory)
        part_measured = "dev" if "dev" in every else every[0]
        for name, values, as_types in _FORMS:
            modules = [
                m
                for part in every
                for m in sgd_rows(directory, part, values, typed=as_types).values()
            ]
            report(f"{name}, {' + '.join(every)}", modules, REFERENCE)
        home = hwu64_rows(directory)
        if home is not None:
            report("HWU64, as said", [home], None)
        for name, values, reference in (
            ("canonical", "canonical", REFERENCE),
            ("canonical without a reference date", "canonical", None),
            ("canonical with arguments that have no span", "all", REFERENCE),
        ):
            report(
                f"{name}, {part_measured}",
                sgd_rows(directory, part_measured, values).values(),
                reference,
            )
        report_asked(directory)
    crowd()
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
