"""The Annotate page: what to ask next, and a person's decisions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from radu_core.alignment import Aligner, align
from radu_core.errors import AlignmentError, InputError
from radu_core.exemplars import DISCARDED, AnnotatedExemplar, Span, check_spans, make_template
from radu_core.schema import Arguments, Schema, argument_problems, as_values
from radu_core.store import Event, StoredExemplar
from radu_core.workflows.outcomes import alignment_record, module_knowledge
from radu_core.workflows.workspace import Workspace

__all__ = [
    "ArgumentState",
    "Place",
    "Queue",
    "accept_reading",
    "argument_states",
    "correct",
    "discard",
    "keep",
    "marked_spans",
    "place",
    "queue",
    "undo",
    "waits",
]

Place = tuple[int, int]  # (start, end) in code points, half-open

_RANKED_BY = 1_000  # exemplars that rank the readings of a corrected one: under 0.2 s
_ORDER = {"ambiguous": 0, "unlocated": 1, "invalid": 2}


@dataclass(frozen=True)
class Queue:
    """What waits for a person, most valuable first, and how far the module is."""

    items: tuple[StoredExemplar, ...]
    resolved: int
    total: int


@dataclass(frozen=True)
class ArgumentState:
    """One value of one slot: how often it occurs in the text, and where."""

    slot: str
    value: str
    state: str
    places: tuple[tuple[int, int], ...]


def queue(
    workspace: Workspace, module: str, *, outcomes: Sequence[str] = (), search: str = ""
) -> Queue:
    """Unresolved and flagged exemplars: flagged first, then ambiguous, unlocated, invalid.

    Within those, functions with the fewest resolved exemplars come first. ``search`` narrows it
    to utterances that contain the text.
    """
    items = workspace.store.exemplars(module)
    resolved = [i for i in items if i.exemplar.outcome == "resolved"]
    have = Counter(i.exemplar.function for i in resolved)
    wanted = search.casefold().strip()
    waiting = [
        i
        for i in items
        if waits(i)
        and (not outcomes or (("flagged" if i.flag else i.exemplar.outcome) in outcomes))
        and wanted in i.exemplar.utterance.casefold()
    ]
    waiting.sort(
        key=lambda i: (
            i.flag is None,
            _ORDER.get(i.exemplar.outcome or "", 3),
            have[i.exemplar.function],
            i.exemplar.id,
        )
    )
    return Queue(tuple(waiting), len(resolved), len(items))


def waits(item: StoredExemplar) -> bool:
    """Whether an exemplar is one for a person: unresolved or flagged, and not discarded."""
    open_ = item.flag is not None or item.exemplar.outcome != "resolved"
    return open_ and DISCARDED not in item.exemplar.tags


def argument_states(schema: Schema, item: StoredExemplar) -> list[ArgumentState]:
    """Each argument's state: placed, implied, found once, found n times, or not in the text.

    What alignment stored of an open exemplar is taken as it is; a decided one is looked at anew.
    """
    exemplar = item.exemplar
    found = item.details.get("arguments")
    if found is None:
        bare = exemplar.model_copy(update={"spans": None, "template": None, "implied": ()})
        found = [
            {"slot": a.slot, "value": a.value, "places": [asdict(c) for c in a.candidates]}
            for a in align(schema, bare).arguments
        ]
    places = {(a["slot"], repr(a["value"])): a["places"] for a in found}
    placed = {(s.slot, repr(s.value)): (s.start, s.end) for s in exemplar.spans or ()}
    implied = {*exemplar.implied, *item.details.get("implied", ())}
    states = []
    for slot, value in exemplar.arguments.items():
        for scalar in as_values(value):
            key = (slot, repr(scalar))
            where = tuple((p["start"], p["end"]) for p in places.get(key, ()))
            times = {0: "not in the text", 1: "found once"}
            state = times.get(len(where), f"found {len(where)} times")
            if slot in implied:
                state = "implied"
            elif key in placed:
                state, where = "placed", (placed[key],)
            states.append(ArgumentState(slot, str(scalar), state, where))
    return states


def accept_reading(
    workspace: Workspace, module: str, item: StoredExemplar, number: int, *, who: str
) -> StoredExemplar:
    """Resolve an exemplar by its reading ``number`` (0 is the best one)."""
    if not 0 <= number < len(item.readings):
        raise InputError(
            f"Exemplar {item.exemplar.id} has {len(item.readings)} readings",
            value=number + 1,
            remedy="Choose one of them.",
        )
    spans = tuple(Span.model_validate(s) for s in item.readings[number]["spans"])
    implied = (*item.exemplar.implied, *item.details.get("implied", ()))
    return place(workspace, module, item, spans, implied=implied, who=who)


def place(
    workspace: Workspace,
    module: str,
    item: StoredExemplar,
    spans: Sequence[Span],
    *,
    implied: Sequence[str] = (),
    who: str,
    kind: str = "placed",
) -> StoredExemplar:
    """Resolve an exemplar by the annotator's spans; every other argument must be ``implied``.

    Raises ``AlignmentError`` when a span is wrong or an argument is neither placed nor implied,
    ``ConflictError`` when somebody else decided in between.
    """
    schema = workspace.store.schema(module)
    exemplar = item.exemplar
    ordered = check_spans(exemplar.utterance, spans)
    candidate = exemplar.model_copy(
        update={
            "spans": ordered,
            "template": make_template(exemplar.utterance, ordered),
            "implied": tuple(dict.fromkeys(implied)),
        }
    )
    result = align(schema, candidate)
    if result.outcome != "resolved":
        raise AlignmentError(
            f"This doesn't resolve the utterance: {result.reason}",
            remedy="Mark every value, or say that it is implied.",
        )
    decided = candidate.model_copy(
        update={"outcome": "resolved", "resolved_by": "annotator", "reason": "Decided by a person."}
    )
    return _decide(workspace, module, decided, item, who=who, kind=kind)


def correct(
    workspace: Workspace,
    module: str,
    item: StoredExemplar,
    *,
    function: str | None,
    arguments: Arguments,
    who: str,
) -> StoredExemplar:
    """Correct an exemplar's labels (function None: out of scope) and align it again."""
    schema = workspace.store.schema(module)
    known = schema.function(function) if function else None
    if function and known is None:
        raise InputError("The schema has no such function", value=function, remedy="Choose one.")
    problems = argument_problems(known, arguments) if known else []
    if problems or (function is None and arguments):
        raise InputError(
            "; ".join(problems) or "An out-of-scope utterance has no arguments",
            remedy="Correct the values or the function.",
        )
    labelled = item.exemplar.model_copy(
        update={
            "function": function,
            "arguments": arguments,
            "spans": None,
            "template": None,
            "implied": tuple(s for s in item.exemplar.implied if s in arguments),
            "outcome": None,
            "resolved_by": None,
        }
    )
    knowledge = module_knowledge(workspace, module, most=_RANKED_BY)
    result = Aligner(schema, knowledge=knowledge).align(labelled)
    resolved = result.outcome == "resolved"
    decided = labelled.model_copy(
        update={
            "spans": result.spans,
            "template": result.template,
            "implied": (*labelled.implied, *(result.implied if resolved else ())),
            "outcome": result.outcome,
            "resolved_by": "annotator" if resolved else None,
            "reason": result.reason,
        }
    )
    stored = _decide(workspace, module, decided, item, who=who, kind="corrected")
    if not resolved:
        record = alignment_record(stored, result)
        workspace.store.set_alignments(module, [record], who=who)
        stored = workspace.store.exemplar(module, stored.exemplar.id)
    return stored


