"""Work that takes longer than a rerun: a thread of the server's, not of a browser tab's.

A job goes on when its tab is closed and is found again by its key. It ends at the next step it
reports once somebody presses Stop; what it writes is written whole or not at all.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Literal

import streamlit as st

from radu_core.errors import RaduError
from radu_core.progress import Progress
from studio.markdown import plain

__all__ = ["Job", "forget", "job", "show", "start"]

_log = logging.getLogger(__name__)


class _Stopped(Exception):  # noqa: N818 - somebody asked for it
    """Raised inside a job's thread when it is to stop."""


@dataclass
class Job:
    """A piece of work and how far it is; times are in seconds."""

    title: str
    state: Literal["running", "done", "failed", "stopped"] = "running"
    what: str = ""
    done: int = 0
    total: int = 0
    step_begun: float = field(default_factory=time.monotonic)
    stop: bool = False
    result: Any = None
    message: str = ""

    def report(self, what: str, done: int, total: int) -> None:
        """The job's ``Progress``."""
        if self.stop:
            raise _Stopped
        if what != self.what:
            self.step_begun = time.monotonic()
        self.what, self.done, self.total = what, done, total

    @property
    def line(self) -> str:
        """The step, how far it is, its rate and when it will end."""
        text = self.what or self.title
        elapsed = time.monotonic() - self.step_begun
        if self.total and self.done and elapsed > 1:
            rate = self.done / elapsed
            left = (self.total - self.done) / rate
            text += f" · {self.done:,} of {self.total:,} · {rate:,.1f}/s · {left:,.0f} s left"
        elif self.total:
            text += f" · {self.done:,} of {self.total:,}"
        return text


@st.cache_resource
def _jobs() -> dict[Hashable, Job]:
    return {}


def start(key: Hashable, title: str, work: Callable[[Progress], Any]) -> Job:
    """Start ``work`` under ``key``, unless it is running already."""
    jobs = _jobs()
    if key in jobs and jobs[key].state == "running":
        return jobs[key]
    started = jobs[key] = Job(title)

    def run() -> None:
        try:
            started.result = work(started.report)
            started.state = "done"
        except _Stopped:
            started.state = "stopped"
            started.message = (
                f"{title} was stopped. Steps it had finished stand; none is half done."
            )
        except RaduError as error:
            started.state, started.message = "failed", str(error)
        except Exception as error:
            _log.exception("%s failed", title)
            started.state = "failed"
            started.message = (
                f"{title} failed unexpectedly ({type(error).__name__}). The studio's log has the "
                "details; nothing was half-written."
            )

    threading.Thread(target=run, name=f"job {title}", daemon=True).start()
    return started


def job(key: Hashable) -> Job | None:
    """The job under ``key``."""
    return _jobs().get(key)


def forget(key: Hashable) -> None:
    """Forget an ended job and its result."""
    _jobs().pop(key, None)


def show(key: Hashable) -> Any:
    """Show the job under ``key`` while it runs; its result once it is done, otherwise None."""
    found = job(key)
    if found is None:
        return None
    if found.state == "running":
        _running(key)
    elif found.state != "done":
        (st.warning if found.state == "stopped" else st.error)(plain(found.message))
    return found.result


@st.fragment(run_every=0.5)
def _running(key: Hashable) -> None:
    found = job(key)
    if found is None or found.state != "running":
        st.rerun()
        return
    bar, button = st.columns([6, 1], vertical_alignment="center")
    bar.progress(min(1.0, found.done / found.total) if found.total else 0.0, text=plain(found.line))
    if button.button("Stop", key=f"stop {key}", disabled=found.stop):
        found.stop = True
