"""Rows of the tables and what they stand for: one to the other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping

from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import canonical_json
from radu_core.store.derived import DISAGREEMENT, derive, flag_kind_of
from radu_core.store.records import AlignmentRecord, StoredExemplar
from radu_core.store.stored_json import exemplar_text, read_exemplar, read_json_column

__all__ = [
    "ALIGNED",
    "KEPT",
    "aware",
    "columns_after_alignment",
    "columns_of",
    "exemplar_before",
    "new_row",
    "state_before",
    "state_of",
    "stored_exemplar",
]

# What a decision changes besides the labels, and taking it back sets again.
KEPT = ("imported", "readings", "details", "flag", "flag_kind", "decided")
_STATE = ("data", *KEPT, "queue")
ALIGNED = (
    "data",
    "outcome",
    "resolved_by",
    "readings",
    "details",
    "queue",
    "revision",
    "updated",
)


def columns_of(exemplar: AnnotatedExemplar, text: str) -> dict[str, Any]:
    """The columns that are taken out of an exemplar, and its JSON."""
    return {
        "function": exemplar.function,
        "split": exemplar.split,
        "outcome": exemplar.outcome,
        "resolved_by": exemplar.resolved_by,
        "data": text,
    }


def new_row(module: str, exemplar: AnnotatedExemplar, text: str, now: datetime) -> dict[str, Any]:
    """The row of an exemplar that is new."""
    return {
        "module": module,
        "id": exemplar.id,
        **columns_of(exemplar, text),
        **derive(exemplar, None),
        "imported": text,
        "readings": "[]",
        "details": None,
        "flag": None,
        "flag_kind": None,
        "decided": 0,
        "revision": 1,
        "updated": now,
    }


def columns_after_alignment(
    row: RowMapping, record: AlignmentRecord, now: datetime
) -> dict[str, Any] | None:
    """The changed columns after an alignment, for an executemany; None if nothing changed."""
    exemplar = read_exemplar(row["data"], module=row["module"], id=row["id"])
    aligned_exemplar = exemplar.model_copy(
        update={
            "outcome": record.outcome,
            "resolved_by": record.resolved_by,
            "reason": record.reason,
            "spans": record.spans,
            "template": record.template,
            "implied": record.implied,
        }
    )
    text = exemplar_text(aligned_exemplar)
    readings = canonical_json(list(record.readings))
    details = canonical_json(dict(record.details))
    if (text, readings, details) == (row["data"], row["readings"], row["details"] or "{}"):
        return None
    return {
        "key": record.id,
        "new_data": text,
        "new_outcome": record.outcome,
        "new_resolved_by": record.resolved_by,
        "new_readings": readings,
        "new_details": details,
        "new_queue": _queue(row, aligned_exemplar),
        "new_revision": row["revision"] + 1,
        "new_updated": now,
    }


def _queue(row: RowMapping, exemplar: AnnotatedExemplar) -> Any:
    """Where it waits after an alignment: what annotators disagree about they still do."""
    disagreement = row["queue"] == DISAGREEMENT
    return derive(exemplar, row["flag_kind"], disagreement=disagreement)["queue"]


def stored_exemplar(row: RowMapping) -> StoredExemplar:
    """A row as what the store gives."""
    return StoredExemplar(
        read_exemplar(row["data"], module=row["module"], id=row["id"]),
        row["revision"],
        tuple(read_json_column(row["readings"], _of(row, "readings"), list)),
        row["flag"],
        aware(row["updated"]),
        read_json_column(row["details"] or "{}", _of(row, "details"), dict),
        row["queue"],
    )


def _of(row: RowMapping, column: str) -> str:
    return f"What alignment found ({column}) of exemplar {row['id']} of {row['module']}"


def state_of(row: RowMapping, opinions: Sequence[str]) -> str:
    """What a decision changes of a row, so that taking it back leaves nothing of it.

    ``opinions`` are the people whose opinion counted until then.
    """
    state = {name: row[name] for name in _STATE}
    return canonical_json({**state, "opinions": list(opinions)} if opinions else state)


def state_before(before: str) -> dict[str, Any]:
    """The state in an event's ``before``; that of an older studio or an import holds less."""
    state: dict[str, Any] = read_json_column(before, "What was before an event", dict)
    if "data" not in state:  # an exemplar alone
        return {"data": before}
    return {**state, "flag_kind": flag_kind_of(state.get("flag"), state.get("flag_kind"))}


def exemplar_before(text: str | None) -> AnnotatedExemplar | None:
    """The exemplar in an event."""
    if text is None:
        return None
    data = state_before(text)["data"]
    return read_exemplar(data, module="its module", id="in an event")


def aware(value: datetime) -> datetime:
    """A time with its zone; SQLite gives it without."""
    return value if value.tzinfo else value.replace(tzinfo=UTC)
