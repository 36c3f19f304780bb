"""Values that are meant and not written: learnt from the rows of a module that mean them.

"A ticket for my wife and me" is for 2 passengers, though no words of it are that value. For each
slot of a function whose rows have such values, a logistic regression on the utterance's embedding
says which one is meant, or that none is. It only chooses among values that the slot had in the
rows.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import read_json, write_json
from radu_core.schema import Scalar, Schema, Slot, fits_type

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from radu_core.retrieval import Embedder

__all__ = ["Implied"]

_FEWEST = 2  # rows that imply a value, or there is nothing to learn
_MOST_TEXTS = 12  # different values of a slot of free text: of more, none would be learnt well
_STRENGTH = 10.0  # inverse of the regularisation: scikit-learn's C
_SURE = 0.5
_WEIGHTS, _VALUES = "implied.safetensors", "implied.json"
_ARRAYS = ("coefficients", "intercepts")


@dataclass(frozen=True)
class _Chooser:
    """What a slot's rows imply.

    ``values`` (None: nothing), with a row of ``coefficients`` ``(values, dim)`` and an
    ``intercept`` for each of them; of one value without these.
    """

    values: tuple[Scalar | None, ...]
    coefficients: NDArray[np.float64]
    intercepts: NDArray[np.float64]

    def choose(self, vector: NDArray[np.float32]) -> Scalar | None:
        if len(self.values) == 1:
            return self.values[0]
        import numpy as np

        logits = self.coefficients @ vector + self.intercepts
        chances = np.exp(logits - logits.max())
        best = int(chances.argmax())
        return self.values[best] if chances[best] / chances.sum() >= _SURE else None


class Implied:
    """Of each function and slot, which value an utterance implies."""

    def __init__(
        self, schema: Schema, exemplars: Sequence[AnnotatedExemplar], embedder: Embedder
    ) -> None:
        self._choosers: dict[tuple[str, str], _Chooser] = {}
        rows: dict[str, list[AnnotatedExemplar]] = defaultdict(list)
        for exemplar in exemplars:
            if exemplar.function and exemplar.mode == "normal":
                rows[exemplar.function].append(exemplar)
        for function in schema.functions:
            own = rows[function.name]
            vectors: NDArray[np.float32] | None = None
            for slot in function.slots:
                labels = [_implied_value(e, slot) for e in own]
                if not _learnable(slot, labels):
                    continue
                if vectors is None:
                    vectors = embedder.embed([e.utterance for e in own])
                self._choosers[function.name, slot.name] = _fit(labels, vectors)

    def save(self, directory: Path) -> None:
        """Write what it has learnt to ``directory``."""
        from safetensors.numpy import save_file

        keys = list(self._choosers)
        arrays = {
            f"{n} {part}": getattr(self._choosers[key], part)
            for n, key in enumerate(keys)
            for part in _ARRAYS
        }
        save_file(arrays, str(directory / _WEIGHTS))
        write_json(directory / _VALUES, [[*key, self._choosers[key].values] for key in keys])

    @classmethod
    def load(cls, directory: Path) -> Implied:
        """What ``save`` wrote."""
        from safetensors.numpy import load_file

        arrays, instance = load_file(str(directory / _WEIGHTS)), cls.__new__(cls)
        instance._choosers = {
            (function, slot): _Chooser(tuple(values), *(arrays[f"{n} {part}"] for part in _ARRAYS))
            for n, (function, slot, values) in enumerate(read_json(directory / _VALUES))
        }
        return instance

    def __bool__(self) -> bool:
        """Whether anything is ever implied."""
        return bool(self._choosers)

    def values(
        self, function: str, slots: Iterable[Slot], vector: NDArray[np.float32]
    ) -> dict[str, Scalar]:
        """What an utterance of ``function`` with this ``vector`` ``(dim,)`` implies."""
        values: dict[str, Scalar] = {}
        for slot in slots:
            chooser = self._choosers.get((function, slot.name))
            value = chooser.choose(vector) if chooser else None
            if value is not None and fits_type(value, slot):
                values[slot.name] = value
        return values


def _implied_value(exemplar: AnnotatedExemplar, slot: Slot) -> Scalar | None:
    """The value that an exemplar has for a slot and no words for."""
    value = exemplar.arguments.get(slot.name)
    if value is None or isinstance(value, list):
        return None
    is_written = any(s.slot == slot.name for s in exemplar.spans or ())
    return None if is_written else value


def _learnable(slot: Slot, labels: Sequence[Scalar | None]) -> bool:
    values = [v for v in labels if v is not None]
    if slot.recognizer is not None or len(values) < _FEWEST:
        return False
    closed = slot.possible_values or slot.type == "boolean"
    return bool(closed) or len(set(map(repr, values))) <= _MOST_TEXTS


def _fit(labels: Sequence[Scalar | None], vectors: NDArray[np.float32]) -> _Chooser:
    import numpy as np
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    values = {repr(v): v for v in labels}
    places = {key: n for n, key in enumerate(sorted(values))}
    targets = np.array([places[repr(v)] for v in labels])
    sorted_values = tuple(values[key] for key in sorted(values))
    if len(sorted_values) == 1:
        return _Chooser(sorted_values, np.zeros((1, vectors.shape[1])), np.zeros(1))
    model = LogisticRegression(C=_STRENGTH, max_iter=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(vectors, targets)
    coefficients, intercepts = model.coef_, model.intercept_
    if len(sorted_values) == 2:  # one row, for the second
        coefficients = np.concatenate([np.zeros_like(coefficients), coefficients])
        intercepts = np.concatenate([np.zeros_like(intercepts), intercepts])
    # safetensors writes an array's memory as it lies, and scikit-learn's lies by columns
    return _Chooser(
        sorted_values,
        np.ascontiguousarray(coefficients, dtype=np.float64),
        np.ascontiguousarray(intercepts, dtype=np.float64),
    )
