"""Negatives: which similar exemplars of other functions an exemplar is set against, and why.

Two exemplars that mean the same must not be taught as different. A pair is *suspected* if
its exemplars are nearly identical, their templates are equal, or both rankings put one first for
the other: it is listed, but not used until a person has judged it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import content_hash
from radu_core.retrieval.pairs import Judgements, Pair, Verdict, equality, pair_of

if TYPE_CHECKING:
    from radu_core.retrieval import ExemplarHit

__all__ = [
    "POOL",
    "SIGNS",
    "Judgements",
    "Negative",
    "Pair",
    "Sign",
    "Suspect",
    "Verdict",
    "chosen_places",
    "judgements_hash",
    "mine",
    "pair_of",
    "same_meaning",
    "signs_of",
    "suspects_in",
    "verdict_of",
]

Sign = Literal["near duplicate", "same template", "same words", "same frame", "both rankings"]

SIGNS: Mapping[str, str] = {
    "near duplicate": "nearly identical",
    "same template": "the same template",
    "same words": "the same template but for case and punctuation",
    "same frame": "the same template but for the slots' names",
    "both rankings": "first of other functions by meaning and by words, and close",
}
POOL = 50  # exemplars retrieved per utterance to mine negatives from
# Cosine from which both rankings together are a sign; measured, docs/explanation/negatives.md.
_CLOSE = 0.8


@dataclass(frozen=True)
class Suspect:
    """Two exemplars that seem to mean the same, but are labelled with different functions.

    Each of ``reasons`` is a ``Sign`` of it.
    """

    exemplar_id: str
    function: str | None
    other_id: str
    other_function: str | None
    similarity: float
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Negative:
    """A similar exemplar of another function. ``rank`` counts these from 1, nearest first.

    A ``Sign`` suggests that it means the same; ``verdict`` is a person's judgement of that, if
    any. ``eligible`` says whether it could be used, ``use`` whether it is, and ``why`` the reason.
    """

    hit: ExemplarHit
    rank: int
    signs: tuple[Sign, ...]
    verdict: Verdict | None
    eligible: bool
    use: bool
    why: str

    @property
    def is_suspect(self) -> bool:
        """Whether it seems to mean the same and nobody has said otherwise."""
        return bool(self.signs) and self.verdict is None


def verdict_of(judgements: Judgements, first: str, second: str) -> Verdict | None:
    """What people said of two exemplars."""
    return judgements.get(pair_of(first, second))


def judgements_hash(judgements: Judgements) -> str:
    """SHA-256 over all judgements; the same for the same ones in any order."""
    return content_hash([[*pair, judgements[pair]] for pair in sorted(judgements)])


def mine(
    exemplar: AnnotatedExemplar,
    hits: Sequence[ExemplarHit],
    *,
    count: int,
    hardness: float = 1.0,
    near_duplicate: float = 0.95,
    judgements: Judgements | None = None,
) -> list[Negative]:
    """Every hit of another function, nearest (by cosine) first, and which ``count`` are used.

    A hit is eligible if it isn't suspected, wasn't judged the same, and has a function to be
    compared with; ``chosen_places`` says which of these are used. An exemplar of mode ``negative``
    is set against its own function: its negatives are the hits of that function. It was made to
    look like them, so that both rankings put one first suggests nothing. Two ``extended`` exemplars
    may say the same and still belong to two functions: they are no pair.
    """
    verdicts_given = judgements or {}
    against = exemplar.mode == "negative"
    extended = exemplar.mode == "extended"
    others = [
        h
        for h in hits
        if (h.function == exemplar.function) == against and not (extended and h.mode == "extended")
    ]
    others.sort(key=lambda h: (-h.similarity, h.id))
    signs = [signs_of(exemplar, others, n, near_duplicate) for n in range(len(others))]
    verdicts = [verdict_of(verdicts_given, exemplar.id, h.id) for h in others]
    refusals = [_refusal(h, s, v) for h, s, v in zip(others, signs, verdicts, strict=True)]
    eligible = [n for n, why in enumerate(refusals) if not why]
    place_of = {n: place for place, n in enumerate(eligible)}
    places = chosen_places(len(eligible), count, hardness)
    order_by_place = {eligible[place]: order for order, place in enumerate(places, start=1)}
    return [
        Negative(
            hit,
            n + 1,
            signs[n],
            verdicts[n],
            n in place_of,
            n in order_by_place,
            refusals[n] or _why(place_of[n] + 1, order_by_place.get(n), count, signs[n]),
        )
        for n, hit in enumerate(others)
    ]


def chosen_places(eligible: int, count: int, hardness: float) -> list[int]:
    """Which of ``eligible`` negatives (0 is the nearest) are used: ``count`` of them, ascending.

    A window holds the nearest ``count + (1 - hardness) * (eligible - count)``; it is cut into
    ``count`` equal parts, and the middle of each is taken. At hardness 1 these are the nearest, at
    0 they are spread over all. Fewer eligible than ``count``: all of them.
    """
    if eligible <= count:
        return list(range(eligible))
    window = count + (1.0 - hardness) * (eligible - count)
    return [min(int((n + 0.5) * window / count), eligible - 1) for n in range(count)]


def signs_of(
    exemplar: AnnotatedExemplar, others: Sequence[ExemplarHit], place: int, near_duplicate: float
) -> tuple[Sign, ...]:
    """Why ``others[place]`` may mean the same as ``exemplar``, strongest first.

    ``others`` are the hits of other functions: the agreement of the rankings is judged among them.
    """
    hit = others[place]
    signs: list[Sign] = []
    if hit.similarity >= near_duplicate:
        signs.append("near duplicate")
    template = exemplar.template if exemplar.template is not None else exemplar.utterance
    if equal := equality(template, hit.template):
        signs.append(equal)
    is_certain = exemplar.mode != "negative"
    if is_certain and hit.similarity >= _CLOSE and _first_in_both(others, hit):
        signs.append("both rankings")
    return tuple(signs)


def _first_in_both(others: Sequence[ExemplarHit], hit: ExemplarHit) -> bool:
    """Whether both rankings have it before every other hit of another function."""
    return all(
        rank is not None and rank == min(ranks)
        for rank, ranks in (
            (hit.dense_rank, [h.dense_rank for h in others if h.dense_rank is not None]),
            (hit.lexical_rank, [h.lexical_rank for h in others if h.lexical_rank is not None]),
        )
    )


def _refusal(hit: ExemplarHit, signs: Sequence[Sign], verdict: Verdict | None) -> str:
    """Why a hit can't be a negative; empty when it can."""
    if verdict == "same":
        return "not used: judged really the same"
    if hit.function is None:
        return "not used: out of scope, so no prompt compares with it"
    if signs and verdict != "different":
        signs_text = " and ".join(SIGNS[s] for s in signs)
        return f"not used: suspected to mean the same ({signs_text}; cosine {hit.similarity:.2f})"
    return ""


