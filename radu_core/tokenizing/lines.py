"""Counting tokens line by line: prompts are made of lines that come again and again.

A byte-level tokenizer cuts a text into words before it looks for tokens, and no word reaches over
a line break that has a visible character on both sides. There the count of a text is the sum of
the counts of its lines, exactly, and a line that was counted once needn't be again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["LineCounter", "splits_at_lines"]

_BREAK = re.compile(r"(?<=\S\n)(?=\S)")
_REMEMBERED = 20_000
_LONGEST = 2_000  # characters of a line that is remembered
# How Llama 3, Qwen 2 and their descendants cut words: a line break stands alone or ends one.
# (GPT-2's pattern, the built-in one of a byte-level step, cuts there as well.)
_KNOWN_CUT = re.compile(
    re.escape(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}")
    + r"(?:\{1,3\})?"
    + re.escape(r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
)


class LineCounter:
    """Counts texts by their lines; ``count`` counts whole texts. Safe to share by threads.

    What is known is replaced, never cleared: another thread may be reading it.
    """

    def __init__(self, count: Callable[[Sequence[str]], list[int]]) -> None:
        self._count = count
        self._known: dict[str, int] = {}

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, the same as ``count`` of whole texts gives."""
        cut = [_BREAK.split(text) for text in texts]
        count_by_line = self._known
        new = list({line: None for lines in cut for line in lines if line not in count_by_line})
        fresh = dict(zip(new, self._count(new), strict=True))
        counts = [sum(fresh[n] if n in fresh else count_by_line[n] for n in lines) for lines in cut]
        short_lines = {n: c for n, c in fresh.items() if len(n) <= _LONGEST}
        if len(count_by_line) + len(fresh) > _REMEMBERED:
            self._known = short_lines
        else:
            count_by_line.update(short_lines)
        return counts


def splits_at_lines(backend: Any) -> bool:
    """Whether a text's tokens are those of its lines, by what the tokenizer is made of.

    True only where that is certain: words are cut by a known pattern, nothing is added before a
    text, nothing is rewritten over a line break, and no added token reaches over one.
    """
    parts = json.loads(backend.to_str())
    if parts.get("normalizer") not in (None, {"type": "NFC"}):
        return False
    if any("\n" in t["content"] or t["lstrip"] or t["rstrip"] for t in parts["added_tokens"]):
        return False
    return _cuts_words(parts.get("pre_tokenizer"))


def _cuts_words(step: Any) -> bool:
    """Whether a pre-tokenizer cuts a text in two at a line break between visible characters."""
    steps = step["pretokenizers"] if step and step["type"] == "Sequence" else [step]
    cuts = False
    for part in filter(None, steps):
        if part["type"] == "ByteLevel":
            if part.get("add_prefix_space"):
                return False
            cuts = cuts or part.get("use_regex", True)
        elif part["type"] == "Split":
            pattern = str(part["pattern"].get("Regex", ""))
            if part.get("behavior") != "Isolated" or not _KNOWN_CUT.fullmatch(pattern):
                return False
            cuts = True
        elif part["type"] != "Digits":
            return False
    return cuts
