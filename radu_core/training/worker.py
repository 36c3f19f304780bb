"""The run's own process: ``python -m radu_core.training.worker RUN_DIRECTORY MODEL_DIRECTORY``.

transformers' Trainer and peft do the work. Ours is the loss on the last positions only, the
events, and an end that always has a state, a reason and a remedy.
"""

from __future__ import annotations

import math
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radu_core.dataset import read_dataset
from radu_core.errors import DiskFullError, RaduError, RunError
from radu_core.files import write_json, write_text
from radu_core.models import quiet_loading
from radu_core.training.card import model_card
from radu_core.training.config import TrainConfig
from radu_core.training.encoding import (
    IGNORED,
    Collator,
    Encoded,
    Preflight,
    load_tokenizer,
    preflight,
)
from radu_core.training.queue import turn
from radu_core.training.runs import RunDirectory

if TYPE_CHECKING:
    import torch

__all__ = ["completion_loss", "main", "rate_share", "train"]

_HEARTBEAT_SECONDS = 0.2
_SAVE_SECONDS = 60.0  # at most so much of a run is lost when it is killed
_SAVE_SHARE = 0.05  # unless saving took more than this share of the time


class RunGoneError(RunError):
    """The run's directory was deleted while it ran."""


class _Stopped(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The run was asked to stop."""


def main(arguments: list[str]) -> int:
    """Do the run; 0 when it finished or was stopped, 1 when it failed, 3 when it was deleted."""
    run = RunDirectory(Path(arguments[0]))
    heart = _Heart(run)
    heart.start()
    signal.signal(signal.SIGTERM, lambda *_: heart.stop.set())  # a shutdown is a request, too
    try:
        with turn(run, stopped=heart.stop.is_set) as ours:
            if ours:
                train(run, Path(arguments[1]), heart)
    except _Stopped:
        run.append("state", state="stopped", reason=f"Stopped by request. {run.kept()}")
    except RunGoneError as error:
        print(error, file=sys.stderr)
        return 3
    except BaseException as error:  # whatever it was, the run must say so
        traceback.print_exc()
        if not run.exists:
            print("The run's directory was deleted.", file=sys.stderr)
            return 3
        run.append("state", state="failed", reason=_reason(error))
        return 1
    return 0


def _reason(error: BaseException) -> str:
    """What went wrong and what to do about it, for the page."""
    text = str(error)
    if isinstance(error, RaduError):
        return text
    if isinstance(error, MemoryError) or "out of memory" in text or "can't allocate" in text:
        return f"Out of memory ({text[:200]}). Use a smaller batch_size or max_length, or LoRA."
    if isinstance(error, OSError) and "No space left" in text:
        return str(DiskFullError("No space left while saving", remedy="Free some and resume."))
    if isinstance(error, KeyboardInterrupt | SystemExit):
        return "Its process was told to end."
    return f"{type(error).__name__}: {text[:300]}. The log has the details."


class _Heart(threading.Thread):
    """Touches ``heartbeat``, and notices a deleted directory or a request to stop."""

    def __init__(self, run: RunDirectory) -> None:
        super().__init__(daemon=True)
        self._run = run
        self.gone = False
        self.stop = threading.Event()
        (run.path / "heartbeat").touch()

    def run(self) -> None:
        """Beat until the process ends."""
        while not self.gone:
            try:
                os.utime(self._run.path / "heartbeat")
            except FileNotFoundError:
                self.gone = True
            if (self._run.path / "stop").exists():
                self.stop.set()
            time.sleep(_HEARTBEAT_SECONDS)

    def check(self) -> None:
        """Raise when the run has been deleted or is to stop. Cheap: it looks at no file."""
        if self.gone:
            raise RunGoneError(
                f"Run {self._run.id} was deleted while it ran", remedy="Launch anew."
            )
        if self.stop.is_set():
            raise _Stopped


def train(run: RunDirectory, model_directory: Path, heart: _Heart) -> None:
    """The whole run: encode, load, train, save."""
    import torch
    from transformers import set_seed

    run.append("state", state="loading")
    config = run.config()
    set_seed(config.seed)
    tokenizer = load_tokenizer(model_directory)
    rows = preflight(config, tokenizer)
    run.append(
        "preflight",
        train_rows=len(rows.train),
        validation_rows=len(rows.validation),
        train_tokens=rows.train_tokens,
        overlong=len(rows.overlong),
        tokens_hash=rows.tokens_hash,
    )
    heart.check()
    model = _load_model(config, model_directory)
    heart.check()
    started = time.time()
    trainer = _make_trainer(run, config, model, rows, tokenizer, heart)
    run.append("state", state="running")
    _interruptible(model, heart.check)
    _train_or_keep(run, trainer, heart)
    run.append("state", state="saving")
    loss = _validation_loss(trainer, rows)
    _save(run, config, trainer.model, tokenizer)
    report = {
        "steps": trainer.state.global_step,
        "seconds": round(time.time() - started, 1),
        "train_rows": len(rows.train),
        "validation_loss": loss,
        "tokens_hash": rows.tokens_hash,
        "overlong": [list(item) for item in rows.overlong],
        "dataset": read_dataset(config.dataset).hash,
        "torch": torch.__version__,
    }
    write_text(run.path / "README.md", model_card(run.id, config, report))
    write_json(run.path / "report.json", report)
    run.append("state", state="finished", reason=_early_end(config, trainer.state))


def _train_or_keep(run: RunDirectory, trainer: Any, heart: _Heart) -> None:
    """Train, from the last checkpoint if there is one; when it is stopped, keep the last step."""
    whole = run.checkpoints()
    for path in (run.path / "checkpoints").glob("checkpoint-*"):
        if path not in whole.values():
            shutil.rmtree(path)  # one that was being written when the process was killed
    try:
        trainer.train(resume_from_checkpoint=str(whole[max(whole)]) if whole else None)
        heart.check()
    except _Stopped:
        step = trainer.state.global_step
        if step and step not in run.checkpoints():
            trainer._save_checkpoint(trainer.model, None)
            run.append("checkpoint", step=step)
        raise


def _interruptible(model: Any, check: Callable[[], None]) -> None:
    """Let ``check`` raise between any two layers of ``model``, on the way forward and back.

    So a stop needn't wait for a step that takes minutes. The weights are those of the step before:
    they change in the optimizer only.
    """
    from torch.nn import ModuleList

    def after(_layer: Any, _inputs: Any, output: Any) -> None:
        check()
        hidden = output[0] if isinstance(output, tuple) else output
        if hidden.requires_grad:
            hidden.register_hook(lambda _: check())

    stacks = [module for module in model.modules() if isinstance(module, ModuleList)]
    for layer in max(stacks, key=len, default=[model]):
        layer.register_forward_hook(after)


def _early_end(config: TrainConfig, state: Any) -> str:
    """Why a run finished before its last step; empty if it didn't."""
    if state.global_step >= state.max_steps:
        return ""
    done = f"step {state.global_step} of {state.max_steps}"
    return f"Its {config.max_minutes:g} minutes were over at {done}."


def _load_model(config: TrainConfig, directory: Path) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    quiet_loading()

    model = AutoModelForCausalLM.from_pretrained(
        str(directory), dtype=torch.float32, local_files_only=True, use_safetensors=True
    )
    model.config.use_cache = False
    if config.method == "full":
        return model
    from peft import LoraConfig, get_peft_model

    targets = config.lora_targets
    lora = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        target_modules=targets if isinstance(targets, str) else list(targets),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, lora)


