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
        "How often the run goes through all training rows. More for few rows, less where the "
        "validation loss rises again.",
        step=0.5,
    ),
    Setting(
        "max_minutes",
        "Time limit (minutes)",
        "number",
        "Loading and training stop by then; measuring and writing the model come after it. "
        "0: no limit, and Check predicts how long the run takes.",
        optional=True,
        step=5.0,
    ),
    Setting(
        "batch_size",
        "Batch size",
        "whole",
        "Rows that go through the model before the weights change. Smaller needs less memory; "
        "larger is steadier.",
    ),
)
EXPERT: dict[str, tuple[Setting, ...]] = {
    "Optimizer": (
        Setting(
            "learning_rate",
            "Learning rate",
            "rate",
            "How far a step goes. Empty: 1e-3 for LoRA and QLoRA, 5e-5 for full. Lower it when "
            "the loss jumps.",
        ),
        Setting(
            "schedule",
            "Schedule",
            "choice",
            "How the learning rate falls until the end. Constant suits runs that are stopped "
            "by hand.",
            ("linear", "cosine", "constant"),
        ),
        Setting(
            "warmup_share",
            "Warm-up share",
            "number",
            "The share of the run in which the learning rate rises from 0. Raise it when the "
            "first steps make the loss worse.",
            step=0.01,
        ),
        Setting(
            "weight_decay",
            "Weight decay",
            "number",
            "Pulls weights towards 0. Try 0.01 when full fine-tuning overfits.",
            step=0.01,
        ),
        Setting(
            "max_grad_norm",
            label("max_grad_norm"),
            "number",
            "Longer gradients are shortened to this (0 = no limit). Lower it when the loss has "
            "spikes.",
            step=0.1,
        ),
        Setting(
            "grad_accumulation",
            label("grad_accumulation"),
            "whole",
            "So many batches make one step: the same as a larger batch, in the memory of a "
            "small one.",
        ),
    ),
    "Adapter": (
        Setting(
            "lora_rank",
            label("lora_rank"),
            "whole",
            "How much an adapter can hold. Raise it when training loss stays high.",
            adapter=True,
        ),
        Setting(
            "lora_alpha",
            label("lora_alpha"),
            "whole",
            "The adapter's weight is alpha / rank. As a rule twice the rank.",
            adapter=True,
        ),
        Setting(
            "lora_dropout",
            label("lora_dropout"),
            "number",
            "The share of the adapter's input left out at random. Try 0.05 when few rows are "
            "learnt by heart.",
            step=0.05,
            adapter=True,
        ),
        Setting(
            "lora_targets",
            label("lora_targets"),
            "layers",
            "Layers that get an adapter: all-linear, or some of the base model's, such as "
            "q_proj and v_proj, for a smaller one.",
            adapter=True,
        ),
        Setting(
            "use_dora",
            label("use_dora"),
            "yes",
            "Learns size and direction of weights apart. Slower; at low ranks often better.",
            adapter=True,
        ),
        Setting(
            "use_rslora",
            label("use_rslora"),
            "yes",
            "Divides alpha by the root of the rank. Turn it on for ranks above 64.",
            adapter=True,
        ),
    ),
    "Memory and speed": (
        Setting(
            "chat_template",
            label("chat_template"),
            "text",
            "none: rows are plain text. auto: the base model's own, if it has one, with the "
            "prompt as the user's turn. Or the path of a jinja file.",
        ),
        Setting(
            "max_length",
            label("max_length"),
            "whole",
            "Longer rows are refused, never cut. Raise it to the longest row that Check names.",
        ),
        Setting(
            "skip_overlong",
            "Leave over-long rows out",
            "yes",
            "Train without rows longer than max_length instead of refusing the run.",
        ),
        Setting(
            "tokens_per_pass",
            "Tokens per pass",
            "whole",
            "How many tokens go through the model at once. Lower it when memory runs out: the "
            "result stays the same. 0: as the device allows.",
            optional=True,
            step=256,
        ),
        Setting(
            "processes",
            "Processes",
            "whole",
            "So many work together, each with a batch of its own: a step has that many times "
            "the rows. For several GPUs; on one CPU it is no faster.",
        ),
        Setting(
            "packing",
            label("packing"),
            "yes",
            "Rows stand one after the other in a sequence, and don't read each other, instead "
            "of being padded. Faster; the result stays the same.",
        ),
        Setting(
            "precision",
            "Precision",
            "choice",
            "auto is bf16 where the hardware has it. fp32 when the loss becomes NaN.",
            ("auto", "bf16", "fp32"),
        ),
        Setting(
            "gradient_checkpointing",
            label("gradient_checkpointing"),
            "yes",
            "Computes activations twice instead of keeping them: less memory, about a third "
            "slower.",
        ),
    ),
    "Validation and best checkpoint": (
        Setting(
            "eval_every",
            "Evaluate every (steps)",
            "whole",
            "How often validation rows are measured. Rarely on slow machines.",
        ),
        Setting(
            "eval_rows",
            "Validation rows",
            "whole",
            "How many rows an evaluation measures. More is surer and slower. 0: none.",
        ),
        Setting(
            "task_metrics",
            "Task metrics",
            "yes",
            "Also let the model answer these rows: function accuracy and slot F1. Slower than "
            "the loss alone.",
        ),
        Setting(
            "best_by",
            "Keep the checkpoint that is best by",
            "choice",
            "Which checkpoint becomes the model. Choose loss or a task metric for long runs.",
            ("last", "loss", "function_accuracy", "slot_f1"),
        ),
        Setting(
            "early_stopping",
            label("early_stopping"),
            "whole",
            "Ends a run after so many evaluations without gain. Needs a best checkpoint other "
            "than last. 0: never.",
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
            "Takes the place of epochs. A few are enough to try a config. 0: no limit.",
            optional=True,
        ),
        Setting(
            "seed",
            "Seed",
            "whole",
            "The order of rows and the start of the adapter. Change it to see how much of a "
            "difference is chance.",
        ),
        Setting(
            "report_to",
            "Trackers",
            "words",
            "Where the curves are sent as well, separated by commas: tensorboard, wandb, "
            "mlflow and others that are installed. Empty: nowhere.",
        ),
        Setting("notes", "Notes", "text", "What this run is for; shown with it."),
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
        "How often the run goes through all labels. It begins with what suits their number: fewer "
        "labels, more rounds.",
    ),
    _as(
        "max_minutes",
        "Training stops by then, with its learning rate at its end. Fitting the head and writing "
        "the model come after it. 0: no limit, and Check predicts how long the run takes.",
    ),
    _as("batch_size", "Labels that go through the model before the weights change."),
)
RETRIEVER_EXPERT: dict[str, tuple[Setting, ...]] = {
    "Optimizer": (
        _as(
            "learning_rate",
            "How far a step of the encoder goes. Empty: 1e-4 for full, 1e-3 for LoRA. Lower it "
            "when the loss jumps.",
        ),
        Setting(
            "head_learning_rate",
            "Learning rate of the heads",
            "number",
            "How far a step of the layers on the encoder goes. They begin at zero: it is higher.",
            step=0.001,
        ),
        Setting(
            "contrast",
            label("contrast"),
            "number",
            "Weight of a loss that pulls labels of one function together. 0: there is none.",
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
            "In how many parts the labels are cut: models that each leave one out say how good the "
            "head and the encoder are on rows that they haven't learnt. More takes longer.",
        ),
        _as("eval_rows", "How many validation rows the finished model is measured on. 0: none."),
    ),
    "Limits and naming": (
        _as("max_steps", "At most so many steps of each fold's model and the last. 0: no limit."),
        _as("seed", "The order of labels and the folds. Change it to see what is chance."),
        _as("notes"),
        _as("tags"),
    ),
}
