"""Of a server's traces, what matters comes in once and unlabelled; all else is counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE
from hypothesis import given
from hypothesis import strategies as st

from radu_core.errors import FormatError, InputError
from radu_core.exemplars import Span
from radu_core.formats import guess_format, read
from radu_core.formats.traces import REASONS, are_traces, read_traces, words_of
from radu_core.inference.answers import Answer, Question
from radu_core.schema import Schema
from radu_core.serving.traces import trace_record

Writer = Callable[..., Path]


def trace(utterance: Any, **more: Any) -> dict[str, Any]:
    """A trace as the server writes it; by default one that the model was sure of."""
    answer = {"function": more.pop("function", "book_flight"), "arguments": {}, "spans": []}
    return {
        "time": "2026-11-30T12:00:00.000+00:00",
        "model": "travel",
        "version": "abc",
        "utterance": utterance,
        "context": None,
        "answer": answer,
        "confidence": 0.98,
        "out_of_scope": 0.2,
    } | more


def test_what_matters_is_unlabelled_and_tagged_with_why(write_jsonl: Writer) -> None:
    path = write_jsonl(
        [
            trace("fly to Oslo"),
            trace("a boat?", confidence=0.4, context="book_flight"),
            trace("tell me a joke", function=None),
            trace("brumm", out_of_scope=0.99),
            trace("all of it", function=None, confidence=0.1, out_of_scope=1),
        ]
    )
    found = read("traces", path, module=MODULE, schema=None)
    assert {e.utterance: e.tags for e in found.exemplars} == {
        "a boat?": ("traces", "unsure"),
        "tell me a joke": ("traces", "out of scope"),
        "brumm": ("traces", "unlike anything seen"),
        "all of it": ("traces", *REASONS),
    }
    assert all(e.unlabelled and e.outcome == "unlabelled" for e in found.exemplars)
    assert all((e.function, e.arguments) == (None, {}) for e in found.exemplars)
    assert found.exemplars[0].context == "book_flight"
    assert found.skipped == {"the model was sure, it is in scope and like what was seen": 1}
    assert found.ignored == {"answer.arguments": 4, "answer.spans": 4, "version": 4}
    assert found.rows == 5


def test_what_the_server_writes_is_read(write_jsonl: Writer) -> None:
    question = Question("a boat to Oslo", context="book_flight")
    span = Span(slot="destination", start=10, end=14, value="Oslo")
    arguments = {"destination": "Oslo"}
    answer = Answer(
        question.utterance, "book_flight", arguments, 0.5, spans=(span,), out_of_scope=0.97
    )
    now = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
    line = trace_record(question, answer, model="travel", version="abc", now=now)
    found, [traffic] = read_traces([write_jsonl([line])], schema=None)
    [exemplar] = found.exemplars
    assert (exemplar.utterance, exemplar.context) == ("a boat to Oslo", "book_flight")
    assert exemplar.tags == ("traces", "unsure", "unlike anything seen")
    assert traffic.days["2026-11-30"]["worth a look"] == 1
    assert not found.rejections


@pytest.mark.parametrize(
    ("options", "taken"),
    [
        ({}, {"a": ("unsure",), "d": ("unlike anything seen",)}),
        ({"below": 0.6}, {"d": ("unlike anything seen",)}),
        ({"below": 0.61}, {"a": ("unsure",), "d": ("unlike anything seen",)}),
        ({"below": 0, "unlike": 1}, {}),
        (
            {"below": 1.0, "unlike": 0.5},
            {
                "a": ("unsure",),
                "b": ("unsure",),
                "c": ("unsure", "unlike anything seen"),
                "d": ("unsure", "unlike anything seen"),
            },
        ),
    ],
)
def test_limits(write_jsonl: Writer, options: dict[str, Any], taken: dict[str, Any]) -> None:
    path = write_jsonl(
        [
            trace("a", confidence=0.6),
            trace("b", confidence=0.9, out_of_scope=None),
            trace("c", confidence=0.9, out_of_scope=0.5),
            trace("d", confidence=0.9, out_of_scope=0.95),
        ]
    )
    found = read("traces", path, module=MODULE, schema=None, options=options)
    assert {e.utterance: e.tags[1:] for e in found.exemplars} == taken


def test_an_utterance_comes_in_once(write_jsonl: Writer) -> None:
    texts = ["Fly  me HOME", "fly me home", "ﬂy me home", "fly me home!", "sing", "Sing", "sing"]
    path = write_jsonl([trace(t, confidence=0.1) for t in texts])
    found, _ = read_traces([path], schema=None, excluded={words_of("SING")})
    assert [e.utterance for e in found.exemplars] == ["Fly  me HOME", "fly me home!"]
    assert found.skipped == {
        "the same utterance as one before it": 2,
        "the module has the utterance": 3,
    }
    assert [(n.line, n.utterance, n.detail) for n in found.notices] == [
        (2, "fly me home", "the same utterance as one before it, 2 times"),
        (5, "sing", "the module has the utterance, 3 times"),
    ]


@pytest.mark.parametrize(
    ("line", "field", "problem"),
    [
        ('{"utterance": "a", "confi', "line", "isn't JSON"),
        ("[1]", "line", "isn't a JSON object"),
        (trace(""), "utterance", "missing or empty"),
        (trace(None), "utterance", "missing or empty"),
        (trace(7), "utterance", "isn't text"),
        (trace("a" * 10_001, function=None), "utterance", "at most 10000"),
        (trace("\ud800", function=None), "line", "isn't JSON"),
        (trace("a", confidence=None), "confidence", "missing"),
        (trace("a", confidence=1.2), "confidence", "isn't a number from 0 to 1"),
        (trace("a", confidence=True), "confidence", "isn't a number from 0 to 1"),
        (trace("a", out_of_scope="0.4"), "out_of_scope", "isn't a number from 0 to 1"),
        (trace("a", answer="book_flight"), "answer", "has no function"),
        (trace("a", answer={"arguments": {}}), "answer", "has no function"),
        (trace("a", answer={"function": 3}), "function", "isn't text"),
        (trace("a", time="yesterday"), "time", "isn't a time"),
        (trace("a", time=1.5), "time", "isn't text"),
    ],
)
def test_a_line_that_is_no_trace_is_rejected_alone(
    tmp_path: Path, line: Any, field: str, problem: str
) -> None:
    text = line if isinstance(line, str) else json.dumps(line)
    path = tmp_path / "t.jsonl"
    path.write_text(f"{json.dumps(trace('good', confidence=0.1))}\n{text}\n", encoding="utf-8")
    found = read("traces", path, module=MODULE, schema=None)
    assert [e.utterance for e in found.exemplars] == ["good"]
    [rejection] = found.rejections
    assert (rejection.line, rejection.field) == (2, field)
    assert problem in rejection.problem
    assert rejection.remedy
    assert rejection.source == "t.jsonl"


def test_answers_may_stand_in_the_line_itself(write_jsonl: Writer) -> None:
    flat: dict[str, Any] = {
        "utterance": "sing",
        "function": None,
        "confidence": 0.9,
        "arguments": {},
    }
    found = read("traces", write_jsonl([flat]), module=MODULE, schema=None)
    assert found.exemplars[0].tags == ("traces", "out of scope")
    assert found.ignored == {"arguments": 1}
    assert found.notes == ("1 trace without a time: not in the shares per day.",)


def test_several_models_have_to_be_told_apart(write_jsonl: Writer) -> None:
    rows = [trace("a", confidence=0), trace("b", model="bank", confidence=0), trace("c")]
    path = write_jsonl(rows)
    with pytest.raises(InputError, match="The traces are of 2 models"):
        read("traces", path, module=MODULE, schema=None)
    found = read("traces", path, module=MODULE, schema=None, options={"model": "travel"})
    assert [e.utterance for e in found.exemplars] == ["a"]
    assert found.skipped["asked of another model: bank"] == 1
    with pytest.raises(InputError, match="No trace is of that model") as error:
        read("traces", path, module=MODULE, schema=None, options={"model": "shop"})
    assert "bank, travel" in error.value.remedy


def test_answers_of_another_schema_are_a_note(write_jsonl: Writer, schema: Schema) -> None:
    path = write_jsonl([trace("a", function="transfer_money"), trace("b")])
    found = read("traces", path, module=MODULE, schema=schema)
    assert found.notes == (
        "1 answer with a function that the schema doesn't have: is that the right module?",
    )


def test_days_are_counted_in_utc_over_all_lines(write_jsonl: Writer) -> None:
    rows = [
        trace("a", confidence=0.1, function=None),
        trace("a", confidence=0.1),
        trace("b"),
        trace("c", time="2026-12-01T00:30:00+01:00"),
        trace("d", time="2026-12-01T00:30:00Z"),
        trace("e", time="2026-12-01T10:00:00"),
        trace("f", time=None),
    ]
    found, [traffic] = read_traces([write_jsonl(rows)], schema=None)
    assert traffic.days == {
        "2026-11-30": {"asked": 4, "out of scope": 1, "unsure": 2, "worth a look": 2},
        "2026-12-01": {"asked": 2},
    }
    assert traffic.lines == 7
    assert found.notes == ("1 trace without a time: not in the shares per day.",)


def test_a_file_is_known_by_its_first_line(write_jsonl: Writer) -> None:
    rows = [trace("a"), trace("b"), trace("c")]
    _, [first] = read_traces([write_jsonl(rows[:1], "traces.jsonl")], schema=None)
    _, [grown] = read_traces([write_jsonl(rows, "traces.jsonl.1")], schema=None)
    _, [other] = read_traces([write_jsonl(rows[1:], "traces.jsonl")], schema=None)
    assert (first.file, first.lines) == (grown.file, grown.lines - 2)
    assert other.file != first.file


def test_several_files_are_one_import(tmp_path: Path, write_jsonl: Writer) -> None:
    one = write_jsonl([trace("a", confidence=0.1)], "t.jsonl.1")
    two = write_jsonl([trace("A", confidence=0.1), trace("b", confidence=0.1)], "t.jsonl")
    empty = write_jsonl([], "t.jsonl.2")
    found, traffic = read_traces([one, two, empty], schema=None)
    assert [e.utterance for e in found.exemplars] == ["a", "b"]
    assert found.rows == 3
    assert [t.name for t in traffic] == ["t.jsonl.1", "t.jsonl"]
    assert found.source == "t.jsonl.1 and 2 more"
    with pytest.raises(FormatError, match=r"t.jsonl.2 is empty"):
        read_traces([empty], schema=None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"below": 70}, "below isn't a share"),
        ({"unlike": "much"}, "unlike isn't a share"),
        ({"below": True}, "below isn't a share"),
        ({"encoding": "cp1252"}, "traces has no such option"),
    ],
)
def test_options_are_checked(write_jsonl: Writer, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read("traces", write_jsonl([trace("a")]), module=MODULE, schema=None, options=options)


def test_traces_are_told_by_their_first_line(tmp_path: Path, write_jsonl: Writer) -> None:
    assert guess_format(write_jsonl([trace("a")], "whatever.jsonl")) == "traces"
    assert guess_format(write_jsonl([trace("a")], "served.log.1")) == "traces"
    assert guess_format(write_jsonl([], "served.traces")) == "traces"
    labelled = {"utterance": "a", "function": "book_flight"}
    assert guess_format(write_jsonl([labelled], "rows.jsonl")) == "jsonl"
    (tmp_path / "x.jsonl").write_bytes(b"\xff\xfe{\x00")
    assert not are_traces(tmp_path / "x.jsonl")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "A ", "b", "", "ß", "ss", "三"]),
            st.sampled_from([None, "book_flight"]),
            st.floats(0, 1),
            st.one_of(st.none(), st.floats(0, 1)),
            st.sampled_from(["2026-11-30T12:00:00Z", None, "never"]),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_every_line_is_taken_rejected_or_skipped(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[Any, ...]]
) -> None:
    names = ("utterance", "function", "confidence", "out_of_scope", "time")
    rows = [trace("", **dict(zip(names[1:], line[1:], strict=True))) for line in lines]
    for row, line in zip(rows, lines, strict=True):
        row["utterance"] = line[0]
    path = tmp_path_factory.mktemp("t") / "t.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    found, [traffic] = read_traces([path], schema=None)
    taken, refused = len(found.exemplars), len(found.rejections)
    assert found.rows == len(lines) == taken + refused + sum(found.skipped.values())
    assert len({words_of(e.utterance) for e in found.exemplars}) == taken
    asked = sum(counts["asked"] for counts in traffic.days.values())
    assert asked == sum(1 for line in lines if line[0] and line[4] == "2026-11-30T12:00:00Z")
