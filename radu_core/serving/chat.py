"""OpenAI's chat completions: the last thing the user said is answered by a call of one tool."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from radu_core.inference.answers import Answer
from radu_core.serving.asking import Desk
from radu_core.serving.chat_request import ChatRequest, question_of, utterance_of
from radu_core.serving.registry import Served
from radu_core.serving.shapes import AnswerBody

__all__ = ["chat_routes"]

_WORD = re.compile(r"\w+|[^\w\s]")
_OURS = ("confidence", "alternatives", "spans", "out_of_scope", "problems")


def chat_routes(desk: Desk) -> APIRouter:
    """``/v1/chat/completions`` and ``/v1/models``."""
    routes = APIRouter(prefix="/v1", tags=["OpenAI"])

    @routes.post("/chat/completions")
    async def complete(body: ChatRequest, request: Request) -> Response:
        """Answer the last user message by a tool call, or by none."""
        version = desk.find(body.model, request)
        question = question_of(body, version)
        answer = None
        if question is not None:
            answer = (await desk.ask(version, [question], request))[0].answer
        completion = _Completion(version, answer, utterance_of(body.messages))
        if body.stream:
            has_usage = bool(body.stream_options and body.stream_options.include_usage)
            events = completion.events(has_usage=has_usage)
            return StreamingResponse(_in_loop(events), media_type="text/event-stream")
        return JSONResponse(completion.whole())

    @routes.get("/models")
    async def list_models() -> Response:
        """The models of this server, each with its version and its functions."""
        data = [_model(version) for version in desk.registry.versions_in_use]
        return JSONResponse({"object": "list", "data": data})

    @routes.get("/models/{name:path}")
    async def show_model(name: str, request: Request) -> Response:
        """One model."""
        return JSONResponse(_model(desk.find(name, request)))

    return routes


def _model(version: Served) -> dict[str, Any]:
    model = version.model
    return {
        "id": model.name,
        "object": "model",
        "created": version.since,
        "owned_by": "radu",
        "version": model.version,
        "kind": model.kind,
        "functions": list(version.tool_names.values()),
    }


class _Completion:
    """A completion, whole or as the chunks of a stream. Answer None: the model wasn't asked."""

    def __init__(self, version: Served, answer: Answer | None, utterance: str) -> None:
        self._answer = answer
        self._utterance = utterance
        self._call = None
        if answer is not None and answer.function is not None:
            self._call = {
                "name": version.tool_names[answer.function],
                "arguments": json.dumps(answer.arguments, ensure_ascii=False),
            }
        self._call_id = f"call_{uuid.uuid4().hex[:24]}"
        self._head = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": version.model.name,
            "system_fingerprint": version.model.version,
        }

    @property
    def _finish(self) -> str:
        return "stop" if self._call is None else "tool_calls"

    def whole(self) -> dict[str, Any]:
        """The completion in one object."""
        message: dict[str, Any] = {"role": "assistant", "content": "", "refusal": None}
        if self._call is not None:
            call = {"id": self._call_id, "type": "function", "function": self._call}
            message |= {"content": None, "tool_calls": [call]}
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": self._finish,
        }
        return {
            **self._head,
            "object": "chat.completion",
            "choices": [choice],
            "usage": self._usage(),
            **self._details(),
        }

    def events(self, *, has_usage: bool) -> Iterator[str]:
        """The completion as server-sent events: the call's name, its arguments, the end."""
        usage = {"usage": None} if has_usage else {}
        for delta in self._deltas():
            yield _event(self._chunk(delta, None) | usage)
        yield _event(self._chunk({}, self._finish) | usage | self._details())
        if has_usage:
            yield _event(self._chunk(None, None) | {"usage": self._usage()})
        yield "data: [DONE]\n\n"

    def _deltas(self) -> Iterator[dict[str, Any]]:
        if self._call is None:
            yield {"role": "assistant", "content": "", "refusal": None}
            return
        deltas = {"name": self._call["name"], "arguments": ""}
        call = {"index": 0, "id": self._call_id, "type": "function", "function": deltas}
        yield {"role": "assistant", "content": None, "tool_calls": [call]}
        arguments = {"arguments": self._call["arguments"]}
        yield {"tool_calls": [{"index": 0, "function": arguments}]}

    def _chunk(self, delta: dict[str, Any] | None, finish: str | None) -> dict[str, Any]:
        """A chunk; without a delta it has no choice, as the one with the usage."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        choices = [] if delta is None else [choice]
        return {**self._head, "object": "chat.completion.chunk", "choices": choices}

    def _usage(self) -> dict[str, int]:
        """Words and punctuation marks of utterance and call: a fast model reads no tokens."""
        prompt_words = len(_WORD.findall(self._utterance))
        answer_words = len(_WORD.findall(" ".join(self._call.values()))) if self._call else 0
        return {
            "prompt_tokens": prompt_words,
            "completion_tokens": answer_words,
            "total_tokens": prompt_words + answer_words,
        }

    def _details(self) -> dict[str, Any]:
        """What we know and OpenAI's form has no place for."""
        if self._answer is None:
            return {}
        body = AnswerBody.of(self._answer).model_dump()
        return {"radu": {name: body[name] for name in _OURS}}


async def _in_loop(events: Iterator[str]) -> AsyncIterator[str]:
    """The events, without a thread for each, which a plain iterator would be asked in."""
    for event in events:
        yield event


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"
