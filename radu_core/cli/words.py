"""How the shell says what a message asks for: by its options and commands."""

from __future__ import annotations

import shlex

from radu_core.instructions import Words, put_into_words

__all__ = ["WORDS", "in_shell"]

WORDS: Words = {
    "trace model": lambda: "say which with --model",
    "encoding": lambda name="NAME": f"say --encoding {name}",
    "sheet": lambda: "say --option sheet=NAME",
    "map": lambda field, column="COLUMN": f"say --map {shlex.quote(f'{field}={column}')}",
    "no function": lambda: "say --map function=",
    "out of scope": lambda: "import with --unlabelled out-of-scope",
    "keep good tools": lambda: "take the others only with --keep-good",
    "new module": lambda: "run radu init --module MODULE --schema FILE",
    "replace schema": lambda module: f"run radu init --module {module} --schema FILE --replace",
    "choose module": lambda names: f"say which with --module: {names}",
    "make splits": lambda module: f"make splits with radu split --module {module}",
    "split from scratch": lambda: "split from scratch with --again",
    "build index": lambda module: f"run radu index --module {module}",
    "index with": lambda module, embedder: (
        f"index with it: radu index --module {module} --embedder {embedder}"
    ),
    "use retriever": lambda run: f"let its module retrieve with it: radu retriever use {run}",
    "build dataset": lambda: "build it with radu build-dataset --module MODULE",
    "launch here": lambda: "launch it with --launcher local",
    "launch": lambda: "launch one with radu train CONFIG.yaml",
    "list imports": lambda module="M": f"list them with radu imports list --module {module}",
    "undo import": lambda number: f"run radu imports undo {number}",
    "redo import": lambda number: f"run radu imports redo {number}",
    "delete exemplars": lambda module: (
        f"delete its exemplars with radu exemplars delete ID --module {module}"
    ),
    "delete module": lambda module: f"run radu modules delete {module}",
    "restore module": lambda module: f"run radu modules restore {module}",
    "restore retriever": lambda module: f"run radu retriever restore --module {module}",
    "list modules": lambda: "list them with radu modules list",
    "list trash": lambda module: f"list it with radu exemplars trash --module {module}",
    "list trashed modules": lambda: "list them with radu modules trash",
}


def in_shell(text: str) -> str:
    """A message in the words of the shell."""
    return put_into_words(text, WORDS)
