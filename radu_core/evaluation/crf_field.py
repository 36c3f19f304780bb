"""A linear-chain conditional random field: fitted by CRFsuite, decoded here among some labels."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Field", "Penalty", "Sentence", "fit_field"]

Penalty = tuple[float, float]  # weights of the L1 norm and of the squared L2 norm
_ITERATIONS = 50  # 100 find the same labels
_NEVER = -1e9


@dataclass(frozen=True)
class Sentence:
    """An utterance as a field learns it: the attributes and the BIO label of each piece."""

    attributes: list[list[str]]
    labels: list[str]


@dataclass(frozen=True)
class Field:
    """Weights: of attributes for labels, and of a label behind another: ``moves[before, after]``.

    ``moves`` rules out an ``I-slot`` that doesn't continue its slot.
    """

    labels: list[str]
    weights: dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]
    moves: NDArray[np.float64]

    def decode(self, attributes: Sequence[Sequence[str]], slots: set[str]) -> list[str]:
        """The likeliest labels of the pieces, of those of ``slots`` and ``O`` (Viterbi)."""
        import numpy as np

        allowed = [n for n, own in enumerate(self.labels) if own == "O" or own[2:] in slots]
        if not attributes or not allowed:
            return ["O"] * len(attributes)
        scores = np.zeros((len(attributes), len(self.labels)))
        for row, names in zip(scores, attributes, strict=True):
            for places, weights in filter(None, map(self.weights.get, names)):
                row[places] += weights
        scores, moves = scores[:, allowed], self.moves[np.ix_(allowed, allowed)]
        scores[0] += [_NEVER * self.labels[n].startswith("I-") for n in allowed]
        best, came = scores[0], []
        for row in scores[1:]:
            options = best[:, None] + moves
            came.append(options.argmax(axis=0))
            best = options.max(axis=0) + row
        path = [int(best.argmax())]
        for before in reversed(came):
            path.append(int(before[path[-1]]))
        return [self.labels[allowed[n]] for n in reversed(path)]


def fit_field(sentences: Sequence[Sentence], penalty: Penalty) -> Field:
    """The field that fits the sentences best, by L-BFGS (OWL-QN where L1 counts).

    CRFsuite is given numbers instead of names: its listing of weights can't be read where a name
    holds a line break or an arrow.
    """
    import numpy as np
    import pycrfsuite

    labels = sorted({own for s in sentences for own in s.labels})
    label_ids = {own: str(n) for n, own in enumerate(labels)}
    ids: dict[str, str] = {}
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
    trainer.set_params({"c1": penalty[0], "c2": penalty[1], "max_iterations": _ITERATIONS})
    for sentence in sentences:
        numbers = [[ids.setdefault(a, str(len(ids))) for a in own] for own in sentence.attributes]
        trainer.append(numbers, [label_ids[own] for own in sentence.labels])
    tagger = pycrfsuite.Tagger()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "field")
        trainer.train(path)
        with tagger.open(path):
            listing = tagger.info()
    names = list(ids)
    grouped: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for (attribute, own), weight in listing.state_features.items():
        grouped[names[int(attribute)]].append((int(own), weight))
    moves = np.zeros((len(labels), len(labels)))
    for (before, after), weight in listing.transitions.items():
        moves[int(before), int(after)] = weight
    for after, own in enumerate(labels):
        if own.startswith("I-"):
            moves[[before[2:] != own[2:] for before in labels], after] = _NEVER
    return Field(
        labels,
        {a: (np.array([n for n, _ in w]), np.array([x for _, x in w])) for a, w in grouped.items()},
        moves,
    )
