"""Rows that fit: every row is tokenized, and one that is too long loses what matters least."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from radu_core.prompts import PromptRow
from radu_core.tokenizing import Tokenizer

__all__ = ["Fitted", "Shorter", "fit", "shortened_line"]


@dataclass(frozen=True)
class Fitted:
    """A row that fits, or (``row`` None) one that can't be made to.

    ``tokens`` and ``before`` count prompt, completion and end token, after and before what was
    ``dropped``; ``tokens`` is None when nobody counts.
    """

    row: PromptRow | None
    original: PromptRow
    tokens: int | None = None
    before: int | None = None

    @property
    def is_shorter(self) -> bool:
        """Whether something was left out."""
        return self.row is not self.original

    @property
    def omissions(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Exemplars and functions that were left out, in the order in which they were."""
        if self.row is None:
            return (), ()
        ids, names = set(self.row.exemplar_ids), set(self.row.candidates)
        exemplars = [i for i in reversed(self.original.exemplar_ids) if i not in ids]
        functions = [n for n in reversed(self.original.candidates) if n not in names]
        return tuple(exemplars), tuple(functions)


Shorter = Callable[[PromptRow], PromptRow | None]


def fit(
    rows: Sequence[tuple[PromptRow, Shorter]], tokenizer: Tokenizer | None, *, max_length: int
) -> list[Fitted]:
    """Each row with its tokens, shortened step by step until it has at most ``max_length``.

    All rows are counted together, then those that were too long again, until none is left.
    """
    if tokenizer is None:
        return [Fitted(row, row) for row, _ in rows]
    sizes = _sizes([row for row, _ in rows], tokenizer)
    results = [Fitted(row, row, n, n) for (row, _), n in zip(rows, sizes, strict=True)]
    long = [i for i, n in enumerate(sizes) if n > max_length]
    while long:
        shorter = {i: rows[i][1](row) for i in long if (row := results[i].row) is not None}
        for i in [i for i, row in shorter.items() if row is None]:
            results[i] = replace(results[i], row=None)
        shorter_rows = {i: row for i, row in shorter.items() if row is not None}
        for (i, row), tokens in zip(
            shorter_rows.items(), _sizes(list(shorter_rows.values()), tokenizer), strict=True
        ):
            results[i] = replace(results[i], row=row, tokens=tokens)
        long = [i for i in shorter_rows if (results[i].tokens or 0) > max_length]
    return results


def _sizes(rows: Sequence[PromptRow], tokenizer: Tokenizer) -> list[int]:
    return tokenizer.sizes([(r.prompt, r.completion) for r in rows])


def shortened_line(fitted: Fitted, id: str, split: str) -> dict[str, Any]:
    """The line of ``shortened.jsonl`` for a row that lost something."""
    exemplars, functions = fitted.omissions
    return {
        "id": id,
        "split": split,
        "exemplar_id": fitted.original.exemplar_id,
        "task": fitted.original.strategy,
        "kind": fitted.original.kind,
        "tokens_before": fitted.before,
        "tokens_after": fitted.tokens,
        "dropped_exemplars": list(exemplars),
        "dropped_functions": list(functions),
    }
