"""What of a module needs somebody's attention, each with the place where it is dealt with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from radu_core.training.run.directory import RunDirectory, RunState
from radu_core.words import percent, quantity
from radu_core.workflows.frame.last_measured import last_measured
from radu_core.workflows.frame.run_names import label_with, run_name
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.train.dataset import DatasetView

__all__ = ["Attention", "needs_attention"]

_QUEUES: Mapping[str, tuple[str, str, str]] = {
    "ambiguous": ("is ambiguous", "are ambiguous", "Choose their readings"),
    "unlocated": (
        "is unlocated: a value isn't in the text",
        "are unlocated: a value isn't in the text",
        "Place their values",
    ),
    "invalid": (
        "is invalid: the labels contradict the schema or each other",
        "are invalid: the labels contradict the schema or each other",
        "Correct them",
    ),
    "suspected": (
        "is suspected to be labelled wrong",
        "are suspected to be labelled wrong",
        "Review them",
    ),
    "disagreement": (
        "is labelled differently by its annotators",
        "are labelled differently by their annotators",
        "Decide",
    ),
    "evaluation": (
        "was answered wrong in an evaluation",
        "were answered wrong in an evaluation",
        "Check their labels",
    ),
    "unlabelled": (
        "is unlabelled, so it is neither indexed nor trained on",
        "are unlabelled, so they are neither indexed nor trained on",
        "Label them",
    ),
}
_MOST_RUNS = 3  # failed ones named one by one
_HELD_OUT = {
    "validation": "thresholds are chosen and coverage is measured on it",
    "test": "results are measured on it",
}


@dataclass(frozen=True)
class Attention:
    """One thing to look at: a sentence, and the link to where it is dealt with.

    ``query`` is what the page's address says besides; the module is among it. ``level`` is
    "error" for what failed, "wait" for what waits for a person, "warn" for the rest.
    """

    level: Literal["error", "wait", "warn"]
    text: str
    page: str
    label: str
    query: Mapping[str, str] = field(default_factory=dict)


def needs_attention(
    workspace: Workspace,
    module: str,
    *,
    counts: Mapping[tuple[str, str], int],
    waiting: Mapping[str, int],
    datasets: Sequence[DatasetView],
    states: Sequence[tuple[RunState, str, RunDirectory]],
) -> tuple[Attention, ...]:
    """What of a module needs attention: what failed first, then what waits, then what is doubtful.

    ``counts`` is (split, outcome) → exemplars, ``waiting`` queue → exemplars, ``states`` the state
    and reason of each run, newest first.
    """
    items = [
        *_failures(module, states),
        *_queues(module, waiting),
        *_splits(module, counts),
        *(_index(workspace, module) if counts else []),
        *_coverage(workspace, module),
        *_datasets(module, datasets),
    ]
    return tuple(items)


def _failures(module: str, states: Sequence[tuple[RunState, str, RunDirectory]]) -> list[Attention]:
    """Runs that failed since one finished: what came before is history."""
    items: list[Attention] = []
    for state, reason, run in states:
        if state == "finished" or len(items) == _MOST_RUNS:
            break
        if state in ("failed", "lost"):  # a damaged one is among the funnel's notes
            end_text = "failed" if state == "failed" else f"is {state}"
            text = f"Run {label_with(run.id, run_name(run))} {end_text}: {reason}"
            query = {"module": module, "run": run.id}
            items.append(Attention("error", text, "train", "Open the run", query))
    return items


def _queues(module: str, waiting: Mapping[str, int]) -> list[Attention]:
    items = []
    for queue, (one, many, label) in _QUEUES.items():
        if count := waiting.get(queue, 0):
            text = f"{quantity(count, f'utterance {one}', f'utterances {many}')}."
            query = {"module": module, "queue": queue}
            items.append(Attention("wait", text, "annotate", label, query))
    return items


def _splits(module: str, counts: Mapping[tuple[str, str], int]) -> list[Attention]:
    """Splits that nothing is in, once there is something to split."""
    if not any(outcome == "resolved" for _, outcome in counts):
        return []
    filled_splits = {split for (split, _), count in counts.items() if count}
    empty = [split for split in _HELD_OUT if split not in filled_splits]
    query = {"module": module, "tab": "Splits"}
    return [
        Attention(
            "warn",
            f"No utterance is in the {split} split: {_HELD_OUT[split]}.",
            "load",
            "Split the module",
            query,
        )
        for split in empty
    ]


def _index(workspace: Workspace, module: str) -> list[Attention]:
    """Resolved training exemplars that were changed after the saved index was last current."""
    path = workspace.index(module) / "meta.json"
    if not path.is_file():
        return []
    saved_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    if not _after(workspace.store.state(module)[2], saved_at):
        return []  # the newest change is older: no need to look at each
    training_revisions = workspace.store.revisions(
        module, split="train"
    )  # no other split is indexed
    change_count = sum(_after(at, saved_at) for _, at in training_revisions.values())
    if not change_count:
        return []
    text = (
        f"The index is stale: {quantity(change_count, 'exemplar has', 'exemplars have')} changed "
        "since. It is updated when it is used next."
    )
    query = {"module": module, "tab": "Index"}
    return [Attention("warn", text, "coverage", "Update the index", query)]


def _after(at: object, saved_at: datetime) -> bool:
    """Whether the store's time is after another; it stores UTC, with or without saying so."""
    moment = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) > saved_at


def _coverage(workspace: Workspace, module: str) -> list[Attention]:
    figures = last_measured(workspace, module)
    if figures is None or figures.reaches_target:
        return []
    if figures.share >= figures.target:
        text = (
            f"Too few utterances to be sure of {percent(figures.target)} coverage: "
            f"{percent(figures.share)} of {quantity(figures.utterances, 'utterance')} of "
            f"{figures.split}, at least {percent(figures.low)} with 95 % confidence."
        )
        return [Attention("wait", text, "annotate", "Label more", {"module": module})]
    text = (
        f"Coverage is under its target of {percent(figures.target)}: {percent(figures.share)} of "
        f"{quantity(figures.utterances, 'utterance')} of {figures.split}, at least "
        f"{percent(figures.low)} with 95 % confidence."
    )
    return [Attention("warn", text, "coverage", "See the misses", {"module": module})]


def _datasets(module: str, views: Sequence[DatasetView]) -> list[Attention]:
    """Suspected labelling errors in what was built; that all of it is outdated."""
    items = []
    if suspects := max((v.manifest.modules[module].suspects for v in views), default=0):
        errors = quantity(suspects, "suspected labelling error")
        text = f"{errors} found while building a dataset."
        query = {"module": module, "tab": "Negatives"}
        items.append(Attention("warn", text, "prompts", "Look at the pairs", query))
    if views and all(view.outdated for view in views):
        text = f"Dataset {views[0].title} is outdated: {views[0].outdated}."
        query = {"module": module, "tab": "1 Dataset"}
        items.append(Attention("warn", text, "train", "Build it again", query))
    return items
