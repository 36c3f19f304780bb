"""The tables. Changes go through a migration in ``migrations/versions``."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

__all__ = [
    "events",
    "exemplars",
    "import_rows",
    "imports",
    "judgements",
    "leases",
    "metadata",
    "modules",
    "operations",
    "opinions",
    "skips",
    "templates",
    "texts",
    "trash",
]

metadata = MetaData()

modules = Table(
    "module",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("schema", Text, nullable=False),
    Column("schema_hash", String(64), nullable=False),
    Column("settings", Text),  # JSON
    Column("updated", DateTime(timezone=True), nullable=False),
    Column("trashed", DateTime(timezone=True)),  # null: it isn't in the trash
    Column("trashed_by", String(200)),
)

exemplars = Table(
    "exemplar",
    metadata,
    Column("module", ForeignKey("module.id"), primary_key=True),
    Column("id", String(200), primary_key=True),
    Column("function", String(100)),
    Column("split", String(20), nullable=False),
    Column("outcome", String(20)),
    Column("resolved_by", String(20)),
    Column("data", Text, nullable=False),  # the exemplar as it is now
    Column("imported", Text),  # and as it was imported last
    Column("readings", Text, nullable=False),
    Column("details", Text),  # what alignment found of each value; JSON
    Column("flag", Text),
    Column("flag_kind", String(20)),  # "suspected" or "evaluation", where there is a flag
    Column("queue", String(20)),  # where it waits for a person; null: nothing to do
    Column("slots", String(500)),  # the slots it has values for: see slots_of
    Column("decided", Integer, nullable=False),  # 1 once a person has decided
    Column("revision", Integer, nullable=False),
    Column("updated", DateTime(timezone=True), nullable=False),
    # Each holds all that its query reads, so that the wide rows stay on the disk.
    Index("ix_exemplar_worth", "module", "outcome", "split", "function", "slots"),
    Index("ix_exemplar_queue", "module", "queue", "function", "slots", "id"),
)

# What is searched, apart from the wide rows: a scan over 100,000 of these is some 10 MB.
texts = Table(
    "exemplar_text",
    metadata,
    Column("module", ForeignKey("module.id"), primary_key=True),
    Column("id", String(200), primary_key=True),
    Column("text", Text, nullable=False),
    sqlite_with_rowid=False,
)

events = Table(
    "event",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("module", String(80), nullable=False),
    Column("exemplar", String(200)),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", String(200), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("note", Text),  # a comment's words, or what else a person should know of it
    Index("ix_event_exemplar", "module", "exemplar"),
    Index("ix_event_at", "module", "at", "kind", "who"),
)

operations = Table(
    "operation",
    metadata,
    Column("client", String(80), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("answer", Text, nullable=False),  # JSON
    Column("module", String(80), nullable=False),
    Column("exemplar", String(200)),
    Column("at", DateTime(timezone=True), nullable=False),
)

leases = Table(
    "lease",
    metadata,
    Column("module", String(80), primary_key=True),
    Column("exemplar", String(200), primary_key=True),
    Column("client", String(80), primary_key=True),
    Column("who", String(200), nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("opened", BigInteger, nullable=False),  # when the tab's page was: ms since 1970
)

skips = Table(
    "skip",
    metadata,
    Column("module", String(80), primary_key=True),
    Column("who", String(200), primary_key=True),
    Column("exemplar", String(200), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
)

opinions = Table(
    "opinion",
    metadata,
    Column("module", String(80), primary_key=True),
    Column("exemplar", String(200), primary_key=True),
    Column("who", String(200), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("data", Text, nullable=False),  # the exemplar as this person would have it
    Column("standing", Integer, nullable=False),  # 1 while it counts for a decision to come
    Index("ix_opinion_who", "module", "who", "standing", "exemplar"),
)

# What people said of two exemplars; rows are only added, and the newest of a pair counts.
judgements = Table(
    "judgement",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("module", String(80), nullable=False),
    Column("first", String(200), nullable=False),  # the smaller of the two ids
    Column("second", String(200), nullable=False),
    Column("verdict", String(20), nullable=False),  # "same", "different" or "withdrawn"
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", String(200), nullable=False),
    Index("ix_judgement_pair", "module", "first", "second"),
)

templates = Table(
    "template",
    metadata,
    Column("module", ForeignKey("module.id"), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", String(200), nullable=False),
)

# What changed many exemplars at once: an import, or a split of the module. Each has a number.
imports = Table(
    "import",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("module", ForeignKey("module.id"), nullable=False),
    Column("kind", String(20), nullable=False),  # "import" or "split"
    Column("source", Text, nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", String(200), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("accepted", Integer, nullable=False),
    Column("rejections", Text, nullable=False),
    Column("details", Text),  # JSON: further counts; null: its rows weren't remembered
    Column("schema_before", Text),  # where it brought a schema: the one it replaced, if any
    Column("schema_after", Text),  # and its own
    Column("undone", Integer, nullable=False),  # 1 once it has been taken back
    Column("moved", DateTime(timezone=True)),  # when it was last taken back, or done again
    Column("moved_by", String(200)),
)

# What a batch did to each exemplar that it changed.
import_rows = Table(
    "import_row",
    metadata,
    Column("batch", ForeignKey("import.id"), primary_key=True),
    Column("exemplar", String(200), primary_key=True),
    Column("module", String(80), nullable=False),
    Column("kind", String(10), nullable=False),  # "added", "changed", "kept" or "split"
    # The exemplar on the other side: before the batch while it stands, after it once it is undone.
    Column("state", Text),
    Column("event", Integer, nullable=False),  # the newest event at that time
    Column("undone", Integer, nullable=False),
    Index("ix_import_row_exemplar", "module", "exemplar"),
)

# Exemplars that were deleted, with all that goes back with them; no other table holds them.
trash = Table(
    "trash",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("module", ForeignKey("module.id"), nullable=False),
    Column("exemplar", String(200), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", String(200), nullable=False),
    Column("note", Text),  # why
    Column("batch", Integer),  # the import that was taken back, if that is why
    Column("data", Text, nullable=False),  # JSON: its row and the opinions about it
    Index("ix_trash_exemplar", "module", "exemplar"),
    Index("ix_trash_batch", "batch", "exemplar"),
)
