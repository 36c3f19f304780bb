"""Queues, search, operations, leases, skips and opinions: what annotating together needs.

Frozen like the others: what is filled in is computed here, not by code that may change.
"""

import json
import unicodedata
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_BATCH = 1_000
_exemplar = sa.table(
    "exemplar",
    *(sa.column(n) for n in ("module", "id", "function", "outcome", "data", "flag")),
    *(sa.column(n) for n in ("flag_kind", "queue", "slots")),
)
_text = sa.table("exemplar_text", *(sa.column(n) for n in ("module", "id", "text")))


def upgrade() -> None:
    """Add them, and fill in what can be told of the exemplars that are there."""
    op.add_column("exemplar", sa.Column("flag_kind", sa.String(20)))
    op.add_column("exemplar", sa.Column("queue", sa.String(20)))
    op.add_column("exemplar", sa.Column("slots", sa.String(500)))
    op.add_column("event", sa.Column("note", sa.Text))
    _tables()
    _fill()
    op.drop_index("ix_exemplar_outcome", "exemplar")
    worth = ["module", "outcome", "split", "function", "slots"]
    op.create_index("ix_exemplar_worth", "exemplar", worth)
    op.create_index("ix_exemplar_queue", "exemplar", ["module", "queue", "function", "slots", "id"])
    op.create_index("ix_event_at", "event", ["module", "at", "kind", "who"])


def _tables() -> None:
    op.create_table(
        "exemplar_text",
        sa.Column("module", sa.String(80), sa.ForeignKey("module.id"), primary_key=True),
        sa.Column("id", sa.String(200), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "operation",
        sa.Column("client", sa.String(80), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("module", sa.String(80), nullable=False),
        sa.Column("exemplar", sa.String(200)),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "lease",
        sa.Column("module", sa.String(80), primary_key=True),
        sa.Column("exemplar", sa.String(200), primary_key=True),
        sa.Column("client", sa.String(80), primary_key=True),
        sa.Column("who", sa.String(200), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "skip",
        sa.Column("module", sa.String(80), primary_key=True),
        sa.Column("who", sa.String(200), primary_key=True),
        sa.Column("exemplar", sa.String(200), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "opinion",
        sa.Column("module", sa.String(80), primary_key=True),
        sa.Column("exemplar", sa.String(200), primary_key=True),
        sa.Column("who", sa.String(200), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("standing", sa.Integer, nullable=False),
    )
    op.create_index("ix_opinion_who", "opinion", ["module", "who", "standing", "exemplar"])


def _fill() -> None:
    connection = op.get_bind()
    key = (_exemplar.c.module == sa.bindparam("m")) & (_exemplar.c.id == sa.bindparam("i"))
    names = ("flag_kind", "queue", "slots")
    change = sa.update(_exemplar).where(key).values({n: sa.bindparam(f"new_{n}") for n in names})
    for rows in _batches(connection):
        connection.execute(change, [_derive(row, json.loads(row.data)) for row in rows])
        texts = [{"module": r.module, "id": r.id, "text": _fold(json.loads(r.data))} for r in rows]
        connection.execute(sa.insert(_text), texts)


def _batches(connection: sa.Connection) -> Iterator[list[Any]]:
    last = ("", "")
    while True:
        after = sa.tuple_(_exemplar.c.module, _exemplar.c.id) > sa.tuple_(*map(sa.literal, last))
        columns = ("module", "id", "function", "outcome", "data", "flag")
        query = sa.select(*(_exemplar.c[n] for n in columns)).where(after)
        page_query = query.order_by(_exemplar.c.module, _exemplar.c.id).limit(_BATCH)
        rows = list(connection.execute(page_query))
        if not rows:
            return
        last = (rows[-1].module, rows[-1].id)
        yield rows


def _derive(row: Any, data: dict[str, Any]) -> dict[str, Any]:
    kind = None
    if row.flag is not None:  # only the Coverage page's reasons begin like this
        kind = "suspected" if row.flag.startswith("Coverage:") else "evaluation"
    open_ = row.outcome if row.outcome in ("ambiguous", "unlocated", "invalid") else None
    queue = None if "discarded" in data.get("tags", ()) else kind or open_
    return {
        "m": row.module,
        "i": row.id,
        "new_flag_kind": kind,
        "new_queue": queue,
        "new_slots": _slots(data.get("arguments", {})),
    }


def _slots(arguments: dict[str, Any]) -> str:
    joined = ""
    for slot in sorted(arguments):
        longer = f"{joined},{slot}" if joined else slot
        if len(longer) > 500:
            break
        joined = longer
    return joined


def _fold(data: dict[str, Any]) -> str:
    values = [
        str(scalar)
        for value in data.get("arguments", {}).values()
        for scalar in (value if isinstance(value, list) else [value])
    ]
    parts = [data["utterance"], data.get("function") or "", *values, data["id"]]
    return unicodedata.normalize("NFKC", "\n".join(parts).casefold()).replace("\0", " ")


def downgrade() -> None:
    """Nothing is deleted, so there is no way back; restore a backup."""
    raise NotImplementedError("Restore a backup instead.")
