"""Removing a function, a slot or a recognizer, and what becomes of the exemplars that name it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from radu_core.alignment import conflict
from radu_core.errors import ConflictError, InputError
from radu_core.exemplars import AnnotatedExemplar, make_template
from radu_core.schema import Schema, require_function
from radu_core.store import StoredExemplar, bulk, changes
from radu_core.words import quantity
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.labels import contradict
from radu_core.workflows.load.outcomes import ResolveReport, resolve
from radu_core.workflows.load.schema_cost import Broken, Built, what_is_built
from radu_core.workflows.schema import edits, guidelines
from radu_core.workflows.schema.names import in_schema, in_text
from radu_core.workflows.schema.rename import Target

__all__ = ["FATES", "Fate", "RemovePlan", "Removed", "fates", "plan_remove", "relabel", "remove"]

Fate = Literal["keep", "move", "unlabel", "drop"]
FATES: dict[Fate, str] = {
    "keep": "Keep their labels: they become invalid",
    "move": "Move them to another function",
    "unlabel": "Take their labels off: unlabelled",
    "drop": "Take the slot's values off them",
}


@dataclass(frozen=True)
class RemovePlan:
    """What removing would do. ``exemplars`` name it; each says what becomes of it.

    ``slots`` are filled by the recognizer and then by the model, ``mentions`` texts that name it
    and stay as they are. ``expected`` is the hash of the schema that was looked at.
    """

    target: Target
    fate: Fate
    to: str | None
    expected: str
    exemplars: tuple[Broken, ...]
    slots: tuple[str, ...]
    contexts: int
    mentions: tuple[str, ...]
    built: Built

    @property
    def invalid(self) -> int:
        """How many exemplars would contradict the schema."""
        return sum(e.reason.startswith(_INVALID) for e in self.exemplars)

    def __str__(self) -> str:
        if self.target.recognizer:
            slots = quantity(len(self.slots), "slot that it fills is", "slots that it fills are")
            return f"Without recognizer {self.target} {slots} filled by the model."
        exemplars_text = quantity(len(self.exemplars), "exemplar names", "exemplars name")
        return f"{exemplars_text} {self.target}; {self.invalid:,} of them would be invalid."


_INVALID = "invalid: "


@dataclass(frozen=True)
class Removed:
    """What a removal did, and the module's new funnel."""

    plan: RemovePlan
    funnel: ResolveReport


def fates(what: Target) -> list[Fate]:
    """What may become of the exemplars that name it, the first by default."""
    if what.recognizer:
        return ["keep"]
    if what.function is not None:
        return ["keep", "drop"]
    return ["keep", "move", "unlabel"]


def plan_remove(
    workspace: Workspace, module: str, what: Target, *, fate: Fate = "keep", to: str | None = None
) -> RemovePlan:
    """Look at a removal before it is done; ``InputError`` if it can't be."""
    schema = workspace.store.schema(module)
    after = _remove(schema, what)
    change, items = _plan(workspace, schema, after, what, fate, to)
    exemplars = [i.exemplar for i in workspace.store.exemplars(module)]
    return RemovePlan(
        what,
        fate,
        to,
        schema.hash,
        tuple(_make_broken(after, i.exemplar, change(i.exemplar)) for i in items),
        tuple(
            f"{f.name}.{s.name}"
            for f in schema.functions
            for s in f.slots
            if what.recognizer and s.recognizer == what.name
        ),
        sum(_in_context(schema, e.context, what) for e in exemplars),
        tuple(_mentions(workspace, schema, what)),
        what_is_built(workspace, module),
    )


def _remove(schema: Schema, what: Target) -> Schema:
    if what.recognizer:
        return edits.remove_recognizer(schema, what.name)
    if what.function is None:
        return edits.remove_function(schema, what.name)
    return edits.remove_slot(schema, what.function, what.name)


_Change = Callable[[AnnotatedExemplar], AnnotatedExemplar]


def _plan(
    workspace: Workspace,
    schema: Schema,
    after: Schema,
    what: Target,
    fate: Fate,
    to: str | None,
) -> tuple[_Change, list[StoredExemplar]]:
    """What happens to each exemplar that names it, and these exemplars."""
    if fate not in fates(what):
        text = ", ".join(fates(what))
        raise InputError(
            f"That isn't possible for a {what.kind}'s exemplars",
            value=fate,
            remedy=f"Choose one of: {text}.",
        )
    if what.recognizer:
        return lambda e: e, []
    owner = what.function or what.name
    items = workspace.store.exemplars(schema.module, functions=[owner])
    if what.function is not None:
        items = [i for i in items if what.name in i.exemplar.arguments]
    return _change(after, what, fate, to), items


def _change(after: Schema, what: Target, fate: Fate, to: str | None) -> _Change:
    if fate == "move":
        if to is None:
            raise InputError(
                "Moving exemplars needs a function", remedy="Choose the function that they move to."
            )
        require_function(after, to)
        return lambda e: _fitting(after, e.model_copy(update={"function": to}))
    if fate == "unlabel":
        return lambda e: _unlabel(e, f"The function {what.name} was removed.")
    if fate == "drop":
        return lambda e: _fitting(after, _without(e, what.name))
    return lambda e: e


