"""The server that ``streamlit run app.py`` starts; ``studio/main.py`` is each session's script."""

import importlib
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st

from studio import annotation_routes, bundle_routes

NEEDED = (
    "radu_core.workflows.home",
    "radu_core.workflows.sample",
    "radu_core.workflows.annotation",
    "radu_core.workflows.annotation_token",
    "sqlalchemy.dialects.sqlite",
    "streamlit.material_icon_names",
    "studio.jobs",
    "studio.page",
    "numpy",
    "PIL.PngImagePlugin",
    "altair",  # from here on: what comes back to a run at work
    "studio.dataset_forms",
    "studio.launch_form",
    "studio.runs_views",
)
ROUTES = [*annotation_routes.routes(), *bundle_routes.routes()]


def warm() -> None:
    """Import what the first page needs while the browser still loads its own part."""
    for name in NEEDED:
        importlib.import_module(name)


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    threading.Thread(target=warm, name="warm", daemon=True).start()
    yield


app = st.App("studio/main.py", lifespan=lifespan, routes=ROUTES)
