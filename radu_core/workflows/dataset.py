"""Datasets: built for one or many modules, looked at before and after, and compared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from radu_core.dataset import (
    MIXTURE,
    DatasetConfig,
    DatasetDiff,
    Manifest,
    Mixture,
    Preview,
    Tokenizer,
    build_dataset,
    diff_datasets,
    mix,
    preview_dataset,
    read_dataset,
)
from radu_core.dataset.mix import check_weights
from radu_core.errors import DatasetError, InputError, ModelError, NotFoundError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.progress import Progress, silent
from radu_core.prompts import TemplateSet
from radu_core.retrieval import ModuleIndex
from radu_core.schema import Schema
from radu_core.workflows.indexing import load_index
from radu_core.workflows.judgements import judgements
from radu_core.workflows.workspace import Workspace

__all__ = [
    "DatasetView",
    "build",
    "build_many",
    "compare",
    "datasets",
    "find",
    "preview",
]

_NAME = re.compile(r"[a-zA-Z0-9][\w.-]{0,60}")


@dataclass(frozen=True)
class DatasetView:
    """A dataset on disk. ``outdated``: why a mixture isn't of its modules' datasets any more."""

    name: str
    directory: Path
    manifest: Manifest | Mixture
    outdated: str = ""

    @property
    def title(self) -> str:
        """Its name, and which part of that it is when it isn't a module's own."""
        return f"{self.name}/{self.directory.name}" if self.mixed else self.name

    @property
    def mixed(self) -> bool:
        """Whether it is of several modules."""
        return isinstance(self.manifest, Mixture)


def build(
    workspace: Workspace,
    module: str,
    *,
    name: str = "default",
    config: DatasetConfig | None = None,
    out: Path | None = None,
    progress: Progress = silent,
) -> DatasetView:
    """Build the dataset ``name`` of a module into ``out`` (``RADU_HOME/datasets/<name>``)."""
    _check_name(name)
    chosen = config or DatasetConfig()
    schema, exemplars, index, templates = _inputs(workspace, module, progress)
    directory = (out or workspace.datasets / name) / module
    manifest = build_dataset(
        schema, exemplars, index, templates, chosen, directory,
        tokenizer=_tokenizer(workspace, chosen, progress),
        judgements=judgements(workspace, module, exemplars), progress=progress,
    )  # fmt: skip
    return DatasetView(name, directory, manifest)


def build_many(
    workspace: Workspace,
    modules: Sequence[str],
    *,
    name: str = "default",
    config: DatasetConfig | None = None,
    weights: Mapping[str, float] | None = None,
    out: Path | None = None,
    progress: Progress = silent,
) -> list[DatasetView]:
    """Build each module's dataset, and of several their mixture, which comes last.

    ``weights`` as in ``dataset.mix``: by ``module/task``, ``module`` or ``*/task``.
    """
    _check_name(name)
    chosen = config or DatasetConfig()
    _check_modules(workspace, modules, chosen, weights or {})
    views = []
    for module in modules:

        def told(what: str, done: int, total: int, module: str = module) -> None:
            progress(f"{module}: {what[:1].lower()}{what[1:]}", done, total)

        views.append(
            build(
                workspace, module, name=name, config=chosen, out=out,
                progress=told if len(modules) > 1 else progress,
            )
        )  # fmt: skip
    if len(modules) > 1:
        directory = (out or workspace.datasets / name) / MIXTURE
        seed = chosen.rows.seed
        parts = [v.directory for v in views]
        mixture = mix(parts, directory, weights=weights, seed=seed, progress=progress)
        views.append(DatasetView(name, directory, mixture))
    return views


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InputError(
            "That can't be a dataset's name", value=name, remedy="Use letters, digits, '-' and '_'."
        )


def _check_modules(
    workspace: Workspace,
    modules: Sequence[str],
    config: DatasetConfig,
    weights: Mapping[str, float],
) -> None:
    """All that can be wrong is said before the first module is built."""
    if not modules:
        raise InputError("No module was chosen", remedy="Choose one or more.")
    if len(set(modules)) < len(modules):
        raise InputError("A module is named twice", value=list(modules), remedy="Name each once.")
    for module in modules:
        workspace.store.schema(module)
    if weights and len(modules) == 1:
        raise InputError(
            "Weights are for mixtures of several modules", value=dict(weights),
            remedy="Leave them out, or choose more modules.",
        )  # fmt: skip
    check_weights(weights, modules, config.strategies)


def _inputs(
    workspace: Workspace, module: str, progress: Progress
) -> tuple[Schema, list[AnnotatedExemplar], ModuleIndex, TemplateSet]:
    schema = workspace.store.schema(module)
    exemplars = [item.exemplar for item in workspace.store.exemplars(module)]
    index = load_index(workspace, module, progress=progress)
    return schema, exemplars, index, TemplateSet(workspace.store.templates(module))


def _tokenizer(workspace: Workspace, config: DatasetConfig, progress: Progress) -> Tokenizer | None:
    if config.tokenizer is None:
        return None
    try:
        return workspace.tokenizer(config.tokenizer, progress=progress)
    except ModelError as error:
        raise ModelError(
            f"Lengths can't be checked: {error.what}",
            value=error.value,
            remedy=f"{error.remedy} Or let lengths be unchecked (tokenizer: none).",
        ) from error


def preview(
    workspace: Workspace,
    modules: Sequence[str],
    *,
    config: DatasetConfig | None = None,
    sample: int = 300,
    progress: Progress = silent,
) -> list[Preview]:
    """What each module's dataset would hold, from up to ``sample`` exemplars of every split."""
    chosen = config or DatasetConfig()
    _check_modules(workspace, modules, chosen, {})
    found = []
    for module in modules:
        schema, exemplars, index, templates = _inputs(workspace, module, progress)
        tokenizer = _tokenizer(workspace, chosen, progress)
        found.append(
            preview_dataset(
                schema, exemplars, index, templates, chosen, tokenizer=tokenizer,
                judgements=judgements(workspace, module, exemplars), sample=sample,
                progress=progress,
            )
        )  # fmt: skip
    return found


