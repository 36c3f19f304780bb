"""The options of rows, with the words that the page and the shell show beside each."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from radu_core.exemplars import Split
from radu_core.prompts.strategies import Order

__all__ = ["RowOptions"]


class RowOptions(BaseModel):
    """How many rows of each kind an exemplar gives. Shares are probabilities per exemplar.

    The descriptions are what the page and the shell show beside each option.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    k_exemplar: int = Field(
        default=4, ge=0, le=50, description="Exemplars shown in a rag prompt, the nearest ones."
    )
    k_slot_examples: int = Field(
        default=2,
        ge=0,
        le=20,
        description="Examples with their values shown in a slot prompt, of the same function.",
    )
    order: Order = Field(
        default="most_relevant_last",
        description="Where the most relevant function and exemplar stand in a prompt. The model is "
        "asked in the same order later; after shuffled training, with the most relevant last.",
    )
    fewer_share: float = Field(
        default=0.15,
        ge=0,
        le=1,
        description="Share of rag utterances that give one more row with fewer exemplars.",
    )
    zero_share: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Share of utterances that give one more row without any exemplar.",
    )
    dropout: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="In a row with fewer exemplars, the probability that an exemplar is left out, "
        "wherever it stands. 0: the least relevant ones are left out.",
    )
    removed_share: float = Field(
        default=0.15,
        ge=0,
        le=1,
        description="Share of rag utterances that give one more row whose right function was taken "
        "out of the prompt; the answer is none.",
    )
    knn_pairs: int = Field(
        default=2,
        ge=1,
        le=20,
        description="knn: exemplars of the same function an utterance is paired with (yes).",
    )
    knn_negatives: int = Field(
        default=2,
        ge=0,
        le=50,
        description="knn: exemplars of other functions an utterance is paired with (no).",
    )
    hardness: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="knn: 1 takes the nearest exemplars of other functions, 0 spreads them over "
        "all that were retrieved.",
    )
    near_duplicate: float = Field(
        default=0.95,
        gt=0,
        le=1,
        description="A negative at least this similar to a positive is a suspected labelling "
        "error: it is listed, and not trained on.",
    )
    seed: int = Field(
        default=0, description="Decides which utterances give the additional rows, and shuffles."
    )

    def for_split(self, split: Split) -> RowOptions:
        """These options for training; for any other split no rows are made to vary the prompt."""
        if split == "train":
            return self
        none = {"removed_share": 0.0, "fewer_share": 0.0, "zero_share": 0.0}
        return self.model_copy(update=none)
