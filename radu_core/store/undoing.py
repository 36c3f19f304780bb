"""Taking a batch back, as far as nobody has worked on its exemplars since, and doing it again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, RowMapping, bindparam, select, update

from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import canonical_json
from radu_core.store import bulk, renames, tagging, trash
from radu_core.store.changes import Writing, put_texts, set_standing, standing_people
from radu_core.store.derived import DISAGREEMENT, derive
from radu_core.store.imports import newest
from radu_core.store.records import ImportRecord, Moved
from radu_core.store.rows import KEPT, columns_of, state_before, state_of
from radu_core.store.splits import set_splits
from radu_core.store.stored_json import exemplar_text, read_exemplar
from radu_core.store.tables import events, exemplars, import_rows, imports, judgements

__all__ = ["redo", "undo"]

# Decisions about functions, not about the one exemplar: they don't keep what an import added.
_OF_THE_MODULE = (*bulk.RELABELLED, renames.KIND, "contradicted")


def undo(w: Writing, batch: ImportRecord) -> Moved:
    """Take a batch back, as far as that is possible; what it changed before can be done again.

    What it added goes to the trash, what it changed returns to what it was. What people have
    decided since, or a later import has changed, stays.
    """
    return _move(w, batch, back=True)


def redo(w: Writing, batch: ImportRecord) -> Moved:
    """Do again what taking a batch back has undone, under the same conditions."""
    return _move(w, batch, back=False)


def _move(w: Writing, batch: ImportRecord, *, back: bool) -> Moved:
    watermark = newest(w.connection)
    removed = returned = missing = 0
    reasons_kept: list[tuple[str, str]] = []
    for part in _rows(w, batch.id, undone=not back):
        plan = _Part(w, batch, part, back=back)
        plan.do(watermark)
        removed += len(plan.added)
        returned += sum(row.kind != "kept" for row in plan.others)
        missing += plan.gone
        reasons_kept += plan.kept
    has_more = not back and next(_rows(w, batch.id, undone=True), None) is not None
    values = {"undone": int(back or has_more), "moved": w.now, "moved_by": w.who}
    w.connection.execute(update(imports).where(imports.c.id == batch.id).values(values))
    return Moved(removed, returned, tuple(reasons_kept), missing)


def _rows(w: Writing, number: int, *, undone: bool) -> Iterator[Sequence[Row[Any]]]:
    """The rows of a batch that stand, or that were taken back; some at a time, by exemplar."""
    last = ""
    own = (import_rows.c.batch == number) & (import_rows.c.undone == int(undone))
    while True:
        query = select(import_rows).where(own, import_rows.c.exemplar > last)
        rows = w.connection.execute(query.order_by(import_rows.c.exemplar).limit(500)).all()
        if not rows:
            return
        last = rows[-1].exemplar
        yield rows


class _Part:
    """Some rows of a batch: those that were ``added``, the ``others``, and what has to stay."""

    def __init__(
        self, w: Writing, batch: ImportRecord, rows: Sequence[Row[Any]], *, back: bool
    ) -> None:
        self._w = w
        self._batch = batch
        self._back = back
        ids = [row.exemplar for row in rows]
        self._there = bulk.rows_of(w, ids)
        self._trash = (
            {} if back else trash.newest_numbers(w.connection, w.module, ids, batch=batch.id)
        )
        why = _reasons(w, batch, rows) if batch.kind == "import" else {}
        self.added: list[Row[Any]] = []
        self.others: list[Row[Any]] = []
        self.kept: list[tuple[str, str]] = []
        self.gone = 0
        for row in rows:
            self._sort(row, why.get(row.exemplar))

    def _sort(self, row: Row[Any], why: str | None) -> None:
        id_ = row.exemplar
        there = id_ in self._there
        if row.kind == "added" and not self._back:
            if there:
                self.kept.append((id_, "its id is in use again"))
            elif id_ in self._trash:
                self.added.append(row)
            else:
                self.gone += 1
        elif not there:
            self.gone += 1
        elif row.kind == "split" and self._there[id_]["split"] != json.loads(row.state)["set"]:
            self.kept.append((id_, "its split was changed since"))
        elif why and row.kind != "kept":
            self.kept.append((id_, why))
        else:
            (self.added if row.kind == "added" else self.others).append(row)

    def do(self, watermark: int) -> None:
        """Do it, and remember the other side."""
        what = "taken back" if self._back else "done again"
        note = f"import {self._batch.id} was {what}"
        ids = [row.exemplar for row in self.added]
        if self._back:
            trash.put(self._w, ids, note=note, batch=self._batch.id)
        else:
            trash.bring_back(self._w, [self._trash[id_] for id_ in ids], note=note)
        states: dict[str, str | None] = dict.fromkeys(ids)
        of_kind = {kind: [r for r in self.others if r.kind == kind] for kind in _SWAP}
        for kind, swap in _SWAP.items():
            if of_kind[kind]:
                states |= swap(self._w, of_kind[kind], self._there, note)
        _flip(self._w, self._batch.id, states, back=self._back, watermark=watermark)


def _flip(
    w: Writing, number: int, states: Mapping[str, str | None], *, back: bool, watermark: int
) -> None:
    if not states:
        return
    own = (import_rows.c.batch == number) & (import_rows.c.exemplar == bindparam("key"))
    values = {"state": bindparam("new"), "undone": int(back), "event": watermark}
    rows = [{"key": id_, "new": state} for id_, state in states.items()]
    w.connection.execute(update(import_rows).where(own).values(values), rows)


def _swap_labels(
    w: Writing, rows: Sequence[Row[Any]], there: Mapping[str, RowMapping], note: str
) -> dict[str, str | None]:
    """Give exemplars the state that is remembered; by id, the one they had."""
    ids = [row.exemplar for row in rows]
    people = standing_people(w, ids)
    states: dict[str, str | None] = {i: state_of(there[i], people[i]) for i in ids}
    changes, items = [], []
    list_of_renames = renames.list_renames(w.connection, w.module)
    tags = tagging.list_changes(w.connection, w.module, ids)
    for row in rows:
        now, id_ = there[row.exemplar], row.exemplar
        state = renames.in_state(state_before(row.state), list_of_renames, after=row.event)
        state = tagging.in_state(state, tags[id_], after=row.event, module=w.module, id=id_)
        item = read_exemplar(state["data"], module=w.module, id=id_)
        if now["split"] != json.loads(now["imported"] or now["data"])["split"]:
            item = item.model_copy(update={"split": now["split"]})  # it was split since
        changes.append((now, _columns(item, state)))
        items.append(item)
    bulk.change_all(w, changes, kind="imported", note=note, whole=False)
    put_texts(w, items)
    for row in rows:
        opinions = state_before(row.state).get("opinions", ())
        if opinions:
            set_standing(w, row.exemplar, opinions)
    return states


def _columns(item: AnnotatedExemplar, state: Mapping[str, Any]) -> dict[str, Any]:
    kept_columns = {name: state[name] for name in KEPT}
    disagreement = state.get("queue") == DISAGREEMENT
    columns = {**columns_of(item, exemplar_text(item)), **kept_columns}
    return columns | derive(item, kept_columns["flag_kind"], disagreement=disagreement)


def _swap_imported(
    w: Writing, rows: Sequence[Row[Any]], there: Mapping[str, RowMapping], _: str
) -> dict[str, str | None]:
    """Give exemplars that were kept the row back that a file had of them; no label changes."""
    own = (exemplars.c.module == w.module) & (exemplars.c.id == bindparam("key"))
    list_of_renames = renames.list_renames(w.connection, w.module)
    values = [
        {
            "key": r.exemplar,
            "new": _with_new_names(json.loads(r.state)["imported"], list_of_renames, after=r.event),
        }
        for r in rows
    ]
    statement = update(exemplars).where(own).values(imported=bindparam("new"))
    w.connection.execute(statement, values)
    return {r.exemplar: canonical_json({"imported": there[r.exemplar]["imported"]}) for r in rows}


def _with_new_names(
    text: str | None, all_renames: Sequence[renames.Rename], *, after: int
) -> str | None:
    """An exemplar's JSON with the names that were given after an event."""
    if text is None:
        return None
    return str(renames.in_state({"data": text}, all_renames, after=after)["data"])


