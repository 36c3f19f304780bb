"""What a run is: dataset, base model, method and settings. LoRA and full differ here only."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from radu_core.errors import InputError
from radu_core.fields import wrong_fields, wrong_lines
from radu_core.files import readable
from radu_core.models import DEFAULT_GENERATOR
from radu_core.training.run.machine import beyond, missing_for_qlora
from radu_core.training.run.trackers import TRACKERS, missing_tracker

__all__ = ["OF_RETRIEVERS", "TrainConfig", "settings_of_retriever"]

# What counts where the retriever is tuned; of the other settings only the defaults are taken.
_OF_ALL_RETRIEVERS = frozenset(
    (
        "target",
        "objective",
        "dataset",
        "base_model",
        "method",
        "epochs",
        "max_steps",
        "max_minutes",
        "batch_size",
        "processes",
        "learning_rate",
        "warmup_share",
        "weight_decay",
        "max_grad_norm",
        "eval_rows",
        "seed",
        "notes",
        "tags",
    )
)
_OF_OBJECTIVE = {
    "joint": frozenset(
        (
            "folds",
            "contrast",
            "head_learning_rate",
            "lora_rank",
            "lora_alpha",
            "lora_dropout",
        )
    ),
    "contrastive": frozenset(
        ("folds", "retriever_temperature", "lora_rank", "lora_alpha", "lora_dropout")
    ),
    "lsr": frozenset(
        (
            "teachers",
            "chunks",
            "tower",
            "divergence",
            "retriever_temperature",
            "teacher_temperature",
            "reembed_every",
        )
    ),
}
OF_RETRIEVERS = _OF_ALL_RETRIEVERS.union(*_OF_OBJECTIVE.values())

_JINJA = re.compile(r"{[{%]")
_LEARNING_RATE = {"lora": 1e-3, "qlora": 1e-3, "full": 5e-5}
_ENCODER_RATE = {
    "joint": {"lora": 1e-3, "full": 1e-4},
    "contrastive": {"lora": 1e-3, "full": 5e-5},
    "lsr": {"full": 5e-5},
}


def settings_of_retriever(objective: str) -> frozenset[str]:
    """The settings that count where a retriever is tuned to an objective."""
    return _OF_ALL_RETRIEVERS | _OF_OBJECTIVE.get(objective, frozenset())


class TrainConfig(BaseModel):
    """All settings of a run. ``dataset`` is ``…/<name>/<module>``; sizes are in rows and tokens.

    ``batch_size × grad_accumulation × processes`` rows make an optimizer step;
    ``tokens_per_pass`` bounds how many tokens go through the model at once (None: by the device).
    Which rows make a step doesn't depend on it. ``chat_template`` is ``none`` (rows are plain
    text), ``auto`` (the base model's own, if it has one), jinja, or the path of a file of it.
    ``best_by`` says which checkpoint becomes the model; ``early_stopping`` ends a run after so many
    evaluations that weren't better (0: never).

    ``target`` is what is tuned: the generator, on a dataset's rows, or the retriever, on the labels
    these rows were made of; ``base_model`` is then an embedding model. Of the retriever's own
    settings, ``folds`` says in how many parts the labels are cut for the out-of-fold scores that
    its head is fitted on, ``contrast`` weighs the contrastive loss, ``head_learning_rate`` is of
    the layers on top of the encoder.

    ``objective`` ``contrastive`` tunes the retriever alone: utterances, templates and descriptions
    of one function are pulled together, at ``retriever_temperature``; of the folds, as many are
    made as the guard needs.

    ``lsr`` tunes the retriever on what a language model says: ``teachers`` are base models or runs,
    of which a row's is the first that hasn't learnt it; ``chunks`` is how many exemplars each row
    retrieves, ``tower`` whether the encoder of queries is tuned and the vectors of exemplars stay,
    or one encoder of both, which embeds the exemplars again every ``reembed_every`` steps.
    ``divergence`` and the temperatures: see ``training.lsr.losses``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    target: Literal["generator", "retriever"] = "generator"
    objective: Literal["joint", "contrastive", "lsr"] = "joint"
    dataset: Path
    base_model: str
    chat_template: str = Field(default="none", min_length=1)
    method: Literal["lora", "full", "qlora"] = "lora"
    epochs: float = Field(default=1.0, gt=0, le=100)
    max_steps: int | None = Field(default=None, ge=1)
    max_minutes: float | None = Field(default=None, gt=0)
    batch_size: int = Field(default=8, ge=1, le=512)
    processes: int = Field(default=1, ge=1, le=64)
    grad_accumulation: int = Field(default=1, ge=1, le=512)
    tokens_per_pass: int | None = Field(default=None, ge=16)
    packing: bool = True
    learning_rate: float | None = Field(default=None, gt=0, le=1)
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    warmup_share: float = Field(default=0.05, ge=0, le=0.9)
    weight_decay: float = Field(default=0.0, ge=0, le=1)
    max_grad_norm: float = Field(default=1.0, ge=0, le=1000)
    max_length: int = Field(default=512, ge=16, le=131_072)
    skip_overlong: bool = False
    lora_rank: int = Field(default=16, ge=1, le=512)
    lora_alpha: int = Field(default=32, ge=1, le=1024)
    lora_dropout: float = Field(default=0.0, ge=0, lt=1)
    lora_targets: str | tuple[str, ...] = "all-linear"
    use_dora: bool = False
    use_rslora: bool = False
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    gradient_checkpointing: bool = False
    eval_every: int = Field(default=25, ge=1)
    eval_rows: int = Field(default=64, ge=0)
    task_metrics: bool = True
    best_by: Literal["last", "loss", "function_accuracy", "slot_f1"] = "last"
    early_stopping: int = Field(default=0, ge=0, le=1000)
    save_every: int = Field(default=50, ge=1)
    report_to: tuple[str, ...] = ()
    folds: int = Field(default=3, ge=2, le=20)
    contrast: float = Field(default=0.0, ge=0, le=10)
    head_learning_rate: float = Field(default=3e-3, gt=0, le=1)
    teachers: tuple[str, ...] = Field(default=(DEFAULT_GENERATOR,), min_length=1, max_length=20)
    chunks: int = Field(default=10, ge=2, le=50)
    tower: Literal["query", "shared"] = "query"
    divergence: Literal["retriever_teacher", "teacher_retriever"] = "retriever_teacher"
    retriever_temperature: float = Field(default=0.1, gt=0, le=10)
    teacher_temperature: float = Field(default=0.1, gt=0, le=10)
    reembed_every: int = Field(default=50, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**32)
    notes: str = ""
    tags: tuple[str, ...] = ()

    @field_validator("use_dora", "use_rslora")
    @classmethod
    def _of_adapters(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("method") == "full":
            raise ValueError("full fine-tuning has no adapter; choose lora or leave this off")
        return value

    @field_validator("task_metrics")
    @classmethod
    def _of_rows(cls, value: bool, info: ValidationInfo) -> bool:
        return value and info.data.get("eval_rows", 1) > 0

    @field_validator("best_by")
    @classmethod
    def _is_measured(cls, value: str, info: ValidationInfo) -> str:
        if value != "last" and info.data.get("eval_rows") == 0:
            raise ValueError("it is measured on validation rows; set eval_rows above 0, or last")
        if value in ("function_accuracy", "slot_f1") and info.data.get("task_metrics") is False:
            raise ValueError("it is a task metric; turn task_metrics on, or choose loss")
        return value

    @field_validator("early_stopping")
    @classmethod
    def _has_a_measure(cls, value: int, info: ValidationInfo) -> int:
        if value and info.data.get("best_by") == "last":
            raise ValueError("it needs a measure; set best_by to loss or a task metric")
        return value

    @field_validator("objective")
    @classmethod
    def _of_its_target(cls, value: str, info: ValidationInfo) -> str:
        if value != "joint" and info.data.get("target") == "generator":
            raise ValueError("it is for runs that tune the retriever; set target: retriever")
        return value

    @field_validator("method")
    @classmethod
    def _tunes_retrievers(cls, value: str, info: ValidationInfo) -> str:
        if value == "qlora" and info.data.get("target") == "retriever":
            raise ValueError("a retriever is small enough for full or lora; choose one of them")
        if value != "full" and info.data.get("objective") == "lsr":
            raise ValueError("a retriever that learns from a language model is tuned whole: full")
        return value

    @field_validator("processes")
    @classmethod
    def _is_one(cls, value: int, info: ValidationInfo) -> int:
        if value > 1 and info.data.get("target") == "retriever":
            raise ValueError("a retriever is tuned by one process")
        return value

    @model_validator(mode="before")
    @classmethod
    def _settings_of_its_target(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("target") != "retriever":
            return data
        own = settings_of_retriever(str(data.get("objective", "joint")))
        defaults = {n: f.default for n, f in cls.model_fields.items() if n not in own}
        others = [
            name
            for name, default in defaults.items()
            if name in data
            and data[name]
            not in (default, list(default) if isinstance(default, tuple) else default)
        ]
        if others:
            raise ValueError(f"a retriever's run has no {', '.join(sorted(others))}; leave it out")
        return {"method": "full", **data}

    @field_validator("dataset", "base_model", "chat_template", "notes")
    @classmethod
    def _is_text(cls, value: Path | str) -> Path | str:
        text = str(value)
        if "\0" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
            raise ValueError("it holds a character that isn't text")
        return value

    @field_validator("report_to")
    @classmethod
    def _is_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name not in TRACKERS]
        if unknown:
            raise ValueError(f"no such tracker: {unknown[0]}; there are {', '.join(TRACKERS)}")
        return value

    @property
    def learns_by_teacher(self) -> bool:
        """Whether a language model says what the retriever is to learn."""
        return self.target == "retriever" and self.objective == "lsr"

    @property
    def tunes_alone(self) -> bool:
        """Whether the embedding model alone is tuned: nothing comes out that answers."""
        return self.target == "retriever" and self.objective != "joint"

    @property
    def adapts(self) -> bool:
        """Whether an adapter is trained."""
        return self.method != "full"

    @property
    def unavailable(self) -> dict[str, str]:
        """What this machine lacks for the config, by field.

        Not looked at when a config is read: that of a run from elsewhere is still one.
        """
        reasons = {}
        if self.method == "qlora" and (lack := missing_for_qlora()):
            reasons["method"] = lack
        lacking = filter(None, map(missing_tracker, self.report_to))
        if lack := "; ".join(lacking):
            reasons["report_to"] = lack
        if lack := beyond(self.processes):
            reasons["processes"] = lack
        return reasons

    @property
    def step_rows(self) -> int:
        """How many rows make an optimizer step."""
        return self.batch_size * self.grad_accumulation * self.processes

    def evaluations(self, steps: int) -> int:
        """How often a run of so many steps is evaluated.

        Every ``eval_every`` steps and after the last, and the best checkpoint, where it is wanted
        and isn't the last one, once more.
        """
        return math.ceil(steps / self.eval_every) + (self.best_by != "last")

    @property
    def rate(self) -> float:
        """The learning rate, or the method's default."""
        of_encoder = self.target == "retriever"
        rates = _ENCODER_RATE[self.objective] if of_encoder else _LEARNING_RATE
        return self.learning_rate or rates[self.method]

    def with_absolute_paths(self) -> TrainConfig:
        """With absolute paths: a run's process works in another directory."""
        paths_changed: dict[str, object] = {"dataset": self.dataset.resolve()}
        if self.chat_template not in ("auto", "none") and not _JINJA.search(self.chat_template):
            paths_changed["chat_template"] = str(Path(self.chat_template).expanduser().resolve())
        return self.model_copy(update=paths_changed)

    def to_yaml(self) -> str:
        """The settings as YAML; ``from_yaml`` reads it back."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

    @classmethod
    def validate_data(cls, data: object) -> TrainConfig:
        """Settings from plain data; ``InputError`` names every field that is wrong."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise InputError(
                f"The config isn't valid: {wrong_lines(error, cls)}",
                remedy="Correct these fields.",
            ) from error

    @classmethod
    def problems(cls, data: object, *, here: bool = True) -> dict[str, str]:
        """What is wrong with plain data, by field; empty if it could be launched.

        ``here``: on this machine.
        """
        try:
            config = cls.model_validate(data)
            return config.unavailable if here else {}
        except ValidationError as error:
            return wrong_fields(error, cls)

    @classmethod
    def from_yaml(cls, text: str) -> TrainConfig:
        """Settings from YAML; ``InputError`` says what is wrong."""
        return _from_yaml(text)

    @classmethod
    def from_file(cls, path: Path) -> TrainConfig:
        """Settings from a YAML file; ``InputError`` names the file and what is wrong."""
        with readable(path):
            text = path.read_text(encoding="utf-8", errors="replace")
        try:
            return cls.from_yaml(text)
        except InputError as error:
            raise InputError(f"{path}: {error.what}", remedy=error.remedy) from error


@lru_cache(maxsize=512)  # reading one takes some 6 ms, and pages read those of all runs each second
def _from_yaml(text: str) -> TrainConfig:
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: no such date
        what = f"The config isn't YAML ({_yaml_problem(error)})"
        raise InputError(what, remedy="Correct it.") from error
    return TrainConfig.validate_data(data)


def _yaml_problem(error: Exception) -> str:
    """What is wrong, and where, in one line."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return " ".join(str(error).split())
    return f"line {mark.line + 1}, column {mark.column + 1}: {getattr(error, 'problem', '')}"
