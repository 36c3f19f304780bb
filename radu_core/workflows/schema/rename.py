"""Renaming a function, a slot or a recognizer: what follows, looked at first, then in one step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from radu_core.errors import ConflictError, InputError, TemplateError
from radu_core.prompts import TemplateSet, check_template
from radu_core.schema import Schema, require_function
from radu_core.store import changes, renaming
from radu_core.store.modules import schema_and_settings
from radu_core.store.renames import Rename
from radu_core.words import quantity
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.outcomes import ResolveReport, resolve
from radu_core.workflows.load.schema_cost import Built, what_is_built
from radu_core.workflows.schema import edits, guidelines
from radu_core.workflows.schema.names import Mention, in_schema, in_text, put_in_schema

__all__ = ["RenamePlan", "Renamed", "Target", "plan_rename", "rename", "target", "with_new_name"]

_LISTED = 20


@dataclass(frozen=True)
class Target:
    """What is renamed or removed: a function, a slot of one, or a recognizer."""

    name: str
    function: str | None = None  # of a slot
    recognizer: bool = False

    @property
    def kind(self) -> str:
        """function, slot or recognizer."""
        return "recognizer" if self.recognizer else "slot" if self.function else "function"

    def __str__(self) -> str:
        return f"{self.function}.{self.name}" if self.function else self.name


def target(schema: Schema, name: str, *, of: str | None = None, recognizer: bool = False) -> Target:
    """What ``name`` means: a function, a slot or a recognizer.

    A slot is ``function.slot``, or a slot ``of`` a function. ``InputError`` if it isn't there.
    """
    if recognizer:
        return Target(name, recognizer=True)
    if of is not None:
        edits.require_slot(schema, of, name)
        return Target(name, of)
    context = None if schema.function(name) else schema.context_of(name)
    if context is not None and context[1]:
        edits.require_slot(schema, context[0].name, context[1])
        return Target(context[1], context[0].name)
    require_function(schema, name)
    return Target(name)


@dataclass(frozen=True)
class RenamePlan:
    """What renaming would do; ``conflicts`` forbid it.

    ``exemplars`` are the ids of those that change, ``parts`` where the name stands in how many of
    them (function, arguments, spans, template, …). ``texts`` are prompt templates, guidelines and
    descriptions that name it; ``unchanged`` those that can't follow, each with the reason.
    ``built`` keeps the old name. ``expected`` is the hash of the schema that was looked at.
    """

    target: Target
    new: str
    expected: str
    exemplars: tuple[str, ...]
    parts: Mapping[str, int]
    opinions: int
    slots: tuple[str, ...]
    texts: tuple[Mention, ...]
    unchanged: tuple[str, ...]
    built: Built
    conflicts: tuple[str, ...]

    def __str__(self) -> str:
        also = [quantity(self.opinions, "opinion")] if self.opinions else []
        also += [quantity(len(self.slots), "slot that it fills", "slots that it fills")] * bool(
            self.slots
        )
        also += [quantity(len(self.texts), "text")] if self.texts else []
        follow = ", ".join([quantity(len(self.exemplars), "exemplar"), *also])
        return f"{self.target.kind} {self.target} → {self.new}. These follow: {follow}."


@dataclass(frozen=True)
class Renamed:
    """What a rename did, and the module's new funnel."""

    plan: RenamePlan
    funnel: ResolveReport


def plan_rename(
    workspace: Workspace, module: str, what: Target, new: str, *, follow_texts: bool = True
) -> RenamePlan:
    """Look at a rename before it is done. ``InputError`` or ``SchemaError`` if it can't be."""
    schema = workspace.store.schema(module)
    new = new.strip()
    if new == what.name:
        raise InputError("It has that name already", value=new, remedy="Give it another one.")
    with_new_name(schema, what, new)
    follows_texts = follow_texts and not what.recognizer
    texts, unchanged = _mentions(workspace, schema, what, new) if follows_texts else ((), ())
    slots = _slots_filled(schema, what) if what.recognizer else ()
    with workspace.store.reading() as connection:
        mentions_found = (
            renaming.Found()
            if what.recognizer
            else renaming.find(connection, module, _rename(connection, schema, what, new))
        )
    return RenamePlan(
        what,
        new,
        schema.hash,
        tuple(mentions_found.exemplars),
        dict(sorted(mentions_found.parts.items())),
        mentions_found.opinions,
        slots,
        texts,
        unchanged,
        what_is_built(workspace, module),
        tuple(_conflicts(what, new, mentions_found.taken)),
    )


def _conflicts(what: Target, new: str, ids_in_use: list[str]) -> list[str]:
    """What forbids it: two names would become one, and nobody could tell them apart again."""
    if not ids_in_use:
        return []
    ids = ", ".join(ids_in_use[:_LISTED]) + (" and more" if len(ids_in_use) > _LISTED else "")
    already = (
        f"are labelled {new} already"
        if what.function is None
        else f"of {what.function} have a value for {new} already"
    )
    return [f"{quantity(len(ids_in_use), 'exemplar')} {already} ({ids}): relabel them first"]


def _slots_filled(schema: Schema, what: Target) -> tuple[str, ...]:
    return tuple(
        f"{f.name}.{s.name}" for f in schema.functions for s in f.slots if s.recognizer == what.name
    )


