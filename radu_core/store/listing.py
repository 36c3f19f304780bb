"""All exemplars of a module as a table: filter, sort and count them in the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Select,
    TableValuedAlias,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    not_,
    select,
)

from radu_core.exemplars import DISCARDED
from radu_core.schema import OUT_OF_SCOPE
from radu_core.store.queues import holds_words
from radu_core.store.tables import exemplars, import_rows, imports, texts

__all__ = [
    "NOT_IMPORTED",
    "SORTS",
    "STATES",
    "UNALIGNED",
    "Choices",
    "Listing",
    "choices",
    "count",
    "find_ids",
    "sources_of",
]

NOT_IMPORTED = 0  # instead of an import's number: written in the studio
UNALIGNED = "new"  # instead of an outcome: not aligned yet
SORTS = ("id", "utterance", "function", "split", "outcome", "updated")
STATES = ("waiting", "decided", "untouched", "flagged", "discarded")


@dataclass(frozen=True)
class Listing:
    """Which exemplars, in which order: "" is any.

    ``function`` can be ``OUT_OF_SCOPE``, ``outcome`` ``UNALIGNED``. ``source`` is the number of the
    import that added or replaced it, or ``NOT_IMPORTED``. ``state``: it waits for a person, a
    person has decided, nobody has, it is flagged, it is discarded. ``sort`` is one of ``SORTS``;
    ties go by id.
    """

    outcome: str = ""
    function: str = ""
    split: str = ""
    tag: str = ""
    state: str = ""
    source: int | None = None
    search: str = ""
    sort: str = "id"
    descending: bool = False


@dataclass(frozen=True)
class Choices:
    """What a module can be filtered by, each with how many exemplars have it.

    ``sources`` are the standing imports, by number: where it came from, and how many it left.
    """

    outcomes: Mapping[str, int]
    functions: Mapping[str, int]
    splits: Mapping[str, int]
    tags: Mapping[str, int]
    sources: Mapping[int, tuple[str, int]]


def count(connection: Connection, module: str, filter_: Listing) -> int:
    """How many exemplars the filter finds."""
    query = _filter(select(func.count()), connection, module, filter_)
    return int(connection.scalar(query) or 0)


def find_ids(
    connection: Connection,
    module: str,
    filter_: Listing,
    *,
    offset: int = 0,
    limit: int | None = None,
) -> list[str]:
    """The ids of what the filter finds, in its order; a page of them."""
    query = _filter(select(exemplars.c.id), connection, module, filter_, sorted_=True)
    return list(connection.scalars(query.offset(offset).limit(limit)))


def _filter(
    query: Select[Any],
    connection: Connection,
    module: str,
    filter_: Listing,
    *,
    sorted_: bool = False,
) -> Select[Any]:
    by_text = sorted_ and filter_.sort == "utterance"
    words = list(holds_words(filter_.search))
    if words or by_text:  # outer, so that SQLite starts from the narrow table
        same = (texts.c.module == exemplars.c.module) & (texts.c.id == exemplars.c.id)
        query = query.select_from(texts.outerjoin(exemplars, same))
        query = query.where(texts.c.module == module, *words)
    else:
        query = query.select_from(exemplars)
    query = query.where(*_where(connection, module, filter_))
    if not sorted_:
        return query
    column = texts.c.text if by_text else exemplars.c[filter_.sort]
    order = column.desc() if filter_.descending else column.asc()
    first = order if by_text or filter_.sort in ("id", "updated") else order.nulls_last()
    return query.order_by(first, exemplars.c.id)


def _where(connection: Connection, module: str, filter_: Listing) -> Iterator[ColumnElement[bool]]:
    yield exemplars.c.module == module
    if filter_.outcome:
        outcome = None if filter_.outcome == UNALIGNED else filter_.outcome
        yield exemplars.c.outcome.is_not_distinct_from(outcome)
    if filter_.function == OUT_OF_SCOPE:
        yield exemplars.c.function.is_(None)
        yield not_(_is_unlabelled(connection))
    elif filter_.function:
        yield exemplars.c.function == filter_.function
    if filter_.split:
        yield exemplars.c.split == filter_.split
    if filter_.tag:
        yield _has_tag(connection, filter_.tag)
    if filter_.state:
        yield _in_state(connection, filter_.state)
    if filter_.source == NOT_IMPORTED:
        yield exemplars.c.imported.is_(None)
    elif filter_.source is not None:
        rows = select(import_rows.c.exemplar).where(_is_of_import(module, filter_.source))
        yield exemplars.c.id.in_(rows)


def _in_state(connection: Connection, state: str) -> ColumnElement[bool]:
    if state == "waiting":
        return exemplars.c.queue.is_not(None)
    if state == "flagged":
        return exemplars.c.flag.is_not(None)
    if state == "discarded":
        return _has_tag(connection, DISCARDED)
    return exemplars.c.decided == int(state == "decided")


def _is_of_import(module: str, number: int | None = None) -> ColumnElement[bool]:
    """What a standing import added or replaced."""
    rows = import_rows.c
    own = and_(rows.module == module, rows.undone == 0, rows.kind.in_(("added", "changed")))
    return own if number is None else and_(own, rows.batch == number)


def _tags(connection: Connection) -> TableValuedAlias:
    """A table of the tags in an exemplar's JSON; what can't be read has none."""
    if connection.dialect.name == "sqlite":
        return func.json_each(_readable(), "$.tags").table_valued("value", name="tag")
    tag_array = cast(exemplars.c.data, JSON)["tags"]
    return func.json_array_elements_text(tag_array).table_valued("value", name="tag")


def _readable() -> ColumnElement[str]:
    """An exemplar's JSON, for SQLite's functions, which fail at what can't be read."""
    data = exemplars.c.data
    return case((func.json_valid(data) == 1, data), else_=literal('{"tags": []}'))


