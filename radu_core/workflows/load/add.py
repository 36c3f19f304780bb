"""A new utterance with its labels, written by a person."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from radu_core.alignment import Aligner, Alignment
from radu_core.errors import ConflictError, InputError
from radu_core.exemplars import LONGEST, UNLABELLED, AnnotatedExemplar, Split
from radu_core.files import content_hash
from radu_core.formats.values import convert, unclear
from radu_core.schema import Arguments, Function, Scalar, Slot, argument_problems
from radu_core.store import StoredExemplar
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.outcomes import RANKED_BY, alignment_record, module_knowledge

__all__ = ["Typed", "add", "add_unlabelled", "arguments_of"]

Typed = Mapping[str, str | Sequence[str]]  # slot → words, or a list where it takes several


def add(
    workspace: Workspace,
    module: str,
    utterance: str,
    *,
    function: str | None,
    typed: Typed,
    split: Split = "train",
    who: str,
) -> StoredExemplar:
    """Add an utterance with its labels (function None: out of scope) and align it.

    Its id is made of what it says, so that the same one isn't added twice: ``ConflictError``.
    Raises ``InputError`` when the labels contradict the schema.
    """
    schema = workspace.store.schema(module)
    function_known = schema.function(function) if function else None
    if function and function_known is None:
        raise InputError("The schema has no such function", value=function, remedy="Choose one.")
    arguments = arguments_of(function_known, typed, schema.language)
    exemplar = _label(utterance.strip(), function, arguments, split)
    knowledge = module_knowledge(workspace, module, most=RANKED_BY)
    result = Aligner(schema, knowledge=knowledge).align(exemplar)
    item = _store(workspace, module, _apply_alignment(exemplar, result), who)
    if result.outcome != "resolved":
        record = alignment_record(item, result)
        workspace.store.set_alignments(module, [record], who=who)
        item = workspace.store.exemplar(module, exemplar.id)
    return item


def add_unlabelled(
    workspace: Workspace, module: str, utterance: str, *, split: Split = "train", who: str
) -> StoredExemplar:
    """Add an utterance without labels, for somebody to say what it means; see ``add``."""
    exemplar = _label(utterance.strip(), None, {}, split, unlabelled=True)
    state = {"outcome": "unlabelled", "reason": UNLABELLED}
    return _store(workspace, module, exemplar.model_copy(update=state), who)


def _store(
    workspace: Workspace, module: str, exemplar: AnnotatedExemplar, who: str
) -> StoredExemplar:
    try:
        return workspace.store.add_exemplar(module, exemplar, who=who)
    except ConflictError as error:
        raise ConflictError(
            "That utterance was added with these labels before",
            value=exemplar.utterance,
            remedy=f"It is {exemplar.id}: look at it instead.",
        ) from error


def arguments_of(function: Function | None, typed: Typed, language: str) -> Arguments:
    """What was typed for each slot, in a language, as values of the slots' types.

    What is empty is left out.

    ``InputError`` names everything that doesn't fit.
    """
    arguments: Arguments = {}
    for name, words in typed.items():
        slot = function.slot(name) if function else None
        if isinstance(words, str):
            if words.strip():
                arguments[name] = _value(slot, words.strip(), language)
        elif values := [_value(slot, w.strip(), language) for w in words if w.strip()]:
            arguments[name] = values
    problems = argument_problems(function, arguments) if function else []
    if problems or (function is None and arguments):
        raise InputError(
            "; ".join(problems) or "An out-of-scope utterance has no arguments",
            remedy="Correct the values or the function.",
        )
    return arguments


def _value(slot: Slot | None, words: str, language: str) -> Scalar:
    """The value that was typed; the words as they are where they aren't one of the slot's type."""
    if slot is None:
        return words
    problem, remedy = unclear(words, slot, language, program=False)
    if problem:
        raise InputError(f"Slot {slot.name!r}: {words!r} {problem}", remedy=remedy)
    return convert(words, slot, language, program=False)[0]


def _label(
    utterance: str,
    function: str | None,
    arguments: Arguments,
    split: Split,
    *,
    unlabelled: bool = False,
) -> AnnotatedExemplar:
    if not 0 < len(utterance) <= LONGEST:
        raise InputError(
            f"An utterance has 1 to {LONGEST:,} characters, not {len(utterance):,}",
            remedy="Write what somebody would say to the bot.",
        )
    identity = json.dumps([utterance, "" if unlabelled else function, arguments], sort_keys=True)
    return AnnotatedExemplar(
        id=f"added-{content_hash(identity)[:12]}",
        utterance=utterance,
        function=function,
        arguments=arguments,
        split=split,
        unlabelled=unlabelled,
    )


def _apply_alignment(exemplar: AnnotatedExemplar, result: Alignment) -> AnnotatedExemplar:
    resolved = result.outcome == "resolved"
    return exemplar.model_copy(
        update={
            "spans": result.spans,
            "template": result.template,
            "implied": result.implied if resolved else (),
            "outcome": result.outcome,
            "resolved_by": "annotator" if resolved else None,
            "reason": result.reason,
        }
    )
