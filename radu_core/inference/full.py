"""Full answers: the fast model's, and a language model's where that one is unsure.

The functions' probabilities of both are weighed as the head weighs its sources; values that the
tagger is unsure of the language model chooses. Weights and limits come from rows that neither has
learnt, so that a language model that adds nothing is asked for nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import read_json, write_json
from radu_core.inference.answers import Question
from radu_core.inference.fast import FastParser
from radu_core.inference.parser import FunctionCall, Parser
from radu_core.progress import Progress, silent
from radu_core.schema import OUT_OF_SCOPE
from radu_core.training.joint.fast import FastAnswer
from radu_core.training.joint.head import Head, fit_head, log_loss

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from radu_core.retrieval import Query

__all__ = ["Deferral", "FullParser", "fit_deferral"]

_CANDIDATES = 5  # of the head, beside what is retrieved
_ASKED = 0.2  # the share of utterances, the least sure ones, that a language model is asked about
_LEAST = -12.0  # log-probability of what it wasn't asked about


@dataclass(frozen=True)
class Deferral:
    """When the language model is asked, and how much its answer weighs (a deferral rule).

    It is asked about functions where the head's best has less than ``function_below``, and the
    weights of both then add up their log-probabilities; about values where the tagger has less than
    ``values_below`` (0: never). ``told`` are the figures these were chosen by.
    """

    function_below: float
    head: float
    generator: float
    values_below: float
    told: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write it; atomic: all or nothing."""
        write_json(path, self.__dict__)

    @classmethod
    def load(cls, path: Path) -> Deferral:
        """What ``save`` wrote."""
        return cls(**read_json(path))


class FullParser:
    """A fast model and a language model of the same module."""

    def __init__(self, fast: FastParser, generator: Parser, deferral: Deferral) -> None:
        self.fast = fast
        self.generator = generator
        self.deferral = deferral
        self.schema = fast.schema

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

        Arguments are by slot. ``questions`` and ``scope``: as the fast model has them.
        """
        all_contexts = list(contexts or [None] * len(queries))
        limits = list(questions or [Question(q.utterance) for q in queries])
        calls = []
        for number, (query, context) in enumerate(zip(queries, all_contexts, strict=True)):
            progress("Answering", number, len(queries))
            start = time.perf_counter()
            call = self._call(query, context, limits[number], scope)
            calls.append(call.model_copy(update={"seconds": time.perf_counter() - start}))
        return calls

    def _call(
        self, query: Query, context: str | None, question: Question, scope: float | None
    ) -> FunctionCall:
        fast, deferral = self.fast, self.deferral
        [answer] = fast.model.answer([query.utterance])
        is_refused = fast.refuses(answer, scope) and not question.is_required
        unsure = max(answer.scores.values()) < deferral.function_below
        if deferral.generator and unsure and not is_refused:
            [likelihoods] = self.generator.function_scores(
                [query], [best_of(answer)], contexts=[context]
            )
            answer = replace(answer, scores=combine(deferral, answer, likelihoods))
        answer = answer.meaning(fast.decide(answer, question, scope))
        call = fast.call(query.utterance, answer, today=question.today)
        if call.function is not None and answer.tags[1] < deferral.values_below:
            call = fill(self.generator, [query], [call], [context], [question])[0]
        return call


def best_of(answer: FastAnswer) -> list[str]:
    """The functions that the head finds likeliest."""
    ranking = sorted(answer.scores, key=lambda n: -answer.scores[n])
    return [n for n in ranking if n != OUT_OF_SCOPE][:_CANDIDATES]


def combine(
    deferral: Deferral, answer: FastAnswer, likelihoods: dict[str, float]
) -> dict[str, float]:
    """The probabilities of both models together."""
    import numpy as np

    names = list(answer.scores)
    logs = Head(
        tuple(names), {"head": deferral.head, "generator": deferral.generator}
    ).log_probabilities(
        {"head": _logs(names, [answer.scores]), "generator": _logs(names, [likelihoods])}
    )
    return dict(zip(names, np.exp(logs[0]).tolist(), strict=True))


def fill(
    generator: Parser,
    queries: Sequence[Query],
    calls: Sequence[FunctionCall],
    contexts: Sequence[str | None],
    questions: Sequence[Question] | None = None,
) -> list[FunctionCall]:
    """The calls with the values that the language model chooses."""
    fresh = [c.model_copy(update={"arguments": {}, "problems": (), "spans": ()}) for c in calls]
    generator.fill(queries, fresh, contexts=contexts, questions=questions)
    return fresh


def fit_deferral(
    fast: FastParser,
    generator: Parser,
    rows: Sequence[AnnotatedExemplar],
    *,
    progress: Progress = silent,
) -> Deferral:
    """When to ask the language model and what its word counts, by rows that neither has learnt.

    It is asked about the least sure fifth of those that the fast model answers. It keeps a part
    only where that gets more of these rows right: functions by the weighed probabilities, values by
    whole calls.
    """
    import numpy as np

    from radu_core.retrieval import query_of

    queries = [query_of(r) for r in rows]
    answers = fast.model.answer([r.utterance for r in rows])
    answered = [n for n, a in enumerate(answers) if not fast.refuses(a)]  # others: refused
    top = {n: max(answers[n].scores.values()) for n in answered}
    below = float(np.quantile(list(top.values()), _ASKED)) if top else 0.0
    unsure = [n for n in answered if top[n] < below]
    start = time.perf_counter()
    likelihoods = generator.function_scores(
        [queries[n] for n in unsure],
        [best_of(answers[n]) for n in unsure],
        contexts=[rows[n].context for n in unsure],
        progress=progress,
    )
    figures: dict[str, Any] = {
        "rows": len(rows),
        "asked": len(unsure),
        "seconds": (time.perf_counter() - start) / max(1, len(unsure)),
    }
    weights = _weights(
        [answers[n] for n in unsure], likelihoods, [rows[n] for n in unsure], figures
    )
    values_below = _values_below(fast, generator, rows, queries, answers, figures, progress)
    return Deferral(below, *weights, values_below, figures)


def _weights(
    answers: Sequence[FastAnswer],
    likelihoods: Sequence[dict[str, float]],
    rows: Sequence[AnnotatedExemplar],
    figures: dict[str, Any],
) -> tuple[float, float]:
    """The weights of head and language model; the latter's is 0 if it gets no more rows right."""
    import numpy as np

    names = list(answers[0].scores) if answers else []
    places = {name: n for n, name in enumerate(names)}
    gold = np.array([places.get(r.function or OUT_OF_SCOPE, -1) for r in rows], dtype=np.int64)
    in_scope = gold >= 0
    if not in_scope.any():
        return 1.0, 0.0
    scores = {
        "head": _logs(names, [a.scores for a in answers])[in_scope],
        "generator": _logs(names, likelihoods)[in_scope],
    }
    both = fit_head(names, scores, gold[in_scope])
    alone = Head(tuple(names), {"head": 1.0})
    right = [
        int((h.log_probabilities(scores).argmax(1) == gold[in_scope]).sum()) for h in (alone, both)
    ]
    figures |= {
        "functions_right": right[0],
        "functions_right_with": right[1],
        "loss": log_loss(alone, scores, gold[in_scope]),
        "loss_with": log_loss(both, scores, gold[in_scope]),
    }
    if right[1] <= right[0]:
        return 1.0, 0.0
    return both.weights["head"], both.weights["generator"]


