"""Training rows: positives, negatives and rows with fewer exemplars, for each strategy."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypedDict, Unpack

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
from radu_core.prompts.options import RowOptions
from radu_core.prompts.render import Part, TemplateSet
from radu_core.prompts.strategies import (
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
    slot_examples,
)
from radu_core.schema import Function, Schema, Slot

if TYPE_CHECKING:
    from radu_core.retrieval import ExemplarHit, Retrieved

__all__ = [
    "Discard",
    "PromptRow",
    "Rows",
    "rows_asked",
    "rows_for",
    "shorten",
    "shuffle_seed",
]


@dataclass(frozen=True)
class PromptRow:
    """A prompt and what must follow it. The end token is added when it is tokenized.

    ``kind`` says how the row came about: positive, fewer, zero, removed, out_of_scope, negative
    (of a negative exemplar), knn_yes, knn_no, filled, absent, yes_no, or asked: a prompt as at
    inference, with an empty completion. ``candidates`` are the functions in the prompt and
    ``exemplar_ids`` the exemplars, both with the most relevant first, whatever the prompt's order;
    ``parts`` is empty where nobody asked for them.
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
    """An exemplar that gives no row for a strategy, and why. ``kind``: only none of that kind."""

    exemplar_id: str
    strategy: str
    reason: str
    kind: str | None = None


@dataclass
class Rows:
    """What one exemplar gave."""

    rows: list[PromptRow] = field(default_factory=list)
    discards: list[Discard] = field(default_factory=list)
    suspects: list[Suspect] = field(default_factory=list)


class _More(TypedDict, total=False):
    negative: bool
    candidates: tuple[str, ...]
    exemplar_ids: tuple[str, ...]
    answer_present: bool
    slot: str | None


def shuffle_seed(options: RowOptions, strategy: str, kind: str, exemplar_id: str) -> str:
    """What decides the order in a row's prompt when orders are shuffled; see ``arranged``."""
    return f"{options.seed}:{strategy}:{kind}:{exemplar_id}"


@dataclass(frozen=True)
class _Job:
    strategy: str
    exemplar: AnnotatedExemplar
    schema: Schema
    retrieved: Retrieved
    templates: TemplateSet
    options: RowOptions
    dice: random.Random
    with_parts: bool = True
    judgements: Judgements = field(default_factory=dict)

    def row(
        self, kind: str, variables: Variables, completion: str, **more: Unpack[_More]
    ) -> PromptRow:
        parts: tuple[Part, ...] = ()
        if self.with_parts:
            parts = tuple(parts_of(self.templates, self.strategy, variables))
            prompt = "".join(p.text for p in parts)
        else:
            prompt = self.templates.render(self.strategy, **variables)
        return PromptRow(
            self.strategy, kind, prompt, completion, parts, self.exemplar.function,
            self.exemplar.id, **more,
        )  # fmt: skip

    def shuffle(self, kind: str) -> str:
        """What decides the order of a row of ``kind`` when orders are shuffled."""
        return shuffle_seed(self.options, self.strategy, kind, self.exemplar.id)

    def drawn(self, kind: str, share: float) -> bool:
        """Whether the exemplar gives a row of ``kind``. Every kind has a lot of its own, so that
        changing one share leaves the rows of the others as they are."""
        text = f"{self.options.seed}:{self.strategy}:{kind}:{self.exemplar.id}"
        lot = int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
        return lot < share * (1 << 56)

    def discard(self, reason: str) -> Rows:
        return Rows(discards=[Discard(self.exemplar.id, self.strategy, reason)])

    @property
    def negatives(self) -> list[Negative]:
        """The hits of other functions, and what becomes of each."""
        options = self.options
        return mine(
            self.exemplar, self.retrieved.exemplars, count=options.knn_negatives,
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
    with_parts: bool = True,
) -> Rows:
    """All rows that ``strategy`` makes of one resolved exemplar.

    ``retrieved`` holds the description hits to show and at least ``SLOT_POOL`` exemplar hits, of
    which the nearest ``k_exemplar`` are shown. ``judgements`` are what people said of pairs of
    exemplars. The same inputs and seed give the same rows. ``with_parts`` False renders
    faster and leaves the rows' parts empty.
    """
    if strategy not in STRATEGIES:
        raise InputError(
            "No such strategy", value=strategy, remedy=f"Use one of {', '.join(STRATEGIES)}."
        )
    chosen = options or RowOptions()
    dice = random.Random(f"{chosen.seed}:{strategy}:{exemplar.id}")
    said = judgements or {}
    job = _Job(strategy, exemplar, schema, retrieved, templates, chosen, dice, with_parts, said)
    return _MAKERS[strategy](job)


