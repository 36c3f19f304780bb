"""Training rows: positives, negatives and rows with fewer exemplars, for each strategy."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from radu_core.errors import InputError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.prompts.negatives import (
    Judgements,
    Negative,
    Suspect,
    mine,
    same_meaning,
    suspects_in,
)
from radu_core.prompts.render import Part, TemplateSet
from radu_core.prompts.strategies import (
    SLOT_POOL,
    STRATEGIES,
    Variables,
    YesNo,
    all_variables,
    completion_for_all,
    completion_for_knn,
    completion_for_rag,
    completion_for_single,
    completion_for_yes_no,
    knn_variables,
    llm_arguments,
    parts_of,
    rag_variables,
    single_variables,
)
from radu_core.schema import Function, Schema, Slot

if TYPE_CHECKING:
    from radu_core.retrieval import ExemplarHit, Retrieved

__all__ = ["Discard", "PromptRow", "RowOptions", "Rows", "rows_asked", "rows_for"]


class RowOptions(BaseModel):
    """How many rows of each kind an exemplar gives. Shares are probabilities per exemplar.

    ``knn_pairs`` are exemplars of the same function, ``knn_negatives`` of others (None: as many);
    ``hardness`` chooses the latter (``negatives.chosen_places``).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    k_exemplar: int = Field(default=4, ge=0, le=50)
    k_slot_examples: int = Field(default=2, ge=0, le=20)
    knn_pairs: int = Field(default=2, ge=1, le=20)
    knn_negatives: int | None = Field(default=None, ge=0, le=20)
    hardness: float = Field(default=1.0, ge=0, le=1)
    removed_share: float = Field(default=0.15, ge=0, le=1)
    fewer_share: float = Field(default=0.15, ge=0, le=1)
    zero_share: float = Field(default=0.05, ge=0, le=1)
    near_duplicate: float = Field(default=0.95, gt=0, le=1)
    seed: int = 0

    @property
    def negatives(self) -> int:
        """How many exemplars of other functions ``knn`` sets an exemplar against."""
        return self.knn_pairs if self.knn_negatives is None else self.knn_negatives


@dataclass(frozen=True)
class PromptRow:
    """A prompt and what must follow it. The end token is added when it is tokenized.

    ``kind`` says how the row came about: positive, fewer, zero, removed, out_of_scope, knn_yes,
    knn_no, filled, absent, yes_no, or asked: a prompt as at inference, with an empty completion.
    ``candidates`` are the functions in the prompt.
    """

    strategy: str
    kind: str
    prompt: str
    completion: str
    parts: tuple[Part, ...]
    function: str | None
    exemplar_id: str
    negative: bool = False
    candidates: tuple[str, ...] = ()
    exemplar_ids: tuple[str, ...] = ()
    answer_present: bool = True
    slot: str | None = None


@dataclass(frozen=True)
class Discard:
    """An exemplar that gives no row for a strategy, or none of one kind, and why."""

    exemplar_id: str
    strategy: str
    reason: str


@dataclass
class Rows:
    """What one exemplar gave."""

    rows: list[PromptRow] = field(default_factory=list)
    discards: list[Discard] = field(default_factory=list)
    suspects: list[Suspect] = field(default_factory=list)


@dataclass(frozen=True)
class _Job:
    strategy: str
    exemplar: AnnotatedExemplar
    schema: Schema
    retrieved: Retrieved
    templates: TemplateSet
    options: RowOptions
    dice: random.Random
    judgements: Judgements

    def row(self, kind: str, variables: Variables, completion: str, **more: object) -> PromptRow:
        parts = tuple(parts_of(self.templates, self.strategy, variables))
        prompt = "".join(p.text for p in parts)
        base = PromptRow(
            self.strategy, kind, prompt, completion, parts, self.exemplar.function, self.exemplar.id
        )
        return replace(base, **more)  # type: ignore[arg-type]

    def discard(self, reason: str) -> Rows:
        return Rows(discards=[Discard(self.exemplar.id, self.strategy, reason)])

    @property
    def negatives(self) -> list[Negative]:
        """The hits of other functions, and what becomes of each."""
        options = self.options
        return mine(
            self.exemplar, self.retrieved.exemplars, count=options.negatives,
            hardness=options.hardness, near_duplicate=options.near_duplicate,
            judgements=self.judgements,
        )  # fmt: skip


def rows_for(
    strategy: str,
    exemplar: AnnotatedExemplar,
    schema: Schema,
    retrieved: Retrieved,
    templates: TemplateSet,
    *,
    options: RowOptions | None = None,
    judgements: Judgements | None = None,
) -> Rows:
    """All rows that ``strategy`` makes of one resolved exemplar.

    ``retrieved`` holds the description hits to show and at least ``SLOT_POOL`` exemplar hits, of
    which the nearest ``k_exemplar`` are shown. ``judgements`` are what people said of pairs of
    exemplars. The same inputs and seed give the same rows.
    """
    if strategy not in STRATEGIES:
        raise InputError(
            "No such strategy", value=strategy, remedy=f"Use one of {', '.join(STRATEGIES)}."
        )
    chosen = options or RowOptions()
    dice = random.Random(f"{chosen.seed}:{strategy}:{exemplar.id}")
    said = judgements or {}
    job = _Job(strategy, exemplar, schema, retrieved, templates, chosen, dice, said)
    return _MAKERS[strategy](job)


