"""The settings that the launch tab asks for, in groups, with their labels and help."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from radu_core.terms import label

__all__ = ["EXPERT", "RETRIEVER_EXPERT", "RETRIEVER_SIMPLE", "SIMPLE", "Setting"]


@dataclass(frozen=True)
class Setting:
    """A field of ``TrainConfig`` as the form asks for it.

    ``kind``: an ``optional`` number is 0 for None; ``rate`` is a number as text, empty for None;
    ``words`` are separated by commas; ``layers`` are chosen among the base model's, ``names`` among
    the models that are here. ``step`` is what a number's buttons add.
    """

    field: str
    label: str
    kind: Literal["whole", "number", "rate", "choice", "yes", "text", "words", "layers", "names"]
    help: str
    options: tuple[str, ...] = ()
    optional: bool = False
    step: float = 1
    adapter: bool = False


SIMPLE = (
    Setting(
        "epochs",
        "Epochs",
        "number",
        "Passes over all training rows. Use more for few rows, fewer if the validation loss rises "
        "again.",
        step=0.5,
    ),
    Setting(
        "max_minutes",
        "Time limit (minutes)",
        "number",
        "Time limit of loading and training (0 = no limit); measuring and saving come on top. "
        "Check predicts how long the run takes.",
        optional=True,
        step=5.0,
    ),
    Setting(
        "batch_size",
        "Batch size",
        "whole",
        "Rows that one step learns from. Smaller batches need less memory; larger ones are "
        "steadier.",
    ),
)
EXPERT: dict[str, tuple[Setting, ...]] = {
    "Optimizer": (
        Setting(
            "learning_rate",
            "Learning rate",
            "rate",
            "Size of a step (empty = 1e-3 for LoRA and QLoRA, 5e-5 for all weights). Lower it "
            "when the loss jumps.",
        ),
        Setting(
            "schedule",
            "Schedule",
            "choice",
            "How the learning rate falls over the run. Use constant for runs that you stop by "
            "hand.",
            ("linear", "cosine", "constant"),
        ),
        Setting(
            "warmup_share",
            "Warm-up share",
            "number",
            "Share of the run in which the learning rate rises from 0. Raise it if the first "
            "steps make the loss worse.",
            step=0.01,
        ),
        Setting(
            "weight_decay",
            "Weight decay",
            "number",
            "Pulls weights towards 0. Try 0.01 if tuning all weights overfits.",
            step=0.01,
        ),
        Setting(
            "max_grad_norm",
            label("max_grad_norm"),
            "number",
            "Longer gradients are shortened to this length (0 = no limit). Lower it if the loss "
            "has spikes.",
            step=0.1,
        ),
        Setting(
            "grad_accumulation",
            label("grad_accumulation"),
            "whole",
            "Batches added up before the weights change: the effect of a larger batch in the "
            "memory of a small one.",
        ),
    ),
    "Adapter": (
        Setting(
            "lora_rank",
            label("lora_rank"),
            "whole",
            "How much the adapter can learn. Raise it if the training loss stays high.",
            adapter=True,
        ),
        Setting(
            "lora_alpha",
            label("lora_alpha"),
            "whole",
            "The adapter counts alpha / rank. Usually twice the rank.",
            adapter=True,
        ),
        Setting(
            "lora_dropout",
            label("lora_dropout"),
            "number",
            "Share of the adapter's input that is left out at random. Try 0.05 if a few rows are "
            "learnt by heart.",
            step=0.05,
            adapter=True,
        ),
        Setting(
            "lora_targets",
            label("lora_targets"),
            "layers",
            "Layers that get an adapter: all-linear, or some layers such as q_proj and v_proj for "
            "a smaller adapter.",
            adapter=True,
        ),
        Setting(
            "use_dora",
            label("use_dora"),
            "yes",
            "Learns the size and the direction of weights separately. Slower, but often better "
            "for small adapters.",
            adapter=True,
        ),
        Setting(
            "use_rslora",
            label("use_rslora"),
            "yes",
            "Divides alpha by the root of the rank. Use it for ranks above 64.",
            adapter=True,
        ),
    ),
    "Memory and speed": (
        Setting(
            "chat_template",
            label("chat_template"),
            "text",
            "none: plain text. auto: the base model's own chat turns, if it has any. Or the path "
            "of a jinja file.",
        ),
        Setting(
            "max_length",
            label("max_length"),
            "whole",
            "Longer rows are refused, never cut. Raise it to the longest row that Check finds.",
        ),
        Setting(
            "skip_overlong",
            "Leave out longer rows",
            "yes",
            "Trains without rows over the limit instead of refusing the run.",
        ),
        Setting(
            "tokens_per_pass",
            "Tokens per pass",
            "whole",
            "Tokens that go through the model at once (0 = as the device allows). Lower it if "
            "memory runs out; the result is the same.",
            optional=True,
            step=256,
        ),
        Setting(
            "processes",
            "Processes",
            "whole",
            "Number of processes, each with its own batch, so a step has that many times the "
            "rows. Useful with several GPUs.",
        ),
        Setting(
            "packing",
            label("packing"),
            "yes",
            "Puts several rows into one sequence instead of padding them, without mixing them. "
            "Faster; the result is the same.",
        ),
        Setting(
            "precision",
            "Precision",
            "choice",
            "auto uses bf16 where the hardware has it. Use fp32 if the loss becomes NaN.",
            ("auto", "bf16", "fp32"),
        ),
        Setting(
            "gradient_checkpointing",
            label("gradient_checkpointing"),
            "yes",
            "Computes activations twice instead of keeping them: less memory, but about a third "
            "slower.",
        ),
    ),
    "Validation and best checkpoint": (
        Setting(
            "eval_every",
            "Evaluate every (steps)",
            "whole",
            "How often validation rows are measured. Use a large number on slow machines.",
        ),
        Setting(
            "eval_rows",
            "Validation rows",
            "whole",
            "Rows that an evaluation measures (0 = none). More are more reliable and slower.",
        ),
        Setting(
            "task_metrics",
            "Task metrics",
            "yes",
            "Also lets the model answer these rows and measures function accuracy and slot F1. "
            "Slower than the loss alone.",
        ),
        Setting(
            "best_by",
            "Best checkpoint by",
            "choice",
            "Decides which checkpoint becomes the model. Choose loss or a task metric for long "
            "runs.",
            ("last", "loss", "function_accuracy", "slot_f1"),
        ),
        Setting(
            "early_stopping",
            label("early_stopping"),
            "whole",
            "Stops the run after this many evaluations without gain (0 = never). Needs a best "
            "checkpoint other than last.",
        ),
        Setting(
            "save_every",
            "Save every (steps)",
            "whole",
            "How often a checkpoint is written, besides once a minute.",
        ),
    ),
    "Limits and naming": (
        Setting(
            "max_steps",
            "Step limit",
            "whole",
            "Replaces epochs (0 = no limit). A few steps are enough to try a config.",
            optional=True,
        ),
        Setting(
            "seed",
            "Seed",
            "whole",
            "Seed of the order of rows and of the adapter's start. Change it to see the effect of "
            "chance.",
        ),
        Setting(
            "report_to",
            "Trackers",
            "words",
            "Trackers that also get the curves, separated by commas: tensorboard, wandb, mlflow "
            "and others that are installed.",
        ),
        Setting("notes", "Notes", "text", "What this run is for, shown with the run."),
        Setting("tags", "Tags", "words", "Words to find the run by, separated by commas."),
    ),
}


def _as(field: str, help: str = "") -> Setting:
    """A setting of both targets, with another help text where it means something else."""
    settings_known = (*SIMPLE, *(s for group in EXPERT.values() for s in group))
    setting = next(s for s in settings_known if s.field == field)
    return replace(setting, help=help or setting.help)


RETRIEVER_SIMPLE = (
    _as(
        "epochs",
        "Passes over all labels. The default suits their number: more passes for fewer labels.",
    ),
    _as(
        "max_minutes",
        "Time limit of the training (0 = no limit); fitting the head and saving come on top. "
        "Check predicts how long the run takes.",
    ),
    _as("batch_size", "Labels that one step learns from."),
)
RETRIEVER_EXPERT: dict[str, tuple[Setting, ...]] = {
    "Optimizer": (
        _as(
            "learning_rate",
            "Size of a step of the encoder (empty = 1e-4 for all weights, 1e-3 for LoRA). Lower "
            "it when the loss jumps.",
        ),
        Setting(
            "head_learning_rate",
            "Learning rate of the heads",
            "number",
            "Size of a step of the layers on top of the encoder. It is larger because they start "
            "at zero.",
            step=0.001,
        ),
        Setting(
            "contrast",
            label("contrast"),
            "number",
            "Weight of a loss that pulls labels of one function together (0 = off).",
            step=0.1,
        ),
        _as("warmup_share"),
        _as("weight_decay"),
        _as("max_grad_norm"),
    ),
    "Adapter": (_as("lora_rank"), _as("lora_alpha"), _as("lora_dropout")),
    "Held-out parts and validation": (
        Setting(
            "folds",
            "Folds",
            "whole",
            "Number of parts that the labels are cut into. Models that each leave out one part "
            "measure head and encoder on new rows; more parts take longer.",
        ),
        _as("eval_rows", "Validation rows on which the finished model is measured (0 = none)."),
    ),
    "Limits and naming": (
        _as("max_steps", "Largest number of steps of each model (0 = no limit)."),
        _as(
            "seed",
            "Seed of the order of labels and of the folds. Change it to see the effect of chance.",
        ),
        _as("notes"),
        _as("tags"),
    ),
}
