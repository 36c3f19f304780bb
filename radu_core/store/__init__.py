"""The embedded store: modules, exemplars, decisions, templates and imports, in one database."""

from radu_core.store.records import (
    AlignmentRecord,
    Event,
    ImportRecord,
    Moved,
    NewBatch,
    PutCounts,
    SchemaVersion,
    StoredExemplar,
    TemplateVersion,
    Trashed,
)
from radu_core.store.repository import Store

__all__ = [
    "AlignmentRecord",
    "Event",
    "ImportRecord",
    "Moved",
    "NewBatch",
    "PutCounts",
    "SchemaVersion",
    "Store",
    "StoredExemplar",
    "TemplateVersion",
    "Trashed",
]
