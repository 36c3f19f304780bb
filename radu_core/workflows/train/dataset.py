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
    build_dataset,
    diff_datasets,
    mix,
    preview_dataset,
    read_dataset,
)
from radu_core.dataset.config import check_config
from radu_core.dataset.mix import check_weights
from radu_core.errors import DatasetError, InputError, ModelError, NotFoundError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import content_hash
from radu_core.instructions import instruct
from radu_core.progress import Progress, silent
from radu_core.prompts import TemplateSet, judgements_hash
from radu_core.retrieval import ModuleIndex
from radu_core.schema import Schema
from radu_core.tokenizing import Tokenizer
from radu_core.workflows.coverage.indexing import data_state, index_fingerprint, load_index
from radu_core.workflows.coverage.judgements import judged_state, judgements
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.deletion_notes import note_of

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
        return f"{self.name}/{self.directory.name}" if self.is_mixed else self.name

    @property
    def is_mixed(self) -> bool:
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
    dataset_config = config or DatasetConfig()
    check_config(dataset_config)  # before a model is loaded
    schema, exemplars, index, templates = _inputs(workspace, module, progress)
    directory = (out or workspace.datasets / name) / module
    manifest = build_dataset(
        schema,
        exemplars,
        index,
        templates,
        dataset_config,
        directory,
        tokenizer=_tokenizer(workspace, dataset_config, progress),
        judgements=judgements(workspace, module, exemplars),
        progress=progress,
    )
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
    dataset_config = config or DatasetConfig()
    _check_modules(workspace, modules, dataset_config, weights or {})
    views = []
    for module in modules:

        def report_progress(what: str, done: int, total: int, module: str = module) -> None:
            progress(f"{module}: {what[:1].lower()}{what[1:]}", done, total)

        views.append(
            build(
                workspace,
                module,
                name=name,
                config=dataset_config,
                out=out,
                progress=report_progress if len(modules) > 1 else progress,
            )
        )
    if len(modules) > 1:
        directory = (out or workspace.datasets / name) / MIXTURE
        seed = dataset_config.rows.seed
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
    """Check all that can be wrong before the first module is built."""
    if not modules:
        raise InputError("No module was chosen", remedy="Choose one or more.")
    if len(set(modules)) < len(modules):
        raise InputError("A module is named twice", value=list(modules), remedy="Name each once.")
    for module in modules:
        workspace.store.schema(module)
    if weights and len(modules) == 1:
        raise InputError(
            "Weights are for mixtures of several modules",
            value=dict(weights),
            remedy="Leave them out, or choose more modules.",
        )
    check_weights(weights, modules, config.strategies)


def _inputs(
    workspace: Workspace, module: str, progress: Progress
) -> tuple[Schema, list[AnnotatedExemplar], ModuleIndex, TemplateSet]:
    """What rows are made of.

    Schema and resolved exemplars are those of the index: whatever is decided meanwhile, rows and
    what they retrieve are of one state.
    """
    index = load_index(workspace, module, progress=progress)
    entries = index.contents.entries
    resolved = [entry.exemplar for _, entry in sorted(entries.items())]
    others = [i.exemplar for i in workspace.store.exemplars(module) if i.exemplar.id not in entries]
    open_ = [e for e in others if e.outcome != "resolved"]
    templates = TemplateSet(workspace.store.templates(module))
    return index.schema, [*resolved, *open_], index, templates


