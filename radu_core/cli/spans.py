"""What an import says about spans and templates that contradict their values."""

from __future__ import annotations

from typing import Any

from radu_core.cli.output import table
from radu_core.words import quantity
from radu_core.workflows.load.span_fixes import SpanReport

__all__ = ["span_lines"]

_SHOWN = 20


def span_lines(report: SpanReport | None) -> list[Any]:
    """How many rows, what explains them, each with before and after, and how to correct them."""
    if report is None:
        return []
    wrong = quantity(report.contradicting, "row")
    lines: list[Any] = [f"{wrong} with spans or templates that contradict the values."]
    lines += [f"  {quantity(count, 'row')}: {what}." for what, count in report.shifts.items()]
    if report.left:
        rows_left = quantity(report.left, "row")
        lines.append(f"  {rows_left}: no shift explains them; radu resolve says what's wrong.")
    if not report.fixes:
        return lines
    count = len(report.fixes)
    more = f" ({_SHOWN} of {count}; all with --json)" if count > _SHOWN else ""
    title = ("Corrected" if report.fixed else "--fix-spans corrects these") + more
    rows = [(f.id, f.before, f.after, f.shift) for f in report.fixes[:_SHOWN]]
    lines.append(table(title, ["id", "as given", "as it is right", "shift"], rows))
    if not report.fixed:
        lines.append(f"Import again with --fix-spans to correct {quantity(count, 'row')}.")
    return lines
