"""What a remedy asks for, by name: the shell and the pages each say it in their own words.

A message of the core may name a step that is an option in the shell and a control on a page. It
holds ``instruct("encoding", "cp1252")``, and the border words it: "say --encoding cp1252" in the
shell, "choose Windows-1252 under “Encoding”" on the page. An instruction stands between two
noncharacters, which Unicode keeps for such use inside a program, so that no text of a user's is
taken for one; it can be stored, and is worded when it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Words", "instruct", "put_into_words", "reword"]

_BEGIN, _NEXT, _END = "\ufdd0", "\ufdd2", "\ufdd1"
_INSTRUCTION = re.compile(f"{_BEGIN}([^{_BEGIN}{_END}]*){_END}")
_SENTENCE_END = re.compile(r"(?:^|[.!?]|\n)\s*\Z")

Words = Mapping[str, Callable[..., str]]  # instruction → what says it, in the imperative


def instruct(name: str, *values: object) -> str:
    """The instruction of that name, to be put into a message as an imperative."""
    return f"{_BEGIN}{_NEXT.join([name, *map(str, values)])}{_END}"


def put_into_words(text: str, words: Words) -> str:
    """A message with its instructions in the words of a border; one that ``words`` hasn't stays."""
    if _BEGIN not in text:
        return text

    def say(match: re.Match[str]) -> str:
        name, *values = match[1].split(_NEXT)
        if name not in words:
            return match[0]
        instruction = words[name](*values)
        begins = _SENTENCE_END.search(text, 0, match.start()) is not None
        return instruction[:1].upper() + instruction[1:] if begins else instruction

    return _INSTRUCTION.sub(say, text)


def reword(value: Any, words: Words) -> Any:
    """Plain data (objects, lists, texts) with all instructions in it worded."""
    if isinstance(value, str):
        return put_into_words(value, words)
    if isinstance(value, Mapping):
        return {key: reword(inner, words) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [reword(inner, words) for inner in value]
    return value
