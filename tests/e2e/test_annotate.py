"""The Annotate page in Chromium: keys, mouse, other scripts, several people, and what is kept."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from studio_process import Studio

from radu_core.exemplars import AnnotatedExemplar, Span
from radu_core.schema import Function, Schema, Slot
from radu_core.workflows.annotate.annotation import set_annotators
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.outcomes import resolve

pytestmark = pytest.mark.e2e
MODULE = "acme_trips_en"
SCHEMA = Schema(
    module=MODULE,
    functions=(
        Function(
            name="book_trip",
            description="Book a trip",
            slots=(Slot(name="from"), Slot(name="to"), Slot(name="people", type="integer")),
        ),
        Function(name="get_weather", description="The weather", slots=(Slot(name="to"),)),
    ),
)
TWICE = "from Boston airport to Lima, then Boston again"


def exemplar(id: str, utterance: str, **arguments: Any) -> AnnotatedExemplar:
    return AnnotatedExemplar(
        id=id,
        utterance=utterance,
        function="book_trip",
        arguments={k.rstrip("_"): v for k, v in arguments.items()},
    )


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "home")
    made.store.put_schema(SCHEMA, who="test")
    return made


@pytest.fixture
def server(space: Workspace) -> Iterator[Studio]:
    made = Studio(space.home)
    made.start()
    yield made
    made.end()


@pytest.fixture
def annotate(space: Workspace, server: Studio, page: Page) -> Callable[..., Page]:
    """Put exemplars into the module and open the page."""

    def begin(*items: AnnotatedExemplar, query: str = "") -> Page:
        space.store.put_exemplars(MODULE, items, who="test", source="test")
        resolve(space, MODULE, who="test")
        return visit(page, server, query)

    return begin


def visit(page: Page, server: Studio, query: str = "") -> Page:
    page.goto(f"{server.address}/annotate?module={MODULE}{query}")
    page.locator(".token").first.wait_for()
    return page


ACCEPT = ("1", "Enter")  # the first place of what stands there twice: nothing is chosen beforehand


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def saved(page: Page) -> None:
    expect(page.get_by_text("✓ All saved")).to_be_visible()


def item(page: Page) -> str:
    return page.locator(".marker").get_attribute("data-item") or ""


def spans(space: Workspace, id: str) -> dict[str, str]:
    """What each slot's span covers, as stored."""
    found = space.store.exemplar(MODULE, id).exemplar
    assert found.outcome == "resolved", found.reason
    return {s.slot: found.utterance[s.start : s.end] for s in found.spans or ()}


def answer(page: Page, keys: dict[str, list[str]]) -> None:
    """Press each item's keys, in the order in which the items come; a word is typed."""
    for _ in range(len(keys)):
        expect(page.locator(".marker")).not_to_have_attribute("data-item", "")
        for key in keys[item(page)]:
            if key.startswith("type "):
                page.keyboard.type(key.removeprefix("type "))
            else:
                page.keyboard.press(key)
    saved(page)


