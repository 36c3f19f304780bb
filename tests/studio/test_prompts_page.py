"""The Prompts page without a browser: links, searches, the template editor and its errors."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE
from streamlit.testing.v1 import AppTest

from radu_core.prompts import shipped_templates
from radu_core.workflows.coverage.prompt_tokens import BASE
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.prompts import preview as prompts
from radu_core.workflows.prompts.templates import save_template, template
from studio.prompts import html as prompt_html

PAGE = Path(__file__).resolve().parents[2] / "pages" / "prompts.py"


@pytest.fixture
def space(loaded: Workspace, pages_use: Callable[..., Workspace]) -> Workspace:
    """A workspace that the pages use as well."""
    return pages_use(loaded)


@pytest.fixture
def tokenized(space: Workspace, tiny_model: Path) -> Workspace:
    target = space.models / BASE
    shutil.copytree(tiny_model, target)
    record = {"name": BASE, "source": "t", "licence": "t"}
    (target / "radu-model.json").write_text(json.dumps(record))
    return space


def opened(**address: str) -> AppTest:
    at = AppTest.from_file(str(PAGE), default_timeout=30)
    at.query_params.update(address)
    return at.run()


def htmls(at: AppTest) -> str:
    return "\n".join(e.proto.body for e in at.main if e.type == "html")


def button(at: AppTest, label: str) -> Any:
    return next(b for b in at.button if b.label == label)


def test_templates_are_tried_on_the_pinned_examples(space: Workspace) -> None:
    at = opened(module=MODULE)
    at.segmented_control(key="prompts tab").set_value("Templates").run()
    assert not at.exception
    assert [e.value for e in at.error] == []
    at.selectbox(key="prompt chat").select("auto").run()
    assert [e.value for e in at.error] == []


def test_a_link_opens_a_prompt_and_the_address_follows_the_widgets(space: Workspace) -> None:
    at = opened(module=MODULE, exemplar="h01", strategy="all")
    assert not at.exception
    assert at.session_state["prompt exemplar"] == "h01"
    assert at.session_state["prompt strategy"] == "all"
    at.selectbox(key="prompt exemplar").select("f00").run()
    assert at.query_params["exemplar"] == "f00"
    at.query_params["exemplar"] = "n00"  # another link to the same page
    at.query_params["strategy"] = "rag"
    at.run()
    assert at.session_state["prompt exemplar"] == "n00"
    assert "tell me a joke" in htmls(at)


def test_what_is_right_about_a_prompt_is_said_for_its_strategy(space: Workspace) -> None:
    at = opened(module=MODULE, exemplar="f00", strategy="rag")
    assert [s.value for s in at.success] == ["The right function is in the prompt."]
    at = opened(module=MODULE, exemplar="f00", strategy="knn")
    assert [s.value for s in at.success] == [
        "An exemplar of the right function is among those that the model is asked about."
    ]


def test_a_link_to_what_is_not_there_says_so(space: Workspace) -> None:
    at = opened(module=MODULE, exemplar="*nope*", strategy="dance")
    told = at.warning[0].value
    assert f"{MODULE} has no exemplar *nope*. Choose one under" in told.replace("\\", "")
    assert "There is no strategy dance here" in told
    assert "\\*nope\\*" in told
    assert at.session_state["prompt strategy"] == "rag"


def test_a_search_offers_what_it_finds_and_shows_the_first(space: Workspace) -> None:
    at = opened(module=MODULE)
    at.text_input(key="prompt search").input("hotel paris").run()
    assert not at.exception
    assert at.session_state["prompt exemplar"] == "h00"
    assert len(at.selectbox(key="prompt exemplar").options) == 3
    at.text_input(key="prompt search").input("no such words").run()
    assert [i.value for i in at.info] == [
        "No utterance has all of these words.",
        "Type an utterance, or choose a loaded one.",
    ]


def test_without_the_base_model_the_text_is_shown_and_the_remedy_told(space: Workspace) -> None:
    at = opened(module=MODULE, exemplar="f00")
    assert any("models fetch" in w.value.replace("\\", "") for w in at.warning)
    assert "fly me to Oslo please" in htmls(at)


def test_tokens_are_shown_with_their_ids_and_what_is_learnt(tokenized: Workspace) -> None:
    at = opened(module=MODULE, exemplar="f00")
    at.segmented_control(key="prompt view").set_value("Tokens").run()
    assert not at.exception
    shown = htmls(at)
    assert shown.count("cell special learnt") + shown.count("special learnt") >= 1
    assert "&lt;|end|&gt;" in shown
    assert "completion, learnt" in shown
    assert "of 512 tokens" in shown


def test_a_typed_utterance_is_previewed_with_context(tokenized: Workspace) -> None:
    at = opened(module=MODULE, strategy="yes_no")
    at.segmented_control(key="prompt source").set_value("Any utterance").run()
    assert at.info[0].value == "Type an utterance, or choose a loaded one."
    at.text_area(key="prompt text").input("sure <b>👩‍👩‍👧</b>").run()
    assert "Type an answer" in at.info[-1].value
    at.selectbox(key=f"prompt context {MODULE}").select("book_flight.refundable").run()
    assert not at.exception
    assert "sure &lt;b&gt;👩‍👩‍👧&lt;/b&gt;" in htmls(at)
    assert "exemplar" not in at.query_params


def editing(name: str = "rag") -> AppTest:
    """The editor alone."""
    script = f"""