def with_new_name(schema: Schema, what: Target, new: str) -> Schema:
    """The schema with the new name; ``InputError`` or ``SchemaError`` if it can't have it."""
    if what.recognizer:
        return edits.rename_recognizer(schema, what.name, new)
    if what.function is None:
        return edits.rename_function(schema, what.name, new)
    return edits.rename_slot(schema, what.function, what.name, new)


def _rename(connection: Connection, schema: Schema, what: Target, new: str) -> Rename:
    """The rename, with what becomes of each context of the module that names it."""
    owner = what.function or what.name
    new_contexts: dict[str, str] = {}
    declared = [owner, *(f"{owner}.{s.name}" for s in require_function(schema, owner).slots)]
    for context in (*declared, *renaming.contexts(connection, schema.module)):
        context_pair = schema.context_of(context)
        if context_pair is None or context_pair[0].name != owner:
            continue
        if what.function is None:
            new_contexts[context] = new + context[len(owner) :]
        elif context_pair[1] == what.name:
            new_contexts[context] = f"{owner}.{new}"
    return Rename(owner, new, what.name if what.function else None, new_contexts)


def _mentions(
    workspace: Workspace, schema: Schema, what: Target, new: str
) -> tuple[tuple[Mention, ...], tuple[str, ...]]:
    """The texts that name it, with the new name; and those that wouldn't work with it."""

    def rename_in(text: str) -> str:
        return in_text(text, what.name, new, of=what.function, alone=alone)

    alone = _alone(schema, what)
    mentions, unchanged = in_schema(schema, what.name, new, of=what.function, alone=alone), []
    text_before = guidelines.guidelines(workspace, schema.module)
    text_after = rename_in(text_before)
    if text_after != text_before:
        mentions.append(Mention(_GUIDELINES, text_before, text_after))
    templates = workspace.store.templates(schema.module)
    for name, text in templates.items():
        text_after = rename_in(text)
        if text_after == text:
            continue
        try:
            check_template(TemplateSet({**templates, name: text_after}), name)
        except TemplateError as error:
            unchanged.append(f"{_TEMPLATE}{name}: {error.what}")
            continue
        mentions.append(Mention(f"{_TEMPLATE}{name}", text, text_after))
    return tuple(mentions), tuple(unchanged)


_GUIDELINES = "the guidelines"
_TEMPLATE = "prompt template "


def _alone(schema: Schema, what: Target) -> bool:
    """Whether nothing else in the schema has that name: no other function's slot, say."""
    owners = [f.name for f in schema.functions if f.slot(what.name)]
    if what.function is None:
        return not owners
    return owners == [what.function] and schema.function(what.name) is None


def rename(
    workspace: Workspace,
    module: str,
    what: Target,
    new: str,
    *,
    who: str,
    follow_texts: bool = True,
    expected: str | None = None,
) -> Renamed:
    """Rename in the schema and in all that follows: all or nothing. Then align again.

    Exemplars (labels, spans, templates, contexts, readings, as imported), opinions, and unless
    ``follow_texts`` is False prompt templates, guidelines and descriptions. The history says who
    and when, and keeps the old names; a state that comes back from it has the new ones. Renaming
    it back undoes it. ``ConflictError`` if something forbids it, or the schema in use hasn't the
    hash ``expected``; nothing was changed then.
    """
    plan = plan_rename(workspace, module, what, new, follow_texts=follow_texts)
    if plan.conflicts:
        raise ConflictError(
            f"{what} can't become {plan.new}: {'; '.join(plan.conflicts)}",
            remedy="Nothing was changed.",
        )
    schema = workspace.store.schema(module)
    versions = {
        m.where: len(workspace.store.template_versions(module, m.where.removeprefix(_TEMPLATE)))
        for m in plan.texts
        if m.where.startswith(_TEMPLATE)
    }
    note = f"Renamed {what.kind} {what} → {plan.new}"
    with workspace.store.writing(module, who=who) as w:
        changes.expect_schema(w, expected or plan.expected)
        new_schema = put_in_schema(schema, plan.texts)
        changes.put_schema(w, with_new_name(new_schema, what, plan.new), note=note)
        if not what.recognizer:
            rename_made = _rename(w.connection, schema, what, plan.new)
            if ids_taken := renaming.find(w.connection, module, rename_made).taken:
                raise ConflictError(_conflicts(what, plan.new, ids_taken)[0], remedy="Look again.")
            renaming.rename(w, rename_made)
        _put_texts(w, plan, versions)
    return Renamed(plan, resolve(workspace, module, who=who))


def _put_texts(w: changes.Writing, plan: RenamePlan, versions: Mapping[str, int]) -> None:
    for mention in plan.texts:
        if mention.where.startswith(_TEMPLATE):
            name = mention.where.removeprefix(_TEMPLATE)
            changes.put_template(w, name, mention.after, based_on=versions[mention.where])
        elif mention.where == _GUIDELINES:
            _, settings = schema_and_settings(w.connection, w.module)
            if settings.get(guidelines.KEY, "") != mention.before:
                raise ConflictError(
                    "The guidelines were changed meanwhile",
                    remedy="Look at the rename again; nothing was changed.",
                )
            changes.change_settings(w, {guidelines.KEY: mention.after})
