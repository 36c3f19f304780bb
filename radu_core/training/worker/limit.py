"""A run's time limit: it holds from the moment the run has the machine to its last step."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["TimeLimit", "TimeUp"]

_LONGEST = 1e6  # seconds that a timer may be set to; later ones are looked at again
_AGAIN = 1.0  # seconds between two tries to end what went on anyway


class TimeUp(Exception):  # noqa: N818 - not an error: the run was given so much time
    """The run's time is over."""


class TimeLimit:
    """A time limit in minutes (None: no limit); time starts when the object is made.

    Until the first step begins, libraries tokenize rows and load weights, and their code doesn't
    check the time. So a timer raises ``TimeUp`` there, ``before_steps``. After that a step may be
    interrupted only between two layers, as it changes the weights: ``check`` is called there.
    """

    def __init__(
        self, minutes: float | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.minutes = minutes
        self._clock = clock
        self._end = math.inf if minutes is None else clock() + 60 * minutes
        self._armed = False

    @property
    def seconds_left(self) -> float:
        """Seconds; 0 once time is over."""
        return max(0.0, self._end - self._clock())

    @property
    def over(self) -> bool:
        """Whether time is over."""
        return self.minutes is not None and self.seconds_left == 0.0

    def check(self) -> None:
        """Raise ``TimeUp`` when time is over."""
        if self.over:
            raise TimeUp

    @contextmanager
    def before_steps(self) -> Iterator[None]:
        """Let ``TimeUp`` interrupt the block, which runs in the main thread, until ``steps_begin``.

        A call that doesn't come back to Python (the reading of one weight) is waited for.
        """
        if self.minutes is None:
            yield
            return
        before = signal.signal(signal.SIGALRM, self._interrupt)
        self._armed = True
        try:
            signal.setitimer(
                signal.ITIMER_REAL, min(max(1e-3, self.seconds_left), _LONGEST), _AGAIN
            )
            yield
        finally:
            self.steps_begin()
            signal.signal(signal.SIGALRM, before)

    def steps_begin(self) -> None:
        """Stop the timer: once steps have begun, time is only checked between layers and steps."""
        self._armed = False
        if self.minutes is not None:
            signal.setitimer(signal.ITIMER_REAL, 0.0)

    def _interrupt(self, *_: object) -> None:
        if self._armed:
            self.check()
