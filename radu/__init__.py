"""Radu Studio from Python: load a bundle and ask it, or work on a module of a workspace.

>>> import radu
>>> model = radu.load("bundle")          # doctest: +SKIP
>>> model.parse("two tickets to Bonn")   # doctest: +SKIP
Answer(utterance='two tickets to Bonn', function='buy_ticket', arguments={'count': 2, …}, …)
>>> travel = radu.open_module("acme_travel_en")                 # doctest: +SKIP
>>> travel.exemplars(outcome="ambiguous")                       # doctest: +SKIP
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from os import PathLike
from pathlib import Path

from radu.arguments import check_texts
from radu.module import Module, compare_with_baselines, create_module, open_module
from radu_core import __version__
from radu_core.errors import InputError, ModelError, NotFoundError, RaduError, RunError
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
    "Module",
    "NotFoundError",
    "Question",
    "RaduError",
    "RunError",
    "Span",
    "__version__",
    "compare_with_baselines",
    "create_module",
    "load",
    "open_module",
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
        today: date | None = None,
    ) -> Answer:
        """What an utterance means.

        ``context`` is the function or ``function.slot`` that the bot last asked for.
        ``functions`` are those that may be called (default: all of the module); ``required`` calls
        one of them in any case. ``today`` is the day that relative dates ("tomorrow") count from
        (None: the schema's ``reference_date``). ``InputError`` for an empty utterance, an unknown
        function or a context that names none.
        """
        offered = None if functions is None else tuple(check_texts(functions, "functions"))
        return self.bundle.answer([Question(utterance, context, offered, required, today)])[0]

    def parse_many(self, utterances: Sequence[str], *, today: date | None = None) -> list[Answer]:
        """What each utterance means, in order; faster than one by one."""
        texts = check_texts(utterances, "utterances")
        return self.bundle.answer([Question(u, today=today) for u in texts])

    async def aparse(
        self,
        utterance: str,
        *,
        context: str | None = None,
        functions: Sequence[str] | None = None,
        required: bool = False,
        today: date | None = None,
    ) -> Answer:
        """``parse``, in a thread, so that an event loop isn't held up."""
        return await asyncio.to_thread(
            self.parse,
            utterance,
            context=context,
            functions=functions,
            required=required,
            today=today,
        )

    def explain(
        self, utterance: str, *, context: str | None = None, today: date | None = None
    ) -> Explanation:
        """What an utterance means, and how the answer came about."""
        return self.bundle.explain(Question(utterance, context, today=today))


def load(directory: str | PathLike[str], *, threads: int = 0) -> Model:
    """The bundle in ``directory``, as ``radu export-model RUN --to bundle DIR`` wrote it.

    Every file is checked by its hash. ``threads``: how many its encoders may use together (0: one a
    core).
    ``InputError`` where there is no bundle, ``ModelError`` for one that is damaged.
    """
    return Model(load_bundle(Path(directory), threads=threads))
