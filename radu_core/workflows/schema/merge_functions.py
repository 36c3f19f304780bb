"""Merging two functions that turned out to be one: the effect, and doing it in one step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from radu_core.alignment import conflict
from radu_core.errors import ConflictError, InputError, SchemaError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import Function, Schema, Slot, require_function
from radu_core.store import bulk, changes
from radu_core.store.changes import Writing
from radu_core.store.modules import schema_and_settings
from radu_core.store.opinions import opinions_of
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.schema import edits

__all__ = ["MergePlan", "merge_functions", "merge_plan"]

_KIND = "merged"  # the event
_COMPARED = ("type", "multi_value", "possible_values", "recognizer", "path", "constraints")
_LISTED = 20


@dataclass(frozen=True)
class MergePlan:
    """What merging ``away`` into ``keep`` would do. ``conflicts`` forbid it; each says why.

    ``moved`` counts the exemplars by outcome; ``shared`` slots are the same in both, ``added`` ones
    come to ``keep`` (as optional), ``contexts`` counts exemplars whose context names ``away``.
    ``opinions`` counts exemplars that change while people are asked about them: what these said so
    far counts no longer, and stays in the history.
    """

    keep: str
    away: str
    moved: Mapping[str, int]
    shared: tuple[str, ...]
    added: tuple[str, ...]
    contexts: int
    opinions: int
    conflicts: tuple[str, ...]

    @property
    def total(self) -> int:
        """How many exemplars would be moved."""
        return sum(self.moved.values())


def merge_plan(workspace: Workspace, module: str, keep: str, away: str) -> MergePlan:
    """Look at a merge before it is done; ``InputError`` if a function isn't there."""
    schema = workspace.store.schema(module)
    exemplars = [i.exemplar for i in workspace.store.exemplars(module)]
    return _plan(schema, exemplars, keep, away, _with_opinions(workspace, module))


def _with_opinions(workspace: Workspace, module: str) -> frozenset[str]:
    """The exemplars about which somebody has an opinion that counts."""
    with workspace.store.reading() as connection:
        return frozenset(opinion.id for opinion in opinions_of(connection, module))


def _plan(
    schema: Schema,
    exemplars: Sequence[AnnotatedExemplar],
    keep: str,
    away: str,
    indexed_ids: Collection[str],
) -> MergePlan:
    function, removed_function = require_function(schema, keep), require_function(schema, away)
    if keep == away:
        raise InputError("A merge takes two functions", value=keep, remedy="Choose another one.")
    unlike = [
        f"slot {slot.name} differs in {', '.join(differs)}"
        for slot in removed_function.slots
        if (own := function.slot(slot.name)) and (differs := _differences(own, slot))
    ]
    new_schema = _merge(schema, function, removed_function)
    moved_exemplars = [e for e in exemplars if e.function == away]
    unlike += [] if unlike else _problems(new_schema)
    problems = [] if unlike else list(_find_broken(schema, new_schema, moved_exemplars, keep))
    return MergePlan(
        keep,
        away,
        dict(sorted(Counter(e.outcome or "new" for e in moved_exemplars).items())),
        tuple(s.name for s in removed_function.slots if function.slot(s.name)),
        tuple(s.name for s in removed_function.slots if not function.slot(s.name)),
        sum(_context_slot(schema, e.context, away) is not None for e in exemplars),
        sum(e.id in indexed_ids and _move(schema, e, keep, away) is not e for e in exemplars),
        (*unlike, *problems),
    )


def _differences(own: Slot, other: Slot) -> list[str]:
    return [
        f"{name} ({getattr(own, name)!s} and {getattr(other, name)!s})"
        for name in _COMPARED
        if getattr(own, name) != getattr(other, name)
    ]


