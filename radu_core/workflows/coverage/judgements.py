"""What people said of pairs of exemplars: really the same, or really different."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import content_hash
from radu_core.prompts.negatives import Judgements, Pair, Verdict, pair_of
from radu_core.store import pairs
from radu_core.store.pairs import Judgement
from radu_core.workflows.frame.workspace import Workspace

__all__ = [
    "JudgedPair",
    "history",
    "judge",
    "judged_pairs",
    "judged_state",
    "judgements",
    "withdraw",
]


@dataclass(frozen=True)
class JudgedPair:
    """A judgement that counts, with the two exemplars as they are now.

    ``effect`` says in words what follows from it.
    """

    verdict: Verdict
    who: str
    at: datetime
    first: AnnotatedExemplar
    second: AnnotatedExemplar
    effect: str


def judge(
    workspace: Workspace, module: str, one: str, other: str, verdict: str, *, who: str
) -> None:
    """Store that two exemplars really mean the ``same``, or are ``different``.

    A new judgement takes the place of the old one, which stays in the history.
    """
    with workspace.store.writing(module, who=who) as w:
        pairs.judge(w, one, other, verdict)


def withdraw(workspace: Workspace, module: str, one: str, other: str, *, who: str) -> None:
    """Take the judgement about a pair back; ``InputError`` if there is none."""
    with workspace.store.writing(module, who=who) as w:
        pairs.withdraw(w, one, other)


def history(workspace: Workspace, module: str, one: str, other: str) -> list[Judgement]:
    """Everything that was said of a pair, oldest first."""
    with workspace.store.reading() as connection:
        return pairs.history(connection, module, one, other)


class _Labelled(Protocol):
    """What tells whether two exemplars are the same question: a stored one, or a hit."""

    @property
    def id(self) -> str: ...
    @property
    def template(self) -> str | None: ...
    @property
    def function(self) -> str | None: ...


def judgements(
    workspace: Workspace, module: str, exemplars: Iterable[_Labelled] | None = None
) -> Judgements:
    """What counts of every judged pair, for mining and rows.

    Exemplars of the same template and function are the same question, so a judgement about one
    counts for all of them; one about the very pair goes before, and a newer one before an older.
    ``exemplars`` are those it is asked about (None: all of the module).
    """
    pairs_judged = _judgements(workspace, module)
    if not pairs_judged:
        return {}
    ids = (
        None
        if exemplars is None
        else sorted({i for j, _ in pairs_judged for i in (j.first, j.second)})
    )
    exemplars_named = [i.exemplar for i in workspace.store.exemplars(module, ids=ids)]
    alike = _alike([*exemplars_named, *(exemplars or ())])
    verdicts: dict[Pair, Verdict] = {}
    direct: dict[Pair, Verdict] = {}
    for j, verdict in pairs_judged:
        first, second = (alike.get(i, [i]) for i in (j.first, j.second))
        verdicts.update({pair_of(a, b): verdict for a in first for b in second if a != b})
        direct[pair_of(j.first, j.second)] = verdict
    return {**verdicts, **direct}


def _alike(exemplars: Iterable[_Labelled]) -> dict[str, list[str]]:
    """By exemplar, the ids of all that have its template and function, itself among them."""
    groups: dict[tuple[str, str | None], dict[str, None]] = defaultdict(dict)
    for e in exemplars:
        if e.template is not None:
            groups[(e.template, e.function)][e.id] = None
    return {id_: list(group) for group in groups.values() for id_ in group}


def judged_pairs(workspace: Workspace, module: str) -> list[JudgedPair]:
    """The judgements that count, newest first, and what follows from each."""
    pairs_judged = _judgements(workspace, module)
    ids = sorted({i for j, _ in pairs_judged for i in (j.first, j.second)})
    exemplar_by_id = {i.exemplar.id: i.exemplar for i in workspace.store.exemplars(module, ids=ids)}
    return [
        JudgedPair(
            verdict,
            j.who,
            j.at,
            exemplar_by_id[j.first],
            exemplar_by_id[j.second],
            _effect(verdict, exemplar_by_id[j.first], exemplar_by_id[j.second]),
        )
        for j, verdict in reversed(pairs_judged)
        if j.first in exemplar_by_id and j.second in exemplar_by_id
    ]


def _effect(verdict: Verdict, first: AnnotatedExemplar, second: AnnotatedExemplar) -> str:
    if first.function == second.function:
        return "nothing: they are of one function now"
    if verdict == "different":
        return "no longer suspected: used as a negative like any other"
    return "never a negative; a label is wrong or the functions overlap"


def judged_state(workspace: Workspace, module: str) -> str:
    """What changes whenever a pair is judged or a judgement withdrawn."""
    return content_hash([[j.first, j.second, v] for j, v in _judgements(workspace, module)])


def _judgements(workspace: Workspace, module: str) -> list[tuple[Judgement, Verdict]]:
    with workspace.store.reading() as connection:
        pairs_judged = pairs.list_judgements(connection, module)
    return [(j, j.verdict) for j in pairs_judged if j.verdict != "withdrawn"]
