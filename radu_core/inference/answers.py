"""What an app asks a model, and what it gets: one utterance, and what it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from radu_core.exemplars import Span
from radu_core.schema import OUT_OF_SCOPE, Schema

__all__ = [
    "Alternative",
    "Answer",
    "AnswerModel",
    "Explanation",
    "Question",
    "choose_function",
]


@dataclass(frozen=True)
class Question:
    """An utterance, and what may be answered.

    ``context`` is the function or slot that the bot last asked for. ``offered`` are the
    functions that may be called (None: all of the module): what means another one is out of scope.
    ``is_required``: one of them is called in any case. ``today`` is the day that relative dates in
    the utterance ("tomorrow") count from (None: the schema's ``reference_date``).
    """

    utterance: str
    context: str | None = None
    offered: tuple[str, ...] | None = None
    is_required: bool = False
    today: date | None = None


@dataclass(frozen=True)
class Alternative:
    """A function that could be meant (None: none of the module's), and its probability."""

    function: str | None
    confidence: float


@dataclass(frozen=True)
class Answer:
    """What an utterance means.

    ``function`` None: no function is meant. ``arguments`` are nested as the function's caller has
    them; ``spans`` say where their values stand, as far as they stand in the utterance.
    ``confidence`` is the probability of ``function``, ``alternatives`` are all functions, the
    likeliest first. ``out_of_scope``: the share of utterances in scope that look more in scope
    (None: not measured by this model). ``problems``: values that didn't fit and were left out.
    """

    utterance: str
    function: str | None
    arguments: dict[str, Any]
    confidence: float
    alternatives: tuple[Alternative, ...] = ()
    spans: tuple[Span, ...] = ()
    out_of_scope: float | None = None
    problems: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Explanation:
    """An answer, and how it came about.

    ``sources``: what each source of the head says, source → function → probability (by itself), and
    ``weights`` what each of them counts; both are empty without a head. ``retrieved``: the
    exemplars (utterance, function, score) that were shown to the generator, and ``prompts`` what it
    was asked, by task; empty where none was asked. ``milliseconds``: time by stage.
    """

    answer: Answer
    sources: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    retrieved: tuple[tuple[str, str | None, float], ...] = ()
    prompts: Mapping[str, str] = field(default_factory=dict)
    milliseconds: Mapping[str, float] = field(default_factory=dict)


class AnswerModel(Protocol):
    """A model that is loaded: of a bundle, or of a run. Several threads may ask it.

    ``name`` is what clients call it, ``version`` changes with its files, ``kind`` is "fast",
    "full" or "generator".
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def schema(self) -> Schema: ...

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer for each question, in order. ``InputError`` for what can't be asked."""
        ...

    def explain(self, question: Question) -> Explanation:
        """The answer to one question, and how it came about."""
        ...


def choose_function(scores: Mapping[str, float], question: Question) -> str:
    """The function to call, ``OUT_OF_SCOPE`` for none: the likeliest, as far as it is offered.

    The probability of functions that aren't offered counts for none of them being meant. Where one
    has to be called and no score is known of those offered (a language model is asked about what is
    retrieved), it is the first by name.
    """
    names = [n for n in scores if n != OUT_OF_SCOPE]
    names_offered = (
        names if question.offered is None else [n for n in question.offered if n in scores]
    )
    if question.is_required:
        candidates = {n: scores[n] for n in names_offered} or dict.fromkeys(
            question.offered or (), 0.0
        )
    else:
        others = sum(scores[n] for n in names if n not in names_offered)
        candidates = {n: scores[n] for n in names_offered}
        candidates[OUT_OF_SCOPE] = scores.get(OUT_OF_SCOPE, 0.0) + others
    if not candidates:
        return OUT_OF_SCOPE
    return max(sorted(candidates), key=lambda n: candidates[n])
