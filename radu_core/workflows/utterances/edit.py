"""Edits of many utterances at once: what one would change, doing it, and taking it back."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from radu_core.alignment import Aligner
from radu_core.errors import InputError
from radu_core.exemplars import DISCARDED, UNLABELLED, AnnotatedExemplar, Split, make_template
from radu_core.files import canonical_json
from radu_core.progress import Progress, silent
from radu_core.schema import OUT_OF_SCOPE, Function, Schema, argument_problems
from radu_core.store import StoredExemplar, bulk, changes, imports, listing, splits, trash
from radu_core.store.listing import Listing
from radu_core.store.modules import schema_and_settings
from radu_core.store.records import NewBatch
from radu_core.words import quantity
from radu_core.workflows.frame.annotators import annotators
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.imports import undo
from radu_core.workflows.load.outcomes import (
    RANKED_BY,
    alignment_record,
    as_labelled,
    module_knowledge,
)
from radu_core.workflows.load.trash import restore

__all__ = [
    "Change",
    "Edit",
    "EditPlan",
    "EditReport",
    "Kind",
    "Undone",
    "apply_edit",
    "function_names",
    "plan_edit",
    "undo_edit",
]

Kind = Literal["function", "split", "add tag", "remove tag", "discard", "keep", "unlabel", "delete"]
_LABELS = ("function", "discard", "keep", "unlabel")  # what several annotators decide together
_NEEDS_VALUE = ("function", "split", "add tag", "remove tag", "discard")
_PART = 1_000


@dataclass(frozen=True)
class Edit:
    """What to do with exemplars, in bulk.

    ``value`` is the function (``OUT_OF_SCOPE``: none), the split, the tag, or the reason of a
    discard. "keep" takes discards back, "delete" moves to the trash.
    """

    kind: Kind
    value: str = ""


@dataclass(frozen=True)
class Change:
    """One utterance, before and after."""

    id: str
    revision: int
    utterance: str
    before: str
    after: str
    exemplar: AnnotatedExemplar
    columns: Mapping[str, Any]


@dataclass(frozen=True)
class EditPlan:
    """What an edit would change; nothing is changed yet.

    ``moves`` counts the changes by "before → after". ``left`` counts what stays as it is, by
    reason; ``lost`` the values that the new function has no place for, by slot. ``schema_hash`` is
    of the schema that it was made with.
    """

    module: str
    edit: Edit
    chosen: int
    changes: tuple[Change, ...]
    moves: Mapping[str, int]
    left: Mapping[str, int]
    lost: Mapping[str, int]
    schema_hash: str


@dataclass(frozen=True)
class EditReport:
    """What an edit changed: the ``ids``, and those that stay as they are.

    Somebody else changed these since the plan. ``batch`` is the number, or name, by which it is
    taken back.
    """

    module: str
    edit: Edit
    ids: tuple[str, ...]
    changed_since: tuple[str, ...]
    batch: str


@dataclass(frozen=True)
class Undone:
    """What taking an edit back did.

    How many are ``back`` as they were, and how many stay as they are, by reason.
    """

    back: int
    left: Mapping[str, int]


def plan_edit(
    workspace: Workspace,
    module: str,
    edit: Edit,
    *,
    ids: Sequence[str] | None = None,
    filter_: Listing | None = None,
    progress: Progress = silent,
) -> EditPlan:
    """What an edit of these exemplars, or of all that a filter finds, would change."""
    schema = workspace.store.schema(module)
    edit = _check(workspace, schema, edit)
    if ids is None:
        with workspace.store.reading() as connection:
            ids = listing.find_ids(connection, module, filter_ or Listing())
    change = _Changing(workspace, schema, edit)
    planned_changes: list[Change] = []
    left_out: Counter[str] = Counter()
    lost_values: Counter[str] = Counter()
    for number, item in enumerate(_items(workspace, module, ids), start=1):
        why = change.reason_to_leave(item.exemplar)
        if why:
            left_out[why] += 1
        else:
            planned_changes.append(change.of(item))
            lost_values.update(change.find_lost_slots(item.exemplar))
        if number % 100 == 0:
            progress("Looking at the edit", number, len(ids))
    missing = len(ids) - len(planned_changes) - left_out.total()
    if missing:
        left_out["not there any more"] = missing
    moves = Counter(f"{c.before} → {c.after}" for c in planned_changes)
    return EditPlan(
        module=module,
        edit=edit,
        chosen=len(ids),
        changes=tuple(planned_changes),
        moves=dict(moves.most_common()),
        left=dict(left_out),
        lost=dict(lost_values),
        schema_hash=schema.hash,
    )


def function_names(workspace: Workspace, module: str) -> list[str]:
    """The functions that an utterance can be set to, in the schema's order."""
    return [f.name for f in workspace.store.schema(module).functions]


