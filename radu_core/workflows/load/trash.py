"""Deleting exemplars and modules: to the trash first, and from there for good."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from radu_core.errors import ConflictError, InputError, NotFoundError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import disk_errors
from radu_core.instructions import instruct
from radu_core.store import Trashed, bulk, erasing, queues, trash
from radu_core.store.changes import Writing
from radu_core.words import quantity
from radu_core.workflows.frame.last_measured import forget_measured
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.deletion_notes import note_deleted
from radu_core.workflows.load.holders import Holder, holders
from radu_core.workflows.load.realign import realign

__all__ = [
    "Deleted",
    "Erased",
    "Trash",
    "choose",
    "delete",
    "delete_for_good",
    "delete_module",
    "empty",
    "erase_module",
    "list_trash",
    "modules_in_trash",
    "read",
    "restore",
    "restore_module",
]

_MOST_NAMED = 20


@dataclass(frozen=True)
class Deleted:
    """Exemplars that went to the trash."""

    module: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Erased:
    """What was deleted for good, and what is left of it elsewhere.

    ``holders`` are datasets and runs that still hold rows; ``same_text`` exemplars (module, id)
    that say just the same; ``left_in_database`` why the database's files may still hold the text,
    "" if they don't.
    """

    module: str
    exemplars: int
    whole_module: bool
    holders: tuple[Holder, ...]
    same_text: tuple[tuple[str, str], ...]
    left_in_database: str

    @property
    def sentences(self) -> tuple[str, ...]:
        """The same for people."""
        what = f"{quantity(self.exemplars, 'exemplar')} of {self.module}"
        lines = [
            f"{f'{self.module} and {what}' if self.whole_module else what} deleted for good, with "
            "history, opinions and judgements. The module's index and the cache of embeddings are "
            "deleted too; they are built again when they are needed."
            if self.exemplars or self.whole_module
            else f"There was no exemplar of {self.module} to delete.",
            *(holder.sentence for holder in self.holders),
        ]
        if self.same_text:
            text = ", ".join(f"{id_} of {module}" for module, id_ in self.same_text[:5])
            more = ", …" if len(self.same_text) > 5 else ""
            lines.append(f"The same text stands in other exemplars: {text}{more}.")
        if self.left_in_database:
            lines.append(
                f"The database's files may still hold the text: {self.left_in_database}. Stop the "
                f"studio and run radu exemplars trash --module {self.module} --empty again."
            )
        return (*lines, "Backups and exported files hold what they held.")


@dataclass(frozen=True)
class Trash:
    """What of a module lies in the trash: ``total`` exemplars, the newest of them in ``items``.

    ``ids`` are those of all of them, each once.
    """

    module: str
    total: int
    items: tuple[Trashed, ...]
    ids: tuple[str, ...]


def read(workspace: Workspace, module: str, ids: Sequence[str]) -> list[AnnotatedExemplar]:
    """The exemplars of these ids, to be shown before they are deleted."""
    return [item.exemplar for item in workspace.store.exemplars(module, ids=list(ids))]


def choose(
    workspace: Workspace, module: str, *, ids: Sequence[str] = (), tag: str = "", search: str = ""
) -> list[str]:
    """The ids of exemplars that are named, or that have a tag and every word of a search.

    ``NotFoundError`` names the ids that aren't there; ``InputError`` if nothing is asked for.
    """
    store = workspace.store
    store.schema(module)
    if ids:
        ids_wanted = list(dict.fromkeys(ids))
        with store.reading() as connection:  # one that can't be read can be deleted, too
            counts = bulk.revisions_of(connection, module, ids_wanted)
        unknown = [id_ for id_ in ids_wanted if id_ not in counts]
        if unknown:
            raise NotFoundError(
                f"{module} has no exemplar of that id",
                value=", ".join(unknown[:_MOST_NAMED]),
                remedy="Check the id; nothing was deleted.",
            )
        if tag or search:
            raise InputError(
                "Ids can't be combined with a tag or a search", remedy="Leave one out."
            )
        return ids_wanted
    if not tag and not search.strip():
        raise InputError("No exemplars were chosen", remedy="Name ids, a tag or a search.")
    with store.reading() as connection:
        ids_found = queues.find(connection, module, search, limit=10**9) if search.strip() else None
    if not tag:
        return ids_found or []
    tagged = [i.exemplar.id for b in store.batches(module) for i in b if tag in i.exemplar.tags]
    return tagged if ids_found is None else sorted(set(tagged) & set(ids_found))


def delete(workspace: Workspace, module: str, ids: Sequence[str], *, who: str) -> Deleted:
    """Move exemplars to the trash; those that aren't there any more are left out."""
    workspace.store.schema(module)
    with workspace.store.writing(module, who=who) as w:
        return Deleted(module, tuple(trash.put(w, ids, note="deleted")))


def list_trash(
    workspace: Workspace, module: str, *, ids: Sequence[str] | None = None, limit: int = 1_000
) -> Trash:
    """What of ``module`` lies in the trash, newest first; ``items`` only those of these ids.

    ``NotFoundError`` names the ids that aren't there.
    """
    workspace.store.schema(module)
    with workspace.store.reading() as connection:
        if ids is not None:
            _in_trash(connection, module, ids)
        items = trash.list_trash(connection, module, limit=limit, ids=ids)
        everything = tuple(trash.ids(connection, module))
        return Trash(module, trash.count(connection, module), tuple(items), everything)


