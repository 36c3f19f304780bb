"""What to hand out next: the queues, their order, and search. Only narrow indexes are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    func,
    insert,
    not_,
    or_,
    select,
    true,
)

from radu_core.schema import OUT_OF_SCOPE
from radu_core.store.changes import Writing
from radu_core.store.derived import DISAGREEMENT, QUEUES, fold_for_search, split_slots
from radu_core.store.leases import Lease
from radu_core.store.tables import exemplars, operations, opinions, skips, texts

__all__ = [
    "ANY",
    "Apart",
    "Filter",
    "find",
    "holds_words",
    "matches",
    "pick",
    "skip",
    "unskip",
    "waiting",
]

_ESCAPE = "\\"


@dataclass(frozen=True)
class Filter:
    """Which exemplars: "" is any. ``queue`` "all" and ``search`` reach those in no queue too.

    ``skipped`` asks for what this person has skipped. ``since`` is the number of the tab's last
    operation before it filtered so: what it has worked on after that isn't found once more.
    """

    queue: str = ""
    function: str = ""
    search: str = ""
    skipped: bool = False
    since: int = 0

    @property
    def anywhere(self) -> bool:
        """Whether exemplars in no queue are looked at as well."""
        return bool(self.search.strip()) or self.queue == "all"


ANY = Filter()


@dataclass(frozen=True)
class Apart:
    """Ids that aren't handed out.

    ``held`` by any other tab, ``blocked`` for this person, those the tab itself has (``own``), and
    those that can't be shown (``unfit``).
    """

    held: Collection[str] = ()
    blocked: Collection[str] = ()
    own: Collection[str] = ()
    client: str = ""
    unfit: Collection[str] = ()


class _Combo(NamedTuple):
    """The exemplars of a queue with one function and set of slots: equally valuable."""

    function: str | None
    slots: str


def waiting(connection: Connection, module: str, filter_: Filter = ANY) -> dict[str, int]:
    """Queue → number waiting of what the filter finds, whoever holds it; 0 where there are none."""
    query = select(exemplars.c.queue, func.count()).where(*_where(module, filter_))
    rows = connection.execute(query.group_by(exemplars.c.queue)).all()
    counts = {row.queue: int(row[1]) for row in rows}
    return {queue: counts.get(queue, 0) for queue in QUEUES}


def pick(
    w: Writing, filter_: Filter, apart: Apart, want: int, *, counts: Mapping[str, int]
) -> list[str]:
    """Up to ``want`` ids to hand out to a person, best first; ``counts`` are those of ``waiting``.

    Queues come in their order, in each the fewest resolved training exemplars of the function or
    of its rarest slot first; ties by function, slots, id, so that one stays with what one is at. A
    search goes by id. What was skipped comes, the longest ago first, when nothing else is left.
    While others work on the module as well, a tab is given a quarter of a queue, then one at a
    time, so that they have something to do; and never nothing while something is free.
    """
    if filter_.anywhere:
        ids = _next_in_search(w, filter_, apart, want)
        return ids or _next_skipped(w, filter_, apart, want)
    if filter_.skipped:
        return _next_skipped(w, filter_, apart, want)
    if filter_.function:
        counts = waiting(w.connection, w.module, filter_)
    some = [q for q in QUEUES if counts[q] and filter_.queue in ("", q)]
    total = sum(counts[q] for q in some)
    share = max(2, total // 4)  # the one that is shown, and the next
    most = min(want, max(1, share - len(apart.own))) if apart.held else want
    ids = _first(w, filter_, apart, some, most)
    if not ids and want > 0 and not apart.own:
        ids = _next_skipped(w, filter_, apart, most)
    return ids


def _first(
    w: Writing, filter_: Filter, apart: Apart, queues: Sequence[str], most: int
) -> list[str]:
    ids: list[str] = []
    worth = _Worth(w) if queues and most else None
    for queue in queues:
        if worth is None or len(ids) >= most:
            break
        here = (*_where(w.module, replace(filter_, queue=queue)), _free(w, apart, queue))
        columns = (exemplars.c.function, exemplars.c.slots)
        rows = w.connection.execute(select(*columns).where(*here).group_by(*columns)).all()
        for combo in worth.sort(_Combo(*row) for row in rows):
            ids += _of_combo(w, combo, here, most - len(ids))
            if len(ids) >= most:
                break
    return ids


def _of_combo(
    w: Writing, combo: _Combo, here: Sequence[ColumnElement[bool]], most: int
) -> Sequence[str]:
    function = _equals(exemplars.c.function, combo.function)
    query = select(exemplars.c.id).where(*here, function, exemplars.c.slots == combo.slots)
    return w.connection.scalars(query.order_by(exemplars.c.id).limit(most)).all()


class _Worth:
    """How many resolved training exemplars a function, or its rarest slot, has: few is worth much.

    A sum over some hundred combinations, which the database counts in one index.
    """

    def __init__(self, w: Writing) -> None:
        self._functions: Counter[str | None] = Counter()
        self._slots: Counter[tuple[str | None, str]] = Counter()
        columns = (exemplars.c.function, exemplars.c.slots)
        query = select(*columns, func.count()).where(
            exemplars.c.module == w.module,
            exemplars.c.outcome == "resolved",
            exemplars.c.split == "train",
        )
        for function, slots, count in w.connection.execute(query.group_by(*columns)).all():
            self._functions[function] += count
            for slot in split_slots(slots):
                self._slots[function, slot] += count

    def sort(self, combos: Iterable[_Combo]) -> list[_Combo]:
        """The most valuable first."""
        return sorted(combos, key=lambda c: (self._of(c), c.function or "", c.slots))

    def _of(self, combo: _Combo) -> int:
        rarest = [self._slots[combo.function, slot] for slot in split_slots(combo.slots)]
        return min([self._functions[combo.function], *rarest])


def _free(
    w: Writing, apart: Apart, queue: str = "", *, skipped: bool = False
) -> ColumnElement[bool]:
    """Whether an exemplar (of ``queue``, if it is known) can be handed out.

    Who has given an opinion isn't asked again, but anyone may settle a disagreement.
    """
    never = {*apart.own, *apart.unfit}
    own_part = [*_not_among({*apart.blocked, *never}), exemplars.c.id.not_in(_with_opinion(w))]
    settled = _not_among({*apart.held, *never})
    if queue in QUEUES:
        parts = settled if queue == DISAGREEMENT else own_part
    else:
        settles = exemplars.c.queue.is_not_distinct_from(DISAGREEMENT)
        parts = [or_(and_(settles, *settled), and_(not_(settles), *own_part))]
    if not skipped:
        parts = [*parts, exemplars.c.id.not_in(_skipped_ids(w))]
    return and_(true(), *parts)


def _with_opinion(w: Writing) -> Select[str]:
    where = (opinions.c.module == w.module) & (opinions.c.who == w.who) & (opinions.c.standing == 1)
    return select(opinions.c.exemplar).where(where)


def _skipped_ids(w: Writing) -> Select[str]:
    return select(skips.c.exemplar).where(skips.c.module == w.module, skips.c.who == w.who)


def _not_among(ids: Collection[str]) -> list[ColumnElement[bool]]:
    return [exemplars.c.id.not_in(sorted(ids))] if ids else []


def _equals(column: ColumnElement[Any], value: str | None) -> ColumnElement[bool]:
    return column.is_(None) if value is None else column == value


def _where(module: str, filter_: Filter) -> Iterator[ColumnElement[bool]]:
    """What the filter asks of the columns of ``exemplar``."""
    yield exemplars.c.module == module
    if filter_.queue in QUEUES:
        yield exemplars.c.queue == filter_.queue
    elif not filter_.anywhere:
        yield exemplars.c.queue.in_(QUEUES)
    if filter_.function == OUT_OF_SCOPE:
        yield exemplars.c.function.is_(None)
        yield exemplars.c.outcome.is_distinct_from("unlabelled")
    elif filter_.function:
        yield exemplars.c.function == filter_.function


def holds_words(search: str) -> Iterator[ColumnElement[bool]]:
    """Every word of the search occurs somewhere; all its characters are literal."""
    for word in dict.fromkeys(fold_for_search(search).split()):
        literal = word
        for sign in (_ESCAPE, "%", "_"):
            literal = literal.replace(sign, _ESCAPE + sign)
        yield texts.c.text.like(f"%{literal}%", escape=_ESCAPE)


# Outer joins, so that SQLite starts from the narrow table: it thinks little of a scan.
_SAME_TEXT = (texts.c.module == exemplars.c.module) & (texts.c.id == exemplars.c.id)
_SAME_SKIP = (skips.c.module == exemplars.c.module) & (skips.c.exemplar == exemplars.c.id)


def _next_in_search(w: Writing, filter_: Filter, apart: Apart, want: int) -> list[str]:
    """What a search, or a walk through all exemplars, comes to next; by id."""
    if filter_.skipped:
        return []
    decided_ids = select(operations.c.exemplar).where(
        operations.c.client == apart.client,
        operations.c.seq > filter_.since,
        operations.c.module == w.module,
        operations.c.exemplar.is_not(None),
    )
    words = list(holds_words(filter_.search))
    query = select(exemplars.c.id).order_by(exemplars.c.id)
    if words:
        query = select(texts.c.id).select_from(texts.outerjoin(exemplars, _SAME_TEXT))
        query = query.where(texts.c.module == w.module, *words).order_by(texts.c.id)
    query = query.where(
        *_where(w.module, filter_), _free(w, apart), exemplars.c.id.not_in(decided_ids)
    )
    return list(w.connection.scalars(query.limit(want)))


def find(connection: Connection, module: str, search: str, *, limit: int) -> list[str]:
    """The first ids, by id, of exemplars in which every word of ``search`` occurs."""
    words = list(holds_words(search))
    query = select(texts.c.id).where(texts.c.module == module, *words)
    return list(connection.scalars(query.order_by(texts.c.id).limit(limit)))


def saying(connection: Connection, module: str, utterance: str) -> list[str]:
    """The ids of exemplars whose utterance is this one or begins with this line, in order.

    The utterance is folded.
    """
    begins = texts.c.text.startswith(fold_for_search(f"{utterance}\n"), autoescape=True)
    query = select(texts.c.id).where(texts.c.module == module, begins)
    return list(connection.scalars(query.order_by(texts.c.id)))


def _next_skipped(w: Writing, filter_: Filter, apart: Apart, want: int) -> list[str]:
    """What this person has skipped, the longest ago first."""
    tables = skips.outerjoin(exemplars, _SAME_SKIP)
    words = list(holds_words(filter_.search))
    if words:
        tables = tables.outerjoin(texts, _SAME_TEXT)
    query = select(skips.c.exemplar).select_from(tables)
    query = query.where(skips.c.module == w.module, skips.c.who == w.who, *words)
    query = query.where(*_where(w.module, filter_), _free(w, apart, skipped=True))
    return list(w.connection.scalars(query.order_by(skips.c.at, skips.c.exemplar).limit(want)))


def skip(w: Writing, id: str) -> None:
    """Don't offer an exemplar to this person until nothing else is left."""
    unskip(w, id)
    w.connection.execute(insert(skips).values(module=w.module, exemplar=id, who=w.who, at=w.now))


def unskip(w: Writing, id: str) -> None:
    """Offer it to this person as if they hadn't skipped it."""
    mine = (skips.c.module == w.module) & (skips.c.exemplar == id) & (skips.c.who == w.who)
    w.connection.execute(delete(skips).where(mine))


def matches(w: Writing, filter_: Filter, others: Iterable[Lease]) -> list[Lease]:
    """Which of the items that others hold the filter finds."""
    fitting = [lease for lease in others if _fits(filter_, lease)]
    words = list(holds_words(filter_.search))
    if words and fitting:
        these = (texts.c.module == w.module) & texts.c.id.in_([lease.exemplar for lease in fitting])
        ids = set(w.connection.scalars(select(texts.c.id).where(these, *words)))
        fitting = [lease for lease in fitting if lease.exemplar in ids]
    return fitting


def _fits(filter_: Filter, lease: Lease) -> bool:
    """What ``_where`` asks, of one exemplar."""
    if filter_.queue in QUEUES and lease.queue != filter_.queue:
        return False
    if lease.queue is None and not filter_.anywhere:
        return False
    if lease.unlabelled:
        return not filter_.function
    return filter_.function in ("", lease.function or OUT_OF_SCOPE)
