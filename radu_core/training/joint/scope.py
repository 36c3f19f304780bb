"""Whether a function of the module is meant at all: a score from distance and confidence.

It adds up, each by its own spread, how near the utterance is in the untuned embedding and how sure
the tuned encoder is; where there are labels of what isn't in scope, also what the head makes of
them, all three weighed by a logistic regression on out-of-fold rows. How the distances are weighed
is learnt from what isn't in scope: utterances labelled so and, of each function in turn, the rows
as voters see them that have never seen this function. (The tuned encoder has: what it says of those
rows would look better than it is.) The score says which share of the rows in scope look more in
scope, so that a threshold is the share to keep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from radu_core.training.joint.sources import Voters

__all__ = ["KEPT", "Curve", "Scope", "among", "curve_of", "features_of", "fit_scope"]

KEPT = (1.0, 0.995, 0.99, 0.98, 0.97, 0.96, 0.95, 0.94, 0.93, 0.92, 0.91, 0.9, 0.85, 0.8, 0.7, 0.5)
LEFT_OUT = "functions left out, by distance alone"
_NEAR = ("centroid", "nearest", "regression")
_ALONE = {"centroid": 1.0, "nearest": 1.0}  # without a row that isn't in scope
_ENOUGH = 10  # rows labelled out of scope, to weigh by them
_LEAST = 1e-9  # a smaller spread is none
_SOFT = 4.0  # temperature of the tuned encoder: at 1 it is nearly always sure
_RIDGE = 0.01  # per row: a few rows say little about so many weights
_POINTS = 200  # of the distribution of what is in scope
_FEWEST = 0.95  # of what is in scope is kept where nobody said otherwise


@dataclass(frozen=True)
class Curve:
    """How well two kinds of rows are told apart.

    ``auroc``, and the share of ``outside`` rows found (``recall``) where a share of ``inside`` rows
    is ``kept``. ``by`` says what wasn't in scope: labels, or functions left out (then without the
    tuned encoder, which knows them).
    """

    auroc: float
    kept: tuple[float, ...]
    recall: tuple[float, ...]
    inside: int
    outside: int
    by: str

    def at(self, kept: float) -> float:
        """The share found where so many are kept; between two points, the lower one's."""
        return max((r for k, r in zip(self.kept, self.recall, strict=True) if k >= kept - 1e-9))

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Curve:
        """What ``asdict`` gave."""
        return cls(**{**data, "kept": tuple(data["kept"]), "recall": tuple(data["recall"])})


def curve_of(scores: Sequence[float], inside: Sequence[bool], *, by: str) -> Curve | None:
    """The curve of ``scores``, greater where less in scope; None unless there are rows of both."""
    import numpy as np
    from sklearn.metrics import roc_auc_score

    values, is_inside = np.asarray(scores, dtype=np.float64), np.asarray(inside, dtype=bool)
    own, other = values[is_inside], values[~is_inside]
    if not len(own) or not len(other):
        return None
    sorted_scores = np.sort(own)
    recall = []
    for share in KEPT:
        recall.append(float((other > _last_kept(sorted_scores, share)).mean()))
    auroc = float(roc_auc_score(~is_inside, values))
    return Curve(auroc, KEPT, tuple(recall), len(own), len(other), by)