def shorten(
    row: PromptRow,
    exemplar: AnnotatedExemplar,
    schema: Schema,
    retrieved: Retrieved,
    templates: TemplateSet,
    *,
    options: RowOptions | None = None,
) -> PromptRow | None:
    """The same row, of the same inputs, with the least relevant thing left out; None if none is.

    Exemplars go first, then functions that aren't the answer, as long as one is left. The
    utterance and the completion stay as they are.
    """
    hits = {h.id: h for h in retrieved.exemplars}
    shown = [hits[id] for id in row.exemplar_ids]
    chosen = options or RowOptions()
    job = _Job(
        row.strategy, exemplar, schema, retrieved, templates, chosen, random.Random(0), False
    )
    if row.strategy == "rag":
        return _shorter_rag(job, row, shown)
    function = schema.function(row.candidates[0]) if row.candidates else None
    if row.strategy == "knn" or function is None or not shown:
        return None
    if row.slot is None:
        return _all_row(job, row.kind, function, shown[:-1])
    slot = function.slot(row.slot)
    return None if slot is None else _single_row(job, function, slot, shown[:-1])


def _shorter_rag(job: _Job, row: PromptRow, shown: Sequence[ExemplarHit]) -> PromptRow | None:
    answer = None if row.negative else row.function
    names = list(row.candidates)
    if not shown:
        spare = [n for n in names if n != answer]
        if len(names) < 2 or not spare:
            return None
        names.remove(spare[-1])
    return _rag_row(job, row.kind, _prompted(names, shown[:-1]), answer)


def _prompted(functions: Sequence[str], exemplars: Sequence[ExemplarHit]) -> Retrieved:
    """Exactly these functions and exemplars, most relevant first."""
    from radu_core.retrieval import DescriptionHit, Retrieved

    hits = (DescriptionHit(name, rank, 0.0) for rank, name in enumerate(functions, start=1))
    return Retrieved(tuple(hits), tuple(exemplars))


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
        strategy, exemplar, schema, retrieved, templates, options or RowOptions(), random.Random(0)
    )
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
        return _rag_negative(job)
    hits = replace(job.retrieved, exemplars=job.retrieved.exemplars[: options.k_exemplar])
    if exemplar.function is None:
        return _out_of_scope(job, hits)
    if exemplar.function not in hits.functions:
        return job.discard("the right function wasn't retrieved")
    made = Rows([_rag_row(job, "positive", hits, exemplar.function)])
    rows = made.rows
    if hits.exemplars and job.drawn("fewer", options.fewer_share):
        fewer = _prompted(hits.functions, _fewer(job, hits.exemplars))
        rows.append(_rag_row(job, "fewer", fewer, exemplar.function))
    alone = exemplar.mode == "extended" and not exemplar.context  # it doesn't say its function
    if not alone and job.drawn("zero", options.zero_share):
        rows.append(_rag_row(job, "zero", _prompted(hits.functions, ()), exemplar.function))
    if not alone and job.drawn("removed", options.removed_share):
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
    made.discards.append(Discard(job.exemplar.id, job.strategy, reason, kind))


def _rag_negative(job: _Job) -> Rows:
    """A negative exemplar: its own function is the only candidate, and the answer is none.

    It is known only that it isn't that function: any other candidate could be the right one.
    """
    name = job.exemplar.function
    if name is None or job.schema.function(name) is None:
        return job.discard("a negative exemplar without a function says nothing")
    negatives = job.negatives  # the hits of its own function
    if same_meaning(negatives):
        discarded = job.discard("nearly the same as an exemplar of the function it isn't")
        return replace(discarded, suspects=suspects_in(job.exemplar, negatives))
    own = [h for h in job.retrieved.exemplars if h.function == name]
    only = _prompted([name], own[: job.options.k_exemplar])
    return Rows([_rag_row(job, "negative", only, None)])


