"""The note in a dataset or run that holds exemplars which were deleted for good."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from radu_core.errors import RaduError
from radu_core.files import read_json, write_json
from radu_core.words import quantity

__all__ = ["note_deleted", "note_of"]

_NOTE = "deleted.json"


def note_deleted(directory: Path, exemplars: int, *, at: datetime, who: str) -> None:
    """Leave a note in a dataset or run, for whoever looks at it: how many, when, by whom."""
    before = _read_note(directory).get("exemplars", 0)
    note = {"exemplars": before + exemplars, "at": at.isoformat(), "who": who}
    write_json(directory / _NOTE, note)


def _read_note(directory: Path) -> dict[str, Any]:
    try:
        note = read_json(directory / _NOTE)
    except (RaduError, OSError):
        return {}
    return note if isinstance(note, dict) else {}


def note_of(directory: Path) -> str:
    """The note in a dataset or run about exemplars that were deleted; "" if there is none."""
    note = _read_note(directory)
    if not note.get("exemplars"):
        return ""
    exemplars_text = quantity(int(note["exemplars"]), "exemplar")
    return f"it holds rows of {exemplars_text} deleted for good on {str(note.get('at', ''))[:10]}"
