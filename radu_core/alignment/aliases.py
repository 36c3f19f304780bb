"""Other names of values, from a module's own exemplars: "SFO" for ``San Francisco``.

Words that occur where a value is meant but not written, and almost nowhere else, may be its name.
That alone is no proof: a value that is never said (a default) makes every word of its function look
like its name. So they are sure only with evidence of another kind. They are akin to the name by
their letters, and an abbreviation in capitals, or written as a name where the name itself is
written elsewhere ("Philly"). Or the name is often written too, and they stand between the same
words as the slot's other values ("funny" for ``Comedy``). The rest is offered to people.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from radu_core.alignment.candidates import Aliases
from radu_core.alignment.folding import squeeze_text
from radu_core.alignment.language import Language
from radu_core.alignment.names import akin, may_join
from radu_core.alignment.text import HYPHENS, Place, Text, Token, plain_words

__all__ = ["Missing", "Phrases", "Seen", "learn_names"]

Words = tuple[str, ...]
Phrases = dict[str, frozenset[Words]]  # by slot

_LEAST_SEEN = 3
_LEAST_SHARE = 0.9
_LEAST_SHARE_OF_SLOT = 0.8  # for phrases, that only rank guesses
_WRITTEN = 3  # times that the name itself must be written elsewhere
_OFTEN = 8  # cases, and values written, that are no chance
_MOST = 0.6  # of the cases must agree
_ALWAYS = 0.9  # of the cases: what stands beside so many belongs to the name
_SELDOM = 0.1  # of the slot's written values: what stands beside more is no part of a name


@dataclass(frozen=True)
class Missing:
    """A value of a slot that isn't written as itself: its name, squeezed and as words."""

    slot: str
    name: str
    words: Words


@dataclass(frozen=True)
class Seen:
    """One exemplar of the first pass.

    ``places`` are those of values that were found, ``placed`` with their slot those that are
    certain; ``names`` all (slot, text value); ``marked`` what a person's span gives for a name in
    other words; ``edges`` what places say of how far the slot's spans go (see ``learning``).
    """

    utterance: str
    function: str | None
    template: str | None
    places: tuple[Place, ...]
    placed: tuple[tuple[str, Place], ...]
    missing: tuple[Missing, ...]
    names: tuple[tuple[str, str], ...]
    marked: tuple[tuple[str, Words], ...]
    edges: tuple[tuple[str, str], ...] = ()

    def words_outside(self, language: Language) -> tuple[Token, ...]:
        """The words outside all places."""
        return tuple(
            t
            for t in Text(self.utterance, language).tokens
            if not any(s < t.end and t.start < e for s, e in self.places)
        )


@dataclass(frozen=True)
class _Case:
    """A run of words where a value is missing.

    It goes from the token ``first`` to ``last`` (included) of the words that no value takes.
    """

    one: Seen
    missing: Missing
    tokens: Sequence[Token]
    first: int
    last: int

    @property
    def place(self) -> Place:
        return self.tokens[self.first].start, self.tokens[self.last].end

    @property
    def words(self) -> Words:
        return tuple(t.word for t in self.tokens[self.first : self.last + 1])

    def beside(self, side: int) -> str:
        """The word before (-1) or after (1), if it can belong to the same name.

        What a hyphen joins is found whole anyway.
        """
        edge = self.first if side < 0 else self.last
        if not 0 <= edge + side < len(self.tokens):
            return ""
        first, right = sorted((edge, edge + side))
        one, other = self.tokens[first], self.tokens[right]
        if self.one.utterance[one.end : other.start] in HYPHENS:
            return ""
        near = may_join(self.one.utterance, one, other)
        return self.tokens[edge + side].word if near else ""

    def grow(self, side: int) -> _Case:
        first, last = (self.first - 1, self.last) if side < 0 else (self.first, self.last + 1)
        return replace(self, first=first, last=last)


def learn_names(sightings: Sequence[Seen], language: Language) -> tuple[Aliases, Phrases]:
    """Find the words that stand for each name, and for each slot, longest first, with a score.

    For a name: what people marked, and what was seen often enough where the name is missing. For a
    slot: what stands where any of its values is missing, whichever it is.
    """
    aliases: dict[str, dict[Words, float]] = {}
    phrases: Phrases = {}
    if any(one.missing for one in sightings):
        outside_words = [one.words_outside(language) for one in sightings]
        aliases = _names_from_cases(sightings, outside_words, language.stop_words)
        phrases = _phrases(sightings, outside_words, language.stop_words)
    for name, words, score in _names_from_spans(sightings, language.stop_words):
        aliases.setdefault(name, {})[words] = score
    aliases_by_name = {
        name: tuple(sorted(surfaces.items(), key=lambda k: (-len(k[0]), k[0])))
        for name, surfaces in sorted(aliases.items())
    }
    return aliases_by_name, phrases


