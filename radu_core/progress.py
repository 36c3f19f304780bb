"""How long work reports where it is. A workflow takes a ``Progress``; a page or shell shows it."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "silent"]


class Progress(Protocol):
    """Called with the step's name, the units done and the units in all (0 when unknown)."""

    def __call__(self, what: str, done: int, total: int) -> None: ...


def silent(what: str, done: int, total: int) -> None:
    """A progress nobody watches."""
