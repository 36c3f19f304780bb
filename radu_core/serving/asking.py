"""From a route's question to a model's answer.

A question is checked, in time, traced, and asked only while the client waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.types import Receive

from radu_core.errors import NotFoundError
from radu_core.inference.answers import Question
from radu_core.schema import Schema
from radu_core.serving.batching import QueueFullError, Reply
from radu_core.serving.metrics import Metrics
from radu_core.serving.middleware import Trail
from radu_core.serving.problems import ClientGoneError, HttpError
from radu_core.serving.registry import Registry, Served
from radu_core.serving.settings import Settings
from radu_core.serving.traces import TraceWriter, trace_record

__all__ = ["Desk", "require_functions"]


@dataclass
class Desk:
    """What the routes share: where questions are handed in.

    ``traces`` is set while the server runs, if it keeps any.
    """

    registry: Registry
    settings: Settings
    metrics: Metrics
    traces: TraceWriter | None = None

    def find(self, name: str | None, request: Request) -> Served:
        """The version that answers this request, to its end; 404 with the names there are."""
        try:
            version = self.registry.find(name)
        except NotFoundError as error:
            raise HttpError(404, str(error), code="model_not_found", param="model") from error
        trail = Trail.of(request.scope)
        trail.model, trail.version = version.model.name, version.model.version
        return version

    async def ask(
        self, version: Served, questions: Sequence[Question], request: Request
    ) -> list[Reply]:
        """Their answers, in order; ``HttpError`` for what can't be asked, or not now."""
        Trail.of(request.scope).utterances = [q.utterance for q in questions]
        for number, question in enumerate(questions, 1):
            which = f"Utterance {number}" if len(questions) > 1 else "The utterance"
            self._check(question, version.model.schema, which)
        replies = await self._in_time(version, questions, request.receive)
        for question, reply in zip(questions, replies, strict=True):
            self._note(version, question, reply)
        return replies

    def _check(self, question: Question, schema: Schema, which: str) -> None:
        if not question.utterance.strip():
            raise HttpError(
                400, f"{which} is empty. Send what the user said.", code="empty_utterance"
            )
        if any("\ud800" <= character <= "\udfff" for character in question.utterance):
            raise HttpError(
                400,
                f"{which} holds half a character (a surrogate without its pair).",
                code="invalid_utterance",
            )
        size, most = len(question.utterance), self.settings.longest_utterance
        if size > most:
            raise HttpError(
                413,
                f"{which} has {size:,} characters, more than {most:,}.",
                code="utterance_too_long",
            )
        if question.context is not None and schema.context_of(question.context) is None:
            raise HttpError(
                400,
                f"The context {question.context[:100]!r} names no function of {schema.module}. "
                "Give the function, or function.slot, that the bot last asked for.",
                code="unknown_context",
                param="context",
            )

    async def _in_time(
        self, version: Served, questions: Sequence[Question], receive: Receive
    ) -> list[Reply]:
        asking = asyncio.create_task(version.batcher.ask(questions))
        leaving = asyncio.create_task(_until_gone(receive))
        try:
            await asyncio.wait(
                (asking, leaving),
                timeout=self.settings.seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if asking.done():
                return asking.result()
        except QueueFullError:
            raise HttpError(
                503,
                f"{version.model.name} has too many requests waiting. Try again later.",
                code="overloaded",
                headers={"Retry-After": "1"},
            ) from None
        finally:
            asking.cancel()
            leaving.cancel()
        if leaving.done():
            raise ClientGoneError
        raise HttpError(
            504,
            f"{version.model.name} hasn't answered within {self.settings.seconds:g} seconds.",
            code="timeout",
        )

    def _note(self, version: Served, question: Question, reply: Reply) -> None:
        model = version.model
        is_call = "true" if reply.answer.function is not None else "false"
        self.metrics.answers.labels(model.name, is_call).inc()
        if self.traces is not None:
            self.traces.put(
                trace_record(
                    question,
                    reply.answer,
                    model=model.name,
                    version=model.version,
                    now=datetime.now(UTC),
                )
            )


def require_functions(names: Sequence[str], version: Served, *, param: str) -> tuple[str, ...]:
    """The module's functions that clients call by these names, each once; 400 for unknown ones."""
    names_by_tool = {tool: function for function, tool in version.tool_names.items()}
    names_by_tool |= {function: function for function in version.tool_names}
    unknown = [name for name in names if name not in names_by_tool]
    if unknown:
        raise HttpError(
            400,
            f"{version.model.name} has no function {unknown[0][:100]!r}. "
            f"It has: {', '.join(version.tool_names.values())}.",
            code="unknown_function",
            param=param,
        )
    return tuple(dict.fromkeys(names_by_tool[name] for name in names))


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
