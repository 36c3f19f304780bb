"""One operation of an annotator: what it does to an exemplar, inside a transaction that is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import RowMapping

from radu_core.alignment import Aligner
from radu_core.errors import AlignmentError, InputError, shorten
from radu_core.exemplars import DISCARDED, AnnotatedExemplar, Span, check_spans, make_template
from radu_core.schema import Arguments, Scalar, Value, argument_problems, as_values
from radu_core.store import StoredExemplar, changes
from radu_core.store.changes import Writing
from radu_core.store.derived import DISAGREEMENT, queue_of
from radu_core.store.opinions import Opinion, give, opinions_of, withdraw
from radu_core.store.queues import skip
from radu_core.store.rows import stored_exemplar
from radu_core.workflows.annotate import request
from radu_core.workflows.annotate.items import whole_readings

__all__ = ["Case", "apply", "needs_revision", "reconsider", "waits_for_opinions"]


@dataclass(frozen=True)
class Case:
    """An exemplar that something is decided about: in which transaction, by which rules.

    ``annotators`` people are asked before it is decided; ``taken`` is False where the operation
    before this one, which it builds on, wasn't stored.
    """

    w: Writing
    aligner: Aligner
    annotators: int
    row: RowMapping
    taken: bool = True

    @property
    def item(self) -> StoredExemplar:
        """The exemplar as it is stored."""
        return stored_exemplar(self.row)

    @property
    def exemplar(self) -> AnnotatedExemplar:
        """Its labels."""
        return self.item.exemplar

    def opinions(self) -> list[Opinion]:
        """Those that count, in the order in which they are shown."""
        return opinions_of(self.w.connection, self.w.module, [self.row["id"]])


def apply(case: Case, operation: request.Operation) -> int:
    """Do what an operation says; the revision that the exemplar has then, as its reader knows it.

    Raises ``InputError`` when it contradicts itself, the schema or the utterance: nothing may be
    kept of the transaction's part then.
    """
    return _DO[type(operation)](case, operation)


def needs_revision(operation: request.Operation) -> bool:
    """Whether an operation changes the exemplar, and so must have seen what it is now."""
    return not isinstance(operation, request.Skip | request.Comment)


# Decisions


def _decide(case: Case, op: request.Decide) -> int:
    exemplar = case.exemplar
    arguments = {s: _as_known(v, exemplar.arguments.get(s)) for s, v in op.arguments.items()}
    _check_labels(case, op.function, arguments)
    spans = tuple(_span(exemplar.utterance, mark, arguments) for mark in op.spans)
    sorted_spans = check_spans(exemplar.utterance, spans)
    candidate = exemplar.model_copy(
        update={
            "function": op.function,
            "unlabelled": False,
            "arguments": arguments,
            "spans": sorted_spans,
            "template": make_template(exemplar.utterance, sorted_spans),
            "implied": tuple(dict.fromkeys(op.implied)),
            "tags": tuple(t for t in exemplar.tags if t != DISCARDED),
            "resolved_by": "annotator",  # who looked at the text: their words may mean the value
        }
    )
    result = case.aligner.align(candidate)
    if result.outcome != "resolved":
        raise AlignmentError(
            f"This doesn't resolve the utterance: {result.reason}",
            remedy="Mark every value, or say that it is implied.",
        )
    by = "suggestion" if _is_reading(case.item, op.reading, sorted_spans) else "annotator"
    reason = "Decided by a person."
    update = {"outcome": "resolved", "resolved_by": by, "reason": reason}
    same = (op.function, arguments) == (exemplar.function, exemplar.arguments)
    kind = "labelled" if exemplar.unlabelled else "placed" if same else "corrected"
    return _settle(case, candidate.model_copy(update=update), kind)


def _check_labels(case: Case, name: str | None, arguments: Arguments) -> None:
    function = case.aligner.schema.function(name) if name else None
    if name is not None and function is None:
        raise InputError("The schema has no such function", value=name, remedy="Choose one.")
    problems = argument_problems(function, arguments) if function else []
    if function is None and arguments:
        problems = ["An out-of-scope utterance has no arguments"]
    if problems:
        raise InputError("; ".join(problems), remedy="Correct the values or the function.")


def _span(utterance: str, mark: request.Mark, arguments: Arguments) -> Span:
    """A span of what was marked; the words must be those that stand there."""
    there = utterance[mark.start : mark.end]
    if there != mark.text:
        raise AlignmentError(
            f"The words marked for {mark.slot}, {shorten(mark.text)}, aren't what stands at "
            f"[{mark.start}, {mark.end}), which is {shorten(there)}",
            remedy="Mark them again; offsets count Unicode code points.",
        )
    scalars = as_values(arguments.get(mark.slot, []))
    value = next((v for v in scalars if _is_same(v, mark.value)), mark.value)
    return Span(slot=mark.slot, start=mark.start, end=mark.end, value=value)


def _as_known(value: Value, stored_value: Value | None) -> Value:
    """The value as it was stored, where a browser, which knows one kind of number, changed it."""
    if stored_value is None:
        return value
    if isinstance(value, list):
        return [next((k for k in as_values(stored_value) if _is_same(k, v)), v) for v in value]
    return (
        stored_value
        if not isinstance(stored_value, list) and _is_same(stored_value, value)
        else value
    )


def _is_same(stored_value: Scalar, value: Scalar) -> bool:
    if isinstance(stored_value, str) or isinstance(value, str):
        return stored_value == value
    if isinstance(stored_value, bool) or isinstance(value, bool):
        return stored_value is value
    try:
        return float(stored_value) == float(value)  # 2 and 2.0; digits beyond a double's
    except OverflowError:
        return stored_value == value


def _is_reading(item: StoredExemplar, number: int | None, spans: tuple[Span, ...]) -> bool:
    """Whether the spans are those of the reading of that number among the ones shown."""
    readings = whole_readings(item)
    if number is None or not 0 <= number < len(readings):
        return False
    return spans == tuple(Span.model_validate(s) for s in readings[number]["spans"])


def _keep(case: Case, op: request.Keep) -> int:
    if case.row["flag"] is None:
        raise InputError(
            "Nobody has flagged this exemplar", value=op.id, remedy="Accept it with Enter."
        )
    if case.exemplar.unlabelled:
        raise InputError(
            "It has no label that could be right",
            value=op.id,
            remedy="Give it a function (f), or say that it is out of scope (x).",
        )
    return _settle(case, case.exemplar, "kept")


def _discard(case: Case, op: request.Discard) -> int:
    reason = op.reason.strip()
    if not reason:
        raise InputError("A discard needs a reason", remedy="Say why in a few words.")
    exemplar = case.exemplar
    update = {
        "outcome": "invalid",
        "resolved_by": None,
        "reason": f"Discarded by {case.w.who}: {reason}",
        "spans": None,
        "template": None,
        "tags": tuple(dict.fromkeys((*exemplar.tags, DISCARDED))),
    }
    return _settle(case, exemplar.model_copy(update=update), "discarded")


# Several annotators


def _settle(case: Case, exemplar: AnnotatedExemplar, kind: str) -> int:
    """Store a decision; as an opinion where others are asked too.

    What waits in no queue has been decided before: correcting it takes effect at once. So does
    what somebody decides about a disagreement who has had no part in it.
    """
    if case.annotators > 1 and case.row["queue"] is not None:
        people = [o.who for o in case.opinions()]
        if case.row["queue"] != DISAGREEMENT or case.w.who in people:
            return _opine(case, exemplar)
        kind = "adjudicated"
    return changes.decide(case.w, case.row, exemplar, kind=kind)


def _opine(case: Case, exemplar: AnnotatedExemplar) -> int:
    give(case.w, exemplar)
    opinions = case.opinions()
    if len(opinions) < case.annotators:
        return _ask_on(case)
    if _agree(opinions):
        people = ", ".join(o.who for o in opinions)
        return changes.decide(case.w, case.row, exemplar, kind="agreed", note=people)
    return changes.set_queue(case.w, case.row, DISAGREEMENT)


def reconsider(case: Case) -> str | None:
    """What the opinions about an exemplar come to when other numbers of people are asked.

    ``case.annotators`` people, who were more or fewer before: "decided", "disputed", or None where
    nothing changes.
    """
    queue, opinions = case.row["queue"], case.opinions()
    if queue is None or len(opinions) < case.annotators:
        return None
    if _agree(opinions):
        last = max(opinions, key=lambda o: (o.at, o.who))  # who made it an agreement
        people = ", ".join(o.who for o in opinions)
        w = replace(case.w, who=last.who)
        changes.decide(w, case.row, last.exemplar, kind="agreed", note=people)
        return "decided"
    if queue == DISAGREEMENT:
        return None
    changes.set_queue(case.w, case.row, DISAGREEMENT)
    note = f"now asked of {case.annotators}"
    changes.add_event(case.w, case.row["id"], "disputed", None, None, note)
    return "disputed"


def _agree(opinions: Sequence[Opinion]) -> bool:
    """Whether people say the same."""
    return len({_meaning(o.exemplar) for o in opinions}) == 1


def waits_for_opinions(annotators: int, queue: str | None) -> bool:
    """Whether several people are asked about an item that isn't decided or in dispute."""
    return annotators > 1 and queue not in (None, DISAGREEMENT)