def _fitting(schema: Schema, exemplar: AnnotatedExemplar) -> AnnotatedExemplar:
    """The exemplar; invalid, with the reason, where its labels contradict the schema."""
    reason = conflict(schema, exemplar)
    if not reason:
        return exemplar
    update = {"outcome": "invalid", "resolved_by": None, "reason": reason}
    return exemplar.model_copy(update=update)


def _unlabel(exemplar: AnnotatedExemplar, reason: str) -> AnnotatedExemplar:
    return exemplar.model_copy(
        update={
            "function": None,
            "unlabelled": True,
            "arguments": {},
            "spans": None,
            "template": None,
            "implied": (),
            "outcome": "unlabelled",
            "resolved_by": None,
            "reason": reason,
        }
    )


def _without(exemplar: AnnotatedExemplar, slot: str) -> AnnotatedExemplar:
    spans = exemplar.spans
    spans_left = None if spans is None else tuple(s for s in spans if s.slot != slot)
    return exemplar.model_copy(
        update={
            "arguments": {k: v for k, v in exemplar.arguments.items() if k != slot},
            "spans": spans_left,
            "template": None
            if spans_left is None
            else make_template(exemplar.utterance, spans_left),
            "implied": tuple(s for s in exemplar.implied if s != slot),
        }
    )


def _make_broken(
    after: Schema, before: AnnotatedExemplar, exemplar_after: AnnotatedExemplar
) -> Broken:
    """An exemplar with what becomes of it."""
    why = conflict(after, exemplar_after)
    if why:
        text = f"{_INVALID}{why}"
    elif exemplar_after.function != before.function:
        text = f"moved to {exemplar_after.function}" if exemplar_after.function else "unlabelled"
    else:
        text = "loses the value"
    return Broken(before.id, before.utterance, before.function or "", text)


def _in_context(schema: Schema, context: str | None, what: Target) -> bool:
    context_pair = schema.context_of(context or "")
    if context_pair is None or what.recognizer:
        return False
    if what.function is None:
        return context_pair[0].name == what.name
    return (context_pair[0].name, context_pair[1]) == (what.function, what.name)


def _mentions(workspace: Workspace, schema: Schema, what: Target) -> list[str]:
    """Where texts name it; they aren't changed."""
    if what.recognizer:
        return []
    text = "\0"  # a name that no text has
    texts = {
        "the guidelines": guidelines.guidelines(workspace, schema.module),
        **{f"prompt template {n}": t for n, t in workspace.store.templates(schema.module).items()},
    }
    names_mentioning = [
        n for n, t in texts.items() if in_text(t, what.name, text, of=what.function) != t
    ]
    own = (f"the description of {what}", f"the description of {what}.")
    mentions = in_schema(schema, what.name, text, of=what.function)
    return [
        *names_mentioning,
        *(m.where for m in mentions if m.where != own[0] and not m.where.startswith(own[1])),
    ]


def remove(
    workspace: Workspace,
    module: str,
    what: Target,
    *,
    who: str,
    fate: Fate = "keep",
    to: str | None = None,
    expected: str | None = None,
) -> Removed:
    """Remove it from the schema, and do with its exemplars as ``fate`` says: all or nothing.

    Then align again. The schema before stays among the earlier ones, and each exemplar's labels in
    its history. ``ConflictError`` if the schema in use hasn't the hash ``expected``, or an exemplar
    was changed meanwhile; nothing was changed then.
    """
    plan = plan_remove(workspace, module, what, fate=fate, to=to)
    schema = workspace.store.schema(module)
    after = _remove(schema, what)
    change, items = _plan(workspace, schema, after, what, fate, to)
    note = f"Removed {what.kind} {what}"
    with workspace.store.writing(module, who=who) as w:
        changes.expect_schema(w, expected or plan.expected)
        if fate != "keep":
            _relabel(w, items, change, note=note + (f", exemplars to {to}" if to else ""))
        changes.put_schema(w, after, note=note)
    contradict(workspace, after, who=who)
    return Removed(plan, resolve(workspace, module, who=who))


def _relabel(
    w: changes.Writing, items: Sequence[StoredExemplar], change: _Change, *, note: str
) -> None:
    revisions_before = {i.exemplar.id: i.revision for i in items}
    if bulk.revisions(w, list(revisions_before)) != revisions_before:
        raise ConflictError(
            "Exemplars were changed meanwhile", remedy="Look again; nothing was changed."
        )
    bulk.relabel(w, [change(i.exemplar) for i in items], kind="relabelled", note=note)


def relabel(
    workspace: Workspace, module: str, function: str, *, who: str, fate: Fate, to: str | None = None
) -> int:
    """Move the exemplars of a function to another, or take their labels off; returns how many.

    The schema doesn't have the function, or not any more.
    """
    schema = workspace.store.schema(module)
    if schema.function(function) is not None:
        raise InputError(
            "The schema has that function",
            value=function,
            remedy="Remove it, or merge it with another one on the Overlap page.",
        )
    what = Target(function)
    change, items = _plan(workspace, schema, schema, what, fate, to)
    with workspace.store.writing(module, who=who) as w:
        changes.expect_schema(w, schema.hash)
        _relabel(
            w, items, change, note=f"{function} isn't in the schema" + (f": to {to}" if to else "")
        )
    resolve(workspace, module, who=who)
    return len(items)
