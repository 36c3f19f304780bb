"""Inspects what a prompt teaches: where the right answer stands, and what is wrong with it.

Pure: a row (what the model is given and taught) and what it was made from go in, places and
warnings come out. The caller, who has the tokenizer, counts the tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Literal

from radu_core.errors import TemplateError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.prompts.asking import arrange
from radu_core.prompts.check import check_template
from radu_core.prompts.job import shuffle_seed
from radu_core.prompts.options import RowOptions
from radu_core.prompts.prompt_row import PromptRow
from radu_core.prompts.render import TemplateSet
from radu_core.prompts.strategies import SLOT_STRATEGIES
from radu_core.prompts.strategies.slots import arguments_to_fill
from radu_core.schema import Function, Schema, as_values

if TYPE_CHECKING:
    from radu_core.retrieval import ExemplarHit

__all__ = [
    "Place",
    "PromptWarning",
    "Subject",
    "inspect_row",
    "places",
    "question_start",
    "template_warnings",
    "too_long",
    "worst",
]

Severity = Literal["error", "warning", "note"]
_ORDER: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class PromptWarning:
    """What is wrong with a prompt, and what to do about it.

    ``error``: the row teaches something wrong, or isn't made. ``warning``: it teaches little, or
    something else than one thinks. ``note``: good to know.
    """

    kind: str
    severity: Severity
    text: str
    remedy: str


@dataclass(frozen=True)
class Place:
    """Where a piece of the right answer stands in a prompt.

    ``what`` is the function's name or a slot with its value. ``position`` of ``of`` counts from
    the question: 1 is the nearest (0 where counting means nothing). ``start`` and ``end`` are
    characters of the prompt, ``distance`` the characters from its end to the question; all three
    None where the template doesn't show it. ``tokens`` is the distance in tokens, where known.
    ``note`` says how it is written there.
    """

    what: str
    origin: str
    position: int = 0
    of: int = 0
    exemplar_id: str | None = None
    start: int | None = None
    end: int | None = None
    distance: int | None = None
    note: str = ""
    tokens: int | None = None


@dataclass(frozen=True)
class Subject:
    """What a row was made from.

    The exemplar, the module's schema, every hit that may be shown, by id, and the options.
    ``known`` says whether it is known what the exemplar means.
    """

    exemplar: AnnotatedExemplar
    schema: Schema
    hits: Mapping[str, ExemplarHit] = field(default_factory=dict)
    known: bool = True
    options: RowOptions = field(default_factory=RowOptions)

    def exemplars_in(self, row: PromptRow) -> list[ExemplarHit]:
        """The exemplars in a row's prompt, most relevant first."""
        return [self.hits[i] for i in row.exemplar_ids if i in self.hits]

    def backwards(self, row: PromptRow, names: Sequence[str]) -> list[str]:
        """Functions or ids of exemplars of a ``rag`` row, the nearest to the question first.

        They are given with the most relevant first, and come in the order in which they stand in
        its prompt.
        """
        seed = shuffle_seed(self.options, row.strategy, row.kind, row.exemplar_id)
        return arrange(names, self.options.order, str, seed=seed)[::-1]


def question_start(row: PromptRow) -> int:
    """Where the question begins: the character at which the last utterance part does."""
    position = start = 0
    has_utterance = False
    for part in row.parts:
        if part.origin == "utterance":
            start, has_utterance = position, True
        position += len(part.text)
    return start if has_utterance else len(row.prompt)


# Where the right answer stands.


def places(row: PromptRow, subject: Subject) -> tuple[Place, ...]:
    """Where the right answer stands in a row's prompt; empty where it isn't known, or nowhere."""
    if not subject.known:
        return ()
    if row.strategy == "rag" and subject.exemplar.function:
        return (*_description_place(row, subject), *_exemplar_places(row, subject))
    if row.strategy in SLOT_STRATEGIES:
        return tuple(_value_places(row, subject))
    return ()


def _description_place(row: PromptRow, subject: Subject) -> Iterator[Place]:
    name = subject.exemplar.function or ""
    if name not in row.candidates:
        return
    span = _find_name(row, "descriptions", name)
    position = subject.backwards(row, row.candidates).index(name) + 1
    yield _place(row, name, "descriptions", position, len(row.candidates), span)