def marked_spans(item: StoredExemplar, marks: Mapping[tuple[str, int], Place | str]) -> list[Span]:
    """Spans from an annotator's marks: (slot, number of the value) → a place, or words typed.

    Words typed are looked for as they are. Those that occur several times are told apart by a
    number, ``Boston#2`` being the second one, unless ``Boston#2`` stands in the text itself.
    Raises ``InputError`` when the words aren't there, or when it isn't clear which are meant.
    """
    spans = []
    for (slot, number), mark in marks.items():
        start, end = _typed(item.exemplar.utterance, slot, mark) if isinstance(mark, str) else mark
        value = as_values(item.exemplar.arguments[slot])[number]
        spans.append(Span(slot=slot, start=start, end=end, value=value))
    return spans


def _typed(text: str, slot: str, typed: str) -> Place:
    """Where the words that were typed for a slot stand."""
    words = typed.strip()
    places = _occurrences(text, words)
    if len(places) == 1:
        return places[0]
    if len(places) > 1:
        raise InputError(
            f"These words for {slot} occur {len(places)} times",
            value=words,
            remedy=f"Choose one of the places, or say which: {words}#1 is the first.",
        )
    numbered = re.fullmatch(r"(?P<words>.*\S)\s*#(?P<which>\d{1,9})", words, re.DOTALL)
    places = _occurrences(text, numbered["words"]) if numbered else []
    if numbered is None or not places:
        raise InputError(
            f"These words for {slot} aren't in the utterance", value=words, remedy="Copy them."
        )
    which = int(numbered["which"])
    if not 1 <= which <= len(places):
        raise InputError(
            f"The utterance has {len(places)} of these words", value=typed, remedy="Count them."
        )
    return places[which - 1]


