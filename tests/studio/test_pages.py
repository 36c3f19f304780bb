"""The pages, run without a browser: hostile text, an existing module, tabs that fail alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from app_testing import run_until
from conftest import MODULE, SCHEMA
from streamlit.testing.v1 import AppTest

from radu_core.prompts import TemplateSet
from radu_core.schema import parse_schema
from radu_core.workflows.annotate.token import read_token
from radu_core.workflows.coverage.judgements import judged_pairs
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.schema.module import save_schema, view

ROOT = Path(__file__).resolve().parents[2]
LEAK = "![i](http://example.invalid/leak.png)"
FUNCTION = "__init__"
PLACE = "*Bob* #1 :red[x]"
UTTERANCE = f"from {PLACE} <org>_<bot> and {PLACE} {LEAK}"
HOSTILE_SCHEMA = {
    "module": MODULE,
    "functions": [
        {
            "name": FUNCTION,
            "description": f"Buy *a* ticket {LEAK}",
            "slots": [{"name": "_to_", "description": LEAK}, {"name": "_at_"}],
        },
        *SCHEMA["functions"][:1],
    ],
}
HOSTILE_ROWS = [
    {"id": "_a_", "utterance": UTTERANCE, "function": FUNCTION, "arguments": {"_to_": PLACE}},
    {
        "id": "_b_",
        "utterance": f"go {LEAK}",
        "function": FUNCTION,
        "arguments": {"_at_": LEAK},
        "context": f"{FUNCTION}._at_",
    },
]


@pytest.fixture
def space(workspace: Workspace, pages_use: Callable[..., Workspace]) -> Workspace:
    """A workspace that the pages use as well."""
    return pages_use(workspace, who="*ann*")


@pytest.fixture
def hostile(space: Workspace, write_jsonl: Callable[..., Path]) -> Workspace:
    space.store.put_schema(parse_schema(HOSTILE_SCHEMA), who="_t_")
    import_file(space, "jsonl", write_jsonl(HOSTILE_ROWS), module=MODULE, who="_t_")
    resolve(space, MODULE, who="_t_")
    space.store.flag(MODULE, {"_a_": f"the model said {LEAK}"}, who="_t_")
    return space


def opened(name: str) -> AppTest:
    """A page as a session opens it, navigation included."""
    script = f"""
import streamlit as st
from pathlib import Path
pages = [st.Page(p, title=p.stem, default=p.stem == "{name}")
         for p in sorted(Path({str(ROOT / "pages")!r}).glob("*.py"))]
