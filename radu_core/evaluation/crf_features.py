"""What a CRF looks at in an utterance: each piece, its neighbours, and what the schema lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from radu_core.alignment.language import language
from radu_core.alignment.quantities import find_quantities
from radu_core.pieces import cut
from radu_core.schema import Schema

__all__ = ["Features"]

_AFFIX = 3  # characters of prefixes and suffixes, at most
_WINDOW = 2  # pieces on either side


class Features:
    """Attributes of every piece of a text; ``function`` is one of them, alone and with the words.

    The function's name as an attribute is worth 2 to 5 points of slot F1
    (``benchmarks/README.md``): slots are shared, the ways to say them aren't.
    """

    def __init__(self, schema: Schema) -> None:
        self._language = language(schema.language)
        self._listed: dict[str, set[str]] = {}
        for function in schema.functions:
            for slot in function.slots:
                for value in slot.possible_values:
                    if isinstance(value, str):
                        self._listed.setdefault(value.casefold(), set()).add(slot.name)
        self._longest = max((len(cut(v)) for v in self._listed), default=0)

    def of(self, text: str, pieces: Sequence[tuple[int, int]], function: str) -> list[list[str]]:
        """The attributes of each piece."""
        words = [text[a:b] for a, b in pieces]
        lower = [w.lower() for w in words]
        labels_by_piece = self._find_listed(text, pieces)
        numbers = find_quantities(text, self._language)
        rows = []
        for at, (start, end) in enumerate(pieces):
            attributes = [*_of_word(words[at]), *_around(words, lower, at), *labels_by_piece[at]]
            if any(n.start < end and start < n.end for n in numbers):
                attributes.append("number")
            attributes += [f"f={function}", f"f,0={function}|{lower[at]}"]
            attributes += [f"f,-1={function}|{lower[at - 1]}"] if at else []
            rows.append(attributes)
        return rows

    def _find_listed(self, text: str, pieces: Sequence[tuple[int, int]]) -> list[list[str]]:
        """Of each piece the slots that list a value it begins or is inside of."""
        listed_kinds: list[set[str]] = [set() for _ in pieces]
        for first, (start, _) in enumerate(pieces):
            for last in range(first, min(len(pieces), first + self._longest)):
                for slot in self._listed.get(text[start : pieces[last][1]].casefold(), ()):
                    listed_kinds[first].add(f"lists B {slot}")
                    for inside in range(first + 1, last + 1):
                        listed_kinds[inside].add(f"lists I {slot}")
        return [sorted(names) for names in listed_kinds]


def _of_word(word: str) -> Iterator[str]:
    lower = word.lower()
    yield from ("bias", f"0={lower}", f"shape={_shape(word)}")
    for length in range(1, min(_AFFIX, len(lower) - 1) + 1):
        yield f"begins={lower[:length]}"
        yield f"ends={lower[-length:]}"
    if any(c.isdigit() for c in word):
        yield "digits" if word.isdigit() else "has digits"


def _around(words: Sequence[str], lower: Sequence[str], at: int) -> Iterator[str]:
    """The neighbours: words, shapes and endings, and pairs of words."""
    padded_words = ["<>", "<", *lower, ">", "<>"]
    here = at + _WINDOW
    for step in (-2, -1, 1, 2):
        yield f"{step}={padded_words[here + step]}"
    for step in (-1, 1):
        if 0 <= at + step < len(words):
            yield f"{step} shape={_shape(words[at + step])}"
            yield f"{step} ends={lower[at + step][-_AFFIX:]}"
    for step in (-2, -1, 0, 1):
        yield f"{step},{step + 1}={padded_words[here + step]}|{padded_words[here + step + 1]}"


def _shape(word: str) -> str:
    """Kinds of characters, repeated ones at most twice: "A320neo" is X99xx."""
    kinds = (
        "X" if c.isupper() else "x" if c.isalpha() else "9" if c.isdigit() else c for c in word
    )
    return "".join("".join([*same][:2]) for _, same in groupby(kinds))
