"""The annotation page's requests: operations done once each, and items handed out.

The protocol is docs/reference/annotation.md.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from radu_core.alignment import Aligner
from radu_core.errors import ConflictError, InputError, StoreError
from radu_core.store import changes, leases, operations, queues
from radu_core.store.changes import Writing
from radu_core.store.modules import schema_and_settings
from radu_core.store.opinions import with_opinions
from radu_core.store.progress import progress
from radu_core.store.rows import aware
from radu_core.store.stored_json import read_schema
from radu_core.workflows.annotate.items import around, item_json
from radu_core.workflows.annotate.operations import Case, apply, needs_revision, reconsider
from radu_core.workflows.annotate.request import (
    Filter,
    Operation,
    Request,
    Undo,
    filter_of,
    is_id,
    is_number,
    parse_operation,
)
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["Reconsidered", "serve", "set_annotators"]

_log = logging.getLogger(__name__)
_MOST_ANNOTATORS = 5
_MOST_UNFIT = 200  # items that can't be shown are passed over in one request
_WHAT = {
    "labelled": "said what it means",
    "placed": "said where its values stand",
    "corrected": "corrected it",
    "kept": "said that it is right",
    "discarded": "discarded it",
    "restored": "restored an earlier state",
    "imported": "imported it again",
    "contradicted": "saved a schema that contradicts it",
    "accepted in bulk": "accepted a suggestion for it in bulk",
    "edited in bulk": "edited it, with others, on the Utterances page",
    "tagged in bulk": "tagged it, with others, on the Utterances page",
    "untagged in bulk": "took an edit of its tags back on the Utterances page",
    "adjudicated": "settled it",
    "agreed": "agreed with the others about it",
    "opinion": "gave an opinion",
    "withdrawn": "took an opinion back",
    "disputed": "changed how many people are asked, which made it a disagreement",
}


@dataclass(frozen=True)
class _Module:
    """A module as it is within one transaction."""

    aligner: Aligner
    settings: Mapping[str, Any]

    @property
    def annotators(self) -> int:
        """How many people are asked about each item."""
        return int(self.settings.get("annotators", 1))


@lru_cache(maxsize=16)
def _aligner(module: str, schema: str) -> Aligner:
    return Aligner(read_schema(schema, module=module))


def _module(w: Writing) -> _Module:
    schema, settings = schema_and_settings(w.connection, w.module)
    return _Module(_aligner(w.module, schema), settings)


@dataclass(frozen=True)
class Reconsidered:
    """Items that another number of annotators has decided, or has made a disagreement of."""

    decided: int = 0
    disputed: int = 0


def set_annotators(workspace: Workspace, module: str, number: int, *, who: str) -> Reconsidered:
    """Ask ``number`` people (1 to 5) about each item.

    An item that has that many opinions already is decided, or becomes a disagreement, at once:
    nobody else would be asked about it.
    """
    if not 1 <= number <= _MOST_ANNOTATORS:
        raise InputError(
            "Each utterance is shown to 1 to 5 people",
            value=number,
            remedy="Choose a number from 1 to 5.",
        )
    with workspace.store.writing(module, who=who) as w:
        module_known = _module(w)
        changes.change_settings(w, {"annotators": number})
        effects = [
            reconsider(Case(w, module_known.aligner, number, changes.row_of(w, id_)))
            for id_ in with_opinions(w)
        ]
    return Reconsidered(effects.count("decided"), effects.count("disputed"))


def serve(workspace: Workspace, *, who: str, module: str, request: Request) -> dict[str, Any]:
    """Answer one request: what became of its operations, further items, and how far it all is.

    Each operation is one transaction, done once however often it is sent. Raises ``StoreError``
    when the database can't be used: a prefix of the operations is stored then.
    """
    acks = [_acknowledge(workspace, who, module, request.client, raw) for raw in request.ops]
    with workspace.store.writing(module, who=who) as w:
        module_known = _module(w)
        current = leases.keep(
            w,
            request.client,
            request.hold,
            opened=request.opened,
            annotators=module_known.annotators,
        )
        others = leases.other_leases(w.connection, module, request.client, w.now)
        counts = queues.waiting(w.connection, module) if request.want else None
        filter_wanted = filter_of(request)
        items = []
        if counts and filter_wanted and current:
            items = _hand_out(w, module_known, request, filter_wanted, others, counts)
        return {
            "acks": acks,
            "items": items,
            "counts": counts,
            "progress": _progress(w),
            "others": _others(w, filter_wanted, others),
            "token": None,
        }


# Operations


def _acknowledge(
    workspace: Workspace, who: str, module: str, client: str, raw: Mapping[str, Any]
) -> dict[str, Any]:
    """Do one operation, unless it has been done, and say what became of it."""
    seq = raw.get("seq")
    if not is_number(seq):
        raise InputError("An operation without a number", value=raw, remedy="Reload the page.")
    given_id = raw["id"] if is_id(raw.get("id")) else None
    with workspace.store.writing(module, who=who) as w:
        module_known = _module(w)
        answer = operations.answer(w, client, seq)
        if answer is None:
            answer = {**_do(w, module_known, client, raw), **_trace(raw)}
            operations.record(w, client, seq, given_id, answer)
        elif answer["of"] != _trace(raw)["of"]:  # it would be lost without a word
            other = f"Number {seq} of this tab was another operation. Reload the page."
            answer = _answer("refused", answer["revision"], other)
        # Only here it isn't what the tab knows already.
        is_final = answer["status"] != "stored" or raw.get("kind") in ("undo", "restore")
        ids_wanted = [given_id] if given_id and is_final else []
        item = next(iter(_items(w, module_known, ids_wanted, {})), None)
        ack = {name: answer[name] for name in ("status", "revision", "message")}
        return {"seq": seq, **ack, "item": item}


def _trace(raw: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of an operation besides its answer: what it was, and the browser's clock."""
    return {
        "of": [str(raw.get("kind"))[:40], str(raw.get("id"))[:200]],
        "at": str(raw.get("at"))[:40],
    }


