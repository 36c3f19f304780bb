"""Fine-tuning speed: our worker's Trainer against a plain fp32 padded Trainer and TRL as it comes.

``python benchmarks/training.py [--method lora|full] [--steps 8] [--cases plain,ours]``: the
sample project's travel bot, SmolLM2-135M, the same rows, each case in a process of its own, one
after the other. Prints rows and tokens a second, peak memory, the losses, and the ratios. TRL is
left out where it isn't installed (``pip install -r requirements-bench.txt``).

The physical limit: LoRA needs about 4 FLOPs per weight and token (forward, and back to the inputs
only), full fine-tuning 6. Printed beside it: what a matrix product of the model's shape reaches on
this machine in the precision that a run would choose, and the tokens per second that would be.
TRL comes with bf16, which processors without it emulate, very slowly: ``trl-fp32`` is TRL without.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from radu_core.models import DEFAULT_GENERATOR, model_directory
from radu_core.tokenizing import load_tokenizer
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.encoding import Preflight, preflight
from radu_core.training.worker.measures import measure_rows
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.sample import load_sample
from radu_core.workflows.train.dataset import build

MODULE = "aurora_travel_en"
WARM = 1  # steps that aren't timed


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--method", choices=["lora", "full"], default="lora")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--cases", default="plain,ours,trl,trl-fp32")
    parser.add_argument("--case")
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(one(options.case, options.home, options.method, options.steps)))
        return
    load = os.getloadavg()[0]
    print(f"load {load:.1f}; {options.method}, {options.steps} steps of 8 rows", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        models = Workspace.from_environment().models.resolve()
        (home / "models").symlink_to(models)
        space = Workspace(home)
        load_sample(space, only=("travel",))
        build(space, MODULE)
        measures = {}
        for case in filter(is_installed, options.cases.split(",")):
            measures[case] = in_process(case, home, options)
            print_case(case, measures[case])
    ratios(measures, options.method)


def is_installed(case: str) -> bool:
    if case.startswith("trl") and importlib.util.find_spec("trl") is None:
        print("trl: left out, it isn't installed")
        return False
    return True


def in_process(case: str, home: Path, options: argparse.Namespace) -> dict[str, Any]:
    command = [
        sys.executable,
        __file__,
        "--case",
        case,
        "--home",
        str(home),
        "--method",
        options.method,
        "--steps",
        str(options.steps),
    ]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        raise SystemExit(f"{case} failed:\n{process.stderr[-2000:]}")
    return dict(json.loads(process.stdout.splitlines()[-1]))


def print_case(case: str, figures: dict[str, Any]) -> None:
    losses = ", ".join(f"{x:.3f}" for x in figures["losses"][-3:])
    print(
        f"{case:6} {figures['rows']:.2f} rows/s  {figures['tokens']:.0f} tokens/s  "
        f"peak {figures['peak']:.2f} GB  last losses {losses}  validation {figures['loss']:.4f}  "
        f"load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def ratios(measures: dict[str, dict[str, Any]], method: str) -> None:
    limit = measures["ours"]["limit"] if "ours" in measures else 0.0
    if limit:
        print(
            f"limit (products of this model, {method}): {limit:.0f} tokens/s; "
            f"ours is {measures['ours']['tokens'] / limit:.0%} of it"
        )
    for other in ("plain", "trl", "trl-fp32"):
        if other in measures and "ours" in measures:
            ours, that = measures["ours"], measures[other]
            print(
                f"ours / {other}: rows/s {ours['rows'] / that['rows']:.2f} x, peak memory "
                f"{ours['peak'] / that['peak']:.2f} x, validation loss "
                f"{ours['loss'] / that['loss'] - 1:+.2%}"
            )


def one(case: str, home: Path, method: Literal["lora", "full"], steps: int) -> dict[str, Any]:
    """One case, in this process: rows/s of the steps after the first, peak memory, losses."""
    import torch
    from accelerate.utils import extract_model_from_parallel
    from transformers import set_seed

    from radu_core.training.worker.loading import load_model
    from radu_core.training.worker.trainer import steady_memory, uses_bf16

    space = Workspace(home)
    directory = model_directory(DEFAULT_GENERATOR, space.models)
    config = TrainConfig(
        dataset=space.datasets / "default" / MODULE,
        base_model=DEFAULT_GENERATOR,
        method=method,
        max_steps=steps + WARM,
        eval_rows=0,
        save_every=10_000,
        learning_rate={"lora": 1e-3, "full": 5e-5}[method],
    )
    tokenizer = load_tokenizer(directory)
    rows = preflight(config, tokenizer)
    set_seed(0)
    if case == "ours":
        steady_memory()
    model = load_model(config, directory)
    run = RunDirectory.create(home / "runs", config, now=datetime.now(UTC))
    make = {"ours": ours, "plain": plain, "trl": trl, "trl-fp32": trl_fp32}[case]
    trainer = make(run, config, model, rows, tokenizer)
    clock = clock_steps(trainer)
    trainer.train()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    seconds = clock[-1] - clock[WARM]
    mean = rows.train_tokens / len(rows.train)
    plain_model = extract_model_from_parallel(trainer.model, keep_fp32_wrapper=False)  # in float32
    loss = measure_rows(
        plain_model, tokenizer, rows.validation[:48], tokens=1024, task_metrics=False
    )["loss"]
    per_second = 8 * steps / seconds
    weights = sum(p.numel() for p in model.parameters() if p.dim() == 2) - 49_152 * 576
    flops = (4 if method == "lora" else 6) * weights
    return {
        "rows": per_second,
        "tokens": per_second * mean,
        "peak": peak,
        "loss": loss,
        "losses": [h["loss"] for h in trainer.state.log_history if "loss" in h],
        "limit": measure_flops(torch, bf16=uses_bf16(config)) / flops,
    }


def clock_steps(trainer: Any) -> list[float]:
    """The moments at which steps end, from the beginning on."""
    from transformers import TrainerCallback

    moments: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            moments.append(time.perf_counter())

        def on_step_end(self, *_: Any, **__: Any) -> None:
            moments.append(time.perf_counter())

    trainer.add_callback(Clock())
    return moments


def measure_flops(torch: Any, *, bf16: bool) -> float:
    """FLOP/s of a product of an MLP's shape."""
    kind = torch.bfloat16 if bf16 else torch.float32
    a, b = torch.randn(1024, 576, dtype=kind), torch.randn(1536, 576, dtype=kind)
    torch.nn.functional.linear(a, b)
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < 1.0:
        torch.nn.functional.linear(a, b)
        count += 1
    return 2.0 * 1024 * 576 * 1536 * count / (time.perf_counter() - start)


