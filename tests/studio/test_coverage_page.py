"""The Coverage page without a browser: every tab with hostile text, errors, what is kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE
from streamlit.testing.v1 import AppTest

from radu_core.errors import ModelError
from radu_core.retrieval import RetrievalSettings
from radu_core.schema import parse_schema
from radu_core.workflows.coverage.report import measure, retrieval_settings
from radu_core.workflows.coverage.what_if import compare_retrieval, keep_description
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve
from studio.frame import jobs

ROOT = Path(__file__).resolve().parents[2]
LEAK = "![i](http://example.invalid/leak.png)"
TABS = ("Surface", "Curves", "Misses", "What if", "Compare", "Index")
HOSTILE = {
    "module": MODULE,
    "functions": [
        {"name": "__init__", "description": f"Buy *a* ticket {LEAK}"},
        {"name": "_b_", "description": ""},
    ],
}
ROWS = [
    {"id": "_a_", "utterance": f"one *Bob* {LEAK}", "function": "__init__", "split": "train"},
    {"id": "_c_", "utterance": f"two *Bob* {LEAK}", "function": "_b_", "split": "validation"},
    {"id": "_d_", "utterance": "three :red[x]", "function": "__init__", "split": "validation"},
]


@pytest.fixture
def space(workspace: Workspace, pages_use: Callable[..., Workspace]) -> Workspace:
    """A workspace that the pages use as well."""
    return pages_use(workspace)


@pytest.fixture
def hostile(space: Workspace, write_jsonl: Callable[..., Path]) -> Workspace:
    space.store.put_schema(parse_schema(HOSTILE), who="_t_")
    import_file(space, "jsonl", write_jsonl(ROWS), module=MODULE, who="_t_")
    resolve(space, MODULE, who="_t_")
    return space


def done(key: tuple[str, str], work: Callable[[], Any]) -> None:
    """A job that has ended before the page is opened."""
    found = jobs.start(key, "Measuring", lambda _: work())
    while found.state == "running":
        pass
    assert found.state == "done", found.message


def opened(tab: str = "Surface", point: tuple[int, int] | None = None) -> AppTest:
    script = f"""
import streamlit as st
from pathlib import Path
pages = [st.Page(p, title=p.stem, default=p.stem == "coverage")
         for p in sorted(Path({str(ROOT / "pages")!r}).glob("*.py"))]
