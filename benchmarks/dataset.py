"""How fast datasets are built, and how much memory that takes.

    python benchmarks/dataset.py [--exemplars 20000] [--memory-rows 500000]

A synthetic module (30 functions, retrieval done before) gives ``rag`` rows of some 200 tokens,
which are rendered, tokenized with SmolLM2's tokenizer, checked against ``max_length`` and written.
One core, one thread; rates are per second of that core (other work does not count). Beside it,
on the same rows: rendering alone and tokenizing alone (no builder that tokenizes whole rows can be
faster than both together), and the previous way, which rendered each prompt twice, once in parts,
and tokenized row by row with transformers. ``--memory-rows`` builds so many rows of four tasks and
prints the process's memory at 10, 50 and 100 % (0: leave it out). Skips without the model.
"""

from __future__ import annotations

import argparse
import os

os.environ.update(RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false", HF_HUB_OFFLINE="1")

import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from radu_core.dataset import DatasetConfig, build_dataset, diff_datasets, read_rows
from radu_core.exemplars import AnnotatedExemplar, Span, make_template
from radu_core.files import canonical_json
from radu_core.models import DEFAULT_GENERATOR
from radu_core.prompts import Asking, RowOptions, TemplateSet, training_rows
from radu_core.prompts.strategies import rag
from radu_core.retrieval import DescriptionHit, ExemplarHit, Query, Retrieved
from radu_core.schema import Schema, parse_schema
from radu_core.tokenizing import FastTokenizer, load_tokenizer

MODULE = "bench_synthetic_en"
CITIES = [
    "Oslo",
    "Rome",
    "Bonn",
    "Kyiv",
    "Lima",
    "Bern",
    "Paris",
    "Cairo",
    "Quito",
    "Hanoi",
    "Leeds",
]
VERBS = ["book", "find", "cancel", "change", "check", "compare", "confirm", "order", "pay", "rate"]
THINGS = ["flight", "hotel", "table"]
WORDS = (
    "please could you i would like to as soon as possible for my wife and me with the usual "
    "extras if that is not too much trouble next friday evening or the day after quick cheap "
    "near station"
)
FILL = WORDS.split()


class Ready:
    """A retriever whose answers were worked out before: most hits are of the same function."""

    embedder: Any = SimpleNamespace(name="none")
    fingerprint = "synthetic"

    def __init__(self, schema: Schema, exemplars: Sequence[AnnotatedExemplar]) -> None:
        self._names = [f.name for f in schema.functions]
        self._hits = [
            ExemplarHit(
                e.id,
                e.function,
                e.template or "",
                e.utterance,
                e.arguments,
                e.spans or (),
                1,
                0.5,
                0.5,
            )
            for e in exemplars
        ]
        self._of: dict[str | None, list[ExemplarHit]] = {}
        for hit in self._hits:
            self._of.setdefault(hit.function, []).append(hit)

    def search(self, queries: Sequence[Query], *, k_desc: int, k_exemplar: int) -> list[Retrieved]:
        return [self._retrieve_one(q, k_desc, k_exemplar) for q in queries]

    def _retrieve_one(self, query: Query, k_desc: int, k_exemplar: int) -> Retrieved:
        dice = random.Random(query.exemplar_id)
        own = self._of[query.function]
        hits = [dice.choice(own if dice.random() < 0.6 else self._hits) for _ in range(k_exemplar)]
        names = [query.function or "", *dice.sample(self._names, k_desc)][:k_desc]
        return Retrieved(
            tuple(DescriptionHit(n, i, 0.5) for i, n in enumerate(dict.fromkeys(names), 1)),
            tuple({h.id: h for h in hits if h.id != query.exemplar_id}.values()),
        )


def module(count: int) -> tuple[Schema, list[AnnotatedExemplar]]:
    """30 functions of four slots each, and ``count`` resolved training exemplars."""
    dice = random.Random(0)
    functions = [
        {
            "name": f"{verb}_{thing}",
            "description": f"{verb.capitalize()} a {thing} for one or more people at a given time.",
            "slots": [
                {"name": "city", "description": "where it is"},
                {"name": "other_city", "description": "where it goes to"},
                {"name": "people", "description": "how many people", "type": "integer"},
                {"name": "notes", "description": "anything else that was asked for"},
            ],
        }
        for verb in VERBS
        for thing in THINGS
    ]
    schema = parse_schema({"module": MODULE, "functions": functions})
    return schema, [_exemplar(i, functions[i % 30]["name"], dice) for i in range(count)]


def _exemplar(number: int, function: Any, dice: random.Random) -> AnnotatedExemplar:
    city = dice.choice(CITIES)
    before = " ".join([*dice.choices(FILL, k=dice.randint(3, 9)), *function.split("_"), "in "])
    text = f"{before}{city} {' '.join(dice.choices(FILL, k=dice.randint(2, 8)))} {number}"
    span = Span(slot="city", start=len(before), end=len(before) + len(city), value=city)
    return AnnotatedExemplar(
        id=f"e{number:07d}",
        utterance=text,
        function=function,
        arguments={"city": city},
        spans=(span,),
        template=make_template(text, [span]),
        outcome="resolved",
        resolved_by="spans",
    )


def time_work(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of this process's core that ``work`` took, and what it gave."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def speed(count: int, tokenizer: Any, fast: FastTokenizer, scratch: Path) -> None:
    """Rows per second of each way, on the same rows."""
    schema, exemplars = module(count)
    ready, templates = Ready(schema, exemplars), TemplateSet()
    config = DatasetConfig(strategies=("rag",), k_desc=3, rows=RowOptions(k_exemplar=4))

    seconds, manifest = time_work(
        lambda: build_dataset(
            schema, exemplars, ready, templates, config, scratch / "a", tokenizer=fast
        )
    )
    sizes, rows = manifest.tokens["train/rag"], manifest.rows("train")
    print(
        f"{rows:,} rag rows, tokens: median {sizes.median}, 95 % {sizes.p95}, longest {sizes.max}"
    )
    line_rate = rows / seconds

    pairs = [
        (
            e,
            ready.search(
                [Query(e.utterance, e.id, e.template, e.function)], k_desc=3, k_exemplar=20
            )[0],
        )
        for e in exemplars
    ]
    variables = [
        rag.variables(
            Asking(e.utterance, schema, templates), Retrieved(h.descriptions, h.exemplars[:4])
        )
        for e, h in pairs
    ]
    rendering, _ = time_work(lambda: [templates.render("rag", **v) for v in variables])
    rendering = len(variables) / rendering
    written_rows = list(read_rows(scratch / "a", "train"))
    prompts = [r.prompt for r in written_rows]
    whole, counts = time_work(lambda: fast._whole(prompts))
    whole = len(prompts) / whole
    completions = [len(tokenizer(r.completion)["input_ids"]) for r in written_rows]
    assert [a + b + 1 for a, b in zip(counts, completions, strict=True)] == [
        r.tokens for r in written_rows
    ], "counting by lines must give what counting whole rows gives"

    fast._lines, lines = None, fast._lines
    seconds, _ = time_work(
        lambda: build_dataset(
            schema, exemplars, ready, templates, config, scratch / "b", tokenizer=fast
        )
    )
    unlined = rows / seconds
    fast._lines = lines
    same = all(
        (scratch / "a" / n).read_bytes() == (scratch / "b" / n).read_bytes()
        for n in ("train.jsonl", "manifest.json")
    )
    assert same, "both ways must write the same bytes"

    part = pairs[: count // 4]
    seconds, row_count = time_work(lambda: previous_way(part, schema, templates, config, tokenizer))
    previous = row_count / seconds

    print(f"{'':44} rows/s     to the previous way")
    for name, rate in (
        ("previous way: twice rendered, row by row", previous),
        ("limit: rendering alone", rendering),
        ("limit: tokenizing whole prompts alone", whole),
        ("limit: both of these, one after the other", 1 / (1 / rendering + 1 / whole)),
        ("built, whole rows tokenized", unlined),
        ("built, tokenized by lines (the default)", line_rate),
    ):
        print(f"{name:44} {rate:8,.0f}   {rate / previous:5.1f} x")


def previous_way(
    pairs: Sequence[tuple[AnnotatedExemplar, Retrieved]],
    schema: Schema,
    templates: TemplateSet,
    config: DatasetConfig,
    tokenizer: Any,
) -> int:
    """As rows were made and checked before: parts beside the prompt, one row at a time."""
    count = 0
    for exemplar, hits in pairs:
        rows_made = training_rows("rag", exemplar, schema, hits, templates, options=config.rows)
        for row in rows_made.rows:
            shortened_hits = Retrieved(hits.descriptions, hits.exemplars[: len(row.exemplar_ids)])
            rag.ask(Asking(exemplar.utterance, schema, templates), shortened_hits)
            tokens = len(tokenizer(row.prompt, add_special_tokens=False)["input_ids"])
            tokens += len(tokenizer(row.completion, add_special_tokens=False)["input_ids"]) + 1
            assert tokens <= config.max_length
            canonical_json({"prompt": row.prompt, "completion": row.completion, "tokens": tokens})
            count += 1
    return count


def memory(rows: int, fast: FastTokenizer, scratch: Path) -> None:
    """Resident memory while ``rows`` rows of four tasks are built, and of their comparison."""
    import psutil

    config = DatasetConfig(strategies=("rag", "knn", "all", "single"), k_desc=4)
    count = round(rows / 8.4)
    schema, exemplars = module(count)
    ready, process = Ready(schema, exemplars), psutil.Process()
    megabytes: dict[int, float] = {}

    def look(what: str, done: int, total: int) -> None:
        for percent in (10, 50, 100):
            if done * 100 >= percent * total and percent not in megabytes:
                megabytes[percent] = process.memory_info().rss / 1e6

    start = time.monotonic()
    seconds, manifest = time_work(
        lambda: build_dataset(
            schema,
            exemplars,
            ready,
            TemplateSet(),
            config,
            scratch / "m",
            tokenizer=fast,
            progress=look,
        )
    )
    row_count = manifest.rows("train")
    print(
        f"\n{row_count:,} rows of four tasks from {count:,} exemplars: "
        f"{row_count / seconds:,.0f} rows/s "
        f"({time.monotonic() - start:,.0f} s by the clock)"
    )
    print(
        "memory at 10, 50, 100 % of the rows: "
        + ", ".join(f"{megabytes[p]:,.0f} MB" for p in (10, 50, 100))
        + f"; 100 % to 10 %: {megabytes[100] / megabytes[10]:.3f}"
    )
    before = process.memory_info().rss / 1e6
    seconds, difference = time_work(lambda: diff_datasets(scratch / "m", scratch / "m"))
    after = process.memory_info().rss / 1e6
    assert difference.equal
    assert difference.same == row_count
    print(f"compared with itself: {seconds:,.1f} s, memory {before:,.0f} to {after:,.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exemplars", type=int, default=20_000)
    parser.add_argument("--memory-rows", type=int, default=100_000)
    options = parser.parse_args()
    home = Path(os.environ.get("RADU_HOME") or Path(__file__).resolve().parents[1] / "workspace")
    directory = home / "models" / DEFAULT_GENERATOR
    if not (directory / "tokenizer.json").is_file():
        print(f"Skipped: no tokenizer in {directory} (radu models fetch).")
        return
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    tokenizer = load_tokenizer(directory)
    fast = FastTokenizer(tokenizer, name=DEFAULT_GENERATOR)
    with tempfile.TemporaryDirectory() as scratch:
        speed(options.exemplars, tokenizer, fast, Path(scratch))
        if options.memory_rows:
            memory(options.memory_rows, fast, Path(scratch))


if __name__ == "__main__":
    main()
