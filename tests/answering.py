"""A model that answers without being one, and a real server around it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx2

from radu_core.errors import InputError, ModelError, NotFoundError
from radu_core.exemplars import Span
from radu_core.inference.answers import Alternative, Answer, Explanation, Question, choose_function
from radu_core.schema import OUT_OF_SCOPE, Schema, parse_schema
from radu_core.serving import Keys, Metrics, Registry, Settings, create_app
from radu_core.serving.server import Server, address_of, bind

KEY = "key-of-the-tests"
SCHEMA = parse_schema(
    {
        "module": "acme_travel_en",
        "functions": [
            {"name": "book_flight", "slots": [{"name": "destination"}]},
            {"name": "book hotel", "slots": [{"name": "city"}, {"name": "version"}]},
        ],
    }
)


class FakeModel:
    """Means a flight by "fly", a hotel by "hotel"; the last word is where to.

    It answers while ``open`` is set; "odd" in an utterance is an ``InputError``, "bug" another.
    Where FAKE_GATE names a file, it makes one beside it and answers once that file is there.
    """

    kind = "fast"

    def __init__(self, name: str = "travel", version: str = "1") -> None:
        self.name, self.version = name, version
        self.schema: Schema = SCHEMA
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Semaphore(0)
        self.batches: list[list[str]] = []
        self.days: list[date | None] = []

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        self.batches.append([q.utterance for q in questions])
        self.days += [q.today for q in questions]
        self.entered.release()
        assert self.open.wait(20)
        if (gate := os.environ.get("FAKE_GATE")) and questions[0].utterance != "hello":
            Path(gate).with_suffix(".entered").touch()
            until(Path(gate).exists)
        return [self._answer(q) for q in questions]

    def _answer(self, question: Question) -> Answer:
        text = question.utterance
        if "odd" in text:
            raise InputError("The model can't read this", value=text)
        if "bug" in text:
            raise KeyError(text)
        weights = {"book_flight": "fly" in text, "book hotel": "hotel" in text}
        scores = {name: 0.8 if meant else 0.05 for name, meant in weights.items()}
        scores[OUT_OF_SCOPE] = 1 - sum(scores.values())
        name = choose_function(scores, question)
        function = None if name == OUT_OF_SCOPE else name
        ranked = sorted(scores, key=lambda n: -scores[n])
        word = text.split()[-1]
        arguments = {None: {}, "book_flight": {"destination": word}}.get(
            function, {"city": word, "version": self.version}
        )
        start = len(text.rstrip()) - len(word)
        slot = next(iter(arguments), None)
        spans = (Span(slot=slot, start=start, end=start + len(word), value=word),) if slot else ()
        return Answer(
            text,
            function,
            arguments,
            scores[name],
            tuple(Alternative(None if n == OUT_OF_SCOPE else n, scores[n]) for n in ranked),
            spans,
            out_of_scope=0.25,
            problems=("seats: 'many' is no number",) if "many" in text else (),
        )

    def explain(self, question: Question) -> Explanation:
        return Explanation(self.answer([question])[0])


def load_fake(directory: Path) -> FakeModel:
    """A fake of what the directory's file says: ``name version``, or "broken"."""
    file = directory / "model"
    if not file.exists():
        raise NotFoundError("No model there", value=str(directory), remedy="Check the path.")
    words = file.read_text("utf-8").split()
    if words == ["broken"]:
        raise ModelError("The file was edited", value=file.name, remedy="Export it again.")
    return FakeModel(*words)


def write_fake(directory: Path, name: str = "travel", version: str = "1") -> Path:
    """A directory that ``load_fake`` reads."""
    directory.mkdir(exist_ok=True)
    (directory / "model").write_text(f"{name} {version}", "utf-8")
    return directory


def until(is_so: Callable[[], bool]) -> None:
    """Ask again until it is so; fail after 20 seconds."""
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end


class Live:
    """A server that runs: its address, its models and a plain client."""

    def __init__(self, address: str, registry: Registry, key: str | None) -> None:
        self.address = address
        self.registry = registry
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.client = httpx2.Client(base_url=address, headers=headers, timeout=30)

    @property
    def model(self) -> FakeModel:
        model = self.registry.find("travel").model
        assert isinstance(model, FakeModel)
        return model

    def post(self, path: str, body: Any) -> httpx2.Response:
        return self.client.post(path, json=body)

    def metric(self, name: str) -> float:
        """The sum of a metric over the labels that ``name`` doesn't give."""
        lines = self.client.get("/metrics").text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


@contextmanager
def live(*directories: Path, key: str | None = None, **limits: Any) -> Iterator[Live]:
    """A real server on a free port, in a thread of this process, until the block ends."""
    settings = Settings(keys=Keys.of(key) if key else Keys(), **limits)
    metrics = Metrics()
    registry = Registry(load_fake, directories, settings, metrics)
    bound = bind("127.0.0.1", 0)
    listening = threading.Event()
    app = create_app(registry, settings, metrics)
    server = Server(app, settings, ready=listening.set, working=registry.working)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        assert listening.wait(20)
        running = Live(address_of(bound), registry, key)
        with running.client:
            yield running
    finally:
        for served in registry.versions_in_use:
            served.model.open.set()  # type: ignore[attr-defined]
        server.should_exit = True
        thread.join(20)
