"""The bundle on a run's page, and the route it is downloaded by."""

from __future__ import annotations

import io
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from app_testing import run_until
from bundle_fake import WEIGHTS, write_fake_bundle
from conftest import MODULE
from generator_run import make_generator_run
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest
from tuned_run import make_taught_run, make_tuned_run

from radu_core.errors import DiskFullError
from radu_core.progress import Progress
from radu_core.training.joint.files import HEAD_FILE
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.playground import bundle_zip
from radu_core.workflows.playground.bundle_zip import prepare_bundle, prepared_bundle
from studio.frame.spaces import workspace as shared
from studio.train import bundle_routes

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def space(
    loaded: Workspace, pages_use: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workspace]:
    monkeypatch.setattr(bundle_zip, "write_bundle", write_fake_bundle)
    yield pages_use(loaded)
    shared().store.close()


@pytest.fixture
def run(space: Workspace) -> RunDirectory:
    """A fast model's run, as far as a glance tells."""
    made = make_tuned_run(space, MODULE)
    (made.model / HEAD_FILE).write_text("{}")
    return made


def opened(run: RunDirectory, *, expanded: bool = True, tab: bool = True) -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / "train.py"), default_timeout=30)
    at.query_params["module"] = MODULE
    if tab:
        at.session_state["train tab"] = "3 Runs"
    if expanded:
        at.session_state[f"bundle of {run.id} last"] = True
    return at.run()


def shown(at: AppTest) -> str:
    parts = [*at.error, *at.warning, *at.success, *at.info, *at.caption, *at.markdown, *at.code]
    return re.sub(r"\\(.)", r"\1", "\n".join(str(p.value) for p in parts))


def links(at: AppTest) -> list[Any]:
    return [link.proto for link in at.get("link_button")]


def prepare(at: AppTest, run: RunDirectory) -> None:
    at.button(key=f"bundle prepare {run.id}").click().run()
    run_until(at, lambda a: not a.button(key=f"bundle prepare {run.id}").disabled)


def browser() -> TestClient:
    return TestClient(
        Starlette(routes=bundle_routes.bundle_routes()), raise_server_exceptions=False
    )