def _items(workspace: Workspace, module: str, ids: Sequence[str]) -> Iterator[StoredExemplar]:
    for start in range(0, len(ids), _PART):
        with workspace.store.reading() as connection:
            yield from changes.items_of(connection, module, ids[start : start + _PART])


def _check(workspace: Workspace, schema: Schema, edit: Edit) -> Edit:
    """The edit without white space around its value; ``InputError`` if it can't be done."""
    value = " ".join(edit.value.split())
    if edit.kind in _NEEDS_VALUE and not value:
        what = "reason" if edit.kind == "discard" else edit.kind.split()[-1]
        raise InputError(f"The edit names no {what}", remedy=f"Give a {what}.")
    if edit.kind == "function" and value != OUT_OF_SCOPE and schema.function(value) is None:
        raise InputError("The schema has no such function", value=value, remedy="Choose one.")
    if edit.kind == "split" and value not in get_args(Split):
        raise InputError("No such split", value=value, remedy=f"Use {', '.join(get_args(Split))}.")
    if value == DISCARDED and edit.kind.endswith("tag"):
        raise InputError(
            "That tag marks what was discarded", value=value, remedy="Discard, or keep, instead."
        )
    _check_annotators(schema.module, edit, annotators(workspace, schema.module))
    return Edit(edit.kind, value)


def _check_annotators(module: str, edit: Edit, people: int) -> None:
    if edit.kind in _LABELS and people > 1:
        raise InputError(
            f"In {module}, {people} people decide about each exemplar, and an edit in bulk would "
            "decide without them",
            remedy="Set its annotators to 1 to use it.",
        )