def rows_asked(
    strategy: str,
    exemplar: AnnotatedExemplar,
    schema: Schema,
    retrieved: Retrieved,
    templates: TemplateSet,
    *,
    options: RowOptions | None = None,
) -> Rows:
    """The prompts of ``strategy`` as they are at inference, for an utterance nobody has labelled.

    Slot strategies ask about ``exemplar.function``. ``retrieved`` as in ``rows_for``.
    """
    job = _Job(
        strategy, exemplar, schema, retrieved, templates, options or RowOptions(),
        random.Random(0), {},
    )  # fmt: skip
    shown = replace(retrieved, exemplars=retrieved.exemplars[: job.options.k_exemplar])
    if strategy == "rag":
        made = Rows([_rag_row(job, "asked", shown, None)])
    elif strategy == "knn":
        hits = [h for h in shown.exemplars if h.function is not None]
        made = Rows([_knn_row(job, h, same=True) for h in hits])
    elif strategy == "single":
        made = _single(job, every=True)
    else:
        made = _MAKERS[strategy](job)
    made.rows = [
        replace(r, kind="asked", completion="", negative=False, function=None)
        for r in made.rows
    ]  # fmt: skip
    return made


def _rag(job: _Job) -> Rows:
    exemplar, options = job.exemplar, job.options
    if exemplar.mode == "negative":
        return job.discard("a negative exemplar says what it isn't, not what it is")
    hits = replace(job.retrieved, exemplars=job.retrieved.exemplars[: options.k_exemplar])
    if exemplar.function is None:
        return _out_of_scope(job, hits)
    if exemplar.function not in hits.functions:
        return job.discard("the right function wasn't retrieved")
    made = Rows([_rag_row(job, "positive", hits, exemplar.function)])
    rows = made.rows
    if hits.exemplars and job.dice.random() < options.fewer_share:
        keep = job.dice.randrange(1, len(hits.exemplars)) if len(hits.exemplars) > 1 else 0
        fewer = _shorter(hits, keep, exemplar.function)
        rows.append(_rag_row(job, "fewer", fewer, exemplar.function))
    if job.dice.random() < options.zero_share:
        rows.append(_rag_row(job, "zero", _shorter(hits, 0, exemplar.function), exemplar.function))
    if job.dice.random() < options.removed_share:
        _add_none(job, made, "removed", _without(job.retrieved, exemplar.function, options))
    return made


def _out_of_scope(job: _Job, hits: Retrieved) -> Rows:
    made = Rows()
    _add_none(job, made, "out_of_scope", hits)
    return made


def _add_none(job: _Job, made: Rows, kind: str, hits: Retrieved) -> None:
    """Add a row whose answer is ``none``, unless a function in its prompt may be right as well."""
    negatives = job.negatives
    doubtful = [name for name in same_meaning(negatives) if name in hits.functions]
    if not doubtful:
        made.rows.append(_rag_row(job, kind, hits, None))
        return
    made.suspects += suspects_in(job.exemplar, negatives)
    reason = f"no {kind} row: an exemplar of a function in its prompt seems to mean the same"
    made.discards += job.discard(reason).discards


def _rag_row(job: _Job, kind: str, hits: Retrieved, answer: str | None) -> PromptRow:
    variables = rag_variables(
        job.schema, job.exemplar.utterance, hits, context=job.exemplar.context
    )
    return job.row(
        kind,
        variables,
        completion_for_rag(answer),
        negative=answer is None,
        candidates=hits.functions,
        exemplar_ids=tuple(h.id for h in hits.exemplars),
        answer_present=answer is None or answer in hits.functions,
    )


def _shorter(hits: Retrieved, keep: int, function: str) -> Retrieved:
    """Only the nearest ``keep`` exemplars; the right function's description stays in the prompt."""
    from radu_core.retrieval import DescriptionHit

    fewer = replace(hits, exemplars=hits.exemplars[:keep])
    lost = [name for name in hits.functions if name not in fewer.functions]
    more = tuple(DescriptionHit(name, len(fewer.descriptions) + 1, 0.0) for name in lost)
    return replace(fewer, descriptions=(*fewer.descriptions, *more))


def _without(hits: Retrieved, function: str, options: RowOptions) -> Retrieved:
    """The right function taken out of descriptions and exemplars: the answer is ``none``."""
    exemplars = [h for h in hits.exemplars if h.function != function][: options.k_exemplar]
    descriptions = [h for h in hits.descriptions if h.function != function]
    return replace(hits, descriptions=tuple(descriptions), exemplars=tuple(exemplars))