def _swap_splits(
    w: Writing, rows: Sequence[Row[Any]], there: Mapping[str, RowMapping], note: str
) -> dict[str, str | None]:
    split_by_id = {r.exemplar: str(json.loads(r.state)["split"]) for r in rows}
    return dict(set_splits(w, [there[id_] for id_ in split_by_id], split_by_id, note=note))


_SWAP = {"changed": _swap_labels, "kept": _swap_imported, "split": _swap_splits}


def _reasons(w: Writing, batch: ImportRecord, rows: Sequence[Row[Any]]) -> dict[str, str]:
    """By id, why an exemplar has to stay as it is."""
    since = {row.exemplar: row.event for row in rows}
    added_ids = {row.exemplar for row in rows if row.kind == "added"}
    return {
        **_later_imports(w, batch, list(since)),
        **_judgements_since(w, batch, list(since)),
        **_decisions_since(w, since, added_ids),
    }


def _decisions_since(w: Writing, since: Mapping[str, int], added_ids: set[str]) -> dict[str, str]:
    """What people have decided or said of these exemplars since, and hasn't been taken back."""
    columns = (
        events.c.id,
        events.c.exemplar,
        events.c.kind,
        events.c.who,
        events.c.note,
        events.c.before.is_not(None).label("has"),
    )
    own = (events.c.module == w.module) & events.c.exemplar.in_(list(since))
    query = select(*columns).where(own, events.c.id > min(since.values())).order_by(events.c.id)
    standing: dict[str, list[str]] = {id_: [] for id_ in since}
    opinions: dict[str, list[str]] = {id_: [] for id_ in since}
    comments: dict[str, str] = {}
    for event in w.connection.execute(query):
        id_ = event.exemplar
        if event.id <= since[id_] or (id_ in added_ids and event.kind in _OF_THE_MODULE):
            continue
        if event.kind == "commented":
            comments[id_] = f"commented on by {event.who} since"
        elif event.kind == "opinion":
            opinions[id_].append(event.who)
        elif event.kind == "withdrawn":
            opinions[id_] = [who for who in opinions[id_] if who != event.who]
        elif event.kind == "restored" and event.note is None:
            standing[id_] = standing[id_][:-1]
        elif event.has and event.kind not in ("imported", renames.KIND, *tagging.KINDS):
            standing[id_].append(f"decided by {event.who} since ({event.kind})")
    reasons = {i: f"{people[-1]} gave an opinion since" for i, people in opinions.items() if people}
    return {
        **comments,
        **reasons,
        **{i: decision[-1] for i, decision in standing.items() if decision},
    }