def _names_from_spans(
    sightings: Sequence[Seen], stop: frozenset[str]
) -> Iterator[tuple[str, Words, float]]:
    """What spans that people gave say: sure from the second time on, if never said of another."""
    counts: Counter[tuple[str, Words]] = Counter(s for one in sightings for s in one.marked)
    names: dict[Words, set[str]] = defaultdict(set)
    for name, words in counts:
        names[words].add(name)
    for (name, words), count in sorted(counts.items()):
        if len(names[words]) == 1 and not stop.issuperset(words):
            yield name, words, 0.95 if count > 1 else 0.85


def _names_from_cases(
    sightings: Sequence[Seen], outside_words: Sequence[Sequence[Token]], stop: frozenset[str]
) -> dict[str, dict[Words, float]]:
    """Score the words that stand where a name is missing.

    The score is 0.9, or 0.75 where nothing else speaks for it, and a tenth of the rule of
    succession's estimate, (together + 1) / (anywhere + 2).
    """
    telling = _telling(sightings, outside_words, stop, lambda m: (m.name, m.words), _LEAST_SHARE)
    counts = _count_written_names(sightings)
    frames = _frames(sightings)
    names: dict[str, dict[Words, float]] = defaultdict(dict)
    for name, runs in telling.cases.items():
        precise = telling.precise[name]
        for run, own in runs.items():
            if len(own) < _LEAST_SEEN:
                continue
            rarest = min((w for w in run if w in precise), key=lambda w: telling.anywhere[w])
            share = (precise[rarest] + 1) / (telling.anywhere[rarest] + 2)
            values = counts[own[0].one.function, own[0].missing.slot]
            like = akin(run, own[0].missing.words)
            whole = _grow_cases(own, frames[own[0].missing.slot], stop)
            chance = whole is not own and len(whole) < _OFTEN  # the words beside it may be
            sure = not chance and (
                (like and _as_names(whole, capitals=values[name] < _WRITTEN))
                or _in_frames(whole, values, frames)
            )
            score = (0.9 if sure else 0.75) + share / 10
            words = whole[0].words
            names[name][words] = max(names[name].get(words, 0.0), score)
    return names


def _phrases(
    sightings: Sequence[Seen], outside_words: Sequence[Sequence[Token]], stop: frozenset[str]
) -> Phrases:
    """ "light meal" says ``Brunch`` or ``Tapas``: the name of none, but always a cuisine."""
    telling = _telling(sightings, outside_words, stop, lambda m: (m.slot, ()), _LEAST_SHARE_OF_SLOT)
    frames = _frames(sightings)
    return {
        slot: frozenset(
            _grow_cases(own, frames[slot], stop)[0].words
            for own in runs.values()
            if len(own) >= _LEAST_SEEN
        )
        for slot, runs in sorted(telling.cases.items())
    }


@dataclass(frozen=True)
class _Telling:
    """Words that tell of a missing value, by key (a name or a slot).

    They are seen where the value is missing and almost nowhere else; with how often, and the runs
    of them. ``anywhere`` counts all words.
    """

    precise: dict[str, dict[str, int]]
    cases: dict[str, dict[Words, list[_Case]]]
    anywhere: Counter[str]


def _telling(
    sightings: Sequence[Seen],
    outside_words: Sequence[Sequence[Token]],
    stop: frozenset[str],
    key: Callable[[Missing], tuple[str, Words]],
    share: float,
) -> _Telling:
    """Count which words are seen where a value is missing and almost nowhere else.

    ``key`` gives what a missing value is counted under, and its own words; ``outside_words`` stand
    outside all places.
    """
    anywhere: Counter[str] = Counter()
    together: dict[str, Counter[str]] = defaultdict(Counter)
    for one, tokens in zip(sightings, outside_words, strict=True):
        words = {t.word for t in tokens}
        anywhere.update(words)
        for name in {key(m)[0] for m in one.missing}:
            together[name].update(words)
    precise = {name: _precise(counts, anywhere, stop, share) for name, counts in together.items()}
    cases: dict[str, dict[Words, list[_Case]]] = defaultdict(lambda: defaultdict(list))
    for one, tokens in zip(sightings, outside_words, strict=True):
        for missing in one.missing:
            name, own = key(missing)
            run = _best_run(one.utterance, tokens, own, precise[name], stop)
            if run:
                case = _Case(one, missing, tokens, tokens.index(run[0]), tokens.index(run[-1]))
                cases[name][case.words].append(case)
    return _Telling(precise, cases, anywhere)


