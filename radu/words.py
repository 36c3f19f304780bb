"""How Python says what a message asks for: by its own calls, else by the shell's commands."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from radu_core.errors import RaduError
from radu_core.instructions import Words, put_into_words

if TYPE_CHECKING:
    from radu_core.workflows.load.files import ImportReport

__all__ = ["say", "word_error", "word_report"]

_OWN: Words = {
    "trace model": lambda: "say which with model=NAME",
    "encoding": lambda name="NAME": f"give encoding={name!r}",
    "sheet": lambda: "give sheet=NAME",
    "map": lambda field, column="COLUMN": f"give mapping={ ({field: column})!r}",
    "no function": lambda: "give mapping={'function': ''}",
    "out of scope": lambda: "import with unlabelled='out-of-scope'",
    "new module": lambda: "call radu.create_module(MODULE, FILE)",
    "build dataset": lambda: "build it with build_dataset()",
    "launch": lambda: "launch one with train(DATASET)",
}


def say(text: str) -> str:
    """A message in these words."""
    from radu_core.cli.words import WORDS  # late: with it comes the whole shell

    return put_into_words(text, {**WORDS, **_OWN})


def word_error(error: RaduError) -> None:
    """Put the text of an error into these words."""
    error.what, error.remedy = say(error.what), say(error.remedy)
    error.args = (str(error),)


def word_report(report: ImportReport) -> ImportReport:
    """Put the rejections and notes of an import into these words."""
    rejections = (
        replace(r, problem=say(r.problem), remedy=say(r.remedy)) for r in report.rejections
    )
    return replace(report, rejections=tuple(rejections), notes=tuple(map(say, report.notes)))
