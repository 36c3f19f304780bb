"""Pages in an ``AppTest`` whose jobs are threads."""

from __future__ import annotations

import time
from collections.abc import Callable

from streamlit.testing.v1 import AppTest

_TIMES = 100


def run_until(at: AppTest, there: Callable[[AppTest], object]) -> None:
    """Run a page again until something is there, five seconds at most."""
    for _ in range(_TIMES):
        if there(at):
            return
        time.sleep(0.05)
        at.run()
    raise AssertionError("it didn't come")
