"""Our own route, ``/parse``, and ``/model/parse``, which answers as Rasa's NLU endpoint does."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from radu_core.exemplars import Span
from radu_core.inference.answers import Answer, Question
from radu_core.serving.asking import Desk, require_functions
from radu_core.serving.batching import Reply
from radu_core.serving.middleware import RASA_PATH, check_key_in_body
from radu_core.serving.problems import HttpError
from radu_core.serving.registry import Served
from radu_core.serving.shapes import AnswerBody, ParseRequest, RasaRequest
from radu_core.words import quantity

__all__ = ["parse_routes"]

_FALLBACK = "nlu_fallback"  # the intent that Rasa gives what means nothing, and its rules name
_EXTRACTOR = "radu"


def parse_routes(desk: Desk) -> APIRouter:
    """``/parse`` and ``/model/parse``."""
    routes = APIRouter()

    @routes.post("/parse", tags=["Parse"])
    async def parse(body: ParseRequest, request: Request) -> Response:
        """What an utterance means, or each of several."""
        version = desk.find(body.model, request)
        replies = await desk.ask(version, _questions(body, version, desk), request)
        head = {"model": version.model.name, "version": version.model.version}
        answers = [_answer(reply) for reply in replies]
        if body.utterances is None:
            return JSONResponse(head | answers[0])
        return JSONResponse(head | {"answers": answers})

    @routes.post(RASA_PATH, tags=["Rasa"])
    async def parse_for_rasa(
        body: RasaRequest, request: Request, emulation_mode: str | None = None
    ) -> Response:
        """What a text means, in the shape of Rasa's NLU endpoint."""
        check_key_in_body(request.scope, body.token)
        if emulation_mode:
            raise HttpError(
                400,
                "emulation_mode isn't supported. Leave it out.",
                code="unsupported_parameter",
                param="emulation_mode",
            )
        version = desk.find(body.model, request)
        question = Question(body.text, body.context, today=body.today)
        [reply] = await desk.ask(version, [question], request)
        return JSONResponse(_as_rasa(reply.answer))

    return routes


def _questions(body: ParseRequest, version: Served, desk: Desk) -> list[Question]:
    if (body.utterance is None) == (body.utterances is None):
        raise HttpError(
            400, "Give either utterance or utterances.", code="invalid_value", param="utterance"
        )
    utterances = [body.utterance] if body.utterances is None else body.utterances
    most = min(desk.settings.most_utterances, desk.settings.most_waiting)
    if len(utterances) > most:
        raise HttpError(
            413,
            f"{quantity(len(utterances), 'utterance')}: a request may have {most:,}.",
            code="too_many_utterances",
            param="utterances",
        )
    functions = None
    if body.functions is not None:
        functions = require_functions(body.functions, version, param="functions")
    return [
        Question(u or "", body.context, functions, body.required, body.today) for u in utterances
    ]


def _answer(reply: Reply) -> dict[str, Any]:
    timings = {
        "waiting_ms": round(reply.waited * 1000, 2),
        "model_ms": round(reply.worked * 1000, 2),
    }
    return {**AnswerBody.of(reply.answer).model_dump(), "timings": timings}


def _as_rasa(answer: Answer) -> dict[str, Any]:
    """Put what was refused first, as ``FallbackClassifier`` does.

    Rasa's clients take the first of the ranking for the intent.
    """
    intent = _intent(answer.function, answer.confidence)
    others = [a for a in answer.alternatives if a.function != answer.function]
    return {
        "text": answer.utterance,
        "intent": intent,
        "intent_ranking": [intent, *(_intent(a.function, a.confidence) for a in others)],
        "entities": [_entity(span) for span in answer.spans],
        "arguments": answer.arguments,
    }


def _intent(function: str | None, confidence: float) -> dict[str, Any]:
    return {"name": _FALLBACK if function is None else function, "confidence": confidence}


def _entity(span: Span) -> dict[str, Any]:
    return {
        "entity": span.slot,
        "start": span.start,
        "end": span.end,
        "value": span.value,
        "extractor": _EXTRACTOR,
    }
