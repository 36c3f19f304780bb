"""A model is asked as it is anywhere else, and what is wrong goes back to annotation once."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import MODULE
from tuned_run import make_taught_run, make_tuned_run

from radu_core.errors import InputError, NotFoundError, RaduError, RunError
from radu_core.files import write_json
from radu_core.inference.answers import Answer, Question
from radu_core.store import StoredExemplar
from radu_core.training.joint.files import HEAD_FILE
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.evaluate import parse as parsing
from radu_core.workflows.evaluate.parse import parse
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.playground.ask import Right, ask, models, open_model, send_back
from radu_core.workflows.playground.export_model import export_model

SAID = "fly me to Oslo"


def wrong(utterance: str, function: str | None = "book_hotel", **arguments: str) -> Answer:
    return Answer(utterance, function, dict(arguments), 0.6)


def stored(space: Workspace, id: str) -> StoredExemplar:
    return space.store.exemplar(MODULE, id)


def test_it_is_asked_as_the_shell_asks_it(loaded: Workspace, run: RunDirectory) -> None:
    call = parse(loaded, run.id, SAID)
    found = ask(loaded, run.id, f"  {SAID} ", module=MODULE)
    assert (found.answer.function, found.answer.arguments) == (call.function, call.arguments)
    assert {a.function or "none": a.confidence for a in found.answer.alternatives} == call.scores
    assert "function" in found.prompts
    model = open_model(loaded, run.id, module=MODULE)
    assert (model.name, model.kind, model.schema.module) == (run.id, "generator", MODULE)
    [answer] = model.answer([Question(SAID)])
    assert (answer.function, answer.arguments) == (call.function, call.arguments)


def test_a_model_is_loaded_once_for_page_and_shell(
    loaded: Workspace, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse(loaded, run.id, SAID, module=MODULE)
    monkeypatch.setattr(parsing, "Generator", lambda *_, **__: pytest.fail("loaded again"))
    ask(loaded, run.id, SAID, module=MODULE)
    ask(loaded, run.id, "a hotel in Paris", module=MODULE)


def test_an_exported_directory_is_asked_by_its_path(
    loaded: Workspace, run: RunDirectory, tmp_path: Path
) -> None:
    place = tmp_path / "one + another"
    export_model(loaded, run.id, place)
    found = ask(loaded, f" {place}", SAID, module=MODULE)
    assert found.answer.alternatives == ask(loaded, run.id, SAID, module=MODULE).answer.alternatives


@pytest.mark.parametrize(
    ("name", "utterance", "error", "said"),
    [
        ("last", "  ", InputError, "The utterance is empty"),
        ("last", "x" * 10_001, InputError, "10,001 characters"),
        ("nothing", SAID, RunError, "nothing"),
        ("~nobody-of-that-name", SAID, RunError, "no such run"),
        ("x" * 5_000, SAID, RunError, "no such run"),
        ("/" + "x" * 5_000, SAID, NotFoundError, "There is no such directory"),
        ("/nowhere/at/all", SAID, NotFoundError, "There is no such directory"),
        ("{tmp}", SAID, InputError, "holds no exported model"),
    ],
)
def test_what_cannot_be_asked_is_said(
    loaded: Workspace,
    run: RunDirectory,
    tmp_path: Path,
    name: str,
    utterance: str,
    error: type[RaduError],
    said: str,
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(error, match=said):
        ask(loaded, name.format(tmp=tmp_path / "empty"), utterance, module=MODULE)


def test_models_are_what_answers_and_pairs_of_them(loaded: Workspace) -> None:
    make_taught_run(loaded, MODULE)  # it tuned the embedding model alone
    assert models(loaded, MODULE) == []
    one, two = (make_tuned_run(loaded, MODULE, second=n) for n in (1, 2))
    write_json(two.model / HEAD_FILE, {})
    assert models(loaded, MODULE) == [two.id, one.id, f"{two.id} + {one.id}"]
    assert models(loaded, "acme_bank_en") == []


def test_an_utterance_that_the_module_has_is_flagged_with_both_answers(loaded: Workspace) -> None:
    before = stored(loaded, "f00")
    said = wrong("Fly me to  Oslo please", city="Paris")
    assert send_back(loaded, MODULE, "run-1", said, None, who="ann").is_new
    said = wrong("FLY me to Oslo please", city="Paris")
    right = Right("book_flight", {"destination": "Oslo"})
    sent = send_back(loaded, MODULE, "run-1", said, right, who="ann")
    assert (sent.exemplar, sent.is_new, sent.queue) == ("f00", False, "evaluation")
    after = stored(loaded, "f00")
    assert after.exemplar == before.exemplar
    assert after.flag == (
        'Playground: run-1 said book_hotel {"city":"Paris"}; '
        'ann says book_flight {"destination":"Oslo"}'
    )


def test_a_new_one_with_the_right_answer_is_added_and_aligned(loaded: Workspace) -> None:
    said = wrong("take me to Lima")
    right = Right("book_flight", {"destination": "Lima", "passengers": ""})
    sent = send_back(loaded, MODULE, "run-1", said, right, who="ann")
    assert (sent.is_new, sent.queue, sent.outcome) == (True, None, "resolved")
    exemplar = stored(loaded, sent.exemplar).exemplar
    assert (exemplar.template, exemplar.arguments) == (
        "take me to <destination>",
        {"destination": "Lima"},
    )
    lost = send_back(
        loaded,
        MODULE,
        "run-1",
        wrong("take us there"),
        Right("book_flight", {"destination": "Lima"}),
        who="ann",
    )
    assert lost.queue == lost.outcome == "unlocated"
    joke = send_back(loaded, MODULE, "run-1", wrong("sing"), Right(None, {}), who="ann")
    assert stored(loaded, joke.exemplar).exemplar.out_of_scope


def test_a_new_one_without_an_answer_is_unlabelled_and_says_why(loaded: Workspace) -> None:
    for _ in range(2):  # pressed twice, it is there once
        sent = send_back(loaded, MODULE, "run-1", wrong("go!", None), None, who="ann")
        assert (sent.queue, sent.outcome) == ("evaluation", "unlabelled")
    [item] = loaded.store.saying(MODULE, "Go!")
    assert item.exemplar.unlabelled
    assert item.flag == "Playground: run-1 said out of scope"


def test_a_right_answer_that_does_not_fit_stores_nothing(loaded: Workspace) -> None:
    before = loaded.store.counts(MODULE)
    for utterance in ("take me to Lima", "fly me to Oslo please"):
        right = Right("book_flight", {"passengers": "many"})
        with pytest.raises(InputError, match="passengers"):
            send_back(loaded, MODULE, "run-1", wrong(utterance), right, who="ann")
    assert loaded.store.counts(MODULE) == before
    assert stored(loaded, "f00").flag is None


def test_what_the_model_said_is_not_taken_for_the_right_answer(loaded: Workspace) -> None:
    before = loaded.store.counts(MODULE)
    for utterance in ("take me to Lima", "fly me to Oslo please"):
        said = wrong(utterance, "book_flight", destination="Lima")
        right = Right("book_flight", {"destination": "Lima", "passengers": ""})
        with pytest.raises(InputError, match="That is what the model said"):
            send_back(loaded, MODULE, "run-1", said, right, who="ann")
    with pytest.raises(InputError, match="That is what the model said"):
        send_back(loaded, MODULE, "run-1", wrong("sing", None), Right(None, {}), who="ann")
    assert loaded.store.counts(MODULE) == before
    assert stored(loaded, "f00").flag is None


@pytest.mark.parametrize("utterance", ["50%_off", "100 % sûr", "Straße nach\nBonn", "ﬁre \\ 雨"])
def test_the_same_utterance_is_found_whatever_it_is_made_of(
    loaded: Workspace, utterance: str
) -> None:
    sent = send_back(loaded, MODULE, "run-1", wrong(utterance, None), None, who="ann")
    others = (utterance.upper(), utterance.replace("ﬁ", "fi"))
    for text in (utterance, *others):
        assert [i.exemplar.id for i in loaded.store.saying(MODULE, text)] == [sent.exemplar]
    for text in (utterance[:-1], utterance + "s", "50%xoff"):
        assert loaded.store.saying(MODULE, text) == []
