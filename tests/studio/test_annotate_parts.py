"""The parts of the Annotate page that aren't the component: bulk, guidelines, agreement, add."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from conftest import MODULE, ROWS, SCHEMA
from deciding import decide
from streamlit.testing.v1 import AppTest

from radu_core.schema import parse_schema
from radu_core.workflows.annotate import bulk as workflow
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.schema.guidelines import guidelines, set_guidelines
from studio.frame.markdown import without_images

ROOT = Path(__file__).resolve().parents[2]
LEAK = "![i](http://example.invalid/leak.png)"
HARD: list[dict[str, Any]] = [
    {
        "id": f"b{n}",
        "utterance": f"{city}, I mean fly me to {city} please",
        "function": "book_flight",
        "arguments": {"destination": city},
    }
    for n, city in enumerate(("Oslo", "Rome", "Bonn"))
]


@pytest.fixture
def space(
    loaded: Workspace, monkeypatch: pytest.MonkeyPatch, write_jsonl: Callable[..., Path]
) -> Workspace:
    monkeypatch.setenv("RADU_HOME", str(loaded.home))
    monkeypatch.setenv("RADU_USER", "ann")
    monkeypatch.delenv("RADU_DATABASE_URL", raising=False)
    import_file(loaded, "jsonl", write_jsonl([*ROWS, *HARD], "h.jsonl"), module=MODULE, who="t")
    resolve(loaded, MODULE, who="t")
    st.cache_resource.clear()
    return loaded


def part(name: str, arguments: str = "") -> AppTest:
    """One part on a page of its own."""
    functions = {"guidelines": "edit_guidelines", "bulk": "show_bulk", "add": "show_add_form"}
    function = functions.get(name, name)
    script = f"""
import streamlit as st
from pathlib import Path
from studio.annotate.{name} import {function}
from studio.frame.page import page
def alone():
    with page("Annotate", "x") as here:
        {function}(here{arguments})
