"""The fast model: a tuned encoder, what votes without tuning, and the head that weighs them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from radu_core.errors import ModelError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import read_json, write_json
from radu_core.pieces import spans_of
from radu_core.retrieval import Embedder
from radu_core.retrieval.index import description_text
from radu_core.retrieval.lexical import tokenizer_for
from radu_core.schema import OUT_OF_SCOPE, Schema
from radu_core.training.joint.files import ENCODER, HEAD_FILE
from radu_core.training.joint.folds import folds_of
from radu_core.training.joint.head import Head, Scores, fit_head, log_loss
from radu_core.training.joint.rows import Labels
from radu_core.training.joint.sources import Voters, fit_voters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from radu_core.training.joint.model import JointEncoder

__all__ = ["Answer", "FastModel", "fit_head_on", "joint_scores"]

JOINT = "joint"
_STRENGTHS = (30.0, 10.0)  # C of the regression, the most usual first
_FOLDS = 5  # of the sources that cost little to fit


@dataclass(frozen=True)
class Answer:
    """Function → probability (``OUT_OF_SCOPE`` among them), the spans (slot, start, end) of the
    values of ``function``, the probability that the tagger gives all of them together, and the
    utterance's ``vector`` ``(dim,)`` in the untuned embedding."""

    scores: dict[str, float]
    function: str
    spans: list[tuple[str, int, int]]
    sure: float
    vector: NDArray[np.float32]


@dataclass(frozen=True)
class FastModel:
    """``joint`` is the tuned encoder, ``embedder`` the frozen one of ``voters``."""

    joint: JointEncoder
    embedder: Embedder
    voters: Voters
    head: Head
    language: str

    def answer(
        self, utterances: Sequence[str], *, functions: Sequence[str] | None = None
    ) -> list[Answer]:
        """What each utterance means, in order: values of the likeliest function, or of that in
        ``functions``."""
        import numpy as np
        import torch

        lead = self.joint
        rows = [lead.row(u) for u in utterances]
        vectors = self.embedder.embed(list(utterances))
        batch = lead.batch(rows)
        with torch.inference_mode():
            said = lead(batch)
            joint = said.functions.log_softmax(-1).numpy()
            logs = self.head.log_probabilities({JOINT: joint, **self._votes(utterances, vectors)})
            names = [n or OUT_OF_SCOPE for n in self.head.functions]
            chosen = [names.index(f) for f in functions or ()] or logs.argmax(1).tolist()
            paths = lead.crf.decode(said.emissions, lead.slots_of(chosen), batch.lengths)
        return [
            Answer(
                dict(zip(names, np.exp(logs[n]).tolist(), strict=True)),
                names[chosen[n]],
                spans_of(rows[n].pieces, lead.labels.tags(chosen[n], labels)),
                math.exp(log_probability),
                vectors[n],
            )
            for n, (labels, log_probability) in enumerate(paths)
        ]

    def _votes(self, utterances: Sequence[str], vectors: NDArray[np.float32]) -> Scores:
        words = tokenizer_for(self.language)
        return self.voters.scores(
            vectors,
            self.embedder.embed(list(utterances), side="query"),
            [words(u) for u in utterances],
        )

    def save(self, directory: Path) -> None:
        """Write all but the frozen embedder to ``directory``."""
        self.joint.save(directory / ENCODER)
        self.voters.save(directory)
        write_json(
            directory / HEAD_FILE,
            {
                "functions": self.head.functions,
                "weights": dict(self.head.weights),
                "language": self.language,
                "embedder": self.embedder.name,
                "embedder_identity": self.embedder.identity,
            },
        )

    @classmethod
    def load(cls, directory: Path, embedder_of: Callable[[str], Embedder]) -> FastModel:
        """What ``save`` wrote; ``embedder_of`` gives an embedder by its name.

        ``ModelError`` if that one has other weights by now.
        """
        from radu_core.training.joint.model import JointEncoder

        data = read_json(directory / HEAD_FILE)
        embedder = embedder_of(str(data["embedder"]))
        if embedder.identity != data["embedder_identity"]:
            raise ModelError(
                "The embedding model isn't the one that this model was fitted on",
                value=embedder.name,
                remedy="Fetch that one again, or fit the module again.",
            )
        joint = JointEncoder.load(directory / ENCODER)
        head = Head(tuple(data["functions"]), dict(data["weights"]))
        return cls(joint, embedder, Voters.load(directory), head, str(data["language"]))


