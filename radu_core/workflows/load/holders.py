"""Where else the exemplars of a module lie: in which datasets and runs."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radu_core.errors import RaduError
from radu_core.files import disk_errors, read_json
from radu_core.training.run.directory import RunDirectory
from radu_core.words import quantity
from radu_core.workflows.frame.run_list import run_modules
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["Holder", "holders"]

_OF_RUNS = (".json", ".jsonl")


@dataclass(frozen=True)
class Holder:
    """A dataset or a run that holds exemplars which were deleted: ``exemplars`` of them."""

    kind: str
    name: str
    path: Path
    exemplars: int

    @property
    def sentence(self) -> str:
        """What it holds, and what to do about it."""
        exemplars_text = quantity(self.exemplars, "deleted exemplar")
        if self.kind == "dataset":
            return (
                f"Dataset {self.name} holds rows of {exemplars_text}. Build it again. ({self.path})"
            )
        return (
            f"Run {self.name} holds {exemplars_text}, and its model was trained on such rows. "
            f"Train another one, then delete it. ({self.path})"
        )


def holders(
    workspace: Workspace, module: str, ids: Collection[str] | None, utterances: Collection[str] = ()
) -> list[Holder]:
    """The datasets and runs that hold these exemplars (None: any) of a module, by path.

    A run holds what its files name by id or quote as a whole, and what its dataset holds.
    """
    holders_found = []
    of_datasets: dict[str, int] = {}
    for path in sorted(workspace.datasets.glob("*/*/manifest.json")):
        count = len(_in_rows(path.parent, module, ids))
        if count:
            name = f"{path.parent.parent.name}/{path.parent.name}"
            holders_found.append(Holder("dataset", name, path.parent, count))
            of_datasets[_manifest(path)] = count
    for root in (workspace.runs, workspace.home / "trash" / "runs"):
        for run in sorted(p for p in root.glob("*") if p.is_dir()):
            count = max(_in_run(run, module, ids, utterances), _of_dataset(run, of_datasets))
            if count:
                holders_found.append(Holder("run", run.name, run, count))
    return holders_found


def _in_rows(directory: Path, module: str, ids: Collection[str] | None) -> set[str]:
    """Which of these exemplars a dataset has rows of, or shows in prompts."""
    ids_found: set[str] = set()
    for path in directory.glob("*.jsonl"):
        for row in _lines(path):
            if row.get("module", module) == module:
                ids_found |= {row.get("exemplar_id"), *row.get("exemplar_ids", ())} - {None}
    return ids_found if ids is None else ids_found & set(ids)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file; what isn't one is passed over."""
    with disk_errors(path), path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                yield row


def _in_run(
    run: Path, module: str, ids: Collection[str] | None, utterances: Collection[str]
) -> int:
    """How many of these exemplars a run's files name or quote."""
    if module not in run_modules(RunDirectory(run)):
        return 0
    if ids is None:
        return max([1, *map(_count_trained, _manifests(run))])
    ids_named, texts_sought = set(ids), set(utterances)
    ids_found: set[str] = set()
    for path in sorted(run.rglob("*")):
        if path.suffix in _OF_RUNS and path.is_file() and "checkpoints" not in path.parts:
            ids_found.update(
                text for text in _texts(path) if text in ids_named or text in texts_sought
            )
    return len(ids_found & ids_named) or len(ids_found)


def _manifests(run: Path) -> list[Path]:
    return [*run.glob("serving/manifest.json"), *run.glob("serving/*/manifest.json")]


def _count_trained(manifest: Path) -> int:
    try:
        return sum(read_json(manifest)["exemplars"].values())
    except (RaduError, LookupError, AttributeError, TypeError):
        return 0


def _texts(path: Path) -> Iterator[str]:
    """All strings in a JSON or JSONL file."""
    try:
        values: list[Any] = [read_json(path)] if path.suffix == ".json" else list(_lines(path))
    except RaduError:
        return
    while values:
        value = values.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            values += value.values()
        elif isinstance(value, list):
            values += value


def _manifest(path: Path) -> str:
    try:
        return json.dumps(read_json(path), sort_keys=True)
    except (RaduError, ValueError):
        return ""


def _of_dataset(run: Path, of_datasets: dict[str, int]) -> int:
    """How many the datasets hold that a run was trained on, if they are still as they were."""
    return sum(of_datasets.get(_manifest(path), 0) for path in _manifests(run))
