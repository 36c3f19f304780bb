"""The Playground asks what is chosen, keeps the conversation, and sends back what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE
from streamlit.testing.v1 import AppTest
from tuned_run import make_tuned_run

from radu_core.errors import InputError
from radu_core.exemplars import Span
from radu_core.inference.answers import Alternative, Answer, Explanation
from radu_core.workflows.frame.workspace import Workspace
from studio.playground import page as playground_page

PAGE = str(Path(__file__).resolve().parents[2] / "pages" / "playground.py")
INPUT = f"playground input {MODULE}"


def explained(name: str, utterance: str) -> Explanation:
    """Whatever is asked for means a flight to the last word."""
    start = utterance.rfind(" ") + 1
    city = utterance[start:]
    answer = Answer(
        utterance,
        "book_flight",
        {"destination": city},
        0.8,
        (Alternative("book_flight", 0.8), Alternative(None, 0.2)),
        (Span(slot="destination", start=start, end=len(utterance), value=city),),
        0.25,
        ("'home' is no value of origin",),
        0.012,
    )
    said = {"linear": {"book_flight": 0.7, "none": 0.3}, "words": {"book_flight": 0.4, "none": 0.6}}
    return Explanation(
        answer,
        said,
        {"linear": 0.5, "words": 2.0},
        (("fly to Rome", "book_flight", 0.9),),
        {"function": f"Which one, {name}?"},
        {"function": 10.0, "values": 2.0},
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str | None]]:
    """What the page asks, of (model, utterance, context)."""
    seen: list[tuple[str, str, str | None]] = []

    def ask(_: Any, name: str, utterance: str, *, module: str, context: Any, progress: Any) -> Any:
        seen.append((name, utterance, context))
        if "unforeseen" in utterance:
            raise ZeroDivisionError
        if "broken" in utterance:
            raise InputError("That can't be asked", value=utterance, remedy="Ask something else.")
        return explained(name, utterance)

    monkeypatch.setattr(playground_page, "ask", ask)
    return seen


@pytest.fixture
def runs(loaded: Workspace, pages_use: Callable[..., Workspace]) -> list[str]:
    """Two finished runs, the newest first."""
    pages_use(loaded)
    return [make_tuned_run(loaded, MODULE, second=n).id for n in (2, 1)]


def opened() -> AppTest:
    return AppTest.from_file(PAGE, default_timeout=30).run()


def say(at: AppTest, utterance: str) -> AppTest:
    return at.chat_input(key=INPUT).set_value(utterance).run()


def opened_box(at: AppTest, key: str) -> None:
    at.session_state[key] = True
    at.run()


def shown(at: AppTest) -> str:
    return "\n".join(str(m.value) for m in [*at.markdown, *at.caption, *at.code])


def test_without_a_run_it_says_so(loaded: Workspace, pages_use: Callable[..., Workspace]) -> None:
    pages_use(loaded)
    at = opened()
    assert at.info[0].value == "No run of this module that answers utterances has finished yet."
    assert at.chat_input(key=INPUT).disabled
    assert not at.error
    at.segmented_control(key="playground tab").set_value("Use it in an app").run()
    assert "radu serve" not in shown(at)


def test_two_models_are_asked_side_by_side(
    runs: list[str], asked: list[tuple[str, str, str | None]]
) -> None:
    at = opened()
    assert at.selectbox(key=f"playground first {MODULE}").options == runs
    at.selectbox(key=f"playground second {MODULE}").select(runs[1]).run()
    at.selectbox(key=f"playground context {MODULE}").select("book_flight.origin").run()
    say(at, "  fly to Oslo ")
    assert asked == [(name, "fly to Oslo", "book_flight.origin") for name in runs]
    assert not at.error
    assert [c.value for c in at.code] == [
        '{"function": "book_flight", "arguments": {"destination": "Oslo"}}'
    ] * 2
    assert "80.0 % confident" in shown(at).replace("\\", "")
    assert [w.value.replace("\\", "") for w in at.warning] == [
        "Left out: 'home' is no value of origin."
    ] * 2


def test_a_part_of_one_name_is_that_model(runs: list[str]) -> None:
    for typed, wanted in (
        (runs[1][:15], f"radu export-model {runs[1]} "),
        (MODULE, f"radu serve {MODULE}"),  # a part of both: it is what was typed
        ("no run", "radu serve 'no run'"),
    ):
        at = AppTest.from_file(PAGE, default_timeout=30)
        at.session_state[f"playground first {MODULE}"] = typed
        at.session_state["playground tab"] = "Use it in an app"
        at.run()
        assert at.code[0].value.startswith(wanted)


def test_the_conversation_is_kept_newest_first_and_asked_again(
    runs: list[str], asked: list[tuple[str, str, str | None]]
) -> None:
    at = opened()
    for text in ("fly to Oslo", "fly to Rome", "fly to Bonn"):
        say(at, text)
    assert at.code[0].value.endswith('{"destination": "Bonn"}}')
    text = shown(at)
    assert 0 < text.index("fly to Rome") < text.index("fly to Oslo")
    at.button(key=f"again {MODULE} 1").click().run()
    assert [u for _, u, _ in asked] == [f"fly to {c}" for c in ("Oslo", "Rome", "Bonn", "Oslo")]
    assert at.code[0].value.endswith('{"destination": "Oslo"}}')
    at.run()
    assert len(asked) == 4  # what is answered isn't asked in every rerun
    next(b for b in at.button if b.label == "Clear").click().run()
    assert "fly to Rome" not in shown(at)


def test_an_earlier_one_is_shown_by_its_beginning(
    runs: list[str], asked: list[tuple[str, str, str | None]]
) -> None:
    at = opened()
    long = "to " * 100 + "Oslo"
    for text in (long, "fly to Rome"):
        say(at, text)
    assert long not in shown(at)
    assert "(104 more characters)" in shown(at).replace("\\", "")
    at.button(key=f"again {MODULE} 1").click().run()
    assert asked[-1][1] == long


def test_what_cannot_be_asked_is_a_message_beside_the_other_answers(
    runs: list[str], asked: list[tuple[str, str, str | None]]
) -> None:
    at = opened()
    say(at, "broken")
    assert [e.value.replace("\\", "") for e in at.error] == [
        "That can't be asked: 'broken'. Ask something else."
    ]
    say(at, "fly to Oslo")
    assert not at.error
    assert "broken" in shown(at)
    at.run()
    assert len(asked) == 2


def test_what_nobody_foresaw_is_told_once(
    runs: list[str], asked: list[tuple[str, str, str | None]]
) -> None:
    at = opened()
    say(at, "unforeseen")
    assert "ZeroDivisionError" in at.error[0].value
    assert not at.exception
    at.run()
    assert [e.value.replace("\\", "") for e in at.error] == [
        "It couldn't answer (ZeroDivisionError)."
    ]
    assert len(asked) == 1
    say(at, "fly to Oslo")
    assert not at.error


def test_why_it_is_that_one(runs: list[str], asked: list[tuple[str, str, str | None]]) -> None:
    at = opened()
    say(at, "fly to Oslo")
    opened_box(at, f"playground why {runs[0]}")
    likely, sources, spent = (d.value for d in at.dataframe)
    assert likely.to_dict("records") == [
        {"function": "book_flight", "probability": 80.0},
        {"function": "out of scope", "probability": 20.0},
    ]
    assert sources["source"].tolist() == ["words", "linear"]  # the one that counts most first
    assert sources["says"].tolist() == ["out of scope", "book_flight"]
    assert sources["of the answer"].tolist() == [40.0, 70.0]
    assert spent["ms"].tolist() == [10.0, 2.0]
    opened_box(at, f"playground shown {runs[0]}")
    assert f"Which one, {runs[0]}?" in [c.value for c in at.code]


@pytest.mark.parametrize("function", ["let an annotator say", "book_flight"])
def test_what_is_wrong_goes_back_once(
    loaded: Workspace,
    runs: list[str],
    asked: list[tuple[str, str, str | None]],
    function: str,
) -> None:
    at = opened()
    say(at, "take me to Lima")
    key = f"{MODULE} 1 {runs[0]}"
    opened_box(at, f"playground wrong {key}")
    at.selectbox(key=f"right {key}").select(function).run()
    if function == "book_flight":
        value = at.text_input(key=f"right {key} {function} destination")
        assert value.value == "Lima"
        next(b for b in at.button if b.label == "Send to annotation").click().run()
        assert "That is what the model said" in at.error[0].value
        assert loaded.store.saying(MODULE, "take me to Lima") == []
        at.text_input(key=f"right {key} {function} passengers").input("2")
    next(b for b in at.button if b.label == "Send to annotation").click().run()
    assert not at.error
    [item] = loaded.store.saying(MODULE, "take me to Lima")
    if function == "book_flight":
        assert item.exemplar.arguments == {"destination": "Lima", "passengers": 2}
        assert at.success[0].value.startswith("Added to the module: unlocated.")
    else:
        assert item.exemplar.unlabelled
        assert at.success[0].value.startswith("Added to the module: unlabelled.")
    assert not [b for b in at.button if b.label == "Send to annotation"]


def test_a_right_answer_that_does_not_fit_is_a_message(
    loaded: Workspace, runs: list[str], asked: list[tuple[str, str, str | None]]
) -> None:
    at = opened()
    say(at, "take me to Lima")
    key = f"{MODULE} 1 {runs[0]}"
    opened_box(at, f"playground wrong {key}")
    at.selectbox(key=f"right {key}").select("book_flight").run()
    at.text_input(key=f"right {key} book_flight passengers").input("many")
    next(b for b in at.button if b.label == "Send to annotation").click().run()
    assert "passengers" in at.error[0].value
    assert loaded.store.saying(MODULE, "take me to Lima") == []
    at.text_input(key=f"right {key} book_flight passengers").input("2")
    next(b for b in at.button if b.label == "Send to annotation").click().run()
    assert not at.error
    assert at.success


def test_code_for_an_app_is_about_the_chosen_run_and_the_last_question(
    runs: list[str], asked: list[tuple[str, str, str | None]]
) -> None:
    at = opened()
    say(at, "fly to Oslo")
    at.segmented_control(key="playground tab").set_value("Use it in an app").run()
    texts = [c.value for c in at.code]
    assert texts[0] == f"radu export-model {runs[0]} \\\n  --module {MODULE} --to bundle {MODULE}"
    assert texts[1] == f"radu serve {MODULE}"
    assert '{"utterance": "fly to Oslo"}' in texts[2]
    at = AppTest.from_file(PAGE, default_timeout=30)
    at.session_state[f"playground first {MODULE}"] = "bundles/travel v2"
    at.session_state["playground tab"] = "Use it in an app"
    at.run()
    assert at.code[0].value == "radu serve 'bundles/travel v2'"
