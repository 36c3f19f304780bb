"""Asking what would be, keeping what helps, comparing two ways of retrieving."""

from __future__ import annotations

import pytest
from conftest import MODULE

from radu_core.errors import AlignmentError, ConflictError, InputError, RaduError
from radu_core.retrieval import RetrievalSettings
from radu_core.workflows.coverage import what_if as work
from radu_core.workflows.coverage.report import CoverageReport, coverage_report, retrieval_settings
from radu_core.workflows.frame.workspace import Workspace


@pytest.fixture
def report(loaded: Workspace) -> CoverageReport:
    return coverage_report(loaded, MODULE, split="train", max_desc=2, max_exemplar=4)


def test_a_description_moves_coverage_and_nothing_is_stored(
    loaded: Workspace, report: CoverageReport
) -> None:
    before = loaded.store.schema(MODULE)
    bad = work.what_if(report, (1, 0), descriptions={"book_flight": "zzz qqq"})
    good = work.what_if(report, (1, 0), descriptions={"book_flight": "fly me to please"})
    assert bad.difference.after <= bad.difference.before
    assert good.difference.after > good.difference.before
    gained = {good.before.queries[n].function for n in good.difference.gained}
    assert gained == {"book_flight"}
    assert loaded.store.schema(MODULE) == before
    assert (good.measured, good.asked) == (9, 9)


def test_an_exemplar_helps_others_and_not_itself(report: CoverageReport) -> None:
    query = next(q for q in report.grid.queries if q.exemplar_id == "u00")
    assert query.utterance == "a seat for my wife and me to Bonn"
    alone = work.what_if(report, (0, 1), added=[("book_flight", query.utterance)])
    number = alone.before.queries.index(query)
    assert number not in alone.difference.gained
    assert alone.own == (query.utterance,)
    like = work.what_if(
        report, (0, 1), added=[("book_flight", "a seat for my wife and me to <destination>")]
    )
    assert like.own == ()
    assert like.grid.is_covered(number, 0, 1)


