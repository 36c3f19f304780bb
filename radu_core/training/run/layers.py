"""Which layers of a base model an adapter can be put on, by the headers of its weights' files.

No weight is read, and no torch is needed. A safetensors file begins with the length of its header
(8 bytes, little endian) and the header, JSON: name → dtype, shape and place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import regex

from radu_core.words import join_words

__all__ = ["layer_names", "weight_files", "wrong_targets"]

ALL = "all-linear"
_MOST_HEADER = 100_000_000  # bytes, what the format allows
_NOT_OFFERED = re.compile(r"embed|^wte$|^wpe$|^lm_head$|^shared$")
_NAMES = re.compile(r"[\w.-]+")
_STEMS = ("", "model.", "transformer.")  # what a base model without its head is saved without
_PATTERN_SECONDS = 0.5


def layer_names(directory: Path) -> tuple[str, ...]:
    """The last parts of the linear layers' names, sorted; none where the files don't say.

    Embeddings and the output layer aren't among them: an adapter on those can't be merged where
    they share their weights.
    """
    last = {path.rpartition(".")[2] for path in _layers(directory)}
    return tuple(sorted(name for name in last if not _NOT_OFFERED.search(name)))


def wrong_targets(targets: str | Sequence[str], directory: Path) -> str:
    """What is wrong with ``lora_targets`` for the model in ``directory``; empty if nothing is.

    As peft reads them: a list names layers by the end of their path, a string is ``all-linear`` or
    a regular expression of whole paths. Nothing is wrong where the files don't say which layers
    there are.
    """
    if isinstance(targets, str) and targets.lower() == ALL:
        return ""
    if not targets:
        return f"no layer is named; {_choose(directory)}"
    paths = [*_layers(directory), "lm_head"]  # it has no weights of its own where they are shared
    if isinstance(targets, str):
        return _wrong_pattern(targets, paths, directory)
    if ALL in targets:
        return f"{ALL} stands alone: a word, not in a list and not beside layers"
    unknown = [name for name in targets if not any(_ends(path, name) for path in paths)]
    if not unknown or len(paths) == 1:
        return ""
    text = "isn't a layer" if len(unknown) == 1 else "aren't layers"
    return f"{join_words(unknown)} {text} of the base model; {_choose(directory)}"


def _wrong_pattern(pattern: str, paths: Sequence[str], directory: Path) -> str:
    try:
        matches = regex.compile(pattern).fullmatch
    except (regex.error, RecursionError, OverflowError) as error:
        return f"that is no regular expression ({error}); {_choose(directory)}"
    try:
        whole = (stem + path for path in paths for stem in _STEMS)
        if len(paths) == 1 or any(matches(path, timeout=_PATTERN_SECONDS) for path in whole):
            return ""
    except TimeoutError:
        return "trying it takes too long: write it without a repetition within a repetition"
    hint = (
        f"write [{pattern}] for the layers of that name, or " if _NAMES.fullmatch(pattern) else ""
    )
    return f"no layer's whole path fits it; {hint}{_choose(directory)}"


def _choose(directory: Path) -> str:
    names = layer_names(directory)
    return f"choose among {', '.join(names)}, or {ALL}" if names else f"choose {ALL}"


def _ends(path: str, name: str) -> bool:
    return path == name or path.endswith(f".{name}")


def _layers(directory: Path) -> list[str]:
    """The paths of everything that has a matrix as its weight."""
    return [
        name.removesuffix(".weight")
        for file in weight_files(directory)
        for name, dimensions in _header(file)
        if name.endswith(".weight") and dimensions == 2
    ]


def weight_files(directory: Path) -> list[Path]:
    """The files that a model's weights are read from, by name.

    Others beside ``model*`` hold the same weights under their makers' names.
    """
    return sorted(directory.glob("model*.safetensors")) or sorted(directory.glob("*.safetensors"))


def _header(file: Path) -> tuple[tuple[str, int], ...]:
    try:
        status = file.stat()
    except OSError:
        return ()
    return _tensors(file, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _tensors(file: Path, _size: int, _changed: int) -> tuple[tuple[str, int], ...]:
    """Names and numbers of dimensions; nothing of a file that isn't what it should be."""
    try:
        with file.open("rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(size)) if size <= _MOST_HEADER else {}
        return tuple((str(n), len(t["shape"])) for n, t in header.items() if n != "__metadata__")
    except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return ()
