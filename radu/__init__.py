"""Use a model of Radu Studio in an app: load a bundle once, and ask it.

>>> import radu
>>> model = radu.load("bundle")          # doctest: +SKIP
>>> model.parse("two tickets to Bonn")   # doctest: +SKIP
Answer(utterance='two tickets to Bonn', function='buy_ticket', arguments={'count': 2, …}, …)
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from radu_core import __version__
from radu_core.errors import InputError, ModelError, RaduError
from radu_core.exemplars import Span
from radu_core.inference.answers import Alternative, Answer, Explanation, Question
from radu_core.inference.bundle import Bundle, BundleManifest, load_bundle
from radu_core.schema import Schema

__all__ = [
    "Alternative",
    "Answer",
    "Explanation",
    "InputError",
    "Model",
    "ModelError",
    "Question",
    "RaduError",
    "Span",
    "__version__",
    "load",
]


class Model:
    """A bundle in memory. Threads may share it; it answers them one after the other."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    @property
    def schema(self) -> Schema:
        """The module's functions and slots."""
        return self.bundle.schema

    @property
    def manifest(self) -> BundleManifest:
        """What the bundle is, and what it was made from."""
        return self.bundle.manifest

    def parse(
        self,
        utterance: str,
        *,
        context: str | None = None,
        functions: Sequence[str] | None = None,
        required: bool = False,
    ) -> Answer:
        """What an utterance means.

        ``context`` is the function or ``function.slot`` that the bot had just asked for.
        ``functions`` are those that may be called (default: all of the module); ``required`` calls
        one of them in any case. ``InputError`` for an empty utterance, an unknown function or an
        unknown context.
        """
        offered = None if functions is None else _listed(functions, "functions")
        self._check_context(context)
        return self.bundle.answer([Question(utterance, context, offered, required)])[0]

    def parse_many(self, utterances: Sequence[str]) -> list[Answer]:
        """What each utterance means, in order; faster than one by one."""
        return self.bundle.answer([Question(u) for u in _listed(utterances, "utterances")])

    async def aparse(
        self,
        utterance: str,
        *,
        context: str | None = None,
        functions: Sequence[str] | None = None,
        required: bool = False,
    ) -> Answer:
        """``parse``, in a thread, so that an event loop isn't held up."""
        return await asyncio.to_thread(
            self.parse, utterance, context=context, functions=functions, required=required
        )

    def explain(self, utterance: str, *, context: str | None = None) -> Explanation:
        """What an utterance means, and how the answer came about."""
        self._check_context(context)
        return self.bundle.explain(Question(utterance, context))

    def _check_context(self, context: str | None) -> None:
        if context is not None and self.schema.context_of(context) is None:
            raise InputError(
                f"The context names no function of {self.schema.module}",
                value=context,
                remedy="Give the function, or function.slot, that the bot has just asked for.",
            )


def _listed(names: Sequence[str], what: str) -> tuple[str, ...]:
    """Several texts; a single one, whose characters would be taken for them, is refused."""
    if isinstance(names, str):
        raise InputError(f"The {what} are a text", value=names, remedy="Give a list of texts.")
    return tuple(names)


def load(directory: str | PathLike[str], *, threads: int = 0) -> Model:
    """The bundle in ``directory``, as ``radu export-model RUN --to bundle DIR`` wrote it.

    Every file is checked by its hash. ``threads``: how many an encoder may use (0: all cores).
    ``InputError`` where there is no bundle, ``ModelError`` for one that is damaged.
    """
    return Model(load_bundle(Path(directory), threads=threads))
