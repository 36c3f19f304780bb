"""Learning from a module's exemplars: the words around slots, other names of values.

Two passes over a bounded sample: first every exemplar is aligned with nothing known; what came out
resolved teaches the words around each slot, and what is missing teaches *aliases*: words that occur
where a value is meant but not written, and almost nowhere else ("SFO" for ``San Francisco``,
"funny" for ``Comedy``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice

from radu_core.alignment.align import Aligner, Alignment
from radu_core.alignment.candidates import Aliases
from radu_core.alignment.folding import squeezed
from radu_core.alignment.knowledge import Knowledge
from radu_core.alignment.language import Language
from radu_core.alignment.ranking import ContextModel
from radu_core.alignment.text import Place, Text, Token, plain_words
from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import Schema, as_values

__all__ = ["SAMPLE", "learn"]

SAMPLE = 20_000  # exemplars learnt from at most, so that memory stays flat
_LEAST_SEEN = 3
_LEAST_SHARE = 0.9
_GENERIC = 3  # a word of so many values, or so often outside slots, tells no value by itself


def learn(
    schema: Schema,
    exemplars: Iterable[AnnotatedExemplar],
    *,
    reference: date | None = None,
    most: int = SAMPLE,
) -> Knowledge:
    """What the first ``most`` exemplars teach; spans and templates that are given count too."""
    aligner = Aligner(schema, reference=reference)
    seen = [_look(aligner, e) for e in islice(exemplars, most)]
    context = ContextModel(s.template for s in seen if s.template)
    return Knowledge(context, _aliases(seen, aligner.language), _generic(seen, context))


@dataclass(frozen=True)
class _Seen:
    """One exemplar of the first pass. ``places`` are those of values that were found, ``missing``
    the squeezed names that weren't, ``surfaces`` what a person marked as standing for which name.
    """

    utterance: str
    template: str | None
    places: tuple[Place, ...]
    missing: tuple[str, ...]
    missing_words: frozenset[str]
    names: tuple[tuple[str, str], ...]
    surfaces: tuple[tuple[str, tuple[str, ...]], ...]

    def left(self, language: Language) -> tuple[Token, ...]:
        """The words outside all places."""
        return tuple(
            t
            for t in Text(self.utterance, language).tokens
            if not any(s < t.end and t.start < e for s, e in self.places)
        )


def _look(aligner: Aligner, exemplar: AnnotatedExemplar) -> _Seen:
    result = aligner.align(exemplar)
    missing: list[str] = []
    if result.outcome != "resolved":
        missing = [
            a.value
            for a in result.arguments
            if a.state in ("missing", "unsure") and isinstance(a.value, str) and _is_name(a.value)
        ]
    return _Seen(
        exemplar.utterance,
        result.template if result.outcome == "resolved" and exemplar.function else None,
        _places(result),
        tuple(dict.fromkeys(map(squeezed, missing))),
        frozenset(w for name in missing for w in plain_words(name)),
        tuple(
            (slot, v)
            for slot, value in exemplar.arguments.items()
            for v in as_values(value)
            if isinstance(v, str)
        ),
        tuple(_marked(exemplar)),
    )


def _is_name(value: str) -> bool:
    return not any(c.isdigit() for c in value)


def _places(result: Alignment) -> tuple[Place, ...]:
    if result.spans is not None:
        return tuple((s.start, s.end) for s in result.spans)
    return tuple(
        (c.start, c.end)
        for a in result.arguments
        if a.state in ("placed", "repeated")
        for c in a.candidates
    )


def _marked(exemplar: AnnotatedExemplar) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(squeezed name, the words that a labeller's span gives it), where they differ."""
    for span in exemplar.spans or ():
        if isinstance(span.value, str) and _is_name(span.value):
            words = plain_words(exemplar.utterance[span.start : span.end])
            if words and "".join(words) != squeezed(span.value):
                yield squeezed(span.value), words


