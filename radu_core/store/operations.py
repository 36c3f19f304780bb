"""Operations of browser tabs, each remembered with its answer: sent twice, it is done once."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import insert, select

from radu_core.files import canonical_json
from radu_core.store.changes import Writing
from radu_core.store.tables import operations

__all__ = ["answer", "record"]


def answer(w: Writing, client: str, seq: int) -> dict[str, Any] | None:
    """What the operation was answered when it was done; None if it hasn't been done."""
    where = (operations.c.client == client) & (operations.c.seq == seq)
    text = w.connection.scalar(select(operations.c.answer).where(where))
    return None if text is None else dict(json.loads(text))


def record(
    w: Writing, client: str, seq: int, exemplar: str | None, answered: dict[str, Any]
) -> None:
    """Remember an operation with its answer (JSON)."""
    w.connection.execute(
        insert(operations).values(
            client=client, seq=seq, answer=canonical_json(answered), module=w.module,
            exemplar=exemplar, at=w.now,
        )
    )  # fmt: skip
