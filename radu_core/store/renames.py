"""Other names for functions and slots: in an exemplar, in its row, and in what was before."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from radu_core.errors import AlignmentError
from radu_core.exemplars import AnnotatedExemplar, SlotRef, Template, parse_template
from radu_core.files import canonical_json
from radu_core.store.rows import aware
from radu_core.store.stored_json import read_exemplar
from radu_core.store.tables import events

__all__ = ["KIND", "Rename", "in_exemplar", "in_row", "in_state", "list_renames", "parts"]

KIND = "renamed"  # the event: one of the module that says what, one of each exemplar without labels


@dataclass(frozen=True)
class Rename:
    """A function (``slot`` None), or one of its slots, gets the name ``new``.

    ``contexts`` says what becomes of each context that names it: a function's name may have dots,
    so that only the schema of that time could tell. ``event`` and ``at`` are the event's id and
    time once it is done.
    """

    function: str
    new: str
    slot: str | None = None
    contexts: Mapping[str, str] = field(default_factory=dict)
    event: int = 0
    at: datetime | None = None

    @property
    def old(self) -> str:
        """The name that goes."""
        return self.function if self.slot is None else self.slot

    @property
    def note(self) -> str:
        """What is done, for the history."""
        if self.slot is None:
            return f"function {self.old} → {self.new}"
        return f"slot {self.function}.{self.old} → {self.new}"

    def as_json(self) -> str:
        """What the module's event says."""
        return canonical_json({k: v for k, v in asdict(self).items() if k not in ("event", "at")})


def list_renames(connection: Connection, module: str) -> list[Rename]:
    """All renames of a module that were done, oldest first."""
    query = select(events.c.id, events.c.at, events.c.after).where(
        events.c.module == module, events.c.kind == KIND, events.c.exemplar.is_(None)
    )
    rows = connection.execute(query.order_by(events.c.id))
    return [Rename(**json.loads(row.after), event=row.id, at=aware(row.at)) for row in rows]


def in_exemplar(rename: Rename, exemplar: AnnotatedExemplar) -> AnnotatedExemplar:
    """The exemplar with the new name everywhere; itself where it doesn't name it."""
    update: dict[str, Any] = {}
    if exemplar.function == rename.function:
        update = {"function": rename.new} if rename.slot is None else _slot(rename, exemplar)
    context = exemplar.context or ""
    if context in rename.contexts:
        update["context"] = rename.contexts[context]
    renamed_exemplar = exemplar.model_copy(update=update)
    return exemplar if renamed_exemplar == exemplar else renamed_exemplar


def _slot(rename: Rename, exemplar: AnnotatedExemplar) -> dict[str, Any]:
    spans = exemplar.spans
    return {
        "arguments": {_name(rename, slot): value for slot, value in exemplar.arguments.items()},
        "spans": None
        if spans is None
        else tuple(s.model_copy(update={"slot": _name(rename, s.slot)}) for s in spans),
        "template": _template(rename, exemplar.template),
        "implied": tuple(_name(rename, slot) for slot in exemplar.implied),
    }


def _name(rename: Rename, slot: str) -> str:
    return rename.new if slot == rename.slot else slot


def _template(rename: Rename, text: str | None) -> str | None:
    if text is None:
        return None
    try:
        template = parse_template(text)
    except AlignmentError:  # a labeller's own that can't be read: it stays as it was given
        return text
    parts_renamed = (
        SlotRef(_name(rename, p.name)) if isinstance(p, SlotRef) else p for p in template.parts
    )
    return str(Template(tuple(parts_renamed)))


def in_row(rename: Rename, row: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a row's texts (its exemplar, what was imported, readings, details) that change."""
    texts = {name: _text(rename, row, name) for name in ("data", "imported") if row.get(name)}
    if rename.slot is not None and _read(row, "data").function == rename.function:
        texts |= {
            name: _rename_in_json(rename, row[name])
            for name in ("readings", "details")
            if row.get(name)
        }
    return {name: text for name, text in texts.items() if text != row[name]}


def _read(row: Mapping[str, Any], column: str) -> AnnotatedExemplar:
    """An exemplar in a row, or in what an event holds of one, which doesn't say whose it is."""
    id_ = row.get("id") or row.get("exemplar") or "in an event"
    return read_exemplar(row[column], module=row.get("module", "its module"), id=id_)


def _text(rename: Rename, row: Mapping[str, Any], column: str) -> str:
    exemplar = _read(row, column)
    renamed_exemplar = in_exemplar(rename, exemplar)
    return str(row[column]) if renamed_exemplar is exemplar else renamed_exemplar.model_dump_json()


def _rename_in_json(rename: Rename, text: str) -> str:
    """Readings or details, as JSON, with the slot's new name."""

    def rename_in(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {k: rename_in(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [rename_in(v, key) for v in value]
        if key in ("slot", "implied"):
            return _name(rename, value)
        return _template(rename, value) if key == "template" else value

    return canonical_json(rename_in(json.loads(text)))


def in_state(state: Mapping[str, Any], renames: Iterable[Rename], *, after: int) -> dict[str, Any]:
    """A state that an event holds, with the names that were given ``after`` it."""
    state_renamed = dict(state)
    for rename in renames:
        if rename.event > after:
            state_renamed |= in_row(rename, state_renamed)
    return state_renamed


def parts(rename: Rename, row: Mapping[str, Any], texts: Mapping[str, Any]) -> list[str]:
    """Where a row holds the name, in words for people."""
    labels = {"imported": "as imported", "readings": "readings", "details": "what alignment found"}
    labels_changed = [words for name, words in labels.items() if name in texts]
    if "data" in texts:
        before, after = _read(row, "data"), _read({**row, **texts}, "data")
        names = ("function", "arguments", "spans", "template", "implied", "context")
        labels_changed += [name for name in names if getattr(before, name) != getattr(after, name)]
    return labels_changed
