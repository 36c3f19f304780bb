"""Names written otherwise than the value: inflected, misspelt, in part, or by their initials."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise, takewhile

from rapidfuzz.distance import OSA

from radu_core.alignment.folding import squeeze_text
from radu_core.alignment.text import Place, Text, Token, plain_words

__all__ = [
    "akin",
    "by_initials",
    "find_inflections",
    "find_reorderings",
    "in_part",
    "may_join",
    "misspelt",
    "nearest_words",
    "otherwise_whole",
    "with_possessive",
]

_CONNECTING = "a an and at by de del der des di du in la le of on the von"
_CONNECTIVES = frozenset(_CONNECTING.split())
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d")
_SHORTEST_MISSPELT = 5
_SHORTEST_CUT = 3
_ALIKE = 0.5  # of a word beside the rest of its name: "brittany" for Britney
_SHORTEST_SLIP = 3  # of a word beside the rest of its name
_LONGEST_NAME = 12  # words; longer values, or any in longer texts, are only searched as written
_LONGEST_TEXT = 150
_JOINS = re.compile(r",?\s*|\s*[-/]\s*")  # between the words of one name
_WITHIN_NAMES = ("", "-", "–", "&", "'", "’", "'s", "’s", "/")


@lru_cache(maxsize=65_536)
def _words(value: str) -> tuple[str, ...]:
    return plain_words(value)


def find_inflections(text: Text, value: str) -> list[tuple[Place, bool]]:
    """Where words with the same stems stand in the same order: "hotels" for ``hotel``.

    With each whether they differ in number only. Other endings may make another word (importance,
    import).
    """
    stem = text.language.stem
    words = _words(value)
    stems = [stem(w) for w in words]
    inflections = []
    for window in _windows(text, len(stems)):
        forms = [t.word for t in window]
        if [stem(w) for w in forms] == stems:
            number = all(map(_differ_in_number, forms, words))
            inflections.append((_place(window), number))
    return inflections


def _differ_in_number(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return short == long or long in (f"{short}s", f"{short}es", f"{short[:-1]}ies", f"{short}en")


def misspelt(text: Text, value: str) -> list[tuple[Place, float]]:
    """Where something stands that is ``value`` but for a slip or two, with its similarity (0–1).

    Optimal string alignment: a swap of neighbours is one slip. Digits must agree. Five to seven
    letters allow one slip, longer values one in six letters.
    """
    words = _words(value)
    whole = "".join(words)
    if len(whole) < _SHORTEST_MISSPELT or whole.isdigit():
        return []
    if len(words) > _LONGEST_NAME or len(text.tokens) > _LONGEST_TEXT:
        return []
    most = 1 if len(whole) < 8 else len(whole) // 6
    digits = _digits(whole)
    scores = {}
    for size in range(max(1, len(words) - 1), len(words) + 2):
        for window in _windows(text, size):
            compact = "".join(t.word for t in window)
            if abs(len(compact) - len(whole)) > most or _digits(compact) != digits:
                continue
            distance = OSA.distance(compact, whole, score_cutoff=most)
            if distance <= most:
                scores[_place(window)] = 1 - distance / max(len(compact), len(whole))
    best = max(scores.values(), default=0.0)
    return sorted((place, score) for place, score in scores.items() if score == best)


def in_part(text: Text, value: str, generic: frozenset[str]) -> list[tuple[Place, bool]]:
    """Where a part of a longer name stands: "Benissimo" for ``Benissimo Restaurant & Bar``.

    Or "San Fran" for ``San Francisco``, "Holiday Inn Paris" for ``Holiday Inn Express Paris
    Opera``.

    The part must hold the first word that says something, or half of those that do, or three of the
    name's words; stop words and a year say nothing, and stop words are no end of it. ``generic``
    are the words that don't tell one name from another. With each comes whether it is sure: nothing
    that tells is left out, or two telling words stand there, the first among them; it is written as
    a name, and no other name continues from it.
    """
    words = _words(value)
    if not 2 <= len(words) <= _LONGEST_NAME or len(text.tokens) > _LONGEST_TEXT:
        return []
    stop = text.language.stop_words
    saying = [w for w in words if w not in stop and not _YEAR.fullmatch(w)]
    telling = [w for w in saying if w not in generic]
    places: dict[Place, tuple[float, bool]] = {}
    for tokens, matched in _runs(text, words):
        window, run = _trim(tokens, matched, stop, words)
        telling_words, content = ([w for w in run if w in those] for those in (telling, saying))
        tells = telling_words and (
            telling[0] in telling_words or 2 * len(telling_words) >= len(telling)
        )
        if not tells and (len(content) < 3 or len(content) * 2 < len(saying)):
            continue
        if max(map(len, run)) < _SHORTEST_CUT or _goes_on(text, window, words):
            continue
        whole = telling_words and (
            len(telling_words) == len(telling)
            or (len(telling_words) > 1 and telling[0] in telling_words)
        )
        begins = run[0] == words[0] and run[0] in stop  # "The Gore"
        sure = bool(whole or len(content) + begins > 2) and _same_case(text, window, value)
        place = with_possessive(text, _place(window), value)
        places[place] = (sum(len(t.word) for t in window) / sum(map(len, words)), sure)
    best = max(places.values(), default=(0.0, False))
    return sorted((place, sure) for place, (share, sure) in places.items() if share == best[0])


def find_reorderings(text: Text, value: str) -> list[Place]:
    """Where all words of a name stand together in another order: "Lane 12 Rose", "Smith, John"."""
    words, tokens = _words(value), text.tokens
    count, sorted_words = len(words), sorted(words)
    if not 2 <= count <= _LONGEST_NAME:
        return []
    places = []
    for first in range(len(tokens) - count + 1):
        window = tokens[first : first + count]
        forms = tuple(t.word for t in window)
        between = (text.utterance[a.end : b.start] for a, b in pairwise(window))
        if forms != words and sorted(forms) == sorted_words and all(map(_JOINS.fullmatch, between)):
            places.append(_place(window))
    return places


def _trim(
    window: Sequence[Token], run: Sequence[str], stop: frozenset[str], words: Sequence[str]
) -> tuple[Sequence[Token], Sequence[str]]:
    """Without the stop words at its ends, but for the name's own first and last word."""
    first, last = 0, len(run)
    while first < last and run[first] in stop and run[first] != words[0]:
        first += 1
    while last > first and run[last - 1] in stop and run[last - 1] != words[-1]:
        last -= 1
    return window[first:last], run[first:last]