def _judgements_since(w: Writing, batch: ImportRecord, ids: Sequence[str]) -> dict[str, str]:
    """Which of these exemplars are in a pair that somebody has judged since."""
    table = judgements.c
    either = table.first.in_(ids) | table.second.in_(ids)
    query = select(table.first, table.second, table.verdict, table.who).where(
        table.module == w.module, either, table.at >= batch.at
    )
    newest = {(r.first, r.second): r for r in w.connection.execute(query.order_by(table.id))}
    return {
        id_: f"judged by {row.who} since (a pair with another exemplar)"
        for pair, row in newest.items()
        if row.verdict != "withdrawn"
        for id_ in pair
        if id_ in ids
    }


def _later_imports(w: Writing, batch: ImportRecord, ids: Sequence[str]) -> dict[str, str]:
    """Which of these exemplars a later import has changed, and which one."""
    query = select(import_rows.c.exemplar, import_rows.c.batch).where(
        import_rows.c.module == w.module,
        import_rows.c.exemplar.in_(ids),
        import_rows.c.batch > batch.id,
        import_rows.c.undone == 0,
        import_rows.c.kind.in_(("added", "changed")),
    )
    rows_found = w.connection.execute(query.order_by(import_rows.c.batch))
    return {row.exemplar: f"changed by import {row.batch} since" for row in rows_found}
