"""Every request that docs/reference/server.md shows is answered, with the fields that it shows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from answering import KEY, live, write_fake

DOCS = Path(__file__).resolve().parents[2] / "docs"
TEXT = (DOCS / "reference/server.md").read_text("utf-8")
SHOWN = re.findall(r"```\nPOST (\S+)\n(.*?)\n```\n```json\n(.*?)\n```", TEXT, re.DOTALL)


def shape(value: Any) -> Any:
    """The names of the fields, to the depth that lists are filled."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items() if key != "arguments"}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return None


def shorter(value: Any, other: Any) -> Any:
    """``value`` without what stands in lists that are empty in ``other``."""
    if isinstance(value, dict):
        return {key: shorter(inner, other.get(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [shorter(value[0], other[0])] if value and other else []
    return value


def test_requests_are_shown() -> None:
    assert {path for path, _, _ in SHOWN} == {
        "/v1/chat/completions",
        "/parse",
        "/model/parse",
        "/reload",
    }


@pytest.mark.parametrize(("path", "request_text", "response_text"), SHOWN)
def test_what_is_shown_is_answered(
    tmp_path: Path, path: str, request_text: str, response_text: str
) -> None:
    with live(write_fake(tmp_path / "model"), key=KEY) as server:
        response = server.post(path, json.loads(request_text))
    assert response.status_code == 200
    shown = shape(json.loads(response_text))
    assert shorter(shape(response.json()), shown) == shown


def test_the_hook_that_is_shown_masks_digits() -> None:
    [code] = re.findall(
        r"```python\n(import re.*?)```", (DOCS / "how-to/serve.md").read_text("utf-8"), re.DOTALL
    )
    names: dict[str, Any] = {}
    exec(code, names)
    record = {"utterance": "room 12", "answer": {"function": "f", "arguments": {"room": 12}}}
    assert names["mask_digits"](record) == {"utterance": "room ##", "answer": {"function": "f"}}
    assert names["mask_digits"]({"utterance": "hi", "answer": {}})["utterance"] == "hi"
