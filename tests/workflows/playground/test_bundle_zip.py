"""A run's bundle to download: all or nothing, and offered only while it is the run's."""

from __future__ import annotations

import errno
import fcntl
import json
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from conftest import MODULE, ROWS, SCHEMA
from fitted_run import fit_fast
from generator_run import make_generator_run
from tiny_encoder import make_tiny_encoder
from tuned_run import make_taught_run

import radu
from radu_core.errors import ConflictError, DiskFullError, InputError, RunError
from radu_core.inference.answers import Answer, Question
from radu_core.inference.asking import AnyParser, answer_questions
from radu_core.inference.bundle import SelfTest
from radu_core.retrieval import RetrievalSettings
from radu_core.schema import parse_schema
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.coverage.indexing import set_retrieval
from radu_core.workflows.evaluate.parse import parser_of
from radu_core.workflows.frame.labelled_rows import labelled_rows
from radu_core.workflows.frame.signing import LIFE, TokenError
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.playground import bundle as writing
from radu_core.workflows.playground import bundle_zip
from radu_core.workflows.playground.bundle_zip import (
    BundleChoices,
    PreparedBundle,
    bundle_choices,
    download_token,
    open_download,
    prepare_bundle,
    prepared_bundle,
    remove_bundle,
)
from radu_core.workflows.runs.scope import set_kept
from radu_core.workflows.train import manage_runs as runs

pytestmark = pytest.mark.slow
TEXTS = [str(row["utterance"]) for row in ROWS] + ["fly me to Oslo", "a hotel bed in Paris"]


class Stopped(Exception):  # noqa: N818
    """What a job raises out of its progress."""


@dataclass
class Steps:
    """A progress that keeps what it was told, and stops at a step."""

    told: list[str]
    stop: str = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        assert 0 <= done <= total
        if what not in self.told:
            self.told.append(what)
        if what == self.stop:
            raise Stopped