def completion_loss(
    model: Callable[..., Any],
    inputs: dict[str, torch.Tensor],
    num_items: torch.Tensor | int | None = None,
) -> tuple[torch.Tensor, Any]:
    """Cross-entropy on the supervised tokens, with logits for the last positions only.

    Rows are padded on the left, so all completions lie within the last ``keep`` positions; one
    position before the first supervised one predicts it. The sum is divided by ``num_items``
    (the supervised tokens of the whole accumulated batch) or by this batch's own. The model is
    called as a whole, so that autocast and a distributed wrapper see it.
    """
    import torch

    labels = inputs["labels"]
    supervised = (labels != IGNORED).any(dim=0).nonzero()
    keep = labels.shape[1] - int(supervised[0]) + 1
    outputs = model(
        input_ids=inputs["input_ids"],
        attention_mask=inputs["attention_mask"],
        position_ids=inputs["position_ids"],
        logits_to_keep=keep,
    )
    logits = outputs.logits[:, :-1].float()
    wanted = labels[:, -(keep - 1) :]
    loss = torch.nn.functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]),
        wanted.reshape(-1),
        ignore_index=IGNORED,
        reduction="sum",
    )
    count = (wanted != IGNORED).sum() if num_items is None else num_items
    return loss / count, outputs