st.navigation(pages).run()
"""
    at = AppTest.from_string(script, default_timeout=30)
    at.session_state["coverage tab"] = tab
    at.run()
    assert not at.exception
    if point is not None:
        at.number_input(key="coverage k_desc").set_value(point[0])
        at.number_input(key="coverage k_exemplar").set_value(point[1]).run()
        assert not at.exception
    return at


def texts(at: AppTest) -> list[str]:
    """What is read as Markdown: labels, captions, messages, helps."""
    found = []
    for element in at:
        proto = getattr(element, "proto", None)
        if element.type in ("text_area", "arrow_data_frame", "html", "code"):
            continue
        found += [
            t for f in ("body", "label", "help") if isinstance(t := getattr(proto, f, 0), str)
        ]
    return found


def bare(found: list[str]) -> list[str]:
    link = ":material/menu_book: [Docs](docs?page=how-to/coverage)"  # the page's own
    plain = [re.sub(r"\\.", "", t) for t in found if t != link]
    return [t for t in plain if re.search(r"!\[|\]\(|:red\[|\*Bob|__init|_a_|_b_", t)]


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_shows_hostile_text_as_it_is(hostile: Workspace, tab: str) -> None:
    done(("coverage", MODULE), lambda: measure(hostile, MODULE))
    own = RetrievalSettings()
    other = RetrievalSettings(dense_weight=0.1)
    done(("coverage compare", MODULE), lambda: compare_retrieval(hostile, MODULE, own, other))
    at = opened(tab, (0, 0))
    assert bare(texts(at)) == []
    assert any(m.value.startswith("**0.0 % covered**") for m in at.markdown)


def test_before_it_is_measured_the_page_says_what_to_do(hostile: Workspace) -> None:
    at = opened()
    assert "Press Measure" in at.info[0].value
    assert not at.metric
    assert at.selectbox(key="coverage split").value == "validation"


def test_a_new_session_says_what_the_result_was_measured_on(hostile: Workspace) -> None:
    done(("coverage", MODULE), lambda: measure(hostile, MODULE, split="train", target=0.9))
    at = opened()
    assert at.selectbox(key="coverage split").value == "train"
    assert at.slider(key="coverage target").value == 90
    at.selectbox(key="coverage split").set_value("test").run()  # and something else can be chosen
    assert at.selectbox(key="coverage split").value == "test"


def test_an_embedder_that_is_gone_is_a_message_with_the_settings_below(
    hostile: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise ModelError("No such model", value="gone", remedy="Choose another name.")

    with monkeypatch.context() as patched:
        patched.setattr(Workspace, "embedder", gone)
        found = jobs.start(("coverage", MODULE), "Measuring", lambda _: measure(hostile, MODULE))
        while found.state == "running":
            pass
        at = opened()
    assert "No such model" in at.error[0].value
    assert any(s.label == "Embedding model" for s in at.selectbox)


def test_a_description_is_asked_about_and_then_kept(hostile: Workspace) -> None:
    done(("coverage", MODULE), lambda: measure(hostile, MODULE))
    at = opened("What if", (1, 0))
    at.selectbox(key="coverage what function").set_value("_b_").run()
    before = hostile.store.schema(MODULE)
    at.text_area[0].input("two bob http example").run()
    assert {m.label: m.value for m in at.metric}["gained"] in ("0", "1")
    assert hostile.store.schema(MODULE) == before
    at.button(key="coverage do keep").click().run()
    assert not at.exception
    kept = hostile.store.schema(MODULE).function("_b_")
    assert kept is not None
    assert kept.description == "two bob http example"
    assert any("changed since this was measured" in w.value for w in at.warning)


def test_a_worse_description_is_kept_only_when_that_is_said(hostile: Workspace) -> None:
    keep_description(hostile, MODULE, "_b_", "one Bob", who="ann")
    done(("coverage", MODULE), lambda: measure(hostile, MODULE, split="train"))
    at = opened("What if", (1, 0))
    at.selectbox(key="coverage what function").set_value("__init__").run()
    at.text_area[0].input("").run()
    assert not [b for b in at.button if b.key == "coverage do keep"]
    assert any("description is empty" in c.value for c in at.caption)
    at.text_area[0].input("zzz").run()
    assert {m.label: m.value for m in at.metric}["lost"] == "1"
    assert at.button(key="coverage do keep").disabled
    at.checkbox[0].check().run()
    at.button(key="coverage do keep").click().run()
    kept = hostile.store.schema(MODULE).function("__init__")
    assert kept is not None
    assert kept.description == "zzz"


def test_an_exemplar_is_added_from_its_form(hostile: Workspace) -> None:
    done(("coverage", MODULE), lambda: measure(hostile, MODULE))
    at = opened("What if", (0, 1))
    at.selectbox(key="coverage what function").set_value("_b_").run()
    at.text_area[1].input("two or more\n<nope> here").run()
    assert "no slot of that name" in at.error[0].value
    at.text_area[1].input("two or more").run()
    next(b for b in at.button if b.label == "Add this exemplar").click().run()
    assert not at.exception
    [added] = [i for i in hostile.store.exemplars(MODULE) if i.exemplar.utterance == "two or more"]
    assert (added.exemplar.function, added.exemplar.split) == ("_b_", "train")
    assert "Added as" in at.success[0].value


def test_several_exemplars_are_added_at_once(hostile: Workspace) -> None:
    done(("coverage", MODULE), lambda: measure(hostile, MODULE))
    at = opened("What if", (0, 1))
    at.selectbox(key="coverage what function").set_value("_b_").run()
    at.text_area[1].input("two or more\nten or less\ntwo or more").run()
    assert not [b for b in at.button if b.label == "Add this exemplar"]
    next(b for b in at.button if b.label == "Add the ticked ones").click().run()
    assert not at.exception
    stored = {i.exemplar.utterance for i in hostile.store.exemplars(MODULE)}
    assert {"two or more", "ten or less"} <= stored
    assert at.success[0].value == "Added: 2 resolved. Not added: 0."
    assert at.text_area[1].value == ""


def test_a_long_exemplar_is_cut_below_the_field(hostile: Workspace) -> None:
    done(("coverage", MODULE), lambda: measure(hostile, MODULE))
    at = opened("What if", (0, 1))
    at.selectbox(key="coverage what function").set_value("_b_").run()
    at.text_area[1].input("long " * 2_000).run()
    assert not at.exception
    assert max(len(m.value) for m in at.markdown) < 300
    assert any("9,999 characters" in m.value.replace("\\", "") for m in at.markdown)


def test_misses_are_sent_to_annotation_and_the_report_stays(hostile: Workspace) -> None:
    done(("coverage", MODULE), lambda: measure(hostile, MODULE))
    at = opened("Misses", (0, 0))
    at.button(key="coverage do send").click().run()
    assert hostile.store.waiting(MODULE)["suspected"] == 2
    assert any("2 wait on the Annotate page" in m.value for m in at.markdown)
    assert not at.warning


def test_settings_are_kept_and_make_the_report_old(hostile: Workspace) -> None:
    done(("coverage", MODULE), lambda: measure(hostile, MODULE))
    at = opened("Index")
    next(s for s in at.slider if s.label.startswith("Weight")).set_value(0.25).run()
    at.button(key="coverage do use").click().run()
    assert not at.exception
    assert retrieval_settings(hostile, MODULE).dense_weight == 0.25
    assert "No dataset depends on it" in at.success[0].value.replace("\\", "")
    assert any("changed since" in w.value for w in at.warning)


def test_what_was_entered_stays_while_another_tab_is_open(hostile: Workspace) -> None:
    done(("coverage", MODULE), lambda: measure(hostile, MODULE))
    at = opened("What if", (1, 0))
    at.text_area[1].input("three or more").run()
    at.session_state["coverage tab"] = "Curves"
    at.run()
    assert not at.text_area
    at.session_state["coverage tab"] = "What if"
    at.run()
    assert at.text_area[1].value == "three or more"


def test_links_open_the_form_and_the_function(hostile: Workspace) -> None:
    at = AppTest.from_file(str(ROOT / "pages" / "annotate.py"), default_timeout=30)
    at.query_params.update({"module": MODULE, "add": "_b_"})
    at.run()
    assert at.selectbox(key="add function").value == "_b_"
    at = AppTest.from_file(str(ROOT / "pages" / "schema.py"), default_timeout=30)
    at.query_params.update({"module": MODULE, "function": "_b_"})
    at.run()
    assert at.session_state["schema function"] == "_b_"
