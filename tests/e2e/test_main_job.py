"""The main job in a browser: sample → annotate → coverage → prompt → LoRA → evaluation."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import make_tiny_model
from playwright.sync_api import Page, expect
from studio_process import studio

from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file, init_module
from radu_core.workflows.load.outcomes import resolve

pytestmark = pytest.mark.e2e
MINUTES = 60_000
PAGES = [
    "Home",
    "Load",
    "Schema",
    "Utterances",
    "Annotate",
    "Coverage",
    "Overlap",
    "Prompts",
    "Train",
    "Evaluate",
    "Playground",
    "Docs",
]
TRAVEL = "aurora_travel_en"


def go(page: Page, name: str) -> None:
    """To another page by its link, as a person goes."""
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def choose(page: Page, label: str, option: str) -> None:
    """An option of a select box, typed."""
    box = page.get_by_role("combobox", name=label)
    box.click()
    box.fill(option)
    box.press("Enter")


def test_the_main_job(page: Page, home: Path, tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "tiny")
    with studio(home) as address:
        page.goto(address)
        page.get_by_role("button", name="Load the sample project").click()
        heading = page.get_by_role("heading", name=TRAVEL)
        expect(heading).to_be_visible(timeout=MINUTES)
        page.get_by_role("button", name="Annotate 25").click()

        expect(page.get_by_text("323 of 348 resolved")).to_be_visible()
        page.keyboard.press("ArrowDown")  # the first reading
        page.keyboard.press("Enter")
        expect(page.get_by_text("324 of 348 resolved")).to_be_visible()

        go(page, "Coverage")
        page.get_by_role("button", name="Measure").click()
        expect(page.get_by_text(re.compile(r"[\d.]+ % covered .* tokens"))).to_be_visible(
            timeout=2 * MINUTES
        )
        page.get_by_role("button", name="Why").click()
        expect(page.get_by_text(re.compile("95 % interval: "))).to_be_visible()
        page.keyboard.press("Escape")

        go(page, "Prompts")
        expect(page.get_by_text("Which function does the user want?")).to_be_visible()
        expect(page.get_by_text("The right function is in the prompt.")).to_be_visible()

        go(page, "Train")
        page.get_by_role("button", name="Build").click()
        expect(page.get_by_text(re.compile(r"default · rows: \d+ train"))).to_be_visible(
            timeout=MINUTES
        )
        page.get_by_role("radio", name="2 Launch").click()
        choose(page, "Base model", str(model))
        page.get_by_text("Expert", exact=True).click()
        page.get_by_role("spinbutton", name="Step limit").fill("3")
        page.get_by_role("spinbutton", name="Longest row in tokens (max_length)").fill("1024")
        page.get_by_role("button", name="Launch").click()
        expect(page.get_by_text("has started")).to_be_visible(timeout=MINUTES)
        page.get_by_role("radio", name="3 Runs").click()
        expect(page.get_by_text("step 3 of 3").first).to_be_visible(timeout=2 * MINUTES)
        finished = page.get_by_text("finished", exact=True)  # in the list, and above the curve
        expect(finished).to_have_count(2, timeout=MINUTES)

        go(page, "Evaluate")
        page.get_by_role("spinbutton", name="Row limit").fill("6")
        page.get_by_role("button", name="Evaluate", exact=True).click()
        expect(page.get_by_text("6 utterances of test, measured")).to_be_visible(
            timeout=2 * MINUTES
        )
        expect(
            page.get_by_text(re.compile("No clear difference|Better than every|Worse than a")).first
        ).to_be_visible()
        page.get_by_role("radio", name="Errors").click()
        page.get_by_role("button", name=re.compile(r"Send \d errors to annotation")).click()
        expect(page.get_by_text("wait on the Annotate page")).to_be_visible()

        page.get_by_role("link", name="Look at them").click()
        expect(page.get_by_text(re.compile("the model said"))).to_be_visible()
        expect(page.get_by_role("combobox", name="Queue")).to_have_value("Errors in evaluation")
        assert page.get_by_test_id("stException").count() == 0


def test_every_page_says_what_to_do_when_there_is_nothing(
    page: Page, home: Path, tmp_path: Path
) -> None:
    """Deep links on a fresh server, where Streamlit runs a page without app.py at first.

    Then somebody's own schema and table, with a row that is wrong.
    """
    with studio(home) as address:
        names = ("annotate", "coverage", "overlap", "prompts", "train", "evaluate", "playground")
        for name in (*names, "schema"):
            page.goto(f"{address}/{name}")
            expect(page.get_by_text("There is no module yet")).to_be_visible()
            expect(page.get_by_test_id("stSidebar").get_by_text("ann", exact=True)).to_be_visible()
            links = page.get_by_test_id("stSidebarNav").get_by_role("link")
            expect(links).to_have_text([re.compile(n) for n in PAGES])
        page.goto(f"{address}/load")
        expect(page.get_by_text("Create a module first.")).to_be_visible()
        page.get_by_role("textbox", name="Module id").fill("../evil_x_en")
        page.get_by_role("button", name="Create").click()
        expect(page.get_by_text("No schema was chosen")).to_be_visible()
        schema = tmp_path / "schema.json"
        schema.write_text('{"functions": [{"name": "greet", "description": "Say hello"}]}')
        page.get_by_role("textbox", name="Module id").fill("acme_hello_en")
        page.get_by_test_id("stFileUploader").locator("input").set_input_files(schema)
        expect(page.get_by_text("schema.json")).to_be_visible()
        page.get_by_role("button", name="Create").click()
        expect(page.get_by_text("acme_hello_en has 1 function")).to_be_visible()
        table = tmp_path / "table.csv"
        table.write_text("utterance,function\nhi,greet\nhello there,greet\nhm,wave\n")
        page.get_by_test_id("stFileUploader").last.locator("input").set_input_files(table)
        page.get_by_role("button", name="Import", exact=True).click()
        expect(page.get_by_text("3 rows = 2 accepted + 1 rejected")).to_be_visible()
        page.get_by_text("Keep the good rows if others are rejected", exact=True).click()
        page.get_by_role("button", name="Import", exact=True).click()
        expect(page.get_by_text("2 of 2 utterances are resolved")).to_be_visible()


def test_hostile_text_is_shown_as_it_is_and_asks_nobody(
    page: Page, home: Path, tmp_path: Path
) -> None:
    """What Streamlit makes of Markdown, in the real thing: every text must read as it was typed."""
    text = (
        "![i](http://example.invalid/leak.png) *Bob* <org>_<bot>_<lang> :red[no] :material_home: "
        ":material/home: :smile: $46 and $50 a -> b `c` ~~d~~ &amp; # e"
    )
    schema = {"functions": [{"name": "__init__", "description": text, "slots": [{"name": "_s_"}]}]}
    (tmp_path / "s.json").write_text(json.dumps(schema))
    row = {"id": "*1*", "utterance": text, "function": "__init__", "arguments": {"_s_": "nope"}}
    (tmp_path / "r.jsonl").write_text(json.dumps(row) + "\n")
    space = Workspace(home)
    init_module(space, "acme_hostile_en", tmp_path / "s.json", who="_ann_")
    import_file(space, "jsonl", tmp_path / "r.jsonl", module="acme_hostile_en", who="_ann_")
    resolve(space, "acme_hostile_en", who="_ann_")
    space.store.flag("acme_hostile_en", {"*1*": text}, who="_ann_")
    space.store.close()
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url) if "127.0.0.1" not in r.url else None)
    with studio(home) as address:
        page.goto(f"{address}/annotate")
        expect(page.get_by_text(f"⚑ {text}")).to_be_visible()
        expect(page.locator(".utterance")).to_have_text(text)
        expect(page.get_by_text("__init__", exact=True).first).to_be_visible()
        page.keyboard.press("k")  # the flag goes; its value still isn't in the text
        expect(page.get_by_text(f"⚑ {text}")).to_have_count(0)
        expect(page.locator(".utterance")).to_have_text(text)
        page.goto(f"{address}/schema")
        table = page.get_by_role("table")
        expect(table).to_contain_text("*Bob*")
        assert text in table.inner_text()
    assert asked == []


def test_a_broken_database_is_a_message_not_a_traceback(page: Page, home: Path) -> None:
    (home / "radu.db").write_text("this is not a database, whatever its name may say " * 20)
    with studio(home) as address:
        page.goto(address)
        expect(page.get_by_test_id("stAlert")).to_be_visible()
        assert "Traceback" not in page.content()
        assert page.get_by_test_id("stException").count() == 0
