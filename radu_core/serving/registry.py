"""The models that a server answers with: by name, each in the version in use and the one before."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from weakref import WeakSet

from radu_core.errors import ConflictError, InputError, NotFoundError
from radu_core.formats.openai import function_names
from radu_core.inference.answers import AnswerModel, Question
from radu_core.serving.batching import Batcher
from radu_core.serving.metrics import Metrics
from radu_core.serving.settings import Settings
from radu_core.words import join_words

__all__ = ["Loader", "Place", "Registry", "Served", "Swap"]

Loader = Callable[[Path], AnswerModel]


@dataclass(frozen=True)
class Served:
    """One version of a model with its queue. ``tool_names``: function → the name of its tool."""

    model: AnswerModel
    batcher: Batcher
    tool_names: Mapping[str, str]
    since: int  # seconds since 1970


@dataclass(frozen=True)
class Swap:
    """What a reload or rollback did: the version before it, and the one in use."""

    model: str
    before: str
    version: str

    @property
    def is_change(self) -> bool:
        """Whether another version is in use."""
        return self.before != self.version


class Place:
    """A directory, the version of its model in use, and the one before it."""

    def __init__(self, directory: Path, version: Served) -> None:
        self.directory = directory
        self.name = version.model.name
        self.current = version
        self.previous: Served | None = None
        self.lock = asyncio.Lock()


class Registry:
    """Models by name.

    A request takes a version at its start and keeps it to its end: swapping puts another one in the
    place, and the old one answers what it was given.
    """

    def __init__(
        self, loader: Loader, directories: Sequence[Path], settings: Settings, metrics: Metrics
    ) -> None:
        self._loader = loader
        self._settings = settings
        self._metrics = metrics
        self._places: dict[str, Place] = {}
        self._batchers: WeakSet[Batcher] = WeakSet()
        self._loading = ThreadPoolExecutor(1, thread_name_prefix="radu-load")
        for directory in directories:
            self._add(directory)
        release_memory()

    def _add(self, directory: Path) -> None:
        place = Place(directory, self._load(directory))
        if place.name in self._places:
            other = self._places[place.name].directory
            raise InputError(
                f"{other} and {directory} hold models of one name",
                value=place.name,
                remedy="Export one of them under another name, or give each a server of its own.",
            )
        self._places[place.name] = place
        self._metrics.watch_queue(place.name, lambda: place.current.batcher.waiting)

    @property
    def names(self) -> list[str]:
        """The models' names, in the order they were given."""
        return list(self._places)

    @property
    def versions_in_use(self) -> list[Served]:
        """The version in use of each model."""
        return [place.current for place in self._places.values()]

    def find(self, name: str | None) -> Served:
        """The version in use of that model; without a name that of the only one."""
        return self._place(name).current

    def stuck_models(self) -> list[str]:
        """The models that have been busy with one batch for longer than a request may take."""
        now = time.perf_counter()
        busy = ((s.model.name, s.batcher.busy_since) for s in self.versions_in_use)
        return [n for n, since in busy if since and now - since > self._settings.seconds]

    def working(self) -> float:
        """How many seconds some version has been busy with its batch; 0 if none is.

        A version counts that isn't in use any more, too.
        """
        since = [b.busy_since for b in self._batchers if b.busy_since]
        return time.perf_counter() - min(since) if since else 0.0

    async def reload(self, name: str | None) -> Swap:
        """Load the directory's model again and use it from the next request on.

        The version in use stays when that fails, and when it is the version that was loaded.
        """
        place = self._place(name)
        async with place.lock:
            before = place.current
            try:
                loop = asyncio.get_running_loop()
                version = await loop.run_in_executor(self._loading, self._load, place.directory)
                if version.model.name != place.name:
                    raise ConflictError(
                        f"{place.directory} holds another model now",
                        value=version.model.name,
                        remedy=f"Put a version of {place.name} there, or start the server again.",
                    )
            except Exception:
                self._metrics.loads.labels(place.name, "failed").inc()
                raise
            swap = Swap(place.name, before.model.version, version.model.version)
            if swap.is_change:
                place.current = version
                place.previous = before if self._settings.keeps_previous else None
            del version, before
            await loop.run_in_executor(self._loading, release_memory)
            return self._count(swap)

    async def roll_back(self, name: str | None) -> Swap:
        """Use the version before again; what was in use is then the version before."""
        place = self._place(name)
        async with place.lock:
            if place.previous is None:
                raise ConflictError(
                    f"{place.name} has no version before {place.current.model.version}",
                    remedy="Put the version you want into its directory and reload it.",
                )
            before = place.current
            place.current, place.previous = place.previous, before
            return self._count(Swap(place.name, before.model.version, place.current.model.version))

    def _count(self, swap: Swap) -> Swap:
        self._metrics.loads.labels(swap.model, "swapped" if swap.is_change else "unchanged").inc()
        return swap

    def _place(self, name: str | None) -> Place:
        if name is None and len(self._places) == 1:
            return next(iter(self._places.values()))
        if name is None or name not in self._places:
            raise NotFoundError(
                "No such model" if name else "Several models are served and none is named",
                value=name,
                remedy=f"Give {join_words(self.names, 'or')} as model.",
            )
        return self._places[name]

    def _load(self, directory: Path) -> Served:
        """The directory's model, once it has answered a question: so it has loaded all it needs."""
        model = self._loader(directory)
        model.answer([Question("hello")])
        batcher = Batcher(
            model,
            most_waiting=self._settings.most_waiting,
            largest_batch=self._settings.largest_batch,
            watch=partial(self._metrics.watch_batch, model.name),
        )
        self._batchers.add(batcher)
        return Served(model, batcher, function_names(model.schema), int(time.time()))


def release_memory() -> None:
    """Give memory that isn't used any more back to the system.

    glibc keeps what loading a model took for a while, and all that the one before it had: without
    this the process grows with every reload.
    """
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
