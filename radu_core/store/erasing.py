"""Deleting for good: every row that tells of an exemplar or a module, and then the file's remains.

A database doesn't overwrite what is deleted: SQLite leaves it in free pages and in its log,
PostgreSQL in dead rows. ``scrub`` rewrites the tables, so that the text is in no file of theirs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import (
    Column,
    ColumnElement,
    Engine,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.engine.interfaces import DBAPICursor

from radu_core.files import canonical_json
from radu_core.store import bulk
from radu_core.store.changes import Writing
from radu_core.store.derived import fold_for_search
from radu_core.store.tables import (
    events,
    exemplars,
    import_rows,
    imports,
    judgements,
    leases,
    metadata,
    modules,
    operations,
    opinions,
    skips,
    templates,
    texts,
    trash,
)

__all__ = ["empty", "erase", "erase_module", "others_saying", "scrub"]

_ERASED = "deleted for good"
_GONE = "(deleted)"
_SHORTEST = 8  # characters: a shorter utterance stands in many sentences by chance
_OF_EXEMPLARS = (
    (exemplars, exemplars.c.id),
    (texts, texts.c.id),
    (trash, trash.c.exemplar),
    (events, events.c.exemplar),
    (opinions, opinions.c.exemplar),
    (operations, operations.c.exemplar),
    (leases, leases.c.exemplar),
    (skips, skips.c.exemplar),
    (import_rows, import_rows.c.exemplar),
)
_OF_MODULES = (
    exemplars,
    texts,
    trash,
    events,
    opinions,
    operations,
    leases,
    skips,
    judgements,
    import_rows,
    imports,
    templates,
)


def erase(w: Writing, ids: Sequence[str]) -> set[str]:
    """Delete all that tells of these exemplars, in the trash or not, and what quotes them.

    Returns the utterances that they have had, for whoever has to look for them elsewhere.
    """
    words_erased = {words for part in bulk.parts(ids) for words in _utterances_of(w, part)}
    many = "s" if len(ids) != 1 else ""
    _tell(w, f"{len(ids)} exemplar{many}")  # first: so that no number of an event comes twice
    for part in bulk.parts(ids):
        for table, column in _OF_EXEMPLARS:
            w.connection.execute(delete(table).where(table.c.module == w.module, column.in_(part)))
        pair = judgements.c.first.in_(part) | judgements.c.second.in_(part)
        w.connection.execute(delete(judgements).where(judgements.c.module == w.module, pair))
    _forget_quotes(w, set(ids), words_erased)
    return words_erased


def empty(w: Writing, ids: Sequence[str]) -> set[str]:
    """Delete exemplars that lie in the trash; see ``erase``.

    Where an id is in use again, only what lies in the trash goes: the history is the other's too.
    """
    revisions = set(bulk.revisions(w, ids))
    utterances_erased = erase(w, [id_ for id_ in ids if id_ not in revisions])
    for part in bulk.parts(sorted(revisions)):
        own = (trash.c.module == w.module) & trash.c.exemplar.in_(part)
        for data in w.connection.scalars(select(trash.c.data).where(own)):
            utterances_erased.update(_utterances((json.loads(data)["row"]["data"],)))
        w.connection.execute(delete(trash).where(own))
    return utterances_erased


def others_saying(w: Writing, utterances: Iterable[str], *, limit: int) -> list[tuple[str, str]]:
    """Exemplars of any module that say just the same: (module, id), sorted, ``limit`` at most."""
    starts = {fold_for_search(f"{utterance}\n") for utterance in utterances}
    lengths = sorted({len(start) for start in starts})
    query = select(texts.c.module, texts.c.id, texts.c.text).order_by(texts.c.module, texts.c.id)
    others = []
    for row in w.connection.execute(query.execution_options(yield_per=1_000)):
        if any(row.text[:length] in starts for length in lengths):
            others.append((row.module, row.id))
            if len(others) == limit:
                break
    return others


def _utterances_of(w: Writing, ids: Sequence[str]) -> Iterator[str]:
    """Every utterance that these exemplars have now, have had, or had in a file."""
    own = (exemplars.c.module == w.module) & exemplars.c.id.in_(ids)
    own_events = (events.c.module == w.module) & events.c.exemplar.in_(ids)
    thrown = (trash.c.module == w.module) & trash.c.exemplar.in_(ids)
    for row in w.connection.execute(select(exemplars.c.data, exemplars.c.imported).where(own)):
        yield from _utterances(row)
    for row in w.connection.execute(select(events.c.before, events.c.after).where(own_events)):
        yield from _utterances(row)
    for data in w.connection.scalars(select(trash.c.data).where(thrown)):
        imported_row = json.loads(data)["row"]
        yield from _utterances((imported_row["data"], imported_row["imported"]))


def _utterances(states: Iterable[str | None]) -> Iterator[str]:
    """The utterances in exemplars or states of them; what isn't valid can be deleted, too."""
    for text in states:
        try:
            state = json.loads(text) if text else {}
            exemplar = json.loads(state["data"]) if "data" in state else state
            utterance = exemplar["utterance"]
        except (ValueError, TypeError, LookupError, RecursionError):
            continue
        if isinstance(utterance, str):
            yield utterance


