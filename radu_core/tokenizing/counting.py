"""Counting tokens as a model does, many texts at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from radu_core.tokenizing.encoder import Encoder
from radu_core.tokenizing.lines import LineCounter, splits_at_lines

__all__ = ["FastTokenizer", "Tokenizer", "TokenizerFacts", "facts"]

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


class FastTokenizer:
    """transformers' own tokenizer of a model, in batches; the same that training feeds.

    ``template`` is the chat template that rows are written with, if any.
    """

    def __init__(self, tokenizer: Any, *, name: str, template: str | None = None) -> None:
        self.name = name
        self.encoder = Encoder(tokenizer, template)
        self.hash = self.encoder.hash
        self._tokenizer = tokenizer
        self._backend = getattr(tokenizer, "backend_tokenizer", None)
        if self._backend is not None:  # nothing is cut or filled up while we count
            self._backend.no_truncation()
            self._backend.no_padding()
        self._lines = _line_counter(self._backend, self._whole)

    def special_in(self, text: str) -> str | None:
        """A sign that the model takes for one of its own (an end of turn, say), if any."""
        return self.encoder.special_in(text)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text by itself, without special tokens."""
        if self._lines is not None:
            return self._lines.count(texts)
        return self._whole(texts)

    def sizes(self, rows: Sequence[tuple[str, str]]) -> list[int]:
        """Tokens of each (prompt, completion) as it is trained, its end token counted."""
        return self.encoder.sizes(rows, self.count)

    def _whole(self, texts: Sequence[str]) -> list[int]:
        counts: list[int] = []
        for start in range(0, len(texts), _BATCH):
            some = list(texts[start : start + _BATCH])
            if self._backend is None:
                encodings = self._tokenizer(some, add_special_tokens=False)["input_ids"]
            else:
                encodings = self._backend.encode_batch_fast(some, add_special_tokens=False)
            counts += [len(item) for item in encodings]
        return counts


def _line_counter(backend: Any, count: Callable[[Sequence[str]], list[int]]) -> LineCounter | None:
    return LineCounter(count) if backend is not None and splits_at_lines(backend) else None
