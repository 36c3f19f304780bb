"""What the launch tab asks for where a language model teaches the retriever (objective ``lsr``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from radu_core.terms import label
from radu_core.workflows.coverage.prompt_tokens import generators
from radu_core.workflows.frame.run_list import runs
from studio.frame.page import Page
from studio.train.launch_settings import RETRIEVER_EXPERT, RETRIEVER_SIMPLE, Setting

__all__ = ["LSR_EXPERT", "LSR_SIMPLE", "begin_with", "teachers"]

_KNOWN = {
    s.field: s for s in (*RETRIEVER_SIMPLE, *(s for g in RETRIEVER_EXPERT.values() for s in g))
}

LSR_SIMPLE = (
    Setting(
        "teachers",
        "Teachers",
        "names",
        "Language models, or runs that tuned one, that say which exemplars help. A row's is the "
        "first that hasn't learnt it: name the base model, or runs that each left some labels out.",
    ),
    replace(_KNOWN["epochs"], help="How often the run goes through the rows that it can learn."),
    replace(
        _KNOWN["max_minutes"],
        help="Asking the teacher takes at most 60 % of it; rows that weren't asked about are left "
        "out and counted. 0: no limit.",
    ),
    replace(_KNOWN["batch_size"], help="Rows that go through the model before the weights change."),
)
LSR_EXPERT: dict[str, tuple[Setting, ...]] = {
    "What is learnt": (
        Setting(
            "chunks",
            "Exemplars per row",
            "whole",
            "Exemplars that a row retrieves. The teacher is asked with each: more takes longer.",
        ),
        Setting(
            "tower",
            label("tower"),
            "choice",
            "query: the encoder of utterances is tuned, exemplars keep their vectors. shared: one "
            "encoder of both, and the teacher is asked again.",
            ("query", "shared"),
        ),
        Setting(
            "reembed_every",
            "Embed exemplars every (steps)",
            "whole",
            "How often a shared encoder embeds the exemplars again. The tower query never does.",
        ),
        Setting(
            "divergence",
            label("divergence"),
            "choice",
            "What is minimised between retriever P and teacher Q. retriever_teacher: KL(P ‖ Q), as "
            "the papers write it. teacher_retriever: KL(Q ‖ P), as implementations compute it.",
            ("retriever_teacher", "teacher_retriever"),
        ),
        Setting(
            "retriever_temperature",
            "Temperature of the retriever",
            "number",
            "Divides the similarities. Lower: the nearest exemplars count more.",
            step=0.01,
        ),
        Setting(
            "teacher_temperature",
            "Temperature of the teacher",
            "number",
            "Divides the teacher's probabilities. Lower it where many rows prefer no exemplar.",
            step=0.01,
        ),
    ),
    "Optimizer": (
        replace(
            _KNOWN["learning_rate"],
            help="How far a step of the encoder goes. Empty: 5e-5. Lower it when the loss jumps.",
        ),
        _KNOWN["warmup_share"],
        _KNOWN["weight_decay"],
        _KNOWN["max_grad_norm"],
    ),
    "Validation": (
        replace(
            _KNOWN["eval_rows"],
            help="How many validation rows the vote of the exemplars is measured on. 0: none.",
        ),
    ),
    "Limits and naming": (
        replace(_KNOWN["max_steps"], help="At most so many steps. 0: no limit."),
        replace(_KNOWN["seed"], help="The order of rows. Change it to see what is chance."),
        _KNOWN["notes"],
        _KNOWN["tags"],
    ),
}


def begin_with(planned: Mapping[str, Any]) -> dict[str, Any]:
    """What the fields begin with, where that isn't the usual default; ``planned`` is what Fit would
    choose for as many labels."""
    fields_kept = ("epochs", "warmup_share", "weight_decay", "eval_rows")
    return {**{n: v for n, v in planned.items() if n in fields_kept}, "batch_size": 32}


def teachers(here: Page) -> list[str]:
    """The language models that are here, then the module's finished runs of one."""
    tuned = [
        run.id
        for run in runs(here.workspace, here.module)
        if run.state()[0] == "finished" and run.config().target == "generator"
    ]
    return [*generators(here.workspace), *tuned]
