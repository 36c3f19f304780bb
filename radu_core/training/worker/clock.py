"""How long a run's steps and evaluations take, and what is still to come."""

from __future__ import annotations

import time
from array import array
from dataclasses import dataclass, field

__all__ = ["FORWARD_SHARE", "Clock"]

FORWARD_SHARE = 0.4  # of a training step's time, about


@dataclass
class Clock:
    """Where a run's seconds go, and the tokens it has read."""

    stepping: float = 0.0
    evaluating: float = 0.0
    evaluations: int = 0
    tokens: int = 0
    after: tuple[array[float], array[float]] = field(  # seconds and tokens, after each step
        default_factory=lambda: (array("d"), array("d"))
    )
    settled: float = 0.0  # when the first step was over, less what was evaluated until then

    def add_step(self, seconds: float) -> None:
        """A step has taken so long. What comes before the end of the first is done once."""
        self.stepping += seconds
        if not self.after[0]:
            self.settled = time.time() - self.evaluating
        self.after[0].append(self.stepping)
        self.after[1].append(self.tokens)

    @property
    def per_token(self) -> float:
        """Seconds of a step for each token, over the later half of the steps so far.

        The first also makes the optimizer's state, and the next few still touch memory for the
        first time.
        """
        half = len(self.after[0]) // 2
        seconds, tokens = (sums[half - 1] if half else 0.0 for sums in self.after)
        return (self.stepping - seconds) / max(1.0, self.tokens - tokens)

    @property
    def forward(self) -> float:
        """Seconds of a forward pass for each token, about."""
        return self.per_token * FORWARD_SHARE

    def training(self, tokens: float) -> float:
        """Seconds of steps over so many tokens, and of what is saved between them."""
        since = self.stepping - self.after[0][0]
        other = max(0.0, time.time() - self.settled - since - self.evaluating)
        return tokens * self.per_token * (1.0 + other / since if since else 1.0)

    def evaluation(self, tokens: float) -> float:
        """Seconds of one: as they were, or those of a forward pass over so many ``tokens``."""
        if self.evaluations:
            return self.evaluating / self.evaluations
        return tokens * self.forward
