"""BM25 over templates; slots don't count as words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from radu_core.errors import AlignmentError
from radu_core.exemplars import SlotRef, parse_template

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["LexicalIndex", "words", "words_of_template"]

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def words(text: str) -> list[str]:
    """The words of a text, case-folded."""
    return [w.replace("’", "'") for w in _WORD.findall(text.casefold())]


def words_of_template(template: str) -> list[str]:
    """The words of a template without its slots."""
    try:
        parts = parse_template(template).parts
    except AlignmentError:
        return words(template)
    return words(" ".join(" " if isinstance(p, SlotRef) else p for p in parts))


class LexicalIndex:
    """bm25s over tokenised documents."""

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        import bm25s

        self._size = len(documents)
        self._vocabulary = {w: i for i, w in enumerate(sorted({w for d in documents for w in d}))}
        self._index: Any = None
        if self._vocabulary:
            self._index = bm25s.BM25()
            self._index.index([list(d) for d in documents], show_progress=False)

    def scores(self, query: Sequence[str]) -> NDArray[np.float32]:
        """``(n_documents,)`` BM25 scores; zero where no word matches."""
        import numpy as np

        known = [w for w in query if w in self._vocabulary]
        if self._index is None or not known:
            return np.zeros(self._size, dtype=np.float32)
        return np.asarray(self._index.get_scores(known), dtype=np.float32)