def ours(run: RunDirectory, config: TrainConfig, model: Any, rows: Preflight, tok: Any) -> Any:
    from radu_core.training.worker.trainer import make_trainer

    return make_trainer(run, config, model, rows, tok, check=lambda: None, stopping=lambda: False)


def arguments(run: RunDirectory, config: TrainConfig) -> dict[str, Any]:
    return {
        "output_dir": str(run.path / "checkpoints"),
        "use_cpu": True,
        "max_steps": config.max_steps,
        "per_device_train_batch_size": 8,
        "learning_rate": config.rate,
        "warmup_steps": config.warmup_share,
        "logging_steps": 1,
        "report_to": "none",
        "save_strategy": "no",
        "seed": 0,
        "disable_tqdm": True,
        "remove_unused_columns": False,
    }


def as_lists(rows: Preflight) -> list[dict[str, list[int]]]:
    return [
        {
            "input_ids": list(r.input_ids),
            "labels": list(r.labels),
            "attention_mask": [1] * len(r.input_ids),
        }
        for r in rows.train
    ]


def plain(run: RunDirectory, config: TrainConfig, model: Any, rows: Preflight, tok: Any) -> Any:
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

    tok.pad_token_id = tok.eos_token_id
    return Trainer(
        model=model,
        args=TrainingArguments(**arguments(run, config), bf16=False),
        train_dataset=as_lists(rows),
        data_collator=DataCollatorForSeq2Seq(tok, padding=True),
    )


def trl_fp32(run: RunDirectory, config: TrainConfig, model: Any, rows: Preflight, tok: Any) -> Any:
    return trl(run, config, model, rows, tok, bf16=False)


def trl(
    run: RunDirectory, config: TrainConfig, model: Any, rows: Preflight, tok: Any, **more: Any
) -> Any:
    """SFTTrainer on prompt-completion text, all settings its own but ``more``."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    tok.pad_token_id = tok.eos_token_id
    pairs = [
        {
            "prompt": tok.decode(r.input_ids[: -r.supervised_tokens]),
            "completion": tok.decode(r.input_ids[-r.supervised_tokens : -1]),
        }
        for r in rows.train
    ]
    settings = arguments(run, config)
    del settings["remove_unused_columns"]
    return SFTTrainer(
        model=model,
        args=SFTConfig(**settings, **more),
        train_dataset=Dataset.from_list(pairs),
        processing_class=tok,
    )


if __name__ == "__main__":
    main()