def _merge(schema: Schema, target: Function, source: Function) -> Schema:
    """The schema with the slots of ``source`` in ``target``, and without ``source``."""
    more = [
        s.model_copy(update={"required": False}) for s in source.slots if not target.slot(s.name)
    ]
    theirs = {s.name: s for s in source.slots}
    own = [_merge_requirement(s, theirs.get(s.name)) for s in target.slots]
    whole = target.model_copy(update={"slots": (*own, *more)})
    functions = [whole if f.name == target.name else f for f in schema.functions if f != source]
    return schema.model_copy(update={"functions": tuple(functions)})


def _problems(schema: Schema) -> list[str]:
    """What the merged schema can't be stored for: two slots at one place in a call."""
    try:
        edits.validate(schema)
    except SchemaError as error:
        return [error.what]
    return []


def _merge_requirement(slot: Slot, other: Slot | None) -> Slot:
    required = slot.required and other is not None and other.required
    return slot.model_copy(update={"required": required})


def _find_broken(
    before: Schema, after: Schema, exemplars: Iterable[AnnotatedExemplar], keep: str
) -> Iterable[str]:
    """Resolved exemplars that would contradict the merged schema though they fit the one in use."""
    problems = [
        f"exemplar {e.id}: {why}"
        for e in exemplars
        if e.outcome == "resolved" and not conflict(before, e)
        if (why := conflict(after, e.model_copy(update={"function": keep})))
    ]
    yield from problems[:_LISTED]
    if len(problems) > _LISTED:
        yield f"and {len(problems) - _LISTED} more"


def _context_slot(schema: Schema, context: str | None, function: str) -> str | None:
    """The slot of the function that a context names, "" if none; None if it names another one."""
    context_pair = schema.context_of(context or "")
    return (
        context_pair[1] if context_pair is not None and context_pair[0].name == function else None
    )


def merge_functions(
    workspace: Workspace, module: str, keep: str, away: str, *, who: str
) -> MergePlan:
    """Move all exemplars of ``away`` to ``keep`` and take ``away`` out of the schema, in one step.

    Every exemplar keeps its history, with an event "merged"; the earlier schema stays among its
    versions. ``ConflictError`` names what forbids it; then nothing was changed.
    """
    store = workspace.store
    schema = store.schema(module)
    items = store.exemplars(module)
    plan = _plan(schema, [i.exemplar for i in items], keep, away, _with_opinions(workspace, module))
    if plan.conflicts:
        raise ConflictError(
            f"{away} can't be merged into {keep}: {'; '.join(plan.conflicts)}",
            remedy="Make the slots equal on the Schema page, or correct these exemplars.",
        )
    pairs = [(i, _move(schema, i.exemplar, keep, away)) for i in items]
    new_exemplars = [
        exemplar_after for i, exemplar_after in pairs if exemplar_after is not i.exemplar
    ]
    revisions_before = {
        i.exemplar.id: i.revision for i, exemplar_after in pairs if exemplar_after is not i.exemplar
    }
    with store.writing(module, who=who) as w:
        _expect(w, schema, revisions_before)
        bulk.relabel(w, new_exemplars, kind=_KIND, note=f"{away} into {keep}")
        function, removed_function = require_function(schema, keep), require_function(schema, away)
        note = f"Merged function {away} into {keep}"
        changes.put_schema(w, _merge(schema, function, removed_function), note=note)
    return plan


def _expect(w: Writing, schema: Schema, revisions: Mapping[str, int]) -> None:
    """``ConflictError`` if somebody has changed the schema or an exemplar (id → revision) since."""
    text, _ = schema_and_settings(w.connection, w.module)
    if text != schema.model_dump_json() or bulk.revisions(w, list(revisions)) != dict(revisions):
        raise ConflictError(
            "The module was changed in the meantime",
            remedy="Look at the merge again; nothing was changed.",
        )


def _move(schema: Schema, exemplar: AnnotatedExemplar, keep: str, away: str) -> AnnotatedExemplar:
    update: dict[str, object] = {}
    if exemplar.function == away:
        update["function"] = keep
    slot = _context_slot(schema, exemplar.context, away)
    if slot is not None:
        update["context"] = f"{keep}.{slot}" if slot else keep
    return exemplar.model_copy(update=update) if update else exemplar
