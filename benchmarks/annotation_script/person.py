"""A person who knows what is right, and the keys: works through the script without a mouse."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from playwright.sync_api import Page

__all__ = ["DOCCANO", "LABEL_STUDIO", "Person", "elsewhere"]

LABEL_STUDIO, DOCCANO = "Label Studio", "doccano"
_STATE = """() => {
  const { editor } = window.findMarker().control;
  const { draft, item } = editor;
  return {
    id: item.id,
    function: draft.function,
    arguments: draft.arguments.map((a) => ({
      key: a.key, slot: a.slot, value: a.value, state: editor.stateOf(a),
      mark: draft.marks.filter((m) => m.key === a.key).map((m) => [m.start, m.end])[0] ?? null,
    })),
    implied: draft.implied,
    active: draft.active,
    open: draft.arguments.filter((a) => editor.isOpen(a)).map((a) => a.key),
    digits: editor.digits,
    places: editor.asked?.places.map((p) => [p.start, p.end]) ?? [],
    readings: item.readings.map((r) => r.spans.map((s) => [s.slot, s.value, s.start, s.end])),
    tokens: editor.tokens.map((t) => [t.start, t.end]),
    targets: editor.targets.map((t) => ({ key: t.key, slot: t.slot, of: t.argument?.key ?? null })),
  };
}"""
_REASONS = {"personal data": "4", "Three requests": "2", "German": "6", "typed to test": "1"}


class Person:
    """Presses keys until an item is as its gold says, and counts them."""

    def __init__(self, page: Page, gold: dict[str, dict[str, Any]]) -> None:
        self.page, self.gold = page, gold
        self.keys: Counter[str] = Counter()  # by item
        self.item = ""

    def work(self) -> str:
        """One item; its id."""
        self.item = self.state()["id"]
        gold = self.gold[self.item]
        if gold["discard"]:
            reason = next((k for words, k in _REASONS.items() if words in gold["discard"]), "3")
            self.press("d", reason)
            return self.item
        for _ in range(60):
            if not self.step(gold):
                return self.item
        raise RuntimeError(f"{self.item} never became what it should be: {self.state()}")

    def state(self) -> dict[str, Any]:
        return dict(self.page.evaluate(_STATE))

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.keys[self.item] += 1

    def step(self, gold: dict[str, Any]) -> bool:
        """The next thing that isn't right yet; False once it was accepted."""
        if gold["function"] is None:
            self.press("x")
            return False
        now = self.state()
        if now["function"] != gold["function"]:
            self.choose_function(gold["function"])
            return True
        target = self.wanted_spans(gold)
        if self.is_right(now, target, gold):
            self.press("Enter")
            return False
        number = self.reading(now, gold)
        if number is not None:
            self.press(str(number + 1))
            return True
        return self.repair(now, target, gold)

    def wanted_spans(self, gold: dict[str, Any]) -> dict[str, tuple[Any, tuple[int, int] | None]]:
        """Slot → its value, and its place in UTF-16 units; None where it is implied."""
        text = gold["utterance"]
        units = [len(text[:n].encode("utf-16-le")) // 2 for n in range(len(text) + 1)]
        places = {s["slot"]: (units[s["start"]], units[s["end"]]) for s in gold["spans"]}
        return {slot: (value, places.get(slot)) for slot, value in gold["arguments"].items()}

    def is_right(self, now: dict[str, Any], target: dict[str, Any], gold: dict[str, Any]) -> bool:
        have = {
            a["slot"]: (a["value"], tuple(a["mark"]) if a["mark"] else None)
            for a in now["arguments"]
        }
        return have == target and set(now["implied"]) == set(gold["implied"])

    def reading(self, now: dict[str, Any], gold: dict[str, Any]) -> int | None:
        """The reading that is gold, where digits choose readings."""
        if now["digits"] != "readings" or gold["implied"]:
            return None
        values = [(s, v, *p) for s, (v, p) in self.wanted_spans(gold).items() if p]
        spans = sorted(map(json.dumps, values))
        numbers = [n for n, r in enumerate(now["readings"]) if sorted(map(json.dumps, r)) == spans]
        return numbers[0] if numbers and numbers[0] < 9 else None

    def repair(self, now: dict[str, Any], target: dict[str, Any], gold: dict[str, Any]) -> bool:
        """One slot that isn't as it should be; False once all is right and accepted."""
        by_slot = {a["slot"]: a for a in now["arguments"]}
        for slot, argument in by_slot.items():
            if slot not in target:
                self.edit(now, argument, "")
                return True
        for slot, (value, place) in target.items():
            argument = by_slot.get(slot)
            if argument is None:
                self.mark(now, slot, place)
                return True
            if place is None and slot not in now["implied"]:
                self.turn_to(now, argument)
                self.press("i")
                return True
            if argument["value"] != value:
                self.edit(now, argument, str(value))
                return True
            if place and tuple(argument["mark"] or ()) != place:
                is_active = now["active"] == argument["key"]
                if is_active and now["digits"] == "places" and list(place) in now["places"]:
                    self.press(str(now["places"].index(list(place)) + 1))
                    return True
                last = is_active and now["open"] == [argument["key"]]
                argument["mark"] = list(place)
                accepts = last and self.is_right(now, target, gold)
                self.mark(now, slot, place, key="Enter" if accepts else None)
                return not accepts
        return True

    def mark(
        self,
        now: dict[str, Any],
        slot: str,
        place: tuple[int, int] | None,
        key: str | None = None,
    ) -> None:
        """Select the words, then press ``key``, by default the slot's."""
        if place is None:
            raise RuntimeError(f"{self.item}: {slot} is to be implied and isn't there")
        tokens = now["tokens"]
        first = next(n for n, (start, _) in enumerate(tokens) if start == place[0])
        last = next(n for n, (_, end) in enumerate(tokens) if end == place[1])
        if first <= len(tokens) - 1 - last:
            self.press(*["ArrowRight"] * (first + 1), *["Shift+ArrowRight"] * (last - first))
        else:
            left = len(tokens) - last
            self.press(*["ArrowLeft"] * left, *["Shift+ArrowLeft"] * (last - first))
        targets = self.state()["targets"]
        self.press(key or next(t["key"] for t in targets if t["slot"] == slot))

    def turn_to(self, now: dict[str, Any], argument: dict[str, Any]) -> None:
        for _ in now["arguments"]:
            if self.state()["active"] == argument["key"]:
                return
            self.press("v")

    def edit(self, now: dict[str, Any], argument: dict[str, Any], words: str) -> None:
        self.turn_to(now, argument)
        self.press("n")
        self.press(*(words or ["Backspace"]))
        self.press("Enter")

    def choose_function(self, name: str) -> None:
        """As many letters as it takes to have it first in the list."""
        self.press("f")
        for letter in name:
            first = self.page.locator("dialog [role=option][aria-selected=true] b").inner_text()
            if first == name:
                break
            self.press(letter)
        self.press("Enter")
        self.page.wait_for_timeout(150)  # the studio looks where its values stand


def elsewhere(item: dict[str, Any], *, prefilled: dict[str, Any] | None) -> dict[str, int]:
    """Actions (a key, a click or a drag is one) that the documented flows of others take.

    Both know spans with labels and a class per text; neither knows values that stand for other
    words. ``prefilled`` is the best reading as a prediction, where the tool can show one.

    - Label Studio: the label's hotkey, then a drag over the words; to take a wrong region off, a
      click and Backspace; the function is a choice with a hotkey; Ctrl+Enter submits, and the next
      task comes (https://labelstud.io/guide/labeling, .../guide/hotkeys). A value that isn't
      written, or another value for the words: its text field, one action for the click, one for
      each key, one for Enter.
    - doccano: a drag over the words, then the label's key; a wrong span is a click and a choice;
      Enter approves and → goes on (https://doccano.github.io/doccano/tutorial). It shows no
      predictions beside what is stored, so it begins empty. Values have no place: not counted.
    """
    gold = item["gold"]
    if gold["discard"]:
        return {LABEL_STUDIO: 2, DOCCANO: 2}
    changed = int(gold["function"] != item["function"])
    spans = {(s["slot"], s["start"], s["end"]) for s in gold["spans"]}
    prefilled_spans = {
        (s["slot"], s["start"], s["end"]) for s in (prefilled or {}).get("spans", [])
    }
    values = [len(str(gold["arguments"][s])) + 2 for s in gold["implied"]]
    values += [
        len(str(s["value"])) + 2
        for s in gold["spans"]
        if str(s["value"]).casefold() != item["utterance"][s["start"] : s["end"]].casefold()
        and (s["slot"], s["start"], s["end"]) not in prefilled_spans
    ]
    studio = (
        2 * len(spans - prefilled_spans)
        + 2 * len(prefilled_spans - spans)
        + sum(values)
        + changed
        + 1
    )
    return {LABEL_STUDIO: studio, DOCCANO: 2 * len(spans) + changed + 2}
