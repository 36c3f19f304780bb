"""How far annotators agree who decided about the same exemplars, and where they don't.

Figures that the opinions don't define (nobody marked anything; everybody always said the same
function, so that there is no chance agreement to compare with) are None, never 0, 1 or NaN.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import as_values

__all__ = ["Agreement", "Disagreement", "Kind", "Opinions", "Pair", "agreement", "alpha"]

Opinions = Mapping[str, Mapping[str, AnnotatedExemplar]]  # exemplar id → who → what they said
Kind = Literal["discarded", "function", "values", "implied", "edges"]

_DISCARDED = "discarded"  # the tag
_OUT_OF_SCOPE = "out of scope"


@dataclass(frozen=True)
class Disagreement:
    """One thing that two annotators said differently; ``slot`` is empty for the whole exemplar."""

    exemplar_id: str
    kind: Kind
    slot: str
    first: str
    second: str


@dataclass(frozen=True)
class Pair:
    """Two annotators on the ``items`` that both have decided."""

    first: str
    second: str
    items: int
    span_f1: float | None
    kappa: float | None
    disagreements: tuple[Disagreement, ...]


@dataclass(frozen=True)
class Agreement:
    """All annotators on the ``items`` that at least two have decided.

    ``span_f1`` is the mean over the pairs for which it is defined; ``alpha`` is Krippendorff's, on
    functions.
    """

    items: int
    annotators: tuple[str, ...]
    span_f1: float | None
    alpha: float | None
    pairs: tuple[Pair, ...]


def agreement(opinions: Opinions) -> Agreement:
    """Agreement of all pairs and of all together; exemplars with one opinion don't count."""
    labelled = {
        id: _labelled_opinions(own_opinions) for id, own_opinions in sorted(opinions.items())
    }
    opinions_by_id = {
        id: own_opinions for id, own_opinions in labelled.items() if len(own_opinions) > 1
    }
    annotators = tuple(
        sorted({who for own_opinions in opinions_by_id.values() for who in own_opinions})
    )
    pairs = tuple(
        _pair(first, second, both)
        for first, second in combinations(annotators, 2)
        if (
            both := [
                (i, s[first], s[second])
                for i, s in opinions_by_id.items()
                if {first, second} <= {*s}
            ]
        )
    )
    defined = [p.span_f1 for p in pairs if p.span_f1 is not None]
    return Agreement(
        items=len(opinions_by_id),
        annotators=annotators,
        span_f1=sum(defined) / len(defined) if defined else None,
        alpha=alpha(
            [[_label(e) for e in own_opinions.values()] for own_opinions in opinions_by_id.values()]
        ),
        pairs=pairs,
    )


def _labelled_opinions(
    own_opinions: Mapping[str, AnnotatedExemplar],
) -> dict[str, AnnotatedExemplar]:
    """The opinions that say something: who has left it unlabelled has said nothing of it."""
    return {who: e for who, e in own_opinions.items() if not e.unlabelled or _is_discarded(e)}


def alpha(units: Iterable[Sequence[str]]) -> float | None:
    """Krippendorff's α for nominal values: each unit's values, missing ones left out.

    1 is perfect agreement, 0 what chance gives; None where all values are the same. By the
    coincidence matrix of K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), D;
    written out because no package that is installed anyway has it.
    """
    pairable = [Counter(values) for values in units if len(values) > 1]
    totals = sum(pairable, Counter[str]())
    n = totals.total()
    differ = sum(
        (unit.total() ** 2 - sum(c * c for c in unit.values())) / (unit.total() - 1)
        for unit in pairable
    )
    by_chance = n * n - sum(c * c for c in totals.values())
    return 1 - (n - 1) * differ / by_chance if by_chance else None


Both = Sequence[tuple[str, AnnotatedExemplar, AnnotatedExemplar]]  # id, the first's, the second's