def _ask_on(case: Case) -> int:
    """Further people are to be asked: what was a disagreement waits where it did before."""
    if case.row["queue"] != DISAGREEMENT:
        return int(case.row["revision"])
    exemplar = case.exemplar
    queue = queue_of(exemplar.outcome, exemplar.tags, case.row["flag_kind"])
    return changes.set_queue(case.w, case.row, queue)


def _meaning(exemplar: AnnotatedExemplar) -> tuple[Any, ...]:
    """What annotators must agree on."""
    values = sorted((s, sorted(map(repr, as_values(v)))) for s, v in exemplar.arguments.items())
    spans = sorted((s.slot, s.start, s.end) for s in exemplar.spans or ())
    return (
        exemplar.function,
        repr(values),
        tuple(spans),
        tuple(sorted(exemplar.implied)),
        DISCARDED in exemplar.tags,
    )


def _adjudicate(case: Case, op: request.Adjudicate) -> int:
    opinions = case.opinions()
    if case.row["queue"] != DISAGREEMENT:
        raise InputError(
            "There is no disagreement about this", value=op.id, remedy="Accept it with Enter."
        )
    if op.choice >= len(opinions):
        raise InputError(
            f"There {'is 1 opinion' if len(opinions) == 1 else f'are {len(opinions)} opinions'}",
            value=op.choice + 1,
            remedy="Choose one of them.",
        )
    adopted = opinions[op.choice]
    return changes.decide(
        case.w, case.row, adopted.exemplar, kind="adjudicated", note=f"as {adopted.who} said"
    )


