"""How the pages say what a message asks for: by their controls, tabs and pages."""

from __future__ import annotations

from radu_core.instructions import Words, put_into_words
from radu_core.workflows.load.file_view import ENCODINGS, UNLABELLED

__all__ = ["WORDS", "on_page"]


def _encoding(name: str = "") -> str:
    return f"choose {ENCODINGS.get(name, name) if name else 'its encoding'} under “Encoding”"


def _map(field: str, column: str = "") -> str:
    where = f"the column {column}" if column else "the column that holds it"
    return f"choose {field} under “holds”, beside {where}"


WORDS: Words = {
    "trace model": lambda: "name one of them under “Model”",
    "encoding": _encoding,
    "sheet": lambda: "choose it under “Sheet”",
    "map": _map,
    "no function": lambda: "leave it at “(not imported)”",
    "out of scope": lambda: (
        f"choose {UNLABELLED['out-of-scope']} under “Rows without a function” and import again"
    ),
    "keep good tools": lambda: "tick “Leave out unusable tools”",
    "new module": lambda: "use “New module” on the Load page",
    "replace schema": lambda module: f"edit {module} on the Schema page",
    "choose module": lambda names: f"choose one of these under “Module”: {names}",
    "make splits": lambda module: "make splits on the Load page, under Splits",
    "split from scratch": lambda: "tick “From scratch”",
    "build index": lambda module: f"go to {module} on the Coverage page",
    "index with": lambda module, embedder: (
        f"choose {embedder} under “Embedding model” on the Coverage page of {module}, in “Index”, "
        "and save"
    ),
    "use retriever": lambda run: (
        f"choose {run} under “3 Runs” on the Train page, and “Use for this module”"
    ),
    "build dataset": lambda: "build it on the Train page",
    "launch here": lambda: "choose “local” under “Where”",
    "launch": lambda: "launch one on the Train page",
    "list imports": lambda module="": "look under “Earlier imports” on the Load page",
    "undo import": lambda number: f"choose {number} under “Earlier imports” and preview the undo",
    "redo import": lambda number: f"choose {number} under “Earlier imports” and preview the redo",
    "delete exemplars": lambda module: "delete its exemplars under “Delete” on the Load page",
    "delete module": lambda module: "use “Delete” on the Load page",
    "restore module": lambda module: f"restore {module} on the Home page",
    "restore retriever": lambda module: (
        f"use “Bring back” under “Retriever of {module}” on the Train page"
    ),
    "list modules": lambda: "look at the Home page",
    "list trash": lambda module: "look under “Delete” on the Load page",
    "list trashed modules": lambda: "look at the Home page",
}


def on_page(text: object) -> str:
    """A message in the words of the pages."""
    return put_into_words(str(text), WORDS)