def _is_unlabelled(connection: Connection) -> ColumnElement[bool]:
    """Whether nobody has labelled it: by its JSON, since one that is discarded is "invalid"."""
    if connection.dialect.name == "sqlite":
        flag = func.coalesce(func.json_extract(_readable(), "$.unlabelled"), 0) == 1
    else:
        flag = func.coalesce(cast(exemplars.c.data, JSON)["unlabelled"].as_boolean(), false())
    without = exemplars.c.function.is_(None)
    return case((without, flag), else_=false())  # the JSON is read only where it matters


def _has_tag(connection: Connection, tag: str) -> ColumnElement[bool]:
    tags = _tags(connection)
    return exists(select(literal(1)).select_from(tags).where(tags.c.value == tag))


def choices(connection: Connection, module: str) -> Choices:
    """What there is to filter by."""
    unlabelled = _is_unlabelled(connection).label("unlabelled")
    columns = (exemplars.c.outcome, exemplars.c.split, exemplars.c.function, unlabelled)
    own = exemplars.c.module == module
    query = select(*columns, func.count()).where(own).group_by(*columns[:3], "unlabelled")
    outcomes: Counter[str] = Counter()
    splits: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for outcome, split, function, is_unlabelled, number in connection.execute(query):
        outcomes[outcome or UNALIGNED] += number
        splits[split] += number
        if not is_unlabelled:
            functions[function or OUT_OF_SCOPE] += number
    tags = _tags(connection)
    tagged = select(tags.c.value, func.count()).select_from(exemplars.join(tags, literal(1) == 1))
    query = tagged.where(own).group_by(tags.c.value).order_by(tags.c.value)
    return Choices(
        dict(sorted(outcomes.items())),
        dict(sorted(functions.items(), key=lambda item: (item[0] == OUT_OF_SCOPE, item[0]))),
        dict(sorted(splits.items())),
        {str(tag): int(number) for tag, number in connection.execute(query)},
        _sources(connection, module),
    )


def _sources(connection: Connection, module: str) -> dict[int, tuple[str, int]]:
    rows = import_rows.c
    query = (
        select(imports.c.id, imports.c.source, func.count())
        .join(import_rows, rows.batch == imports.c.id)
        .join(exemplars, (exemplars.c.module == rows.module) & (exemplars.c.id == rows.exemplar))
        .where(_is_of_import(module))
        .group_by(imports.c.id, imports.c.source)
        .order_by(imports.c.id)
    )
    sources = {int(id_): (str(source), int(n)) for id_, source, n in connection.execute(query)}
    mine = (exemplars.c.module == module) & exemplars.c.imported.is_(None)
    written_count = int(connection.scalar(select(func.count()).where(mine)) or 0)
    return {**sources, **({NOT_IMPORTED: ("", written_count)} if written_count else {})}


def sources_of(connection: Connection, module: str, ids: Sequence[str]) -> dict[str, int]:
    """By exemplar, the number of the newest standing import that added or replaced it."""
    rows = import_rows.c
    query = (
        select(rows.exemplar, func.max(rows.batch))
        .where(_is_of_import(module), rows.exemplar.in_(list(ids)))
        .group_by(rows.exemplar)
    )
    return {id_: int(number) for id_, number in connection.execute(query)}