def _precise(
    counts: Counter[str], anywhere: Counter[str], stop: frozenset[str], share: float
) -> dict[str, int]:
    return {
        word: count
        for word, count in counts.items()
        if count >= max(_LEAST_SEEN, share * anywhere[word])
        and word not in stop
        and not word.isdigit()
    }


def _best_run(
    text: str, tokens: Sequence[Token], own: Words, precise: dict[str, int], stop: frozenset[str]
) -> list[Token]:
    """The run of telling words that was seen most.

    Its words are precise or the name's own, with stop words between two of them ("pizza and
    pasta"). Words akin to the name need no others.
    """
    like = {
        t.word for t in tokens if t.word in own or (t.word not in stop and akin((t.word,), own))
    }
    if like & set(precise):
        precise, stop = {w: precise.get(w, 0) for w in like}, frozenset()
    runs: list[list[Token]] = [[]]
    for token in tokens:
        last = runs[-1][-1] if runs[-1] else None
        if last and any(c.isalnum() for c in text[last.end : token.start]):
            runs.append([])  # a placed value lies between
        if token.word in precise or token.word in own or (token.word in stop and runs[-1]):
            runs[-1].append(token)
        else:
            runs.append([])
    best: tuple[int, list[Token]] = (0, [])
    for run in runs:
        while run and run[-1].word in stop:
            run.pop()
        weight = max((precise.get(t.word, 0) for t in run), default=0)
        if weight > best[0]:
            best = (weight, run)
    return best[1]


def _grow_cases(
    cases: Sequence[_Case], frames: Counter[tuple[str, ...]], stop: frozenset[str]
) -> Sequence[_Case]:
    """Widen the cases by the words that belong to the name.

    Those always stand beside it, and hardly ever beside the slot's other values: "Ciudad de
    Mexico", "love story".
    """
    for side, index in ((-1, 0), (1, 1)):
        while True:
            word, count = Counter(c.beside(side) for c in cases).most_common(1)[0]
            usual = sum(n for frame, n in frames.items() if frame[index] == word)
            if (
                not word
                or word in stop
                or count < max(_LEAST_SEEN, _ALWAYS * len(cases))
                or usual > _SELDOM * frames.total()
            ):
                break
            cases = [c.grow(side) for c in cases if c.beside(side) == word]
    return cases


def _count_written_names(sightings: Sequence[Seen]) -> dict[tuple[str | None, str], Counter[str]]:
    """(function, slot) → how often each name stands written there."""
    counts: dict[tuple[str | None, str], Counter[str]] = defaultdict(Counter)
    for one in sightings:
        absent = {(m.slot, m.name) for m in one.missing}
        for slot, value in one.names:
            name = squeeze_text(value)
            if (slot, name) not in absent:
                counts[one.function, slot][name] += 1
    return counts


def _as_names(cases: Sequence[_Case], *, capitals: bool) -> bool:
    """Whether most cases are written as a name.

    From the first word to the last each has a capital that begins no sentence, or, with
    ``capitals``, all are in capitals.
    """
    name_size = 0
    for case in cases:
        start, end = case.place
        surface, before = case.one.utterance[start:end], case.one.utterance[:start].rstrip()
        is_first = bool(before) and before[-1] not in ".!?"
        abbreviated = len(surface) > 1 and surface.isupper() and not case.one.utterance.isupper()
        is_capitalised = surface[0].isupper() and surface.split()[-1][0].isupper()
        name_size += abbreviated or (is_capitalised and is_first and not capitals)
    return name_size >= _MOST * len(cases)


def _in_frames(
    cases: Sequence[_Case], values: Counter[str], frames: dict[str, Counter[tuple[str, ...]]]
) -> bool:
    """Whether most cases stand between the same words as the slot's written values.

    There must be many cases, and the name itself must often be written too.
    """
    missing = cases[0].missing
    own = values[missing.name]
    if len(cases) < _OFTEN or own < max(_OFTEN, len(cases) / 3) or values.total() - own < _OFTEN:
        return False
    frame = frames[missing.slot]
    return sum(_frame(c.one.utterance, c.place) in frame for c in cases) >= _MOST * len(cases)


def _frames(sightings: Sequence[Seen]) -> dict[str, Counter[tuple[str, ...]]]:
    """Slot → the frames that its written values stand in."""
    counts: dict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    for one in sightings:
        for slot, place in one.placed:
            counts[slot][_frame(one.utterance, place)] += 1
    return counts


def _frame(text: str, place: Place) -> tuple[str, ...]:
    """The word before and the word after a place, and which side ends there."""
    before, after = (
        plain_words(text[max(0, place[0] - 40) : place[0]]),
        plain_words(text[place[1] : place[1] + 40]),
    )
    return (before[-1] if before else "^", after[0] if after else "$")
