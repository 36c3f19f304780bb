"""The fast model: a tuned encoder, what votes without tuning, and the head that weighs them."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from radu_core.errors import ModelError
from radu_core.files import write_json
from radu_core.pieces import spans_of
from radu_core.retrieval import Embedder
from radu_core.retrieval.lexical import tokenizer_for
from radu_core.schema import OUT_OF_SCOPE
from radu_core.training.joint.files import EMBEDDING, ENCODER, HEAD_FILE, JOINT, read_head
from radu_core.training.joint.fitted import Fitted
from radu_core.training.joint.head import Head, Scores
from radu_core.training.joint.reading import Reader, Reading
from radu_core.training.joint.scope import Scope, features_of
from radu_core.training.joint.sources import Voters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FastAnswer", "FastModel", "joint_scores"]

_BATCH = 64


Tag = Callable[[str], tuple[list[tuple[str, int, int]], float]]


@dataclass(frozen=True)
class FastAnswer:
    """What a fast model says of an utterance.

    Function → probability (``OUT_OF_SCOPE`` among them), the ``function`` it means, and its
    ``vector`` ``(dim,)`` in the untuned embedding. ``out_of_scope`` is the share of rows in scope
    that look more like it. ``tag`` gives the values' places under a function. ``end``: where what
    was read of it ends (None: all of it was).
    """

    scores: Mapping[str, float]
    function: str
    vector: NDArray[np.float32]
    out_of_scope: float
    tag: Tag
    end: int | None = None

    @cached_property
    def tags(self) -> tuple[list[tuple[str, int, int]], float]:
        """The spans (slot, start, end) of the function's values, and their probability.

        The probability is that which the tagger gives all of them together.
        """
        return self.tag(self.function)

    def meaning(self, function: str) -> FastAnswer:
        """The same utterance, if it means this function."""
        return self if function == self.function else replace(self, function=function)


@dataclass(frozen=True)
class FastModel:
    """A model that answers without a language model: two encoders, voters, head and scope.

    ``joint`` is the tuned encoder, ``embedder`` the frozen one of ``voters``; ``aside`` lets it
    embed while the tuned one reads (None: one after the other).
    """

    joint: Reader
    embedder: Embedder
    voters: Voters
    head: Head
    scope: Scope
    language: str
    aside: Executor | None = None

    def answer(self, utterances: Sequence[str]) -> list[FastAnswer]:
        """What each utterance means, in order."""
        import numpy as np

        embedding = self.aside.submit(self._embed, utterances) if self.aside else None
        reading = self.joint.read(utterances)
        vectors, query_vectors = embedding.result() if embedding else self._embed(utterances)
        words = tokenizer_for(self.language)
        votes = self.voters.scores(vectors, query_vectors, [words(u) for u in utterances])
        joint = reading.functions
        logs = self.head.log_probabilities({JOINT: joint, **votes})
        names = [n or OUT_OF_SCOPE for n in self.head.functions]
        has_function = np.ones(len(self.head.functions), dtype=np.bool_)
        outside = self.scope.scores(features_of(self.voters, vectors, joint, logs, has_function))
        return [
            FastAnswer(
                dict(zip(names, np.exp(logs[n]).tolist(), strict=True)),
                names[best],
                vectors[n],
                float(outside[n]),
                partial(self._tag, reading, n),
                reading.ends[n],
            )
            for n, best in enumerate(logs.argmax(1))
        ]

    def _tag(
        self, reading: Reading, row: int, name: str
    ) -> tuple[list[tuple[str, int, int]], float]:
        labels, pieces = self.joint.labels, reading.pieces[row]
        function = labels.functions.index("" if name == OUT_OF_SCOPE else name)
        path, log_probability = self.joint.transitions.best_path(
            reading.emissions[row, : len(pieces)], labels.own[function]
        )
        return spans_of(pieces, labels.tags(function, path)), math.exp(log_probability)

    def ask_each(self, utterance: str) -> tuple[Scores, dict[str, float]]:
        """What each source says of an utterance, and the milliseconds that it takes for it.

        With those of ``EMBEDDING``, on which all but the tuned encoder and the words depend.
        """
        embedder, words = self.embedder, tokenizer_for(self.language)
        fresh = getattr(embedder, "without_cache", None)
        embedder = fresh() if fresh else embedder
        milliseconds: dict[str, float] = {}
        with _time(milliseconds, JOINT):
            scores_by_source = {JOINT: self.joint.read([utterance]).functions}
        with _time(milliseconds, EMBEDDING):
            vectors = embedder.embed([utterance])
            query_vectors = embedder.embed([utterance], side="query")
        for name, vote in self.voters.votes.items():
            with _time(milliseconds, name):
                scores_by_source[name] = vote(vectors, query_vectors, [words(utterance)])
        return scores_by_source, milliseconds

    def milliseconds(self, utterances: Sequence[str]) -> dict[str, float]:
        """The median of what each source takes for one of the utterances."""
        each = [self.ask_each(utterance)[1] for utterance in utterances]
        return {name: statistics.median(e[name] for e in each) for name in (each or [{}])[0]}

    def _embed(self, utterances: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Their vectors, as utterances and as what descriptions are asked with."""
        texts = list(utterances)
        return self.embedder.embed(texts), self.embedder.embed(texts, side="query")

    @classmethod
    def of(cls, joint: Reader, embedder: Embedder, parts: Fitted, language: str) -> FastModel:
        """An encoder with what was fitted beside it."""
        return cls(joint, embedder, parts.voters, parts.head, parts.scope, language)

    def save(self, directory: Path) -> None:
        """Write all but the frozen embedder to ``directory``."""
        from radu_core.training.joint.model import JointEncoder

        assert isinstance(self.joint, JointEncoder)
        self.joint.save(directory / ENCODER)
        self.save_votes(directory)

    def save_votes(self, directory: Path, *, salt: str = "") -> None:
        """Write all but the two encoders to ``directory``.

        With a ``salt``, hashes stand for the words of utterances.
        """
        (self.voters.hide_words(salt) if salt else self.voters).save(directory)
        write_json(
            directory / HEAD_FILE,
            {
                "functions": self.head.functions,
                "weights": dict(self.head.weights),
                "scope": self.scope.data(),
                "language": self.language,
                "embedder": self.embedder.name,
                "embedder_identity": self.embedder.identity,
            },
        )

    @classmethod
    def load(
        cls,
        directory: Path,
        embedder_of: Callable[[str], Embedder],
        *,
        reader: Callable[[Path], Reader] | None = None,
        aside: Executor | None = None,
    ) -> FastModel:
        """Load what ``save`` wrote.

        ``embedder_of`` gives an embedder by its name, ``reader`` loads the encoder's directory
        (default: in torch).

        ``ModelError`` if that one has other weights by now.
        """
        data = read_head(directory)
        embedder = embedder_of(str(data["embedder"]))
        if embedder.identity != data["embedder_identity"]:
            raise ModelError(
                "The embedding model isn't the one that this model was fitted on",
                value=embedder.name,
                remedy="Fetch that one again, or fit the module again.",
            )
        joint = (reader or _torch_reader)(directory / ENCODER)
        head = Head(tuple(data["functions"]), dict(data["weights"]))
        scope = Scope.read(data["scope"])
        voters, language = Voters.load(directory), str(data["language"])
        return cls(joint, embedder, voters, head, scope, language, aside)


def _torch_reader(directory: Path) -> Reader:
    from radu_core.training.joint.model import JointEncoder

    return JointEncoder.load(directory)


@contextmanager
def _time(milliseconds: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    milliseconds[name] = 1000 * (time.perf_counter() - start)


def joint_scores(model: Reader, utterances: Sequence[str]) -> NDArray[np.float32]:
    """``(rows, functions)`` log-probabilities of a tuned encoder."""
    import numpy as np

    parts = [
        model.read(utterances[at : at + _BATCH]).functions
        for at in range(0, len(utterances), _BATCH)
    ]
    empty = np.zeros((0, len(model.labels.functions)), dtype=np.float32)
    return np.concatenate(parts) if parts else empty
