"""Decisions of people, and what is asked of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conftest import MODULE, ROWS

from radu_core.errors import AlignmentError, ConflictError, InputError
from radu_core.workflows import annotate
from radu_core.workflows.load import import_file
from radu_core.workflows.outcomes import resolve, unresolved
from radu_core.workflows.workspace import Workspace


def item(space: Workspace, id: str):
    return space.store.exemplar(MODULE, id)


def test_the_queue_holds_what_is_not_resolved(loaded: Workspace) -> None:
    waiting = annotate.queue(loaded, MODULE)
    assert [i.exemplar.id for i in waiting.items] == ["a00", "u00"]
    assert (waiting.resolved, waiting.total) == (13, 15)
    assert [i.exemplar.id for i in annotate.queue(loaded, MODULE, search="WIFE").items] == ["u00"]
    assert annotate.queue(loaded, MODULE, outcomes=["invalid"]).items == ()


def test_accepting_a_reading_resolves(loaded: Workspace) -> None:
    done = annotate.accept_reading(loaded, MODULE, item(loaded, "a00"), 0, who="ann")
    assert (done.exemplar.outcome, done.exemplar.resolved_by) == ("resolved", "annotator")
    assert done.exemplar.template == item(loaded, "a00").exemplar.template
    assert done.exemplar.template in {
        "from <origin>, lovely Oslo, to <destination>",
        "from Oslo, lovely <origin>, to <destination>",
    }
    assert resolve(loaded, MODULE, who="t").changed == 0
    assert item(loaded, "a00").exemplar.resolved_by == "annotator"


def test_a_reading_that_is_not_there_is_said(loaded: Workspace) -> None:
    with pytest.raises(InputError, match="has 2 readings"):
        annotate.accept_reading(loaded, MODULE, item(loaded, "a00"), 7, who="ann")


def test_two_people_cannot_decide_the_same_one(loaded: Workspace) -> None:
    seen = item(loaded, "a00")
    annotate.accept_reading(loaded, MODULE, seen, 0, who="ann")
    with pytest.raises(ConflictError):
        annotate.accept_reading(loaded, MODULE, seen, 1, who="bob")


def test_marking_by_words(loaded: Workspace) -> None:
    seen = item(loaded, "a00")
    marks = {("origin", 0): "Oslo#2", ("destination", 0): "Rome"}
    spans = annotate.marked_spans(seen, marks)
    done = annotate.place(loaded, MODULE, seen, spans, who="ann")
    assert done.exemplar.template == "from Oslo, lovely <origin>, to <destination>"


@pytest.mark.parametrize(
    ("words", "message"),
    [("Paris", "aren't in the utterance"), ("Oslo", "occur 2 times"), ("Oslo#3", "has 2 of these")],
)
def test_unclear_words_are_said(loaded: Workspace, words: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        annotate.marked_spans(item(loaded, "a00"), {("origin", 0): words})


@pytest.mark.parametrize(
    ("typed", "words", "start"),
    [
        ("flat #1", "flat #1", 12),
        (" flat #1 ", "flat #1", 12),
        ("flat#1", "flat", 12),
        ("e#2", "e", 6),
        ("aa#2", "aa", 28),
    ],
)
def test_words_typed_are_looked_for_before_their_number_is_read(
    loaded: Workspace, typed: str, words: str, start: int
) -> None:
    text = "give me the flat #1 today, aaa"
    seen = item(loaded, "a00")
    other = replace(seen, exemplar=seen.exemplar.model_copy(update={"utterance": text}))
    [span] = annotate.marked_spans(other, {("origin", 0): typed})
    assert (text[span.start : span.end], span.start, span.value) == (words, start, "Oslo")


def test_a_place_is_taken_as_it_is(loaded: Workspace) -> None:
    [span] = annotate.marked_spans(item(loaded, "a00"), {("origin", 0): (19, 23)})
    assert (span.start, span.end) == (19, 23)


def test_implied_values_resolve(loaded: Workspace) -> None:
    seen = item(loaded, "u00")
    states = annotate.argument_states(loaded.store.schema(MODULE), seen)
    assert [(s.slot, s.state) for s in states] == [
        ("destination", "found once"), ("passengers", "not in the text"),
    ]  # fmt: skip
    spans = annotate.marked_spans(seen, {("destination", 0): "Bonn"})
    with pytest.raises(AlignmentError, match="Mark every value"):
        annotate.place(loaded, MODULE, seen, spans, who="ann")
    done = annotate.place(loaded, MODULE, seen, spans, implied=["passengers"], who="ann")
    assert done.exemplar.template == "a seat for my wife and me to <destination>"
    assert done.exemplar.arguments == {"destination": "Bonn", "passengers": 2}


def test_undo_brings_the_question_back(loaded: Workspace) -> None:
    before = item(loaded, "a00")
    annotate.accept_reading(loaded, MODULE, before, 0, who="ann")
    back = annotate.undo(loaded, MODULE, "a00", who="ann")
    assert back.exemplar == before.exemplar
    assert back.readings == before.readings


def test_undoing_a_correction_brings_readings_and_flag_back(loaded: Workspace) -> None:
    loaded.store.flag(MODULE, {"a00": "the model said none"}, who="e")
    before = item(loaded, "a00")
    wrong = {"origin": "Oslo", "destination": "Paris"}
    done = annotate.correct(
        loaded, MODULE, before, function="book_flight", arguments=wrong, who="ann"
    )
    assert (done.flag, done.exemplar.outcome) == (None, "unlocated")
    assert done.readings != before.readings
    back = annotate.undo(loaded, MODULE, "a00", who="ann")
    assert (back.exemplar, back.readings) == (before.exemplar, before.readings)
    assert back.flag == "the model said none"


def test_undo_goes_back_one_decision_at_a_time(loaded: Workspace) -> None:
    first = item(loaded, "a00")
    second = annotate.accept_reading(loaded, MODULE, first, 0, who="ann")
    annotate.discard(loaded, MODULE, second, reason="a poem", who="ann")
    assert annotate.undo(loaded, MODULE, "a00", who="ann").exemplar == second.exemplar
    assert annotate.undo(loaded, MODULE, "a00", who="ann").exemplar == first.exemplar
    with pytest.raises(InputError, match="nothing to take back"):
        annotate.undo(loaded, MODULE, "a00", who="ann")


def test_after_an_undo_nobody_has_decided(loaded: Workspace, write_jsonl) -> None:
    annotate.accept_reading(loaded, MODULE, item(loaded, "a00"), 0, who="ann")
    newer = [{**r, "utterance": "from Oslo to Rome"} for r in ROWS if r["id"] == "a00"]
    path = write_jsonl(newer, "newer.jsonl")
    assert import_file(loaded, "jsonl", path, module=MODULE, who="t").kept == 1
    annotate.undo(loaded, MODULE, "a00", who="ann")
    assert item(loaded, "a00").exemplar.utterance == "from Oslo, lovely Oslo, to Rome"
    assert import_file(loaded, "jsonl", path, module=MODULE, who="t").changed == 1
    assert item(loaded, "a00").exemplar.utterance == "from Oslo to Rome"


def test_a_flagged_label_can_be_said_to_be_right(loaded: Workspace) -> None:
    with pytest.raises(InputError, match="Nobody has flagged"):
        annotate.keep(loaded, MODULE, item(loaded, "f00"), who="ann")
    loaded.store.flag(MODULE, {"f00": "the model said none"}, who="e")
    before = item(loaded, "f00")
    kept = annotate.keep(loaded, MODULE, before, who="ann")
    assert (kept.exemplar, kept.flag) == (before.exemplar, None)
    assert [e.kind for e in loaded.store.history(MODULE, "f00")][-1] == "kept"
    assert annotate.undo(loaded, MODULE, "f00", who="ann").flag == "the model said none"


def test_a_corrected_label_is_aligned_again(loaded: Workspace) -> None:
    done = annotate.correct(
        loaded, MODULE, item(loaded, "u00"), function="book_flight",
        arguments={"destination": "Bonn"}, who="ann",
    )  # fmt: skip
    assert (done.exemplar.outcome, done.exemplar.template) == (
        "resolved", "a seat for my wife and me to <destination>",
    )  # fmt: skip
    with pytest.raises(InputError, match="no slot"):
        annotate.correct(
            loaded, MODULE, item(loaded, "a00"), function="book_flight",
            arguments={"seat": "1"}, who="ann",
        )  # fmt: skip


def test_a_discarded_one_is_kept_counted_and_out_of_the_queue(loaded: Workspace) -> None:
    with pytest.raises(InputError, match="needs a reason"):
        annotate.discard(loaded, MODULE, item(loaded, "a00"), reason=" ", who="ann")
    annotate.discard(loaded, MODULE, item(loaded, "a00"), reason="a poem", who="ann")
    assert [i.exemplar.id for i in annotate.queue(loaded, MODULE).items] == ["u00"]
    rows = {r["id"]: r["reason"] for r in unresolved(loaded, MODULE)}
    assert rows["a00"] == "Discarded by ann: a poem"
    resolve(loaded, MODULE, who="t")
    assert item(loaded, "a00").exemplar.outcome == "invalid"


def test_flagged_errors_come_first_and_a_decision_takes_the_flag_off(loaded: Workspace) -> None:
    loaded.store.flag(MODULE, {"f00": "the model said none"}, who="e")
    first = annotate.queue(loaded, MODULE).items[0]
    assert (first.exemplar.id, first.flag) == ("f00", "the model said none")
    annotate.place(loaded, MODULE, first, first.exemplar.spans or (), who="ann")
    assert item(loaded, "f00").flag is None
