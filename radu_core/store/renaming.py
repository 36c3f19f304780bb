"""Renaming a function or a slot in everything that the store holds of a module."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, insert, or_, select, update

from radu_core.store import renames
from radu_core.store.changes import Writing, add_event, put_texts
from radu_core.store.derived import slots_of
from radu_core.store.renames import Rename
from radu_core.store.stored_json import read_exemplar
from radu_core.store.tables import events, exemplars, opinions

__all__ = ["Found", "contexts", "find", "rename"]

_PART = 500


@dataclass
class Found:
    """What names a function or a slot: exemplars, where in them, and opinions about them.

    ``taken`` are exemplars that have the new name already, for something else.
    """

    exemplars: list[str] = field(default_factory=list)
    parts: Counter[str] = field(default_factory=Counter)
    opinions: int = 0
    taken: list[str] = field(default_factory=list)


def contexts(connection: Connection, module: str) -> list[str]:
    """All contexts of a module's exemplars, as they are or were imported, each once."""
    contexts_found: set[str] = set()
    columns = (exemplars.c.data, exemplars.c.imported)
    query = select(*columns).where(exemplars.c.module == module)
    holds_context = or_(*(c.contains('"context":"', autoescape=True) for c in columns))
    for row in connection.execute(query.where(holds_context)):
        contexts_found |= {json.loads(text).get("context") or "" for text in row if text}
    return sorted(contexts_found - {""})


def find(connection: Connection, module: str, rename: Rename) -> Found:
    """What renaming would change; nothing is."""
    mentions = Found()
    for row, texts in _rows(connection, module, rename):
        mentions.exemplars.append(row["id"])
        mentions.parts.update(renames.parts(rename, row, texts))
    mentions.opinions = sum(1 for _ in _opinions(connection, module, rename))
    mentions.taken = list(_exemplars_in_the_way(connection, module, rename))
    return mentions


def rename(w: Writing, rename: Rename) -> list[str]:
    """Rename in every exemplar and opinion; the exemplars' ids. The schema isn't touched.

    The event of an exemplar holds no labels: it is no decision, and undo doesn't stop at it. What
    was before it gets the new name when it comes back (``renames.in_state``).
    """
    changes = [
        (row["id"], row["revision"], _columns(row, texts))
        for row, texts in _rows(w.connection, w.module, rename)
    ]
    add_event(w, None, renames.KIND, None, rename.as_json(), rename.note)
    for start in range(0, len(changes), _PART):
        _write(w, rename, changes[start : start + _PART])
    for key, data in list(_opinions(w.connection, w.module, rename)):
        own = (opinions.c.module == w.module) & (opinions.c.exemplar == key[0])
        statement = update(opinions).where(own, opinions.c.who == key[1])
        w.connection.execute(statement.values(data=data))
    return [id_ for id_, _, _ in changes]


def _columns(row: Mapping[str, Any], texts: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a renamed row. Its queue stays: it isn't asked anything else."""
    columns = {name: texts.get(name, row[name]) for name in ("imported", "readings", "details")}
    columns["data"] = texts.get("data", row["data"])
    exemplar = read_exemplar(columns["data"], module=row["module"], id=row["id"])
    return columns | {"function": exemplar.function, "slots": slots_of(exemplar.arguments)}


def _write(w: Writing, rename: Rename, part: list[tuple[str, int, dict[str, Any]]]) -> None:
    names = [*part[0][2], "revision", "updated"]
    statement = update(exemplars).where(
        exemplars.c.module == w.module, exemplars.c.id == bindparam("key_id")
    )
    rows = [
        {
            "key_id": id_,
            **{f"new_{k}": v for k, v in columns.items()},
            "new_revision": revision + 1,
            "new_updated": w.now,
        }
        for id_, revision, columns in part
    ]
    w.connection.execute(statement.values({n: bindparam(f"new_{n}") for n in names}), rows)
    put_texts(w, [read_exemplar(c["data"], module=w.module, id=id_) for id_, _, c in part])
    event = {
        "module": w.module,
        "at": w.now,
        "who": w.who,
        "kind": renames.KIND,
        "before": None,
        "after": None,
        "note": rename.note,
    }
    w.connection.execute(insert(events), [{**event, "exemplar": id_} for id_, _, _ in part])


def _rows(
    connection: Connection, module: str, rename: Rename
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The rows that change, with the texts that do; the JSON is searched for the name first."""
    name = json.dumps(rename.function, ensure_ascii=False)[1:-1]
    conditions = [
        c.contains(name, autoescape=True) for c in (exemplars.c.data, exemplars.c.imported)
    ]
    query = select(exemplars).where(exemplars.c.module == module, or_(*conditions))
    for stored_row in connection.execute(query.order_by(exemplars.c.id)).mappings():
        row = dict(stored_row)
        texts = renames.in_row(rename, row)
        if texts:
            yield row, texts


def _opinions(
    connection: Connection, module: str, rename: Rename
) -> Iterator[tuple[tuple[str, str], str]]:
    """Exemplar and person of each opinion that names it, and the opinion with the new name."""
    query = select(opinions).where(opinions.c.module == module)
    for row in connection.execute(query).mappings().all():
        text = renames.in_state({"data": row["data"]}, [rename], after=-1)["data"]
        if text != row["data"]:
            yield (row["exemplar"], row["who"]), str(text)


def _exemplars_in_the_way(connection: Connection, module: str, rename: Rename) -> Iterator[str]:
    """Exemplars that already are of the function ``new``, or have an argument of that name."""
    name_wanted = rename.new if rename.slot is None else rename.function
    query = select(exemplars.c.id, exemplars.c.data).where(
        exemplars.c.module == module, exemplars.c.function == name_wanted
    )
    for row in connection.execute(query.order_by(exemplars.c.id)):
        if rename.slot is None or rename.new in json.loads(row.data)["arguments"]:
            yield row.id
