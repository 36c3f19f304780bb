"""How long one answer takes, and whether every answer is valid: a run as the studio serves it.

``python benchmarks/latency.py [RUN] [--generator RUN2] [--rows 200] [--answers 10000]`` in a
workspace (``RADU_HOME``) whose module has labelled test utterances; skips where there is no run.
Halves of them are exchanged, so that no text was ever embedded before. Each is asked alone, after
ten that warm up, in this process with all of its threads: milliseconds of the wall clock, so a
quiet machine is needed (the load is printed). The reference is one forward pass of the untuned
encoder in float32 over such utterances, one by one, in the same run.

``--answers`` asks the fast model about so many of them, where values stand that nobody meant, and
counts the calls that the schema doesn't allow.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time
from collections.abc import Callable, Sequence

from radu_core.errors import NotFoundError
from radu_core.inference import FullParser, FunctionCall
from radu_core.models import DEFAULT_EMBEDDER, model_directory
from radu_core.retrieval import Query, SentenceEmbedder
from radu_core.schema import Schema, argument_problems
from radu_core.workflows.evaluate.parse import full_parser, parser_of
from radu_core.workflows.frame.labelled_rows import labelled_rows
from radu_core.workflows.frame.workspace import Workspace

_WARM = 10


def main() -> None:
    """Time the run's model, the same with a language model, and one forward pass."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", nargs="?", default="last")
    parser.add_argument("--generator")
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--answers", type=int, default=0)
    options = parser.parse_args()
    space = Workspace.from_environment()
    try:
        fast = parser_of(space, options.run)
    except NotFoundError as error:
        print(f"skipped: {error.what}")
        return
    rows = labelled_rows(space, fast.schema.module, "test").exemplars
    dice = random.Random(0)
    texts = [r.utterance for r in rows]
    print(f"load {os.getloadavg()[0]:.1f}; {options.rows} utterances of {fast.schema.module}")
    plain = SentenceEmbedder(
        model_directory(DEFAULT_EMBEDDER, space.models), name=DEFAULT_EMBEDDER, precision="fp32"
    )
    reference = time_asking(
        "one forward pass",
        exchange_ends(texts, options.rows, dice),
        lambda text: plain.embed([text]),
    )
    alone = time_asking(
        "fast",
        exchange_ends(texts, options.rows, dice),
        lambda text: fast.parse_many([Query(text)]),
    )
    print(f"fast is {alone / reference:.1f} forward passes")
    if options.generator:
        full = full_parser(space, options.run, options.generator)
        time_asking(
            "full",
            exchange_ends(texts, options.rows, dice),
            lambda text: full.parse_many([Query(text)]),
        )
        always = asking_always(full)
        time_asking(
            "the language model, asked about each",
            exchange_ends(texts, options.rows, dice),
            lambda text: always.parse_many([Query(text)]),
        )
    if options.answers:
        texts_made = exchange_ends(texts, options.answers, dice)
        calls = fast.parse_many([Query(u) for u in texts_made])
        print(f"{invalid(fast.schema, calls)} invalid of {len(calls):,} answers")


def time_asking(what: str, texts: Sequence[str], ask: Callable[[str], object]) -> float:
    """Ask about each text; the median in milliseconds, which is printed with the slowest 5 %."""
    milliseconds = []
    for text in [*texts[:_WARM], *texts]:
        start = time.perf_counter()
        ask(text)
        milliseconds.append(1000 * (time.perf_counter() - start))
    times_kept = sorted(milliseconds[_WARM:])
    median = statistics.median(times_kept)
    print(
        f"{what}: median {median:.1f} ms, 95 % within "
        f"{times_kept[int(0.95 * len(times_kept))]:.1f} ms",
        flush=True,
    )
    return median


def asking_always(full: FullParser) -> FullParser:
    """The same pair, but sure of nothing: the language model chooses function and values."""
    from dataclasses import replace

    eager = replace(full.deferral, function_below=2.0, generator=1.0, values_below=2.0)
    return FullParser(full.fast, full.generator, eager)


def exchange_ends(texts: Sequence[str], count: int, dice: random.Random) -> list[str]:
    """Beginnings of some texts with ends of others."""
    texts_made = []
    for _ in range(count):
        first, second = (dice.choice(texts).split() for _ in range(2))
        texts_made.append(" ".join(first[: len(first) // 2] + second[len(second) // 2 :]) or "?")
    return texts_made


def invalid(schema: Schema, calls: Sequence[FunctionCall]) -> int:
    """How many calls the schema doesn't allow."""
    wrong = 0
    for call in calls:
        function = schema.function(call.function) if call.function else None
        if call.function and (function is None or argument_problems(function, call.arguments)):
            wrong += 1
    return wrong


if __name__ == "__main__":
    main()
