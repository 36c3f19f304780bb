"""A fast model that asks a language model where it is unsure: two runs of one module."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from radu_core.errors import InputError, RaduError
from radu_core.evaluation import hash_of_rows
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import content_hash, disk_errors
from radu_core.inference import Deferral, FastParser, FullParser, Parser, fit_deferral
from radu_core.inference.asking import AnyParser
from radu_core.progress import Progress, silent
from radu_core.workflows.frame.labelled_rows import labelled_rows
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["not_a_pair", "with_generator"]

_ROWS = 300  # validation rows that both are weighed on


def with_generator(
    workspace: Workspace,
    fast: AnyParser,
    generator: AnyParser,
    *,
    name: str,
    directory: Path,
    state: str,
    progress: Progress = silent,
) -> FullParser:
    """The fast model ``fast`` with the language model of the run ``name`` beside it.

    Both are weighed on the module's validation rows; the weights are kept in ``directory``, for
    these rows, this ``state`` of the language model's files and what the fast model refuses.

    ``InputError`` where the two don't fit together, or there are no such rows.
    """
    if not isinstance(fast, FastParser) or not isinstance(generator, Parser):
        raise not_a_pair(name)
    if generator.schema.functions != fast.schema.functions:
        raise InputError(
            "The two runs were trained on different functions",
            value=name,
            remedy="Train both on the module as it is.",
        )
    rows = _rows(workspace, fast)
    path = directory / f"{content_hash([state, hash_of_rows(rows), fast.kept])[:16]}.json"
    deferral = _read_weights(path)
    if deferral is None:
        deferral = fit_deferral(fast, generator, rows, progress=progress)
        with disk_errors(directory):
            directory.mkdir(exist_ok=True)
        deferral.save(path)
    return FullParser(fast, generator, deferral)


def _read_weights(path: Path) -> Deferral | None:
    """The weights that were saved; None if there are none that can be read."""
    try:
        return Deferral.load(path)
    except (RaduError, TypeError):
        return None


def not_a_pair(name: str) -> InputError:
    """What is wrong where ``name`` can't be the language model beside a retriever's run."""
    return InputError(
        "These two runs can't be combined: one must have tuned a retriever, the other a language "
        "model",
        value=name,
        remedy="Name the retriever's run first, and the language model's as the generator.",
    )


def _rows(workspace: Workspace, fast: FastParser) -> Sequence[AnnotatedExemplar]:
    module = fast.schema.module
    exemplars = labelled_rows(workspace, module, "validation").exemplars
    rows = sorted(exemplars, key=lambda e: content_hash(e.id))[:_ROWS]
    if not rows:
        raise InputError(
            f"{module} has no labelled utterances in validation, to weigh both models on",
            remedy=f"Split some off on the Load page, or: radu split --module {module}.",
        )
    return rows
