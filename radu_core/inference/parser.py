"""Utterance → function call: the function by likelihood, the slots as validated JSON."""

from __future__ import annotations

import heapq
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from radu_core.alignment import ContextModel
from radu_core.calls import nested_arguments
from radu_core.exemplars import Span
from radu_core.generator import LanguageModel
from radu_core.inference.answers import Question, choose_function
from radu_core.inference.budget import answer_tokens
from radu_core.inference.choice import choose_arguments, choose_value
from radu_core.inference.proposals import Proposals
from radu_core.inference.recognized import fill_recognized
from radu_core.progress import Progress, silent
from radu_core.prompts import Asking, TemplateSet
from radu_core.prompts.strategies import all_slots, knn, rag, single_slot, yes_no
from radu_core.prompts.strategies.slots import SLOT_POOL, SlotQuestion
from radu_core.schema import OUT_OF_SCOPE, Arguments, Function, Schema, Slot
from radu_core.training.lsr.votes import weights_of

if TYPE_CHECKING:
    from radu_core.retrieval import ModuleIndex, Query, Retrieved

__all__ = ["FunctionCall", "Parser", "ParserSettings", "nest", "read_slots"]

_ASK_SLOTS = {"all": all_slots.ask_slots, "single": single_slot.ask_slots}
_TAUGHT = 3  # of a function's longest completions, as many are counted in tokens


class FunctionCall(BaseModel):
    """What an utterance means.

    ``function`` None is out of scope; ``arguments`` are by slot, or nested (see
    ``nested_arguments``).

    ``scores`` are probabilities over the functions in the prompt and ``none``; ``problems`` lists
    everything the model said that didn't fit the schema and was left out; ``raw`` is the text it
    generated for the slots. ``cut``: one of its answers ended where its tokens were used up.
    ``out_of_scope``: the share of utterances in scope that look more in scope, None where that
    isn't known. ``spans`` say where values stand, as far as they are known to stand in the
    utterance.
    """

    model_config = ConfigDict(extra="forbid")

    function: str | None
    arguments: dict[str, Any] = Field(default_factory=dict)
    scores: dict[str, float] = Field(default_factory=dict)
    problems: tuple[str, ...] = ()
    raw: str = ""
    cut: bool = False
    out_of_scope: float | None = None
    spans: tuple[Span, ...] = ()
    seconds: float = 0.0


