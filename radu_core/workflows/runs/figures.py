"""What a run says of itself, in words and figures as people read them: on a page, in a shell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from radu_core.errors import NotFoundError, RaduError
from radu_core.evaluation import Share
from radu_core.files import read_json, readable
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory, RunEvent
from radu_core.training.run.encoding import Preflight
from radu_core.training.worker.measures import CHOOSES, FILLS
from radu_core.training.worker.saving import CHECK_FILE, shortfalls
from radu_core.training.worker.trainer import rows_to_evaluate
from radu_core.words import percent, percent_range, quantity

__all__ = [
    "Figure",
    "Written",
    "asked_rows",
    "card",
    "keep_asked",
    "last_figures",
    "padding_reason",
    "where",
    "written_check",
]

ASKED = "asked"  # the event that says how many validation rows give each figure
SHARES = {"function_accuracy": "function accuracy", "slot_f1": "slot F1"}


def keep_asked(run: RunDirectory, config: TrainConfig, rows: Preflight) -> None:
    """Tell how many validation rows the run will be measured on, for each figure."""
    rows_asked = rows_to_evaluate(config, rows)
    run.append(
        ASKED,
        loss=len(rows_asked),
        function_accuracy=sum(row.task in CHOOSES for row in rows_asked),
        slot_f1=sum(row.task in FILLS for row in rows_asked),
    )


def asked_rows(events: Sequence[RunEvent], config: TrainConfig | None) -> dict[str, int]:
    """Figure → the rows it is of, as far as the run says: an older one doesn't for its shares."""
    event_data = next((e.data for e in reversed(events) if e.kind == ASKED), None)
    if event_data is not None:
        return {name: int(event_data[name]) for name in ("loss", *SHARES) if event_data.get(name)}
    preflight = next((e.data for e in reversed(events) if e.kind == "preflight"), {})
    rows = preflight.get("validation_rows")
    return {"loss": min(int(rows), config.eval_rows)} if config and rows else {}


def padding_reason(events: Sequence[RunEvent]) -> str:
    """Why rows that were to be packed are padded; empty if they are packed, or weren't to be."""
    packing_data = next((e.data for e in reversed(events) if e.kind == "packing"), {})
    return (
        ""
        if packing_data.get("packed", True)
        else str(packing_data.get("why") or "the run doesn't say why")
    )


@dataclass(frozen=True)
class Figure:
    """One of the measurements on validation rows, at ``step``; ``rows`` is None if unknown.

    ``low`` and ``high`` are the 95 % Wilson interval of a share of rows; slot F1 has none.
    """

    name: str
    label: str
    value: float
    step: int
    rows: int | None
    low: float | None = None
    high: float | None = None

    @property
    def text(self) -> str:
        """The value: "1.250", "62.5 %"."""
        return percent(self.value) if self.name in SHARES else f"{self.value:.3f}"

    @property
    def basis(self) -> str:
        """What it rests on: "12 rows, 95 %: 38.6 to 81.5 %"; empty when that isn't known."""
        if self.rows is None:
            return ""
        rows_text = quantity(self.rows, "row")
        if self.low is None or self.high is None:
            return rows_text
        return f"{rows_text}, 95 %: {percent_range(self.low, self.high)}"

    def __str__(self) -> str:
        return f"{self.label} {self.text}{f' ({self.basis})' if self.basis else ''}"


def last_figures(
    validations: Sequence[RunEvent], rows_by_name: Mapping[str, int]
) -> tuple[Figure, ...]:
    """The newest of each measurement on validation rows, loss first."""
    figures = []
    for name, label in {"loss": "validation loss", **SHARES}.items():
        validated = [e.data for e in validations if e.data.get(name) is not None]
        if validated:
            figures.append(_figure(name, label, validated[-1], rows_by_name.get(name)))
    return tuple(figures)


def _figure(name: str, label: str, data: Mapping[str, Any], rows: int | None) -> Figure:
    value, step = float(data[name]), int(data.get("step") or 0)
    if name != "function_accuracy" or not rows:
        return Figure(name, label, value, step, rows)
    share = Share.of(round(value * rows), rows)
    return Figure(name, label, value, step, rows, share.low, share.high)


def where(run: RunDirectory) -> str:
    """Where a run is done if not here: "Ray, http://head:8265"; empty for this machine."""
    if not run.elsewhere:
        return ""
    try:
        return f"Ray, {read_json(run.path / 'launcher.json')['address']}"
    except (RaduError, LookupError, TypeError):
        return "Ray (launcher.json can't be read)"


@dataclass(frozen=True)
class Written:
    """How the written model compares with the trained one. ``coarse``: bfloat16 wasn't enough."""

    text: str
    coarse: bool = False


def card(run: RunDirectory) -> str:
    """The model card of a finished run, in Markdown."""
    path = run.path / "README.md"
    with readable(path):
        return path.read_text(encoding="utf-8", errors="replace")


def written_check(run: RunDirectory) -> Written | None:
    """What the check of the written model found; None before there is one."""
    try:
        check = read_json(run.path / CHECK_FILE)
    except NotFoundError:
        return None
    except RaduError as error:
        return Written(f"What the check of the written model found can't be read. {error}", True)
    try:
        return _check_text(check)
    except (LookupError, TypeError, ValueError):
        return Written(f"{CHECK_FILE} doesn't say what the check of the model found.", True)


def _check_text(check: Mapping[str, Any]) -> Written:
    if not check["passed"]:
        return Written(f"The written model isn't what was trained: {_wrong(check)}.", True)
    where = f"on {quantity(check['rows'], 'row')} {_comparison_text(check)}"
    if not check["before"]:
        return Written(f"The model is written in {check['dtype']}; {where}.")
    return Written(
        f"The model is written in {check['dtype']}, which takes twice the disk and memory of "
        f"bfloat16, because bfloat16 was too coarse: {_wrong(check['before'][-1])}. In "
        f"{check['dtype']}, {where}.",
        True,
    )


def _wrong(check: Mapping[str, Any]) -> str:
    return "; ".join(shortfalls(check)) or "the check failed"


def _comparison_text(check: Mapping[str, Any]) -> str:
    tokens = check["supervised_tokens"]
    equal = round(check["equal_argmax"] * tokens)
    text = "all" if equal == tokens else f"{equal:,} of"
    return (
        f"{text} {quantity(tokens, 'token')} are as trained, and the loss is "
        f"{check['loss_written']:.4f} "
        f"(trained: {check['loss_trained']:.4f})"
    )
