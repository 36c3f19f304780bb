"""The strategies by name.

The same functions make training rows and prompts at inference, so that what is trained and what is
asked can't differ.
"""

from __future__ import annotations

from collections.abc import Mapping

from radu_core.errors import InputError
from radu_core.prompts.strategies.all_slots import ALL
from radu_core.prompts.strategies.knn import KNN
from radu_core.prompts.strategies.rag import RAG
from radu_core.prompts.strategies.single_slot import SINGLE
from radu_core.prompts.strategies.strategy import Strategy
from radu_core.prompts.strategies.yes_no import YES_NO

__all__ = ["BY_NAME", "FUNCTION_STRATEGIES", "SLOT_STRATEGIES", "STRATEGIES", "require_strategy"]

BY_NAME: Mapping[str, Strategy] = {s.name: s for s in (KNN, RAG, SINGLE, ALL, YES_NO)}
STRATEGIES = tuple(BY_NAME)
FUNCTION_STRATEGIES = tuple(name for name, s in BY_NAME.items() if s.task == "function")
SLOT_STRATEGIES = tuple(name for name, s in BY_NAME.items() if s.task == "slots")


def require_strategy(name: str) -> Strategy:
    """The strategy of that name; ``InputError`` lists the ones there are."""
    if name not in BY_NAME:
        raise InputError(
            "No such strategy", value=name, remedy=f"Use one of {', '.join(STRATEGIES)}."
        )
    return BY_NAME[name]