@dataclass(frozen=True)
class Scope:
    """How to tell whether an utterance is in scope.

    ``weights`` of the features are greater where less in scope; ``inside`` are points of the
    distribution of rows in scope, ascending. ``kept`` is the share of them that isn't refused.
    """

    weights: Mapping[str, float]
    inside: tuple[float, ...]
    kept: float
    curve: Curve | None

    def scores(self, features: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """``(rows,)``: which share of the rows in scope look more in scope, above 0, below 1."""
        import numpy as np

        raw = _weigh(self.weights, features)
        count = len(self.inside)
        if not count:
            return np.full(len(raw), 0.5)
        shares = np.interp(raw, self.inside, (np.arange(count) + 0.5) / count)
        before = np.searchsorted(self.inside, raw)  # of equal ones, all stand where the first does
        same = np.asarray(self.inside)[np.minimum(before, count - 1)] == raw
        shares = np.where(same, (before + 0.5) / count, shares)
        below = np.minimum(raw - self.inside[0], 0.0)  # beyond the ends the order is to stay
        above = np.minimum(self.inside[-1] - raw, 0.0)
        shares = np.where(below < 0, 0.5 / count * np.exp(below), shares)
        result: NDArray[np.float64] = np.where(above < 0, 1 - 0.5 / count * np.exp(above), shares)
        return result

    def data(self) -> dict[str, Any]:
        """As JSON; ``read`` takes it back."""
        return asdict(self)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Scope:
        """What ``data`` gave."""
        curve = data["curve"]
        return cls(
            dict(data["weights"]),
            tuple(data["inside"]),
            float(data["kept"]),
            Curve.read(curve) if curve else None,
        )


def features_of(
    voters: Voters,
    vectors: NDArray[np.float32],
    joint: NDArray[np.float32],
    logs: NDArray[np.float64],
    is_known: NDArray[np.bool_],
) -> dict[str, NDArray[np.float64]]:
    """What a ``Scope`` weighs of utterances, each ``(rows,)``.

    From their vectors and scores, among the functions that ``is_known`` ``(functions,)`` marks.
    """
    import numpy as np

    inner = is_known & np.array([name != "" for name in voters.functions])
    sure = among(logs, is_known)
    features = {
        **voters.nearness(vectors, inner),
        "joint": among(joint.astype(np.float64) / _SOFT, inner).max(1),
    }
    if (~inner & is_known).any():
        features["labelled"] = sure[:, inner].max(1) - sure[:, ~inner & is_known].max(1)
    return features


def among(logs: NDArray[np.float64], is_known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Log-probabilities, had there only been the functions that ``is_known`` marks."""
    import numpy as np

    level = np.where(is_known, logs, -np.inf)
    level = level - level.max(1, keepdims=True)
    result: NDArray[np.float64] = level - np.log(np.exp(level).sum(1, keepdims=True))
    return result


def fit_scope(
    features: Mapping[str, NDArray[np.float64]],
    inside: NDArray[np.bool_],
    labelled: NDArray[np.bool_],
    right: NDArray[np.bool_],
) -> Scope:
    """The weights that tell rows ``inside`` ``(rows,)`` from others.

    ``features`` have to be out of fold; ``labelled`` are the rows whose being outside is a label,
    not a function left out: of the latter only the distances are looked at, and the curve is of
    these where nothing is labelled so; ``right``, whether a row is answered rightly where nothing
    is refused.

    What is kept by default: everything, unless there are labels of what isn't in scope; then the
    share that answers most rows rightly, of those from 95 % on.
    """
    import numpy as np

    if not inside.any():
        return Scope({}, (), 1.0, None)
    near = _weights({n: features[n] for n in _NEAR}, ~inside)
    parts = {
        "near": _weigh(near, features),
        **{n: -features[n] for n in ("joint", "labelled") if n in features},
    }
    is_measured = inside | labelled
    mix = _mix({n: part[is_measured] for n, part in parts.items()}, labelled[is_measured])
    weights = {n: mix["near"] * w for n, w in near.items()}
    weights |= {n: -w for n, w in mix.items() if n != "near"}
    raw = _weigh(weights, features)
    own = np.sort(raw[inside])
    points = np.quantile(own, np.linspace(0, 1, min(_POINTS, len(own))))
    if labelled.any():
        curve = curve_of(raw[is_measured].tolist(), inside[is_measured].tolist(), by="labels")
    else:
        curve = curve_of(parts["near"].tolist(), inside.tolist(), by=LEFT_OUT)
    share_kept = _best_share(raw, inside, right, is_measured) if labelled.any() else 1.0
    return Scope(weights, tuple(map(float, points)), share_kept, curve)


def _mix(parts: Mapping[str, NDArray[np.float64]], outside: NDArray[np.bool_]) -> dict[str, float]:
    """The weights of the parts of a scope's score.

    By rows labelled ``outside``, or each by its own spread where these are few.
    """
    if outside.sum() >= _ENOUGH:
        return _weights(parts, outside)
    scale = {n: float(part[~outside].std()) for n, part in parts.items()}
    return {n: 1 / s if s > _LEAST else 0.0 for n, s in scale.items()}


def _best_share(
    raw: NDArray[np.float64],
    inside: NDArray[np.bool_],
    right: NDArray[np.bool_],
    is_measured: NDArray[np.bool_],
) -> float:
    """The share of rows ``inside`` to keep with which most measured rows are answered right.

    Of several the greatest.
    """
    import numpy as np

    sorted_scores = np.sort(raw[inside])
    counts: dict[float, int] = {}
    for share in (k for k in KEPT if k >= _FEWEST):
        is_refused = raw > (_last_kept(sorted_scores, share) if share < 1 else np.inf)
        counts[share] = int((np.where(is_refused, ~inside, right) & is_measured).sum())
    return max(counts, key=lambda k: (counts[k], k))


def _last_kept(scores: NDArray[np.float64], share: float) -> float:
    """The greatest score that isn't refused."""
    import numpy as np

    return float(scores[max(0, int(np.ceil(share * len(scores) - 1e-9)) - 1)])


def _weigh(
    weights: Mapping[str, float], features: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    import numpy as np

    count = len(next(iter(features.values()), np.zeros(0)))
    total = np.zeros(count, dtype=np.float64)
    for name, weight in weights.items():
        total += weight * features[name]
    return total


def _weights(
    features: Mapping[str, NDArray[np.float64]], outside: NDArray[np.bool_]
) -> dict[str, float]:
    """Those of a logistic regression; without a row ``outside``, of what is nearest."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    stacked = np.stack([features[n] for n in features], 1)
    scale = stacked.std(0)
    scale = np.where(scale > _LEAST, scale, np.inf)
    if not outside.any():
        return {n: -_ALONE.get(n, 0.0) / s for n, s in zip(features, scale.tolist(), strict=True)}
    model = LogisticRegression(C=1 / (_RIDGE * len(stacked)), class_weight="balanced", max_iter=500)
    model.fit(stacked / scale, outside)
    return dict(zip(features, (model.coef_[0] / scale).tolist(), strict=True))
