"""Other names of values, from a module's own exemplars: "SFO" for ``San Francisco``.

Words that occur where a value is meant but not written, and almost nowhere else, may be its name.
That alone is no proof: a value that is never said (a default) makes every word of its function look
like its name. So they are sure only with evidence of another kind: they are akin to the name by
their letters; or they are seen often, where other values of the slot stand written, in places that
the words around that slot point to as well ("funny" for ``Comedy``). The rest is offered to people.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from radu_core.alignment.candidates import Aliases
from radu_core.alignment.folding import squeezed
from radu_core.alignment.language import Language
from radu_core.alignment.names import akin
from radu_core.alignment.ranking import ContextModel, guess
from radu_core.alignment.text import Place, Text, Token

__all__ = ["Missing", "Seen", "learn_aliases"]

Words = tuple[str, ...]

_LEAST_SEEN = 3
_LEAST_SHARE = 0.9
_OFTEN = 8  # cases, and other values written, from which on words needn't be akin to the name
_AGREEING = 0.6  # of the cases whose words around the slot point to the same place
_ASKED = 20  # cases that are looked at for that


@dataclass(frozen=True)
class Missing:
    """A value of a slot that isn't written as itself: its name, squeezed and as words."""

    slot: str
    name: str
    words: Words


@dataclass(frozen=True)
class Seen:
    """One exemplar of the first pass. ``places`` are those of values that were found; ``names`` all
    (slot, text value); ``marked`` what a person's span gives for a name in other words.
    """

    utterance: str
    function: str | None
    template: str | None
    places: tuple[Place, ...]
    missing: tuple[Missing, ...]
    names: tuple[tuple[str, str], ...]
    marked: tuple[tuple[str, Words], ...]

    def left(self, language: Language) -> tuple[Token, ...]:
        """The words outside all places."""
        return tuple(
            t
            for t in Text(self.utterance, language).tokens
            if not any(s < t.end and t.start < e for s, e in self.places)
        )


@dataclass(frozen=True)
class _Case:
    """A run of words where a value is missing."""

    one: Seen
    missing: Missing
    place: Place


def learn_aliases(seen: Sequence[Seen], context: ContextModel, language: Language) -> Aliases:
    """Per name the words that stand for it, longest first, each with a score: what people marked,
    and what was seen often enough where the name is missing.
    """
    found = _induced(seen, context, language) if any(one.missing for one in seen) else {}
    for name, words, score in _taught(seen, language.stop_words):
        found.setdefault(name, {})[words] = score
    return {
        name: tuple(sorted(known.items(), key=lambda k: (-len(k[0]), k[0])))
        for name, known in sorted(found.items())
    }


def _taught(seen: Sequence[Seen], stop: frozenset[str]) -> Iterator[tuple[str, Words, float]]:
    """What spans that people gave say: sure from the second time on, if never said of another."""
    counts: Counter[tuple[str, Words]] = Counter(s for one in seen for s in one.marked)
    names: dict[Words, set[str]] = defaultdict(set)
    for name, words in counts:
        names[words].add(name)
    for (name, words), count in sorted(counts.items()):
        if len(names[words]) == 1 and not stop.issuperset(words):
            yield name, words, 0.95 if count > 1 else 0.85


def _induced(
    seen: Sequence[Seen], context: ContextModel, language: Language
) -> dict[str, dict[Words, float]]:
    """The score is 0.9, or 0.75 where nothing else speaks for it, and a tenth of the rule of
    succession's estimate, (together + 1) / (anywhere + 2).
    """
    left = [one.left(language) for one in seen]
    anywhere: Counter[str] = Counter()
    together: dict[str, Counter[str]] = defaultdict(Counter)
    for one, tokens in zip(seen, left, strict=True):
        words = {t.word for t in tokens}
        anywhere.update(words)
        for name in {m.name for m in one.missing}:
            together[name].update(words)
    precise = {
        name: _precise(counts, anywhere, language.stop_words) for name, counts in together.items()
    }
    cases: dict[str, dict[Words, list[_Case]]] = defaultdict(lambda: defaultdict(list))
    for one, tokens in zip(seen, left, strict=True):
        for missing in one.missing:
            run = _best_run(tokens, missing.words, precise[missing.name], language.stop_words)
            if run:
                place = (run[0].start, run[-1].end)
                said = tuple(t.word for t in run)
                cases[missing.name][said].append(_Case(one, missing, place))
    others = _others(seen)
    found: dict[str, dict[Words, float]] = {}
    for name, runs in cases.items():
        for said, own in runs.items():
            if len(own) < _LEAST_SEEN:
                continue
            rarest = min((w for w in said if w in precise[name]), key=lambda w: anywhere[w])
            share = (precise[name][rarest] + 1) / (anywhere[rarest] + 2)
            sure = akin(said, own[0].missing.words) or _points_there(own, others, context, language)
            found.setdefault(name, {})[said] = (0.9 if sure else 0.75) + share / 10
    return found


def _precise(counts: Counter[str], anywhere: Counter[str], stop: frozenset[str]) -> dict[str, int]:
    """The words that are seen with a missing name and almost nowhere else, with how often."""
    return {
        word: count
        for word, count in counts.items()
        if count >= max(_LEAST_SEEN, _LEAST_SHARE * anywhere[word])
        and word not in stop
        and not word.isdigit()
    }


def _best_run(
    tokens: Sequence[Token], own: Words, precise: dict[str, int], stop: frozenset[str]
) -> list[Token]:
    """The run of telling words that was seen most: words that are precise or the name's own, and
    stop words between two of them ("pizza and pasta"). Words akin to the name need no others."""
    like = {t.word for t in tokens if t.word in own or akin((t.word,), own)}
    if like & set(precise):
        precise, stop = {w: precise.get(w, 0) for w in like}, frozenset()
    runs: list[list[Token]] = [[]]
    for token in tokens:
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


def _others(seen: Sequence[Seen]) -> dict[tuple[str | None, str], Counter[str]]:
    """(function, slot) → how often each name stands written there."""
    found: dict[tuple[str | None, str], Counter[str]] = defaultdict(Counter)
    for one in seen:
        absent = {(m.slot, m.name) for m in one.missing}
        for slot, value in one.names:
            name = squeezed(value)
            if (slot, name) not in absent:
                found[one.function, slot][name] += 1
    return found


def _points_there(
    cases: Sequence[_Case],
    others: dict[tuple[str | None, str], Counter[str]],
    context: ContextModel,
    language: Language,
) -> bool:
    """Whether there are many cases beside other values that are written, and the words around the
    slot point to the same places."""
    first = cases[0]
    written = others[first.one.function, first.missing.slot]
    if len(cases) < _OFTEN or written.total() - written[first.missing.name] < _OFTEN:
        return False
    looked = cases[:_ASKED]
    agreeing = 0
    for case in looked:
        text = Text(case.one.utterance, language)
        best = guess(context, text, case.missing.slot, "", case.one.places, most=1)
        agreeing += any(s < case.place[1] and case.place[0] < e for (s, e), _ in best)
    return agreeing >= _AGREEING * len(looked)
