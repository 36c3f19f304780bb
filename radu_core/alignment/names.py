"""Names written otherwise than the value: inflected, misspelt, in part, or by their initials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from rapidfuzz.distance import OSA

from radu_core.alignment.text import Place, Text, Token, plain_words

__all__ = ["by_initials", "in_part", "inflected", "misspelt", "nearest_words"]

_SHORTEST_MISSPELT = 5
_SHORTEST_CUT = 3
_WITHIN_NAMES = ("", "-", "–", "&", "'", "’", "'s", "’s", "/")


@lru_cache(maxsize=65_536)
def _words(value: str) -> tuple[str, ...]:
    return plain_words(value)


def inflected(text: Text, value: str) -> list[Place]:
    """Where words with the same stems stand in the same order: "hotels" for ``hotel``."""
    stem = text.language.stem
    wanted = [stem(w) for w in _words(value)]
    return [
        _place(window)
        for window in _windows(text, len(wanted))
        if [stem(t.word) for t in window] == wanted
    ]


def misspelt(text: Text, value: str) -> list[tuple[Place, float]]:
    """Where something stands that is ``value`` but for a slip or two, with its similarity (0–1).

    Optimal string alignment: a swap of neighbours is one slip. Digits must agree. Five to seven
    letters allow one slip, longer values one in six letters.
    """
    words = _words(value)
    wanted = "".join(words)
    if len(wanted) < _SHORTEST_MISSPELT or wanted.isdigit():
        return []
    most = 1 if len(wanted) < 8 else len(wanted) // 6
    digits = _digits(wanted)
    found = {}
    for size in range(max(1, len(words) - 1), len(words) + 2):
        for window in _windows(text, size):
            said = "".join(t.word for t in window)
            if abs(len(said) - len(wanted)) > most or _digits(said) != digits:
                continue
            distance = OSA.distance(said, wanted, score_cutoff=most)
            if distance <= most:
                found[_place(window)] = 1 - distance / max(len(said), len(wanted))
    best = max(found.values(), default=0.0)
    return sorted((place, score) for place, score in found.items() if score == best)


def in_part(
    text: Text, value: str, generic: frozenset[str]
) -> list[tuple[Place, float]]:
    """Where a part of a longer name stands: "Benissimo" for ``Benissimo Restaurant & Bar``, "San
    Fran" for ``San Francisco``. With each the share of the name's letters that is written.

    The part must hold the first word that says something, or half of those that do. ``generic`` are
    the words that don't ("restaurant", "the").
    """
    words = _words(value)
    telling = [w for w in words if w not in generic]
    if len(words) < 2 or not telling:
        return []
    found: dict[Place, float] = {}
    for window, run in _runs(text.tokens, words):
        said = [w for w in run if w in telling]
        if not said or not (telling[0] in said or 2 * len(said) >= len(telling)):
            continue
        if max(map(len, said)) < _SHORTEST_CUT or _goes_on(text, window):
            continue
        share = sum(len(t.word) for t in window) / sum(map(len, words))
        found[_place(window)] = share if _same_case(text, window, value) else share / 4
    best = max(found.values(), default=0.0)
    return sorted((place, share) for place, share in found.items() if share == best)


def _runs(
    tokens: Sequence[Token], words: Sequence[str]
) -> Iterator[tuple[Sequence[Token], Sequence[str]]]:
    """Maximal runs of tokens that are consecutive words of the name; the last may be cut short."""
    for i in range(len(tokens)):
        for j in range(len(words)):
            if i and j and _same(tokens[i - 1].word, words[j - 1]):
                continue
            n = 0
            while (
                i + n < len(tokens) and j + n < len(words) and _same(tokens[i + n].word, words[j + n])
            ):
                n += 1
            if n and not (n == 1 and tokens[i].word != words[j] and j == 0 and len(words) > 1):
                yield tokens[i : i + n], words[j : j + n]


def _same(said: str, word: str) -> bool:
    return said == word or (len(said) > _SHORTEST_CUT and word.startswith(said))


def _goes_on(text: Text, window: Sequence[Token]) -> bool:
    """Whether another capitalised word follows at once: then it is part of another name."""
    rest = text.utterance[window[-1].end :]
    follows = rest[:1] == " " and rest[1:2].isupper() and not rest[1:3] in ("I ", "I'")
    return follows and text.utterance[window[0].start].isupper()


def _same_case(text: Text, window: Sequence[Token], value: str) -> bool:
    """Whether a name's part is written as a name, in an utterance that minds capitals at all."""
    said = text.utterance[window[0].start : window[-1].end]
    minds = any(c.isupper() for c in text.utterance[1:].replace("I", ""))
    return not (value[0].isupper() and minds and said.islower())


def by_initials(text: Text, value: str) -> list[Place]:
    """Where the initials of a name of several words stand: "SD" for ``San Diego``, "D.C."."""
    words = _words(value)
    initials = "".join(w[0] for w in words)
    if len(words) < 2:
        return []
    found = []
    for token in text.tokens:
        said = text.utterance[token.start : token.end]
        if token.word == initials and (said.isupper() or said.lower() not in text.language.stop_words):
            found.append((token.start, token.end))
    return found


def nearest_words(text: Text, value: str, *, most: int = 3) -> list[tuple[Place, float]]:
    """The places most like ``value`` by spelling, best first, with their similarity (0–1)."""
    words = _words(value)
    wanted = "".join(words)
    found = []
    for size in range(1, len(words) + 2):
        for window in _windows(text, size):
            said = "".join(t.word for t in window)
            found.append((_place(window), OSA.normalized_similarity(said, wanted)))
    found.sort(key=lambda f: (-f[1], f[0]))
    return [f for f in found[:most] if f[1] >= 0.5]


def _windows(text: Text, size: int) -> Iterator[Sequence[Token]]:
    """``size`` tokens in a row, with nothing but a space, a hyphen or the like between them."""
    tokens = text.tokens
    for i in range(len(tokens) - size + 1) if size > 0 else ():
        window = tokens[i : i + size]
        between = (text.utterance[a.end : b.start] for a, b in pairwise(window))
        if all(gap.strip() in _WITHIN_NAMES for gap in between):
            yield window


def _place(window: Sequence[Token]) -> Place:
    return window[0].start, window[-1].end


def _digits(word: str) -> str:
    return "".join(c for c in word if c.isdigit())
