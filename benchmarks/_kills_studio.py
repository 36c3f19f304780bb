"""The studio with two routes more, so that ``training_kills.py`` needs no browser to launch runs.

``streamlit run`` starts it like ``app.py``. The routes call the workflows that the page's buttons
call, in the studio's own process: a run is its child.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import streamlit as st  # noqa: E402
from fakes import HashEmbedder  # noqa: E402
from starlette.concurrency import run_in_threadpool  # noqa: E402
from starlette.requests import Request  # noqa: E402
from starlette.responses import JSONResponse  # noqa: E402
from starlette.routing import Route  # noqa: E402

from radu_core.training.run.config import TrainConfig  # noqa: E402
from radu_core.workflows.frame import run_list  # noqa: E402
from radu_core.workflows.frame.workspace import Workspace  # noqa: E402
from radu_core.workflows.runs import launch  # noqa: E402


def space() -> Workspace:
    workspace = Workspace.from_environment()
    workspace._embedders["all-MiniLM-L6-v2"] = HashEmbedder()
    return workspace


def launch_run(request: dict[str, Any]) -> dict[str, Any]:
    return {"run": launch.start(space(), TrainConfig.validate_data(request)).id}


def view(request: dict[str, Any]) -> dict[str, Any]:
    run = launch.run_view(run_list.open_run(space(), request["run"]))
    return {"state": run.state, "reason": run.reason}


def resume(request: dict[str, Any]) -> dict[str, Any]:
    return {"run": launch.resume(space(), request["run"]).id}


def route(work: Any) -> Route:
    async def answer(request: Request) -> JSONResponse:
        data = await request.json()
        return JSONResponse(await run_in_threadpool(work, data))

    return Route(f"/kills/{work.__name__}", answer, methods=["POST"])


app = st.App(str(ROOT / "studio" / "main.py"), routes=[route(w) for w in (launch, view, resume)])