def _fewer(job: _Job, exemplars: Sequence[ExemplarHit]) -> Sequence[ExemplarHit]:
    """At least one exemplar less: the nearest ones, or with ``dropout`` any of them."""
    dropout = job.options.dropout
    if not dropout:
        return exemplars[: job.dice.randrange(1, len(exemplars)) if len(exemplars) > 1 else 0]
    kept = [h for h in exemplars if job.dice.random() >= dropout]
    if len(kept) == len(exemplars):
        kept.pop(job.dice.randrange(len(kept)))
    return kept


def _rag_row(job: _Job, kind: str, hits: Retrieved, answer: str | None) -> PromptRow:
    variables = rag_variables(
        job.schema, job.exemplar.utterance, hits, context=job.exemplar.context,
        order=job.options.order, seed=job.shuffle(kind),
    )  # fmt: skip
    return job.row(
        kind,
        variables,
        completion_for_rag(answer),
        negative=answer is None,
        candidates=hits.functions,
        exemplar_ids=tuple(h.id for h in hits.exemplars),
        answer_present=answer is None or answer in hits.functions,
    )


def _without(hits: Retrieved, function: str, options: RowOptions) -> Retrieved:
    """The right function taken out of descriptions and exemplars: the answer is ``none``."""
    exemplars = [h for h in hits.exemplars if h.function != function][: options.k_exemplar]
    descriptions = [h for h in hits.descriptions if h.function != function]
    return replace(hits, descriptions=tuple(descriptions), exemplars=tuple(exemplars))


def _knn(job: _Job) -> Rows:
    exemplar, options = job.exemplar, job.options
    negatives = job.negatives
    unlike = [_knn_row(job, n.hit, same=False) for n in negatives if n.use]
    found = Rows(suspects=suspects_in(exemplar, negatives))
    if exemplar.mode == "negative":
        found.rows = unlike
        if not unlike:
            found.discards = job.discard("no exemplar of its function is near").discards
        return found
    if exemplar.function is not None and exemplar.mode == "normal":
        same = [h for h in job.retrieved.exemplars if h.function == exemplar.function]
        alike = [h for h in same if h.mode == "normal"]  # an extended one doesn't say its function
        found.rows += [_knn_row(job, h, same=True) for h in alike[: options.knn_pairs]]
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
    return slot_examples(job.retrieved.exemplars, function, job.options.k_slot_examples)


def _all(job: _Job) -> Rows:
    function = _slot_function(job)
    if isinstance(function, str):
        return job.discard(function)
    examples = _examples(job, function.name)
    rows = [_all_row(job, "filled", function, examples)]
    if examples and job.drawn("zero", job.options.zero_share):
        rows.append(_all_row(job, "zero", function, []))
    return Rows(rows)


def _all_row(
    job: _Job, kind: str, function: Function, examples: Sequence[ExemplarHit]
) -> PromptRow:
    return job.row(
        kind,
        all_variables(
            job.exemplar.utterance,
            function,
            examples,
            context=job.exemplar.context,
            order=job.options.order,
            seed=job.shuffle(kind),
        ),
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
    kind = "absent" if value is None else "filled"
    return job.row(
        kind,
        single_variables(
            job.exemplar.utterance,
            function,
            slot,
            examples,
            order=job.options.order,
            seed=job.shuffle(f"{kind}:{slot.name}"),
        ),
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
    asked = job.schema.context_of(job.exemplar.context or "")
    slot = asked[0].slot(asked[1]) if asked else None
    if asked is None or slot is None or slot.type != "boolean":
        return job.discard("the bot hadn't asked a yes/no question")
    if job.exemplar.mode == "negative":
        return job.discard("a negative exemplar says what it isn't, not what it answers")
    value = job.exemplar.arguments.get(slot.name)
    answer: YesNo = "irrelevant"
    if job.exemplar.function == asked[0].name and isinstance(value, bool):
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
