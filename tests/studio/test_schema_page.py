"""The Schema page: any schema shows, no edit is lost, and every change says what it does first."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from conftest import MODULE, SCHEMA
from streamlit.testing.v1 import AppTest
from studio_process import ROOT

from radu_core.schema import parse_schema
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.schema.edits import change_function, change_slot
from radu_core.workflows.schema.module import save_schema
from radu_core.workflows.schema.rename import Target, rename

TABS = ("Functions", "Recognizers", "Module", "JSON", "Versions")
FLIGHT = "book_flight"


@pytest.fixture
def space(loaded: Workspace, pages_use: Callable[..., Workspace]) -> Workspace:
    return pages_use(loaded, who="ann")


def opened(tab: str = "Functions", **query: str) -> AppTest:
    """The page as a session of its own opens it, at a tab."""
    at = AppTest.from_file(str(ROOT / "pages" / "schema.py"), default_timeout=30)
    at.query_params.update(query)
    at.run()
    return to(at, tab)


def to(at: AppTest, tab: str) -> AppTest:
    at.button_group(key="schema tab").set_value(tab).run()
    assert not at.exception
    return at


def press(at: AppTest, label: str) -> AppTest:
    [button] = [b for b in at.button if b.label == label]
    button.click().run()
    assert not at.exception
    return at


def field(fields: Any, label: str) -> Any:
    [found] = [f for f in fields if f.label == label]
    return found


def text(at: AppTest) -> str:
    """What is said in messages, captions and tables."""
    parts = [*at.error, *at.warning, *at.info, *at.success, *at.caption, *at.markdown]
    said = "\n".join(str(p.value) for p in parts)
    return said.replace("\\", "").replace("\u2060", "") + "\n".join(
        e.proto.body for e in at.get("html")
    )


def description(at: AppTest, said: str) -> AppTest:
    field(at.text_area, "Description").input(said)
    return press(at, "Save function")


ODD: dict[str, Any] = {
    "module": "odd_bot_de",
    "description": "日本語 😀 *x*",
    "reference_date": "1066-10-14",
    "functions": [
        {
            "name": "täglich.buchen",
            "description": "",
            "slots": [
                {"name": kind, "type": kind, "possible_values": values}
                for kind, values in (
                    ("string", ["a | b", " c", 'd"']),
                    ("integer", [1, 2]),
                    ("number", [1.5, 2]),
                    ("boolean", [True]),
                    ("date", []),
                    ("time", []),
                )
            ]
            + [{"name": "ort", "recognizer": "orte"}, {"name": "code", "recognizer": "muster"}],
        },
        *({"name": f"f{n}", "description": f"{n} " + "long " * 400} for n in range(60)),
    ],
    "recognizers": [
        {"name": "orte", "kind": "list", "labels": {"": ["leer"], "Köln": [], "大阪": ["Ōsaka"]}},
        {"name": "muster", "kind": "pattern", "pattern": "(a|aa)+$"},
    ],
}


@pytest.mark.parametrize("tab", TABS)
def test_any_schema_shows_on_every_tab(space: Workspace, tab: str) -> None:
    space.store.put_schema(parse_schema(ODD), who="t")
    at = opened(tab, module="odd_bot_de")
    assert not at.error
    if tab == "Functions":
        field(at.selectbox, "Function").set_value("täglich.buchen").run()
        for slot in parse_schema(ODD).functions[0].slots:
            field(at.selectbox, "Slot").set_value(slot.name).run()
            assert not at.exception
            assert not at.error
            press(at, "Save slot")
            assert "Nothing has changed." in text(at), slot.name
    if tab == "Recognizers":
        for name in ("orte", "muster"):
            field(at.selectbox, "Recognizer").set_value(name).run()
            press(at, "Save recognizer")
            assert "Nothing has changed." in text(at)
    if tab == "Module":
        press(at, "Save module")
        assert "Nothing has changed." in text(at)
    if tab == "JSON":
        press(at, "Check and save")
        assert "Nothing has changed." in text(at)
    assert space.store.schema("odd_bot_de") == parse_schema(ODD)


def test_a_description_is_saved_at_once(space: Workspace) -> None:
    at = opened(function=FLIGHT)
    description(at, "Buy a seat on a plane.")
    found = space.store.schema(MODULE).function(FLIGHT)
    assert found is not None
    assert found.description == "Buy a seat on a plane."
    assert at.success[0].value == "Saved\\. 0 utterances changed outcome\\."
    assert space.store.schema_versions(MODULE)[-1].note == "Changed function book_flight"


def test_two_tabs_never_lose_an_edit(space: Workspace) -> None:
    one, other = opened(function=FLIGHT), opened(function="book_hotel")
    description(one, "First.")
    description(other, "Second.")
    assert "You saved version 2 in another tab or browser" in text(other)
    assert space.store.schema(MODULE).functions[1].description != "Second."
    assert "First." in text(other)  # both stand side by side
    assert "Second." in text(other)
    press(other, "Save both")
    assert [f.description for f in space.store.schema(MODULE).functions] == ["First.", "Second."]


def test_where_both_changed_the_same_one_is_chosen(space: Workspace) -> None:
    one, other = opened(function=FLIGHT), opened(function=FLIGHT)
    description(one, "First.")
    description(other, "Second.")
    [choice] = [r for r in other.radio if "Both changed" in r.label]
    assert choice.value == "mine"
    choice.set_value("theirs").run()
    press(other, "Save both")
    assert space.store.schema(MODULE).functions[0].description == "First."
    description(one, "Third.")
    description(other, "Fourth.")
    press(other, "Save mine alone")
    assert space.store.schema(MODULE).functions[0].description == "Fourth."
    description(one, "Fifth.")
    press(one, "Keep the saved one")
    assert space.store.schema(MODULE).functions[0].description == "Fourth."
    assert field(one.text_area, "Description").value == "Fourth."


def test_a_third_one_while_choosing_is_seen_too(space: Workspace) -> None:
    one, other = opened(function=FLIGHT), opened(function="book_hotel")
    description(one, "First.")
    description(other, "Second.")
    schema = space.store.schema(MODULE)
    save_schema(space, MODULE, change_function(schema, FLIGHT, description="Third."), who="eve")
    press(other, "Save both")
    press(other, "Save both")
    assert [f.description for f in space.store.schema(MODULE).functions] == ["Third.", "Second."]


def test_an_import_that_replaces_the_schema_is_seen(space: Workspace) -> None:
    at = opened(function=FLIGHT)
    other = json.loads(json.dumps(SCHEMA).replace('"origin"', '"source"'))
    space.store.put_schema(parse_schema(other), who="import")
    at.run()
    assert "import saved version 2" in text(at)
    description(at, "Mine.")
    press(at, "Save both")
    flight = space.store.schema(MODULE).functions[0]
    assert (flight.description, flight.slots[0].name) == ("Mine.", "source")


def test_a_discarded_schema_never_comes_back(space: Workspace) -> None:
    """What was asked about and then left is gone, whatever is saved after it."""
    before = space.store.schema(MODULE)
    less = json.dumps({"module": MODULE, "functions": SCHEMA["functions"][:1]})
    at = opened("JSON")
    field(at.text_area, "Schema as JSON").input(less)
    press(at, "Check and save")
    stale = next(b for b in at.button if b.label == "Save").key
    press(at, "Cancel")
    to(at, "Functions")
    field(at.selectbox, "Function").set_value(FLIGHT).run()
    description(at, "New.")
    assert stale not in [b.key for b in at.button]
    at.run()
    assert len(space.store.schema(MODULE).functions) == len(before.functions)


def test_a_confirmation_of_an_old_version_saves_nothing(space: Workspace) -> None:
    less = json.dumps({"module": MODULE, "functions": SCHEMA["functions"][:1]})
    at = opened("JSON")
    field(at.text_area, "Schema as JSON").input(less)
    press(at, "Check and save")
    schema = space.store.schema(MODULE)
    save_schema(space, MODULE, change_function(schema, FLIGHT, description="Other."), who="eve")
    press(at, "Save")
    assert len(space.store.schema(MODULE).functions) == 2
    assert "eve saved version 2" in text(at)


def test_json_names_line_and_column_and_shows_a_diff(space: Workspace) -> None:
    at = opened("JSON")
    now = field(at.text_area, "Schema as JSON").value
    field(at.text_area, "Schema as JSON").input(now.replace('"integer"', '"int"'))
    press(at, "Check and save")
    assert "line 19, column 19, functions.0.slots.2.type" in text(at)
    field(at.text_area, "Schema as JSON").input(now.replace('"integer"', '"boolean"'))
    press(at, "Check and save")
    assert "Of 15 exemplars 1 would contradict" in text(at)
    assert '-          "type": "integer"' in at.code[0].value
    assert at.dataframe[0].value["id"].tolist() == ["u00"]
    press(at, "Save")
    assert space.store.exemplar(MODULE, "u00").exemplar.outcome == "invalid"


def test_a_type_that_contradicts_exemplars_is_asked_about(space: Workspace) -> None:
    at = opened(function=FLIGHT)
    field(at.selectbox, "Slot").set_value("passengers").run()
    field(at.selectbox, "Type").set_value("boolean")
    press(at, "Save slot")
    assert at.dataframe[0].value["id"].tolist() == ["u00"]
    assert space.store.schema(MODULE).functions[0].slots[2].type == "integer"
    press(at, "Cancel")
    field(at.text_area, "Possible values, one per line").input("1\ntwo")
    press(at, "Save slot")
    assert "Line 2 of the possible values isn't true or false" in text(at) or "Line 1" in text(at)


def test_slots_and_functions_are_added_and_moved(space: Workspace) -> None:
    at = opened()
    field(at.text_input, "Name").input("rent_car")
    field(at.text_area, "Description").input("Hire a car for some days.")
    press(at, "Add function")
    field(at.selectbox, "Function").set_value("rent_car").run()
    field(at.text_input, "Name").input("days")
    field(at.selectbox, "Type").set_value("integer")
    field(at.text_area, "Possible values, one per line").input("1\n2\n\n3")
    press(at, "Add slot")
    field(at.number_input, "Position (1 to 3)").set_value(1)
    press(at, "Save function")
    first = space.store.schema(MODULE).functions[0]
    assert first.name == "rent_car"
    assert (first.slots[0].name, first.slots[0].possible_values) == ("days", (1, 2, 3))


def test_renaming_shows_what_follows_and_can_be_undone(space: Workspace) -> None:
    at = opened(function=FLIGHT)
    press(at, "Rename function")
    field(at.text_input, "New name").input("fly").run()
    assert "These follow: 8 exemplars" in text(at)
    press(at, "Rename")
    assert space.store.schema(MODULE).functions[0].name == "fly"
    assert space.store.exemplar(MODULE, "f00").exemplar.function == "fly"
    to(at, "Versions")
    press(at, "Undo renaming book\\_flight to fly")
    press(at, "Rename")
    assert space.store.schema(MODULE).functions[0].name == FLIGHT
    assert space.store.exemplar(MODULE, "f00").exemplar.function == FLIGHT


def test_removing_says_who_names_it_and_moves_them(space: Workspace) -> None:
    at = opened(function="book_hotel")
    press(at, "Remove function")
    assert "5 exemplars name book_hotel; 5 of them would be invalid" in text(at)
    at.radio[0].set_value("move").run()
    assert at.dataframe[0].value["reason"].str.contains("invalid: book_flight has no slot").all()
    at.radio[0].set_value("keep").run()
    press(at, "Remove")
    assert [f.name for f in space.store.schema(MODULE).functions] == [FLIGHT]
    assert "book_hotel (5)" in text(to(at, "Functions"))
    field(at.selectbox, "Function").set_value(FLIGHT).run()
    press(at, "Remove function")
    assert "only function" in text(at)


def test_an_earlier_version_is_restored(space: Workspace) -> None:
    before = space.store.schema(MODULE)
    changed = change_slot(before, FLIGHT, "origin", description="other")
    save_schema(space, MODULE, changed, who="eve")
    at = opened("Versions")
    press(at, "Restore version 1")
    press(at, "Save")
    assert space.store.schema(MODULE) == before
    assert space.store.schema_versions(MODULE)[-1].note == "Restored version 1"


def test_recognizers_are_made_tried_and_refused(space: Workspace) -> None:
    at = opened("Recognizers")
    field(at.text_input, "Try it on").input("from nyc to Paris").run()
    assert "2 found." in text(at)
    field(at.text_area, "Labels with expressions, one per line").input("a\na").run()
    assert "Line 2 has a label that is there already" in text(at)
    field(at.selectbox, "Recognizer").set_value("").run()
    field(at.text_input, "Name").input("code").run()
    at.radio[0].set_value("pattern").run()
    field(at.text_input, "Pattern").input("(").run()
    assert "doesn't compile" in text(at)
    field(at.text_input, "Pattern").input("(a|aa)+$").run()
    field(at.text_input, "Try it on").input("a" * 40 + "b").run()
    assert "takes over 0.1 s" in text(at)
    field(at.text_input, "Try it on").input("").run()
    press(at, "Add recognizer")
    assert [r.name for r in space.store.schema(MODULE).recognizers] == ["city", "code"]


def test_a_reference_date_is_set_and_taken_off(space: Workspace) -> None:
    at = opened("Module")
    at.radio[0].set_value("a day").run()
    at.date_input[0].set_value("2019-03-01").run()
    press(at, "Save module")
    assert str(space.store.schema(MODULE).reference_date) == "2019-03-01"
    assert "2019-03-01" in field(to(at, "JSON").text_area, "Schema as JSON").value
    to(at, "Module").radio[0].set_value("none").run()
    press(at, "Save module")
    assert space.store.schema(MODULE).reference_date is None


def test_a_module_is_made_without_a_file(
    workspace: Workspace, pages_use: Callable[..., Workspace]
) -> None:
    pages_use(workspace, who="ann")
    at = AppTest.from_file(str(ROOT / "pages" / "schema.py"), default_timeout=30).run()
    assert "There is no module yet" in at.info[0].value
    field(at.text_input, "Module id").input("Acme")
    press(at, "Create module")
    assert "Not a module id" in text(at)
    field(at.text_input, "Module id").input("acme_hello_de")
    press(at, "Create module")
    assert "needs a function" in text(at)
    field(at.text_input, "First function").input("grüßen")
    press(at, "Create module")
    assert workspace.store.schema("acme_hello_de").functions[0].name == "grüßen"
    assert "Created acme_hello_de" in text(at)


def test_a_version_from_before_a_rename_keeps_the_names_of_now(space: Workspace) -> None:
    rename(space, MODULE, Target(FLIGHT), "fly", who="ann")
    at = opened("Versions")
    assert "Renamed since: function book_flight → fly. Nothing else differs." in text(at)
    assert not [b for b in at.button if b.label.startswith("Restore version")]
    schema = change_function(space.store.schema(MODULE), "fly", description="New.")
    save_schema(space, MODULE, schema, who="ann")
    at = opened("Versions")
    field(at.selectbox, "Version").set_value(1).run()
    assert "Exemplars have the new names, and restoring this version keeps them." in text(at)
    press(at, "Restore version 1")
    assert "would contradict" not in text(at)
    press(at, "Save")
    assert [f.name for f in space.store.schema(MODULE).functions] == ["fly", "book_hotel"]
    assert space.store.schema(MODULE).functions[0].description != "New."