def _exemplar_places(row: PromptRow, subject: Subject) -> Iterator[Place]:
    ids = [hit.id for hit in subject.exemplars_in(row)]
    hits = [subject.hits[i] for i in subject.backwards(row, ids)]
    ends = _exemplar_spans(row, hits)
    for number, hit in enumerate(hits, start=1):
        if hit.function == subject.exemplar.function:
            span = ends[number - 1]
            name = hit.function or "none"
            yield _place(row, name, "exemplars", number, len(hits), span, exemplar=hit.id)


def _exemplar_spans(row: PromptRow, hits: Sequence[ExemplarHit]) -> list[tuple[int, int] | None]:
    """Where each exemplar's text stands, searched in their order from the question backwards."""
    region = _region(row, "exemplars")
    end = region[1] if region else 0
    spans: list[tuple[int, int] | None] = []
    for hit in hits:
        starts = {
            t: row.prompt.rfind(t, region[0] if region else 0, end)
            for t in (hit.template, hit.utterance)
            if t
        }
        text, start = max(starts.items(), key=lambda item: item[1], default=("", -1))
        spans.append((start, start + len(text)) if start >= 0 and region else None)
        end = start if start >= 0 else end
    return spans


def _region(row: PromptRow, origin: str) -> tuple[int, int] | None:
    """From the first to the last character of a part, over what lies between."""
    position, start, end = 0, None, 0
    for part in row.parts:
        if part.origin == origin:
            start = position if start is None else start
            end = position + len(part.text)
        position += len(part.text)
    return None if start is None else (start, end)


def _find_name(row: PromptRow, origin: str, name: str) -> tuple[int, int] | None:
    region = _region(row, origin)
    if region is None:
        return None
    pattern = re.compile(rf"(?<![\w.]){re.escape(name)}(?![\w])")
    match = None
    for match in pattern.finditer(row.prompt, *region):
        if row.prompt[: match.start()].endswith("\n") or match.start() == region[0]:
            break  # a line of its own, not a name in another's description
    return match.span() if match else None


def _place(
    row: PromptRow,
    what: str,
    origin: str,
    position: int,
    of: int,
    span: tuple[int, int] | None,
    *,
    exemplar: str | None = None,
    note: str = "",
) -> Place:
    if span is None:
        return Place(
            what, origin, position, of, exemplar, note=note or "the template doesn't show it"
        )
    distance = max(0, question_start(row) - span[1])
    return Place(what, origin, position, of, exemplar, *span, distance, note)


def _value_places(row: PromptRow, subject: Subject) -> Iterator[Place]:
    """Where the values that the LLM fills are read from."""
    offset = _utterance_offset(row, subject.exemplar.utterance)
    for slot, value in _answer_values(row, subject):
        what = f"{slot} = {value}"
        span, note = _in_utterance(subject.exemplar, slot, value)
        if span is not None:
            inside = None if offset is None else (offset + span[0], offset + span[1])
            yield _place(row, what, "utterance", 0, 0, inside, note=note)
        elif _is_possible(subject, slot, value):
            description_span = _find_text(row, "descriptions", str(value))
            yield _place(
                row, what, "descriptions", 0, 0, description_span, note="one of its possible values"
            )


def _answer_values(row: PromptRow, subject: Subject) -> list[tuple[str, object]]:
    """(slot, value) that a row's completion holds, a pair for each value of a list."""
    function = _function(row, subject)
    if function is None:
        return []
    arguments = arguments_to_fill(function, subject.exemplar.arguments)
    slot_arguments = {row.slot: arguments[row.slot]} if row.slot in arguments else {}
    answer = arguments if row.strategy == "all" else slot_arguments
    return [(str(slot), v) for slot, value in answer.items() for v in as_values(value)]


def _function(row: PromptRow, subject: Subject) -> Function | None:
    name = subject.exemplar.function or (row.candidates[0] if row.candidates else "")
    return subject.schema.function(name)