def rate_share(progress: float, warmup_share: float) -> float:
    """The share of the learning rate at ``progress`` (0 to 1): linear warm-up, linear decay to 0.

    transformers' linear schedule, with the run's progress in place of its steps: a run that its
    time ends before its steps do has to come to rest as well, or its last step is its wildest.
    """
    if progress < warmup_share:
        return progress / warmup_share
    return max(0.0, (1.0 - progress) / (1.0 - warmup_share))


def _make_trainer(
    run: RunDirectory,
    config: TrainConfig,
    model: Any,
    rows: Preflight,
    tokenizer: Any,
    heart: _Heart,
) -> Any:
    from transformers import Trainer, TrainerCallback

    spoken: dict[str, float] = {"tokens": 0.0}

    class CompletionTrainer(Trainer):  # type: ignore[misc]
        """A Trainer whose loss needs the logits of the completions only, and whose learning rate
        comes to its end with the time."""

        lr_scheduler: Any

        def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
            from torch.optim.lr_scheduler import LambdaLR

            if self.lr_scheduler is not None:
                return self.lr_scheduler
            begun, seconds = time.monotonic(), 60 * (config.max_minutes or math.inf)

            def share(step: int) -> float:
                by_time = (time.monotonic() - begun) / seconds
                return rate_share(max(step / num_training_steps, by_time), config.warmup_share)

            self.lr_scheduler = LambdaLR(optimizer or self.optimizer, share)
            self._created_lr_scheduler = True
            return self.lr_scheduler

        def compute_loss(
            self,
            model: Any,
            inputs: Any,
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:
            loss, _ = completion_loss(model, inputs, num_items_in_batch)
            if model.training:
                spoken["tokens"] += float(inputs["attention_mask"].sum())
            return (loss, {"loss": loss}) if return_outputs else loss

    class Reporter(TrainerCallback):  # type: ignore[misc]
        """Turns what the Trainer says into events, and the time into its controls."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.begun = self.saved = time.time()
            self.save_seconds = 0.0
            self.first_step = state.global_step

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if heart.gone:
                heart.check()
            self.stepped = time.time()
            minutes = (self.stepped - self.begun) / 60
            out_of_time = config.max_minutes is not None and minutes >= config.max_minutes
            if heart.stop.is_set() or out_of_time:
                control.should_training_stop = control.should_save = True
            if self.stepped - self.saved > max(_SAVE_SECONDS, self.save_seconds / _SAVE_SHARE):
                control.should_save = True

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            logs = logs or {}
            if "loss" in logs:
                if not math.isfinite(logs["loss"]):
                    raise RunError(
                        f"The loss became {logs['loss']} at step {state.global_step}",
                        remedy="Lower the learning rate, or use precision fp32.",
                    )
                run.append("step", **self._figures(state, logs))
            if "eval_loss" in logs:
                run.append("validation", step=state.global_step, loss=logs["eval_loss"])

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.saved = time.time()
            self.save_seconds = self.saved - self.stepped
            run.append("checkpoint", step=state.global_step)

        def _figures(self, state: Any, logs: Any) -> dict[str, Any]:
            import psutil

            elapsed = max(1e-9, time.time() - self.begun)
            done = state.global_step - self.first_step
            left = (state.max_steps - state.global_step) * elapsed / max(1, done)
            if config.max_minutes is not None:
                left = min(left, max(0.0, config.max_minutes * 60 - elapsed))
            return {
                "step": state.global_step,
                "steps": state.max_steps,
                "epoch": round(float(state.epoch or 0), 4),
                "loss": logs["loss"],
                "learning_rate": logs.get("learning_rate"),
                "tokens_per_second": round(spoken["tokens"] / elapsed, 1),
                "eta_seconds": round(left, 1),
                "memory_gb": round(psutil.Process().memory_info().rss / 1e9, 2),
            }

    trainer = CompletionTrainer(
        model=model,
        args=_arguments(run, config, len(rows.train)),
        train_dataset=_Rows(rows.train),
        eval_dataset=_Rows(_evaluated(config, rows)) if _evaluated(config, rows) else None,
        data_collator=Collator(tokenizer.eos_token_id),
        callbacks=[Reporter()],
    )
    from transformers import PrinterCallback, ProgressCallback

    trainer.remove_callback(ProgressCallback)
    trainer.remove_callback(PrinterCallback)
    return trainer


class _Rows:
    """A map-style dataset of encoded rows."""

    def __init__(self, rows: tuple[Encoded, ...]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        row = self._rows[index]
        return {"input_ids": list(row.input_ids), "labels": list(row.labels)}


def _evaluated(config: TrainConfig, rows: Preflight) -> tuple[Encoded, ...]:
    """Every n-th validation row, at most ``eval_rows``, so that all functions are among them."""
    step = max(1, math.ceil(len(rows.validation) / max(1, config.eval_rows)))
    return rows.validation[::step][: config.eval_rows]


def _arguments(run: RunDirectory, config: TrainConfig, rows: int) -> Any:
    import torch
    from transformers import TrainingArguments

    gpu = torch.cuda.is_available()
    effective = config.batch_size * config.grad_accumulation
    steps = config.max_steps or max(1, math.ceil(config.epochs * math.ceil(rows / effective)))
    evaluates = config.eval_rows > 0
    return TrainingArguments(
        output_dir=str(run.path / "checkpoints"),
        use_cpu=not gpu,
        bf16=_bf16(config),
        max_steps=steps,
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=config.batch_size,
        gradient_accumulation_steps=config.grad_accumulation,
        learning_rate=config.rate,
        weight_decay=config.weight_decay,
        optim="adamw_torch_fused",
        train_sampling_strategy="group_by_length",
        eval_strategy="steps" if evaluates else "no",
        eval_steps=config.eval_every if evaluates else None,
        prediction_loss_only=True,
        save_strategy="steps",
        save_steps=config.save_every,
        save_total_limit=2,
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to="none",
        remove_unused_columns=False,
        dataloader_num_workers=0,
        seed=config.seed,
        disable_tqdm=True,
    )


def _bf16(config: TrainConfig) -> bool:
    """bf16 autocast where the hardware has it (CPU: avx512_bf16 or AMX), or as asked."""
    import torch

    if config.precision != "auto":
        return config.precision == "bf16"
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _validation_loss(trainer: Any, rows: Preflight) -> float | None:
    return float(trainer.evaluate()["eval_loss"]) if trainer.eval_dataset is not None else None


def _save(run: RunDirectory, config: TrainConfig, model: Any, tokenizer: Any) -> None:
    """``adapter/`` as trained and ``model/`` merged, in the base's dtype, each written whole."""
    base = model.get_base_model() if config.method == "lora" else model
    if config.method == "lora":
        _whole(run.path / "adapter", lambda new: model.save_pretrained(new))
        base = model.merge_and_unload()
    base.config.use_cache = True

    def write(new: Path) -> None:
        import torch

        base.to(torch.bfloat16).save_pretrained(new)
        tokenizer.save_pretrained(new)

    _whole(run.model, write)


def _whole(target: Path, write: Callable[[Path], object]) -> None:
    new = target.with_name(f".{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    write(new)
    shutil.rmtree(target, ignore_errors=True)
    new.replace(target)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