import streamlit as st
from studio.frame.page import Page
from studio.frame.spaces import workspace
from studio.prompts.template_editor import editor
st.session_state.setdefault("template name", {name!r})
editor(Page(workspace(), {MODULE!r}, "ann"), {{"k_desc": 3, "k_exemplar": 2}})
"""
    return AppTest.from_string(script, default_timeout=30).run()


def source(at: AppTest) -> Any:
    return at.text_area[0]


def test_an_edit_is_shown_checked_saved_and_taken_back(space: Workspace) -> None:
    at = editing()
    assert not at.exception
    assert source(at).value == shipped_templates()["rag"]
    assert button(at, "Save as a new version").disabled
    edited = shipped_templates()["rag"].replace("Which function", "What function")
    source(at).input(edited).run()
    assert "What function" in htmls(at)
    assert "Which function" in htmls(at)  # beside it, as it was
    button(at, "Save as a new version").click().run()
    assert template(space, MODULE, "rag").text == edited
    assert at.success[0].value == "Version 1 of rag is saved for the module\\."
    assert source(at).value == edited
    button(at, "Back to the shipped version").click().run()
    assert template(space, MODULE, "rag").number == 2
    assert source(at).value == shipped_templates()["rag"]


def test_an_error_says_its_line_keeps_the_edit_and_bars_saving(space: Workspace) -> None:
    at = editing()
    wrong = "{{ utterance }}\n{{ utterance.__class__ }}\n"
    source(at).input(wrong).run()
    assert not at.exception
    assert "line 2" in at.error[0].value
    assert at.code[0].value == "2: {{ utterance.__class__ }}"
    assert button(at, "Save as a new version").disabled
    assert source(at).value == wrong
    assert "Which function" in htmls(at)  # the examples with the version in use
    at.selectbox(key="template name").select("knn").run()
    assert source(at).value == shipped_templates()["knn"]
    at.selectbox(key="template name").select("rag").run()
    assert source(at).value == wrong  # an edit isn't lost while another template is looked at
    button(at, "Discard the edit").click().run()
    assert source(at).value == shipped_templates()["rag"]


def test_an_edit_that_fails_on_examples_says_so_once_and_bars_saving(space: Workspace) -> None:
    at = editing()
    text = shipped_templates()["rag"]
    source(at).input(text + "\n{% if 'trial' not in utterance %}{{ 1 / 0 }}{% endif %}").run()
    assert not at.exception
    (told,) = [e.value.replace("\\", "") for e in at.error]
    assert told.startswith("Can't be rendered on 3 of 3 pinned examples")
    assert f"line {text.count(chr(10)) + 2}" in told
    assert [i.value for i in at.info] == []
    assert button(at, "Save as a new version").disabled


def test_an_edit_that_gives_the_answer_away_is_saved_only_when_agreed(space: Workspace) -> None:
    at = editing()
    leaking = shipped_templates()["rag"] + "\nbook_flight"
    source(at).input(leaking).run()
    assert not at.exception
    told = [e.value.replace("\\", "") for e in at.error]
    assert told[0].startswith("The edit makes 1 of 3 pinned examples wrong: answer leaked.")
    assert "**Answer leaked.** The completion, book_flight, is in" in told[1]
    assert button(at, "Save as a new version").disabled
    at.checkbox[0].check().run()
    assert not button(at, "Save as a new version").disabled
    source(at).input(leaking + "!").run()  # agreed to that text, not to another
    assert button(at, "Save as a new version").disabled
    at.checkbox[0].check().run()
    button(at, "Save as a new version").click().run()
    assert template(space, MODULE, "rag").text == leaking + "!"
    assert not at.checkbox


def test_a_version_in_use_that_is_wrong_is_told_once_and_can_be_left(space: Workspace) -> None:
    """Saved before templates were tried on the largest prompt."""
    loops = "{% for e in exemplars %}" * 8 + "x" * 32 + "{% endfor %}" * 8
    space.store.put_template(MODULE, "rag", "{{ utterance }}\n" + loops, who="bob")
    at = editing()
    assert not at.exception
    (told,) = at.error
    assert "line 2" in told.value
    button(at, "Back to the shipped version").click().run()
    assert not at.error
    assert template(space, MODULE, "rag").text == shipped_templates()["rag"]


def test_an_edit_survives_that_somebody_else_saved(space: Workspace) -> None:
    at = editing()
    mine = shipped_templates()["rag"].replace("Which", "What")
    source(at).input(mine).run()
    save_template(space, MODULE, "rag", "{{ utterance }} bob", who="bob")
    button(at, "Save as a new version").click().run()
    assert "bob saved version 1 of rag meanwhile" in at.error[0].value.replace("\\", "")
    assert source(at).value == mine
    assert template(space, MODULE, "rag").number == 1


def test_old_versions_are_listed_and_used_again(space: Workspace) -> None:
    save_template(space, MODULE, "rag", "{{ utterance }} one", who="*bob*")
    save_template(space, MODULE, "rag", "{{ utterance }} two", who="ann")
    at = editing()
    at.segmented_control(key="template shown").set_value("Versions").run()
    assert [e.label.replace("\\", "").split(" · ")[0] for e in at.expander] == [
        "Version 2",
        "Version 1",
        "Version 0",
    ]
    at.button(key="restore rag 1").click().run()
    assert template(space, MODULE, "rag").text == "{{ utterance }} one"
    at.segmented_control(key="template shown").set_value("Against shipped").run()
    assert "+{{ utterance }} one" in at.code[0].value


def test_examples_are_pinned_and_taken_off(space: Workspace) -> None:
    at = opened(module=MODULE, exemplar="h01")
    button(at, "Pin for templates").click().run()
    assert space.store.settings(MODULE)["pinned_examples"] == ["h01"]
    at = editing()
    assert "a hotel bed in New York" in htmls(at)
    at.text_input(key="pin search").input("joke").run()
    at.button(key="pin n00").click().run()
    assert space.store.settings(MODULE)["pinned_examples"] == ["h01", "n00"]
    at.button(key="unpin h01").click().run()
    assert space.store.settings(MODULE)["pinned_examples"] == ["n00"]


def test_every_part_and_token_is_escaped(tokenized: Workspace) -> None:
    hostile = '<img src=x onerror="alert(1)">'
    shown = prompts.preview(tokenized, MODULE, strategy="rag", text=hostile)
    for html in (
        prompt_html.text_view(shown.rows[0].row, shown.rows[0].tokens),
        prompt_html.token_view(shown.rows[0].tokens),  # type: ignore[arg-type]
        prompt_html.size_bar(shown.rows[0], 512),
    ):
        assert "<img" not in html


def test_links_carry_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    from studio.frame import navigation

    asked: list[Any] = []
    monkeypatch.setattr(navigation, "link", lambda *a, **k: asked.append((a, k)))
    navigation.link_to_prompt(MODULE, "h01", "Its prompt", strategy="all")
    query = {"module": MODULE, "exemplar": "h01", "strategy": "all"}
    assert asked == [(("prompts", "Its prompt"), query)]


def test_a_right_function_that_isnt_retrieved_is_said_once(space: Workspace) -> None:
    at = opened(module=MODULE)
    at.segmented_control(key="prompt source").set_value("Any utterance").run()
    at.number_input(key="prompt k_desc").set_value(0).run()
    at.number_input(key="prompt k_exemplar").set_value(1).run()
    at.text_area(key="prompt text").input("fly to Boston").run()
    at.selectbox(key=f"prompt function {MODULE}").select("book_hotel").run()
    assert not at.exception
    shown = [e.value for e in (*at.error, *at.warning, *at.info, *at.success)]
    [told] = [text for text in shown if "right function" in text]
    assert "book" in told
    assert "Retrieve more" in told
