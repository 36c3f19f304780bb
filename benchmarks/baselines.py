"""How strong the free baselines are, on public data, and what they lose on an index's labels.

``python benchmarks/baselines.py``: the home assistant's 64 functions (HWU64: 10 and 59 labels a
function, and all), and five Schema-Guided Dialogue services as ``main_job.py`` has them, read
from ``RADU_DATA`` or ``~/.cache/radu/data``. Labels come with their spans; nothing is trained but
the baselines. "Deduplicated" is what an index holds of the same labels: one of each template.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from main_job import MODULE, SERVICES

from radu_core.eligibility import Purpose, sort_out
from radu_core.evaluation import Metrics, fit_baselines, measure
from radu_core.exemplars import AnnotatedExemplar, make_template
from radu_core.formats import read
from radu_core.retrieval import SentenceEmbedder
from radu_core.schema import Schema, parse_schema
from radu_core.workflows.frame.workspace import Workspace

DATA = Path(os.environ.get("RADU_DATA") or Path.home() / ".cache/radu/data")
Case = tuple[str, Schema, list[AnnotatedExemplar], list[AnnotatedExemplar]]


def cases() -> Iterator[Case]:
    """(name, schema, training labels, test rows) of every data set that is there."""
    if data := load_hwu64():
        schema, rows = data
        test = [r for r in rows if r.split == "test"]
        for tag in ("shot10", "shot59", ""):
            train = [r for r in rows if r.split == "train" and (not tag or tag in r.tags)]
            yield f"HWU64 {tag or 'all'}", schema, train, test
    if data := load_sgd():
        schema, rows = data
        train, test = ([r for r in rows if r.split == s] for s in ("train", "test"))
        yield "SGD, five services", schema, train, test


def load_hwu64() -> tuple[Schema, list[AnnotatedExemplar]] | None:
    """The home assistant's schema and rows of all splits, if they are there."""
    home = DATA / "hwu64"
    if not (home / "schema.json").is_file():
        return None
    data = json.loads((home / "schema.json").read_text(encoding="utf-8"))
    lines = (home / "utterances.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [resolve_by_spans(AnnotatedExemplar.model_validate_json(line)) for line in lines]
    return parse_schema({**data, "module": "liu_home_en"}), rows


def load_sgd() -> tuple[Schema, list[AnnotatedExemplar]] | None:
    """Five Schema-Guided Dialogue services as one module, if they are there."""
    if not (DATA / "train" / "schema.json").is_file():
        return None
    options = {"services": SERVICES, "spans": True}
    imported_file = read("sgd", DATA / "train", module=MODULE, schema=None, options=options)
    assert imported_file.schema is not None
    return imported_file.schema, [
        resolve_by_spans(e) for e in imported_file.exemplars if not overlap(e)
    ]


def resolve_by_spans(exemplar: AnnotatedExemplar) -> AnnotatedExemplar:
    """The exemplar, resolved by its spans."""
    spans = exemplar.spans or ()
    template = make_template(exemplar.utterance, spans)
    return exemplar.model_copy(update={"spans": spans, "template": template, "outcome": "resolved"})


def overlap(exemplar: AnnotatedExemplar) -> bool:
    """A few published spans do."""
    spans = sorted(exemplar.spans or (), key=lambda s: s.start)
    return any(a.end > b.start for a, b in pairwise(spans))


def measure_case(
    case: Case, embedder: SentenceEmbedder
) -> Iterator[tuple[str, Metrics, int, float]]:
    """(labels, metrics, their number, CPU-seconds) of every baseline."""
    _, schema, train, test = case
    unique = list(sort_out(schema, train, Purpose.INDEX).exemplars)
    for name, labels in (("deduplicated", unique), ("all labels", train)):
        start = time.process_time()
        systems = fit_baselines(schema, labels, embedder)
        for system in systems:
            metrics, _ = measure(system.name, test, system.predict(test))
            yield name, metrics, len(labels), time.process_time() - start


def main() -> None:
    embedder = Workspace.from_environment().embedder()
    for case in cases():
        texts = [e.utterance for e in (*case[2], *case[3])]
        embedder.embed(texts)
        print(f"{case[0]}: {len(case[3])} test rows", flush=True)
        for labels, m, count, seconds in measure_case(case, embedder):
            print(
                f"  {labels} ({count:,}), {m.system}: function {m.function.share:.1%}, slot F1 "
                f"{m.slot_f1:.1%}, exact match {m.exact_match.share:.1%}; {seconds:.0f} CPU-s",
                flush=True,
            )


if __name__ == "__main__":
    main()
