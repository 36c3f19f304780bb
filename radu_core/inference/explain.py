"""How an answer came about: what each source says, what was retrieved and asked, and the time."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from radu_core.inference.answers import Answer, Explanation, Question
from radu_core.inference.asking import AnyParser, answer_questions
from radu_core.inference.full import FullParser
from radu_core.inference.parser import Parser
from radu_core.prompts.strategies import yes_no
from radu_core.retrieval import Retrieved
from radu_core.schema import OUT_OF_SCOPE
from radu_core.training.joint.fast import FastModel
from radu_core.training.joint.files import EMBEDDING

__all__ = ["GENERATOR", "explain"]

GENERATOR = "language model"  # among the sources, where it was asked about the function
_Call = Callable[..., Any]
# What a language model is asked for.
_FUNCTION, _VALUES, _ANSWER = "function", "values", "yes/no question"


def explain(parser: AnyParser, question: Question) -> Explanation:
    """The parser's answer to a question, and how it came about.

    Prompts are those that the language model was sent. A fast model's sources are asked once more,
    each by itself, for what they say and the time they take.
    """
    if isinstance(parser, Parser):
        heard = _Heard(parser, first=_VALUES)
        return heard.explanation(_answer(heard.parser, question))
    if isinstance(parser, FullParser):
        return _explain_full(parser, question)
    answer = _answer(parser, question)
    sources, milliseconds = _head(parser.model, question.utterance)
    weights = dict(parser.model.head.weights)
    milliseconds = {
        EMBEDDING: milliseconds.pop(EMBEDDING),
        **milliseconds,
        "whole answer": 1000 * answer.seconds,
    }
    return Explanation(answer, sources, weights, milliseconds=milliseconds)


def _explain_full(parser: FullParser, question: Question) -> Explanation:
    heard = _Heard(parser.generator, first="fast model")
    answer = _answer(FullParser(parser.fast, heard.parser, parser.deferral), question)
    sources, _ = _head(parser.fast.model, question.utterance)
    weights = dict(parser.fast.model.head.weights)
    if heard.scores:
        weights = {name: weight * parser.deferral.head for name, weight in weights.items()}
        weights[GENERATOR] = parser.deferral.generator
        sources[GENERATOR] = heard.scores
    return replace(heard.explanation(answer), sources=sources, weights=weights)


def _answer(parser: Any, question: Question) -> Answer:
    [answer] = answer_questions(parser, [question])
    return answer


def _head(
    model: FastModel, utterance: str
) -> tuple[dict[str, Mapping[str, float]], dict[str, float]]:
    """What each source of the head says by itself, and the milliseconds that it takes."""
    each, milliseconds = model.ask_each(utterance)
    names = [name or OUT_OF_SCOPE for name in model.head.functions]
    sources: dict[str, Mapping[str, float]] = {
        source: dict(zip(names, table[0].tolist(), strict=True))
        for source, table in model.head.each(each).items()
    }
    return sources, milliseconds


class _Heard:
    """``parser`` does as the given one does; what it retrieves and asks its language model is kept.

    Time that is spent on neither counts for the stage ``first``.
    """

    def __init__(self, parser: Parser, *, first: str) -> None:
        self._shown = parser.settings.k_exemplar
        self._clock = _Clock(first)
        self._found: list[Retrieved] = []
        self._prompts: dict[str, list[str]] = {_FUNCTION: [], _VALUES: [], _ANSWER: []}
        self.scores: Mapping[str, float] = {}
        own: Any = copy.copy(parser)  # the parser itself may be answering somebody else
        own.index = _Spy(parser.index, {"search": self._search})
        own.generator = _Spy(
            parser.generator,
            {
                "score": self._score,
                "score_each": self._score_each,
                "walk": self._walk,
                "generate": self._generate,
            },
        )
        self.parser: Any = _Spy(own, {"function_scores": self._function_scores})

    def explanation(self, answer: Answer) -> Explanation:
        """What was kept while the answer was made."""
        hits = self._found[0].exemplars[: self._shown] if self._found else ()
        prompts = {}
        for task, texts in self._prompts.items():
            for number, text in enumerate(texts, start=1):
                prompts[task if len(texts) == 1 else f"{task} {number}"] = text
        return Explanation(
            answer,
            retrieved=tuple((hit.utterance, hit.function, hit.score) for hit in hits),
            prompts=prompts,
            milliseconds=self._clock.end(),
        )

    def _search(self, real: _Call, *args: Any, **more: Any) -> Any:
        with self._clock.stage("retrieval"):
            results = real(*args, **more)
        self._found += results
        return results

    def _score(self, real: _Call, prompt: str, choices: Sequence[str]) -> Any:
        task = _ANSWER if choices == yes_no.CHOICES else _FUNCTION
        self._prompts[task].append(prompt)
        with self._clock.stage(task):
            return real(prompt, choices)

    def _score_each(self, real: _Call, prompts: list[str], *args: Any) -> Any:
        self._prompts[_FUNCTION] += prompts
        with self._clock.stage(_FUNCTION):
            return real(prompts, *args)

    def _walk(self, real: _Call, prompt: str) -> Any:
        self._prompts[_VALUES].append(prompt)
        with self._clock.stage(_VALUES):
            walk = real(prompt)
        return _Spy(walk, {"after": self._after})

    def _after(self, real: _Call, *args: Any) -> Any:
        with self._clock.stage(_VALUES):
            return real(*args)

    def _generate(self, real: _Call, prompts: list[str], *args: Any, **more: Any) -> Any:
        self._prompts[_VALUES] += prompts
        with self._clock.stage(_VALUES):
            return real(prompts, *args, **more)

    def _function_scores(self, real: _Call, *args: Any, **more: Any) -> Any:
        results = real(*args, **more)
        self.scores = results[0]
        return results


class _Spy:
    """``real``, some of whose methods are called through others, which are given them first."""

    def __init__(self, real: Any, through: Mapping[str, _Call]) -> None:
        self._real = real
        self._through = through

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._real, name)
        return partial(self._through[name], attribute) if name in self._through else attribute


class _Clock:
    """Milliseconds by stage; a stage inside another one isn't counted for both."""

    def __init__(self, first: str) -> None:
        self._stages = [first]
        self._spent: dict[str, float] = {first: 0.0}
        self._since = time.perf_counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What happens inside counts for the stage ``name``."""
        self._turn(name)
        self._stages.append(name)
        try:
            yield
        finally:
            self._turn(self._stages[-2])
            self._stages.pop()

    def end(self) -> dict[str, float]:
        """What each stage has taken, in the order in which they began."""
        self._turn(self._stages[-1])
        return dict(self._spent)

    def _turn(self, following: str) -> None:
        now = time.perf_counter()
        self._spent[self._stages[-1]] += 1000 * (now - self._since)
        self._spent.setdefault(following, 0.0)
        self._since = now
