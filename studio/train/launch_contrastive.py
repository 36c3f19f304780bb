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
        help="How often the run goes through all labels. It begins with what suits their number.",
    ),
    replace(
        _KNOWN["max_minutes"],
        help="Training stops by then, with its learning rate at its end. 0: no limit, and Check "
        "predicts how long the run takes.",
    ),
    replace(
        _KNOWN["batch_size"],
        help="Labels that go through the model before the weights change, two of each function.",
    ),
)
CONTRASTIVE_EXPERT: dict[str, tuple[Setting, ...]] = {
    "Optimizer": (
        replace(
            _KNOWN["learning_rate"],
            help="How far a step goes. Empty: 5e-5 for full, 1e-3 for LoRA. Lower it when the "
            "guard says that the tuned encoder finds less.",
        ),
        replace(
            _KNOWN["retriever_temperature"],
            label="Temperature",
            help="Divides the similarities. Lower: the nearest texts of other functions count "
            "more.",
        ),
        _KNOWN["warmup_share"],
        _KNOWN["weight_decay"],
        _KNOWN["max_grad_norm"],
    ),
    "Adapter": RETRIEVER_EXPERT["Adapter"],
    "Held-out parts and validation": (
        replace(
            _KNOWN["folds"],
            help="In how many parts the labels are cut. Models that each leave one out are made "
            "until 200 rows were asked about: on these the guard compares.",
        ),
        replace(
            _KNOWN["eval_rows"],
            help="How many validation rows the vote of the exemplars is measured on. 0: none.",
        ),
    ),
    "Limits and naming": RETRIEVER_EXPERT["Limits and naming"],
}


def begin_alone(planned: Mapping[str, Any]) -> dict[str, Any]:
    """What the fields begin with, where that isn't the usual default; ``planned`` is what Fit would
    choose for as many labels."""
    fields_kept = ("epochs", "warmup_share", "weight_decay", "eval_rows", "folds")
    own = {n: v for n, v in planned.items() if n in fields_kept}
    if "epochs" in own:
        own["epochs"] = round(own["epochs"] * ROUNDS_ALONE, 1)
    return own | {"batch_size": 32}