def _tokenizer(workspace: Workspace, config: DatasetConfig, progress: Progress) -> Tokenizer | None:
    if config.tokenizer is None:
        return None
    try:
        return workspace.tokenizer(config.tokenizer, chat=config.chat_template, progress=progress)
    except ModelError as error:
        raise ModelError(
            f"Lengths can't be checked: {error.what}",
            value=error.value,
            remedy=f"{error.remedy} Or skip the check (tokenizer: none).",
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
    dataset_config = config or DatasetConfig()
    _check_modules(workspace, modules, dataset_config, {})
    previews = []
    for module in modules:
        schema, exemplars, index, templates = _inputs(workspace, module, progress)
        tokenizer = _tokenizer(workspace, dataset_config, progress)
        previews.append(
            preview_dataset(
                schema,
                exemplars,
                index,
                templates,
                dataset_config,
                tokenizer=tokenizer,
                judgements=judgements(workspace, module, exemplars),
                sample=sample,
                progress=progress,
            )
        )
    return previews


def datasets(workspace: Workspace, module: str | None = None) -> list[DatasetView]:
    """All readable datasets in the workspace (those with rows of one module), by name."""
    return [v for v in _find_datasets(workspace) if module is None or module in v.manifest.modules]


def _find_datasets(workspace: Workspace) -> Iterator[DatasetView]:
    for path in sorted(workspace.datasets.glob("*/*/manifest.json")):
        try:
            manifest = read_dataset(path.parent)
        except DatasetError:
            continue
        outdated = _stale_reason(workspace, path.parent, manifest)
        yield DatasetView(path.parent.parent.name, path.parent, manifest, outdated)


def _stale_reason(workspace: Workspace, directory: Path, manifest: Manifest | Mixture) -> str:
    """What has changed since a dataset was built: its modules' data, or a mixture's parts."""
    if note := note_of(directory):
        return note
    if isinstance(manifest, Manifest):
        return _describe_changes(workspace, manifest)
    parts_changed = _changed_parts(directory, manifest)
    if parts_changed:
        return f"its parts were built again since, or are gone: {', '.join(parts_changed)}"
    for module in manifest.parts:
        why = _describe_changes(workspace, read_dataset(directory.parent / module))
        if why:
            return f"{module}: {why}"
    return ""


def _describe_changes(workspace: Workspace, manifest: Manifest | Mixture) -> str:
    """In what a module differs from what its dataset was built of."""
    if not isinstance(manifest, Manifest):
        return ""
    try:
        schema = workspace.store.schema(manifest.module)
    except NotFoundError:
        return "its module is gone"
    templates = TemplateSet(workspace.store.templates(manifest.module))
    index, judgements_state = _state(workspace, manifest.module)
    differences = {
        "the schema": schema.hash != manifest.schema_hash,
        "templates": templates.hash != manifest.templates_hash,
        "judged pairs": manifest.judgements_hash not in ("", judgements_state),
    }
    names = [name for name, differs in differences.items() if differs]
    if index != manifest.index and not differences["the schema"]:
        names.append("exemplars, or how they are retrieved")
    return f"{' and '.join(names)} changed since" if names else ""


def _state(workspace: Workspace, module: str) -> tuple[str, str]:
    """The fingerprint that the module's index has now, and the hash of its judgements.

    Kept until the module changes: at 20,000 exemplars they take a second.
    """
    data_hash = content_hash([data_state(workspace, module), judged_state(workspace, module)])
    key = ("state of", module)
    memory = workspace.recall(key)
    if isinstance(memory, tuple) and memory[0] == data_hash:
        return memory[1], memory[2]
    judgements_state = judgements_hash(judgements(workspace, module))
    state = (data_hash, index_fingerprint(workspace, module), judgements_state)
    workspace.hold(key, state)
    return state[1], state[2]


def _changed_parts(directory: Path, manifest: Mixture) -> list[str]:
    """Which of a mixture's modules have been built again since it was mixed."""
    parts = []
    for module, part in manifest.parts.items():
        try:
            same = read_dataset(directory.parent / module).hash == part.hash
        except DatasetError:
            same = False
        parts += [] if same else [module]
    return parts


def find(workspace: Workspace, name: str, *, module: str | None = None) -> DatasetView:
    """A dataset by its directory, its name, or ``name/module`` (``name/mixture``)."""
    path = Path(name)
    if (path / "manifest.json").is_file():
        return DatasetView(path.resolve().parent.name, path, read_dataset(path))
    views = datasets(workspace)
    fit = [v for v in views if name in (v.name, f"{v.name}/{v.directory.name}")]
    fit = [v for v in fit if module is None or v.directory.name == module]
    if len(fit) == 1:
        return fit[0]
    titles = [f"{v.name}/{v.directory.name}" for v in (fit or views)]
    if not fit:
        raise NotFoundError(
            "There is no such dataset",
            value=name,
            remedy=f"There are {', '.join(titles)}." if titles else f"{instruct('build dataset')}.",
        )
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


def depending_datasets(workspace: Workspace, module: str) -> list[str]:
    """The datasets with rows of a module: they must be built again when it retrieves otherwise."""
    return [d.title for d in datasets(workspace, module)]