def _knn(job: _Job) -> Rows:
    exemplar, options = job.exemplar, job.options
    negatives = job.negatives
    unlike = [_knn_row(job, n.hit, same=False) for n in negatives if n.use]
    if exemplar.mode == "negative":
        return Rows(unlike) if unlike else job.discard("no exemplar of its function is near")
    found = Rows(suspects=suspects_in(exemplar, negatives))
    if exemplar.function is not None and exemplar.mode == "normal":
        same = [h for h in job.retrieved.exemplars if h.function == exemplar.function]
        found.rows += [_knn_row(job, h, same=True) for h in same[: options.knn_pairs]]
    found.rows += unlike
    return found if found.rows else replace(found, discards=job.discard("no pair").discards)


def _knn_row(job: _Job, hit: ExemplarHit, *, same: bool) -> PromptRow:
    return job.row(
        "knn_yes" if same else "knn_no",
        knn_variables(job.exemplar.utterance, hit),
        completion_for_knn(same),
        negative=not same,
        candidates=(hit.function,) if hit.function else (),
        exemplar_ids=(hit.id,),
    )


def _slot_function(job: _Job) -> Function | str:
    """The function whose slots are to be filled, or why there is none."""
    if job.exemplar.mode == "negative" or job.exemplar.function is None:
        return "out-of-scope and negative exemplars have no slots"
    function = job.schema.function(job.exemplar.function)
    if function is None or not any(s.recognizer is None for s in function.slots):
        return "the function has no slots for the model to fill"
    return function


def _examples(job: _Job, function: str) -> list[ExemplarHit]:
    pool = job.retrieved.exemplars[:SLOT_POOL]
    return [h for h in pool if h.function == function][: job.options.k_slot_examples]


def _all(job: _Job) -> Rows:
    function = _slot_function(job)
    if isinstance(function, str):
        return job.discard(function)
    examples = _examples(job, function.name)
    rows = [_all_row(job, "filled", function, examples)]
    if examples and job.dice.random() < job.options.zero_share:
        rows.append(_all_row(job, "zero", function, []))
    return Rows(rows)


def _all_row(
    job: _Job, kind: str, function: Function, examples: Sequence[ExemplarHit]
) -> PromptRow:
    return job.row(
        kind,
        all_variables(job.exemplar.utterance, function, examples, context=job.exemplar.context),
        completion_for_all(function, job.exemplar.arguments),
        candidates=(function.name,),
        exemplar_ids=tuple(h.id for h in examples),
    )


def _single(job: _Job, *, every: bool = False) -> Rows:
    """A row per slot with a value and about as many without one, or one for ``every`` slot."""
    function = _slot_function(job)
    if isinstance(function, str):
        return job.discard(function)
    examples = _examples(job, function.name)
    given = llm_arguments(function, job.exemplar.arguments)
    slots = [s for s in function.slots if s.recognizer is None]
    absent = [s for s in slots if s.name not in given]
    job.dice.shuffle(absent)
    wanted = [s for s in slots if s.name in given] + absent[: max(1, len(given))]
    wanted = slots if every else wanted
    return Rows([_single_row(job, function, slot, examples) for slot in wanted])


def _single_row(
    job: _Job, function: Function, slot: Slot, examples: Sequence[ExemplarHit]
) -> PromptRow:
    value = job.exemplar.arguments.get(slot.name)
    return job.row(
        "absent" if value is None else "filled",
        single_variables(job.exemplar.utterance, function, slot, examples),
        completion_for_single(value),
        negative=value is None,
        candidates=(function.name,),
        exemplar_ids=tuple(h.id for h in examples),
        slot=slot.name,
    )


def _yes_no(job: _Job) -> Rows:
    """Answers to a yes/no question: an exemplar whose context is a boolean slot answers it.

    An answer that doesn't fill the slot is irrelevant to the question.
    """
    function_name, _, slot_name = (job.exemplar.context or "").partition(".")
    function = job.schema.function(function_name)
    slot = function.slot(slot_name) if function else None
    if slot is None or slot.type != "boolean":
        return job.discard("the bot hadn't asked a yes/no question")
    value = job.exemplar.arguments.get(slot.name)
    answer: YesNo = "irrelevant"
    if job.exemplar.function == function_name and isinstance(value, bool):
        answer = "affirmative" if value else "negative"
    question = slot.description or slot.name.replace("_", " ")
    variables: Variables = {"question": question, "answer": job.exemplar.utterance}
    return Rows([job.row("yes_no", variables, completion_for_yes_no(answer), slot=slot.name)])


_MAKERS: dict[str, Callable[[_Job], Rows]] = {
    "rag": _rag,
    "knn": _knn,
    "all": _all,
    "single": _single,
    "yes_no": _yes_no,
}
