"""Importing files whose spans were counted otherwise: said, offered, and corrected when asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE

from radu_core.alignment import Aligner
from radu_core.exemplars import AnnotatedExemplar, Span
from radu_core.workflows.annotate.items import item_json
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import ImportReport, export, import_file
from radu_core.workflows.load.outcomes import resolve

Write = Callable[..., Path]


def inclusive(id: str, text: str, city: str, **more: Any) -> dict[str, Any]:
    """A row whose span ends with its last character."""
    at = text.index(city)
    span = {"slot": "destination", "start": at, "end": at + len(city) - 1, "value": city}
    return {
        "id": id,
        "utterance": text,
        "function": "book_flight",
        "arguments": {"destination": city},
        "spans": [span],
        **more,
    }


FILE = [
    inclusive("a", "fly to Oslo", "Oslo"),
    inclusive("b", "fly to Rome now", "Rome"),
    # Of one character: such a span is empty, or in length-counting files ends before it starts.
    inclusive("c", "to Å please", "Å"),
    {
        **inclusive("d", "Oslo or Rome", "Rome"),
        "spans": [{"slot": "destination", "start": 0, "end": 4, "value": "Rome"}],
    },
    {
        "id": "e",
        "utterance": "fly to Bonn",
        "function": "book_flight",
        "arguments": {"destination": "Bonn"},
        "spans": [{"slot": "destination", "start": 7, "end": 11, "value": "Bonn"}],
    },
]
WHAT = "the spans end with their last character, not behind it"


@pytest.fixture
def file(write_jsonl: Write) -> Path:
    return write_jsonl(FILE)


def take(workspace: Workspace, path: Path, **more: Any) -> ImportReport:
    return import_file(workspace, "jsonl", path, module=MODULE, who="t", **more)


def stored(workspace: Workspace) -> dict[str, AnnotatedExemplar]:
    return {i.exemplar.id: i.exemplar for i in workspace.store.exemplars(MODULE)}


def test_an_import_says_what_explains_its_spans(loaded: Workspace, file: Path) -> None:
    report = take(loaded, file, keep_good=True)
    assert report.spans is not None
    assert (report.spans.contradicting, report.spans.left, report.spans.fixed) == (4, 1, False)
    assert report.spans.shifts == {WHAT: 3}
    assert [(f.id, f.before, f.after, f.shift) for f in report.spans.fixes] == [
        ("a", "destination 7–10 'Osl'", "destination 7–11 'Oslo'", "inclusive"),
        ("b", "destination 7–10 'Rom'", "destination 7–11 'Rome'", "inclusive"),
        ("c", "destination 3–3 ''", "destination 3–4 'Å'", "inclusive"),
    ]
    assert [r.field for r in report.rejections] == ["spans"]
    resolve(loaded, MODULE, who="t")
    found = stored(loaded)
    assert {i: found[i].outcome for i in "abde"} == {
        "a": "invalid",
        "b": "invalid",
        "d": "invalid",
        "e": "resolved",
    }
    assert "c" not in found


def test_they_are_corrected_when_asked(loaded: Workspace, file: Path) -> None:
    report = take(loaded, file, fix_spans=True)
    assert report.spans is not None
    assert (report.stored, report.accepted, report.rejections, report.spans.fixed) == (
        True,
        5,
        (),
        True,
    )
    resolve(loaded, MODULE, who="t")
    found = stored(loaded)
    assert {i: found[i].outcome for i in "abcde"} == {
        "a": "resolved",
        "b": "resolved",
        "c": "resolved",
        "d": "invalid",
        "e": "resolved",
    }
    assert found["b"].spans == (Span(slot="destination", start=7, end=11, value="Rome"),)
    assert found["b"].resolved_by == "spans"
    again = take(loaded, file, fix_spans=True)
    assert (again.unchanged, again.changed) == (5, 0)


def test_right_spans_are_not_mentioned(loaded: Workspace, write_jsonl: Write) -> None:
    assert take(loaded, write_jsonl([FILE[4]])).spans is None


def test_what_the_module_calls_a_value_is_a_writing_of_it(
    loaded: Workspace, write_jsonl: Write
) -> None:
    def gotham(id: str, text: str) -> dict[str, Any]:
        row = inclusive(id, text, "Gotham")
        row["arguments"] = {"destination": "New York"}
        span = {**row["spans"][0], "end": row["spans"][0]["end"] + 1, "value": "New York"}
        return {**row, "spans": [span]}

    two = take(loaded, write_jsonl([gotham("g1", "to Gotham"), gotham("g2", "Gotham now")]))
    assert two.spans is None
    assert take(loaded, write_jsonl([gotham("g3", "fly to Gotham")])).spans is None
    resolve(loaded, MODULE, who="t")
    assert [stored(loaded)[i].outcome for i in ("g1", "g2", "g3")] == ["resolved"] * 3


def test_a_resolution_that_contradicts_the_text_isnt_taken(
    loaded: Workspace, write_jsonl: Write
) -> None:
    """An export that another tool wrote again, with offsets of its own."""
    decided = {"outcome": "resolved", "resolved_by": "annotator", "reason": "Decided by a person."}
    row = inclusive("a", "fly to Rome or Oslo", "Oslo", **decided)
    row["spans"] = [{"slot": "destination", "start": 7, "end": 11, "value": "Oslo"}]
    report = take(loaded, write_jsonl([row]))
    assert report.spans is not None
    assert (report.spans.contradicting, report.spans.left) == (1, 1)
    assert stored(loaded)["a"].outcome is None
    resolve(loaded, MODULE, who="t")
    assert stored(loaded)["a"].reason == (
        "'Oslo' at 15–19 was expected for destination; the span 7–11 holds 'Rome'."
    )


def test_an_export_read_again_is_the_same(loaded: Workspace, file: Path, tmp_path: Path) -> None:
    take(loaded, file, fix_spans=True)
    resolve(loaded, MODULE, who="t")
    path = tmp_path / "out.jsonl"
    export(loaded, "jsonl", path, module=MODULE)
    before = stored(loaded)
    report = take(loaded, path)
    assert report.spans is not None  # the one that no shift explains, invalid before
    assert (report.spans.contradicting, report.spans.fixes) == (1, ())
    assert stored(loaded) == before


def test_a_corrected_row_never_takes_the_id_of_another(
    loaded: Workspace, write_jsonl: Write
) -> None:
    rows = [FILE[4], {**FILE[2], "id": "e"}]
    report = take(loaded, write_jsonl(rows), fix_spans=True, keep_good=True)
    assert (report.accepted, len(report.rejections)) == (1, 1)
    assert stored(loaded)["e"].utterance == "fly to Bonn"


def test_what_could_not_be_taken_is_not_counted_as_corrected(
    loaded: Workspace, write_jsonl: Write
) -> None:
    rows = [FILE[4], {**FILE[2], "id": "e"}]
    report = take(loaded, write_jsonl(rows), fix_spans=True, keep_good=True)
    assert [(r.field, r.line) for r in report.rejections] == [("id", 2)]
    assert report.spans is not None
    assert (report.spans.contradicting, report.spans.left) == (1, 1)
    assert (report.spans.shifts, report.spans.fixes, report.spans.fixed) == ({}, (), False)


@pytest.mark.parametrize(
    "starts",
    [
        (12, 12),  # both outside the text: rejected for it
        (10, 12),
        (12, 10),
        (8, 9),  # in UTF-16 units, and right
        (9, 8),
    ],
)
def test_rows_that_are_the_same_once_corrected_are_stored_once(
    loaded: Workspace, write_jsonl: Write, starts: tuple[int, int]
) -> None:
    far = max(starts) > 9
    text = "😀😀 fly to Rome" if far else "😀 fly to Rome ok"
    rows = [
        {
            "utterance": text,
            "function": "book_flight",
            "arguments": {"destination": "Rome"},
            "spans": [{"slot": "destination", "start": at, "end": at + 4, "value": "Rome"}],
        }
        for at in (starts if far else [at + 1 for at in starts])
    ]
    report = take(loaded, write_jsonl(rows), fix_spans=True)
    assert (report.stored, report.rows, report.accepted, report.added) == (True, 2, 1, 1)
    assert report.skipped == {"the same row as one before it": 1}
    assert [n.kind for n in report.notices] == ["repeated"]
    assert report.spans is not None
    assert report.spans.left == 0
    assert report.spans.contradicting == len(report.spans.fixes)
    (row,) = [e for e in stored(loaded).values() if e.utterance == text]
    assert row.spans is not None
    assert text[row.spans[0].start : row.spans[0].end] == "Rome"
    again = take(loaded, write_jsonl(rows), fix_spans=True)
    assert (again.added, again.unchanged) == (0, 1)


def test_annotate_offers_what_alignment_finds_instead(
    loaded: Workspace, write_jsonl: Write
) -> None:
    take(loaded, write_jsonl([FILE[0], FILE[3]]))
    resolve(loaded, MODULE, who="t")
    for id, template in (("a", "fly to <destination>"), ("d", "Oslo or <destination>")):
        item = item_json(
            Aligner(loaded.store.schema(MODULE)), loaded.store.exemplar(MODULE, id), who="ann"
        )
        assert (item["outcome"], item["spans"]) == ("invalid", [])
        assert [(a["slot"], a["state"]) for a in item["arguments"]] == [("destination", "once")]
        assert [r["template"] for r in item["readings"]] == [template]
