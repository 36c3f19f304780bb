"""BM25 over templates; slots don't count as words."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

import regex

from radu_core.alignment.language import language
from radu_core.errors import AlignmentError
from radu_core.exemplars import SlotRef, parse_template

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "SIGN",
    "LexicalIndex",
    "Tokenizer",
    "fold_words",
    "template_text",
    "tokenizer_for",
    "words",
]

Tokenizer = Callable[[str], list[str]]
SIGN = r"[\p{L}\p{M}\p{N}]"  # of a word; vowels and tones of many scripts are marks
_WORD = regex.compile(rf"{SIGN}+(?:['’]{SIGN}+)*")
# Scripts that put no space between words, and Hangul, whose words carry their endings.
_RUN = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー]+"
)


def words(text: str) -> list[str]:
    """The words of a text, composed, case-folded; scripts without spaces in pairs of characters."""
    terms: list[str] = []
    for word in _WORD.findall(fold_words(text)):
        terms += _pairs(word) if _RUN.search(word) else [word.replace("’", "'")]
    return terms


def fold_words(text: str) -> str:
    """Text as words are compared: letters composed and plain, case folded."""
    # composed before as well: № and bold letters have no lower case until they are plain ones
    lower = unicodedata.normalize("NFKC", text).casefold().replace("i\u0307", "i")  # of İ
    return unicodedata.normalize("NFKC", lower)


def _pairs(word: str) -> list[str]:
    """Overlapping pairs of characters where a script has no spaces, and whole what lies between."""
    pairs = []
    position = 0
    for run in _RUN.finditer(word):
        if run.start() > position:
            pairs.append(word[position : run.start()])
        characters = regex.findall(r"\X", run[0])
        pairs += ["".join(characters[i : i + 2]) for i in range(max(1, len(characters) - 1))]
        position = run.end()
    return pairs + ([word[position:]] if position < len(word) else [])


@cache
def tokenizer_for(code: str) -> Tokenizer:
    """Words, reduced to their stems where there is a Snowball stemmer for the language."""
    stem = language(code).stem
    return lambda text: [stem(word) for word in words(text)]


def template_text(template: str) -> str:
    """A template's own words, without its slots."""
    try:
        parts = parse_template(template).parts
    except AlignmentError:
        return template
    return " ".join(" " if isinstance(p, SlotRef) else p for p in parts)


class LexicalIndex:
    """bm25s over tokenised documents, with Lucene's BM25 (k1 = 1.5, b = 0.75)."""

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        self._size = len(documents)
        self._vocabulary = {w: i for i, w in enumerate(sorted({w for d in documents for w in d}))}
        self._index: Any = None
        if self._vocabulary:
            self._index = _bm25()
            ids = [[self._vocabulary[w] for w in d] for d in documents]
            self._index.index((ids, self._vocabulary), show_progress=False)

    def scores(self, query: Sequence[str]) -> NDArray[np.float32]:
        """``(n_documents,)`` BM25 scores; zero where no word matches."""
        import numpy as np

        word_numbers = [self._vocabulary[w] for w in query if w in self._vocabulary]
        if self._index is None or not word_numbers:
            return np.zeros(self._size, dtype=np.float32)
        return np.asarray(self._index.get_scores_from_ids(word_numbers), dtype=np.float32)


def _bm25() -> Any:
    """bm25s with its matrix built at once instead of one document at a time.

    The class documents ``build_index_from_ids`` as the place to build it in another way; a test
    holds that both ways give the same numbers.
    """
    import bm25s
    import numpy as np

    class Fast(bm25s.BM25):  # type: ignore[misc]
        def build_index_from_ids(
            self,
            unique_token_ids: list[int],
            corpus_token_ids: list[list[int]],
            show_progress: bool = True,
            leave_progress: bool = False,
        ) -> dict[str, Any]:
            self.nonoccurrence_array = None  # Lucene's variant has none
            size, terms = len(corpus_token_ids), len(unique_token_ids)
            lengths = np.fromiter(map(len, corpus_token_ids), dtype=np.int64, count=size)
            flat = np.fromiter(
                chain.from_iterable(corpus_token_ids), dtype=np.int64, count=int(lengths.sum())
            )
            cell = flat * size + np.repeat(np.arange(size), lengths)
            cell, count = np.unique(cell, return_counts=True)  # by term, then by document
            term, document = np.divmod(cell, size)
            frequency = np.bincount(term, minlength=terms)
            idf = np.log(1 + (size - frequency + 0.5) / (frequency + 0.5))
            norm = self.k1 * (1 - self.b + self.b * lengths / lengths.mean())
            scores = idf[term] * (count / (count + norm[document]))
            return {
                "data": scores.astype(self.dtype),
                "indices": document.astype(self.int_dtype),
                "indptr": np.concatenate([[0], np.cumsum(frequency)]),
                "num_docs": size,
            }

    return Fast()
