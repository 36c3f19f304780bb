"""Questions that wait are asked together; nobody waits for company."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from answering import FakeModel
from own_loop import in_own_loop

from radu_core.errors import InputError
from radu_core.inference.answers import Question
from radu_core.serving.batching import Batcher, QueueFullError


def questions(*utterances: str) -> list[Question]:
    return [Question(u) for u in utterances]


def run(
    work: Callable[[Batcher, FakeModel], Awaitable[None]], most_waiting: int = 8, batch: int = 3
) -> tuple[FakeModel, list[int]]:
    """The model, and the sizes of its batches, after ``work``."""
    model, sizes = FakeModel(), list[int]()
    batcher = Batcher(
        model,
        most_waiting=most_waiting,
        largest_batch=batch,
        watch=lambda size, _: sizes.append(size),
    )
    in_own_loop(work(batcher, model))
    return model, sizes


async def entered(model: FakeModel) -> None:
    """The model has begun to answer."""
    assert await asyncio.to_thread(model.entered.acquire, timeout=20)


def test_what_waits_while_the_model_is_busy_is_the_next_batch() -> None:
    async def work(batcher: Batcher, model: FakeModel) -> None:
        model.open.clear()
        first = asyncio.create_task(batcher.ask(questions("fly to A")))
        await entered(model)
        rest = [asyncio.create_task(batcher.ask(questions(f"fly to {c}"))) for c in "BCDE"]
        while batcher.waiting < 4:
            await asyncio.sleep(0)
        model.open.set()
        replies = [await task for task in (first, *rest)]
        assert [r[0].answer.arguments["destination"] for r in replies] == list("ABCDE")

    model, sizes = run(work)
    assert model.batches == [["fly to A"], ["fly to B", "fly to C", "fly to D"], ["fly to E"]]
    assert sizes == [1, 3, 1]


def test_an_idle_model_is_asked_at_once_and_alone() -> None:
    async def work(batcher: Batcher, model: FakeModel) -> None:
        for city in "ABC":
            await batcher.ask(questions(f"fly to {city}"))

    assert run(work)[1] == [1, 1, 1]


def test_a_question_that_fails_fails_alone() -> None:
    async def work(batcher: Batcher, model: FakeModel) -> None:
        asked = ("fly to A", "an odd one", "a bug")
        results = await asyncio.gather(
            *(batcher.ask(questions(u)) for u in asked), return_exceptions=True
        )
        assert results[0][0].answer.function == "book_flight"  # type: ignore[index]
        assert isinstance(results[1], InputError)
        assert isinstance(results[2], KeyError)
        [reply] = await batcher.ask(questions("fly to B"))
        assert reply.answer.arguments == {"destination": "B"}

    run(work)


def test_one_of_several_that_fails_fails_its_request() -> None:
    async def work(batcher: Batcher, model: FakeModel) -> None:
        with pytest.raises(InputError, match="odd"):
            await batcher.ask(questions("fly to A", "an odd one"))

    run(work)


def test_a_full_queue_takes_all_of_a_request_or_nothing() -> None:
    async def work(batcher: Batcher, model: FakeModel) -> None:
        model.open.clear()
        busy = asyncio.create_task(batcher.ask(questions("fly to A")))
        await entered(model)
        waiting = asyncio.create_task(batcher.ask(questions("fly to B", "fly to C")))
        await asyncio.sleep(0)
        with pytest.raises(QueueFullError):
            await batcher.ask(questions("fly to D", "fly to E"))
        assert batcher.waiting == 2
        model.open.set()
        await asyncio.gather(busy, waiting)

    model, _ = run(work, most_waiting=3)
    assert sorted(u for batch in model.batches for u in batch) == [
        "fly to A",
        "fly to B",
        "fly to C",
    ]


def test_who_has_gone_leaves_the_queue() -> None:
    async def work(batcher: Batcher, model: FakeModel) -> None:
        model.open.clear()
        busy = asyncio.create_task(batcher.ask(questions("fly to A")))
        await entered(model)
        gone = asyncio.create_task(batcher.ask(questions("fly to B")))
        stays = asyncio.create_task(batcher.ask(questions("fly to C")))
        await asyncio.sleep(0)
        gone.cancel()
        busy.cancel()  # its answer comes, and nobody takes it
        await asyncio.wait((gone, busy))
        assert batcher.waiting == 1
        model.open.set()
        [reply] = await stays
        assert reply.answer.arguments == {"destination": "C"}

    model, _ = run(work)
    assert model.batches == [["fly to A"], ["fly to C"]]


def test_times_are_those_of_waiting_and_of_the_model() -> None:
    async def work(batcher: Batcher, model: FakeModel) -> None:
        model.open.clear()
        first = asyncio.create_task(batcher.ask(questions("fly to A")))
        await entered(model)
        assert batcher.busy_since is not None
        second = asyncio.create_task(batcher.ask(questions("fly to B")))
        await asyncio.sleep(0)
        model.open.set()
        [[one], [two]] = await asyncio.gather(first, second)
        assert 0 <= one.waited < two.waited
        assert one.worked > two.worked > 0
        assert batcher.busy_since is None

    run(work)