def _occurrences(text: str, words: str) -> list[Place]:
    if not words:
        return []
    found = re.finditer(f"(?={re.escape(words)})", text)
    return [(m.start(), m.start() + len(words)) for m in found]


def undo(workspace: Workspace, module: str, id: str, *, who: str) -> StoredExemplar:
    """Take the last decision about an exemplar back, with all it changed: labels, readings, flag.

    A second undo takes back the decision before that. The events stay in the history.
    """
    store = workspace.store
    now = store.exemplar(module, id)
    standing = _standing(store.history(module, id))
    if not standing:
        raise InputError("There is nothing to take back", value=id, remedy="Go on.")
    return store.restore(module, id, standing[-1].id, who=who, expected_revision=now.revision)


def _standing(history: Sequence[Event]) -> list[Event]:
    """The decisions that haven't been taken back, oldest first."""
    standing: list[Event] = []
    for event in history:
        if event.kind == "restored":
            standing = standing[:-1]
        elif event.before is not None and event.kind != "imported":
            standing.append(event)
    return standing


def keep(workspace: Workspace, module: str, item: StoredExemplar, *, who: str) -> StoredExemplar:
    """Say that a flagged exemplar's labels are right: the flag goes, the labels stay."""
    if item.flag is None:
        raise InputError(
            "Nobody has flagged this exemplar", value=item.exemplar.id, remedy="Go on."
        )
    return _decide(workspace, module, item.exemplar, item, who=who, kind="kept")


def discard(
    workspace: Workspace, module: str, item: StoredExemplar, *, reason: str, who: str
) -> StoredExemplar:
    """Take an exemplar out of use, with a reason; it stays stored, listed and restorable."""
    if not reason.strip():
        raise InputError("A discard needs a reason", remedy="Say why in a few words.")
    decided = item.exemplar.model_copy(
        update={
            "outcome": "invalid",
            "resolved_by": None,
            "reason": f"Discarded by {who}: {reason.strip()}",
            "spans": None,
            "template": None,
            "tags": tuple(dict.fromkeys((*item.exemplar.tags, DISCARDED))),
        }
    )
    return _decide(workspace, module, decided, item, who=who, kind="discarded")


def _decide(
    workspace: Workspace,
    module: str,
    decided: AnnotatedExemplar,
    item: StoredExemplar,
    *,
    who: str,
    kind: str,
) -> StoredExemplar:
    return workspace.store.decide(
        module, decided, who=who, kind=kind, expected_revision=item.revision
    )
