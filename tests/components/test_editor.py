"""``editor.js``: what keys do to an item that nobody has labelled."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.e2e

ITEM = {
    "id": "x", "revision": 1, "utterance": "fly to Oslo", "function": None, "unlabelled": True,
    "outcome": "unlabelled", "implied": [], "spans": [], "arguments": [], "readings": [],
    "opinions": [], "flag": None,
}  # fmt: skip


def _run(page: Page, steps: str, **changes: Any) -> Any:
    code = f"""async (item) => {{
      const {{ Editor }} = await import("/editor.js");
      const {{ Offsets }} = await import("/text.js");
      const decided = [];
      const session = {{
        current: {{ ...item, id: String(Math.random()), offsets: new Offsets(item.utterance) }},
        config: {{ language: "en" }},
        journal: {{ client: "c" }},
        about: {{ functions: [{{ name: "fly", slots: [{{ name: "to" }}] }}] }},
        decide: (kind, fields) => decided.push({{ kind, function: fields.function ?? null }}),
      }};
      const editor = new Editor(session, () => {{}}, () => {{}});
      editor.load();
      {steps}
      return {{ decided, hint: editor.hint, unlabelled: editor.unlabelled }};
    }}"""
    return page.evaluate(code, {**ITEM, **changes})


def test_accepting_an_unlabelled_item_decides_nothing(modules: Page) -> None:
    found = _run(modules, "editor.accept();")
    assert (found["decided"], found["unlabelled"]) == ([], True)
    assert found["hint"] == "Press f to choose its function, or x if it is out of scope."


def test_a_flag_on_it_decides_nothing_either(modules: Page) -> None:
    assert _run(modules, "editor.accept();", flag="look")["decided"] == []


def test_a_function_is_given_and_accepted(modules: Page) -> None:
    found = _run(modules, 'editor.setFunction("fly"); editor.accept();')
    assert found["decided"] == [{"kind": "decide", "function": "fly"}]
    assert found["unlabelled"] is False


def test_out_of_scope_is_said(modules: Page) -> None:
    found = _run(modules, "editor.outOfScope();")
    assert found["decided"] == [{"kind": "decide", "function": None}]


def test_what_is_out_of_scope_already_is_accepted(modules: Page) -> None:
    found = _run(modules, "editor.accept();", unlabelled=False, outcome="resolved")
    assert found["decided"] == [{"kind": "decide", "function": None}]
