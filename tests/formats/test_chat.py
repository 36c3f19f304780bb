"""Conversations as chat models are tuned on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from conftest import MODULE

from radu_core.formats import Imported, read
from radu_core.schema import Schema


def call(name: str, arguments: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def answer(*calls: dict[str, Any], content: str | None = None) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "tool_calls": list(calls)}


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def load(tmp_path: Path, schema: Schema, *rows: Any) -> Imported:
    path = tmp_path / "chat.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read("jsonl", path, module=MODULE, schema=schema)


def test_a_tool_call_is_the_function_of_what_was_said(tmp_path: Path, schema: Schema) -> None:
    system = {"role": "system", "content": "be kind"}
    said = user([{"type": "text", "text": "a room in Paris"}])
    found = load(
        tmp_path,
        schema,
        {
            "messages": [system, said, answer(call("book_hotel", '{"city": "Paris", "x": null}'))],
            "tools": [],
            "id": 5,
            "split": "valid",
        },
    )
    (row,) = found.exemplars
    assert (row.id, row.split, row.utterance) == ("5", "validation", "a room in Paris")
    assert (row.function, row.arguments) == ("book_hotel", {"city": "Paris"})
    assert found.ignored == {"messages: system": 1, "tools": 1}


def test_every_message_of_a_user_is_a_row(tmp_path: Path, schema: Schema) -> None:
    messages = [
        user("hello"),
        {"role": "assistant", "content": "hi"},
        user("a room in Paris"),
        {
            "role": "assistant",
            "content": "ok",
            "function_call": {"name": "book_hotel", "arguments": {"city": "Paris"}},
        },
        {"role": "tool", "content": "{}"},
        user("thanks"),
    ]
    found = load(tmp_path, schema, {"id": "c", "messages": messages})
    assert [(e.id, e.function, e.unlabelled) for e in found.exemplars] == [
        ("c-1", None, True),
        ("c-2", "book_hotel", False),
        ("c-3", None, True),
    ]
    assert found.ignored == {
        "messages: assistant": 1,
        "messages: tool": 1,
        "messages: words beside a tool call": 1,
    }


def test_conversations_that_cant_be_read(tmp_path: Path, schema: Schema) -> None:
    two = answer(call("book_hotel", {}), call("book_flight", {}))
    found = load(
        tmp_path,
        schema,
        {"messages": []},
        {"messages": [user("a"), two]},
        {"messages": [user("b"), answer({"x": 1})]},
        {"messages": ["text"]},
    )
    assert [(r.line, r.problem) for r in found.rejections] == [
        (1, "no message is a user's"),
        (2, "calls several functions"),
        (3, "isn't a call of a function"),
        (4, "no message is a user's"),
    ]
