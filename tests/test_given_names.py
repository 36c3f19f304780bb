"""Names of functions and slots are what they were given as, wherever they go."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import MODULE
from hypothesis import example, given, settings
from hypothesis import strategies as st

from radu_core.calls import flat_arguments, nested_arguments
from radu_core.errors import SchemaError
from radu_core.exemplars import (
    AnnotatedExemplar,
    SlotRef,
    Span,
    Template,
    make_template,
    match_template,
    parse_template,
)
from radu_core.formats import read, write
from radu_core.formats.openai import function_names, to_tools
from radu_core.inference.parser import read_slots
from radu_core.prompts import Asking, TemplateSet
from radu_core.prompts.strategies import all_slots, rag, single_slot
from radu_core.retrieval import DescriptionHit, Retrieved
from radu_core.schema import Function, Schema, name_problem, parse_schema
from radu_core.store.derived import slots_of, split_slots
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import export, import_file, init_module
from radu_core.workflows.load.outcomes import resolve

GIVEN = [
    "weather/find",
    "Default Welcome Intent",
    "1_visa_info",
    "faq/ask_name",
    "ask+thank",
    "what?",
    "Über.größe",
    "@sys.date",
    "2nd_city",
    "a.b",
    "<b>",
    "\\<",
    ">",
    "a,b",
    "a\\,b",
    '"quoted"',
    "it's",
    "{{ x }}",
    "{% if %}",
    "天気 予報",
    "العربية",
    "👩‍👩‍👧 family",
    "null",
    "true",
    "oos",
    "NONE",
    "constructor",
    "__proto__",
    "arguments",
    "id",
    "utterance",
    " outer ",
    "a|b",
    "=1+1",
    "#",
    "%s",
    "a:b",
    "**bold**",
    "$x$",
    "[a](b)",
    "x" * 100,
]
NAMES = st.one_of(
    st.sampled_from(GIVEN),
    st.text(
        st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=12
    ).filter(lambda name: not name_problem(name) and name != "none"),
)
PIECES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def module(functions: dict[str, Sequence[str]]) -> Schema:
    data = [
        {"name": n, "description": f"Does {n}", "slots": [{"name": s} for s in slots]}
        for n, slots in functions.items()
    ]
    return parse_schema({"functions": data}, module=MODULE)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("a\nb", r"control character \(U\+000A\)"),
        ("a\x00", r"U\+0000"),
        ("a\u2028b", r"U\+2028"),
        ("x" * 101, "101 characters"),
    ],
)
def test_names_that_cant_be(name: str, words: str) -> None:
    for functions in ({name: ["s"]}, {"f": [name]}):
        with pytest.raises(SchemaError, match=words):
            module(functions)


def test_a_slot_may_have_a_name_that_no_function_has() -> None:
    assert module({"f": ["none"]}).functions[0].slots[0].name == "none"


@given(st.lists(st.tuples(NAMES, PIECES.filter(bool)), max_size=4), PIECES)
@example([("<b>", "<"), ("\\", "\\"), (">", "x")], "\\<")
def test_a_template_gives_the_names_and_places_back(
    slots: list[tuple[str, str]], literal: str
) -> None:
    text, spans = literal, []
    for name, value in slots:
        spans.append(Span(slot=name, start=len(text), end=len(text) + len(value), value=value))
        text += value + literal
    template = make_template(text, spans)
    parsed = parse_template(template)
    assert str(parsed) == template
    assert parsed.slots == tuple(name for name, _ in slots)
    assert "".join(p if isinstance(p, str) else "" for p in parsed.parts) == literal * (
        len(slots) + 1
    )
    places = tuple((s.slot, s.start, s.end) for s in spans)
    ways = match_template(text, parsed)
    assert places in ways or len(ways) == 50  # as many as are listed


@given(NAMES, NAMES)
def test_neighbours_in_a_template_stay_apart(one: str, other: str) -> None:
    parts = (SlotRef(one), SlotRef(other))
    assert parse_template(str(Template(parts))).parts == parts


@given(st.sets(NAMES, max_size=6))
def test_the_stores_column_gives_them_back(names: set[str]) -> None:
    joined = slots_of(dict.fromkeys(names, "v"))
    assert len(joined) <= 500
    kept = split_slots(joined)
    assert kept == sorted(names)[: len(kept)]
    assert len(kept) == len(names) or len(joined) > 300


@given(st.lists(NAMES, min_size=1, max_size=4, unique=True), NAMES)
def test_prompts_show_them_and_answers_are_read_back(slots: list[str], function: str) -> None:
    schema = module({function: slots})
    known = schema.functions[0]
    retrieved = Retrieved((DescriptionHit(function, 1, 0.5),), ())
    asking = Asking("hello", schema, TemplateSet())
    assert function in rag.ask(asking, retrieved).text
    prompt = all_slots.ask(asking, known, []).text
    arguments = {name: f"v{i}" for i, name in enumerate(slots)}
    for slot in known.slots:
        assert slot.name in prompt
        assert slot.name in single_slot.ask(asking, known, slot, []).text
        assert read_slots('"v"', known, slot) == ({slot.name: "v"}, [])
    assert read_slots(all_slots.completion(known, arguments), known, None) == (arguments, [])


@given(st.lists(NAMES, min_size=1, max_size=6, unique=True))
def test_openai_tools_have_names_that_openai_takes_and_give_back_ours(names: list[str]) -> None:
    schema = module({name: [name] for name in names})
    tools = to_tools(schema)
    written = [tool["function"]["name"] for tool in tools]
    assert len(set(written)) == len(names)
    assert all(name.isascii() and len(name) <= 64 for name in written)
    assert all(c.isalnum() or c in "_-" for name in written for c in name)
    assert list(function_names(schema).values()) == written
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tools.json"
        path.write_text(json.dumps(tools))
        found = read("openai", path, module=MODULE, schema=None)
    assert found.rejections == ()
    assert found.schema == schema


@settings(max_examples=25, deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=3, unique=True), NAMES)
@example(["<b>", "a,b", " outer "], "weather/find?")
@example(["constructor", "id", "arguments"], "utterance")
@example(["null", "NONE"], "NONE")
def test_what_is_imported_resolved_and_exported_is_the_same(
    slots: list[str], function: str
) -> None:
    schema = module({function: slots})
    words = ["Oslo", "Rome", "Bonn"][: len(slots)]
    row = {
        "id": "1",
        "utterance": "please " + " and ".join(words),
        "function": function,
        "arguments": dict(zip(slots, words, strict=True)),
    }
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "s.json").write_text(schema.model_dump_json(), encoding="utf-8")
        (home / "r.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
        space = Workspace(home / "home")
        init_module(space, MODULE, home / "s.json", who="t")
        assert import_file(space, "jsonl", home / "r.jsonl", module=MODULE, who="t").accepted == 1
        resolve(space, MODULE, who="t")
        before = space.store.exemplars(MODULE)[0].exemplar
        assert (before.outcome, before.resolved_by) == ("resolved", "unique")
        assert parse_template(before.template or "").slots == tuple(slots)
        for format, file in (("jsonl", "o.jsonl"), ("csv", "o.csv"), ("sgd", "sgd")):
            assert export(space, format, home / file, module=MODULE).exemplars == 1
            stored = space.store.schema(MODULE)
            found = read(format, home / file, module=MODULE, schema=stored)
            assert found.rejections == ()
            assert found.exemplars == (before,), format
        space.store.close()


@given(st.lists(st.lists(NAMES, min_size=1, max_size=3), min_size=1, max_size=4))
def test_nested_arguments_come_back_flat(paths: list[list[str]]) -> None:
    slots: list[tuple[str, ...]] = []
    for path in dict.fromkeys(map(tuple, paths)):
        if any(path[: len(p)] == p or p[: len(path)] == path for p in slots):
            continue
        slots.append(path)
    given = [{"name": f"s{i}", "path": path} for i, path in enumerate(slots)]
    function = Function.model_validate({"name": "f", "slots": given})
    arguments = {f"s{i}": str(i) for i in range(len(slots))}
    nested = nested_arguments(function, arguments)
    assert flat_arguments(function, nested) == arguments
    assert flat_arguments(function, arguments) == arguments
    for number, path in enumerate(slots):
        place = nested
        for key in path:
            place = place[key]
        assert place == str(number)


def test_an_exported_row_has_the_names_as_given(tmp_path: Path) -> None:
    schema = module({"ask+thank": ["2nd <city>"]})
    span = Span(slot="2nd <city>", start=3, end=7, value="Oslo")
    row = AnnotatedExemplar(
        id="1",
        utterance="to Oslo",
        function="ask+thank",
        arguments={"2nd <city>": "Oslo"},
        spans=(span,),
        template=make_template("to Oslo", [span]),
    )
    write("jsonl", tmp_path / "o.jsonl", schema=schema, exemplars=[row])
    data = json.loads((tmp_path / "o.jsonl").read_text())
    assert data["template"] == r"to <2nd \<city\>>"
    assert data["function"] == "ask+thank"
