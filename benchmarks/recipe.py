"""Which settings of a language model's LoRA learn best in so many minutes: one change at a time.

``python benchmarks/recipe.py [--minutes 4] [--seeds 3] [--changes NAME ...] [--out recipe.jsonl]``:
HWU64, 12 functions drawn by the seed with 10 labels each, read from ``RADU_DATA`` or
``~/.cache/radu/data``; measured on 120 rows of validation and of train that no label is. Each trial
is a run as the studio launches it; all have the same minutes on the wall clock, so nothing else
may run beside it. Without ``--changes`` only the defaults are tried; all eleven on three seeds take
three hours. What is done already stands in ``--out`` and isn't done again.

Printed: each change's differences to the defaults, paired by seed, in functions, slot F1 and whole
calls of the language model alone.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
from pathlib import Path
from typing import Any

from baselines import load_hwu64

from radu_core.dataset import DatasetConfig
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import content_hash
from radu_core.models import DEFAULT_GENERATOR
from radu_core.schema import Schema
from radu_core.training.run.config import TrainConfig
from radu_core.workflows.evaluate.evaluation import evaluate
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file, init_module
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.runs.launch import start
from radu_core.workflows.train.dataset import build
from radu_core.workflows.train.following import follow

MODULE = "recipe_home_en"
_FUNCTIONS, _LABELS, _ROWS = 12, 10, 120
CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # the dataset's, the run's
    "defaults": ({}, {}),
    "rate 1e-4": ({}, {"learning_rate": 1e-4}),
    "rate 5e-4": ({}, {"learning_rate": 5e-4}),
    "rank 8": ({}, {"lora_rank": 8, "lora_alpha": 16}),
    "rank 32": ({}, {"lora_rank": 32, "lora_alpha": 64}),
    "batch 4": ({}, {"batch_size": 4}),
    "one row an exemplar and task": (
        {"fewer_share": 0.0, "zero_share": 0.0, "removed_share": 0.0},
        {},
    ),
    "dropout of exemplars 0.5": ({"dropout": 0.5, "fewer_share": 0.5}, {}),
    "defaults again": ({}, {}),  # what the clock alone changes
    "2 exemplars shown": ({"k_exemplar": 2}, {}),
    "best by loss": ({}, {"best_by": "loss", "eval_every": 25, "task_metrics": False}),
}
MEASURES = ("function", "slot F1", "exact")


def main() -> None:
    """Do what isn't done, then print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--changes", nargs="+", choices=sorted(CHANGES), default=[])
    parser.add_argument("--out", type=Path, default=Path("recipe.jsonl"))
    options = parser.parse_args()
    data = load_hwu64()
    if data is None:
        print("skipped: HWU64 isn't there (see ../shared/data)")
        return
    for seed in range(options.seeds):
        for name in dict.fromkeys(["defaults", *options.changes]):
            if (name, seed, options.minutes) not in read_done(options.out):
                record = trial(*data, name, seed, options.minutes)
                with options.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(record) + "\n")
                print(record, flush=True)
    print_table(options.out, options.minutes)


def read_done(out: Path) -> dict[tuple[str, int, float], dict[str, Any]]:
    """(change, seed, minutes) → what came out."""
    lines = out.read_text(encoding="utf-8").splitlines() if out.is_file() else []
    records = [json.loads(line) for line in lines]
    return {(t["change"], t["seed"], t["minutes"]): t for t in records}


def trial(
    schema: Schema, rows: list[AnnotatedExemplar], name: str, seed: int, minutes: float
) -> dict[str, Any]:
    """Train with one change, and measure."""
    options, settings = CHANGES[name]
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "home"
        home.mkdir()
        (home / "models").symlink_to(Workspace.from_environment().models.resolve())
        space = Workspace(home)
        load(space, schema, draw(schema, rows, seed), Path(scratch))
        view = build(space, MODULE, config=DatasetConfig.of(**options))
        config = TrainConfig(
            dataset=view.directory,
            base_model=DEFAULT_GENERATOR,
            max_minutes=minutes,
            skip_overlong=True,
            seed=seed,
            **{"epochs": 20.0, "eval_every": 10_000, "eval_rows": 64, "save_every": 10_000}
            | settings,
        )
        run = start(space, config)
        follow(run)
        report = run.report() or {}
        metrics = evaluate(space, run.id, split="validation").trained
    return {
        "change": name,
        "seed": seed,
        "minutes": minutes,
        "steps": report.get("steps"),
        "epochs": report.get("epochs"),
        "function": metrics.function.share,
        "slot F1": metrics.slot_f1,
        "exact": metrics.exact_match.share,
    }


def draw(schema: Schema, rows: list[AnnotatedExemplar], seed: int) -> list[AnnotatedExemplar]:
    """Labels of some functions, and rows to measure on, which have no label's template."""
    dice = random.Random(seed)
    names_chosen = set(dice.sample(sorted(f.name for f in schema.functions), _FUNCTIONS))
    own = sorted((r for r in rows if r.function in names_chosen and r.split == "train"), key=_order)
    labels, counts = [], dict.fromkeys(names_chosen, 0)
    for row in own:
        if row.function and counts[row.function] < _LABELS:
            counts[row.function] += 1
            labels.append(row)
    learnt = {(r.function, r.template) for r in labels}
    rows_asked = [
        r for r in rows if r.function in names_chosen and (r.function, r.template) not in learnt
    ]
    rows_asked = sorted((r for r in rows_asked if r.split != "test"), key=_order)[:_ROWS]
    return [*labels, *(r.model_copy(update={"split": "validation"}) for r in rows_asked)]


def _order(row: AnnotatedExemplar) -> str:
    return content_hash(row.id)


def load(space: Workspace, schema: Schema, rows: list[AnnotatedExemplar], scratch: Path) -> None:
    """A module of these rows, and of the functions that they have."""
    having = {r.function for r in rows}
    own = schema.model_dump(mode="json", exclude={"module"})
    own["functions"] = [f for f in own["functions"] if f["name"] in having]
    (scratch / "schema.json").write_text(json.dumps(own), encoding="utf-8")
    init_module(space, MODULE, scratch / "schema.json", who="benchmark")
    fields_kept = {"id", "utterance", "function", "arguments", "spans", "split"}
    lines = [json.dumps(r.model_dump(mode="json", include=fields_kept)) for r in rows]
    (scratch / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    import_file(space, "jsonl", scratch / "rows.jsonl", module=MODULE, who="benchmark")
    resolve(space, MODULE, who="benchmark")


def print_table(out: Path, minutes: float) -> None:
    """Means of the defaults, and of each change's differences to them."""
    trials = {k[:2]: t for k, t in read_done(out).items() if k[2] == minutes}
    names = list(dict.fromkeys(name for name, _ in trials))
    print(
        "| change | seeds | epochs | functions | slot F1 | whole calls |\n|---|---|---|---|---|---|"
    )
    for name in names:
        seeds = [s for n, s in trials if n == name and ("defaults", s) in trials]
        epochs = statistics.fmean(trials[name, s]["epochs"] or 0.0 for s in seeds)
        cells = []
        for measure in MEASURES:
            own = [trials[name, s][measure] for s in seeds]
            if name != "defaults":
                own = [v - trials["defaults", s][measure] for v, s in zip(own, seeds, strict=True)]
            spread = statistics.pstdev(own)
            sign = "" if name == "defaults" else "+"
            cells.append(f"{100 * statistics.fmean(own):{sign}.1f} ± {100 * spread:.1f}")
        print(f"| {name} | {len(seeds)} | {epochs:.1f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