def _why(place: int, order: int | None, count: int, signs: Sequence[Sign]) -> str:
    """What becomes of an eligible negative that is the ``place``-th nearest of them."""
    verdict_text = ", judged really different" if signs else ""
    if order is not None:
        return f"used: {order} of {count}, the {_ordinal(place)} nearest that can be{verdict_text}"
    return f"not used: the hardness and number chosen take others{verdict_text}"


def _ordinal(number: int) -> str:
    ending = (
        "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    )
    return f"{number}{ending}"


def suspects_in(exemplar: AnnotatedExemplar, mined: Sequence[Negative]) -> list[Suspect]:
    """The suspected pairs among mined negatives, for the list of label errors."""
    return [
        Suspect(
            exemplar.id,
            exemplar.function,
            n.hit.id,
            n.hit.function,
            round(n.hit.similarity, 4),
            n.signs,
        )
        for n in mined
        if n.is_suspect
    ]


def same_meaning(mined: Sequence[Negative]) -> dict[str | None, Negative]:
    """Functions that may be right as well, each with the nearest exemplar that says so.

    One of their exemplars is suspected, or judged, to mean the same.
    """
    negative_by_function: dict[str | None, Negative] = {}
    for negative in mined:
        if negative.is_suspect or negative.verdict == "same":
            negative_by_function.setdefault(negative.hit.function, negative)
    return negative_by_function