def restore(workspace: Workspace, module: str, ids: Sequence[str], *, who: str) -> list[str]:
    """Bring exemplars back from the trash, the newest of each id; all of them or none.

    What the schema of now contradicts is invalid, with the reason.
    ``NotFoundError`` for an id that isn't in the trash, ``ConflictError`` for one in use again.
    """
    workspace.store.schema(module)
    ids_wanted = list(dict.fromkeys(ids))
    with workspace.store.writing(module, who=who) as w:
        numbers = _in_trash(w.connection, module, ids_wanted)
        since = trash.oldest(w.connection, numbers.values())
        blocked = trash.bring_back(w, [numbers[id_] for id_ in ids_wanted])
        if blocked:
            raise ConflictError(
                f"{module} has an exemplar of that id again",
                value=", ".join(blocked[:_MOST_NAMED]),
                remedy="Delete that one first; nothing was brought back.",
            )
    if since is not None:
        realign(workspace, module, since=since, who=who)
    return ids_wanted


def _in_trash(connection: Connection, module: str, ids: Sequence[str]) -> dict[str, int]:
    numbers = trash.newest_numbers(connection, module, ids)
    missing = [id_ for id_ in ids if id_ not in numbers]
    if missing:
        raise NotFoundError(
            f"No exemplar of {module} in the trash has that id",
            value=", ".join(missing[:_MOST_NAMED]),
            remedy=f"To see what is there, {instruct('list trash', module)}.",
        )
    return numbers


def delete_for_good(
    workspace: Workspace, module: str, ids: Sequence[str], *, who: str, now: datetime
) -> Erased:
    """Delete exemplars for good, not to the trash; those that aren't there any more are left out.

    What lies in the trash of other exemplars stays there.
    """
    workspace.store.schema(module)

    def work(w: Writing) -> tuple[list[str], set[str]]:
        ids_trashed = trash.put(w, ids, note="deleted")
        return ids_trashed, erasing.empty(w, ids_trashed) if ids_trashed else set()

    return _erase(workspace, module, work, who=who, now=now)


def empty(
    workspace: Workspace, module: str, ids: Sequence[str] | None = None, *, who: str, now: datetime
) -> Erased:
    """Delete exemplars that lie in the trash for good; see ``Erased``.

    ``ids`` None: all that lie there; empty: none.
    """
    workspace.store.schema(module)

    def work(w: Writing) -> tuple[list[str], set[str]]:
        if ids is None:
            ids_erased = trash.ids(w.connection, module)
        else:
            ids_erased = list(dict.fromkeys(ids))
            _in_trash(w.connection, module, ids_erased)
        return ids_erased, erasing.empty(w, ids_erased) if ids_erased else set()

    return _erase(workspace, module, work, who=who, now=now)


def _erase(
    workspace: Workspace,
    module: str,
    work: Callable[[Writing], tuple[list[str] | None, set[str]]],
    *,
    who: str,
    now: datetime,
) -> Erased:
    """Delete rows, then what was made of them; datasets and runs that hold them get a note."""
    with workspace.store.writing(module, who=who) as w:
        total = trash.count(w.connection, module) + sum(workspace.store.counts(module).values())
        ids, words_erased = work(w)
        same = erasing.others_saying(w, words_erased, limit=100) if words_erased else []
    if ids is None or ids:
        _forget_files(workspace, module)
    if ids is None:
        forget_measured(workspace, module)
    holders_found = holders(workspace, module, ids, words_erased)
    for holder in holders_found:
        note_deleted(holder.path, holder.exemplars, at=now, who=who)
    remains = workspace.store.scrub()
    count = total if ids is None else len(ids)
    return Erased(module, count, ids is None, tuple(holders_found), tuple(same), remains)


def _forget_files(workspace: Workspace, module: str) -> None:
    """Delete the index, which holds texts, and the embeddings: a vector tells what it was made of.

    The cache knows its vectors by the hashes of texts, so a guess could be confirmed by it, and a
    vector alone tells much of a text. Which text had which key isn't written down: all of it goes.
    """
    index, cache = workspace.index(module), workspace.home / "cache" / "embeddings"
    with disk_errors(index):
        if index.exists():
            shutil.rmtree(index)
    with disk_errors(cache):
        for path in cache.glob("*"):  # the directory stays: a studio that runs has opened it
            path.unlink(missing_ok=True)


def delete_module(workspace: Workspace, module: str, *, who: str) -> None:
    """Move a module to the trash, with everything in it: no page or command shows it any more."""
    workspace.store.schema(module)
    with workspace.store.writing(module, who=who) as w:
        trash.put_module(w)


def restore_module(workspace: Workspace, module: str, *, who: str) -> None:
    """Bring a module back from the trash; ``NotFoundError`` if it isn't there."""
    _require_trashed(workspace, module)
    with workspace.store.writing(module, who=who) as w:
        trash.bring_module_back(w)


def modules_in_trash(
    workspace: Workspace, module: str | None = None
) -> dict[str, tuple[datetime, str]]:
    """The modules in the trash: when each went there, and by whom.

    Only ``module`` if it is given; ``NotFoundError`` if that isn't there.
    """
    trashed_modules = workspace.store.trashed_modules()
    if module is None:
        return trashed_modules
    _require_trashed(workspace, module)
    return {module: trashed_modules[module]}


def erase_module(workspace: Workspace, module: str, *, who: str, now: datetime) -> Erased:
    """Delete a module that is in the trash for good, with everything in it."""
    _require_trashed(workspace, module)

    def work(w: Writing) -> tuple[None, set[str]]:
        erasing.erase_module(w)
        return None, set()

    return _erase(workspace, module, work, who=who, now=now)


def _require_trashed(workspace: Workspace, module: str) -> None:
    known_ids: Collection[str] = modules_in_trash(workspace)
    if module not in known_ids:
        raise NotFoundError(
            "No such module in the trash",
            value=module,
            remedy=f"It holds {', '.join(known_ids)}."
            if known_ids
            else "The trash holds no module.",
        )
