"""Questions to a parser, and its calls as answers."""

from __future__ import annotations

from collections.abc import Sequence

from radu_core.alignment import Aligner
from radu_core.errors import InputError
from radu_core.exemplars import LONGEST, AnnotatedExemplar, Span
from radu_core.inference.answers import Alternative, Answer, Question
from radu_core.inference.fast import FastParser
from radu_core.inference.full import FullParser
from radu_core.inference.parser import FunctionCall, Parser, nest
from radu_core.schema import OUT_OF_SCOPE, Schema
from radu_core.words import quantity

__all__ = [
    "AnyParser",
    "answer_questions",
    "check_context",
    "check_question",
    "check_utterance",
    "to_answer",
]

AnyParser = FastParser | FullParser | Parser


def answer_questions(parser: AnyParser, questions: Sequence[Question]) -> list[Answer]:
    """One answer for each question, in order; ``InputError`` where one can't be asked."""
    from radu_core.retrieval import Query

    for question in questions:
        check_question(parser.schema, question)
    calls = parser.parse_many(
        [Query(q.utterance) for q in questions],
        contexts=[q.context for q in questions],
        questions=questions,
    )
    return [to_answer(parser.schema, q, call) for q, call in zip(questions, calls, strict=True)]


def check_question(schema: Schema, question: Question) -> None:
    """Raise ``InputError`` for a question that can't be asked.

    It has no utterance, one that is too long, or functions that the module doesn't have.
    """
    check_utterance(question.utterance)
    names = [f.name for f in schema.functions]
    unknown = [n for n in question.offered or () if n not in names]
    if unknown:
        raise InputError(
            f"{schema.module} has no such function",
            value=", ".join(unknown),
            remedy=f"It has {', '.join(names)}.",
        )


def check_utterance(utterance: str, which: str = "The utterance") -> None:
    """``InputError`` for an utterance that no model is asked; ``which`` names it."""
    if not isinstance(utterance, str):  # of an app, whose values no type checker may have seen
        raise InputError(
            f"{which} isn't text", value=type(utterance).__name__, remedy="Give a str."
        )
    if not utterance.strip():
        raise InputError(f"{which} is empty", remedy="Give some words.")
    if len(utterance) > LONGEST:
        raise InputError(
            f"{which} has {quantity(len(utterance), 'character')}",
            remedy=f"Give at most {LONGEST:,}.",
        )


def check_context(schema: Schema, context: str | None) -> None:
    """``InputError`` for a context that names no function: a language model would be shown it."""
    if context is not None and schema.context_of(context) is None:
        raise InputError(
            f"The context names no function of {schema.module}",
            value=context,
            remedy="Give the function, or function.slot, that the bot last asked for.",
        )


def to_answer(schema: Schema, question: Question, call: FunctionCall) -> Answer:
    """A parser's call as an app wants it."""
    ranking = sorted(call.scores, key=lambda name: (-call.scores[name], name))
    return Answer(
        utterance=question.utterance,
        function=call.function,
        arguments=nest(schema, call).arguments,
        confidence=_confidence(call, question),
        alternatives=tuple(
            Alternative(None if n == OUT_OF_SCOPE else n, _clip(call.scores[n])) for n in ranking
        ),
        spans=call.spans or _find_spans(schema, question, call),
        out_of_scope=call.out_of_scope,
        problems=call.problems,
        seconds=call.seconds,
    )


def _confidence(call: FunctionCall, question: Question) -> float:
    """The probability of what was chosen; no call stands for all that isn't offered as well."""
    if call.function is not None:
        return _clip(call.scores.get(call.function, 0.0))
    names = call.scores if question.offered is None else question.offered
    return _clip(1.0 - sum(call.scores.get(n, 0.0) for n in names if n != OUT_OF_SCOPE))


def _clip(probability: float) -> float:
    """A probability: a sum of rounded ones may lie beside 0 and 1, which no reader of it takes."""
    return min(1.0, max(0.0, probability))


def _find_spans(schema: Schema, question: Question, call: FunctionCall) -> tuple[Span, ...]:
    """Where values stand that a language model chose, if there is one reading of them."""
    if call.function is None or not call.arguments:
        return ()
    exemplar = AnnotatedExemplar(
        id="asked", utterance=question.utterance, function=call.function, arguments=call.arguments
    )
    return Aligner(schema, reference=question.today).align(exemplar).spans or ()
