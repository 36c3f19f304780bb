"""Resolving a module: what is stored, the funnel and its costs, accepting automatically."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import MODULE
from deciding import decide, reading

from radu_core.errors import InputError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load import outcomes


def add(space: Workspace, id: str, utterance: str, arguments: dict[str, Any]) -> None:
    row = AnnotatedExemplar(id=id, utterance=utterance, function="book_flight", arguments=arguments)
    space.store.put_exemplars(MODULE, [row], who="t", source="f")


def test_what_was_found_is_stored_for_the_annotator(loaded: Workspace) -> None:
    details = loaded.store.exemplar(MODULE, "a00").details
    assert (details["kind"], details["complete"]) == ("a value occurs more than once", True)
    origin, destination = details["arguments"]
    assert [(p["start"], p["end"], p["kind"]) for p in origin["places"]] == [
        (5, 9, "exact"),
        (18, 22, "exact"),
    ]
    assert (origin["state"], destination["state"]) == ("repeated", "placed")
    assert loaded.store.exemplar(MODULE, "f00").details == {}


def test_resolving_again_changes_nothing(loaded: Workspace) -> None:
    add(loaded, "b00", "to Oslo, and my money back", {"destination": "Oslo", "refundable": True})
    assert outcomes.resolve(loaded, MODULE, who="t").changed == 1
    stored = loaded.store.exemplar(MODULE, "b00")
    assert (stored.exemplar.implied, stored.exemplar.outcome) == (("refundable",), "resolved")
    assert outcomes.resolve(loaded, MODULE, who="t").changed == 0
    assert outcomes.as_labelled(stored).implied == ()


def test_the_report_says_what_each_reason_costs(loaded: Workspace) -> None:
    for n in range(6):
        add(loaded, f"m{n}", f"{n} of us fly from Ur, the old Ur", {"origin": "Ur"})
    report = outcomes.resolve(loaded, MODULE, who="t")
    twice = report.costs[0]
    assert (twice.reason, twice.exemplars) == ("a value occurs more than once", 7)
    assert twice.functions == ("book_flight",)  # four are resolved; with these there would be ten
    assert twice.slots == ("book_flight.origin",)
    assert sum(c.exemplars for c in report.costs) == report.total - report.outcomes["resolved"]


def test_likely_readings_are_accepted_when_the_module_opts_in(loaded: Workspace) -> None:
    for n, city in enumerate(("Ulm", "Graz", "Linz", "Enns", "Wels", "Krems")):
        add(loaded, f"w{n}", f"from {city} to Rome", {"origin": city, "destination": "Rome"})
    outcomes.resolve(loaded, MODULE, who="t")
    before = loaded.store.exemplar(MODULE, "a00")
    best = before.readings[0]
    assert best["template"] == "from <origin>, lovely Oslo, to <destination>"
    outcomes.set_acceptance(loaded, MODULE, 0.5, who="t")
    report = outcomes.resolve(loaded, MODULE, who="t")
    assert report.resolved_by["automatic"] == 1
    done = loaded.store.exemplar(MODULE, "a00")
    assert (done.exemplar.resolved_by, done.exemplar.template) == ("automatic", best["template"])
    assert done.exemplar.reason.startswith("Accepted automatically: ")
    assert outcomes.resolve(loaded, MODULE, who="t").changed == 0
    outcomes.set_acceptance(loaded, MODULE, None, who="t")
    assert "automatic" not in outcomes.resolve(loaded, MODULE, who="t").resolved_by
    after = loaded.store.exemplar(MODULE, "a00")
    assert after.exemplar == before.exemplar
    assert after.readings == before.readings


def test_a_person_may_decide_what_was_accepted_automatically(loaded: Workspace) -> None:
    outcomes.set_acceptance(loaded, MODULE, 0.5, who="t")
    outcomes.resolve(loaded, MODULE, who="t")
    seen = loaded.store.exemplar(MODULE, "a00")
    assert seen.exemplar.resolved_by == "automatic"
    decide(loaded, "decide", "a00", **reading(loaded, "a00", 1))
    done = loaded.store.exemplar(MODULE, "a00")
    outcomes.set_acceptance(loaded, MODULE, None, who="t")
    outcomes.resolve(loaded, MODULE, who="t")
    kept = loaded.store.exemplar(MODULE, "a00").exemplar
    assert (kept.resolved_by, kept.template) == ("annotator", done.exemplar.template)


@pytest.mark.parametrize("threshold", [0.2, 1.5, float("nan")])
def test_a_confidence_that_means_nothing_is_refused(loaded: Workspace, threshold: float) -> None:
    with pytest.raises(InputError, match="between"):
        outcomes.set_acceptance(loaded, MODULE, threshold, who="t")
    assert outcomes.acceptance(loaded, MODULE) is None


def test_accepting_needs_every_value(loaded: Workspace) -> None:
    outcomes.set_acceptance(loaded, MODULE, 0.5, who="t")
    outcomes.resolve(loaded, MODULE, who="t")
    assert loaded.store.exemplar(MODULE, "u00").exemplar.outcome == "unlocated"


def test_the_funnel_counts_every_exemplar(loaded: Workspace) -> None:
    funnel = outcomes.funnel(loaded, MODULE)
    assert funnel.outcomes == {"ambiguous": 1, "resolved": 13, "unlocated": 1}
    assert sum(funnel.reasons.values()) == 2
    assert [(t.function, t.resolved, t.waiting) for t in funnel.thin] == [
        ("book_flight", 4, 2),
        ("book_hotel", 3, 0),
    ]
    assert "book_flight.origin" in funnel.empty_slots


@pytest.mark.parametrize(
    ("resolved", "waiting", "remedy"),
    [
        (4, 0, "Label 6 more."),
        (4, 9, "Resolve 6 of the 9 that wait."),
        (4, 6, "Resolve the 6 that wait."),
        (4, 2, "Resolve the 2 that wait, and label 4 more."),
        (9, 1, "Resolve the one that waits."),
        (7, 1, "Resolve the one that waits, and label 2 more."),
    ],
)
def test_a_function_with_few_exemplars_has_its_remedy(
    resolved: int, waiting: int, remedy: str
) -> None:
    assert outcomes.Thin("f", resolved, waiting).remedy == remedy
