"""Alignment beside the rule everybody uses: a value must occur verbatim, exactly once.

Reads the sample project's gold spans. Prints right / wrong / asked for both, and the utterances
per second with their ratio, on one core.
"""

from __future__ import annotations

import json
import statistics
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

from radu_core.alignment import align
from radu_core.exemplars import AnnotatedExemplar, Span, make_template
from radu_core.schema import Schema, as_values, parse_schema
from radu_core.workflows.sample import sample_modules

REPEATS = 5


def verbatim(schema: Schema, exemplar: AnnotatedExemplar) -> str | None:
    """The reference: the template if every value occurs exactly once as it is, otherwise None."""
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
    return make_template(exemplar.utterance, spans)


def ours(schema: Schema, exemplar: AnnotatedExemplar) -> str | None:
    found = align(schema, exemplar)
    return found.template if found.outcome == "resolved" else None


def main() -> None:
    rows: list[tuple[Schema, AnnotatedExemplar, str]] = []
    for path in sample_modules():
        schema = parse_schema(json.loads((path / "schema.json").read_text()))
        gold = {r["id"]: r for r in map(json.loads, (path / "gold.jsonl").open())}
        for line in (path / "utterances.jsonl").open():
            exemplar = AnnotatedExemplar.model_validate(json.loads(line))
            if exemplar.function and exemplar.mode != "negative" and exemplar.id in gold:
                rows.append((schema, exemplar, gold[exemplar.id]["template"]))
    print(f"{len(rows)} labelled in-scope utterances of the sample project")
    seconds = {}
    systems: dict[str, Callable[[Schema, AnnotatedExemplar], str | None]] = {
        "verbatim and unique": verbatim,
        "align": ours,
    }
    for name, system in systems.items():
        times = []
        for _ in range(REPEATS):
            begun = time.process_time()
            said = [system(schema, exemplar) for schema, exemplar, _ in rows]
            times.append(time.process_time() - begun)
        seconds[name] = statistics.median(times)
        counts = Counter(
            "asked" if template is None else "right" if template == gold else "wrong"
            for template, (_, _, gold) in zip(said, rows, strict=True)
        )
        shares = ", ".join(f"{k} {counts[k] / len(rows):.1%}" for k in ("right", "wrong", "asked"))
        print(f"{name:22} {shares}; {len(rows) / seconds[name]:,.0f} utterances/s")
    ratio = seconds["align"] / seconds["verbatim and unique"]
    print(f"align takes {ratio:.1f} times the reference's time")


if __name__ == "__main__":
    main()