def test_one_click_to_a_download(space: Workspace, run: RunDirectory) -> None:
    at = opened(run)
    assert links(at) == []
    prepare(at, run)
    found = prepared_bundle(space, run, MODULE)
    assert found is not None
    told = shown(at)
    size = f"{found.size / 1e6:.1f} MB"
    assert "44 of 44 validation rows calls are equal to the run's." in told
    assert "Mind the gap." in told
    assert f"A fast bundle of {MODULE} · {size} · prepared {found.prepared:%Y-%m-%d}" in told
    assert 'pip install "radu-studio[serve]"' in told
    lines = (
        f"unzip {run.id}.zip",
        f'python -c \'import radu; print(radu.load("{run.id}").parse("what somebody says"))\'',
        f"radu serve {run.id}",
    )
    assert "\n".join(lines) in [c.value for c in at.code]
    [link] = links(at)
    assert link.label == f"Download {size}"
    answer = browser().get(f"/{link.url}")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="{run.id}.zip"'
    assert answer.headers["cache-control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.read(f"{run.id}/weights") == WEIGHTS
    part = browser().get(f"/{link.url}", headers={"Range": "bytes=4-11"})
    assert (part.status_code, part.content) == (206, answer.content[4:12])
    at.button(key=f"bundle remove {run.id}").click().run()
    assert links(at) == []
    assert not found.path.exists()
    assert browser().get(f"/{link.url}").status_code == 409
    assert not at.exception


def test_the_choices_are_those_of_the_shell(
    space: Workspace, run: RunDirectory, tiny_model: Path
) -> None:
    other = make_generator_run(space, MODULE, tiny_model)
    at = opened(run)
    at.selectbox(key="run chosen").set_value(run.id).run()
    at.checkbox(key=f"bundle bare {run.id}").check().run()
    prepare(at, run)
    assert " · without texts · " in shown(at)
    at.selectbox(key=f"bundle generator {run.id}").set_value(other.id).run()
    at.selectbox(key=f"bundle runtime {run.id}").set_value("torch").run()
    assert not [c for c in at.checkbox if c.key == f"bundle bare {run.id}"]
    prepare(at, run)
    told = shown(at)
    assert f"A full bundle of {MODULE} · with the language model of {other.id} · " in told
    assert 'pip install "radu-studio[studio]"' in told
    at.session_state[f"bundle of {other.id} last"] = True
    at.selectbox(key="run chosen").set_value(other.id).run()
    assert at.button(key=f"bundle prepare {other.id}")
    assert not [s for s in at.selectbox if str(s.key).startswith("bundle ")]


def test_one_that_isnt_current_isnt_offered(space: Workspace, run: RunDirectory) -> None:
    at = opened(run)
    prepare(at, run)
    [link] = links(at)
    (run.model / HEAD_FILE).write_text("{} ")
    at.run()
    assert links(at) == []
    assert "The prepared bundle is stale: the run's model or settings have" in shown(at)
    answer = browser().get(f"/{link.url}")
    assert answer.status_code == 409
    assert "isn't current" in answer.text
    prepare(at, run)
    assert len(links(at)) == 1


def test_a_run_that_has_nothing_to_bundle_says_why(space: Workspace) -> None:
    run = make_taught_run(space, MODULE)
    at = opened(run)
    assert "tuned the embedding model alone: it answers nothing by itself" in shown(at)
    assert not [b for b in at.button if b.key == f"bundle prepare {run.id}"]


def test_a_run_that_isnt_finished_has_none(space: Workspace, run: RunDirectory) -> None:
    run.append("state", state="failed", reason="x")
    assert "Bundle for an app" not in [e.label for e in opened(run).expander]


def test_what_goes_wrong_is_told_and_the_one_before_is_offered(
    space: Workspace, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_bundle(space, run.id, module=MODULE)

    def full(*_: object, **__: object) -> None:
        raise DiskFullError("No space left while writing x", remedy="Free some space.")

    monkeypatch.setattr(bundle_zip, "write_bundle", full)
    at = opened(run)
    prepare(at, run)
    assert "No space left while writing x. Free some space." in shown(at)
    assert len(links(at)) == 1


def test_who_comes_back_sees_it_at_work_and_can_stop_it(
    space: Workspace, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait(*_: object, progress: Progress, **__: object) -> None:
        progress("Asking the run", 32, 44)
        begun.set()
        assert go_on.wait(20)
        progress("Asking the run", 44, 44)

    monkeypatch.setattr(bundle_zip, "write_bundle", wait)
    at = opened(run)
    at.button(key=f"bundle prepare {run.id}").click().run()
    assert begun.wait(20)
    again = opened(run, expanded=False, tab=False)
    [bar] = [e for e in again.get("progress") if "Asking the run" in e.proto.text]
    assert re.sub(r"\\(.)", r"\1", bar.proto.text).startswith("Asking the run · 32 of 44")
    assert again.button(key=f"bundle prepare {run.id}").disabled
    [stop] = [b for b in again.button if b.label == "Stop"]
    stop.click().run()
    go_on.set()
    run_until(again, lambda a: "Preparing the bundle was stopped." in shown(a))
    assert links(again) == []
    assert [p.name for p in space.exports.iterdir()] == [".lock"]


def test_what_a_link_cant_open_is_said(
    space: Workspace, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wrong in ("", "?token=", "?token=x", "?other=1"):
        answer = browser().get(f"/radu/bundle{wrong}")
        assert answer.status_code == 401
        assert answer.text.startswith("This link has expired or isn't one of this studio's.")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    found = prepare_bundle(space, run.id, module=MODULE)
    url = f"/{bundle_routes.address(bundle_zip.download_token(space, found, MODULE))}"
    assert browser().head(url).headers["content-length"] == str(found.size)
    assert browser().post(url).status_code == 405
    run.path.rename(run.path.with_name("moved"))
    assert browser().get(url).status_code == 404

    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(bundle_zip, "open_download", fail)
    answer = browser().get(url)
    assert answer.status_code == 500
    assert "secret" not in answer.text