@dataclass(frozen=True)
class Made:
    """A workspace with a fast model's run, and its bundle."""

    space: Workspace
    run: RunDirectory
    found: PreparedBundle
    told: tuple[str, ...]

    def prepare(self, **more: object) -> PreparedBundle:
        return prepare_bundle(self.space, self.run.id, module=MODULE, runtime="torch", **more)  # type: ignore[arg-type]

    def now(self) -> PreparedBundle | None:
        return prepared_bundle(self.space, self.run, MODULE)

    def left(self) -> set[str]:
        return {p.name for p in self.space.exports.iterdir()} - {".lock"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    place = tmp_path_factory.mktemp("zip")
    space = Workspace(place / "home")
    space.store.put_schema(parse_schema(SCHEMA), who="test")
    (place / "rows.jsonl").write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    import_file(space, "jsonl", place / "rows.jsonl", module=MODULE, who="test")
    resolve(space, MODULE, who="test")
    run = RunDirectory.open(space.runs, fit_fast(space, MODULE, place, TEXTS))
    steps = Steps([])
    found = prepare_bundle(space, run.id, module=MODULE, progress=steps)
    yield Made(space, run, found, tuple(steps.told))
    space.store.close()


@pytest.fixture(autouse=True)
def current(made: Made) -> None:
    """Each test finds a bundle that is current."""
    if (found := made.now()) is None or found.stale:
        made.prepare()


def test_the_zip_is_a_bundle_that_answers_as_its_run(made: Made, tmp_path: Path) -> None:
    rows = labelled_rows(made.space, MODULE, "validation").exemplars
    assert made.found.manifest.self_test == SelfTest(rows=len(rows), equal=len(rows))
    assert (made.found.stale, made.found.folder) == ("", made.run.id)
    assert made.told == (
        "Loading the model",
        "Writing the encoder",
        "Writing the embedding model",
        "Asking the run",
        "Comparing the bundle with the run",
        "Packing, in MB",
    )
    assert made.left() == {f"{made.run.id}.zip"}
    path = made.prepare().path
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.comment == b""  # unzip would print it
        assert {n.split("/", 1)[0] for n in archive.namelist()} == {made.run.id}
        archive.extractall(tmp_path)
    found = made.now()
    assert found is not None
    assert (found.path, found.size, found.stale) == (path, path.stat().st_size, "")
    wanted = answer_questions(parser_of(made.space, made.run.id), [Question(t) for t in TEXTS])
    answers = radu.load(tmp_path / made.run.id).parse_many(TEXTS)
    assert [(a.function, a.arguments) for a in answers] == [
        (a.function, a.arguments) for a in wanted
    ]


@pytest.mark.parametrize("step", ["Writing the encoder", "Asking the run", "Packing, in MB"])
def test_one_that_is_stopped_leaves_the_one_before(made: Made, step: str) -> None:
    before = made.now()
    assert before is not None
    data = before.path.read_bytes()
    with pytest.raises(Stopped):
        made.prepare(progress=Steps([], stop=step))
    assert made.left() == {before.path.name}
    assert made.now() == before
    assert before.path.read_bytes() == data


def test_a_full_disk_leaves_the_one_before(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    before = made.now()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(bundle_zip, "_entry", full)
    with pytest.raises(DiskFullError, match="Free some space"):
        made.prepare()
    assert made.left() == {f"{made.run.id}.zip"}
    assert made.now() == before


def test_calls_that_differ_are_an_error_and_nothing_is_offered_of_it(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove_bundle(made.space, made.run, MODULE)
    own = parser_of(made.space, made.run.id)
    real = answer_questions
    asked: list[AnyParser] = []

    def ask(parser: AnyParser, questions: list[Question]) -> list[Answer]:
        asked.append(parser)
        found = real(own, questions)
        same = parser is asked[0]
        return found if same else [replace(a, function="other") for a in found]

    monkeypatch.setattr(writing, "answer_questions", ask)
    with pytest.raises(RunError, match="validation rows unlike the run"):
        made.prepare()
    assert made.left() == set()
    assert made.now() is None


def test_what_the_run_isnt_any_more_is_not_offered(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = made.now()
    assert found is not None
    token = download_token(made.space, found, MODULE)
    assert open_download(made.space, token) == found
    kept = set_kept(made.space, made.run.id, 0.91)
    stale = made.now()
    assert stale is not None
    assert stale.stale == "the run's model or settings have changed since it was prepared"
    with pytest.raises(ConflictError, match="isn't current"):
        open_download(made.space, token)
    again = made.prepare()
    assert (again.stale, made.now()) == ("", again)
    with pytest.raises(ConflictError, match="prepared again"):
        open_download(made.space, token)
    set_kept(made.space, made.run.id, kept)
    monkeypatch.setattr(bundle_zip, "FORMAT", 99)
    newer = made.now()
    assert newer is not None
    assert newer.stale == "it has format 1, and this version writes 99"


def test_a_token_opens_one_bundle_for_a_while(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = made.now()
    assert found is not None
    token = download_token(made.space, found, MODULE)
    other = download_token(Workspace(tmp_path / "other"), found, MODULE)
    for wrong in ("", "nonsense", "é", token[:-1], other):
        with pytest.raises(TokenError, match="expired or isn't"):
            open_download(made.space, wrong)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + LIFE + 60)
    with pytest.raises(TokenError, match="expired"):
        open_download(made.space, token)
    monkeypatch.undo()
    remove_bundle(made.space, made.run, MODULE)
    remove_bundle(made.space, made.run, MODULE)  # gone already
    with pytest.raises(ConflictError, match="removed"):
        open_download(made.space, token)


def test_a_damaged_zip_counts_as_none(made: Made) -> None:
    found = made.now()
    assert found is not None
    data = found.path.read_bytes()
    with zipfile.ZipFile(found.path, "w") as archive:  # somebody else's
        archive.writestr("x", "y")
    assert made.now() is None
    for spoilt in (data[:-500], data[:1000], b""):
        found.path.write_bytes(spoilt)
        assert made.now() is None
    again = made.prepare()
    assert (again.stale, again.path) == ("", found.path)


def test_what_a_killed_process_left_and_bundles_of_lost_runs_are_deleted(made: Made) -> None:
    exports = made.space.exports
    (exports / ".bundle.abc" / "half").mkdir(parents=True)
    (exports / ".bundle.abc" / "half" / "model").write_text("x")
    (exports / f".{made.run.id}.zip.abc").write_text("x")
    (exports / "20200101-000000-gone_bot_en-full-0000.zip").write_text("x")
    (exports / "travel").mkdir()
    (exports / "travel.zip").write_text("somebody's own")
    made.prepare()
    assert made.left() == {f"{made.run.id}.zip", "travel", "travel.zip"}
    (exports / "travel").rmdir()
    (exports / "travel.zip").unlink()


def test_one_is_prepared_at_a_time(made: Made) -> None:
    steps = Steps([], stop="Waiting for another bundle")
    with (made.space.exports / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Stopped):
            made.prepare(progress=steps)
    assert steps.told == ["Waiting for another bundle"]
    assert made.prepare().stale == ""


def test_one_with_a_language_model_rests_on_that_and_the_validation_rows(
    loaded: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    run = RunDirectory.open(loaded.runs, fit_fast(loaded, MODULE, tmp_path, TEXTS))
    other = make_generator_run(loaded, MODULE, tiny_model)
    taught = make_taught_run(loaded, MODULE)
    choices = bundle_choices(loaded, run, MODULE)
    assert (choices.is_fast, choices.language_models) == (True, (other.id,))
    with pytest.raises(InputError, match="answers nothing by itself"):
        bundle_choices(loaded, taught, MODULE)
    with pytest.raises(InputError, match="answers nothing by itself"):
        prepare_bundle(loaded, taught.id, module=MODULE)
    assert not loaded.exports.exists()
    found = prepare_bundle(loaded, run.id, module=MODULE, generator=other.id, runtime="torch")
    assert (found.manifest.kind, found.stale) == ("full", "")
    assert found.manifest.runs == {"run": run.id, "generator": other.id}
    row = labelled_rows(loaded, MODULE, "validation").exemplars[0]
    more = row.model_copy(update={"id": "more"})
    loaded.store.add_exemplar(MODULE, more, who="test")
    stale = prepared_bundle(loaded, run, MODULE)
    assert stale is not None
    assert "or the language model beside it" in stale.stale
    runs.trash(loaded, other.id)
    alone = prepared_bundle(loaded, run, MODULE)
    assert alone is not None
    assert "no such run" in alone.stale


def test_a_bundle_stays_with_its_run_until_the_trash_is_emptied(
    loaded: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    encoder = make_tiny_encoder(tmp_path / "encoder", TEXTS)
    set_retrieval(loaded, MODULE, RetrievalSettings(embedder=str(encoder)), who="test")
    run = make_generator_run(loaded, MODULE, tiny_model)
    assert bundle_choices(loaded, run, MODULE) == BundleChoices(False, ())
    found = prepare_bundle(loaded, run.id, module=MODULE)
    assert found.manifest.kind == "generator"
    runs.trash(loaded, run.id)
    assert prepared_bundle(loaded, runs.restore_run(loaded, run.id), MODULE) == found
    runs.trash(loaded, run.id)
    runs.empty_trash(loaded)
    assert not found.path.exists()
