"""Questions that wait for a model, which answers several at once.

What waits while the model is busy is its next batch. An idle model is asked at once: nothing is
held back in the hope of company.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from radu_core.inference.answers import Answer, AnswerModel, Question
from radu_core.words import quantity

__all__ = ["Batcher", "QueueFullError", "Reply"]

# Called with a batch's size and the seconds that the model took for it.
Watch = Callable[[int, float], None]


class QueueFullError(Exception):
    """As many questions wait for the model as may."""


@dataclass(frozen=True)
class Reply:
    """An answer, with the seconds that its question waited and that the model took."""

    answer: Answer
    waited: float
    worked: float


@dataclass
class _Waiting:
    question: Question
    reply: asyncio.Future[Reply]
    since: float


class Batcher:
    """The queue of one version of a model, which a thread of its own asks.

    Belongs to one event loop. A question whose asker has gone leaves the queue.
    """

    def __init__(
        self, model: AnswerModel, *, most_waiting: int, largest_batch: int, watch: Watch
    ) -> None:
        self.model = model
        self.busy_since: float | None = None
        self._most_waiting = most_waiting
        self._largest_batch = largest_batch
        self._watch = watch
        self._queue: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"radu-{model.name}")
        self._work: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many questions wait, without those that the model is being asked."""
        return len(self._queue)

    async def ask(self, questions: Sequence[Question]) -> list[Reply]:
        """Their answers, in order; ``QueueFullError`` if they don't fit into the queue.

        Raises what the model raises for one of them. Being cancelled takes back what still waits.
        """
        if len(self._queue) + len(questions) > self._most_waiting:
            raise QueueFullError
        loop = asyncio.get_running_loop()
        mine = [_Waiting(q, loop.create_future(), time.perf_counter()) for q in questions]
        self._queue.extend(mine)
        if self._work is None or self._work.done():
            self._work = loop.create_task(self._work_off())
        try:
            return await asyncio.gather(*(one.reply for one in mine))
        finally:
            self._take_back(mine)

    def _take_back(self, mine: Sequence[_Waiting]) -> None:
        if not all(one.reply.done() and not one.reply.cancelled() for one in mine):
            for one in mine:
                one.reply.cancel()
            self._queue = deque(one for one in self._queue if not one.reply.done())

    async def _work_off(self) -> None:
        while self._queue:
            size = min(self._largest_batch, len(self._queue))
            await self._answer([self._queue.popleft() for _ in range(size)])

    async def _answer(self, batch: Sequence[_Waiting]) -> None:
        start = self.busy_since = time.perf_counter()
        questions = [one.question for one in batch]
        try:
            loop = asyncio.get_running_loop()
            results = await loop.run_in_executor(self._thread, _ask, self.model, questions)
        finally:
            self.busy_since = None
        worked = time.perf_counter() - start
        self._watch(len(batch), worked)
        for one, result in zip(batch, results, strict=True):
            if one.reply.done():  # its asker has gone meanwhile
                continue
            if isinstance(result, Answer):
                one.reply.set_result(Reply(result, start - one.since, worked))
            else:
                one.reply.set_exception(result)


def _ask(model: AnswerModel, questions: Sequence[Question]) -> list[Answer | Exception]:
    """Answers in order. Where a batch fails each is asked alone: one can't spoil the others'."""
    try:
        answers = model.answer(questions)
        if len(answers) != len(questions):
            raise RuntimeError(
                f"{quantity(len(answers), 'answer')} to {quantity(len(questions), 'question')}"
            )
        return list(answers)
    except Exception as error:
        if len(questions) == 1:
            return [error]
        return [result for question in questions for result in _ask(model, [question])]
