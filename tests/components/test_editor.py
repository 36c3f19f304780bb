"""``editor.js``: what keys do to an item that nobody has labelled."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.e2e

ITEM = {
    "id": "x",
    "revision": 1,
    "utterance": "fly to Oslo",
    "function": None,
    "unlabelled": True,
    "outcome": "unlabelled",
    "implied": [],
    "spans": [],
    "arguments": [],
    "readings": [],
    "opinions": [],
    "flag": None,
}


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


# Looking up changed values

LABELLED = {
    "utterance": "fly to Oslo or Rome",
    "function": "fly",
    "unlabelled": False,
    "outcome": "unlocated",
    "reason": "'Bonn' isn't in the text.",
    "arguments": [{"slot": "to", "value": "Bonn", "state": "missing", "places": []}],
}
OSLO = {"slot": "to", "value": "the north", "start": 7, "end": 11}
ROME = {"slot": "to", "value": "the north", "start": 15, "end": 19}


def _reading(span: dict[str, Any], *, preselected: bool = False) -> dict[str, Any]:
    return {"spans": [span], "implied": [], "preselected": preselected}


def _look_up(page: Page, readings: list[dict[str, Any]], then: str = "", before: str = "") -> Any:
    """Correct the value of an item; what is asked, and the draft once the studio has answered."""
    code = f"""async ([item, readings]) => {{
      const {{ Editor }} = await import("/editor.js");
      const {{ Offsets }} = await import("/text.js");
      const asked = [];
      const decided = [];
      let answer;
      const answered = new Promise((resolve) => (answer = resolve));
      const known = {{ slot: "to", value: "the north", state: "missing", places: [] }};
      const found = {{ arguments: [known], readings, reason: "Not in the text." }};
      const session = {{
        current: {{ ...item, id: String(Math.random()), offsets: new Offsets(item.utterance) }},
        config: {{ language: "en" }},
        journal: {{ client: "c" }},
        about: {{ functions: [{{ name: "fly", slots: [{{ name: "to" }}] }}] }},
        align: (id, name, values) => (asked.push([name, values.to]), answered),
        decide: (kind, fields) => decided.push([kind, fields.reading, fields.spans.length]),
      }};
      const editor = new Editor(session, () => {{}}, () => {{}});
      editor.load();
      editor.setValue(0, "the north");
      const left = JSON.stringify(editor.draft);
      {before or "answer(found);"}
      await answered.catch(() => null);
      await new Promise((resolve) => setTimeout(resolve));
      {then}
      const {{ chosen, marks, implied }} = editor.draft;
      return {{
        asked, decided, chosen, implied, hint: editor.hint, reason: editor.item.reason ?? null,
        readings: editor.item.readings.length,
        marks: marks.map((m) => [m.start, m.end]),
        changed: JSON.stringify(editor.draft) !== left,
      }};
    }}"""
    return page.evaluate(code, [{**ITEM, **LABELLED}, readings])


def test_a_sure_reading_of_a_changed_value_is_adopted(modules: Page) -> None:
    readings = [_reading(ROME, preselected=True), _reading(OSLO)]
    found = _look_up(modules, readings, "editor.accept();")
    assert found["asked"] == [["fly", "the north"]]
    assert (found["chosen"], found["marks"]) == (0, [[15, 19]])
    assert found["reason"] == "Not in the text."
    assert found["decided"] == [["decide", 0, 1]]


def test_a_reading_that_is_not_sure_is_offered_only(modules: Page) -> None:
    readings = [_reading(ROME), _reading(OSLO, preselected=True)]  # only the first counts
    found = _look_up(modules, readings, "editor.accept();")
    assert (found["chosen"], found["marks"], found["readings"]) == (-1, [], 2)
    assert found["decided"] == []
    assert found["hint"].startswith("to = the north is open")
    chosen = _look_up(modules, readings, "editor.digit(2); editor.accept();")
    assert (chosen["chosen"], chosen["marks"]) == (1, [[7, 11]])
    assert chosen["decided"] == [["decide", 1, 1]]


def test_a_reading_against_what_a_person_marked_is_left_out(modules: Page) -> None:
    mark = "editor.select({ start: 7, end: 11 }); editor.digit(1); editor.lookUp(); answer(found);"
    readings = [_reading(ROME, preselected=True), _reading(OSLO)]
    found = _look_up(modules, readings, before=mark)
    assert (found["chosen"], found["marks"], found["readings"]) == (-1, [[7, 11]], 1)


def test_an_answer_for_another_draft_changes_nothing(modules: Page) -> None:
    readings = [_reading(ROME, preselected=True)]
    found = _look_up(modules, readings, before="editor.imply(); answer(found);")
    assert (found["chosen"], found["marks"], found["implied"]) == (-1, [], ["to"])
    assert found["readings"] == 0


def test_without_an_answer_the_value_is_marked_by_hand(modules: Page) -> None:
    offline = 'answer(Promise.reject(new Error("offline"))); await editor.lookUp();'
    found = _look_up(modules, [], before=offline)
    assert (found["changed"], found["reason"]) == (False, "'Bonn' isn't in the text.")


# Enter with words selected

TWO = [
    {"slot": "to", "value": "Bonn", "state": "missing", "places": []},
    {"slot": "to", "value": "Kiel", "state": "missing", "places": []},
]


def _select(page: Page, then: str, **changes: Any) -> Any:
    labelled = {**LABELLED, **changes}
    return _run(page, f"editor.select({{ start: 7, end: 11 }}); {then}", **labelled)


def test_enter_gives_the_selected_words_to_the_last_open_value_and_accepts(modules: Page) -> None:
    found = _select(modules, "editor.assignAsked();")
    assert found["decided"] == [{"kind": "decide", "function": "fly"}]


def test_while_another_value_is_open_enter_only_marks(modules: Page) -> None:
    rome = "editor.select({ start: 15, end: 19 }); editor.assignAsked();"
    first = _select(modules, "editor.assignAsked();", arguments=TWO)
    assert first["decided"] == []
    both = _select(modules, f"editor.assignAsked(); {rome}", arguments=TWO)
    assert both["decided"] == [{"kind": "decide", "function": "fly"}]


def test_moving_a_mark_doesnt_accept(modules: Page) -> None:
    moved = "editor.digit(1); editor.select({ start: 15, end: 19 }); editor.assignAsked();"
    assert _select(modules, moved)["decided"] == []


def test_a_mark_that_is_taken_over_is_open_again(modules: Page) -> None:
    over = (
        "editor.assignAsked(); editor.select({ start: 7, end: 19 });"
        " editor.activate(1); editor.assignAsked();"
    )
    assert _select(modules, over, arguments=TWO)["decided"] == []
