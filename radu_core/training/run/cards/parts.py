"""Sections of a card that every kind of model has: metrics, settings, licence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from radu_core.training.run.cards.base_licence import base_licence, cell
from radu_core.training.run.config import TrainConfig
from radu_core.words import percent, percent_range

__all__ = [
    "dataset_name",
    "format_number",
    "licence_section",
    "metrics_section",
    "settings_section",
]


def metrics_section(report: Mapping[str, Any], evaluations: Sequence[Mapping[str, Any]]) -> str:
    loss = report.get("validation_loss")
    lines = [f"- Validation loss: {'not measured' if loss is None else format_number(loss)}"]
    task = report.get("task_metrics")
    if isinstance(task, Mapping):
        lines += [
            f"- On validation rows, {str(k).replace('_', ' ')}: {format_number(v)}"
            for k, v in task.items()
            if isinstance(v, int | float)
        ]
    table = [line for e in evaluations for line in _evaluation(e)]
    if not table:
        return "## Metrics\n\n" + "\n".join([*lines, "- Not evaluated on a split yet."])
    head = [
        "| module | split | rows | system | function accuracy (95 %) | slot F1 | exact match |",
        "|---|---|---:|---|---:|---:|---:|",
    ]
    return "## Metrics\n\n" + "\n".join(lines) + "\n\n" + "\n".join([*head, *table])


def _evaluation(report: Mapping[str, Any]) -> list[str]:
    """The lines of the card's table, from an evaluation report as JSON.

    One line, or more where the model was measured in other ways as well.
    """
    own = (report.get(name) for name in ("ensemble", "full", "full_ensemble"))
    others = (*own, *report.get("others", ()))
    return [
        "| " + " | ".join(cell(str(c)) for c in _measurement_row(report, metrics)) + " |"
        for metrics in (report["trained"], *(o["metrics"] for o in others if o))
    ]


def _measurement_row(report: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[Any]:
    function = metrics["function"]
    return [
        report["module"],
        report["split"],
        report["rows"],
        metrics["system"],
        f"{percent(function['share'])} ({percent_range(function['low'], function['high'])})",
        percent(metrics["slot_f1"]),
        percent(metrics["exact_match"]["share"]),
    ]


def settings_section(config: TrainConfig, only: frozenset[str] | None = None) -> str:
    values = config.model_dump(mode="json")
    values["dataset"] = dataset_name(config)  # a card leaves this machine; its paths stay
    rows = "\n".join(
        f"| {name} | {cell(str(value))} |"
        for name, value in values.items()
        if only is None or name in only
    )
    return f"## Settings\n\n| setting | value |\n|---|---|\n{rows}"


def dataset_name(config: TrainConfig) -> str:
    return f"{config.dataset.parent.name}/{config.dataset.name}"


def format_number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else "unknown"


def licence_section(base: Path | None) -> str:
    """Which licence holds for the model, by that of its base model in the directory ``base``."""
    return (
        f"## Licence\n\nThe base model's: {base_licence(base)}. It holds for this model, too. The "
        "training utterances are the team's own."
    )