def drag(page: Page, first: str, last: str, **options: Any) -> None:
    """Over words, from the middle of one to the middle of another."""
    boxes = [page.locator(".token", has_text=w).first.bounding_box() for w in (first, last)]
    (a, b) = ((box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes if box)
    page.mouse.move(*a)
    page.mouse.down()
    page.mouse.move(*b, steps=5)
    page.mouse.up()


def test_enter_accepts_a_digit_chooses_and_u_takes_back(
    annotate: Callable[..., Page], space: Workspace
) -> None:
    page = annotate(
        exemplar("a", TWICE, from_="Boston", to="Lima"),
        exemplar("b", "Oslo to Rome via Oslo", from_="Oslo", to="Rome"),
    )
    expect(page.get_by_text("2 ambiguous")).to_be_visible()
    press(page, "2", "Enter")
    saved(page)
    places = [(s.start, s.end) for s in space.store.exemplar(MODULE, "a").exemplar.spans or ()]
    assert (34, 40) in places, "the second Boston"
    assert item(page) == "b"
    press(page, "u")
    assert item(page) == "a"
    saved(page)
    assert space.store.exemplar(MODULE, "a").exemplar.outcome == "ambiguous"
    press(page, "Shift+U")
    saved(page)
    assert item(page) == "b"
    assert spans(space, "a") == {"from": "Boston", "to": "Lima"}
    press(page, *ACCEPT)
    expect(page.get_by_text("Nothing is left in this queue.")).to_be_visible()
    saved(page)
    kinds = [e.kind for e in space.store.history(MODULE, "a") if e.who == "ann"]
    assert kinds == ["placed", "restored", "placed"]


def test_implied_out_of_scope_discard_and_a_wrong_function(
    annotate: Callable[..., Page], space: Workspace
) -> None:
    page = annotate(
        exemplar("a", "a seat to Lima", to="Lima", people=3),
        exemplar("b", "tell me a joke", people=3),
        exemplar("c", "asdf", people=4),
        exemplar("d", "is it raining in Quito", to="Quito", people=7),
    )
    answer(
        page,
        {
            "a": ["i", "Enter"],
            "b": ["x"],
            "c": ["d", "3"],
            "d": ["f", "type weath", "Enter", "Enter"],
        },
    )
    a, b, c, d = (space.store.exemplar(MODULE, i).exemplar for i in "abcd")
    assert (a.implied, spans(space, "a")) == (("people",), {"to": "Lima"})
    assert (b.function, b.outcome, b.arguments) == (None, "resolved", {})
    assert c.reason == "Discarded by ann: can't be understood"
    assert (d.function, d.arguments, spans(space, "d")) == (
        "get_weather",
        {"to": "Quito"},
        {"to": "Quito"},
    )


def test_words_are_marked_by_mouse_and_by_keyboard(
    annotate: Callable[..., Page], space: Workspace
) -> None:
    page = annotate(
        exemplar("a", "👩‍👧 off to the big apple, please", to="New York"),
        exemplar("b", "👍🏽 the city of light it is", to="Paris"),
        exemplar("c", "ab300cd to Lima", to="300"),
    )
    drag(page, "big", "apple")
    page.get_by_role("button", name="to New York").click()
    press(page, "Enter")
    press(page, *["ArrowRight"] * 2, *["Shift+ArrowRight"] * 3, "1", "Enter")
    page.locator(".token", has_text="ab300cd").click()
    press(page, *["Alt+Shift+ArrowRight"] * 2, *["Alt+ArrowLeft"] * 2, "Enter")
    saved(page)
    assert spans(space, "a") == {"to": "big apple"}
    assert spans(space, "b") == {"to": "the city of light"}
    assert spans(space, "c") == {"to": "300"}


def test_arrows_follow_the_direction_of_the_text(
    annotate: Callable[..., Page], space: Workspace
) -> None:
    page = annotate(exemplar("a", "أريد رحلة إلى لندن", to="London"))
    press(page, "ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowLeft", "Enter")
    saved(page)
    assert spans(space, "a") == {"to": "لندن"}


def test_a_value_is_corrected_and_a_span_added_to_what_is_resolved(
    annotate: Callable[..., Page], space: Workspace
) -> None:
    page = annotate(
        exemplar("a", "to Quito with three friends", to="Quitto City Limits"),
        exemplar("z", "five of us go to Lima", to="Lima"),
    )
    press(page, "n")
    page.keyboard.type("quito")
    press(page, "Enter")
    expect(page.get_by_role("button", name="to quito marked")).to_be_visible()
    press(page, "Enter")
    saved(page)
    assert spans(space, "a") == {"to": "Quito"}
    assert space.store.exemplar(MODULE, "a").exemplar.arguments == {"to": "quito"}
    page.goto(page.url + "&item=z")
    page.locator(".token").first.wait_for()
    assert item(page) == "z"
    press(page, "ArrowRight")
    page.get_by_role("button", name="people no value yet").click()
    press(page, "n")
    page.keyboard.type("5")
    press(page, "Enter", "Enter")
    saved(page)
    assert spans(space, "z") == {"people": "five", "to": "Lima"}
    assert space.store.exemplar(MODULE, "z").exemplar.arguments == {"people": 5, "to": "Lima"}


def test_what_isnt_saved_is_sent_after_a_kill_and_a_reload(
    annotate: Callable[..., Page], space: Workspace, server: Studio
) -> None:
    page = annotate(
        *(exemplar(f"e{n}", f"{TWICE} {n}", from_="Boston", to="Lima") for n in range(8))
    )
    server.end(signal.SIGKILL)
    press(page, *ACCEPT * 3)
    expect(page.get_by_text("3 kept on this computer")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("can't be reached")
    assert item(page) == "e3"
    server.start()
    visit(page, server)
    saved(page)
    assert item(page) == "e3"
    assert [i for i in ("e0", "e1", "e2") if spans(space, i)] == ["e0", "e1", "e2"]


def test_a_closed_tab_leaves_its_journal_to_the_next(
    annotate: Callable[..., Page], space: Workspace, server: Studio
) -> None:
    page = annotate(
        *(exemplar(f"e{n}", f"{TWICE} {n}", from_="Boston", to="Lima") for n in range(8))
    )
    server.end(signal.SIGKILL)
    press(page, *ACCEPT * 2)
    context = page.context
    page.close()
    server.start()
    other = visit(context.new_page(), server)
    expect.set_options(timeout=15_000)
    expect(other.get_by_text("2 of 8 resolved")).to_be_visible()
    assert [i for i in ("e0", "e1") if spans(space, i)] == ["e0", "e1"]


def test_a_stale_save_shows_both_versions(annotate: Callable[..., Page], space: Workspace) -> None:
    page = annotate(
        exemplar("a", TWICE, from_="Boston", to="Lima"),
        exemplar("b", "Oslo to Rome via Oslo", from_="Oslo", to="Rome"),
    )
    before = space.store.exemplar(MODULE, "a")
    theirs = before.exemplar.model_copy(
        update={
            "function": "get_weather",
            "arguments": {},
            "spans": (),
            "template": TWICE,
            "outcome": "resolved",
            "resolved_by": "annotator",
        }
    )
    space.store.decide(MODULE, theirs, who="bo", kind="placed", expected_revision=before.revision)
    press(page, *ACCEPT)
    saved(page)
    assert space.store.exemplar(MODULE, "a").exemplar.function == "get_weather"
    press(page, *ACCEPT)
    expect(page.get_by_text("bo said where its values stand at")).to_be_visible()
    expect(page.get_by_role("radio", name="As it is now: get_weather")).to_be_visible()
    expect(page.get_by_role("radio", name="Yours")).to_be_visible()
    press(page, "2")
    saved(page)
    assert spans(space, "a") == {"from": "Boston", "to": "Lima"}


def test_two_people_never_have_the_same_item(
    annotate: Callable[..., Page], browser: Browser, space: Workspace, server: Studio
) -> None:
    page = annotate(
        *(exemplar(f"e{n}", f"{TWICE} {n}", from_="Boston", to="Lima") for n in range(40))
    )
    other = visit(browser.new_context().new_page(), server)
    seen: list[str] = []
    for _ in range(5):
        seen += [item(page), item(other)]
        press(page, *ACCEPT)
        press(other, *ACCEPT)
    assert len(set(seen)) == 10
    saved(page)
    saved(other)
    other.context.close()


def test_no_key_reaches_the_studio_and_no_text_is_markup(
    annotate: Callable[..., Page], space: Workspace
) -> None:
    evil = '<img src=x onerror="document.title=1"> from Oslo to <b>Oslo</b> and **Oslo**'
    page = annotate(exemplar("a", evil, from_="Oslo"))
    runs = page.get_by_test_id("stStatusWidget")
    press(page, "r", "c")
    expect(page.get_by_role("heading", name="Comment")).to_be_visible()
    page.keyboard.type("rc <b>")
    press(page, "Enter")
    expect(page.get_by_text("rc <b>")).to_be_visible()
    expect(page.get_by_text("Clear caches")).to_have_count(0)
    expect(runs).to_have_count(0)
    assert page.locator(".utterance").inner_text().startswith('<img src=x onerror="document')
    assert page.locator(".marker img, .utterance b:not(.tag b)").count() == 0
    saved(page)
    notes = [e.note for e in space.store.history(MODULE, "a") if e.kind == "commented"]
    assert notes == ["rc <b>"]


def test_two_thousand_characters(annotate: Callable[..., Page], space: Workspace) -> None:
    long = " ".join(f"wörd{n}😀" for n in range(240)) + " to Oslo then back to Oslo please"
    page = annotate(exemplar("a", long, to="Oslo"))
    assert len(long) > 2000
    press(page, "2", "Enter")
    saved(page)
    (span,) = space.store.exemplar(MODULE, "a").exemplar.spans or ()
    assert span == Span(
        slot="to", start=long.rindex("Oslo"), end=long.rindex("Oslo") + 4, value="Oslo"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(annotate: Callable[..., Page], page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    annotate(
        exemplar("a", TWICE, from_="Boston", to="Lima"),
        exemplar("b", "a seat to Lima", to="Lima", people=3),
    )
    steps = ["ArrowRight", "Escape", "?", "Escape", "f", "Escape", "d", "Escape", "Enter", "n"]
    for key in ("", *steps):
        if key:
            press(page, key)
        found = Axe().run(page).response["violations"]
        bad = [
            (violation["id"], node["html"])
            for violation in found
            if violation["impact"] in ("serious", "critical")
            for node in violation["nodes"]
            if any(isinstance(part, list) for part in node["target"])  # in the shadow root: ours
        ]
        assert not bad, (key, bad)


def test_a_locked_database_is_a_banner_and_the_journal_keeps_the_work(
    annotate: Callable[..., Page], space: Workspace
) -> None:
    page = annotate(
        *(exemplar(f"e{n}", f"{TWICE} {n}", from_="Boston", to="Lima") for n in range(8))
    )
    lock = sqlite3.connect(space.home / "radu.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    press(page, *ACCEPT * 2)
    expect(page.get_by_role("alert")).to_contain_text("can't use its database", timeout=20_000)
    assert item(page) == "e2"
    expect(page.get_by_text("2 kept on this computer")).to_be_visible()
    lock.execute("ROLLBACK")
    lock.close()
    expect(page.get_by_text("✓ All saved")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("alert")).to_be_hidden()
    assert [i for i in ("e0", "e1") if spans(space, i)] == ["e0", "e1"]


def test_two_annotators_disagree_and_one_key_settles_it(
    annotate: Callable[..., Page], space: Workspace, browser: Browser, server: Studio
) -> None:
    set_annotators(space, MODULE, 2, who="test")
    page = annotate(exemplar("a", TWICE, from_="Boston", to="Lima"))
    press(page, *ACCEPT)
    saved(page)
    assert space.store.exemplar(MODULE, "a").exemplar.outcome == "ambiguous"
    context = browser.new_context()
    context.add_cookies([{"name": "radu_who", "value": "bo", "url": server.address}])
    other = visit(context.new_page(), server)
    press(other, "2", "Enter")
    saved(other)
    expect(other.get_by_role("radio", name="ann: book_trip")).to_be_visible()
    press(other, "1")
    saved(other)
    assert spans(space, "a") == {"from": "Boston", "to": "Lima"}
    kinds = [e.kind for e in space.store.history(MODULE, "a")]
    assert kinds[-1] == "adjudicated"
    context.close()


PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def test_on_a_phone_the_name_is_asked_for_on_the_page(space: Workspace, browser: Browser) -> None:
    space.store.put_exemplars(
        MODULE, [exemplar("a", TWICE, from_="Boston", to="Lima")], who="test", source="test"
    )
    resolve(space, MODULE, who="test")
    server = Studio(space.home, environment={"RADU_USER": ""})
    server.start()
    try:
        page = browser.new_context(**PHONE).new_page()  # type: ignore[arg-type]
        page.goto(f"{server.address}/annotate?module={MODULE}")
        page.get_by_role("textbox", name="Your name").fill("Zoë")
        page.get_by_role("button", name="Keep this name").tap()
        page.locator(".token").first.wait_for()
        page.get_by_role("radiogroup", name="Readings").get_by_role("radio").first.tap()
        page.get_by_role("button", name="Accept").tap()
        saved(page)
    finally:
        server.end()
    [event] = space.store.history(MODULE, "a")
    assert (event.who, event.kind) == ("Zoë", "placed")


@pytest.mark.parametrize(("width", "height"), [(390, 844), (844, 390), (320, 480), (1024, 300)])
def test_every_dialog_has_its_buttons_on_the_screen(
    annotate: Callable[..., Page], width: int, height: int
) -> None:
    page = annotate(exemplar("a", TWICE, from_="Boston", to="Lima"))
    page.set_viewport_size({"width": width, "height": height})
    for key, label in (
        ("?", "Close"),
        ("g", "Close"),
        ("h", "Close"),
        ("f", "Cancel"),
        ("d", "Cancel"),
        ("n", "Cancel"),
        ("c", "Cancel"),
    ):
        page.keyboard.press(key)
        button = page.locator("dialog").get_by_role("button", name=label)
        box = button.bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height, key
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width, key
        button.click()
        expect(page.locator("dialog")).to_have_count(0)


def test_a_reason_of_before_a_change_says_so(annotate: Callable[..., Page]) -> None:
    page = annotate(exemplar("a", TWICE, from_="Boston", to="Lima"))
    why = page.locator(".why")
    expect(why).to_have_text("'Boston' occurs twice; both fit from.")
    press(page, "v")
    expect(why).to_have_text("'Boston' occurs twice; both fit from.")
    press(page, "2")
    expect(why).to_have_text("Before your changes: 'Boston' occurs twice; both fit from.")
    press(page, "u")
    expect(why).to_have_text("'Boston' occurs twice; both fit from.")


def test_todays_count_goes_back_with_an_undo(annotate: Callable[..., Page]) -> None:
    page = annotate(exemplar("a", TWICE, from_="Boston", to="Lima"))
    expect(page.get_by_text("today 0, yours 0")).to_be_visible()
    for keys, said in ((ACCEPT, 1), (("u",), 0), (("Shift+U",), 1), (("u",), 0)):
        press(page, *keys)
        expect(page.get_by_text(f"today {said}, yours {said}")).to_be_visible()


def test_the_words_about_a_link_go_once_one_has_moved_on(
    annotate: Callable[..., Page], space: Workspace
) -> None:
    page = annotate(
        exemplar("a", "Oslo to Rome via Oslo", from_="Oslo", to="Rome"),
        exemplar("z", "from Boston to Lima via Boston", from_="Boston", to="Lima"),
    )
    page.goto(page.url + "&item=z")
    page.locator(".token").first.wait_for()
    assert item(page) == "z"
    expect(page.get_by_text("Starts with z from the link")).to_be_visible()
    page.get_by_text("from Boston to Lima").first.wait_for()
    press(page, "s")
    expect(page.locator(".marker")).to_have_attribute("data-item", "a")
    expect(page.get_by_text("Starts with z from the link")).to_have_count(0)
    press(page, *ACCEPT)  # keys go to the utterance still
    saved(page)
    assert spans(space, "a") == {"from": "Oslo", "to": "Rome"}


def test_enter_with_a_value_open_names_the_first_reading(annotate: Callable[..., Page]) -> None:
    page = annotate(exemplar("a", "Oslo to Rome via Oslo", from_="Oslo", to="Rome"))
    page.get_by_role("radio").first.wait_for()
    press(page, "Enter")
    hint = page.locator(".hint")
    expect(hint).to_contain_text("is open: press 1 for")
    expect(hint).to_contain_text("mark it, or press i (implied) or n (edit)")