def otherwise_whole(text: Text, value: str, part: Place) -> Place | None:
    """The whole name where only ``part`` of it is written as in ``value``, or None.

    It is the part and the words beside it, if these are all other words of the name in its order,
    but misspelt, cut short ("St" for "Saint") or behind a comma or a full stop.
    """
    words, tokens = _words(value), text.tokens
    inside = [i for i, t in enumerate(tokens) if part[0] <= t.start and t.end <= part[1]]
    if not inside:
        return None
    matching = [i for i, w in enumerate(words) if _same(tokens[inside[0]].word, w)]
    end_places = [i for i, w in enumerate(words) if _same(tokens[inside[-1]].word, w)]
    if not matching or not end_places:
        return None
    first = _follow(tokens, inside[0], words[: matching[0]][::-1], -1)
    last = _follow(tokens, inside[-1], words[end_places[-1] + 1 :], 1)
    if first is None or last is None or (first, last) == (inside[0], inside[-1]):
        return None
    return tokens[first].start, tokens[last].end


def _follow(tokens: Sequence[Token], at: int, words: Sequence[str], step: int) -> int | None:
    """The index of the last of ``words`` that follow from ``at`` on; None if one doesn't.

    They stand in the direction of ``step``, with nothing but connectives between them.
    """
    for word in words:
        index = at + step
        while 0 <= index < len(tokens) and tokens[index].word in _CONNECTIVES - {word}:
            index += step
        if 0 <= index < len(tokens) and _stands_for(tokens[index].word, word):
            at = index
        elif word not in _CONNECTIVES:
            return None
    return at


def _stands_for(form: str, word: str) -> bool:
    """Whether ``form`` is ``word`` but for a slip or two, or cut short ("rd" for "road")."""
    if form == word:
        return True
    if form.isdigit() or word.isdigit():
        return False
    if form[0] == word[0] and len(form) < len(word) and _is_abbreviation(form, word):
        return True
    if len(word) < _SHORTEST_SLIP:
        return False
    if OSA.distance(form, word, score_cutoff=1) <= 1:
        return True
    return len(word) > _SHORTEST_SLIP and OSA.normalized_similarity(form, word) >= _ALIKE


def _is_abbreviation(form: str, word: str) -> bool:
    """Whether ``form`` abbreviates ``word``: "rd", "ave", "j".

    Its letters stand in the word in their order, the last or the first few among them.
    """
    letters = iter(word)
    in_order = all(letter in letters for letter in form)
    return in_order and (len(form) <= _SHORTEST_CUT or word.startswith(form))


def _runs(text: Text, words: Sequence[str]) -> Iterator[tuple[Sequence[Token], Sequence[str]]]:
    """Runs of tokens that are words of the name in its order, some left out or cut short."""
    tokens = text.tokens
    for i in range(len(tokens)):
        j, n = 0, i
        run: list[str] = []
        while n < len(tokens):
            hit = next((k for k in range(j, len(words)) if _same(tokens[n].word, words[k])), None)
            if hit is None or (run and not may_join(text.utterance, tokens[n - 1], tokens[n])):
                break
            run.append(words[hit])
            j, n = hit + 1, n + 1
        if run and not (len(run) == 1 and tokens[i].word != run[0]):
            yield tokens[i:n], run


