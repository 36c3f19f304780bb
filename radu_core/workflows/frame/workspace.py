"""The one directory that holds a studio's state, and what is opened from it."""

from __future__ import annotations

import os
import threading
from collections.abc import Hashable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from radu_core.errors import ModelError
from radu_core.files import disk_errors
from radu_core.models import DEFAULT_EMBEDDER, model_directory
from radu_core.progress import Progress, silent
from radu_core.schema import check_module_id
from radu_core.store import Store
from radu_core.store.engine import sqlite_url

if TYPE_CHECKING:
    from radu_core.retrieval import SentenceEmbedder
    from radu_core.schema import Schema
    from radu_core.tokenizing import Tokenizer

__all__ = ["Workspace"]

_MOST_HELD = 8  # indexes; some 40 MiB each at 20,000 exemplars


class Workspace:
    """``RADU_HOME`` and the database in it (or at ``RADU_DATABASE_URL``). Safe to share by threads.

    Nothing is created before it is needed, except the directory itself.
    """

    def __init__(self, home: Path, *, database_url: str | None = None) -> None:
        self.home = home.resolve()
        with disk_errors(self.home):
            self.home.mkdir(parents=True, exist_ok=True)
        self.database_url = database_url or sqlite_url(self.home / "radu.db")
        self._lock = threading.RLock()
        self._models = threading.RLock()  # fetching one may take minutes
        self._embedders: dict[str, SentenceEmbedder] = {}
        self._held: dict[Hashable, object] = {}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Workspace:
        """The workspace that ``RADU_HOME`` names, ``./workspace`` by default."""
        home = Path(environment.get("RADU_HOME") or "workspace")
        return cls(home, database_url=environment.get("RADU_DATABASE_URL") or None)

    @cached_property
    def store(self) -> Store:
        """The store, opened (and migrated) on first use."""
        with self._lock:
            return Store.open(self.database_url)

    def modules(self) -> list[str]:
        """The ids of all modules."""
        return self.store.modules()

    def schema(self, module: str) -> Schema:
        """The schema in use; ``NotFoundError`` where there is no such module."""
        return self.store.schema(module)

    @property
    def models(self) -> Path:
        """Where models lie."""
        return self.home / "models"

    @property
    def runs(self) -> Path:
        """Where runs lie, one directory each."""
        return self.home / "runs"

    @property
    def datasets(self) -> Path:
        """Where datasets lie: ``<name>/<module>/``."""
        return self.home / "datasets"

    @property
    def exports(self) -> Path:
        """Where the bundles lie that pages offer to download."""
        return self.home / "exports"

    def index(self, module: str) -> Path:
        """Where the retrieval index of ``module`` lies."""
        return self.home / "indexes" / check_module_id(module)

    def embedder(
        self, name: str = DEFAULT_EMBEDDER, *, progress: Progress = silent
    ) -> SentenceEmbedder:
        """The embedder of that name, loaded once per workspace; its model is fetched if missing.

        A run's id names the sentence-transformers model that the run wrote.
        """
        from radu_core.retrieval import SentenceEmbedder, check_embedder

        embedder = self._embedders.get(name)
        if embedder is not None:
            return embedder
        with self._models:
            if name not in self._embedders:
                directory = self._run_model(name) or model_directory(
                    name, self.models, progress=progress
                )
                check_embedder(directory, name)
                self._embedders[name] = SentenceEmbedder(
                    directory, name=name, cache=self.home / "cache" / "embeddings"
                )
            return self._embedders[name]

    def exact_embedder(self, name: str = DEFAULT_EMBEDDER) -> SentenceEmbedder:
        """The embedder of that name in float32: what fast models answer with on any machine."""
        return self.embedder(name).exact

    def _run_model(self, name: str) -> Path | None:
        """The embedding model of the run of that name, if it is one's.

        ``ModelError`` for a run that has none.
        """
        from radu_core.training.joint.files import ENCODER

        model = self.runs / name / "model"
        if name in ("", ".", "..") or Path(name).name != name:
            return None
        try:
            if not (self.runs / name).is_dir():
                return None
            places = [p for p in (model / ENCODER, model) if (p / "modules.json").is_file()]
        except OSError:  # a name that is too long
            return None
        if places:
            return places[0]
        why = "it tuned a language model" if model.is_dir() else "it has written no model"
        raise ModelError(
            f"That run has no embedding model: {why}",
            value=name,
            remedy="Name a finished run that tuned the retriever, or a model, such as "
            f"{DEFAULT_EMBEDDER}.",
        )

    def recall(self, key: Hashable) -> object | None:
        """What was kept in memory under ``key``."""
        with self._lock:
            return self._held.get(key)

    def hold(self, key: Hashable, value: object) -> None:
        """Keep ``value`` in memory; of many, the ones kept first go."""
        with self._lock:
            self._held.pop(key, None)
            self._held[key] = value
            while len(self._held) > _MOST_HELD:
                del self._held[next(iter(self._held))]

    def tokenizer(self, name: str, *, chat: str = "none", progress: Progress = silent) -> Tokenizer:
        """What counts tokens as that model does, loaded once; the model is fetched if missing.

        ``chat`` is the setting ``chat_template``; a file is read again every time.
        """
        from radu_core.tokenizing import shared_tokenizer

        with self._models:
            directory = model_directory(name, self.models, progress=progress)
        return shared_tokenizer(directory, name=name, chat=chat)