class _Changing:
    """One edit, of one exemplar after another."""

    def __init__(self, workspace: Workspace, schema: Schema, edit: Edit) -> None:
        self._edit = edit
        self._function: Function | None = (
            schema.function(edit.value) if edit.kind == "function" else None
        )
        self._aligner: Aligner | None = None
        if edit.kind in ("function", "keep"):
            knowledge = module_knowledge(workspace, schema.module, most=RANKED_BY)
            self._aligner = Aligner(schema, knowledge=knowledge)

    def reason_to_leave(self, e: AnnotatedExemplar) -> str:
        """Why the edit leaves an exemplar as it is, "" if it doesn't."""
        kind, value = self._edit.kind, self._edit.value
        discarded = DISCARDED in e.tags
        if kind == "function":
            name = None if value == OUT_OF_SCOPE else value
            same = not e.unlabelled and e.function == name
            return "discarded" if discarded else f"already {_function_name(value)}" if same else ""
        if kind == "split":
            return f"already in {value}" if e.split == value else ""
        if kind == "add tag":
            return "already has the tag" if value in e.tags else ""
        if kind == "remove tag":
            return "" if value in e.tags else "doesn't have the tag"
        if kind == "discard":
            return "already discarded" if discarded else ""
        if kind == "keep":
            return "" if discarded else "not discarded"
        if kind == "unlabel":
            return "discarded" if discarded else "already unlabelled" if e.unlabelled else ""
        return ""

    def find_lost_slots(self, e: AnnotatedExemplar) -> list[str]:
        """The slots whose values the edit takes away."""
        if self._edit.kind == "unlabel":
            return [f"{e.label}.{slot}" for slot in e.arguments]
        if self._edit.kind != "function":
            return []
        return [f"{e.label}.{slot}" for slot in e.arguments if slot not in self._fitting(e)]

    def _fitting(self, e: AnnotatedExemplar) -> dict[str, Any]:
        """The arguments that fit the new function."""
        function = self._function
        if function is None:
            return {}
        return {s: v for s, v in e.arguments.items() if not argument_problems(function, {s: v})}

    def of(self, item: StoredExemplar) -> Change:
        """The exemplar as the edit would leave it."""
        exemplar_after, columns = self._edit_item(item)
        before, after = (_describe(e, self._edit.kind) for e in (item.exemplar, exemplar_after))
        if self._edit.kind == "delete":
            after = "trash"
        e = item.exemplar
        return Change(e.id, item.revision, e.utterance, before, after, exemplar_after, columns)

    def _edit_item(self, item: StoredExemplar) -> tuple[AnnotatedExemplar, dict[str, Any]]:
        e, kind, value = item.exemplar, self._edit.kind, self._edit.value
        none: dict[str, Any] = {"spans": None, "template": None, "resolved_by": None}
        if kind == "split":
            return e.model_copy(update={"split": value}), {}
        if kind == "add tag":
            return e.model_copy(update={"tags": (*e.tags, value)}), {}
        if kind == "remove tag":
            return e.model_copy(update={"tags": tuple(t for t in e.tags if t != value)}), {}
        if kind == "discard":
            update = {"outcome": "invalid", "tags": (*e.tags, DISCARDED)}
            return e.model_copy(
                update={**none, **update, "reason": f"Discarded in bulk: {value}"}
            ), {}
        if kind == "unlabel":
            cleared_fields: dict[str, Any] = {
                "function": None,
                "arguments": {},
                "implied": (),
                "unlabelled": True,
            }
            update = {**none, **cleared_fields, "outcome": "unlabelled", "reason": UNLABELLED}
            return e.model_copy(update=update), {"readings": "[]", "details": None}
        if kind == "function":
            return self._align(item, self._relabel(as_labelled(item)))
        if kind == "keep":
            tags = tuple(t for t in e.tags if t != DISCARDED)
            return self._align(item, as_labelled(item).model_copy(update={"tags": tags, **none}))
        return e, {}

    def _relabel(self, e: AnnotatedExemplar) -> AnnotatedExemplar:
        """With the other function, and what of its values and their places fits that."""
        arguments = self._fitting(e)
        spans = tuple(s for s in e.spans if s.slot in arguments) if e.spans and arguments else None
        return e.model_copy(
            update={
                "function": self._function.name if self._function else None,
                "unlabelled": False,
                "arguments": arguments,
                "spans": spans,
                "template": make_template(e.utterance, spans) if spans else None,
                "implied": tuple(s for s in e.implied if s in arguments),
                "resolved_by": None,
            }
        )

    def _align(
        self, item: StoredExemplar, labelled: AnnotatedExemplar
    ) -> tuple[AnnotatedExemplar, dict[str, Any]]:
        assert self._aligner is not None
        labelled = labelled.model_copy(update={"outcome": None, "reason": ""})
        bare = StoredExemplar(labelled, item.revision, (), None, item.updated)
        record = alignment_record(bare, self._aligner.align(labelled))
        update = {
            "outcome": record.outcome,
            "resolved_by": record.resolved_by,
            "reason": record.reason,
            "spans": record.spans,
            "template": record.template,
            "implied": record.implied,
        }
        columns = {
            "readings": canonical_json(list(record.readings)),
            "details": canonical_json(dict(record.details)),
        }
        return labelled.model_copy(update=update), columns


def _function_name(function: str) -> str:
    return "out of scope" if function == OUT_OF_SCOPE else function


