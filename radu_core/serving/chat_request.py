"""A chat completion as a client asks for it: what is the utterance, and what may be called."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from radu_core.inference.answers import Question
from radu_core.serving.asking import require_functions
from radu_core.serving.problems import HttpError
from radu_core.serving.registry import Served

__all__ = ["ChatRequest", "Message", "Tool", "question_of", "utterance_of"]

_UNSUPPORTED = {
    "functions": "Give them as tools.",
    "function_call": "Give it as tool_choice.",
    "audio": "Only calls are answered.",
}


class _Part(BaseModel):
    """What clients send beyond this is read by nobody."""

    model_config = ConfigDict(extra="ignore")


class ToolFunction(_Part):
    """The function of a tool. Only its name counts: the module says what it is."""

    name: str


class Tool(_Part):
    """A function that may be called."""

    type: str = "function"
    function: ToolFunction | None = None


class Message(_Part):
    """A turn of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None


class StreamOptions(_Part):
    """What a stream holds besides the answer."""

    include_usage: bool = False


class AllowedTools(_Part):
    """Some of the tools, and whether one of them has to be called."""

    mode: Literal["auto", "required"] = "auto"
    tools: list[Tool] = Field(min_length=1)


class NamedChoice(_Part):
    """The function that has to be called, or a choice among some of the tools."""

    type: Literal["function", "allowed_tools"]
    function: ToolFunction | None = None
    allowed_tools: AllowedTools | None = None


class ChatRequest(_Part):
    """The body of ``POST /v1/chat/completions``. Other parameters of OpenAI's have no effect."""

    messages: list[Message] = Field(
        min_length=1, description="The last one of the user is the utterance."
    )
    model: str | None = Field(default=None, description="Not needed where only one is served.")
    tools: Annotated[list[Tool], Field(min_length=1)] | None = Field(
        default=None, description="Select among the module's functions; without it all of them."
    )
    tool_choice: Literal["auto", "none", "required"] | NamedChoice | None = Field(
        default=None, description="auto, none, required, or a function."
    )
    parallel_tool_calls: bool | None = Field(
        default=None, description="Without effect: there is at most one call."
    )
    stream: bool | None = Field(default=None, description="Answer by server-sent events.")
    stream_options: StreamOptions | None = Field(
        default=None, description="include_usage adds a chunk with the usage."
    )
    n: Annotated[int, Field(ge=1, le=1)] | None = Field(
        default=None, description="1: there is one answer."
    )
    metadata: dict[str, Any] | None = Field(default=None, description="May have context and today.")
    context: str | None = Field(
        default=None,
        description="The function, or function.slot, that the bot last asked for. "
        "Also read from metadata.context.",
    )
    today: date | None = Field(
        default=None,
        description='The day that relative dates ("tomorrow") count from, as YYYY-MM-DD. '
        "Also read from metadata.today. Without it: the schema's reference_date.",
    )
    functions: Any = Field(default=None, description="Refused: use tools.")
    function_call: Any = Field(default=None, description="Refused: use tool_choice.")
    audio: Any = Field(default=None, description="Refused.")


def question_of(request: ChatRequest, version: Served) -> Question | None:
    """What the model is asked; None where no call may follow.

    That is so with ``tool_choice`` "none", and after a tool's result: the utterance has had its
    call, and a second one would run in circles.
    """
    for name, remedy in _UNSUPPORTED.items():
        if getattr(request, name) is not None:
            raise HttpError(
                400, f"{name} isn't supported. {remedy}", code="unsupported_parameter", param=name
            )
    functions = None
    if request.tools is not None:
        functions = require_functions(_names(request.tools, "tools"), version, param="tools")
    functions, is_required = _choose_functions(request, functions, version)
    utterance = utterance_of(request.messages)
    if request.tool_choice == "none" or request.messages[-1].role in ("tool", "function"):
        return None
    context = request.context or (request.metadata or {}).get("context")
    if context is not None and not isinstance(context, str):
        raise HttpError(400, "The context isn't text.", code="invalid_value", param="metadata")
    return Question(utterance, context or None, functions, is_required, _today_of(request))


def _today_of(request: ChatRequest) -> date | None:
    """The day that relative dates count from, from the body or its metadata."""
    told = (request.metadata or {}).get("today")
    if request.today is not None or told is None:
        return request.today
    try:
        return date.fromisoformat(told)
    except (TypeError, ValueError) as error:
        raise HttpError(
            400,
            f"metadata.today isn't a date: {str(told)[:50]!r}. Write it as YYYY-MM-DD.",
            code="invalid_value",
            param="metadata",
        ) from error


def _choose_functions(
    request: ChatRequest, offers: tuple[str, ...] | None, version: Served
) -> tuple[tuple[str, ...] | None, bool]:
    """What ``tool_choice`` leaves of the functions offered, and whether one has to be called."""
    choice = request.tool_choice
    if not isinstance(choice, NamedChoice):
        return offers, choice == "required"
    if choice.type == "function" and choice.function is not None:
        names, is_required = [choice.function.name], True
    elif choice.allowed_tools is not None:
        names = _names(choice.allowed_tools.tools, "tool_choice")
        is_required = choice.allowed_tools.mode == "required"
    else:
        raise HttpError(
            400, "tool_choice names no function.", code="invalid_value", param="tool_choice"
        )
    functions = require_functions(names, version, param="tool_choice")
    left_out = [name for name in functions if offers is not None and name not in offers]
    if left_out:
        raise HttpError(
            400,
            f"tool_choice names {left_out[0]!r}, which isn't among the tools.",
            code="invalid_value",
            param="tool_choice",
        )
    return functions, is_required


def _names(tools: Sequence[Tool], param: str) -> list[str]:
    names = []
    for tool in tools:
        if tool.type != "function" or tool.function is None:
            raise HttpError(
                400,
                f"A tool of type {tool.type[:50]!r} isn't supported: only functions with a name.",
                code="unsupported_tool",
                param=param,
            )
        names.append(tool.function.name)
    return names


def utterance_of(messages: Sequence[Message]) -> str:
    """The text of the last message that the user wrote; its parts are joined by line breaks."""
    content = next((m.content for m in reversed(messages) if m.role == "user"), None)
    if content is None:
        raise HttpError(
            400, "No message of the user has content.", code="empty_utterance", param="messages"
        )
    if isinstance(content, str):
        return content
    return "\n".join(_text(part) for part in content)


def _text(part: dict[str, Any]) -> str:
    text = part.get("text")
    if part.get("type") == "text" and isinstance(text, str):
        return text
    raise HttpError(
        400,
        f"A message part of type {str(part.get('type'))[:50]!r} can't be read. Send text.",
        code="unsupported_content",
        param="messages",
    )