class ParserSettings(BaseModel):
    """How an utterance is parsed: strategies, and what is retrieved for each prompt.

    With how much that is, and the order in which it stands there.

    ``values``: chosen among what the utterance and the schema offer, or generated freely and
    checked. ``reads_answers``: an answer to a yes/no question is read by the prompt for it
    (``yes_no``), which the model was taught. ``mixing``: where a prompt names a function (``rag``),
    all exemplars stand in one, or each in one of its own (``ensemble``), and the answers are mixed
    by the retriever's distribution over them, of this ``temperature``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    function_strategy: Literal["rag", "knn"] = "rag"
    slot_strategy: Literal["all", "single"] = "all"
    values: Literal["choose", "generate"] = "choose"
    reads_answers: bool = False
    k_desc: int = Field(default=3, ge=0, le=50)
    k_exemplar: int = Field(default=4, ge=0, le=50)
    k_slot_examples: int = Field(default=2, ge=0, le=20)
    order: Literal["most_relevant_last", "most_relevant_first"] = "most_relevant_last"
    mixing: Literal["prompt", "ensemble"] = "prompt"
    temperature: float = Field(default=0.1, gt=0, le=10)


class Parser:
    """A model with the index, schema and templates it was trained with."""

    def __init__(
        self,
        generator: LanguageModel,
        index: ModuleIndex,
        schema: Schema,
        templates: TemplateSet,
        settings: ParserSettings,
    ) -> None:
        self.generator = generator
        self.index = index
        self.schema = schema
        self.templates = templates
        self.settings = settings
        self._context = ContextModel(e.template for e in index.exemplars if e.template)
        self._proposals = Proposals(schema, index.exemplars)
        self._taught: dict[str, list[str]] = {}

    def parse_many(
        self,
        queries: Sequence[Query],
        *,
        contexts: Sequence[str | None] | None = None,
        questions: Sequence[Question] | None = None,
        progress: Progress = silent,
    ) -> list[FunctionCall]:
        """One call per query, in order.

        Arguments are by slot. ``questions`` say for each query which functions may be called.
        ``seconds`` is each one's share of the time taken.

        A query that is an exemplar of the index never retrieves itself or its duplicates.
        """
        started_at = time.perf_counter()
        all_contexts = list(contexts or [None] * len(queries))
        limits = list(questions or [Question(q.utterance) for q in queries])
        retrievals = self._retrieve(queries)
        retrieval_seconds = (time.perf_counter() - started_at) / max(1, len(queries))
        calls: list[FunctionCall] = []
        for number, (query, hits, context) in enumerate(
            zip(queries, retrievals, all_contexts, strict=True)
        ):
            progress("Choosing functions", number, len(queries))
            start = time.perf_counter()
            limit = limits[number]
            wider = _with_candidates(hits, limit.offered or () if limit.is_required else ())
            scores = self._function_scores(query.utterance, wider, context)
            name = choose_function(scores, limit)
            seconds = retrieval_seconds + time.perf_counter() - start
            calls.append(
                FunctionCall(
                    function=None if name == OUT_OF_SCOPE else name, scores=scores, seconds=seconds
                )
            )
        self._fill_slots(limits, retrievals, all_contexts, calls, progress)
        return calls

    def choose_functions(
        self,
        queries: Sequence[Query],
        *,
        contexts: Sequence[str | None] | None = None,
        progress: Progress = silent,
    ) -> list[dict[str, float]]:
        """The ``scores`` alone of what ``parse_many`` says: no slot is filled."""
        return self.function_scores(
            queries, [()] * len(queries), contexts=contexts, progress=progress
        )

    def function_scores(
        self,
        queries: Sequence[Query],
        candidates: Sequence[Sequence[str]],
        *,
        contexts: Sequence[str | None] | None = None,
        progress: Progress = silent,
    ) -> list[dict[str, float]]:
        """Of each query, how likely its candidates, what is retrieved, and ``none`` are."""
        all_contexts = list(contexts or [None] * len(queries))
        scores = []
        for number, (query, hits) in enumerate(zip(queries, self._retrieve(queries), strict=True)):
            progress("Choosing functions", number, len(queries))
            wider = _with_candidates(hits, candidates[number])
            scores.append(self._function_scores(query.utterance, wider, all_contexts[number]))
        return scores

    def fill(
        self,
        queries: Sequence[Query],
        calls: list[FunctionCall],
        *,
        contexts: Sequence[str | None] | None = None,
        questions: Sequence[Question] | None = None,
        progress: Progress = silent,
    ) -> None:
        """Fill the arguments of calls whose functions are chosen."""
        all_contexts = list(contexts or [None] * len(queries))
        all_questions = list(questions or [Question(q.utterance) for q in queries])
        self._fill_slots(all_questions, self._retrieve(queries), all_contexts, calls, progress)

    def _retrieve(self, queries: Sequence[Query]) -> list[Retrieved]:
        k = max(self.settings.k_exemplar, SLOT_POOL)
        return self.index.search(queries, k_desc=self.settings.k_desc, k_exemplar=k)

    def _limit_exemplars(self, hits: Retrieved) -> Retrieved:
        return replace(hits, exemplars=hits.exemplars[: self.settings.k_exemplar])

    def _function_scores(
        self, utterance: str, hits: Retrieved, context: str | None
    ) -> dict[str, float]:
        prompt_hits = self._limit_exemplars(hits)
        if self.settings.function_strategy == "knn":
            return self._knn_scores(utterance, prompt_hits)
        asking, choices = self._asking(utterance, context), rag.choices(prompt_hits.functions)
        if self.settings.mixing == "ensemble" and prompt_hits.exemplars:
            prompts = [prompt.text for prompt in rag.ask_each(asking, prompt_hits)]
            likelihoods = self.generator.score_each(prompts, choices)
            weights = weights_of(prompt_hits.exemplars, temperature=self.settings.temperature)
            return rag.read(prompt_hits.functions, likelihoods, weights)
        likelihood = self.generator.score(rag.ask(asking, prompt_hits).text, choices)
        return rag.read(prompt_hits.functions, [likelihood])

    def _knn_scores(self, utterance: str, hits: Retrieved) -> dict[str, float]:
        asking = self._asking(utterance, None)
        exemplars = [hit for hit in hits.exemplars if hit.function is not None]
        prompts = [knn.ask(asking, hit).text for hit in exemplars]
        return knn.read(exemplars, [self.generator.score(p, knn.CHOICES) for p in prompts])

    def _asking(self, utterance: str, context: str | None) -> Asking:
        return Asking(utterance, self.schema, self.templates, context, self.settings.order)

    def _fill_slots(
        self,
        questions: Sequence[Question],
        retrievals: Sequence[Retrieved],
        contexts: Sequence[str | None],
        calls: list[FunctionCall],
        progress: Progress,
    ) -> None:
        """Fill the calls' arguments.

        Recognizers first, then the model for the other slots, and last the slot that the bot last
        asked for, where the answer is yes or no.
        """
        tasks: list[_SlotTask] = []
        for number, (question, hits, call) in enumerate(
            zip(questions, retrievals, calls, strict=True)
        ):
            function = self.schema.function(call.function) if call.function else None
            if function is None:
                continue
            call.arguments.update(
                fill_recognized(self.schema, function, question.utterance, self._context)
            )
            tasks += self._slot_tasks(number, question.utterance, function, hits, contexts[number])
        if self.settings.values == "choose":
            self._choose(questions, tasks, calls, progress)
        else:
            self._generate(questions, tasks, calls, progress)
        if self.settings.reads_answers:
            for question, context, call in zip(questions, contexts, calls, strict=True):
                self._read_answer(question.utterance, context, call)

    def _read_answer(self, utterance: str, context: str | None, call: FunctionCall) -> None:
        """Set the boolean slot that the bot had asked for, where the utterance answers that."""
        start = time.perf_counter()
        asked_slot = yes_no.find_slot(self.schema, context)
        if asked_slot is None or asked_slot[0].name != call.function:
            return
        prompt = yes_no.ask(self._asking(utterance, context), asked_slot[1]).text
        value = yes_no.read(self.generator.score(prompt, yes_no.CHOICES))
        if value is not None:
            call.arguments[asked_slot[1].name] = value
        call.seconds += time.perf_counter() - start

    def _choose(
        self,
        questions: Sequence[Question],
        tasks: Sequence[_SlotTask],
        calls: Sequence[FunctionCall],
        progress: Progress,
    ) -> None:
        """Fill slots with the likeliest of what each can have."""
        for count, task in enumerate(tasks):
            progress("Choosing values", count, len(tasks))
            start = time.perf_counter()
            question = questions[task.number]
            offer = partial(
                self._proposals.of, task.function, question.utterance, today=question.today
            )
            walk = self.generator.walk(task.prompt)
            if task.slot is None:
                values, text = choose_arguments(walk, task.function, offer)
            else:
                value, text = choose_value(walk, task.slot, offer(task.slot))
                values = {} if value is None else {task.slot.name: value}
            call = calls[task.number]
            call.arguments.update(values)
            call.raw = "\n".join(filter(None, [call.raw, text.strip()]))
            call.seconds += time.perf_counter() - start

    def _generate(
        self,
        questions: Sequence[Question],
        tasks: Sequence[_SlotTask],
        calls: Sequence[FunctionCall],
        progress: Progress,
    ) -> None:
        """Fill slots with what the model says, as far as it fits."""
        start = time.perf_counter()
        budgets = [self._budget(task, questions[task.number].utterance) for task in tasks]
        answers = self.generator.generate([t.prompt for t in tasks], budgets, progress=progress)
        share = (time.perf_counter() - start) / max(1, len(tasks))
        for task, answer in zip(tasks, answers, strict=True):
            call = calls[task.number]
            text = answer.text.strip()
            values: Arguments = {}
            problems = [f"the model's answer was cut, as it didn't end: it ended in {text[-60:]!r}"]
            if not answer.cut:
                values, problems = read_slots(text, task.function, task.slot)
            call.arguments.update(values)
            call.problems = (*call.problems, *problems)
            call.raw = "\n".join(filter(None, [call.raw, text]))
            call.cut = call.cut or answer.cut
            call.seconds += share

    def _budget(self, task: _SlotTask, utterance: str) -> int:
        """Tokens that an answer may have."""
        function, slot = task.function, task.slot
        completions = [] if slot else self._longest_taught(function)
        return answer_tokens(function, slot, utterance, completions, self.generator.count_tokens)

    def _longest_taught(self, function: Function) -> list[str]:
        """The longest completions of a function's exemplars."""
        if function.name not in self._taught:
            own = (e for e in self.index.exemplars if e.function == function.name)
            completions = (all_slots.completion(function, e.arguments) for e in own)
            self._taught[function.name] = heapq.nlargest(_TAUGHT, completions, key=len)
        return self._taught[function.name]

    def _slot_tasks(
        self, number: int, utterance: str, function: Function, hits: Retrieved, context: str | None
    ) -> list[_SlotTask]:
        questions = _ASK_SLOTS[self.settings.slot_strategy](
            self._asking(utterance, context),
            function,
            hits.exemplars,
            k=self.settings.k_slot_examples,
        )
        return [_SlotTask(number, question) for question in questions]