def _same(form: str, word: str) -> bool:
    return form == word or (len(form) > _SHORTEST_CUT and word.startswith(form))


def _goes_on(text: Text, window: Sequence[Token], words: Sequence[str]) -> bool:
    """Whether another name continues from here or leads here: "Terminal 2", "bank of Scotland"."""
    tokens = text.tokens
    at = tokens.index(window[-1])
    if at + 1 < len(tokens) and may_join(text.utterance, tokens[at], tokens[at + 1]):
        follows = text.utterance[tokens[at + 1].start : tokens[at + 1].end]
        capital = follows[:1].isupper() and follows not in ("I", "I'm", "I'd", "I'll")
        is_capital = text.utterance[window[0].start].isupper() and capital
        if (
            is_capital
            or follows[0].isdigit()
            or (len(follows) == 1 and follows not in ("I", "a", "i"))
        ):
            return True
        if follows.lower() == "of" and "of" not in words:
            return True
    return window[-1].word in text.language.stop_words


def with_possessive(text: Text, place: Place, value: str) -> Place:
    """The place with the 's behind it, where the name is written with one: "Mendoza's"."""
    longer = text.utterance[place[0] : place[1] + 2]
    if longer[-2:].lower() in ("'s", "’s") and squeeze_text(longer) in squeeze_text(value):
        return place[0], place[1] + 2
    return place


def _same_case(text: Text, window: Sequence[Token], value: str) -> bool:
    """Whether a name's part is written as a name. Where nothing is, several words may be small."""
    surface = text.utterance[window[0].start : window[-1].end]
    minds = any(c.isupper() for c in text.utterance[1:].replace("I", ""))
    return not (value[0].isupper() and surface.islower() and (minds or len(window) == 1))


def by_initials(text: Text, value: str) -> list[tuple[Place, bool]]:
    """Where the initials of a name of several words stand: "SD" for ``San Diego``.

    With each whether they are capitals. Small letters that are a word of their own ("us") don't
    count.
    """
    words = _words(value)
    initials = "".join(w[0] for w in words)
    if len(words) < 2:
        return []
    minds = any(c.islower() for c in text.utterance)
    places = []
    for token in text.tokens:
        surface = text.utterance[token.start : token.end]
        capitals = minds and surface.isupper()
        if token.word == initials and (capitals or surface.lower() not in text.language.stop_words):
            places.append(((token.start, token.end), capitals))
    return places


def akin(forms: Sequence[str], words: Sequence[str]) -> bool:
    """Whether words look like a name's.

    They are one of its words, its beginning ("ATL" for Atlanta), its initials with a letter more at
    most ("NYC" for New York), or much the same letters.
    """
    one, name = "".join(forms), "".join(words)
    initials = "".join(w[0] for w in words)
    if len(initials) > 1 and one.startswith(initials) and len(one) <= len(initials) + 1:
        return True
    for word in (*words, name):
        if len(word) >= _SHORTEST_CUT and word in forms:
            return True
        common = sum(1 for _ in takewhile(lambda p: p[0] == p[1], zip(one, word, strict=False)))
        if common >= _SHORTEST_CUT and 2 * common >= len(one):
            return True
    return len(name) >= _SHORTEST_MISSPELT and OSA.normalized_similarity(one, name) >= 0.6


def nearest_words(text: Text, value: str, *, most: int = 3) -> list[tuple[Place, float]]:
    """The places most like ``value`` by spelling, best first, with their similarity (0–1)."""
    words = _words(value)
    whole = "".join(words)
    distances: list[tuple[Place, float]] = []
    if len(words) > _LONGEST_NAME or len(text.tokens) > _LONGEST_TEXT:
        return distances
    for size in range(1, len(words) + 2):
        for window in _windows(text, size):
            compact = "".join(t.word for t in window)
            distances.append((_place(window), OSA.normalized_similarity(compact, whole)))
    distances.sort(key=lambda f: (-f[1], f[0]))
    return [f for f in distances[:most] if f[1] >= 0.5]


def _windows(text: Text, size: int) -> Iterator[Sequence[Token]]:
    """``size`` tokens in a row, with nothing but a space, a hyphen or the like between them."""
    tokens = text.tokens
    for i in range(len(tokens) - size + 1) if size > 0 else ():
        window = tokens[i : i + size]
        if all(may_join(text.utterance, a, b) for a, b in pairwise(window)):
            yield window


def may_join(utterance: str, left: Token, right: Token) -> bool:
    """Whether two tokens can belong to one name: no comma or full stop between them."""
    return utterance[left.end : right.start].strip() in _WITHIN_NAMES


def _place(window: Sequence[Token]) -> Place:
    return window[0].start, window[-1].end


def _digits(word: str) -> str:
    return "".join(c for c in word if c.isdigit())
