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

from radu_core.alignment import ContextModel
from radu_core.alignment.inverse import Inverse
from radu_core.exemplars import AnnotatedExemplar
from radu_core.inference.implied import Implied
from radu_core.inference.parser import FunctionCall
from radu_core.inference.recognized import fill_recognized
from radu_core.progress import Progress, silent
from radu_core.schema import OUT_OF_SCOPE, Arguments, Function, Scalar, Schema
from radu_core.training.joint.fast import Answer, FastModel

if TYPE_CHECKING:
    from radu_core.retrieval import Query

__all__ = ["FastParser"]

_BATCH = 64


class FastParser:
    """A fast model, and what the module's exemplars teach about values.

    ``kept`` is the share of utterances in scope to keep, as the model has it: those that look less
    in scope than so many are refused (1: none).
    """

    def __init__(
        self,
        model: FastModel,
        schema: Schema,
        exemplars: Sequence[AnnotatedExemplar],
        *,
        reference: date | None = None,
    ) -> None:
        self.model = model
        self.kept = model.scope.kept
        self.schema = schema
        self._inverse = Inverse(schema, exemplars, reference=reference)
        self._implied = Implied(schema, exemplars, model.embedder)
        self._context = ContextModel(e.template for e in exemplars if e.template)

    def parse_many(
        self,
        queries: Sequence[Query],
        *,
        contexts: Sequence[str | None] | None = None,
        scope: float | None = None,
        progress: Progress = silent,
    ) -> list[FunctionCall]:
        """One call per query, in order; arguments by slot. ``scope`` counts instead of the
        parser's ``kept``, this time."""
        keep = self.kept if scope is None else scope
        calls: list[FunctionCall] = []
        for at in range(0, len(queries), _BATCH):
            progress("Answering", at, len(queries))
            part = [q.utterance for q in queries[at : at + _BATCH]]
            begun = time.perf_counter()
            said = self.model.answer(part)
            found = [self.call(u, a, keep) for u, a in zip(part, said, strict=True)]
            seconds = (time.perf_counter() - begun) / len(part)
            calls += [c.model_copy(update={"seconds": seconds}) for c in found]
        return calls

    def call(self, utterance: str, answer: Answer, kept: float | None = None) -> FunctionCall:
        """The call that the model's answer means; ``kept`` instead of the parser's, if given."""
        scores, name, outside = answer.scores, answer.function, answer.out_of_scope
        refused = name == OUT_OF_SCOPE or outside > (self.kept if kept is None else kept)
        function = None if refused else self.schema.function(name)
        if function is None:
            return FunctionCall(function=None, scores=scores, out_of_scope=outside)
        arguments = fill_recognized(self.schema, function, utterance, self._context)
        problems = self._fill(function, utterance, answer.spans, arguments)
        open_slots = [s for s in function.slots if s.name not in arguments]
        arguments.update(self._implied.values(name, open_slots, answer.vector))
        return FunctionCall(
            function=name,
            arguments=arguments,
            scores=scores,
            problems=tuple(problems),
            out_of_scope=outside,
        )

    def _fill(
        self,
        function: Function,
        utterance: str,
        spans: Sequence[tuple[str, int, int]],
        arguments: Arguments,
    ) -> list[str]:
        """Put the spans' values into ``arguments``, and say what was left out."""
        problems = []
        for name, start, end in spans:
            slot, words = function.slot(name), utterance[start:end]
            value = self._inverse.value(function, slot, words) if slot else None
            if slot is None or value is None:
                problems.append(f"{words!r} is no value of {name}")
            elif slot.multi_value:
                _add(arguments, name, value)
            elif name not in arguments:
                arguments[name] = value
            elif arguments[name] != value:
                problems.append(f"{name} takes one value: {words!r} was left out")
        return problems


def _add(arguments: Arguments, name: str, value: Scalar) -> None:
    values = arguments.setdefault(name, [])
    assert isinstance(values, list)
    if value not in values:
        values.append(value)
