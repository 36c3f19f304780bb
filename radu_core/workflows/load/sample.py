"""The sample project: the company Aurora with its three modules, loaded once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from radu_core.errors import NotFoundError
from radu_core.progress import Progress, silent
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file, init_module
from radu_core.workflows.load.outcomes import ResolveReport, resolve

__all__ = ["SAMPLE_DIRECTORY", "GoldCheck", "check_against_gold", "load_sample", "sample_modules"]

SAMPLE_DIRECTORY = Path(str(files("radu_studio"))) / "sample_data"


@dataclass(frozen=True)
class GoldCheck:
    """What alignment made of a module beside its gold spans; measuring only."""

    module: str
    total: int
    right: int
    asked: int
    wrong: tuple[str, ...]


def sample_modules(directory: Path = SAMPLE_DIRECTORY) -> list[Path]:
    """The sample modules' directories, by name."""
    parents = sorted(p.parent for p in directory.glob("*/schema.json"))
    if not parents:
        raise NotFoundError(
            "The sample project isn't there",
            value=str(directory),
            remedy="Use a full checkout, or install the wheel again.",
        )
    return parents


def load_sample(
    workspace: Workspace,
    *,
    only: tuple[str, ...] = (),
    directory: Path = SAMPLE_DIRECTORY,
    progress: Progress = silent,
) -> list[ResolveReport]:
    """Import and resolve the sample modules (``only`` by short name); repeating changes nothing."""
    reports = []
    for path in sample_modules(directory):
        if only and path.name not in only:
            continue
        module = json.loads((path / "schema.json").read_text(encoding="utf-8"))["module"]
        if module not in workspace.store.modules():
            init_module(workspace, module, path / "schema.json", who="sample")
        import_file(
            workspace,
            "jsonl",
            path / "utterances.jsonl",
            module=module,
            who="sample",
            progress=progress,
        )
        reports.append(resolve(workspace, module, who="sample", progress=progress))
    return reports


def check_against_gold(workspace: Workspace, directory: Path) -> GoldCheck:
    """Compare a sample module's resolved spans with its gold file (right, asked, wrong)."""
    lines = (directory / "gold.jsonl").read_text(encoding="utf-8").splitlines()
    gold = {row["id"]: row for row in map(json.loads, lines)}
    module = json.loads((directory / "schema.json").read_text(encoding="utf-8"))["module"]
    right = asked_count = 0
    wrong: list[str] = []
    for item in workspace.store.exemplars(module):
        exemplar = item.exemplar
        if exemplar.id not in gold:
            continue
        if exemplar.outcome != "resolved":
            asked_count += 1
        elif exemplar.template == gold[exemplar.id]["template"]:
            right += 1
        else:
            wrong.append(exemplar.id)
    return GoldCheck(module, right + asked_count + len(wrong), right, asked_count, tuple(wrong))
