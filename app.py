"""The server that ``streamlit run app.py`` starts; ``studio/main.py`` is each session's script."""

import importlib
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st

from studio.annotate.routes import routes
from studio.train.bundle_routes import bundle_routes

NEEDED = (
    "radu_core.workflows.home.funnels",
    "radu_core.workflows.load.sample",
    "radu_core.workflows.annotate.annotation",
    "radu_core.workflows.annotate.token",
    "sqlalchemy.dialects.sqlite",
    "streamlit.material_icon_names",
    "studio.frame.jobs",
    "studio.frame.page",
    "numpy",
    "PIL.PngImagePlugin",
    "altair",  # from here on: what comes back to a run at work
    "studio.train.dataset_forms",
    "studio.train.launch_form",
    "studio.train.runs_views",
)
ROUTES = [*routes(), *bundle_routes()]


def warm() -> None:
    """Import what the first page needs while the browser still loads its own part."""
    for name in NEEDED:
        importlib.import_module(name)


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    threading.Thread(target=warm, name="warm", daemon=True).start()
    yield


app = st.App("studio/main.py", lifespan=lifespan, routes=ROUTES)