def _do(w: Writing, module: _Module, client: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Do an operation, all of it or nothing; ``{status, revision, message}``."""
    expected, is_taken = _expected_revision(w, client, raw.get("revision"), raw.get("after"))
    try:
        operation = parse_operation(dict(raw))
    except InputError as error:
        return _answer("refused", expected, str(error))
    part = w.connection.begin_nested()
    try:
        row = changes.row_of(w, operation.id)
        if _takes_a_skip_back(w, client, operation):
            queues.unskip(w, operation.id)
            part.commit()
            return _answer("stored", expected, may_build=is_taken)
        if needs_revision(operation):
            changes.expect(row, expected)
        revision = apply(Case(w, module.aligner, module.annotators, row, is_taken), operation)
    except (SQLAlchemyError, StoreError, MemoryError):
        raise
    except ConflictError:
        part.rollback()
        return _conflict(w, operation.id)
    except InputError as error:
        part.rollback()
        return _answer("refused", expected, str(error))
    except Exception as error:  # final anyway: else it would stop every one after it
        part.rollback()
        _log.exception("an operation failed")
        wrong = f"That shouldn't have happened ({type(error).__name__}); it is in the studio's log."
        return _answer("refused", expected, wrong)
    part.commit()
    if needs_revision(operation):
        return _answer("stored", revision)
    return _answer("stored", expected, may_build=is_taken)  # what its reader knows, and no more


def _answer(
    status: str, revision: int, message: str = "", *, may_build: bool = True
) -> dict[str, Any]:
    """What is remembered of an operation; ``may_build`` says whether one that builds on it may."""
    is_held = may_build and status == "stored"
    return {"status": status, "revision": revision, "message": message, "taken": is_held}


def _expected_revision(w: Writing, client: str, revision: Any, after: Any) -> tuple[int, bool]:
    """The revision that the exemplar must be of, and whether the operation before was stored.

    Where that one met with a newer version, what was shown counts: else this one would overwrite
    what nobody has looked at.
    """
    shown_revision = revision if is_number(revision) else 0
    before = operations.answer(w, client, after) if is_number(after) else None
    if before is None:
        return shown_revision, True
    if before["status"] == "conflict":
        return shown_revision, False
    return int(before["revision"]), bool(before["taken"])


def _takes_a_skip_back(w: Writing, client: str, operation: Operation) -> bool:
    """Whether what came before on this exemplar, which this takes back, was a skip."""
    if not isinstance(operation, Undo) or not is_number(operation.after):
        return False
    before = operations.answer(w, client, operation.after)
    return (
        before is not None
        and before["status"] == "stored"
        and before["of"] == ["skip", operation.id]
    )


def _conflict(w: Writing, id: str) -> dict[str, Any]:
    """What came in between: who, when and what."""
    row = changes.row_of(w, id)
    event = changes.newest_event(w, id)
    if event is None or aware(event["at"]) < aware(row["updated"]):
        message = f"Its values were placed again at {_time_text(row['updated'])}"
    else:
        what = _WHAT.get(event["kind"], f"changed it ({event['kind']})")
        message = f"{event['who']} {what} at {_time_text(event['at'])}"
    message += ", after you were shown it. Nothing was overwritten."
    return _answer("conflict", row["revision"], message)


def _time_text(at: Any) -> str:
    return f"{aware(at):%H:%M} UTC on {aware(at):%Y-%m-%d}"


# Handing out


def _hand_out(
    w: Writing,
    module: _Module,
    request: Request,
    filter_: Filter,
    others: Sequence[leases.Lease],
    counts: Mapping[str, int],
) -> list[dict[str, Any]]:
    """Further items, leased to the tab; what can't be shown is passed over."""
    blocked = leases.blocked_items(
        w.connection, w.module, others, who=w.who, annotators=module.annotators
    )
    holder_by_id = {lease.exemplar: lease.who for lease in others}
    first = _item_by_id(w, request, filter_)
    items = _items(w, module, first, holder_by_id)
    unfit: set[str] = set()
    while True:
        own = {*request.hold, *first, *(i["id"] for i in items)}
        apart = queues.Apart(holder_by_id.keys(), blocked, own, request.client, unfit)
        open_places = request.want - len(items)
        ids = (
            queues.pick(w, _filter(filter_), apart, open_places, counts=counts)
            if open_places > 0
            else []
        )
        items += _items(w, module, ids, holder_by_id)
        broken_ids = set(ids) - {i["id"] for i in items}
        unfit |= broken_ids
        if not broken_ids or len(unfit) > _MOST_UNFIT:
            break
    free = [i["id"] for i in items if i["id"] not in blocked]
    leases.take(w, request.client, free, opened=request.opened)
    return items


def _item_by_id(w: Writing, request: Request, filter_: Filter) -> list[str]:
    """The item asked for by its id, unless the tab has been given it or is done with it."""
    id_, since = filter_.item, filter_.since
    if not id_ or id_ in request.hold:
        return []
    if operations.has_touched(w, request.client, id_, since=since):
        return []
    return [item.exemplar.id for item in changes.items_of(w.connection, w.module, [id_])]


def _filter(filter_: Filter) -> queues.Filter:
    return queues.Filter(**filter_.model_dump(exclude={"item"}))


def _items(
    w: Writing, module: _Module, ids: Sequence[str], holder_by_id: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The items of these ids; what can't be shown is left out, and the log says why."""
    try:
        about_them = around(w.connection, w.module, ids, holder_by_id=holder_by_id)
        return [
            item_json(module.aligner, item, who=w.who, surroundings=about_them)
            for item in changes.items_of(w.connection, w.module, ids)
        ]
    except (SQLAlchemyError, StoreError, MemoryError):
        raise
    except Exception:
        if len(ids) > 1:
            return [item for id_ in ids for item in _items(w, module, [id_], holder_by_id)]
        _log.exception("%s of %s can't be shown", *ids, w.module)
        return []


def _progress(w: Writing) -> dict[str, int]:
    midnight = w.now.replace(hour=0, minute=0, second=0, microsecond=0)
    return asdict(progress(w.connection, w.module, who=w.who, since=midnight))


def _others(w: Writing, filter_: Filter | None, others: Sequence[leases.Lease]) -> dict[str, Any]:
    matches = queues.matches(w, _filter(filter_), others) if filter_ else []
    seconds = round((matches[0].until - w.now).total_seconds()) if matches else None
    return {"items": len({lease.exemplar for lease in matches}), "seconds": seconds}
