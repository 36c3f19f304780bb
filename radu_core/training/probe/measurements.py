"""What trial steps have measured of a run to come."""

from __future__ import annotations

from dataclasses import dataclass

from radu_core.training.worker.clock import FORWARD_SHARE

__all__ = ["Probe"]


@dataclass(frozen=True)
class Probe:
    """What was measured. Times in seconds, memory in bytes; 0 is "not measured".

    ``longest_*`` is of one step on the longest rows, ``step_*`` the mean of ``steps`` typical
    steps; tokens are those of the rows, without padding. A forward pass over ``evaluation_tokens``
    took ``evaluation_seconds``; an evaluation of the run is one over ``evaluated_tokens``, about,
    and checking the saved model one over ``checking_tokens``.
    ``save_bytes`` is one checkpoint. ``peak_bytes`` is the most memory that loading, steps and
    evaluations took, ``checking_bytes`` what checking the saved model takes on a CPU, about, and
    ``gpu_bytes`` the most that torch had allocated on a CUDA device.

    Of a retriever, ``evaluated_tokens`` are of everything that the run embeds besides its steps,
    ``head_seconds`` is what fitting its head takes, ``train_tokens`` are of all labels, and ``cut``
    names those that the encoder doesn't read to their end; of one that learns from a language
    model, ``asking_seconds`` is what asking about one of ``asked_rows`` rows takes.
    """

    stage: str = "Starting"
    device: str = "cpu"
    load_seconds: float = 0.0
    longest_seconds: float = 0.0
    longest_rows: int = 0
    longest_tokens: int = 0
    longest_row: int = 0
    steps: int = 0
    step_seconds: float = 0.0
    step_tokens: float = 0.0
    evaluation_seconds: float = 0.0
    evaluation_tokens: int = 0
    evaluated_tokens: float = 0.0
    checking_tokens: float = 0.0
    checking_bytes: int = 0
    save_seconds: float = 0.0
    save_bytes: int = 0
    peak_bytes: int = 0
    gpu_bytes: int = 0
    head_seconds: float = 0.0
    asking_seconds: float = 0.0
    asked_rows: int = 0
    train_tokens: int = 0
    cut: tuple[str, ...] = ()
    failure: str = ""

    @property
    def tokens_per_second(self) -> float:
        """By the typical steps; by the longest where the time was over before any."""
        if self.step_seconds:
            return self.step_tokens / self.step_seconds
        return self.longest_tokens / self.longest_seconds if self.longest_seconds else 0.0

    @property
    def checking_seconds(self) -> float:
        """Checking the saved model."""
        if self.evaluation_tokens:
            forward = self.evaluation_seconds / self.evaluation_tokens
        else:
            forward = FORWARD_SHARE / max(1e-9, self.tokens_per_second)
        return self.checking_tokens * forward
