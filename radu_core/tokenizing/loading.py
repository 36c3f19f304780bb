"""Loading a model's tokenizer, and the one cache of those that several parts of the studio use."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import Any

from radu_core.errors import ModelError
from radu_core.models import loading
from radu_core.tokenizing.counting import FastTokenizer
from radu_core.tokenizing.encoder import chat_template

__all__ = ["load_tokenizer", "shared_tokenizer"]

_State = tuple[tuple[str, int], ...]
_lock = RLock()


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


def shared_tokenizer(directory: Path, *, name: str, chat: str = "none") -> FastTokenizer:
    """What counts and encodes as the model in ``directory`` does, loaded once for everybody.

    ``chat`` is the setting ``chat_template``; a file that it names is read again every time. A
    model that was fetched again is loaded again. Don't change what you get: load your own.
    """
    with _lock:
        state = _state(directory)
        template = chat_template(_tokenizer(directory, state), chat)
        return _counter(directory, state, name, template)


@lru_cache(maxsize=4)
def _tokenizer(directory: Path, state: _State) -> Any:
    return load_tokenizer(directory)


@lru_cache(maxsize=8)
def _counter(directory: Path, state: _State, name: str, template: str | None) -> FastTokenizer:
    return FastTokenizer(_tokenizer(directory, state), name=name, template=template)


def _state(directory: Path) -> _State:
    """The names and times of change of a tokenizer's files: other ones, another tokenizer."""
    files = sorted(path for path in directory.glob("token*") if path.is_file())
    return tuple((path.name, path.stat().st_mtime_ns) for path in files)