def joint_scores(model: JointEncoder, utterances: Sequence[str]) -> NDArray[np.float32]:
    """``(rows, functions)`` log-probabilities of a tuned encoder."""
    import numpy as np
    import torch

    found = []
    for at in range(0, len(utterances), 64):
        rows = [model.row(u) for u in utterances[at : at + 64]]
        with torch.inference_mode():
            found.append(model(model.batch(rows)).functions.log_softmax(-1).numpy())
    if not found:
        return np.zeros((0, len(model.labels.functions)), dtype=np.float32)
    return np.concatenate(found)


def fit_head_on(
    schema: Schema,
    exemplars: Sequence[AnnotatedExemplar],
    embedder: Embedder,
    labels: Labels,
    joint: NDArray[np.float32],
) -> tuple[Voters, Head, dict[str, float]]:
    """Voters fitted on all exemplars; the head, on out-of-fold scores; and what the log loss would
    be without each source. ``joint`` ``(n, functions)`` are out-of-fold scores of the tuned
    encoders, rows of NaN where there are none: these rows aren't looked at."""
    import numpy as np

    data = _Labelled.of(schema, exemplars, embedder, labels)
    known: NDArray[np.bool_] = np.logical_not(np.isnan(joint).any(axis=1))
    folds = np.array(folds_of(exemplars, _FOLDS, seed=1))
    tried = {c: _out_of_fold(data, folds, c) for c in _STRENGTHS}
    losses = {c: _loss(s["linear"], data.gold) for c, s in tried.items()}
    strength = min(_STRENGTHS, key=lambda c: losses[c])
    scores = {JOINT: joint[known], **{n: s[known] for n, s in tried[strength].items()}}
    gold = data.gold[known]
    head = fit_head(labels.functions, scores, gold)
    whole = log_loss(head, scores, gold)
    adds = {
        n: log_loss(fit_head(labels.functions, rest, gold), rest, gold) - whole
        for n in scores
        if (rest := {m: s for m, s in scores.items() if m != n})
    }
    return data.voters(np.ones(len(known), dtype=np.bool_), strength), head, adds


@dataclass(frozen=True)
class _Labelled:
    """Exemplars as vectors and words, their functions as places."""

    functions: tuple[str, ...]
    vectors: NDArray[np.float32]
    asked: NDArray[np.float32]
    words: list[tuple[str, ...]]
    gold: NDArray[np.int64]
    descriptions: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        schema: Schema,
        exemplars: Sequence[AnnotatedExemplar],
        embedder: Embedder,
        labels: Labels,
    ) -> _Labelled:
        import numpy as np

        texts = [e.utterance for e in exemplars]
        words = tokenizer_for(schema.language)
        vectors = embedder.embed(texts)
        known = [schema.function(n) for n in labels.functions]
        described = embedder.embed([description_text(f) for f in known if f], side="passage")
        descriptions = np.zeros((len(known), vectors.shape[1]), dtype=np.float32)
        descriptions[[n for n, f in enumerate(known) if f]] = described
        place = {name: n for n, name in enumerate(labels.functions)}
        return cls(
            labels.functions,
            vectors,
            embedder.embed(texts, side="query"),
            [tuple(words(t)) for t in texts],
            np.array([place[e.function or ""] for e in exemplars]),
            descriptions,
        )

    def voters(self, chosen: NDArray[np.bool_], strength: float) -> Voters:
        """Those fitted on some of the rows."""
        import numpy as np

        words = [self.words[n] for n in np.flatnonzero(chosen)]
        return fit_voters(
            self.functions,
            self.vectors[chosen],
            self.gold[chosen],
            self.descriptions,
            words,
            strength=strength,
        )


def _out_of_fold(data: _Labelled, folds: NDArray[np.int64], strength: float) -> Scores:
    """The scores of each fold by voters fitted on the others."""
    import numpy as np

    found: dict[str, NDArray[np.float32]] = {}
    for fold in np.unique(folds):
        held = folds == fold
        if held.all():
            held = ~held
        words = [data.words[n] for n in np.flatnonzero(held)]
        said = data.voters(~held, strength).scores(data.vectors[held], data.asked[held], words)
        for name, scores in said.items():
            empty = np.zeros((len(folds), len(data.functions)), dtype=np.float32)
            found.setdefault(name, empty)[held] = scores
    return found


def _loss(logs: NDArray[np.float32], gold: NDArray[np.int64]) -> float:
    import numpy as np

    return float(-logs[np.arange(len(gold)), gold].mean())