def test_what_is_there_already_changes_nothing(report: CoverageReport) -> None:
    found = work.what_if(report, (0, 1), added=[("book_flight", "fly me to <destination> please")])
    assert found.repeated == ("fly me to <destination> please",)
    assert (found.difference.gained, found.difference.lost, found.difference.p) == ((), (), 1.0)


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"descriptions": {"nope": "x"}}, InputError, "no function of that name"),
        ({"added": [("nope", "x")]}, InputError, "no function of that name"),
        ({"added": [("book_flight", " ")]}, InputError, "empty"),
        ({"added": [("book_flight", "to <city>")]}, AlignmentError, "no slot of that name"),
        ({"added": [("book_flight", "a < b")]}, AlignmentError, "stray"),
    ],
)
def test_bad_questions_are_answered(
    report: CoverageReport, change: dict[str, object], kind: type[RaduError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        work.what_if(report, (1, 1), **change)  # type: ignore[arg-type]


def test_keeping_a_description_stores_a_version(loaded: Workspace) -> None:
    assert work.keep_description(loaded, MODULE, "book_flight", " Fly. ", who="ann")
    kept = loaded.store.schema(MODULE).function("book_flight")
    assert kept is not None
    assert kept.description == "Fly."
    assert loaded.store.schema_versions(MODULE)[-1].who == "ann"
    assert not work.keep_description(loaded, MODULE, "book_flight", "Fly.", who="ann")
    with pytest.raises(InputError, match="would be empty"):
        work.keep_description(loaded, MODULE, "book_flight", " ", who="ann")
    with pytest.raises(InputError, match="no function"):
        work.keep_description(loaded, MODULE, "nope", "x", who="ann")


def test_keeping_an_exemplar_fills_its_slots(loaded: Workspace) -> None:
    template = "carry me off to <destination> \\<3"
    assert work.slots_to_fill(template) == ["destination"]
    item = work.keep_exemplar(
        loaded, MODULE, "book_flight", template, {"destination": " Lund "}, who="ann"
    ).exemplar
    assert (item.utterance, item.arguments) == ("carry me off to Lund <3", {"destination": "Lund"})
    assert (item.outcome, item.template, item.split) == ("resolved", template, "train")
    with pytest.raises(InputError, match="destination has no value"):
        work.keep_exemplar(loaded, MODULE, "book_flight", template, {}, who="ann")
    with pytest.raises(ConflictError, match="added with these labels before"):
        work.keep_exemplar(
            loaded, MODULE, "book_flight", template, {"destination": "Lund"}, who="ann"
        )


def test_several_are_kept_and_one_that_is_refused_holds_up_no_other(loaded: Workspace) -> None:
    values: dict[str, dict[str, str]] = {
        "carry me off to <destination>": {"destination": "Lund"},
        "off I go to <destination>": {},
        "up and away now": {},
    }
    kept = work.keep_exemplars(loaded, MODULE, "book_flight", values, who="ann")
    assert sum(kept.outcomes.values()) == 2
    assert list(kept.refused) == ["off I go to <destination>"]
    assert "destination has no value" in kept.refused["off I go to <destination>"]


def test_a_slot_of_several_values_takes_a_list(loaded: Workspace) -> None:
    item = work.keep_exemplar(
        loaded, MODULE, "book_hotel", "somewhere with <extras>", {"extras": "a pool"}, who="ann"
    ).exemplar
    assert item.arguments == {"extras": ["a pool"]}


def test_two_settings_are_measured_on_the_same_utterances(loaded: Workspace) -> None:
    own = retrieval_settings(loaded, MODULE)
    other = own.model_copy(update={"dense_weight": 0.0})
    found = work.compare_retrieval(
        loaded, MODULE, own, other, split="train", k_desc=0, k_exemplar=1
    )
    assert found.points == ((0, 1), (0, 1))
    assert [r.settings for r in (found.one, found.two)] == [own, other]
    moved = found.difference
    assert moved.before == found.one.grid.hits[0, 1]
    assert moved.after == found.two.grid.hits[0, 1]
    assert moved.after - moved.before == len(moved.gained) - len(moved.lost)
    assert retrieval_settings(loaded, MODULE) == own  # nothing is kept by asking
    by_function = work.function_changes(found.one.grid, moved)
    assert sum(g for _, g, _, _ in by_function) == len(moved.gained)
    elsewhere = work.compare_reports(found.one, found.two, ((0, 1), (2, 0)))
    assert elsewhere.difference.after == found.two.grid.hits[2, 0]


def test_two_weights_are_compared_where_exemplars_are_retrieved(loaded: Workspace) -> None:
    own = retrieval_settings(loaded, MODULE)
    other = own.model_copy(update={"dense_weight": 0.0})
    found = work.compare_retrieval(loaded, MODULE, own, other, split="train")
    recommended = (found.one.choice.k_desc, found.one.choice.k_exemplar)
    for point, expected, noted in (
        ((3, 0), (0, 4), True),
        ((3, 2), (3, 2), False),
        ((0, 1), (0, 1), False),
    ):
        at, note = work.telling_point(found.one, found.two, point)
        assert (at, bool(note)) == (expected, noted)
    assert found.points[0] == (recommended if recommended[1] else (0, 4))
    none = work.compare_retrieval(loaded, MODULE, own, other, split="train", k_exemplar=0)
    assert "changes nothing" in none.note
    some = work.compare_retrieval(loaded, MODULE, own, other, split="train", k_desc=2)
    assert some.points[0] == ((2, recommended[1]) if recommended[1] else (2, 4))


def test_other_utterances_and_points_beyond_the_grid_are_refused(
    loaded: Workspace, report: CoverageReport
) -> None:
    other = coverage_report(loaded, MODULE)
    with pytest.raises(InputError, match="same utterances"):
        work.difference(report.grid, other.grid, (1, 1), (1, 1))
    with pytest.raises(
        InputError, match=r"At most 2 descriptions \(k_desc\) and 4 exemplars \(k_exemplar\) were"
    ):
        work.point_of(report, 3, None)


def test_an_embedder_that_is_not_there_is_said(loaded: Workspace) -> None:
    with pytest.raises(RaduError, match="No such model"):
        work.compare_retrieval(
            loaded, MODULE, RetrievalSettings(), RetrievalSettings(embedder="nope")
        )