def _forget_quotes(w: Writing, ids: set[str], utterances: set[str]) -> None:
    """Take their words out of rejected rows, notes and flags that quote them."""
    words = _Words([*ids, *utterances])
    query = select(imports.c.id, imports.c.rejections).where(imports.c.module == w.module)
    for number, rejections in w.connection.execute(query).all():
        before = json.loads(rejections)
        after = [_erase_quotes(rejection, words) for rejection in before]
        if after != before:
            statement = update(imports).where(imports.c.id == number)
            w.connection.execute(statement.values(rejections=canonical_json(after)))
    _unquote(w, exemplars, exemplars.c.flag, words)
    _unquote(w, events, events.c.note, words)


class _Words:
    """Ids and utterances, to be found in other texts; the short ones only where they are all."""

    def __init__(self, words: Iterable[str]) -> None:
        self._all = set(words)
        self._by_start: dict[str, list[str]] = {}
        for word in self._all:
            if len(word) >= _SHORTEST:
                self._by_start.setdefault(word[:_SHORTEST], []).append(word)

    def stand_in(self, text: str) -> bool:
        """Whether one of them stands in a text."""
        return text in self._all or any(
            text.startswith(word, start)
            for start in range(len(text) - _SHORTEST + 1)
            for word in self._by_start.get(text[start : start + _SHORTEST], ())
        )


def _erase_quotes(rejection: dict[str, object], words: _Words) -> dict[str, object]:
    return {
        name: _GONE if isinstance(value, str) and words.stand_in(value) else value
        for name, value in rejection.items()
    }


def _unquote(w: Writing, table: Table, column: Column[str], words: _Words) -> None:
    own = table.c.module == w.module
    for value in w.connection.scalars(select(column).where(own).distinct()).all():
        if value is not None and words.stand_in(value):
            statement = update(table).where(own, column == value)
            w.connection.execute(statement.values({column.key: _GONE}))


def erase_module(w: Writing) -> None:
    """Delete a module that is in the trash for good, with everything in it."""
    _tell(w, "the module")
    newest = select(func.max(events.c.id)).scalar_subquery()
    for table in _OF_MODULES:
        own: ColumnElement[bool] = table.c.module == w.module
        if table is events:
            own &= events.c.id < newest
        w.connection.execute(delete(table).where(own))
    w.connection.execute(delete(modules).where(modules.c.id == w.module))


def _tell(w: Writing, what: str) -> None:
    fields = {"module": w.module, "exemplar": None, "at": w.now, "who": w.who, "kind": _ERASED}
    w.connection.execute(insert(events).values(**fields, before=None, after=None, note=what))


def scrub(engine: Engine) -> str:
    """Rewrite the database's files without what was deleted; what kept it from that, or "".

    Other processes may continue; one that reads or writes meanwhile keeps the old pages in use.
    """
    raw = engine.raw_connection()
    try:
        if engine.dialect.name == "sqlite":
            return _scrub_sqlite(raw.cursor())
        raw.driver_connection.autocommit = True  # type: ignore[union-attr]
        cursor = raw.cursor()
        cursor.execute("SET lock_timeout = 5000")
        for table in metadata.sorted_tables:
            cursor.execute(f'VACUUM FULL "{table.name}"')
    except Exception as error:  # of whichever driver: what was deleted is deleted anyway
        return str(error).splitlines()[0]
    finally:
        raw.invalidate()  # the settings above aren't for those who come after
    return ""


def _scrub_sqlite(cursor: DBAPICursor) -> str:
    cursor.execute("VACUUM")
    cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    busy, *_ = cursor.fetchone() or (0,)
    return "another process reads the database, so its log still holds it" if busy else ""
