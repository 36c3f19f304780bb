"""What a dataset is made of. The fields' descriptions are what page and shell show beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from radu_core.errors import InputError
from radu_core.fields import wrong_lines
from radu_core.models import DEFAULT_GENERATOR
from radu_core.prompts import STRATEGIES, RowOptions
from radu_core.terms import TERMS

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from radu_core.retrieval import Embedder, Query, Retrieved

__all__ = ["DatasetConfig", "Retriever", "check_config"]


class DatasetConfig(BaseModel):
    """Tasks, how much is retrieved, how long a row may be, and the rows' options."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    strategies: tuple[str, ...] = Field(
        default=("rag", "all"),
        description="Tasks to make rows for: "
        + ", ".join(f"{name} ({TERMS[name].name.lower()})" for name in STRATEGIES)
        + ".",
    )
    k_desc: int = Field(
        default=3, ge=0, le=50, description=f"{TERMS['k_desc'].name}, for each utterance."
    )
    max_length: int = Field(
        default=512,
        ge=16,
        le=131_072,
        description="Most tokens of a row, completion and end token included. A longer row loses "
        "its least relevant exemplars, then descriptions other than the answer's.",
    )
    tokenizer: str | None = Field(
        default=DEFAULT_GENERATOR,
        description="Base model whose tokens are counted. none: lengths aren't checked.",
    )
    chat_template: str = Field(
        default="none",
        min_length=1,
        description="Chat turns around a prompt: none (plain text), auto (the base model's own "
        "chat template, if it has one), or the path of a jinja file.",
    )
    out_of_scope_cap: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Largest share of training utterances out of scope; the others are left out at "
        "random. none: all are used.",
    )
    rows: RowOptions = RowOptions()

    @classmethod
    def of(cls, **options: object) -> DatasetConfig:
        """From options by name, those of ``rows`` among them; ``InputError`` names what is wrong.

        What isn't given, or None, is as by default, except that a ``tokenizer`` or
        ``out_of_scope_cap`` of ``"none"`` is none.
        """
        fields = {k: v for k, v in options.items() if v is not None}
        none = {k: None for k in ("tokenizer", "out_of_scope_cap") if fields.get(k) == "none"}
        rows = {k: fields.pop(k) for k in [*fields] if k in RowOptions.model_fields}
        try:
            return cls.model_validate({**fields, **none, "rows": rows})
        except ValidationError as error:
            raise InputError(
                f"The dataset's options aren't valid: {wrong_lines(error, cls)}",
                remedy="Correct these.",
            ) from error

    @staticmethod
    def options() -> dict[str, FieldInfo]:
        """Every option by name: a dataset's own, and in the place of ``rows`` the rows'."""
        own = {k: v for k, v in DatasetConfig.model_fields.items() if k != "rows"}
        return {**own, **RowOptions.model_fields}

    @staticmethod
    def help(name: str) -> str:
        """What the option of that name, of ``rows`` or not, is for."""
        return DatasetConfig.options()[name].description or ""


class Retriever(Protocol):
    """What rows need of a ``ModuleIndex``."""

    fingerprint: str

    @property
    def embedder(self) -> Embedder: ...

    def search(
        self, queries: Sequence[Query], *, k_desc: int, k_exemplar: int
    ) -> list[Retrieved]: ...


def check_config(config: DatasetConfig) -> None:
    """``InputError`` for tasks that don't exist, that are named twice, or none at all."""
    names = ", ".join(STRATEGIES)
    for name in config.strategies:
        if name not in STRATEGIES:
            raise InputError("No such strategy", value=name, remedy=f"Use some of {names}.")
    if not config.strategies:
        raise InputError("No task was chosen", remedy=f"Choose some of {names}.")
    if "rag" in config.strategies and config.k_desc == config.rows.k_exemplar == 0:
        raise InputError(
            "With 0 descriptions (k_desc) and 0 exemplars (k_exemplar), a rag prompt shows no "
            "function and its answer is always none",
            remedy="Set one of them to 1 or more; the Coverage page shows what is enough.",
        )
    if len(set(config.strategies)) < len(config.strategies):
        raise InputError(
            "A task is named twice", value=list(config.strategies), remedy="Name each once."
        )