others = [st.Page(p) for p in sorted(Path({str(ROOT / "pages")!r}).glob("*.py"))]
st.navigation([st.Page(alone, default=True), *others]).run()
"""
    at = AppTest.from_string(script, default_timeout=30).run()
    assert not at.exception
    return at


def button(at: AppTest, label: str) -> Any:
    return next(b for b in at.button if b.label == label)


def words(at: AppTest) -> str:
    texts = [
        e.value for e in (*at.markdown, *at.caption, *at.success, *at.warning, *at.error, *at.info)
    ]
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", "\n".join(texts))


# Bulk


def test_bulk_previews_accepts_and_takes_back(space: Workspace) -> None:
    at = part("bulk")
    at.slider(key="bulk from").set_value(50).run()
    [table] = at.dataframe
    shown = list(table.value["id"])
    assert set(shown) >= {"b0", "b1", "b2"}
    assert "book_flight" in words(at)
    assert re.search(rf"{len(shown)} readings, of which about \d+\.\d will be wrong", words(at))
    button(at, f"Accept {len(shown)}").click().run()
    assert f"{len(shown)} accepted." in words(at)
    done = space.store.exemplar(MODULE, "b0").exemplar
    assert (done.outcome, done.resolved_by) == ("resolved", "suggestion")
    assert "No reading has this confidence" in words(at)
    decide(space, "discard", "b1", who="bob", reason="x")
    button(at, f"Undo all {len(shown)}").click().run()
    assert f"{len(shown) - 1} are as they were before." in words(at)
    assert "1 kept:\n- b1: decided again since" in words(at)
    assert space.store.exemplar(MODULE, "b0").exemplar.outcome == "ambiguous"


def test_bulk_accepts_what_was_shown_and_lists_the_rest(space: Workspace) -> None:
    at = part("bulk")
    at.slider(key="bulk from").set_value(50).run()
    number = len(at.dataframe[0].value)
    decide(space, "discard", "b1", who="bob", reason="x")
    button(at, f"Accept {number}").click().run()
    assert f"{number - 1} accepted." in words(at)
    assert "1 unchanged:\n- b1: It was changed in the meantime." in words(at)


def test_bulk_opens_on_a_queue_that_holds_something(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = part("bulk")
    assert at.button_group(key="bulk queue").value == "ambiguous"
    at.slider(key="bulk from").set_value(50).run()
    assert at.button_group(key="bulk queue").options == ["Ambiguous (4)", "Unlocated (0)"]
    right = workflow.preview

    def other(*given: Any, from_: float, queue: str) -> workflow.Preview:
        return right(*given, from_=0.5, queue="ambiguous" if queue == "unlocated" else "unlocated")

    monkeypatch.setattr(workflow, "preview", other)
    at = part("bulk")
    assert at.button_group(key="bulk queue").value == "unlocated"
    assert len(at.dataframe[0].value) == 4
    at.button_group(key="bulk queue").set_value("ambiguous").run()
    assert "No reading here has this confidence. “Unlocated” has some" in words(at)


def test_bulk_says_when_there_is_nothing_or_it_must_not(space: Workspace) -> None:
    at = part("bulk")
    at.slider(key="bulk from").set_value(100).run()
    assert "No reading has this confidence" in words(at)
    space.store.change_settings(MODULE, {"annotators": 2}, who="t")
    at.run()
    assert "2 people decide about each" in words(at)
    assert not [b for b in at.button if b.label.startswith("Accept")]


# Guidelines


@pytest.mark.parametrize(
    "text",
    [
        LEAK,
        f"\\{LEAK}",
        f"\\\\{LEAK}",
        f"!{LEAK}",
        f"[x{LEAK}](y)",
        "![a][b]\n\n[b]: http://x/i.png",
    ],
)
def test_markdown_of_people_has_no_image_left(text: str) -> None:
    assert "![" not in without_images(text)
    assert without_images(text).replace("\u2060", "") == text


def test_guidelines_are_written_beside_their_preview(space: Workspace) -> None:
    at = part("guidelines")
    assert "There are no guidelines yet" in words(at)
    button(at, "Write guidelines").click().run()
    text = f"# Doubt\n\n*Ask.* {LEAK}"
    at.text_area[0].input(text).run()
    preview = at.markdown[-1].value
    assert preview == without_images(text)
    assert guidelines(space, MODULE) == ""
    button(at, "Save guidelines").click().run()
    assert guidelines(space, MODULE) == text
    assert at.markdown[-1].value == without_images(text)
    assert not at.text_area
    button(at, "Change guidelines").click().run()
    at.text_area[0].input("other").run()
    button(at, "Cancel").click().run()
    assert guidelines(space, MODULE) == text


def test_guidelines_that_somebody_else_changed_are_not_overwritten(space: Workspace) -> None:
    at = part("guidelines")
    button(at, "Write guidelines").click().run()
    set_guidelines(space, MODULE, "theirs", before="", who="bob")
    at.text_area[0].input("mine").run()
    button(at, "Save guidelines").click().run()
    assert "The guidelines were changed" in words(at)
    assert guidelines(space, MODULE) == "theirs"
    assert at.text_area[0].value == "mine"


def test_guidelines_leave_other_settings_alone(space: Workspace) -> None:
    space.store.change_settings(MODULE, {"accept_from": 0.9}, who="t")
    set_guidelines(space, MODULE, " a ", before="", who="t")
    assert space.store.settings(MODULE) == {"accept_from": 0.9, "guidelines": "a"}


# Agreement

OPINIONS = """{
    "_a/1_": {"*ann*": said("f00", "Oslo"), "bob": said("f00", "Rome")},
    "f01": {"*ann*": said("f01", "Rome"), "bob": said("f01", "Rome")},
}"""
SAID = """
from radu_core.exemplars import AnnotatedExemplar
def said(id, city):
    return AnnotatedExemplar(id=id, utterance=f"fly to {city}", function="book_flight",
                             arguments={"destination": city})
"""


def test_agreement_has_figures_pairs_and_links(space: Workspace) -> None:
    at = agreement_part(OPINIONS)
    assert [(m.label, m.value) for m in at.metric] == [
        ("utterances compared", "2"),
        ("span F1", "–"),
        ("agreement on functions (α)", "–"),
    ]
    pairs, rows = (t.value for t in at.dataframe)
    assert pairs.to_dict("records") == [
        {
            "annotator": "*ann*",
            "and": "bob",
            "utterances": 2,
            "span F1": "–",
            "agreement on functions (κ)": "–",
            "disagree on": 1,
        }
    ]
    [row] = rows.to_dict("records")
    assert (row["about"], row["slot"], row["says"], row["says instead"]) == (
        "values",
        "destination",
        '"Oslo"',
        '"Rome"',
    )
    assert row["open"] == f"annotate?module={MODULE}&item=_a%2F1_"


def test_fewer_annotators_decide_what_has_opinions_enough(space: Workspace) -> None:
    space.store.change_settings(MODULE, {"annotators": 2}, who="t")
    decide(space, "discard", "b0", who="bob", reason="x")
    at = part("agreement")
    at.number_input(key=f"annotators {MODULE}").set_value(1).run()
    assert [t.value for t in at.toast] == [
        "One person is now asked about each utterance. Existing opinions: 1 decided."
    ]
    assert space.store.exemplar(MODULE, "b0").exemplar.reason == "Discarded by bob: x"
    at.number_input(key=f"annotators {MODULE}").set_value(3).run()
    assert at.toast[0].value == "3 people are now asked about each utterance."


def test_agreement_says_what_it_needs(space: Workspace) -> None:
    at = agreement_part("{}")
    assert "No utterance has the opinion of two people yet" in words(at)
    assert not at.metric


def agreement_part(opinions: str) -> AppTest:
    script = f"""