def _in_utterance(
    exemplar: AnnotatedExemplar, slot: str, value: object
) -> tuple[tuple[int, int] | None, str]:
    for span in exemplar.spans or ():
        if span.slot == slot and span.value == value:
            span_text = exemplar.utterance[span.start : span.end]
            note = "" if span_text == str(value) else f"written “{span_text}”"
            return (span.start, span.end), note
    if isinstance(value, bool) or not str(value):
        return None, ""
    match = re.search(rf"(?<!\w){re.escape(str(value))}(?!\w)", exemplar.utterance, re.IGNORECASE)
    return (match.span(), "not marked there") if match else (None, "")


def _is_possible(subject: Subject, slot: str, value: object) -> bool:
    function = subject.schema.function(subject.exemplar.function or "")
    schema_slot = function.slot(slot) if function else None
    if schema_slot is None:
        return False
    return schema_slot.type == "boolean" or str(value) in {
        str(v) for v in schema_slot.possible_values
    }


def _find_text(row: PromptRow, origin: str, text: str) -> tuple[int, int] | None:
    region = _region(row, origin)
    start = row.prompt.find(text, *region) if region else -1
    return (start, start + len(text)) if start >= 0 else None


def _utterance_offset(row: PromptRow, utterance: str) -> int | None:
    start = row.prompt.rfind(utterance)
    return start if start >= 0 else None


# What is wrong.


def inspect_row(row: PromptRow, subject: Subject) -> tuple[PromptWarning, ...]:
    """Everything that is wrong with a row but its length, the worst first."""
    return worst([warning for check in _CHECKS for warning in check(row, subject)])


def worst(warnings: Sequence[PromptWarning]) -> tuple[PromptWarning, ...]:
    """Warnings without repetition, the worst first, else as they came."""
    return tuple(sorted(dict.fromkeys(warnings), key=lambda w: _ORDER.index(w.severity)))


def too_long(tokens: int, limit: int, left_out: tuple[int, int] | None) -> PromptWarning:
    """A row of more tokens (with completion and end token) than the limit, and what becomes of it.

    ``left_out``: how many exemplars and functions have to go until it fits; None if all that may
    go doesn't suffice.
    """
    if left_out is None:
        fate = "nothing that may be left out makes it fit, and build-dataset lists it as a discard"
        remedy = "Shorten the template or the descriptions, or raise max_length."
    else:
        exemplars, functions = left_out
        what = f"{exemplars} of its exemplars" if exemplars else ""
        what += " and " if exemplars and functions else ""
        what += f"{functions} of its functions" if functions else ""
        fate = (
            f"build-dataset takes the least relevant out, {what}, never the utterance, the answer "
            "or the end token"
        )
        remedy = (
            "Retrieve fewer descriptions or exemplars, shorten the template, or raise max_length."
        )
    text = f"It has {tokens:,} tokens, {tokens - limit:,} more than the limit of {limit:,}: {fate}."
    return PromptWarning("truncated", "error", text, remedy)


def template_warnings(templates: TemplateSet, name: str) -> tuple[PromptWarning, ...]:
    """What ``check_template`` says of a template that is in use."""
    try:
        check_template(templates, name)
    except TemplateError as error:
        return (PromptWarning("template", "error", f"{error.what}.", error.remedy),)
    return ()


def _absent(row: PromptRow, subject: Subject) -> Iterator[PromptWarning]:
    name = subject.exemplar.function
    if row.strategy != "rag" or not subject.known or name is None or row.kind == "removed":
        return
    if subject.exemplar.mode == "negative":
        return
    if name not in row.candidates:
        yield PromptWarning(
            "answer absent",
            "error",
            f"The right function, {name}, isn't among the {len(row.candidates)} in the prompt, so "
            "the model can't choose it and no row is made.",
            "Retrieve more, or see on the Coverage page why it wasn't retrieved.",
        )
    elif not _is_named(row, name):
        yield PromptWarning(
            "answer absent",
            "error",
            f"The right function, {name}, was retrieved, but the template doesn't show its name.",
            "Show the names of functions or of exemplars' functions in the template.",
        )


