"""What a module's own exemplars teach about placing values in its other exemplars."""

from __future__ import annotations

from dataclasses import dataclass, field

from radu_core.alignment.candidates import Aliases
from radu_core.alignment.ranking import ContextModel

__all__ = ["Knowledge"]


@dataclass(frozen=True)
class Knowledge:
    """The words around each slot, other names of values, and words that tell no names apart.

    See ``candidates.Finder`` for ``aliases`` and ``generic``. ``phrases`` are, by slot, words that
    stand where a value of it isn't written, whichever value it is. ``widened`` are the slots whose
    spans take in more than the value's own figures ("$180", "11:30 am"). ``any_case`` are
    those whose values aren't in the utterance's case. ``learn`` makes one.
    """

    context: ContextModel = field(default_factory=lambda: ContextModel(()))
    aliases: Aliases = field(default_factory=dict)
    generic: dict[str, frozenset[str]] = field(default_factory=dict)
    phrases: dict[str, frozenset[tuple[str, ...]]] = field(default_factory=dict)
    widened: frozenset[str] = frozenset()
    any_case: frozenset[str] = frozenset()
