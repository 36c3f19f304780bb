"""What goes into the store and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from radu_core.exemplars import AnnotatedExemplar, Outcome, ResolvedBy, Span
from radu_core.schema import Schema

__all__ = [
    "AlignmentRecord",
    "Event",
    "ImportRecord",
    "Moved",
    "NewBatch",
    "PutCounts",
    "SchemaVersion",
    "StoredExemplar",
    "TemplateVersion",
    "Trashed",
]


@dataclass(frozen=True)
class PutCounts:
    """What an import did: ``kept`` rows had changed, but an annotator has decided since.

    ``number`` is the import's, by which it can be taken back.
    """

    added: int
    changed: int
    unchanged: int
    kept: int
    number: int


@dataclass(frozen=True)
class StoredExemplar:
    """An exemplar with its place in history. ``readings`` are JSON objects, best first.

    ``details`` is what alignment found: ``arguments`` (each value's state and places), ``implied``
    (slots taken as implied by rule), ``kind`` of reason, ``complete``; empty where it had nothing
    to say. ``flag`` says why it was sent to annotation (an error found in evaluation), or None;
    ``queue`` names where it waits for a person, None if there is nothing to do.
    """

    exemplar: AnnotatedExemplar
    revision: int
    readings: tuple[dict[str, Any], ...]
    flag: str | None
    updated: datetime
    details: Mapping[str, Any] = field(default_factory=dict)
    queue: str | None = None


@dataclass(frozen=True)
class AlignmentRecord:
    """The result of aligning one exemplar at the revision it was read at."""

    id: str
    expected_revision: int
    outcome: Outcome
    resolved_by: ResolvedBy | None
    reason: str
    spans: tuple[Span, ...] | None
    template: str | None
    implied: tuple[str, ...]
    readings: tuple[dict[str, Any], ...]
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Event:
    """One decision: who, when, what kind, and the exemplar before and after it.

    ``note`` is what a person should know besides: a comment's words, a flag's reason.
    """

    id: int
    exemplar_id: str
    at: datetime
    who: str
    kind: str
    before: AnnotatedExemplar | None
    after: AnnotatedExemplar | None
    note: str | None = None


@dataclass(frozen=True)
class SchemaVersion:
    """One schema that a module has had; ``number`` counts from 1, ``note`` says what was done."""

    number: int
    schema: Schema
    at: datetime
    who: str
    note: str | None = None


@dataclass(frozen=True)
class TemplateVersion:
    """One version of a module's own prompt template."""

    name: str
    version: int
    text: str
    at: datetime
    who: str


@dataclass(frozen=True)
class NewBatch:
    """What is remembered of an import (or a ``split`` of the module) besides its rows.

    ``rows`` = accepted + rejected + skipped. ``details`` are further counts, as JSON has them. A
    batch that brings a schema has it in ``schema_after``, and what it replaced in
    ``schema_before`` (None: the module was new); both are JSON texts.
    """

    source: str
    content_hash: str
    rows: int
    accepted: int
    rejections: Sequence[Mapping[str, Any]] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    schema_before: str | None = None
    schema_after: str | None = None
    kind: str = "import"


@dataclass(frozen=True)
class ImportRecord:
    """One import or split: its source, how many rows it had, what was accepted and rejected.

    ``details`` are further counts; ``remembered`` is False for an import of a studio that didn't
    remember which exemplars it changed. ``moved`` says when and by whom it was last taken back
    (``undone``) or done again.
    """

    id: int
    source: str
    content_hash: str
    at: datetime
    who: str
    rows: int
    accepted: int
    rejections: tuple[dict[str, Any], ...]
    module: str
    kind: str
    details: Mapping[str, Any]
    remembered: bool
    schema_before: str | None
    schema_after: str | None
    undone: bool
    moved: datetime | None
    moved_by: str | None


@dataclass(frozen=True)
class Moved:
    """What taking a batch back did, or doing it again.

    ``removed`` exemplars went to the trash (or came back from it), ``returned`` ones are as they
    were; ``kept`` ones stay as they are, each (id, reason); ``gone`` ones aren't there any more.
    """

    removed: int
    returned: int
    kept: tuple[tuple[str, str], ...]
    gone: int


@dataclass(frozen=True)
class Trashed:
    """An exemplar in the trash: ``number`` tells it from others that had its id."""

    number: int
    module: str
    exemplar: AnnotatedExemplar
    at: datetime
    who: str
    note: str