st.navigation(pages).run()
"""
    return AppTest.from_string(script, default_timeout=30).run()


# Fields of elements that the browser reads as Markdown. The options of select boxes, code, tables,
# JSON and text areas are shown as they are.
_FIELDS = ("body", "label", "help", "text")
_COLLAPSED = 2
_AS_IS = ("code", "json", "arrow_data_frame", "html", "text_area")


def markdown(at: AppTest) -> list[str]:
    """Everything on a page that is read as Markdown."""
    found: list[str] = []

    def walk(node: Any) -> None:
        proto = getattr(node, "proto", None)
        if proto is not None and getattr(node, "type", "") not in _AS_IS:
            inner = [proto, *(getattr(proto, n, None) for n in ("expandable", "popover", "tab"))]
            hidden = getattr(getattr(proto, "label_visibility", None), "value", 0) == _COLLAPSED
            for part in inner if not hidden else ():
                found.extend(
                    text for f in _FIELDS if isinstance(text := getattr(part, f, None), str)
                )
        for child in getattr(node, "children", {}).values():
            walk(child)

    walk(at._tree)
    return [text for text in found if text]


def shown(texts: list[str]) -> str:
    """What people read: the backslashes are gone."""
    joined = "\n".join(texts).replace("\u2060", "")
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", joined)


DOCS = re.compile(r":material/menu_book: \[Docs\]\(docs\?page=[a-z/-]+\)")  # the page's own link


def bare(texts: list[str]) -> list[str]:
    """Texts in which a hostile piece would still be read as Markdown."""
    plain = [re.sub(r"\\.", "", t) for t in texts if not DOCS.fullmatch(t)]
    return [t for t in plain if re.search(r"!\[|\]\(|:red\[|\*Bob|__init|_to_|_at_|<org|_a_", t)]


def test_annotate_gives_the_marker_who_where_and_what(hostile: Workspace) -> None:
    at = opened("annotate")
    [marker] = [e for e in at.main if e.type == "bidi_component"]
    assert bare(markdown(at)) == []
    data = json.loads(marker.proto.json)
    assert data["module"] == MODULE
    assert read_token(hostile, data["token"]).who == data["who"]
    assert data["filter"]["queue"] == ""


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ({"queue": "skipped"}, {"queue": "", "skipped": True}),
        ({"queue": "invalid"}, {"queue": "invalid", "skipped": False}),
        ({"queue": "no such"}, {"queue": "", "skipped": False}),
        ({"function": "none"}, {"function": "none"}),
        ({"search": "x" * 300, "item": "y" * 300}, {"search": "x" * 200, "item": ""}),
    ],
)
def test_annotate_filters_as_the_address_says(
    hostile: Workspace, address: dict[str, str], asked: dict[str, Any]
) -> None:
    at = AppTest.from_file(str(ROOT / "pages" / "annotate.py"), default_timeout=30)
    at.query_params.update(address)
    at.run()
    assert not at.exception
    [marker] = [e for e in at.main if e.type == "bidi_component"]
    found = json.loads(marker.proto.json)["filter"]
    assert {name: found[name] for name in asked} == asked
    assert at.text_input(key="search").proto.max_chars == 200
    assert list(at.selectbox(key="annotate queue").options)[1:7] == [
        "Ambiguous",
        "Unlocated",
        "Invalid",
        "Suspected errors",
        "Disagreements",
        "Errors in evaluation",
    ]


@pytest.mark.parametrize(
    "name", ["home", "load", "schema", "prompts", "coverage", "overlap", "train"]
)
def test_other_pages_show_hostile_text_as_it_is(hostile: Workspace, name: str) -> None:
    hostile.store.put_template(MODULE, "all", TemplateSet().source("all"), who="*ann*")
    save_schema(
        hostile, MODULE, view(hostile, MODULE).text.replace("Buy", "Sell"), who=f"_t_{LEAK}"
    )
    at = opened(name)
    assert not at.exception
    texts = markdown(at)
    assert bare(texts) == []
    if name == "schema":
        tables = "".join(e.proto.body for e in at.get("html")).replace("<wbr>", "")
        assert f"Sell *a* ticket {LEAK}" in tables
        for tab in ("Recognizers", "Module", "JSON", "Versions"):
            at.button_group(key="schema tab").set_value(tab).run()
            assert not at.exception
            assert bare(markdown(at)) == []
        at.button_group(key="schema tab").set_value("Functions").run()
        at.selectbox(key="schema function").set_value(FUNCTION).run()
        assert bare(markdown(at)) == []
        for label in ("Rename function", "Remove function", "Rename slot", "Remove slot"):
            next(b for b in at.button if b.label == label).click().run()
            assert not at.exception
            assert bare(markdown(at)) == []
            next(b for b in at.button if b.label == "Cancel").click().run()


def test_errors_are_shown_as_they_are(space: Workspace) -> None:
    at = opened("load")
    at.text_input[0].input("<org>_<bot>_<lang>").run()
    next(b for b in at.button if b.label == "Create").click().run()
    assert "No schema was chosen" in at.error[0].value
    path = "/nowhere/![i](leak.png).jsonl"
    space.store.put_schema(parse_schema(SCHEMA), who="t")
    at = opened("load")
    next(t for t in at.text_input if t.label.startswith("Or a path")).input(path).run()
    assert at.error
    texts = markdown(at)
    assert bare(texts) == []
    assert path in shown(texts)


def test_a_wrong_path_leaves_the_other_tabs_alone(hostile: Workspace) -> None:
    at = opened("load")
    typed = next(t for t in at.text_input if t.label.startswith("Or a path"))
    typed.input("/nowhere/file.xyz").run()
    assert "No such file: '/nowhere/file.xyz'" in shown([at.error[0].value])
    at.segmented_control(key="load tab").set_value("Outcome").run()
    assert [m.label for m in at.metric][:1] == ["loaded"]
    assert not at.error
    at.segmented_control(key="load tab").set_value("Export").run()
    assert at.radio[0].label == "Format"


def test_an_upload_is_written_once_and_never_changed(space: Workspace) -> None:
    """Another file of the same name is another file: a job may be reading the first."""
    script = """
