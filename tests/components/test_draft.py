"""``draft.js``: what keys do to the draft of an item, value by value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.e2e

TEXT = "from Boston to Boston on Monday"
ITEM = {
    "function": "fly",
    "outcome": "ambiguous",
    "implied": [],
    "spans": [],
    "arguments": [
        {
            "slot": "from",
            "value": "Boston",
            "state": "repeated",
            "places": [{"start": 5, "end": 11}, {"start": 15, "end": 21}],
        },
        {
            "slot": "to",
            "value": "Boston",
            "state": "repeated",
            "places": [{"start": 5, "end": 11}, {"start": 15, "end": 21}],
        },
        {
            "slot": "day",
            "value": "2026-03-02",
            "state": "once",
            "places": [{"start": 25, "end": 31}],
        },
    ],
    "readings": [],
}
READING = {
    "implied": [],
    "preselected": True,
    "spans": [
        {"slot": "from", "value": "Boston", "start": 5, "end": 11},
        {"slot": "to", "value": "Boston", "start": 15, "end": 21},
        {"slot": "day", "value": "2026-03-02", "start": 25, "end": 31},
    ],
}


def _run(page: Page, steps: str, **changes: Any) -> Any:
    code = f"""async ([item, text]) => {{
      const d = await import("/draft.js");
      let x = d.begin(item);
      {steps}
      return {{ ...x, open: d.open(x).map((a) => a.slot), labels: d.labels(x, () => false) }};
    }}"""
    return page.evaluate(code, [{**ITEM, **changes}, TEXT])


def _marks(draft: Any) -> dict[str, tuple[int, int]]:
    slots = {a["key"]: a["slot"] for a in draft["arguments"]}
    return {slots[m["key"]]: (m["start"], m["end"]) for m in draft["marks"]}


def test_it_begins_with_the_best_reading(modules: Page) -> None:
    found = _run(modules, "", readings=[READING])
    assert _marks(found) == {"from": (5, 11), "to": (15, 21), "day": (25, 31)}
    assert (found["chosen"], found["open"]) == (0, [])


def test_a_reading_that_is_not_sure_is_not_chosen_beforehand(modules: Page) -> None:
    found = _run(modules, "", readings=[{**READING, "preselected": False}])
    assert _marks(found) == {"day": (25, 31)}
    assert (found["chosen"], found["open"]) == (-1, ["from", "to"])


def test_without_one_what_stands_once_is_placed_and_the_next_is_asked_for(modules: Page) -> None:
    found = _run(modules, "")
    assert _marks(found) == {"day": (25, 31)}
    assert (found["active"], found["open"]) == (0, ["from", "to"])


def test_placing_goes_on_to_the_next_open_value(modules: Page) -> None:
    found = _run(modules, "x = d.place(x, 0, { start: 5, end: 11 });")
    assert (found["active"], found["open"]) == (1, ["to"])


def test_a_place_that_is_taken_over_leaves_its_value_open(modules: Page) -> None:
    found = _run(
        modules, "x = d.place(d.place(x, 0, { start: 5, end: 11 }), 1, { start: 0, end: 11 });"
    )
    assert _marks(found) == {"to": (0, 11), "day": (25, 31)}
    assert found["active"] == 0


def test_implied_and_back(modules: Page) -> None:
    assert _run(modules, "x = d.imply(x, 0);")["implied"] == ["from"]
    assert _run(modules, "x = d.imply(d.imply(x, 0), 0);")["implied"] == []


def test_a_corrected_value_that_stands_once_is_placed(modules: Page) -> None:
    found = _run(modules, 'x = d.setValue(x, 0, "monday", text);', arguments=ITEM["arguments"][:1])
    assert _marks(found) == {"from": (25, 31)}
    assert found["labels"] == {"from": "monday"}


def test_a_mark_of_a_persons_stays_when_its_value_is_corrected(modules: Page) -> None:
    steps = 'x = d.setValue(d.place(x, 2, { start: 25, end: 31 }), 2, "2026-03-09", text);'
    found = _run(modules, steps)
    assert _marks(found) == {"day": (25, 31)}
    assert found["labels"]["day"] == "2026-03-09"


def test_a_value_taken_away_is_no_label_any_more(modules: Page) -> None:
    found = _run(modules, "x = d.setValue(x, 2, null, text);")
    assert found["labels"] == {"from": "Boston", "to": "Boston"}
    assert _marks(found) == {}


def test_another_function_keeps_what_it_has_slots_for(modules: Page) -> None:
    found = _run(modules, 'x = d.setFunction(x, "ride", ["to", "day"]);')
    assert found["labels"] == {"to": "Boston", "day": "2026-03-02"}
    assert _marks(found) == {"day": (25, 31)}


def test_a_further_value_of_a_slot_makes_a_list(modules: Page) -> None:
    found = _run(modules, 'x = d.add(x, "day", "Boston", { start: 5, end: 11 });')
    assert found["labels"]["day"] == ["2026-03-02", "Boston"]


UNSURE = {
    **ITEM["arguments"][2],
    "state": "unsure",
    "places": [{"start": 25, "end": 31}],  # type: ignore[dict-item]
}
MISSING = {"slot": "people", "value": 2, "state": "missing", "places": []}


def _states(page: Page, steps: str = "", **changes: Any) -> list[str]:
    code = f"""async ([item, text]) => {{
      const d = await import("/draft.js");
      let x = d.begin(item);
      {steps}
      return x.arguments.map((a) => d.stateOf(x, item, a));
    }}"""
    return list(page.evaluate(code, [{**ITEM, **changes}, TEXT]))


def test_a_state_says_what_the_item_knows(modules: Page) -> None:
    assert _states(modules) == ["repeated ×2", "repeated ×2", "placed"]
    assert _states(modules, readings=[READING]) == ["placed", "placed", "placed"]
    assert _states(modules, "x = d.imply(x, 0);")[0] == "implied"
    assert _states(modules, "x = d.unmark(x, 2);")[2] == "not marked"
    assert _states(modules, 'x = d.setValue(x, 2, "noon", text);')[2] == "not found"


@pytest.mark.parametrize(("argument", "bare"), [(UNSURE, "unsure"), (MISSING, "not found")])
def test_what_isnt_in_the_text_is_at_most_suggested(
    modules: Page, argument: dict[str, Any], bare: str
) -> None:
    """Else the page would say "placed" beside a reason that says it isn't there."""
    span = {"slot": argument["slot"], "value": argument["value"], "start": 25, "end": 31}
    reading = {"implied": [], "preselected": True, "spans": [span]}
    more = {"arguments": [argument], "outcome": "unlocated"}
    assert _states(modules, **more) == [bare]
    assert _states(modules, **more, readings=[reading]) == ["suggested"]
    by_hand = "x = d.place(x, 0, { start: 5, end: 11 });"
    assert _states(modules, by_hand, **more, readings=[reading]) == ["marked"]
    resolved = {"arguments": [{**argument, "state": "placed"}], "outcome": "resolved"}
    assert _states(modules, **resolved, spans=[span]) == ["placed"]


def test_a_draft_is_another_once_something_was_said(modules: Page) -> None:
    code = """async ([item, text]) => {
      const d = await import("/draft.js");
      const x = d.begin(item);
      const others = [
        d.activate(x, 1), d.place(x, 0, { start: 5, end: 11 }), d.unmark(x, 2), d.imply(x, 0),
        d.setValue(x, 0, "Lima", text), d.setFunction(x, "ride", ["to"]),
        d.imply(d.imply(x, 0), 0),
      ];
      return others.map((y) => d.alike(x, y));
    }"""
    found = modules.evaluate(code, [ITEM, TEXT])
    assert found == [True, False, False, False, False, False, True]


def test_slots_may_have_names_that_objects_of_javascript_have(modules: Page) -> None:
    names = ["constructor", "toString", "__proto__", "2"]
    arguments = [{**ITEM["arguments"][0], "slot": name, "value": name} for name in names]
    code = """async ([item, text]) => {
      const d = await import("/draft.js");
      return JSON.stringify(d.labels(d.begin(item), () => false));
    }"""
    found = modules.evaluate(code, [{**ITEM, "arguments": arguments}, TEXT])
    assert json.loads(found) == {name: name for name in names}