def _pair(first: str, second: str, both: Both) -> Pair:
    return Pair(
        first=first,
        second=second,
        items=len(both),
        span_f1=_span_f1(both),
        kappa=_kappa([_label(a) for _, a, _ in both], [_label(b) for _, _, b in both]),
        disagreements=tuple(d for id, a, b in both for d in _differences(id, a, b)),
    )


def _span_f1(both: Both) -> float | None:
    """Micro-F1 of one's spans against the other's: the same slot at the same place, to the letter.

    It is symmetric, and chance needs no correction, as places where nobody marks anything are
    without number (G. Hripcsak and A. Rothschild, JAMIA 12(3), 2005).
    """
    hits = span_count = 0
    for _, a, b in both:
        ours, theirs = _places(a), _places(b)
        hits += (ours & theirs).total()
        span_count += ours.total() + theirs.total()
    return 2 * hits / span_count if span_count else None


def _kappa(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Cohen's κ; None where both always say the same one thing."""
    from sklearn.metrics import cohen_kappa_score  # slow to import

    return float(cohen_kappa_score(first, second)) if len({*first, *second}) > 1 else None


def _label(exemplar: AnnotatedExemplar) -> str:
    """The category for κ and α; no function's name begins with a colon."""
    if _is_discarded(exemplar):
        return f":{_DISCARDED}"
    return f":{_OUT_OF_SCOPE}" if exemplar.function is None else exemplar.function


def _is_discarded(exemplar: AnnotatedExemplar) -> bool:
    return _DISCARDED in exemplar.tags


def _places(exemplar: AnnotatedExemplar) -> Counter[tuple[str, int, int]]:
    spans = () if _is_discarded(exemplar) else exemplar.spans or ()
    return Counter((s.slot, s.start, s.end) for s in spans)


def _differences(id: str, a: AnnotatedExemplar, b: AnnotatedExemplar) -> Iterator[Disagreement]:
    """The first thing that makes the rest incomparable, or every slot that differs."""
    if _is_discarded(a) or _is_discarded(b):
        if _is_discarded(a) != _is_discarded(b):
            yield Disagreement(id, "discarded", "", _whole(a), _whole(b))
    elif a.function != b.function:
        yield Disagreement(id, "function", "", _whole(a), _whole(b))
    else:
        for slot in dict.fromkeys((*a.arguments, *b.arguments)):
            yield from _slot_differences(id, slot, a, b)


def _slot_differences(
    id: str, slot: str, a: AnnotatedExemplar, b: AnnotatedExemplar
) -> Iterator[Disagreement]:
    ways: tuple[tuple[Kind, list[str], list[str]], ...] = (
        ("values", _values(a, slot), _values(b, slot)),
        ("implied", _implied_mark(a, slot), _implied_mark(b, slot)),
        ("edges", _edges(a, slot), _edges(b, slot)),
    )
    for kind, first, second in ways:
        if first != second:
            yield Disagreement(id, kind, slot, ", ".join(first), ", ".join(second))
            return


def _whole(exemplar: AnnotatedExemplar) -> str:
    return _DISCARDED if _is_discarded(exemplar) else exemplar.function or _OUT_OF_SCOPE


def _values(exemplar: AnnotatedExemplar, slot: str) -> list[str]:
    """The values as they are written in JSON, so that ``1``, ``"1"`` and ``true`` are three."""
    argument = exemplar.arguments.get(slot)
    return (
        []
        if argument is None
        else sorted(json.dumps(value, ensure_ascii=False) for value in as_values(argument))
    )


def _implied_mark(exemplar: AnnotatedExemplar, slot: str) -> list[str]:
    return ["implied" if slot in exemplar.implied else "written"]


def _edges(exemplar: AnnotatedExemplar, slot: str) -> list[str]:
    """The words marked, with their offsets: the same words may stand in several places."""
    return [
        f"{exemplar.utterance[s.start : s.end]} [{s.start}, {s.end})"
        for s in sorted(exemplar.spans or (), key=lambda s: (s.start, s.end))
        if s.slot == slot
    ]
