"""Rows that fit: every row is tokenized, and one that is too long loses what matters least."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict

from radu_core.dataset.encoder import Encoder
from radu_core.errors import ModelError
from radu_core.models import loading
from radu_core.prompts import PromptRow

if TYPE_CHECKING:
    from radu_core.dataset.lines import LineCounter

__all__ = [
    "FastTokenizer",
    "Fitted",
    "Tokenizer",
    "TokenizerFacts",
    "facts",
    "fit",
    "load_tokenizer",
    "shortened_line",
]

_BATCH = 512  # texts handed to the tokenizer at once


class Tokenizer(Protocol):
    """Counts tokens as the base model of that name does. ``hash`` tells tokenizers apart."""

    name: str
    hash: str

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text by itself, without special tokens."""
        ...

    def sizes(self, rows: Sequence[tuple[str, str]]) -> list[int]:
        """Tokens of each (prompt, completion) as it is trained, its end token counted."""
        ...

    def special_in(self, text: str) -> str | None:
        """A sign that the model takes for one of its own, if there is one in the text."""
        ...


class TokenizerFacts(BaseModel):
    """Which tokenizer counted a dataset's rows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    hash: str


def facts(tokenizer: Tokenizer | None) -> TokenizerFacts | None:
    """What a manifest says of a tokenizer."""
    if tokenizer is None:
        return None
    return TokenizerFacts(name=tokenizer.name, hash=tokenizer.hash)


def load_tokenizer(directory: Path) -> Any:
    """The tokenizer in a model directory; ``ModelError`` if there is none."""
    from transformers import AutoTokenizer

    with loading(
        f"a tokenizer from {directory}",
        remedy="Use a directory that save_pretrained wrote for model and tokenizer.",
    ):
        tokenizer = AutoTokenizer.from_pretrained(str(directory), local_files_only=True)
    if tokenizer.eos_token_id is None:
        raise ModelError(f"The tokenizer in {directory} has no end token", remedy="Set one.")
    return tokenizer


class FastTokenizer:
    """transformers' own tokenizer of a model, in batches; the same that training feeds.

    ``template`` is the chat template that rows are written with, if any.
    """

    def __init__(self, tokenizer: Any, *, name: str, template: str | None = None) -> None:
        self.name = name
        self._encoder = Encoder(tokenizer, template)
        self.hash = self._encoder.hash
        self._tokenizer = tokenizer
        self._backend = getattr(tokenizer, "backend_tokenizer", None)
        if self._backend is not None:  # nothing is cut or filled up while we count
            self._backend.no_truncation()
            self._backend.no_padding()
        self._lines = _line_counter(self._backend, self._whole)

    def special_in(self, text: str) -> str | None:
        """A sign that the model takes for one of its own (an end of turn, say), if any."""
        return self._encoder.special_in(text)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text by itself, without special tokens."""
        if self._lines is not None:
            return self._lines.count(texts)
        return self._whole(texts)

    def sizes(self, rows: Sequence[tuple[str, str]]) -> list[int]:
        """Tokens of each (prompt, completion) as it is trained, its end token counted."""
        return self._encoder.sizes(rows, self.count)

    def _whole(self, texts: Sequence[str]) -> list[int]:
        counts: list[int] = []
        for start in range(0, len(texts), _BATCH):
            some = list(texts[start : start + _BATCH])
            if self._backend is None:
                found = self._tokenizer(some, add_special_tokens=False)["input_ids"]
            else:
                found = self._backend.encode_batch_fast(some, add_special_tokens=False)
            counts += [len(item) for item in found]
        return counts


def _line_counter(backend: Any, count: Callable[[Sequence[str]], list[int]]) -> LineCounter | None:
    from radu_core.dataset.lines import LineCounter, splits_at_lines

    return LineCounter(count) if backend is not None and splits_at_lines(backend) else None


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
    def shortened(self) -> bool:
        """Whether something was left out."""
        return self.row is not self.original

    @property
    def dropped(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Exemplars and functions that were left out, in the order in which they were."""
        if self.row is None:
            return (), ()
        kept, names = set(self.row.exemplar_ids), set(self.row.candidates)
        exemplars = [i for i in reversed(self.original.exemplar_ids) if i not in kept]
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
    fitted = [Fitted(row, row, n, n) for (row, _), n in zip(rows, sizes, strict=True)]
    long = [i for i, n in enumerate(sizes) if n > max_length]
    while long:
        shorter = {i: rows[i][1](row) for i in long if (row := fitted[i].row) is not None}
        for i in [i for i, row in shorter.items() if row is None]:
            fitted[i] = replace(fitted[i], row=None)
        left = {i: row for i, row in shorter.items() if row is not None}
        for (i, row), tokens in zip(
            left.items(), _sizes(list(left.values()), tokenizer), strict=True
        ):
            fitted[i] = replace(fitted[i], row=row, tokens=tokens)
        long = [i for i in left if (fitted[i].tokens or 0) > max_length]
    return fitted


def _sizes(rows: Sequence[PromptRow], tokenizer: Tokenizer) -> list[int]:
    return tokenizer.sizes([(r.prompt, r.completion) for r in rows])


def shortened_line(made: Fitted, id: str, split: str) -> dict[str, Any]:
    """The line of ``shortened.jsonl`` for a row that lost something."""
    exemplars, functions = made.dropped
    return {
        "id": id,
        "split": split,
        "exemplar_id": made.original.exemplar_id,
        "task": made.original.strategy,
        "kind": made.original.kind,
        "tokens_before": made.before,
        "tokens_after": made.tokens,
        "dropped_exemplars": list(exemplars),
        "dropped_functions": list(functions),
    }
