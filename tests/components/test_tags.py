"""``tags.js``: the slots' names under marks, none over another, in every script and width."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page

from components.span_marker import DIRECTORY

pytestmark = pytest.mark.e2e
GAP = 4
SLOTS = ("departure_city", "destination_city", "number_of_passengers", "class", "a_time_of_day")


def rows(page: Page, tags: list[dict[str, int]]) -> list[int]:
    found = page.evaluate("""async (tags) => (await import("/tags.js")).rows(tags)""", tags)
    return [int(row) for row in found]


def tag(at: int, width: int, shift: int = 0) -> dict[str, int]:
    return {"at": at, "start": at + shift, "end": at + shift + width}


def test_names_that_have_room_stay_in_the_first_row(modules: Page) -> None:
    assert rows(modules, [tag(0, 50), tag(60, 50), tag(200, 50)]) == [0, 0, 0]
    assert rows(modules, []) == []


def test_names_of_neighbours_make_a_staircase(modules: Page) -> None:
    assert rows(modules, [tag(0, 100), tag(20, 100), tag(40, 100)]) == [2, 1, 0]
    assert rows(modules, [tag(0, 100), tag(20, 30), tag(200, 100)]) == [1, 0, 0]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 600), st.integers(10, 200), st.integers(-90, 0)), max_size=9)
)
def test_no_name_lies_over_another(modules: Page, tags: list[tuple[int, int, int]]) -> None:
    line = sorted((tag(*t) for t in tags), key=lambda t: t["at"])
    found = rows(modules, line)
    for i, one in enumerate(line):
        for j in range(i + 1, len(line)):
            if found[i] == found[j]:
                apart = one["end"] + GAP <= line[j]["start"] or line[j]["end"] + GAP <= one["start"]
                assert apart, (one, line[j])


# As the studio's page is laid out: not in the mode of pages without a doctype.
STANDARDS = """() => {
  document.open();
  document.write("<!doctype html><body></body>");
  document.close();
}"""
LAID_OUT = """async ([marks, text, width, dark]) => {
  const { pieces } = await import("/text.js");
  const { arrange } = await import("/tags.js");
  document.documentElement.style.colorScheme = dark ? "dark" : "light";
  const box = document.createElement("div");
  box.className = "utterance";
  box.dir = "auto";
  document.body.replaceChildren(box);
  box.style.width = `${width}px`;
  const part = (kind, ...inside) => {
    const made = document.createElement("span");
    made.className = kind;
    made.append(...inside);
    return made;
  };
  box.append(...pieces(text, [], marks).map(({ start, end, span }) => {
    const made = part(span < 0 ? "gap" : "mark first h0", text.slice(start, end));
    if (span >= 0) made.append(part("strut"), part("lead"), part("tag", marks[span].slot));
    return made;
  }));
  arrange(box);
  const edge = box.getBoundingClientRect();
  const boxes = (kind) => [...box.querySelectorAll(kind)].map((e) => {
    const { left, right, top, bottom } = e.getBoundingClientRect();
    return { left: left - edge.left, right: right - edge.left, top: top - edge.top,
             bottom: bottom - edge.top };
  });
  const words = [...box.children].filter((e) => e.textContent).flatMap((e) => {
    const range = document.createRange();
    range.selectNodeContents(e.firstChild);
    return [...range.getClientRects()].map((r) => ({ left: r.left - edge.left,
      right: r.right - edge.left, top: r.top - edge.top, bottom: r.bottom - edge.top }));
  });
  return { tags: boxes(".tag"), words, width: box.clientWidth, over: box.scrollWidth,
           rtl: getComputedStyle(box).direction === "rtl", marks: boxes(".mark") };
}"""


def meet(a: dict[str, float], b: dict[str, float]) -> bool:
    return (
        a["left"] < b["right"] - 1
        and b["left"] < a["right"] - 1
        and a["top"] < b["bottom"] - 1
        and b["top"] < a["bottom"] - 1
    )


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [260, 340, 900])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A B 2 C 9 please, from here to there and back", "A B 2 C 9"),
        ("please get me there now or at A then to B as 2 in C at 9 pm", "A B 2 C 9"),
        ("甲乙2丙9と京都から東京へ行きたいです、できれば明日の朝", "甲 乙 2 丙 9"),
        ("טוס א ב 2 ג 9 עכשיו או מאוחר יותר עם כולם", "א ב 2 ג 9"),
        ("👩‍👩‍👧 é B 2 C 9 with signs of more than one unit", "👩‍👩‍👧 é B 2 C"),
    ],
)
def test_names_lie_over_no_other_and_over_no_word(
    modules: Page, text: str, words: str, width: int, dark: bool
) -> None:
    modules.evaluate(STANDARDS)
    modules.add_style_tag(content=(DIRECTORY / "span_marker.css").read_text("utf-8"))

    def units(position: int) -> int:
        return len(text[:position].encode("utf-16-le")) // 2

    marks: list[dict[str, Any]] = []
    for slot, word in zip(SLOTS, words.split(), strict=True):
        at = text.index(word)
        marks.append({"slot": slot, "start": units(at), "end": units(at + len(word))})
    found = modules.evaluate(LAID_OUT, [marks, text, width, dark])
    tags = found["tags"]
    assert len(tags) == 5
    assert found["rtl"] is ("א" in text)
    assert found["over"] <= found["width"]  # nothing to scroll to at the side
    for i, one in enumerate(tags):
        assert one["left"] >= 0
        assert one["right"] <= found["width"] + 1
        assert not [other for other in tags[i + 1 :] if meet(one, other)]
        assert not [word for word in found["words"] if meet(one, {**word, "top": word["top"] + 8})]
