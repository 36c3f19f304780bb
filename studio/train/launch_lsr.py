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
        "Language models, or runs that tuned one, that judge which exemplars help. Each row is "
        "judged by the first teacher that wasn't trained on it.",
    ),
    replace(_KNOWN["epochs"], help="Passes over the rows that can be learnt."),
    replace(
        _KNOWN["max_minutes"],
        help="Time limit (0 = no limit). Asking the teacher takes at most 60 % of it; rows not "
        "asked about are left out and counted.",
    ),
    replace(_KNOWN["batch_size"], help="Rows that one step learns from."),
)
LSR_EXPERT: dict[str, tuple[Setting, ...]] = {
    "What is learnt": (
        Setting(
            "chunks",
            "Exemplars per row",
            "whole",
            "Exemplars retrieved for each row. The teacher is asked about each, so more take "
            "longer.",
        ),
        Setting(
            "tower",
            label("tower"),
            "choice",
            "query tunes the encoder of utterances alone. shared tunes one encoder for utterances "
            "and exemplars, and asks the teacher again.",
            ("query", "shared"),
        ),
        Setting(
            "reembed_every",
            "Embed exemplars every (steps)",
            "whole",
            "How often a shared encoder embeds the exemplars again.",
        ),
        Setting(
            "divergence",
            label("divergence"),
            "choice",
            "Which way the retriever P is compared with the teacher Q: KL(P ‖ Q) as in the "
            "papers, or KL(Q ‖ P) as in most implementations.",
            ("retriever_teacher", "teacher_retriever"),
        ),
        Setting(
            "retriever_temperature",
            "Temperature of the retriever",
            "number",
            "A lower temperature gives more weight to the nearest exemplars.",
            step=0.01,
        ),
        Setting(
            "teacher_temperature",
            "Temperature of the teacher",
            "number",
            "A lower temperature sharpens the teacher's preferences. Lower it if many rows prefer "
            "no exemplar.",
            step=0.01,
        ),
    ),
    "Optimizer": (
        replace(
            _KNOWN["learning_rate"],
            help="Size of a step (empty = 5e-5). Lower it when the loss jumps.",
        ),
        _KNOWN["warmup_share"],
        _KNOWN["weight_decay"],
        _KNOWN["max_grad_norm"],
    ),
    "Validation": (
        replace(
            _KNOWN["eval_rows"],
            help="Validation rows on which the vote of exemplars is measured (0 = none).",
        ),
    ),
    "Limits and naming": (
        replace(_KNOWN["max_steps"], help="Largest number of steps (0 = no limit)."),
        replace(
            _KNOWN["seed"], help="Seed of the order of rows. Change it to see the effect of chance."
        ),
        _KNOWN["notes"],
        _KNOWN["tags"],
    ),
}


def begin_with(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What the fields begin with, where that isn't the usual default.

    ``plan`` is what Fit would choose for as many labels.
    """
    fields_kept = ("epochs", "warmup_share", "weight_decay", "eval_rows")
    return {**{n: v for n, v in plan.items() if n in fields_kept}, "batch_size": 32}


def teachers(here: Page) -> list[str]:
    """The language models that are here, then the module's finished runs of one."""
    tuned_runs = [
        run.id
        for run in runs(here.workspace, here.module)
        if run.state()[0] == "finished" and run.config().target == "generator"
    ]
    return [*generators(here.workspace), *tuned_runs]
