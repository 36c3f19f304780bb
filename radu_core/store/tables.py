"""The tables. Changes go through a migration in ``migrations/versions``."""

from __future__ import annotations

from sqlalchemy import (
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

__all__ = ["events", "exemplars", "imports", "metadata", "modules", "templates"]

metadata = MetaData()

modules = Table(
    "module",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("schema", Text, nullable=False),
    Column("schema_hash", String(64), nullable=False),
    Column("settings", Text),  # JSON
    Column("updated", DateTime(timezone=True), nullable=False),
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
    Column("decided", Integer, nullable=False),  # 1 once a person has decided
    Column("revision", Integer, nullable=False),
    Column("updated", DateTime(timezone=True), nullable=False),
    Index("ix_exemplar_outcome", "module", "outcome"),
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
    Index("ix_event_exemplar", "module", "exemplar"),
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

imports = Table(
    "import",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("module", ForeignKey("module.id"), nullable=False),
    Column("source", Text, nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", String(200), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("accepted", Integer, nullable=False),
    Column("rejections", Text, nullable=False),
)
