"""What Prometheus reads. No utterance, and no label that a client could make up."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

__all__ = ["Metrics"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The metrics of one server."""

    def __init__(self) -> None:
        self._registry = of = CollectorRegistry()
        ProcessCollector(registry=of)
        self.requests = Counter(
            "radu_requests", "Requests, by status.", ("route", "model", "status"), registry=of
        )
        self.request_seconds = Histogram(
            "radu_request_seconds",
            "Seconds from a request to its response.",
            ("route", "model"),
            buckets=_SECONDS,
            registry=of,
        )
        self.answers = Counter(
            "radu_answers",
            "Answered utterances; call is false where no function is meant.",
            ("model", "call"),
            registry=of,
        )
        self.batch_size = Histogram(
            "radu_batch_size",
            "Utterances that a model was asked at once.",
            ("model",),
            buckets=_SIZES,
            registry=of,
        )
        self.batch_seconds = Histogram(
            "radu_batch_seconds",
            "Seconds that a model took for a batch.",
            ("model",),
            buckets=_SECONDS,
            registry=of,
        )
        self._waiting = Gauge(
            "radu_queue_waiting", "Utterances that wait for a model.", ("model",), registry=of
        )
        self.loads = Counter(
            "radu_loads",
            "Reloads and rollbacks: swapped, unchanged or failed.",
            ("model", "result"),
            registry=of,
        )
        self.traces = Counter(
            "radu_traces",
            "Traces: written, redacted, or lost with the reason.",
            ("result",),
            registry=of,
        )

    def watch_queue(self, model: str, waiting: Callable[[], int]) -> None:
        """Show what ``waiting`` gives as the length of a model's queue."""
        self._waiting.labels(model).set_function(waiting)

    def watch_batch(self, model: str, size: int, seconds: float) -> None:
        """Count a batch that a model has answered."""
        self.batch_size.labels(model).observe(size)
        self.batch_seconds.labels(model).observe(seconds)

    def text(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self._registry)