def _is_named(row: PromptRow, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", row.prompt) is not None


def _value_absent(row: PromptRow, subject: Subject) -> Iterator[PromptWarning]:
    if row.strategy not in SLOT_STRATEGIES or not subject.known or not row.completion:
        return
    for slot, value in _answer_values(row, subject):
        span, _ = _in_utterance(subject.exemplar, slot, value)
        if span is not None or _is_possible(subject, slot, value):
            continue
        is_implied = slot in subject.exemplar.implied
        yield PromptWarning(
            "answer absent",
            "note" if is_implied else "error",
            f"{slot} is {value!r}, which "
            + (
                "is implied: it isn't written in the utterance."
                if is_implied
                else "is neither in the utterance nor one of the slot's possible values: the model "
                "would learn to invent it."
            ),
            "On Annotate, mark the words that mean it, or remove the value.",
        )


def _find_leaks(row: PromptRow, subject: Subject) -> Iterator[PromptWarning]:
    own = subject.exemplar
    if row.kind != "zero":
        for hit in subject.exemplars_in(row):
            why = _same(own, hit)
            if why and (hit.function == own.function or not subject.known):
                yield PromptWarning(
                    "answer leaked",
                    "error",
                    f"Exemplar {hit.id} in the prompt {why}: the answer can be copied instead of "
                    "learnt.",
                    "If you typed an utterance that is stored, choose the exemplar instead: it "
                    "never retrieves itself. Otherwise remove one of the two.",
                )
    answer = row.completion.strip()
    tail = _after_utterance(row, own.utterance)
    if answer and tail and re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", tail):
        yield PromptWarning(
            "answer leaked",
            "error",
            f"The completion, {answer}, is in the prompt after the utterance.",
            "Remove it from the template.",
        )


def _same(own: AnnotatedExemplar, hit: ExemplarHit) -> str:
    """How an exemplar gives the answer away; "" if it doesn't."""
    if hit.id == own.id:
        return "is this one itself"
    if own.template and hit.template == own.template:
        return "has the same template"
    if _fold(hit.utterance) == _fold(own.utterance):
        return "is the same utterance"
    return ""


def _fold(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".!?")


def _after_utterance(row: PromptRow, utterance: str) -> str:
    start = row.prompt.rfind(utterance)
    return row.prompt[start + len(utterance) :] if start >= 0 else ""


def _duplicates(row: PromptRow, subject: Subject) -> Iterator[PromptWarning]:
    for one, other in combinations(subject.exemplars_in(row), 2):
        if one.template != other.template:
            continue
        if one.function == other.function:
            yield PromptWarning(
                "duplicate exemplar",
                "warning",
                f"Exemplars {one.id} and {other.id} have the same template and function, so the "
                "second only makes the prompt longer.",
                "Keep one of them, or retrieve more to see others.",
            )
        else:
            yield PromptWarning(
                "contradiction",
                "warning",
                f"Exemplars {one.id} and {other.id} have the same template, but the functions "
                f"{one.function or 'none'} and {other.function or 'none'}.",
                "Correct the wrong label on the Annotate page.",
            )


def _find_undescribed(row: PromptRow, subject: Subject) -> Iterator[PromptWarning]:
    functions = [subject.schema.function(c) for c in row.candidates]
    if row.strategy == "rag":
        bare = [f.name for f in functions if f and not f.description.strip()]
        what, place = "function", "functions"
    elif row.strategy in SLOT_STRATEGIES:
        slots = [s for f in functions if f for s in f.slots if s.recognizer is None]
        bare = [s.name for s in slots if not s.description.strip() and row.slot in (None, s.name)]
        what, place = "slot", "slots"
    else:
        return
    if bare:
        yield PromptWarning(
            "description missing",
            "warning",
            f"{len(bare)} {what if len(bare) == 1 else place} in the prompt without a description: "
            f"{', '.join(bare)}.",
            "Describe on the Schema page what it is for.",
        )


def _unread(row: PromptRow, subject: Subject) -> Iterator[PromptWarning]:
    """Parts the template left out although there was something to show."""
    if subject.exemplar.utterance and subject.exemplar.utterance not in row.prompt:
        yield PromptWarning(
            "template",
            "warning",
            "The prompt doesn't show the utterance as it is.",
            "Use {{ utterance }} in the template, without a filter.",
        )


_CHECKS: tuple[Callable[[PromptRow, Subject], Iterator[PromptWarning]], ...] = (
    _absent,
    _value_absent,
    _find_leaks,
    _unread,
    _duplicates,
    _find_undescribed,
)