import streamlit as st
{SAID}
from radu_core.agreement import agreement
from studio.annotate.agreement import figures
from studio.frame.page import page
with page("Annotate", "x") as here:
    figures(here, agreement({opinions}))
"""
    at = AppTest.from_string(script, default_timeout=30).run()
    assert not at.exception
    return at


# Add


def fill(at: AppTest, function: str, utterance: str, **values: str) -> AppTest:
    at.selectbox(key="add function").set_value(function).run()
    at.text_area[0].input(utterance)
    for name, value in values.items():
        next(t for t in at.text_input if t.label.replace("\\", "") == name).input(value)
    return button(at, "Add").click().run()


def added(space: Workspace) -> list[Any]:
    return [i for i in space.store.exemplars(MODULE) if i.exemplar.id.startswith("added-")]


def test_an_utterance_is_added_aligned_and_found_again(space: Workspace) -> None:
    at = fill(
        part("add"),
        "book_flight",
        " fly us to Tirana, 2 of us\n",
        destination="Tirana",
        passengers="2",
    )
    [item] = added(space)
    exemplar = item.exemplar
    assert (exemplar.utterance, exemplar.arguments) == (
        "fly us to Tirana, 2 of us",
        {"destination": "Tirana", "passengers": 2},
    )
    assert (exemplar.outcome, exemplar.resolved_by, exemplar.split) == (
        "resolved",
        "annotator",
        "train",
    )
    assert exemplar.template == "fly us to <destination>, <passengers> of us"
    assert [e.kind for e in space.store.history(MODULE, exemplar.id)] == ["added"]
    assert "Added, and resolved" in words(at)
    [link] = at.get("page_link")
    assert link.proto.query_string == f"module={MODULE}&item={exemplar.id}"
    assert at.text_area[0].value == ""
    resolve(space, MODULE, who="t")
    assert space.store.exemplar(MODULE, exemplar.id).exemplar == exemplar


def test_an_added_one_that_is_not_clear_waits_with_its_readings(space: Workspace) -> None:
    at = fill(part("add"), "book_flight", "Tirana, yes, Tirana", destination="Tirana")
    [item] = added(space)
    assert (item.exemplar.outcome, len(item.readings)) == ("ambiguous", 2)
    assert "Added, and ambiguous" in words(at)
    assert item.queue == "ambiguous"


def test_the_same_is_not_added_twice(space: Workspace) -> None:
    at = fill(part("add"), "out of scope", "sing me a song")
    at = fill(at, "out of scope", "sing me a song")
    assert "was added with these labels before" in words(at)
    assert len(added(space)) == 1
    assert at.text_area[0].value == "sing me a song"
    assert added(space)[0].exemplar.function is None


@pytest.mark.parametrize(
    ("utterance", "passengers", "message"),
    [
        ("", "2", "An utterance has 1 to"),
        ("fly " * 3_000, "2", "An utterance has 1 to 10,000 characters"),
        ("fly two", "two", "takes"),
    ],
)
def test_what_does_not_fit_is_said_and_kept(
    space: Workspace, utterance: str, passengers: str, message: str
) -> None:
    at = fill(part("add"), "book_flight", utterance, passengers=passengers)
    assert message in words(at)
    assert added(space) == []
    assert at.text_area[0].value == utterance


def test_every_kind_of_slot_has_its_field(space: Workspace) -> None:
    schema = json.loads(json.dumps(SCHEMA))
    schema["functions"][1]["slots"] += [
        {"name": "stars", "type": "integer", "possible_values": [3, 4]},
        {"name": "_quiet_", "type": "boolean", "required": True},
        {"name": "price", "type": "number"},
    ]
    space.store.put_schema(parse_schema(schema), who="t")
    at = part("add")
    at.selectbox(key="add function").set_value("book_hotel").run()
    at.text_area[0].input("a quiet 4 star hotel in Paris for 80.5 with sauna and pool")
    key = "add 0 book_hotel"
    at.selectbox(key=f"{key} stars").set_value("4")
    at.selectbox(key=f"{key} _quiet_").set_value("true")
    at.text_input(key=f"{key} price").input("80.5")
    at.text_input(key=f"{key} city").input("Paris")
    at.multiselect(key=f"{key} extras").set_value(["sauna", "pool"])
    button(at, "Add").click().run()
    [item] = added(space)
    assert item.exemplar.arguments == {
        "stars": 4,
        "_quiet_": True,
        "price": 80.5,
        "city": "Paris",
        "extras": ["sauna", "pool"],
    }
