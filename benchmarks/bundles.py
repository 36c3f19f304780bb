"""Whether bundles answer as their runs do: every module of the sample, all labelled rows.

``python benchmarks/bundles.py [--minutes 1]``: in a workspace of its own, with the models of
``RADU_HOME``, each module is fitted for so long and its fast model written as a bundle. Its calls
are compared with the run's on the validation rows, which the export has compared as well, and on
the test rows, which it never looks at; asked one by one, and all at once.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

from radu_core.exemplars import Split
from radu_core.inference.answers import Answer, Question
from radu_core.inference.asking import answer_questions
from radu_core.inference.bundle import load_bundle
from radu_core.workflows.evaluate.parse import parser_of
from radu_core.workflows.frame.labelled_rows import labelled_rows
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.sample import load_sample
from radu_core.workflows.playground.bundle import write_bundle
from radu_core.workflows.train.fit import fit

WHO = "benchmark"


def lines(space: Workspace, module: str, minutes: float, place: Path) -> Iterator[str]:
    """A line of the table for each split of a module that has labelled rows."""
    run = fit(space, module, who=WHO, minutes=minutes).run
    write_bundle(space, run, place)
    parser, bundle = parser_of(space, run), load_bundle(place)
    for split in get_args(Split):
        rows = labelled_rows(space, module, split).exemplars
        questions = [Question(r.utterance, r.context) for r in rows]
        if split == "train" or not questions:
            continue
        answers = answer_questions(parser, questions)
        alone = equal(answers, [bundle.answer([q])[0] for q in questions])
        together = equal(answers, bundle.answer(questions))
        yield f"| {module} | {split} | {len(rows)} | {alone} | {together} |"


def equal(some: Sequence[Answer], others: Sequence[Answer]) -> int:
    """How many calls are the same."""
    return sum(
        (one.function, one.arguments) == (other.function, other.arguments)
        for one, other in zip(some, others, strict=True)
    )


def main() -> None:
    """Fit, export and compare each module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=1.0)
    options = parser.parse_args()
    models = Workspace.from_environment().models.resolve()
    with tempfile.TemporaryDirectory() as room:
        home = Path(room) / "home"
        home.mkdir()
        (home / "models").symlink_to(models)
        space = Workspace(home)
        load_sample(space)
        print("| module | split | rows | equal, one by one | equal, all at once |")
        print("|---|---|--:|--:|--:|")
        for module in space.store.modules():
            for line in lines(space, module, options.minutes, Path(room) / module):
                print(line, flush=True)
        space.store.close()


if __name__ == "__main__":
    main()
