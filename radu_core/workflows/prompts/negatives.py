"""Negatives: what an utterance is set against, what is suspected, and the hardness dial."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from radu_core.eligibility import Purpose, sort_out
from radu_core.errors import InputError
from radu_core.exemplars import LONGEST, AnnotatedExemplar
from radu_core.progress import Progress, silent
from radu_core.prompts import RowOptions
from radu_core.prompts.negatives import (
    POOL,
    Judgements,
    Negative,
    chosen_places,
    mine,
    same_meaning,
)
from radu_core.retrieval import ExemplarHit, ModuleIndex, Query, query_of
from radu_core.schema import OUT_OF_SCOPE, require_function
from radu_core.workflows.coverage.judgements import judgements
from radu_core.workflows.coverage.report import load_index, resolved_exemplars
from radu_core.workflows.frame.workspace import Workspace

__all__ = [
    "POSITIONS",
    "Dial",
    "DialPoint",
    "Mined",
    "Retrieval",
    "dial",
    "mine_negatives",
    "retrieve",
]

POSITIONS = tuple(n / 10 for n in range(11))
_BATCH = 256
_CLOSE = 0.8  # cosine from which a negative counts as close


@dataclass(frozen=True)
class Mined:
    """The negatives of one utterance, nearest first, and what becomes of each.

    ``doubtful`` are functions that may be right as well: no prompt that shows one of them is
    taught the answer ``none``. ``looked_at`` counts the retrieved exemplars of all functions;
    ``exemplar_id`` is None for typed text, whose pairs can't be judged.
    """

    utterance: str
    exemplar_id: str | None
    function: str | None
    mode: str
    looked_at: int
    negatives: tuple[Negative, ...]
    doubtful: tuple[str, ...]

    @property
    def used_count(self) -> int:
        """How many negatives would be used."""
        return sum(n.use for n in self.negatives)

    @property
    def suspected_count(self) -> int:
        """How many are suspected to mean the same."""
        return sum(n.is_suspect for n in self.negatives)


@dataclass(frozen=True)
class Retrieval:
    """An utterance and its nearest exemplars, of which negatives are mined; ``stored`` or typed."""

    exemplar: AnnotatedExemplar
    stored: bool
    hits: tuple[ExemplarHit, ...]


def retrieve(
    workspace: Workspace,
    module: str,
    *,
    text: str = "",
    exemplar_id: str | None = None,
    function: str | None = None,
    progress: Progress = silent,
) -> Retrieval:
    """What is near a stored exemplar, or any ``text`` that means ``function``.

    ``InputError`` if there is no text, or nobody says what it means ("none": out of scope).
    """
    subject = (
        workspace.store.exemplar(module, exemplar_id).exemplar
        if exemplar_id
        else _typed_exemplar(workspace, module, text, function)
    )
    if subject.unlabelled:
        raise InputError(
            "This utterance is unlabelled, so it has no negatives",
            value=subject.id,
            remedy="Label it on the Annotate page, or choose another exemplar.",
        )
    index = load_index(workspace, module, progress=progress)
    query = query_of(subject) if exemplar_id else Query(subject.utterance)
    hits = index.search([query], k_desc=0, k_exemplar=POOL)[0].exemplars
    return Retrieval(subject, exemplar_id is not None, hits)


def mine_negatives(
    workspace: Workspace, module: str, retrieval: Retrieval, *, options: RowOptions | None = None
) -> Mined:
    """The negatives of what was retrieved, by what people have judged until now.

    These are the ones ``knn`` rows are made with.
    """
    subject = retrieval.exemplar
    verdicts = judgements(workspace, module, [subject, *retrieval.hits])
    negatives = _mine(subject, retrieval.hits, options or RowOptions(), verdicts)
    return Mined(
        subject.utterance,
        subject.id if retrieval.stored else None,
        subject.function,
        subject.mode,
        len(retrieval.hits),
        tuple(negatives),
        tuple(sorted(name for name in same_meaning(negatives) if name is not None)),
    )


def _typed_exemplar(
    workspace: Workspace, module: str, text: str, function: str | None
) -> AnnotatedExemplar:
    utterance = text.strip()
    if not utterance or len(utterance) > LONGEST:
        raise InputError(
            f"An utterance has 1 to {LONGEST:,} characters, not {len(utterance):,}",
            remedy="Type one, or choose an exemplar.",
        )
    if function is None:
        raise InputError(
            "This utterance is unlabelled, so it has no negatives",
            remedy=f"Name its function, or {OUT_OF_SCOPE} for out of scope.",
        )
    if function != OUT_OF_SCOPE:
        require_function(workspace.store.schema(module), function)
    function_meant = None if function == OUT_OF_SCOPE else function
    return AnnotatedExemplar(id="typed", utterance=utterance, function=function_meant, spans=())


def _mine(
    exemplar: AnnotatedExemplar,
    hits: Sequence[ExemplarHit],
    options: RowOptions,
    verdicts: Judgements,
) -> list[Negative]:
    return mine(
        exemplar,
        hits,
        count=options.knn_negatives,
        hardness=options.hardness,
        near_duplicate=options.near_duplicate,
        judgements=verdicts,
    )


@dataclass(frozen=True)
class DialPoint:
    """What one position of the dial uses: ``pairs`` in all, of how many ``distinct`` exemplars.

    ``similarity`` is their mean cosine, ``close`` counts those from 0.8 on, and ``functions`` is
    the mean number of different functions that one exemplar is set against. 0 without pairs.
    """

    hardness: float
    pairs: int
    distinct: int
    similarity: float
    close: int
    functions: float


@dataclass(frozen=True)
class Dial:
    """The hardness dial over a module's training exemplars.

    ``full`` get all the negatives asked for, ``short`` some and ``none`` none: that is the same at
    every position. ``suspected`` pairs aren't used, ``suspected_exemplars`` have one; ``same`` and
    ``different`` pairs were judged so; ``out_of_scope`` hits have no function to compare with.
    Pairs are counted from each side.
    """

    exemplars: int
    count: int
    full: int
    short: int
    none: int
    suspected: int
    suspected_exemplars: int
    same: int
    different: int
    out_of_scope: int
    points: tuple[DialPoint, ...]


def dial(
    workspace: Workspace,
    module: str,
    *,
    options: RowOptions | None = None,
    progress: Progress = silent,
) -> Dial:
    """Count what every position of the dial would use, from one retrieval of each exemplar."""
    row_options = options or RowOptions()
    schema = workspace.store.schema(module)
    training_exemplars = resolved_exemplars(workspace, module, splits=["train"])
    exemplars = sort_out(schema, training_exemplars, Purpose.ROWS).exemplars
    index = load_index(workspace, module, progress=progress)
    verdicts = judgements(workspace, module)
    mined_lists = [
        _mine(e, hits, row_options, verdicts) for e, hits in _retrieve(index, exemplars, progress)
    ]
    return _dial(mined_lists, row_options.knn_negatives)


def _retrieve(
    index: ModuleIndex, exemplars: Sequence[AnnotatedExemplar], progress: Progress
) -> Iterator[tuple[AnnotatedExemplar, Sequence[ExemplarHit]]]:
    """Each exemplar with its nearest; the one place that asks the index."""
    for start in range(0, len(exemplars), _BATCH):
        progress("Mining negatives", start, len(exemplars))
        batch = exemplars[start : start + _BATCH]
        retrievals = index.search([query_of(e) for e in batch], k_desc=0, k_exemplar=POOL)
        yield from ((e, r.exemplars) for e, r in zip(batch, retrievals, strict=True))
    progress("Mining negatives", len(exemplars), len(exemplars))


def _dial(mined_lists: Sequence[Sequence[Negative]], count: int) -> Dial:
    eligible = [[n for n in mined if n.eligible] for mined in mined_lists]
    every = [n for mined in mined_lists for n in mined]
    return Dial(
        exemplars=len(mined_lists),
        count=count,
        full=sum(len(e) >= count for e in eligible),
        short=sum(0 < len(e) < count for e in eligible),
        none=sum(not e for e in eligible) if count else 0,
        suspected=sum(n.is_suspect for n in every),
        suspected_exemplars=sum(any(n.is_suspect for n in mined) for mined in mined_lists),
        same=sum(n.verdict == "same" for n in every),
        different=sum(n.verdict == "different" for n in every),
        out_of_scope=sum(n.hit.function is None for n in every),
        points=tuple(_point(eligible, count, hardness) for hardness in POSITIONS),
    )


def _point(eligible: Sequence[Sequence[Negative]], count: int, hardness: float) -> DialPoint:
    hit_lists = [[e[p].hit for p in chosen_places(len(e), count, hardness)] for e in eligible]
    hits = [h for some in hit_lists for h in some]
    functions = [len({h.function for h in some}) for some in hit_lists if some]
    return DialPoint(
        hardness,
        len(hits),
        len({h.id for h in hits}),
        sum(h.similarity for h in hits) / max(1, len(hits)),
        sum(h.similarity >= _CLOSE for h in hits),
        sum(functions) / max(1, len(functions)),
    )
