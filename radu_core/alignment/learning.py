"""Learning from a module's exemplars: the words around slots, other names of values.

Two passes over a bounded sample: first every exemplar is aligned with nothing known; what came out
resolved teaches the words around each slot, and what is missing teaches *aliases*: words that occur
where a value is meant but not written, and almost nowhere else ("SFO" for ``San Francisco``,
"funny" for ``Comedy``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice

from radu_core.alignment.align import Aligner, Alignment
from radu_core.alignment.candidates import Aliases
from radu_core.alignment.folding import squeeze
from radu_core.alignment.knowledge import Knowledge
from radu_core.alignment.ranking import ContextModel
from radu_core.alignment.text import Text, Token, plain_words
from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import Schema, as_values

__all__ = ["SAMPLE", "learn"]

SAMPLE = 20_000  # exemplars learnt from at most, so that memory stays flat
_LEAST_SEEN = 3
_LEAST_SHARE = 0.9
_GENERIC = 3  # a word in the names of so many different values tells none of them apart


def learn(
    schema: Schema, exemplars: Iterable[AnnotatedExemplar], *, reference: date | None = None
) -> Knowledge:
    """What the first ``SAMPLE`` exemplars teach. Decided ones (with a template) count as they are."""
    aligner = Aligner(schema, reference=reference)
    seen = [_look(aligner, e) for e in islice(exemplars, SAMPLE)]
    return Knowledge(
        context=ContextModel(s.template for s in seen if s.template),
        aliases=_aliases(seen, aligner.language.stop_words),
        generic=_generic(seen),
    )


@dataclass(frozen=True)
class _Seen:
    """One exemplar of the first pass. ``left`` are the tokens outside all placed spans, ``missing``
    the squeezed values that weren't found."""

    template: str | None
    left: tuple[Token, ...]
    missing: tuple[str, ...]
    missing_words: frozenset[str]
    values: tuple[tuple[str, str], ...]


def _look(aligner: Aligner, exemplar: AnnotatedExemplar) -> _Seen:
    result = aligner.align(exemplar)
    tokens = Text(exemplar.utterance, aligner.language).tokens
    names = [
        a.value
        for a in result.arguments
        if a.state in ("missing", "unsure") and isinstance(a.value, str)
        and not any(c.isdigit() for c in a.value)
    ]  # fmt: skip
    return _Seen(
        result.template if result.outcome == "resolved" and exemplar.function else None,
        _outside(tokens, result),
        tuple(dict.fromkeys(squeeze(n).text for n in names)),
        frozenset(w for n in names for w in plain_words(n)),
        tuple(
            (slot, v)
            for slot, value in exemplar.arguments.items()
            for v in as_values(value)
            if isinstance(v, str)
        ),
    )


def _outside(tokens: Sequence[Token], result: Alignment) -> tuple[Token, ...]:
    sure = [
        (c.start, c.end)
        for a in result.arguments
        if a.state in ("placed", "repeated")
        for c in a.candidates
    ]
    return tuple(t for t in tokens if not any(s < t.end and t.start < e for s, e in sure))


def _generic(seen: Sequence[_Seen]) -> dict[str, frozenset[str]]:
    names: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in seen:
        for slot, value in one.values:
            for word in plain_words(value):
                names[slot, word].add(value)
    found: dict[str, set[str]] = defaultdict(set)
    for (slot, word), values in names.items():
        if len(values) >= _GENERIC:
            found[slot].add(word)
    return {slot: frozenset(words) for slot, words in sorted(found.items())}


def _aliases(seen: Sequence[_Seen], stop: frozenset[str]) -> Aliases:
    """Per missing value the sequences of words that stand for it, longest first, with the rule of
    succession's estimate of how often they do: (together + 1) / (anywhere + 2).
    """
    anywhere: Counter[str] = Counter()
    together: dict[str, Counter[str]] = defaultdict(Counter)
    for one in seen:
        words = {t.word for t in one.left}
        anywhere.update(words)
        for value in one.missing:
            together[value].update(words)
    precise = {
        value: {
            word: count
            for word, count in counts.items()
            if count >= _LEAST_SEEN
            and count >= _LEAST_SHARE * anywhere[word]
            and word not in stop
            and not word.isdigit()
        }
        for value, counts in together.items()
    }
    runs: dict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    for one in seen:
        for value in one.missing:
            run = _best_run(one, precise[value], stop)
            if run:
                runs[value][run] += 1
    return {
        value: _kept(counts, precise[value], anywhere)
        for value, counts in sorted(runs.items())
        if _kept(counts, precise[value], anywhere)
    }


def _best_run(
    one: _Seen, precise: dict[str, int], stop: frozenset[str]
) -> tuple[str, ...]:
    """The run of telling words that was seen most: words that are precise or the value's own, and
    stop words between two of them ("pizza and pasta")."""
    runs: list[list[Token]] = []
    current: list[Token] = []
    for token in one.left:
        if token.word in precise or token.word in one.missing_words:
            current.append(token)
        elif token.word in stop and current:
            current.append(token)
        else:
            runs.append(current)
            current = []
    runs.append(current)
    best: tuple[int, tuple[str, ...]] = (0, ())
    for run in runs:
        words = [t.word for t in run]
        while words and words[-1] in stop:
            words.pop()
        weight = max((precise.get(w, 0) for w in words), default=0)
        if weight > best[0]:
            best = (weight, tuple(words))
    return best[1]


def _kept(
    counts: Counter[tuple[str, ...]], precise: dict[str, int], anywhere: Counter[str]
) -> tuple[tuple[tuple[str, ...], float], ...]:
    kept = []
    for words, count in counts.items():
        if count < _LEAST_SEEN:
            continue
        rarest = min((w for w in words if w in precise), key=lambda w: anywhere[w])
        share = (precise[rarest] + 1) / (anywhere[rarest] + 2)
        kept.append((words, share))
    return tuple(sorted(kept, key=lambda k: (-len(k[0]), k[0])))