def _generic(seen: Sequence[_Seen], context: ContextModel) -> dict[str, frozenset[str]]:
    """By slot, the words of several of its values, and those that stand outside slots as often."""
    names: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in seen:
        for slot, value in one.names:
            for word in plain_words(value):
                names[slot, word].add(value)
    found: dict[str, set[str]] = defaultdict(set)
    for (slot, word), values in names.items():
        if max(len(values), context.literal[word]) >= _GENERIC:
            found[slot].add(word)
    return {slot: frozenset(words) for slot, words in sorted(found.items())}


def _aliases(seen: Sequence[_Seen], language: Language) -> Aliases:
    """Per name the sequences of words that stand for it, longest first, each with a score: what
    people marked, and what was seen often enough where the name is missing.
    """
    found = _induced(seen, language) if any(one.missing for one in seen) else {}
    for name, words, score in _taught(seen, language.stop_words):
        found.setdefault(name, {})[words] = score
    return {
        name: tuple(sorted(known.items(), key=lambda k: (-len(k[0]), k[0])))
        for name, known in sorted(found.items())
    }


def _taught(
    seen: Sequence[_Seen], stop: frozenset[str]
) -> Iterator[tuple[str, tuple[str, ...], float]]:
    """What spans that people gave say: sure from the second time on, if never said of another."""
    counts: Counter[tuple[str, tuple[str, ...]]] = Counter(s for one in seen for s in one.surfaces)
    names: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for name, words in counts:
        names[words].add(name)
    for (name, words), count in sorted(counts.items()):
        if len(names[words]) == 1 and not stop.issuperset(words):
            yield name, words, 0.95 if count > 1 else 0.85


def _induced(seen: Sequence[_Seen], language: Language) -> dict[str, dict[tuple[str, ...], float]]:
    """Words that occur where a name is meant but not written, and almost nowhere else. The score is
    0.9 and a tenth of the rule of succession's estimate, (together + 1) / (anywhere + 2).
    """
    stop = language.stop_words
    left = [one.left(language) for one in seen]
    anywhere: Counter[str] = Counter()
    together: dict[str, Counter[str]] = defaultdict(Counter)
    for one, tokens in zip(seen, left, strict=True):
        words = {t.word for t in tokens}
        anywhere.update(words)
        for name in one.missing:
            together[name].update(words)
    precise = {
        name: {
            word: count
            for word, count in counts.items()
            if count >= max(_LEAST_SEEN, _LEAST_SHARE * anywhere[word])
            and word not in stop
            and not word.isdigit()
        }
        for name, counts in together.items()
    }
    runs: dict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    for one, tokens in zip(seen, left, strict=True):
        for name in one.missing:
            run = _best_run(tokens, one.missing_words, precise[name], stop)
            if run:
                runs[name][run] += 1
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for name, counted in runs.items():
        for run, count in counted.items():
            if count >= _LEAST_SEEN:
                rarest = min((w for w in run if w in precise[name]), key=lambda w: anywhere[w])
                share = (precise[name][rarest] + 1) / (anywhere[rarest] + 2)
                found.setdefault(name, {})[run] = 0.9 + share / 10
    return found


def _best_run(
    tokens: Sequence[Token], own: frozenset[str], precise: dict[str, int], stop: frozenset[str]
) -> tuple[str, ...]:
    """The run of telling words that was seen most: words that are precise or the name's own, and
    stop words between two of them ("pizza and pasta")."""
    runs: list[list[str]] = [[]]
    for token in tokens:
        if token.word in precise or token.word in own or (token.word in stop and runs[-1]):
            runs[-1].append(token.word)
        else:
            runs.append([])
    best: tuple[int, tuple[str, ...]] = (0, ())
    for words in runs:
        while words and words[-1] in stop:
            words.pop()
        weight = max((precise.get(w, 0) for w in words), default=0)
        if weight > best[0]:
            best = (weight, tuple(words))
    return best[1]
