"""A report of a run whose answers are made up: right, wrong in every way, and known by seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from radu_core.evaluation import EvaluationReport, Prediction, hash_of_rows, measure
from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import Schema
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.evaluate.evaluation import report_path

__all__ = ["make_report", "save_report"]


def make_report(
    run: RunDirectory, module: str, schema: Schema, rows: Sequence[AnnotatedExemplar], *, seed: int
) -> EvaluationReport:
    """Answers to ``rows``, a third of them wrong, measured and saved as its report on test."""
    random_ = random.Random(seed)
    answers = [_answer(random_, schema, row) for row in rows]
    return save_report(run, module, rows, answers)


def save_report(
    run: RunDirectory,
    module: str,
    rows: Sequence[AnnotatedExemplar],
    answers: Sequence[Prediction],
) -> EvaluationReport:
    """Measure answers, and save them as the run's report on test."""
    trained, errors = measure("after training", rows, answers)
    report = EvaluationReport(
        module=module,
        split="test",
        run=run.id,
        created="2026-01-02T03:04:05+00:00",
        rows=len(rows),
        rows_hash=hash_of_rows(rows),
        left_out={},
        trained=trained,
        errors=tuple(errors),
    )
    report.save(report_path(run, "test", module))
    return report


def _answer(random_: random.Random, schema: Schema, row: AnnotatedExemplar) -> Prediction:
    function, arguments = row.function, dict(row.arguments)
    luck = random_.random()
    names = [f.name for f in schema.functions]
    if luck < 0.12:  # mostly for its neighbour
        at = names.index(function) if function in names else 0
        function = random_.choice(
            [names[(at + 1) % len(names)], names[(at + 1) % len(names)], None]
        )
        arguments = {} if function is None else arguments
    elif luck < 0.2 and arguments:
        arguments.pop(random_.choice(sorted(arguments)))
    elif luck < 0.28 and arguments:
        slot = random_.choice(sorted(arguments))
        arguments[slot] = _other(arguments[slot])
    elif luck < 0.33 and function is not None:
        slots = next(f.slots for f in schema.functions if f.name == function)
        arguments |= {s.name: "x" for s in slots if s.name not in arguments and s.type == "string"}
    return Prediction(function=function, arguments=arguments, seconds=0.1)


def _other(value: Any) -> Any:
    if isinstance(value, list):
        return [*value[:-1], "something else"]
    return "something else"
