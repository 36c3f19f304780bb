"""Work that takes longer than a rerun: a thread of the server's, not of a browser tab's.

A job continues when its tab is closed and is found again by its key. Once somebody presses Stop, it
ends at the next step it reports; what it writes is atomic: all or nothing. How it ended is shown in
the tabs that saw it at work, and for a while in every tab of the browser that began it.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import streamlit as st

from radu_core.errors import RaduError
from radu_core.extras import as_missing_package
from radu_core.progress import Progress
from studio.frame.markdown import plain

__all__ = ["Job", "forget", "forget_failed", "job", "rerun_after", "show", "start", "stop_all"]

_log = logging.getLogger(__name__)
_NEWS = 600.0  # seconds that the end of a job is news
_SEEN = "jobs seen"
_COOKIE = "_streamlit_xsrf"


class _Stopped(Exception):  # noqa: N818 - somebody asked for it
    """Raised inside a job's thread when it is to stop."""


@st.cache_resource
def _numbers() -> Iterator[int]:
    return itertools.count()  # beside the jobs: a file that is loaded again mustn't begin at 0


@dataclass
class Job:
    """A piece of work and how far it is.

    Times are in seconds. ``about`` is what it is done for, ``browser`` the one that began it.
    """

    title: str
    about: Any = None
    browser: str = ""
    number: int = field(default_factory=lambda: next(_numbers()))
    state: Literal["running", "done", "failed", "stopped"] = "running"
    what: str = ""
    done: int = 0
    total: int = 0
    step_begun: float = field(default_factory=time.monotonic)
    stop: bool = False
    result: Any = None
    message: str = ""
    ended: float = 0.0

    @property
    def running(self) -> bool:
        """Whether it hasn't ended."""
        return self.state == "running"

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
            seconds_left = (self.total - self.done) / rate
            text += (
                f" · {self.done:,} of {self.total:,} · {rate:,.1f}/s · {seconds_left:,.0f} s left"
            )
        elif self.total:
            text += f" · {self.done:,} of {self.total:,}"
        return text


@st.cache_resource
def _jobs() -> dict[Hashable, Job]:
    return {}


def start(
    key: Hashable,
    title: str,
    work: Callable[[Progress], Any],
    *,
    about: Any = None,
    restart: bool = False,
) -> Job:
    """Start ``work`` under ``key``.

    A running job continues instead, unless ``restart``: then it is stopped, and nothing of it is
    shown any more.
    """
    jobs = _jobs()
    if key in jobs and jobs[key].running:
        if not restart:
            return jobs[key]
        jobs[key].stop = True
    job = jobs[key] = Job(title, about, _browser())

    def end(state: Literal["done", "failed", "stopped"], message: str = "") -> None:
        job.message, job.ended = message, time.monotonic()
        job.state = state  # last: who sees it sees the rest

    def run() -> None:
        try:
            job.result = work(job.report)
            end("done")
        except _Stopped:
            end("stopped", f"{title} was stopped. Finished steps are kept; none is half done.")
        except RaduError as error:
            end("failed", str(error))
        except Exception as error:
            if missing := as_missing_package(error):
                end("failed", str(missing))
                return
            _log.exception("%s failed", title)
            end(
                "failed",
                f"{title} failed unexpectedly ({type(error).__name__}). The studio's log has the "
                "details; nothing was half-written.",
            )

    threading.Thread(target=run, name=f"job {title}", daemon=True).start()
    return job


def job(key: Hashable) -> Job | None:
    """The job under ``key``; one that failed or was stopped only while that is news here."""
    own_job = _jobs().get(key)
    if own_job is None or own_job.state in ("running", "done") or _is_news(own_job):
        return own_job
    return None


def _is_news(job: Job) -> bool:
    """Whether a job's end is news to this tab.

    It runs, or was seen at work in this tab, or was begun in this browser and ended not long ago:
    its tab may have been loaded again.
    """
    if job.running or job.number in st.session_state.get(_SEEN, ()):
        return True
    return job.browser == _browser() and time.monotonic() - job.ended < _NEWS


def _browser() -> str:
    """What tells browsers apart: the token in Streamlit's cookie, under a mask that changes."""
    parts = str(st.context.cookies.get(_COOKIE, "")).split("|")
    try:
        mask, masked = bytes.fromhex(parts[1]), bytes.fromhex(parts[2])
    except (IndexError, ValueError):
        return ""
    return bytes(b ^ m for b, m in zip(masked, itertools.cycle(mask), strict=False)).hex()


def forget(key: Hashable) -> None:
    """Forget an ended job and its result."""
    _jobs().pop(key, None)


def forget_failed(key: Hashable) -> None:
    """Forget a job that failed or was stopped: something else is done now."""
    own_job = _jobs().get(key)
    if own_job is not None and own_job.state in ("failed", "stopped"):
        forget(key)


def stop_all(kind: str, *of: Hashable) -> None:
    """Ask all running jobs to stop whose keys begin so."""
    for key, own_job in list(_jobs().items()):
        if isinstance(key, tuple) and key[: 1 + len(of)] == (kind, *of):
            own_job.stop = True


def rerun_after(key: Hashable) -> None:
    """Draw the page again once the job has ended, where it isn't shown itself."""
    own_job = job(key)
    if own_job is not None and own_job.running:
        _await(key)


@st.fragment(run_every=1.0)
def _await(key: Hashable) -> None:
    own_job = job(key)
    if own_job is None or not own_job.running:
        st.rerun()


def show(key: Hashable, *, passing: bool = False) -> Any:
    """Show the job under ``key`` while it runs; its result once it is done, otherwise None.

    A ``passing`` result is a message and not a measurement: it is shown while it is news.
    """
    own_job = job(key)
    if own_job is None or (passing and not _is_news(own_job)):
        return None
    st.session_state[_SEEN] = {*st.session_state.get(_SEEN, ()), own_job.number}
    if own_job.running:
        _running(key)
    elif own_job.state != "done":
        with st.container(horizontal=True, vertical_alignment="center"):
            (st.warning if own_job.state == "stopped" else st.error)(plain(own_job.message))
            st.button("Close", key=f"close {key}", on_click=forget, args=(key,))
    return own_job.result


@st.fragment(run_every=0.5)
def _running(key: Hashable) -> None:
    own_job = job(key)
    if own_job is None or own_job.state != "running":
        st.rerun()
    bar, button = st.columns([6, 1], vertical_alignment="center")
    bar.progress(
        min(1.0, own_job.done / own_job.total) if own_job.total else 0.0, text=plain(own_job.line)
    )
    if button.button("Stop", key=f"stop {key}", disabled=own_job.stop):
        own_job.stop = True
