"""Who holds which item: a lease is renewed by the tab that has it, and expires by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select, update

from radu_core.store.changes import Writing
from radu_core.store.derived import DISAGREEMENT
from radu_core.store.rows import aware
from radu_core.store.tables import exemplars, leases, opinions

__all__ = ["LEASE", "Lease", "blocked_items", "keep", "other_leases", "take"]

LEASE = timedelta(minutes=10)


@dataclass(frozen=True)
class Lease:
    """An item that another tab has at the moment, of somebody else or one's own.

    ``queue``, ``function`` and ``unlabelled`` are those of the exemplar.
    """

    exemplar: str
    who: str
    until: datetime
    queue: str | None
    function: str | None
    unlabelled: bool = False


def keep(
    w: Writing, client: str, ids: Collection[str], *, opened: int = 0, annotators: int = 1
) -> bool:
    """Renew a tab's leases on ``ids``, give all its others back, and drop what has expired.

    One that had expired is taken again where this person might be given it. A late request of a
    page that was ``opened`` before the one that has the leases, in the same tab, changes nothing:
    False is returned then, and nothing may be leased to it.
    """
    mine = (leases.c.module == w.module) & (leases.c.client == client)
    w.connection.execute(delete(leases).where(leases.c.module == w.module, leases.c.until <= w.now))
    newest = w.connection.scalar(select(func.max(leases.c.opened)).where(mine))
    if newest is not None and newest > opened:
        return False
    had = set(w.connection.scalars(select(leases.c.exemplar).where(mine)))
    released = had - set(ids)
    if released:
        w.connection.execute(delete(leases).where(mine, leases.c.exemplar.in_(sorted(released))))
    if had - released:
        values = {"until": w.now + LEASE, "opened": opened}
        w.connection.execute(update(leases).where(mine).values(**values))
    lost_ids = set(ids) - had
    if lost_ids:
        others = other_leases(w.connection, w.module, client, w.now)
        items_taken = blocked_items(
            w.connection, w.module, others, who=w.who, annotators=annotators
        )
        items_taken |= {lease.exemplar for lease in others if lease.queue == DISAGREEMENT}
        take(w, client, sorted(lost_ids - items_taken), opened=opened)
    return True


def take(w: Writing, client: str, ids: Iterable[str], *, opened: int = 0) -> None:
    """Lease items to a tab; it must not have them yet."""
    until = w.now + LEASE
    rows = [
        {
            "module": w.module,
            "exemplar": i,
            "client": client,
            "who": w.who,
            "until": until,
            "opened": opened,
        }
        for i in ids
    ]
    if rows:
        w.connection.execute(insert(leases), rows)


def other_leases(connection: Connection, module: str, client: str, now: datetime) -> list[Lease]:
    """The leases of all other tabs, the first to expire first."""
    same = (exemplars.c.module == leases.c.module) & (exemplars.c.id == leases.c.exemplar)
    columns = (leases.c.exemplar, leases.c.who, leases.c.until)
    unlabelled = exemplars.c.outcome.is_not_distinct_from("unlabelled").label("unlabelled")
    query = select(*columns, exemplars.c.queue, exemplars.c.function, unlabelled)
    query = query.select_from(leases.outerjoin(exemplars, same)).where(
        leases.c.module == module, leases.c.client != client, leases.c.until > now
    )
    rows = connection.execute(query.order_by(leases.c.until, leases.c.exemplar)).all()
    return [
        Lease(r.exemplar, r.who, aware(r.until), r.queue, r.function, bool(r.unlabelled))
        for r in rows
    ]


def blocked_items(
    connection: Connection, module: str, others: Collection[Lease], *, who: str, annotators: int
) -> set[str]:
    """Of the items others hold, those that ``who`` can't have as well.

    An item goes to ``annotators`` different people at most, those who have given their opinion
    counted in, and never to two tabs of one person.
    """
    people: dict[str, set[str]] = defaultdict(set)
    for lease in others:
        people[lease.exemplar].add(lease.who)
    if annotators > 1 and people:
        query = select(opinions.c.exemplar, opinions.c.who).where(
            opinions.c.module == module,
            opinions.c.standing == 1,
            opinions.c.exemplar.in_(sorted(people)),
        )
        for row in connection.execute(query):
            people[row.exemplar].add(row.who)
    return {id_ for id_, names in people.items() if who in names or len(names) >= annotators}