def datasets(workspace: Workspace, module: str | None = None) -> list[DatasetView]:
    """All readable datasets in the workspace (those with rows of one module), by name."""
    return [v for v in _found(workspace) if module is None or module in v.manifest.modules]


def _found(workspace: Workspace) -> Iterator[DatasetView]:
    for path in sorted(workspace.datasets.glob("*/*/manifest.json")):
        try:
            manifest = read_dataset(path.parent)
        except DatasetError:
            continue
        outdated = _outdated(path.parent, manifest)
        yield DatasetView(path.parent.parent.name, path.parent, manifest, outdated)


def _outdated(directory: Path, manifest: Manifest | Mixture) -> str:
    """Which of a mixture's modules have been built again since it was mixed."""
    if not isinstance(manifest, Mixture):
        return ""
    changed = []
    for module, part in manifest.parts.items():
        try:
            same = read_dataset(directory.parent / module).hash == part.hash
        except DatasetError:
            same = False
        changed += [] if same else [module]
    return f"built again since, or gone: {', '.join(changed)}" if changed else ""


def find(workspace: Workspace, name: str, *, module: str | None = None) -> DatasetView:
    """A dataset by its directory, its name, or ``name/module`` (``name/mixture``)."""
    path = Path(name)
    if (path / "manifest.json").is_file():
        return DatasetView(path.resolve().parent.name, path, read_dataset(path))
    known = datasets(workspace)
    fit = [v for v in known if name in (v.name, f"{v.name}/{v.directory.name}")]
    fit = [v for v in fit if module is None or v.directory.name == module]
    if len(fit) == 1:
        return fit[0]
    titles = [f"{v.name}/{v.directory.name}" for v in (fit or known)]
    if not fit:
        raise NotFoundError(
            "There is no such dataset", value=name,
            remedy=f"There are {', '.join(titles)}." if titles else "Build it: radu build-dataset.",
        )  # fmt: skip
    raise InputError(
        "There are several datasets of that name", value=name, remedy=f"Use {' or '.join(titles)}."
    )


def compare(
    old: DatasetView,
    new: DatasetView,
    *,
    out: Path | None = None,
    sample: int = 50,
    progress: Progress = silent,
) -> DatasetDiff:
    """What differs between two datasets, row by row, and why; ``out`` gets all of it as JSONL."""
    return diff_datasets(old.directory, new.directory, out=out, sample=sample, progress=progress)
