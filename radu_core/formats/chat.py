"""Conversations as chat models are tuned on, ``{"messages": […]}``: what a user says is a row.

The tool call that answers it is its function. A user's message that is answered in words, or not at
all, is unlabelled: nobody says that it is out of scope.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from radu_core.formats.common import RowError

__all__ = ["is_chat", "rows"]

_READ = ("messages", "id", "split", "tags")
_TURNS = {"user", "human"}
_ANSWERS = {"assistant", "model", "gpt"}


def is_chat(row: Mapping[str, Any]) -> bool:
    """Whether a row is a conversation."""
    return isinstance(row.get("messages"), list) and "utterance" not in row


def rows(row: Mapping[str, Any]) -> Iterator[dict[str, Any] | RowError | str]:
    """A row for each message of a user, and the name of each thing that isn't read."""
    yield from (key for key in row if key not in _READ)
    messages = row["messages"]
    users = [n for n, m in enumerate(messages) if _role(m) in _TURNS]
    if not users:
        yield RowError("messages", messages, "no message is a user's", 'One needs "role": "user".')
    for turn, n in enumerate(users, start=1):
        answer = messages[n + 1] if n + 1 < len(messages) else None
        extras = {key: row[key] for key in ("split", "tags") if key in row}
        if row.get("id") not in (None, ""):
            extras["id"] = str(row["id"]) if len(users) == 1 else f"{row['id']}-{turn}"
        try:
            label = _label(answer) if answer and _role(answer) in _ANSWERS else {}
            yield {"utterance": _content(messages[n].get("content")), **label, **extras}
        except RowError as error:
            yield error
    for n, message in enumerate(messages):
        yield from _unread(messages, n, message)


def _role(message: Any) -> str:
    return str(message.get("role", "")).casefold() if isinstance(message, Mapping) else ""


def _unread(messages: list[Any], n: int, message: Any) -> Iterator[str]:
    role = _role(message)
    if role in _TURNS:
        return
    answers = n > 0 and _role(messages[n - 1]) in _TURNS
    if role not in _ANSWERS or not answers or not _calls(message):
        yield f"messages: {role or 'without a role'}"
    elif message.get("content"):
        yield "messages: words beside a tool call"


def _calls(message: Mapping[str, Any]) -> list[Any]:
    calls = message.get("tool_calls") or []
    if not calls and message.get("function_call"):
        return [message["function_call"]]
    return calls if isinstance(calls, list) else [calls]


def _label(message: Mapping[str, Any]) -> dict[str, Any]:
    """``{"function": {"name", "arguments"}}`` of the one call, or nothing."""
    calls = _calls(message)
    if len(calls) > 1:
        names = [_function(call).get("name") for call in calls]
        raise RowError(
            "tool_calls",
            names,
            "calls several functions",
            "Give the row one function, or make a row for each.",
        )
    if not calls:
        return {}
    called = _function(calls[0])
    return {"function": called.get("name"), "arguments": called.get("arguments")}


def _function(call: Any) -> Mapping[str, Any]:
    function = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise RowError("tool_calls", call, "isn't a call of a function", 'It needs a "name".')
    return function


def _content(content: Any) -> Any:
    """A message's text; that of its parts, where it has some."""
    if not isinstance(content, list):
        return content
    parts = [part.get("text", "") if isinstance(part, Mapping) else part for part in content]
    return "".join(str(part) for part in parts)
