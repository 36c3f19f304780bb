"""Where a text says yes or no by the slot's own words: "with wifi", "pets are not allowed"."""

from __future__ import annotations

from radu_core.alignment.places import DOUBTFUL, Candidate
from radu_core.alignment.text import Place, Text, plain_words
from radu_core.schema import Slot

__all__ = ["contradicting", "statements"]

# Words of a yes/no slot's name that say nothing by themselves: has_wifi, pets_allowed.
_HELPING = (
    "has have is are with allowed allow wants want needs need available include includes options "
    "option offers offer do does should can"
)
_HELPERS = frozenset(_HELPING.split())


def statements(text: Text, slot: Slot | None) -> list[tuple[Place, bool]]:
    """The places of the words of a slot's name, with what negates them, and what each says."""
    words = tuple(w for w in plain_words(slot.name if slot else "") if w not in _HELPERS)
    if not words:
        return []
    stem = text.language.stem
    stems = [stem(w) for w in words]
    tokens = text.tokens
    mentions = []
    for first in range(len(tokens) - len(stems) + 1):
        if [stem(t.word) for t in tokens[first : first + len(stems)]] != stems:
            continue
        last = first + len(stems) - 1
        ahead, behind = _negation(text, first), _negation_behind(text, last)
        start = tokens[first if ahead is None else ahead].start
        end = tokens[last if behind is None else behind].end
        mentions.append(((start, end), ahead is None and behind is None))
    return mentions


def contradicting(text: Text, value: bool, slot: Slot | None) -> tuple[Candidate, ...]:
    """Where the slot's own words say the opposite of ``value``."""
    return tuple(
        Candidate(*place, "doubted", DOUBTFUL, f"says {'yes' if claim else 'no'}")
        for place, claim in statements(text, slot)
        if claim != value
    )


def _negation(text: Text, before: int) -> int | None:
    """The index of the negating token among the three before ``before``, in its clause."""
    for i in range(before - 1, max(-1, before - 4), -1):
        token = text.tokens[i]
        if set(text.utterance[token.end : text.tokens[i + 1].start]) & set(",.;:!?"):
            return None
        if text.utterance[token.start : token.end].lower().replace("’", "'") in (
            text.language.negations
        ):
            return i
    return None


def _negation_behind(text: Text, last: int) -> int | None:
    """The index of the "not" that follows token ``last``: "pets are not allowed"."""
    for i in range(last + 1, min(len(text.tokens), last + 3)):
        word = text.utterance[text.tokens[i].start : text.tokens[i].end].lower()
        if text.utterance[text.tokens[i - 1].end : text.tokens[i].start].strip():
            return None
        if word.replace("’", "'") in text.language.negations:
            return i
        if word not in ("are", "is", "was", "were", "be"):
            return None
    return None
