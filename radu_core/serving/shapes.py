"""The bodies of our own routes, as the API's documentation shows them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from radu_core.exemplars import Span
from radu_core.inference.answers import Answer

__all__ = ["AlternativeBody", "AnswerBody", "ModelRequest", "ParseRequest", "RasaRequest"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ParseRequest(_Body):
    """One utterance, or several of one model."""

    utterance: str | None = Field(default=None, description="What the user said.")
    utterances: Annotated[list[str], Field(min_length=1)] | None = Field(
        default=None, description="Several, instead of one; they are answered in order."
    )
    model: str | None = Field(default=None, description="Not needed where only one is served.")
    context: str | None = Field(
        default=None, description="The function, or function.slot, the bot last asked for."
    )
    today: date | None = Field(
        default=None,
        description='The day that relative dates ("tomorrow") count from, as YYYY-MM-DD. '
        "Without it: the schema's reference_date.",
    )
    functions: Annotated[list[str], Field(min_length=1)] | None = Field(
        default=None, description="Those that may be answered; without it all of the module's."
    )
    required: bool = Field(default=False, description="Answer one of them in any case.")


class ModelRequest(_Body):
    """Which model a reload or rollback is about."""

    model: str | None = Field(default=None, description="Not needed where only one is served.")


class RasaRequest(BaseModel):
    """What Rasa's clients send; what else they send (``message_id``) is ignored."""

    model_config = ConfigDict(extra="ignore")

    text: str = Field(description="What the user said.")
    model: str | None = Field(default=None, description="Not needed where only one is served.")
    context: str | None = Field(
        default=None, description="The function, or function.slot, the bot last asked for."
    )
    today: date | None = Field(
        default=None,
        description='The day that relative dates ("tomorrow") count from, as YYYY-MM-DD. '
        "Without it: the schema's reference_date.",
    )
    token: str | None = Field(
        default=None, description="An API key, where it is sent neither as header nor in the query."
    )


class AlternativeBody(_Body):
    """A function that could be meant; null: none of the module's."""

    function: str | None
    confidence: float


class AnswerBody(_Body):
    """What an utterance means. Offsets of spans are half-open and count code points."""

    utterance: str
    function: str | None
    arguments: dict[str, Any]
    spans: list[Span]
    confidence: float
    alternatives: list[AlternativeBody]
    out_of_scope: float | None
    problems: list[str]

    @classmethod
    def of(cls, answer: Answer) -> AnswerBody:
        """The body that says an answer."""
        return cls(
            utterance=answer.utterance,
            function=answer.function,
            arguments=answer.arguments,
            spans=list(answer.spans),
            confidence=answer.confidence,
            alternatives=[
                AlternativeBody(function=a.function, confidence=a.confidence)
                for a in answer.alternatives
            ],
            out_of_scope=answer.out_of_scope,
            problems=list(answer.problems),
        )
