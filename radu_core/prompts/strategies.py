"""The five strategies. The same functions make training rows and prompts at inference, so that
what is trained and what is asked can't drift apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from radu_core.errors import TemplateError
from radu_core.prompts.render import Part, TemplateSet
from radu_core.schema import OUT_OF_SCOPE, Arguments, Function, Schema, Slot, Value

if TYPE_CHECKING:
    from radu_core.retrieval import ExemplarHit, Retrieved

__all__ = [
    "FUNCTION_STRATEGIES",
    "LARGEST_K",
    "SLOT_POOL",
    "SLOT_STRATEGIES",
    "STRATEGIES",
    "Order",
    "all_prompt",
    "all_variables",
    "arranged",
    "check_template",
    "completion_for_all",
    "completion_for_knn",
    "completion_for_rag",
    "completion_for_single",
    "completion_for_yes_no",
    "knn_prompts",
    "knn_variables",
    "parts_of",
    "prompts_by_exemplar",
    "rag_prompt",
    "rag_variables",
    "single_prompt",
    "single_variables",
    "slot_examples",
    "template_variables",
    "yes_no_prompt",
]

FUNCTION_STRATEGIES = ("knn", "rag")
SLOT_STRATEGIES = ("single", "all")
STRATEGIES = (*FUNCTION_STRATEGIES, *SLOT_STRATEGIES, "yes_no")
LARGEST_K = 50  # what k_desc and k_exemplar may be at most
_LONG_TEXT = 300  # characters: longer than most utterances and descriptions
SLOT_POOL = 20  # exemplars looked through for examples of the same function
YesNo = Literal["affirmative", "negative", "indifferent", "irrelevant"]
Order = Literal["most_relevant_last", "most_relevant_first", "shuffled"]
Variables = dict[str, Any]
T = TypeVar("T")


# What each template must show, or its prompts don't say what is asked; the rest is free to use.
_REQUIRED = {
    "rag": ("utterance",),
    "knn": ("utterance", "exemplar"),
    "all": ("utterance",),
    "single": ("utterance", "slot"),
    "yes_no": ("question", "answer"),
}


def check_template(templates: TemplateSet, name: str) -> None:
    """Try a template; ``TemplateError`` with the line if it can't be parsed, reads a variable that
    isn't given, can't be rendered, or doesn't show what it must.

    It is tried on what real prompts differ in: with and without exemplars, context, descriptions,
    values to choose from, and on the largest that can be asked for. So a branch that fails is found
    before a dataset is built.
    """
    trials = _trials(name)
    _check_names(templates, name, trials[0])
    for variables in trials:
        text = templates.render(name, **variables).casefold()
        missing = [v for v in _REQUIRED[name] if f"trial{v}" not in text]
        if missing:
            must = ", ".join(_REQUIRED[name])
            raise TemplateError(
                f"Template {name} doesn't show {' and '.join(missing)}",
                remedy=f"It must use: {must} (docs/reference/prompts.md lists all variables). "
                "The old version stays in use.",
            )
    _check_largest(templates, name)


def _check_largest(templates: TemplateSet, name: str) -> None:
    """A prompt of the largest k that may be set, with long texts, is rendered as well."""
    try:
        templates.render(name, **_largest(name))
    except TemplateError as error:
        raise TemplateError(
            f"{error.what}, on the largest prompt that can be asked for: {LARGEST_K} functions or "
            "slots and as many exemplars, all of long texts",
            remedy=error.remedy,
            line=error.line,
        ) from error


def template_variables(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The variables that a template can use, and those of them that it must show."""
    return tuple(_trials(name)[0]), _REQUIRED[name]


def _check_names(templates: TemplateSet, name: str, variables: Variables) -> None:
    for unknown, line in templates.names_read(name):
        if unknown not in variables and unknown != "part":
            raise TemplateError(
                f"Template {name}, line {line} uses something that isn't there "
                f"({unknown!r} is undefined)",
                remedy=f"It can use: {', '.join(variables)}.",
                line=line,
            )


def _trials(name: str) -> list[Variables]:
    """All variables a template sees, each showing itself as ``trial…``: full, then bare ones."""
    full = _full(name)
    bare: Variables = {
        "context": "",
        "functions": [],
        "exemplars": [],
        "examples": [],
        "slots": [{**_SLOT, "type": "string", "possible_values": [], "description": ""}],
        "function": {"name": "trialfunction", "description": ""},
        "exemplar": {**_EXEMPLAR, "function": None},
        "slot": {**_SLOT, "type": "string", "possible_values": [], "description": ""},
    }
    some: Variables = {
        "exemplars": [{**_EXEMPLAR, "function": None}],
        "slot": {**_SLOT, "possible_values": []},
        "slots": [{**_SLOT, "possible_values": []}],
    }
    others = [{k: v for k, v in given.items() if k in full} for given in (some, bare)]
    return [full, *({**full, **other} for other in others if other)]


