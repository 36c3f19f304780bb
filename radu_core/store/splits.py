"""Setting the splits of many exemplars at once, as one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import RowMapping, insert

from radu_core.files import canonical_json
from radu_core.store import bulk
from radu_core.store.changes import Writing
from radu_core.store.imports import newest, remember
from radu_core.store.stored_json import exemplar_text, read_exemplar
from radu_core.store.tables import events

__all__ = ["assign", "set_splits"]


def assign(w: Writing, number: int, assignments: Mapping[str, tuple[int, str]]) -> list[str]:
    """Set the splits of exemplars (id → revision it was seen at, split) as one batch's rows.

    Returns the ids that were changed in between: those stay as they are.
    """
    changed_ids: list[str] = []
    watermark = newest(w.connection)
    for part in bulk.parts(list(assignments)):
        rows = bulk.rows_of(w, part)
        fit = [rows[i] for i in part if i in rows and rows[i]["revision"] == assignments[i][0]]
        changed_ids += sorted(set(part) - {row["id"] for row in fit})
        splits = {row["id"]: assignments[row["id"]][1] for row in fit}
        states = set_splits(w, fit, splits, note=f"split {number}")
        remember(w, number, {i: ("split", state) for i, state in states.items()}, watermark)
    return changed_ids


def set_splits(
    w: Writing, rows: Sequence[RowMapping], split_by_id: Mapping[str, str], *, note: str
) -> dict[str, str]:
    """Set splits; decisions, opinions and flags stay. By id, what takes it back, as JSON."""
    if not rows:
        return {}
    changes = []
    for row in rows:
        split = split_by_id[row["id"]]
        exemplar = read_exemplar(row["data"], module=w.module, id=row["id"])
        exemplar = exemplar.model_copy(update={"split": split})
        changes.append((row, {"data": exemplar_text(exemplar), "split": split}))
    bulk.set_columns(w, changes)
    fields = {"module": w.module, "at": w.now, "who": w.who, "kind": "split"}
    w.connection.execute(
        insert(events),
        [
            {
                **fields,
                "exemplar": row["id"],
                "before": None,
                "after": None,
                "note": f"{row['split']} → {split_by_id[row['id']]} ({note})",
            }
            for row in rows
        ],
    )
    return {
        row["id"]: canonical_json({"split": row["split"], "set": split_by_id[row["id"]]})
        for row in rows
    }
