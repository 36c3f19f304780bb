"""Operations of browser tabs, each remembered with its answer: sent twice, it is done once."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import insert, select

from radu_core.errors import InputError
from radu_core.files import canonical_json
from radu_core.store.changes import Writing
from radu_core.store.tables import operations

__all__ = ["answer", "has_touched", "record"]


def answer(w: Writing, client: str, seq: int) -> dict[str, Any] | None:
    """What the operation was answered when it was done; None if it hasn't been done.

    Raises ``InputError`` when the tab has given that number to an operation on another module.
    """
    where = (operations.c.client == client) & (operations.c.seq == seq)
    row = w.connection.execute(
        select(operations.c.answer, operations.c.module).where(where)
    ).first()
    if row is None:
        return None
    if row.module != w.module:
        raise InputError(
            f"Operation {seq} of this tab belongs to {row.module}", remedy="Reload the page."
        )
    return dict(json.loads(row.answer))


def has_touched(w: Writing, client: str, exemplar: str, *, since: int) -> bool:
    """Whether a tab has sent an operation on an exemplar after its number ``since``."""
    where = (operations.c.client == client) & (operations.c.seq > since)
    here = (operations.c.module == w.module) & (operations.c.exemplar == exemplar)
    return w.connection.scalar(select(operations.c.seq).where(where, here).limit(1)) is not None


def record(
    w: Writing, client: str, seq: int, exemplar: str | None, answered: dict[str, Any]
) -> None:
    """Remember an operation with its answer (JSON)."""
    w.connection.execute(
        insert(operations).values(
            client=client,
            seq=seq,
            answer=canonical_json(answered),
            module=w.module,
            exemplar=exemplar,
            at=w.now,
        )
    )
