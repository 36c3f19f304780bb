"""The options of rows, with the words that the page and the shell show beside each."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from radu_core.exemplars import Split
from radu_core.prompts.asking import Order

__all__ = ["RowOptions"]


class RowOptions(BaseModel):
    """How many rows of each kind an exemplar gives. Shares are probabilities per exemplar.

    The descriptions are what the page and the shell show beside each option.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    k_exemplar: int = Field(
        default=4,
        ge=0,
        le=50,
        description="Exemplars retrieved: how many of the nearest ones a prompt shows.",
    )
    k_slot_examples: int = Field(
        default=2,
        ge=0,
        le=20,
        description=(
            "Examples for slots: how many exemplars of the same function a prompt shows "
            "with values."
        ),
    )
    order: Order = Field(
        default="most_relevant_last",
        description="Where a prompt puts the most relevant function and exemplar; the trained "
        "model "
        "is asked in the same order, or most_relevant_last after shuffled.",
    )
    fewer_share: float = Field(
        default=0.15,
        ge=0,
        le=1,
        description="Share of rag prompts that are repeated with fewer exemplars.",
    )
    zero_share: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Share of prompts that are repeated without any exemplar.",
    )
    dropout: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Where a prompt has fewer exemplars, the probability that one is left out. "
        "0: the least relevant ones are left out.",
    )
    removed_share: float = Field(
        default=0.15,
        ge=0,
        le=1,
        description="Share of rag prompts that are repeated without the right function: the answer "
        "is none.",
    )
    knn_pairs: int = Field(
        default=2,
        ge=1,
        le=20,
        description=(
            "Pairs that mean the same (knn): exemplars of its own function for each utterance."
        ),
    )
    knn_negatives: int = Field(
        default=2,
        ge=0,
        le=50,
        description="Pairs that differ (knn): exemplars of other functions for each utterance.",
    )
    hardness: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Similarity of negatives (knn): 1 takes the nearest exemplars of other "
        "functions, 0 spreads them over all that were retrieved.",
    )
    near_duplicate: float = Field(
        default=0.95,
        gt=0,
        le=1,
        description="A negative at least this similar (cosine) to a positive is a suspected "
        "labelling "
        "error: it is listed and not trained on.",
    )
    seed: int = Field(
        default=0,
        description="Seed of the random choice of repeated prompts and of the order of rows.",
    )

    def for_split(self, split: Split) -> RowOptions:
        """These options for training; for any other split no rows are made to vary the prompt."""
        if split == "train":
            return self
        none = {"removed_share": 0.0, "fewer_share": 0.0, "zero_share": 0.0}
        return self.model_copy(update=none)