# Back


def _undo(case: Case, op: request.Undo) -> int:
    """Take one's opinion back, or else the last decision that stands."""
    if not case.taken:
        raise InputError(
            "The decision to undo wasn't stored",
            value=op.id,
            remedy="Press h to see its history.",
        )
    w = case.w
    if w.who in [o.who for o in case.opinions()]:
        return _withdraw(case)
    last = changes.standing_decision(w, op.id)
    if last is None:
        raise InputError(
            "There is nothing to undo",
            value=op.id,
            remedy="Press h to see its history.",
        )
    state = changes.state_before_decision(w, op.id, last.id)
    if last.kind != "agreed":
        return changes.restore(w, case.row, state)
    if w.who not in state["opinions"]:
        return changes.restore(w, case.row, state, disputed=True)
    changes.restore(w, case.row, state, without=w.who)
    return _withdraw(replace(case, row=changes.row_of(w, op.id)))


def _withdraw(case: Case) -> int:
    """Take one's opinion back; the one before it counts again, and may disagree in another way."""
    withdraw(case.w, case.row["id"])
    if len(case.opinions()) < case.annotators:
        return _ask_on(case)
    return changes.set_queue(case.w, case.row, DISAGREEMENT)


def _restore(case: Case, op: request.Restore) -> int:
    if waits_for_opinions(case.annotators, case.row["queue"]):
        raise InputError(
            "This waits for opinions, so no earlier state can be restored",
            value=op.id,
            remedy="Give your opinion. Once it is decided, any state can be restored.",
        )
    state = changes.state_before_event(case.w, op.id, op.event)
    if state.get("queue") != DISAGREEMENT:  # people are asked again, from scratch
        state["opinions"] = []
    return changes.restore(case.w, case.row, state, note=str(op.event))


# What decides nothing


def _skip(case: Case, op: request.Skip) -> int:
    skip(case.w, op.id)
    return int(case.row["revision"])


def _comment(case: Case, op: request.Comment) -> int:
    text = op.text.strip().replace("\0", " ")
    if not text:
        raise InputError("The comment is empty", remedy="Write a comment, or cancel.")
    changes.add_event(case.w, op.id, "commented", None, None, text)
    return int(case.row["revision"])


_Doing = Callable[[Case, Any], int]
_DO: Mapping[type[Any], _Doing] = {
    request.Decide: _decide,
    request.Keep: _keep,
    request.Discard: _discard,
    request.Skip: _skip,
    request.Comment: _comment,
    request.Undo: _undo,
    request.Restore: _restore,
    request.Adjudicate: _adjudicate,
}
