"""News of runs never takes a page down."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from radu_core.errors import RaduError
from radu_core.workflows.frame.news import take_news
from radu_core.workflows.frame.workspace import Workspace


def _page(home: str) -> None:
    from pathlib import Path

    import streamlit as st

    from radu_core.workflows.frame.workspace import Workspace
    from studio.frame.notices import announce

    announce(Workspace(Path(home)), "ann")
    st.write("the page")


def test_a_page_is_shown_where_nothing_can_be_noted(workspace: Workspace) -> None:
    (workspace.home / "people").write_text("a file")
    with pytest.raises(RaduError):
        take_news(workspace, "ann")
    at = AppTest.from_function(_page, args=(str(workspace.home),), default_timeout=30)
    at.query_params["run"] = "20260101"
    at.run()
    assert not at.exception
    assert at.markdown[0].value == "the page"