def _values_below(
    fast: FastParser,
    generator: Parser,
    rows: Sequence[AnnotatedExemplar],
    queries: Sequence[Query],
    answers: Sequence[FastAnswer],
    figures: dict[str, Any],
    progress: Progress,
) -> float:
    """The probability of the tagger below which the language model chooses values.

    0 if it gets no more of them right.
    """
    import numpy as np

    with_slots = [
        n
        for n, (row, answer) in enumerate(zip(rows, answers, strict=True))
        if answer.function == (row.function or OUT_OF_SCOPE) != OUT_OF_SCOPE
        and not fast.refuses(answer)
    ]
    if not with_slots:
        return 0.0
    below = float(np.quantile([answers[n].tags[1] for n in with_slots], _ASKED))
    unsure = [n for n in with_slots if answers[n].tags[1] < below]
    calls = [fast.call(rows[n].utterance, answers[n]) for n in unsure]
    progress("Choosing values", 0, len(unsure))
    theirs = fill(generator, [queries[n] for n in unsure], calls, [rows[n].context for n in unsure])
    gold = [rows[n].arguments for n in unsure]
    right = [
        sum(c.arguments == w for c, w in zip(some, gold, strict=True)) for some in (calls, theirs)
    ]
    figures |= {
        "values_asked": len(unsure),
        "values_right": right[0],
        "values_right_with": right[1],
    }
    return below if right[1] > right[0] else 0.0


def _logs(names: Sequence[str], scores: Sequence[Mapping[str, float]]) -> NDArray[np.float32]:
    """``(rows, functions)`` log-probabilities; what has none is unlikely."""
    import numpy as np

    table = np.array([[f.get(n, 0.0) for n in names] for f in scores], dtype=np.float64)
    logs: NDArray[np.float32] = np.log(np.maximum(table, np.exp(_LEAST))).astype(np.float32)
    return logs