import streamlit as st
from types import SimpleNamespace
from studio.load.forms import _keep_upload
def upload(id, data):
    return SimpleNamespace(file_id=id, name="rows.jsonl", getvalue=lambda: data)
first = _keep_upload(upload("1", b"one"))
before = first.stat().st_mtime_ns
again, other = _keep_upload(upload("1", b"one")), _keep_upload(upload("2", b"two"))
st.session_state["found"] = (first, again, other, before == first.stat().st_mtime_ns)
"""
    at = AppTest.from_string(script).run()
    assert not at.exception
    first, again, other, untouched = at.session_state["found"]
    assert (first, untouched, first.name) == (again, True, "rows.jsonl")
    assert first != other
    assert (first.read_bytes(), other.read_bytes()) == (b"one", b"two")


TWINS = [
    {"id": "_t1_", "utterance": f"nice *Bob* {LEAK} today", "function": FUNCTION},
    {"id": "_t2_", "utterance": f"Nice *Bob* {LEAK}, today!", "function": "book_flight"},
]


@pytest.fixture
def twins(hostile: Workspace, write_jsonl: Callable[..., Path]) -> Workspace:
    import_file(hostile, "jsonl", write_jsonl(TWINS, "twins.jsonl"), module=MODULE, who="_t_")
    resolve(hostile, MODULE, who="_t_")
    return hostile


def measured() -> AppTest:
    """The Overlap page after Measure has ended."""
    at = opened("overlap")
    next(b for b in at.button if b.label == "Measure").click().run()
    run_until(at, lambda at: at.button_group)
    assert not at.exception
    return at


def said_of(space: Workspace) -> list[tuple[str, str]]:
    return [(p.verdict, p.who) for p in judged_pairs(space, MODULE)]


def test_overlap_shows_findings_and_takes_judgements(twins: Workspace) -> None:
    at = measured()
    texts = markdown(at)
    assert bare(texts) == []
    assert at.button_group[0].options[0].startswith("Findings (")
    assert "the same but for case and punctuation" in shown(texts)
    assert f"nice *Bob* {LEAK} today" in shown(texts)
    next(b for b in at.button if b.label == "Really different").click().run()
    assert said_of(twins) == [("different", "*ann*")]
    assert "used as a negative like any other" in shown([s.value for s in at.success])
    next(b for b in at.button if b.label == "Send 2 to annotation").click().run()
    assert twins.store.exemplar(MODULE, "_t2_").queue == "suspected"


def test_overlap_without_anything_to_index_says_so(space: Workspace) -> None:
    space.store.put_schema(parse_schema(SCHEMA), who="t")
    at = opened("overlap")
    next(b for b in at.button if b.label == "Measure").click().run()
    run_until(at, lambda at: at.error)
    assert "no resolved training exemplars" in shown([at.error[0].value])


def negatives_of(id_: str) -> AppTest:
    """The Negatives part alone: with the exemplar given."""
    script = f"""
from studio.prompts.negatives import negatives
from studio.frame.page import page
with page("Prompts", "x") as here:
    import streamlit as st
    st.session_state.setdefault("negatives of {MODULE}", {id_!r})
    negatives(here)
"""
    at = AppTest.from_string(script, default_timeout=30).run()
    assert not at.exception
    return at


def test_negatives_say_why_and_take_judgements_back(twins: Workspace) -> None:
    at = negatives_of("_t1_")
    texts = markdown(at)
    assert bare(texts) == []
    assert "Not used: suspected to mean the same" in shown(texts)
    assert "book_flight may be right as well" in shown([w.value for w in at.warning])
    at.button(key="judge same _t1_ _t2_").click().run()
    assert said_of(twins) == [("same", "*ann*")]
    assert "Not used: judged really the same" in shown(markdown(at))
    at.button(key="judge none _t1_ _t2_").click().run()
    assert said_of(twins) == []
    at.button(key="judge different _t1_ _t2_").click().run()
    assert "judged really different" in shown(markdown(at))


def test_the_dial_is_counted_over_the_module(twins: Workspace) -> None:
    at = negatives_of("_t1_")
    at.button(key="negatives count").click().run()
    run_until(at, lambda at: any("training exemplars" in c.value for c in at.caption))
    told = next(c.value for c in at.caption if "training exemplars" in c.value)
    assert "Suspected, and not used: 2 pairs of 2 exemplars" in told
