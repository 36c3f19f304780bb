"""Arguments nested as the function's caller has them: read alike in every shape of a row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE

from radu_core.errors import FormatError
from radu_core.formats import Imported, read
from radu_core.schema import parse_schema

SHIPS = parse_schema(
    {
        "module": MODULE,
        "functions": [
            {
                "name": "ship",
                "slots": [
                    {"name": "city", "path": ["address", "city"]},
                    {"name": "weight", "type": "integer"},
                ],
            },
        ],
    }
)
NESTED = {"address": {"city": "Rome"}}


def load(tmp_path: Path, **row: Any) -> Imported:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n")
    return read("jsonl", path, module=MODULE, schema=SHIPS)


def chat(arguments: Any) -> list[dict[str, Any]]:
    call = {"type": "function", "function": {"name": "ship", "arguments": arguments}}
    return [{"role": "user", "content": "to Rome"}, {"role": "assistant", "tool_calls": [call]}]


@pytest.mark.parametrize(
    "row",
    [
        {"function": "ship", "arguments": NESTED},
        {"function": "ship", "arguments": json.dumps(NESTED)},
        {"function": "SHIP", "arguments": NESTED},
        {"intent": "ship", "params": NESTED},
        {"function": {"name": "ship", "arguments": NESTED}},
        {"function": ["ship"], "arguments": NESTED},
        {"function": "ship", "arguments": {"Address": {"CITY": "Rome"}}},
        {"function": "ship", "arguments": {**NESTED, "city": "Rome"}},
        {"function": "ship", "arguments": {**NESTED, "city": None}},
    ],
)
def test_every_shape_of_a_row_is_read(tmp_path: Path, row: dict[str, Any]) -> None:
    found = load(tmp_path, utterance="to Rome", **row)
    assert found.rejections == ()
    assert [(e.function, e.arguments) for e in found.exemplars] == [("ship", {"city": "Rome"})]


@pytest.mark.parametrize("arguments", [NESTED, json.dumps(NESTED)])
def test_so_are_the_calls_of_conversations(tmp_path: Path, arguments: Any) -> None:
    found = load(tmp_path, messages=chat(arguments))
    assert found.rejections == ()
    assert [e.arguments for e in found.exemplars] == [{"city": "Rome"}]


def test_so_are_tables(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        'utterance,function,arguments\nto Rome,Ship,"{""address"":{""city"":""Rome""}}"\n'
    )
    found = read("csv", path, module=MODULE, schema=SHIPS)
    assert [e.arguments for e in found.exemplars] == [{"city": "Rome"}]


@pytest.mark.parametrize(
    "arguments",
    [{**NESTED, "city": "Oslo"}, {"city": "Oslo", **NESTED}, {"weight": 1, "Weight": 2}],
)
def test_two_values_for_one_slot_are_refused(tmp_path: Path, arguments: Any) -> None:
    found = load(tmp_path, utterance="to Rome", function="ship", arguments=arguments)
    assert found.exemplars == ()
    assert [r.problem for r in found.rejections] == ["has two values"]


def test_what_no_path_leads_to_is_named(tmp_path: Path) -> None:
    nested = {"address": {"street": "Rome"}}
    found = load(tmp_path, utterance="to Rome", function="ship", arguments=nested)
    assert [r.field for r in found.rejections] == ["arguments"]
    assert "address.street" in found.rejections[0].problem


@pytest.mark.parametrize(
    ("cell", "weight", "taken"),
    [
        ('{"weight":2}', "3", []),
        ('{"weight":2}', "2", [{"weight": 2}]),
        ("{}", "3", [{"weight": 3}]),
    ],
)
def test_a_column_beside_arguments_says_the_same(
    tmp_path: Path, cell: str, weight: str, taken: list[Any]
) -> None:
    path = tmp_path / "rows.csv"
    quoted = cell.replace('"', '""')
    path.write_text(f'utterance,function,arguments,arguments.weight\nu,ship,"{quoted}",{weight}\n')
    found = read("csv", path, module=MODULE, schema=SHIPS)
    assert [e.arguments for e in found.exemplars] == taken
    assert [r.problem for r in found.rejections] == ([] if taken else ["has two values"])


TWICE = '{"city":"Rome","city":"Bern"}'


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (f'{{"utterance":"u","function":"ship","arguments":{TWICE}}}', "city"),
        ('{"utterance":"u","utterance":"v","function":"ship"}', "utterance"),
        (json.dumps({"utterance": "u", "function": "ship", "arguments": TWICE}), "arguments.city"),
        (json.dumps({"messages": chat(TWICE)}), "arguments.city"),
    ],
)
def test_a_key_that_stands_twice_is_refused(tmp_path: Path, line: str, field: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(line + '\n{"utterance":"to Oslo","function":"ship"}\n')
    found = read("jsonl", path, module=MODULE, schema=SHIPS)
    assert [e.utterance for e in found.exemplars] == ["to Oslo"]
    assert [(r.line, r.field) for r in found.rejections] == [(1, field)]
    assert found.rejections[0].problem == "stands twice in the same object"


def test_so_it_is_in_tables_lists_and_tools(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    cell = TWICE.replace('"', '""')
    path.write_text(f'utterance,function,arguments\nto Rome,ship,"{cell}"\n')
    found = read("csv", path, module=MODULE, schema=SHIPS)
    assert [r.field for r in found.rejections] == ["arguments.city"]
    rows = tmp_path / "list.jsonl"
    rows.write_text(f'[\n{{"utterance":"u","function":"ship",\n"arguments":{TWICE}}}]')
    with pytest.raises(FormatError, match="'city' stands twice"):
        read("jsonl", rows, module=MODULE, schema=SHIPS)
    tools = tmp_path / "tools.json"
    tools.write_text('[{"name":"f","parameters":{"type":"object","properties":{"a":{},"a":{}}}}]')
    with pytest.raises(FormatError, match="'a' stands twice"):
        read("openai", tools, module=MODULE, schema=None)


@pytest.mark.parametrize("number", ["NaN", "1e999"])
def test_a_number_that_isnt_finite_is_named(tmp_path: Path, number: str) -> None:
    found = load(tmp_path, messages=chat(f'{{"weight": {number}}}'))
    assert [r.field for r in found.rejections] == ["arguments.weight"]
    assert "isn't a finite number" in found.rejections[0].problem
