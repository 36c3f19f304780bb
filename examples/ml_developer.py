"""For whoever develops models: build a dataset, train a language model on it, evaluate the run.

    python examples/ml_developer.py acme_travel_en --minutes 10

The module has to be imported, resolved and split (``annotation_lead.py``, ``radu split``). The run
is a process of its own: it goes on if this script is ended, and ``radu runs list`` finds it again.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from radu_core.dataset import DatasetConfig
from radu_core.evaluation.report import against_baselines
from radu_core.models import DEFAULT_GENERATOR
from radu_core.training.run.config import TrainConfig
from radu_core.workflows.evaluate.evaluation import evaluate
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs.launch import start
from radu_core.workflows.train.dataset import build
from radu_core.workflows.train.following import follow


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, do the work, and print the run beside the baselines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module", help="ORGANISATION_BOT_LANGUAGE")
    parser.add_argument("--base-model", default=DEFAULT_GENERATOR, help="a name or a directory")
    parser.add_argument("--minutes", type=float, help="time limit of the training")
    parser.add_argument("--max-length", type=int, default=512, help="tokens a row may have")
    given = parser.parse_args(arguments)

    workspace = Workspace.from_environment()
    # Every option is explained by DatasetConfig.help(name), and checked before anything is built.
    options = DatasetConfig.of(
        strategies=("rag", "all"),
        k_desc=3,
        k_exemplar=4,
        tokenizer=given.base_model,
        max_length=given.max_length,
    )
    dataset = build(workspace, given.module, name="example", config=options)
    print(f"Dataset: {dataset.directory}")

    config = TrainConfig(
        dataset=dataset.directory,
        base_model=given.base_model,
        method="lora",
        max_length=given.max_length,
        max_minutes=given.minutes,
    )
    run = start(workspace, config)
    print(f"Run: {run.id}")
    follow(run)

    report = evaluate(workspace, run.id, split="test")
    for each in report.systems:
        print(
            f"{each.system:50} functions {each.function!s:>7}  slot F1 {each.slot_f1_text:>7}"
            f"  exact match {each.exact_match!s:>7}"
        )
    verdict = against_baselines(report)
    for sentence in (*verdict.better, *verdict.worse, *verdict.unclear):
        print(sentence)


if __name__ == "__main__":
    main()