def _largest(name: str) -> Variables:
    """The variables of the largest prompt: every list as long as it can be, every text long."""
    full = _full(name)
    large = {key: _lengthened(value) for key, value in full.items()}
    return {k: v * LARGEST_K if isinstance(v, list) else v for k, v in large.items()}


def _lengthened(value: Any) -> Any:
    if isinstance(value, str):
        return (value + " ") * (_LONG_TEXT // (len(value) + 1))
    if isinstance(value, Mapping):
        return {
            k: v if k in ("name", "type", "function") else _lengthened(v) for k, v in value.items()
        }
    return [_lengthened(v) for v in value] if isinstance(value, list) else value


_FUNCTION = {"name": "trialfunction", "description": "trialfunction"}
_SLOT = {
    "name": "trialslot",
    "description": "trialslot",
    "type": "integer",
    "possible_values": [1],
}
_EXEMPLAR = {
    "template": "trialexemplar",
    "utterance": "trialexemplar",
    "function": "trialfunction",
}


def _full(name: str) -> Variables:
    slots: Variables = {
        "utterance": "trialutterance",
        "function": _FUNCTION,
        "examples": [{"utterance": "trialexample", "answer": "1"}],
    }
    known: dict[str, Variables] = {
        "rag": {
            "utterance": "trialutterance",
            "context": "trialcontext",
            "functions": [_FUNCTION],
            "exemplars": [_EXEMPLAR],
        },
        "knn": {"utterance": "trialutterance", "exemplar": _EXEMPLAR},
        "all": {**slots, "context": "trialcontext", "slots": [_SLOT]},
        "single": {**slots, "slot": _SLOT},
        "yes_no": {"question": "trialquestion", "answer": "trialanswer"},
    }
    if name not in known:
        raise TemplateError("No such template", value=name, remedy=f"There are {', '.join(known)}.")
    return known[name]


# Completions begin with a space, because prompts end with "->".


def completion_for_rag(function: str | None) -> str:
    """The function's name, or ``none``."""
    return f" {function or OUT_OF_SCOPE}"


def completion_for_knn(same: bool) -> str:
    """``yes`` or ``no``."""
    return " yes" if same else " no"


def completion_for_all(function: Function, arguments: Arguments) -> str:
    """One JSON object: the arguments the LLM fills, in the schema's order; absent ones left out."""
    return " " + json.dumps(llm_arguments(function, arguments), ensure_ascii=False)


def completion_for_single(value: Value | None) -> str:
    """The slot's JSON value, ``null`` if absent."""
    return " " + json.dumps(value, ensure_ascii=False)


def completion_for_yes_no(answer: YesNo) -> str:
    """One of the four answers."""
    return f" {answer}"


def llm_arguments(function: Function, arguments: Mapping[str, Value]) -> Arguments:
    """The arguments of slots without a recognizer, in the schema's order."""
    return {
        s.name: arguments[s.name]
        for s in function.slots
        if s.recognizer is None and s.name in arguments
    }


def arranged(
    items: Sequence[T], order: Order, key: Callable[[T], str], *, seed: str = ""
) -> list[T]:
    """``items`` (most relevant first) in the order they stand in a prompt.

    ``shuffled`` depends on ``seed`` and each item's ``key`` only, so that leaving one out keeps
    the others as they are.
    """
    if order == "most_relevant_first":
        return list(items)
    if order == "most_relevant_last":
        return list(reversed(items))
    return sorted(items, key=lambda i: hashlib.sha256(f"{seed}\n{key(i)}".encode()).digest())


def slot_examples(hits: Sequence[ExemplarHit], function: str, k: int) -> list[ExemplarHit]:
    """The nearest ``k`` examples for slot prompts: same function, of the first ``SLOT_POOL`` hits.

    Extended ones too: they don't say their function, but what they fill they do say.
    """
    return [h for h in hits[:SLOT_POOL] if h.function == function][:k]


def rag_variables(
    schema: Schema,
    utterance: str,
    retrieved: Retrieved,
    *,
    context: str | None = None,
    order: Order = "most_relevant_last",
    seed: str = "",
) -> Variables:
    """What the ``rag`` template sees: functions and exemplars in ``order``."""
    names = arranged(retrieved.functions, order, str, seed=seed)
    functions = [schema.function(name) for name in names]
    return {
        "utterance": utterance,
        "context": context or "",
        "functions": [
            {"name": f.name, "description": f.description} for f in functions if f is not None
        ],
        "exemplars": [
            _shown(h) for h in arranged(retrieved.exemplars, order, lambda h: h.id, seed=seed)
        ],
    }


def knn_variables(utterance: str, hit: ExemplarHit) -> Variables:
    """What the ``knn`` template sees: one exemplar beside the utterance."""
    return {"utterance": utterance, "exemplar": _shown(hit)}


def all_variables(
    utterance: str,
    function: Function,
    examples: Sequence[ExemplarHit],
    *,
    context: str | None = None,
    order: Order = "most_relevant_last",
    seed: str = "",
) -> Variables:
    """What the ``all`` template sees: the slots the LLM fills, and examples with their JSON."""
    return {
        "utterance": utterance,
        "context": context or "",
        "function": _function(function),
        "slots": [_slot(s) for s in function.slots if s.recognizer is None],
        "examples": [
            {
                "utterance": h.utterance,
                "answer": completion_for_all(function, h.arguments).strip(),
            }
            for h in arranged(examples, order, lambda h: h.id, seed=seed)
        ],
    }


def single_variables(
    utterance: str,
    function: Function,
    slot: Slot,
    examples: Sequence[ExemplarHit],
    *,
    order: Order = "most_relevant_last",
    seed: str = "",
) -> Variables:
    """What the ``single`` template sees: one slot, and examples with its value or null."""
    return {
        "utterance": utterance,
        "function": _function(function),
        "slot": _slot(slot),
        "examples": [
            {
                "utterance": h.utterance,
                "answer": completion_for_single(h.arguments.get(slot.name)).strip(),
            }
            for h in arranged(examples, order, lambda h: h.id, seed=seed)
        ],
    }


def rag_prompt(
    schema: Schema,
    utterance: str,
    retrieved: Retrieved,
    templates: TemplateSet,
    *,
    context: str | None = None,
    order: Order = "most_relevant_last",
) -> str:
    """Descriptions and labelled exemplars in; a function's name or ``none`` is to follow."""
    variables = rag_variables(schema, utterance, retrieved, context=context, order=order)
    return templates.render("rag", **variables)


def prompts_by_exemplar(
    schema: Schema,
    utterance: str,
    retrieved: Retrieved,
    templates: TemplateSet,
    *,
    context: str | None = None,
    order: Order = "most_relevant_last",
) -> list[str]:
    """The ``rag`` prompt as it is if one exemplar was retrieved and no other, for each in turn: it
    shows that one and its function, and the functions of the descriptions that were retrieved."""
    return [
        rag_prompt(
            schema,
            utterance,
            replace(retrieved, exemplars=(hit,)),
            templates,
            context=context,
            order=order,
        )
        for hit in retrieved.exemplars
    ]


def knn_prompts(utterance: str, hits: Sequence[ExemplarHit], templates: TemplateSet) -> list[str]:
    """One question per exemplar: does the utterance mean the same? yes or no is to follow."""
    return [templates.render("knn", **knn_variables(utterance, hit)) for hit in hits]


def all_prompt(
    utterance: str,
    function: Function,
    examples: Sequence[ExemplarHit],
    templates: TemplateSet,
    *,
    context: str | None = None,
    order: Order = "most_relevant_last",
) -> str:
    """All slots of a function at once; one JSON object is to follow."""
    variables = all_variables(utterance, function, examples, context=context, order=order)
    return templates.render("all", **variables)


def single_prompt(
    utterance: str,
    function: Function,
    slot: Slot,
    examples: Sequence[ExemplarHit],
    templates: TemplateSet,
    *,
    order: Order = "most_relevant_last",
) -> str:
    """One slot of a function; its JSON value or null is to follow."""
    variables = single_variables(utterance, function, slot, examples, order=order)
    return templates.render("single", **variables)


def yes_no_prompt(question: str, answer: str, templates: TemplateSet) -> str:
    """A question the bot asked and the answer; one of four words is to follow."""
    return templates.render("yes_no", question=question, answer=answer)


def parts_of(templates: TemplateSet, template: str, variables: Variables) -> list[Part]:
    """A prompt's parts by origin, for showing."""
    return templates.render_parts(template, **variables)


def _shown(hit: ExemplarHit) -> Variables:
    return {"template": hit.template, "function": hit.function, "utterance": hit.utterance}


def _function(function: Function) -> Variables:
    return {"name": function.name, "description": function.description}


def _slot(slot: Slot) -> Variables:
    return {
        "name": slot.name,
        "description": slot.description,
        "type": slot.type,
        "possible_values": list(slot.possible_values),
    }
