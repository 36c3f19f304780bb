"""What the launch tab asks for where the retriever alone is tuned (objective ``contrastive``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from radu_core.workflows.train.fit import ROUNDS_ALONE
from studio.train.launch_lsr import LSR_EXPERT
from studio.train.launch_settings import RETRIEVER_EXPERT, RETRIEVER_SIMPLE, Setting

__all__ = ["CONTRASTIVE_EXPERT", "CONTRASTIVE_SIMPLE", "begin_alone"]

_KNOWN = {
    s.field: s
    for group in (RETRIEVER_SIMPLE, *RETRIEVER_EXPERT.values(), *LSR_EXPERT.values())
    for s in group
}

CONTRASTIVE_SIMPLE = (
    replace(
        _KNOWN["epochs"],
        help="Passes over all labels. The default suits their number.",
    ),
    replace(
        _KNOWN["max_minutes"],
        help="Time limit of the training (0 = no limit). Check predicts how long the run takes.",
    ),
    replace(
        _KNOWN["batch_size"],
        help="Labels that one step learns from, two of each function.",
    ),
)
CONTRASTIVE_EXPERT: dict[str, tuple[Setting, ...]] = {
    "Optimizer": (
        replace(
            _KNOWN["learning_rate"],
            help="Size of a step (empty = 5e-5 for all weights, 1e-3 for LoRA). Lower it if the "
            "tuned encoder finds less.",
        ),
        replace(
            _KNOWN["retriever_temperature"],
            label="Temperature",
            help="A lower temperature gives more weight to the nearest texts of other functions.",
        ),
        _KNOWN["warmup_share"],
        _KNOWN["weight_decay"],
        _KNOWN["max_grad_norm"],
    ),
    "Adapter": RETRIEVER_EXPERT["Adapter"],
    "Held-out parts and validation": (
        replace(
            _KNOWN["folds"],
            help="Number of parts that the labels are cut into. Each model leaves out one part "
            "and is compared on it, on up to 200 rows in all.",
        ),
        replace(
            _KNOWN["eval_rows"],
            help="Validation rows on which the vote of exemplars is measured (0 = none).",
        ),
    ),
    "Limits and naming": RETRIEVER_EXPERT["Limits and naming"],
}


def begin_alone(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What the fields begin with, where that isn't the usual default.

    ``plan`` is what Fit would choose for as many labels.
    """
    fields_kept = ("epochs", "warmup_share", "weight_decay", "eval_rows", "folds")
    own = {n: v for n, v in plan.items() if n in fields_kept}
    if "epochs" in own:
        own["epochs"] = round(own["epochs"] * ROUNDS_ALONE, 1)
    return own | {"batch_size": 32}
