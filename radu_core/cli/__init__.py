"""The shell: ``radu`` and ``python -m radu_core``. The same workflows as the pages.

Every command takes ``--json`` (one object on stdout; progress and messages go to stderr) and
exits 0, 1 (it ran and the answer is no) or 2 (bad input).
"""

from __future__ import annotations

import sys
from io import TextIOWrapper

from radu_core.cli import (
    data,
    dataset,
    export,
    fit,
    imports,
    model,
    overlap,
    prompts,
    push,
    recipe,
    retrieval,
    retriever,
    runs,
    schema,
    serve,
    split,
    tools,
    trash,
)
from radu_core.cli.output import app

__all__ = ["app", "main"]

# importing them has registered their commands
_COMMANDS = (
    data,
    schema,
    imports,
    trash,
    split,
    retrieval,
    overlap,
    prompts,
    recipe,
    dataset,
    model,
    runs,
    retriever,
    export,
    push,
    serve,
    fit,
    tools,
)


def main() -> None:
    """What ``radu`` runs."""
    if isinstance(sys.stdout, TextIOWrapper):  # a path or a terminal that isn't UTF-8
        sys.stdout.reconfigure(errors="backslashreplace")
    app(prog_name="radu")