class _SlotTask:
    """A question about slots, and the number of the call that its answer is for."""

    def __init__(self, number: int, question: SlotQuestion) -> None:
        self.number = number
        self.function = question.function
        self.slot = question.slot
        self.prompt = question.prompt.text


def _with_candidates(hits: Retrieved, candidates: Sequence[str]) -> Retrieved:
    """What was retrieved, and the descriptions of functions that weren't."""
    from radu_core.retrieval import DescriptionHit

    names, descriptions = {*hits.functions, OUT_OF_SCOPE}, list(hits.descriptions)
    for name in candidates:
        if name not in names:
            descriptions.append(DescriptionHit(name, len(descriptions) + 1, 0.0))
    return replace(hits, descriptions=tuple(descriptions))


def nest(schema: Schema, call: FunctionCall) -> FunctionCall:
    """The call with its arguments nested as its function's caller has them."""
    function = schema.function(call.function) if call.function else None
    if function is None:
        return call
    return call.model_copy(update={"arguments": nested_arguments(function, call.arguments)})


def read_slots(answer: str, function: Function, slot: Slot | None) -> tuple[Arguments, list[str]]:
    """The arguments in a model's answer, and what was wrong with the rest.

    With ``slot`` the answer is that slot's JSON value or null, without it one JSON object.
    """
    if slot is None:
        return all_slots.read(answer, function)
    return single_slot.read(answer, function, slot)
