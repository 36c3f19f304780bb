"""What a server allows: keys, limits, what it writes down."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from radu_core.errors import InputError
from radu_core.exemplars import LONGEST
from radu_core.files import readable

__all__ = ["Keys", "Redaction", "Settings", "TraceSettings", "load_redaction", "read_keys"]

Redaction = Callable[[dict[str, Any]], dict[str, Any] | None]


@dataclass(frozen=True)
class Keys:
    """The API keys that a server accepts, as their SHA-256. No keys: every request is let in."""

    digests: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, *keys: str) -> Keys:
        """The keys of these texts."""
        return cls(tuple(_digest(key) for key in keys))

    def __bool__(self) -> bool:
        return bool(self.digests)

    def accept(self, key: str) -> bool:
        """Whether it is one of them. The time that takes says nothing about the keys."""
        key_digest = _digest(key)
        return bool(sum(hmac.compare_digest(key_digest, digest) for digest in self.digests))


@dataclass(frozen=True)
class TraceSettings:
    """Where answered utterances are kept, and what is kept of them.

    ``file``, at most ``largest`` bytes, and ``rotated`` older files beside it. ``redact`` changes a
    record before it is written, or gives None to leave it out.
    """

    file: Path
    largest: int = 10_000_000
    rotated: int = 4
    redact: Redaction | None = None


@dataclass(frozen=True)
class Settings:
    """Limits of a server. Sizes in bytes or characters, times in seconds.

    ``most_waiting``: utterances that wait for a model; ``largest_batch``: those that it is asked at
    once. ``seconds``: from the request's arrival to its answer; ``body_seconds``: for the client to
    send its body. ``keeps_previous``: the version before stays loaded, so that a reload can be
    taken back at once.
    """

    keys: Keys = Keys()
    largest_body: int = 1_000_000
    longest_utterance: int = LONGEST
    most_utterances: int = 100
    most_waiting: int = 256
    largest_batch: int = 32
    seconds: float = 30.0
    body_seconds: float = 10.0
    origins: tuple[str, ...] = ()
    keeps_previous: bool = True
    log_utterances: bool = False
    traces: TraceSettings | None = None


def read_keys(file: Path | None, variable: str = "") -> Keys:
    """Keys of a file (one per line) and of a variable (separated by commas).

    In the file ``#`` at the beginning of a line or after a space begins a comment.

    ``InputError`` for a file without keys, or a key that can't be sent in a header.
    """
    keys = [key.strip() for key in variable.split(",")]
    if file is not None:
        with readable(file):
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        lines_read = [re.split(r"(?:^|\s)#", line)[0].strip() for line in lines]
        if not any(lines_read):
            raise InputError(
                "No key in the file", value=str(file), remedy="Write one key a line into it."
            )
        keys += lines_read
    keys = [key for key in keys if key]
    for number, key in enumerate(keys, 1):
        if not key.isascii() or not key.isprintable() or " " in key:
            raise InputError(
                f"Key {number} can't be sent in a header",
                remedy="Use ASCII letters, digits and punctuation, without spaces.",
            )
    return Keys.of(*keys)


def load_redaction(name: str) -> Redaction:
    """The function that ``module:function`` names, which gets each trace before it is written."""
    module, _, function = name.partition(":")
    try:
        hook = getattr(import_module(module), function)
    except Exception as error:  # of importing the user's module: whatever it raises
        raise InputError(
            f"No redaction function there ({type(error).__name__}: {error})",
            value=name,
            remedy="Name it as module:function, with its module on PYTHONPATH.",
        ) from error
    if not callable(hook):
        raise InputError("Not a function", value=name, remedy="Name a function of the module.")
    return hook  # type: ignore[no-any-return]


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
