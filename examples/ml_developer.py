"""For whoever develops models: build a dataset, train a language model on it, evaluate the run.

    python examples/ml_developer.py acme_travel_en --minutes 10

The module has to be imported, resolved and split (``annotation_lead.py``, ``radu split``). The run
is a process of its own: if this script is ended it continues, and ``radu runs list`` finds it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import radu
from radu_core.models import DEFAULT_GENERATOR


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, do the work, and print the run beside the baselines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module", help="ORGANISATION_BOT_LANGUAGE")
    parser.add_argument("--base-model", default=DEFAULT_GENERATOR, help="a name or a directory")
    parser.add_argument("--minutes", type=float, help="time limit of the training")
    parser.add_argument("--max-length", type=int, default=512, help="tokens a row may have")
    given = parser.parse_args(arguments)

    module = radu.open_module(given.module)
    # Options are those of `radu build-dataset`, and checked before anything is built.
    dataset = module.build_dataset(
        "example",
        strategies=("rag", "all"),
        k_desc=3,
        k_exemplar=4,
        tokenizer=given.base_model,
        max_length=given.max_length,
    )
    print(f"Dataset: {dataset}")

    # Settings are those of a config of `radu train`.
    run = module.train(
        dataset,
        base_model=given.base_model,
        method="lora",
        max_length=given.max_length,
        max_minutes=given.minutes,
    )
    print(f"Run: {run}")

    report = module.evaluate(run, split="test")
    for each in report.systems:
        print(
            f"{each.system:50} functions {each.function!s:>7}  slot F1 {each.slot_f1_text:>7}"
            f"  exact match {each.exact_match!s:>7}"
        )
    verdict = radu.compare_with_baselines(report)
    for sentence in (*verdict.better, *verdict.worse, *verdict.unclear):
        print(sentence)


if __name__ == "__main__":
    main()
