"""Stand-ins that make fast tests fast. They do the real thing in a cruder way."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radu_core.inference import Generated
from radu_core.models import DEFAULT_GENERATOR
from radu_core.progress import Progress, silent
from radu_core.retrieval.embedder import Side
from radu_core.tokenizing import Tokenizer
from radu_core.workflows.frame.workspace import Workspace


class HashEmbedder:
    """Bags of words, hashed into 64 dimensions; texts that share words are near each other."""

    def __init__(self, name: str = "all-MiniLM-L6-v2") -> None:
        self.name = name
        self.embedded: list[str] = []

    @property
    def identity(self) -> str:
        return f"hash embedder {self.name}"

    def embed(
        self, texts: Sequence[str], *, side: Side = "symmetric", progress: Progress = silent
    ) -> NDArray[np.float32]:
        self.embedded += texts
        rows = np.zeros((len(texts), 64), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.casefold()) or [text]:
                row[hashlib.sha256(word.encode()).digest()[0] % 64] += 1.0
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.maximum(norms, 1e-9), dtype=np.float32)

    def load(self) -> None:
        """There is nothing to load."""


class WordTokenizer:
    """Words and punctuation are tokens."""

    def __init__(self, name: str = "SmolLM2-135M-Instruct") -> None:
        self.name = name
        self.hash = hashlib.sha256(name.encode()).hexdigest()
        self.counted = 0

    def special_in(self, text: str) -> str | None:
        return "<|end|>" if "<|end|>" in text else None

    def count(self, texts: Sequence[str]) -> list[int]:
        self.counted += len(texts)
        return [len(re.findall(r"\w+|[^\w\s]|\n", text)) for text in texts]

    def sizes(self, rows: Sequence[tuple[str, str]]) -> list[int]:
        counts = self.count([text for row in rows for text in row])
        return [a + b + 1 for a, b in zip(counts[::2], counts[1::2], strict=True)]


def count_words(space: Workspace, name: str = DEFAULT_GENERATOR) -> None:
    """Count words and punctuation as tokens, where the model of that name is asked."""
    words, real = WordTokenizer(name), space.tokenizer

    def tokenizer(model: str, **options: Any) -> Tokenizer:
        return words if model == name else real(model, **options)

    space.tokenizer = tokenizer  # type: ignore[method-assign,assignment]


class ScriptedModel:
    """A language model that prefers the candidates it was told, and says what it was told."""

    def __init__(self, prefer: Sequence[str] = (), say: str = "") -> None:
        self.prefer = list(prefer)
        self.say = say
        self.prompts: list[str] = []
        self.budgets: list[int] = []

    def count_tokens(self, text: str) -> int:
        return len(re.findall(r"\w+|[^\w\s]", text))

    def score(self, prompt: str, candidates: Sequence[str]) -> list[float]:
        self.prompts.append(prompt)
        return [-1.0 if c.strip() in self.prefer else -5.0 - i for i, c in enumerate(candidates)]

    def walk(self, prompt: str) -> ScriptedWalk:
        self.prompts.append(prompt)
        return ScriptedWalk(self.say)

    def score_each(self, prompts: Sequence[str], candidates: Sequence[str]) -> list[list[float]]:
        return [self.score(p, candidates) for p in prompts]

    def generate(
        self,
        prompts: Sequence[str],
        budgets: Sequence[int],
        *,
        batch_size: int = 16,
        progress: Progress = silent,
    ) -> list[Generated]:
        """Words and punctuation are tokens here, too: an answer over its budget is cut."""
        self.prompts += prompts
        self.budgets += budgets
        words = [m.end() for m in re.finditer(r"\w+|[^\w\s]", self.say)]
        return [
            Generated(self.say[: words[most - 1]], cut=True)
            if len(words) > most
            else Generated(self.say)
            for most in budgets
        ]


class ScriptedWalk:
    """A model of characters that would say one text; of anything else all characters are alike."""

    def __init__(self, say: str) -> None:
        self.say = say

    def tokens(self, text: str) -> tuple[int, ...]:
        return tuple(ord(c) % 512 for c in text)

    def after(self, path: Sequence[int]) -> NDArray[np.float64]:
        scores = np.full(512, -8.0)
        said = self.tokens(self.say)
        if said[: len(path)] == tuple(path) and len(path) < len(said):
            scores[said[len(path)]] = -0.1
        return scores

    def closing(self, characters: str) -> list[int]:
        return [ord(c) for c in characters]
