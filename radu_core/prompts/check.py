"""Trying a template before it is saved: on everything that real prompts differ in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radu_core.errors import TemplateError
from radu_core.prompts.asking import Variables
from radu_core.prompts.render import TemplateSet
from radu_core.prompts.strategies import BY_NAME
from radu_core.prompts.strategies.strategy import TRIAL_EXEMPLAR, TRIAL_SLOT, Strategy

__all__ = ["LARGEST_K", "check_template", "template_variables"]

LARGEST_K = 50  # what k_desc and k_exemplar may be at most
_LONG_TEXT = 300  # characters: longer than most utterances and descriptions


def check_template(templates: TemplateSet, name: str) -> None:
    """Try a template on examples.

    ``TemplateError`` with the line if it can't be parsed, reads a variable that isn't given, can't
    be rendered, or doesn't show what it must.

    It is tried on what real prompts differ in: with and without exemplars, context, descriptions,
    values to choose from, and on the largest that can be asked for. So a branch that fails is found
    before a dataset is built.
    """
    strategy = _strategy(name)
    _check_names(templates, strategy)
    for variables in _trials(strategy):
        text = templates.render(name, **variables).casefold()
        missing = [v for v in strategy.must_show if f"trial{v}" not in text]
        if missing:
            must = ", ".join(strategy.must_show)
            raise TemplateError(
                f"Template {name} doesn't show {' and '.join(missing)}",
                remedy=f"It must use: {must} (docs/reference/prompts.md lists all variables). "
                "The old version stays in use.",
            )
    _check_largest(templates, strategy)


def template_variables(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The variables that a template can use, and those of them that it must show."""
    strategy = _strategy(name)
    return tuple(strategy.trial), strategy.must_show


def _strategy(name: str) -> Strategy:
    if name not in BY_NAME:
        raise TemplateError(
            "No such template", value=name, remedy=f"There are {', '.join(sorted(BY_NAME))}."
        )
    return BY_NAME[name]


def _check_names(templates: TemplateSet, strategy: Strategy) -> None:
    for unknown, line in templates.names_read(strategy.name):
        if unknown not in strategy.trial and unknown != "part":
            raise TemplateError(
                f"Template {strategy.name}, line {line} uses something that isn't there "
                f"({unknown!r} is undefined)",
                remedy=f"It can use: {', '.join(strategy.trial)}.",
                line=line,
            )


def _check_largest(templates: TemplateSet, strategy: Strategy) -> None:
    """A prompt of the largest k that may be set, with long texts, is rendered as well."""
    try:
        templates.render(strategy.name, **_largest(strategy))
    except TemplateError as error:
        raise TemplateError(
            f"{error.what}, on the largest prompt that can be asked for: {LARGEST_K} functions or "
            "slots and as many exemplars, all of long texts",
            remedy=error.remedy,
            line=error.line,
        ) from error


def _trials(strategy: Strategy) -> list[Variables]:
    """The variables of prompts that differ: full ones, then bare ones."""
    full = strategy.trial
    bare: Variables = {
        "context": "",
        "functions": [],
        "exemplars": [],
        "examples": [],
        "slots": [{**TRIAL_SLOT, "type": "string", "possible_values": [], "description": ""}],
        "function": {"name": "trialfunction", "description": ""},
        "exemplar": {**TRIAL_EXEMPLAR, "function": None},
        "slot": {**TRIAL_SLOT, "type": "string", "possible_values": [], "description": ""},
    }
    some: Variables = {
        "exemplars": [{**TRIAL_EXEMPLAR, "function": None}],
        "slot": {**TRIAL_SLOT, "possible_values": []},
        "slots": [{**TRIAL_SLOT, "possible_values": []}],
    }
    others = [{k: v for k, v in variables.items() if k in full} for variables in (some, bare)]
    return [full, *({**full, **other} for other in others if other)]


def _largest(strategy: Strategy) -> Variables:
    """The variables of the largest prompt: every list as long as it can be, every text long."""
    large = {key: _lengthen(value) for key, value in strategy.trial.items()}
    return {k: v * LARGEST_K if isinstance(v, list) else v for k, v in large.items()}


def _lengthen(value: Any) -> Any:
    if isinstance(value, str):
        return (value + " ") * (_LONG_TEXT // (len(value) + 1))
    if isinstance(value, Mapping):
        return {
            k: v if k in ("name", "type", "function") else _lengthen(v) for k, v in value.items()
        }
    return [_lengthen(v) for v in value] if isinstance(value, list) else value
