"""Fast answers: the function by the head, the values by the tagger; no language model.

Answers are valid by construction: a value is what the tagger marked in the utterance, turned into
what the slot stores (``alignment.inverse``), a recognizer's match, or one that the module's rows
imply (``implied``).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from radu_core.exemplars import Span
from radu_core.inference.answers import Question, choose_function
from radu_core.inference.parser import FunctionCall
from radu_core.inference.recognized import arguments_of, find_recognized
from radu_core.inference.taught import Taught
from radu_core.progress import Progress, silent
from radu_core.schema import OUT_OF_SCOPE, Arguments, Function, Scalar, Schema
from radu_core.training.joint.fast import FastAnswer, FastModel
from radu_core.words import quantity

if TYPE_CHECKING:
    from radu_core.retrieval import Query

__all__ = ["FastParser"]

_BATCH = 64


class FastParser:
    """A fast model, and what the module's exemplars teach about values.

    ``kept`` is the share of utterances in scope to keep, as the model has it: those that look less
    in scope than so many are refused (1: none).
    """

    def __init__(self, model: FastModel, schema: Schema, taught: Taught) -> None:
        self.model = model
        self.kept = model.scope.kept
        self.schema = schema
        self.taught = taught

    def parse_many(
        self,
        queries: Sequence[Query],
        *,
        contexts: Sequence[str | None] | None = None,
        questions: Sequence[Question] | None = None,
        scope: float | None = None,
        progress: Progress = silent,
    ) -> list[FunctionCall]:
        """One call per query, in order.

        Arguments are by slot. ``questions`` say for each query which functions may be called.
        ``scope`` counts instead of the parser's ``kept``, this time.
        """
        all_questions = list(questions or [Question(q.utterance) for q in queries])
        calls: list[FunctionCall] = []
        for at in range(0, len(all_questions), _BATCH):
            progress("Answering", at, len(all_questions))
            part = all_questions[at : at + _BATCH]
            start = time.perf_counter()
            answers = self.model.answer([q.utterance for q in part])
            part_calls = [
                self.call(q.utterance, a.meaning(self.decide(a, q, scope)), today=q.today)
                for q, a in zip(part, answers, strict=True)
            ]
            seconds = (time.perf_counter() - start) / len(part)
            calls += [c.model_copy(update={"seconds": seconds}) for c in part_calls]
        return calls

    def refuses(self, answer: FastAnswer, scope: float | None = None) -> bool:
        """Whether an utterance looks less in scope than what is kept."""
        return answer.out_of_scope > (self.kept if scope is None else scope)

    def decide(self, answer: FastAnswer, question: Question, scope: float | None = None) -> str:
        """The function to call, ``OUT_OF_SCOPE`` for none."""
        if self.refuses(answer, scope) and not question.is_required:
            return OUT_OF_SCOPE
        return choose_function(answer.scores, question)

    def call(
        self, utterance: str, answer: FastAnswer, *, today: date | None = None
    ) -> FunctionCall:
        """The call that the model's answer means; relative dates count from ``today``."""
        scores, outside = dict(answer.scores), answer.out_of_scope
        unread = [] if answer.end is None else [_unread(answer.end, utterance)]
        function = self.schema.function(answer.function)
        if function is None:
            return FunctionCall(
                function=None, scores=scores, out_of_scope=outside, problems=tuple(unread)
            )
        spans = find_recognized(self.schema, function, utterance, self.taught.context)
        arguments = arguments_of(function, spans)
        tagged, problems = self._values(function, utterance, answer.tags[0], arguments, today)
        open_slots = [s for s in function.slots if s.name not in arguments]
        arguments.update(self.taught.implied.values(function.name, open_slots, answer.vector))
        return FunctionCall(
            function=function.name,
            arguments=arguments,
            scores=scores,
            problems=(*unread, *problems),
            out_of_scope=outside,
            spans=tuple(sorted([*spans, *tagged], key=lambda s: (s.start, s.end))),
        )

    def _values(
        self,
        function: Function,
        utterance: str,
        spans: Sequence[tuple[str, int, int]],
        arguments: Arguments,
        today: date | None,
    ) -> tuple[list[Span], list[str]]:
        """Put the spans' values into ``arguments``: the spans taken, and what was left out."""
        placed_spans, problems = [], []
        for name, start, end in spans:
            slot, words = function.slot(name), utterance[start:end]
            value = self.taught.inverse.value(function, slot, words, today=today) if slot else None
            if slot is None or value is None:
                problems.append(f"{words!r} is no value of {name}")
                continue
            if slot.multi_value:
                _add(arguments, name, value)
            elif name not in arguments:
                arguments[name] = value
            elif arguments[name] != value:
                problems.append(f"{name} takes one value: {words!r} was left out")
                continue
            placed_spans.append(Span(slot=name, start=start, end=end, value=value))
        return placed_spans, problems


def _unread(end: int, utterance: str) -> str:
    return f"{quantity(len(utterance) - end, 'character')} at the end, which the model doesn't read"


def _add(arguments: Arguments, name: str, value: Scalar) -> None:
    values = arguments.setdefault(name, [])
    assert isinstance(values, list)
    if value not in values:
        values.append(value)