def _describe(e: AnnotatedExemplar, kind: str) -> str:
    """What of an exemplar an edit of that kind changes, in words."""
    if kind == "split":
        return e.split
    if kind.endswith("tag"):
        return ", ".join(e.tags) or "no tags"
    outcome = "discarded" if DISCARDED in e.tags else e.outcome or "not aligned yet"
    return e.label if e.unlabelled else f"{e.label}, {outcome}"


def apply_edit(workspace: Workspace, plan: EditPlan, *, who: str) -> EditReport:
    """Do what was planned, all in one step; what was changed since stays as it is and is listed.

    ``ConflictError`` if another schema was saved since.
    """
    edit, planned_changes = plan.edit, plan.changes
    if not planned_changes:
        return EditReport(plan.module, edit, (), (), "")
    batch = uuid.uuid4().hex[:12]
    assignments = {c.id: (c.revision, edit.value) for c in planned_changes}
    with workspace.store.writing(plan.module, who=who) as w:
        _, settings = schema_and_settings(w.connection, w.module)
        _check_annotators(w.module, edit, int(settings.get("annotators", 1)))
        changes.expect_schema(w, plan.schema_hash)
        if edit.kind == "split":
            details = {"moved": dict(plan.moves), "stored": True, "changed": len(planned_changes)}
            source = f"{quantity(len(planned_changes), 'utterance')} to {edit.value}"
            new = NewBatch(
                source,
                "",
                len(planned_changes),
                len(planned_changes),
                details=details,
                kind="split",
            )
            number = imports.begin(w, new)
            batch, changed_ids = str(number), splits.assign(w, number, assignments)
        elif edit.kind.endswith("tag"):
            changed_ids = bulk.tag(
                w, [(c.id, c.revision, c.exemplar.tags) for c in planned_changes], batch=batch
            )
        elif edit.kind == "delete":
            now = bulk.revisions(w, list(assignments))
            changed_ids = [c.id for c in planned_changes if now.get(c.id) != c.revision]
            fit = [c.id for c in planned_changes if now.get(c.id) == c.revision]
            trash.put(w, fit, note="deleted")
        else:
            edits = [(c.exemplar, c.revision, c.columns) for c in planned_changes]
            changed_ids = bulk.edit(w, edits, batch=batch)
    since = set(changed_ids)
    ids = tuple(c.id for c in planned_changes if c.id not in since)
    return EditReport(plan.module, edit, ids, tuple(sorted(since)), batch)


def undo_edit(workspace: Workspace, report: EditReport, *, who: str) -> Undone:
    """Take an edit back, as far as nobody has worked on the exemplars since."""
    if report.edit.kind == "delete":
        return _undelete(workspace, report, who=who)
    if report.edit.kind == "split":
        undo_report = undo(workspace, int(report.batch), module=report.module, who=who)
        missing = {"deleted since": undo_report.gone} if undo_report.gone else {}
        return Undone(undo_report.returned, {**undo_report.reasons, **missing})
    back, since, gone_ids = workspace.store.undo_bulk(report.module, report.batch, who=who)
    reasons = {"decided again since": len(since), "deleted since": len(gone_ids)}
    return Undone(len(back), {why: n for why, n in reasons.items() if n})


def _undelete(workspace: Workspace, report: EditReport, *, who: str) -> Undone:
    """Bring back what is still in the trash, unless its id is in use again."""
    with workspace.store.reading() as connection:
        there = bulk.revisions_of(connection, report.module, report.ids)
        in_trash = trash.newest_numbers(connection, report.module, report.ids)
    back = [id_ for id_ in report.ids if id_ in in_trash and id_ not in there]
    if back:
        restore(workspace, report.module, back, who=who)
    used_count = len(there)
    missing = len(report.ids) - len(back) - used_count
    reasons = {"there again already": used_count, "not in the trash any more": missing}
    return Undone(len(back), {why: n for why, n in reasons.items() if n})
