"""Commands about datasets: built, looked at before and after, compared."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from radu_core.cli.output import Output, app, command, progress_bar, table, workspace
from radu_core.dataset import DatasetConfig
from radu_core.errors import InputError
from radu_core.words import percent, quantity

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from radu_core.dataset import DatasetDiff, Manifest, Mixture, Preview, Sizes
    from radu_core.workflows.frame.workspace import Workspace

__all__: list[str] = []

_datasets = typer.Typer(help="List, show, preview and compare datasets.", no_args_is_help=True)
app.add_typer(_datasets, name="datasets")

Modules = Annotated[list[str], typer.Option("--module", "-m", help="A module. Repeatable.")]
Named = Annotated[
    str, typer.Argument(help="A dataset's directory, its name, NAME/MODULE or NAME/mixture.")
]
_PLAIN = (int, float)


def _kind(field: FieldInfo) -> Any:
    """As what the shell takes an option: what can be ``none`` or is one of some words, as text."""
    if field.annotation == tuple[str, ...]:
        return list[str]
    return field.annotation if field.annotation in _PLAIN else str


def _with_options(work: Callable[..., Output]) -> Callable[..., Output]:
    """Give a command whose last parameter is ``**options`` every option of a dataset.

    Their help is the description of the field, which the page shows as well.
    """
    signature = inspect.signature(work, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    fields = [_parameter(name, _kind(field)) for name, field in DatasetConfig.options().items()]
    work.__signature__ = signature.replace(parameters=[*own, *fields])  # type: ignore[attr-defined]
    return work


def _parameter(name: str, kind: Any) -> inspect.Parameter:
    flag = "--strategy" if name == "strategies" else f"--{name.replace('_', '-')}"
    text = DatasetConfig.help(name) + (" Repeatable." if kind == list[str] else "")
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, typer.Option(flag, help=text)],
    )


def _config(space: Workspace, modules: list[str], options: Mapping[str, Any]) -> DatasetConfig:
    """The options given; for a single module, each k that isn't given is the one chosen for it."""
    from radu_core.workflows.coverage.indexing import chosen_point

    strategies = options.get("strategies")
    config = {**options, "strategies": tuple(strategies) if strategies else None}
    if len(modules) == 1:
        space.store.schema(modules[0])
        names = ("k_desc", "k_exemplar")
        for name, k in zip(names, chosen_point(space, modules[0]), strict=True):
            config[name] = k if config.get(name) is None else config[name]
    return DatasetConfig.of(**config)


@command("build-dataset")
@_with_options
def build_dataset(
    module: Modules,
    out: Annotated[
        Path | None,
        typer.Option(help="The directory to write to; each module gets a directory in it."),
    ] = None,
    name: Annotated[
        str, typer.Option(help="Its name in the workspace when no --out is given.")
    ] = "default",
    weight: Annotated[
        list[str] | None,
        typer.Option(
            help="Several modules: how often rows are taken, as MODULE=W, MODULE/TASK=W or "
            "*/TASK=W. 1: once, 0: never, 0.5: half of them, 2: twice. Repeatable."
        ),
    ] = None,
    **options: Any,
) -> Output:
    """Build fine-tuning rows and negatives from resolved exemplars; several modules are mixed."""
    from radu_core.workflows.train import dataset

    space = workspace()
    config, weights = _config(space, module, options), _weights(weight or [])
    with progress_bar() as progress:
        views = dataset.build_many(
            space, module, name=name, config=config, weights=weights, out=out, progress=progress
        )
    lines: list[Any] = []
    outputs: list[dict[str, Any]] = []
    for view in views:
        outputs.append(
            {"module": view.directory.name, "directory": view.directory, "manifest": view.manifest}
        )
        lines += _manifest_lines(str(view.directory), view.manifest)
    return Output({"datasets": outputs}, lines)


def _weights(items: list[str]) -> dict[str, float]:
    weights = {}
    for item in items:
        key, _, value = item.rpartition("=")
        try:
            weights[key] = float(value)
        except ValueError:
            key = ""
        if not key:
            raise InputError(
                "A weight must be MODULE=NUMBER or MODULE/TASK=NUMBER",
                value=item,
                remedy="Write it like acme_travel_en/rag=0.5.",
            )
    return weights


def _manifest_lines(title: str, manifest: Manifest | Mixture) -> list[Any]:
    from radu_core.dataset import Mixture

    counts = manifest.counts
    rows = [(s, kind, n) for s in counts for kind, n in counts[s].items()]
    lines: list[Any] = [table(title, ["split", "rows of", "count"], rows)]
    if isinstance(manifest, Mixture):
        return [*lines, _mixture_table(manifest)]
    if manifest.tokens:
        sizes = [(k, s.rows, s.median, s.p95, s.max) for k, s in manifest.tokens.items()]
        columns = ["split/task", "rows", "median", "95 %", "longest"]
        lines.append(table("Tokens of a row", columns, sizes))
    lines += [f"shortened to fit {n}: {kind}" for kind, n in manifest.shortened.items()]
    lines += [f"exemplars left out {n}: {why}" for why, n in manifest.left_out.items()]
    lines += [f"discarded {n}: {why}" for why, n in manifest.discards.items()]
    lines.append(f"{manifest.suspects} suspected labelling errors (suspects.jsonl).")
    return lines


def _mixture_table(mixture: Mixture) -> Table:
    rows = [
        (module, task, part.weights[task], n["in"], n["out"], n["repeated"])
        for module, part in mixture.parts.items()
        for task, n in part.drawn.items()
    ]
    columns = ["module", "task", "weight", "training rows", "taken", "of these repeated"]
    return table("Mixed from", columns, rows)


@command("list", group=_datasets)
def datasets_list(
    module: Annotated[
        str | None, typer.Option("--module", "-m", help="Only those of this module.")
    ] = None,
) -> Output:
    """List the datasets in the workspace, with their rows."""
    from radu_core.workflows.train import dataset

    space = workspace()
    datasets = dataset.datasets(space, module)
    if module is not None and not datasets:
        space.store.schema(module)  # datasets of a module that was deleted stay
    rows = [
        (
            v.name,
            v.directory.name,
            *(v.manifest.rows(s) for s in ("train", "validation", "test")),
            v.outdated,
        )
        for v in datasets
    ]
    data = [
        {
            "name": v.name,
            "of": v.directory.name,
            "directory": v.directory,
            "hash": v.manifest.hash,
            "rows": {s: v.manifest.rows(s) for s in v.manifest.counts},
            "outdated": v.outdated,
        }
        for v in datasets
    ]
    columns = ["name", "of", "train", "validation", "test", "outdated"]
    return Output({"datasets": data}, [table("Datasets", columns, rows)])


@command("show", group=_datasets)
def datasets_show(name: Named) -> Output:
    """Show a dataset: rows, tokens, what was shortened or discarded, and what it was made from."""
    from radu_core.workflows.train import dataset

    view = dataset.find(workspace(), name)
    data = {"directory": view.directory, "hash": view.manifest.hash, "manifest": view.manifest}
    lines = [*_manifest_lines(str(view.directory), view.manifest), view.outdated]
    return Output(data, [line for line in lines if line])


@command("preview", group=_datasets)
@_with_options
def datasets_preview(
    module: Modules,
    sample: Annotated[int, typer.Option(min=2, help="Exemplars of each split to look at.")] = 300,
    **options: Any,
) -> Output:
    """Estimate from a sample what build-dataset would make; nothing is written."""
    from radu_core.workflows.train import dataset

    space = workspace()
    config = _config(space, module, options)
    with progress_bar() as progress:
        preview = dataset.preview(space, module, config=config, sample=sample, progress=progress)
    lines: list[Any] = []
    for one in preview:
        lines += _preview_lines(one)
    return Output({"previews": preview}, lines)


def _preview_lines(preview: Preview) -> list[Any]:
    rows = [
        (
            n.split,
            f"{n.task}/{n.kind}",
            f"{n.rows}{f' ± {n.error}' if n.error else ''}",
            percent(n.negatives, 0),
            _sizes(n.sizes),
            percent(n.shortened, 0),
        )
        for n in preview.lines
    ]
    columns = ["split", "rows of", "about", "negatives", "tokens", "shortened"]
    sample_text = ", ".join(
        f"{preview.looked_at[s]} of {n} {s}" for s, n in preview.exemplars.items()
    )
    return [
        table(f"{preview.module}, from exemplars: {sample_text}", columns, rows),
        *(f"exemplars left out {n}: {why}" for why, n in preview.left_out.items()),
        *(f"discarded about {n}: {why}" for why, n in preview.discards.items()),
    ]


def _sizes(sizes: Sizes | None) -> str:
    return f"{sizes.median}, longest {sizes.max}" if sizes else "not counted"


@command("diff", group=_datasets)
def datasets_diff(
    old: Named,
    new: Named,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write every difference as JSONL.")
    ] = None,
) -> Output:
    """List the rows that differ between two datasets, and why. Exit 1: some differ."""
    from radu_core.workflows.train import dataset

    space = workspace()
    with progress_bar() as progress:
        diff = dataset.compare(
            dataset.find(space, old), dataset.find(space, new), out=out, progress=progress
        )
    return Output(diff, _diff_lines(diff), ok=diff.equal)


def _diff_lines(diff: DatasetDiff) -> list[Any]:
    lines: list[Any] = [
        f"{quantity(diff.added, 'row')} added, {diff.removed} removed, {diff.changed} changed, "
        f"{diff.same} the same.",
        *diff.facts,
    ]
    changes = ("added", "removed", "changed")
    for title, counts in (("Rows of", diff.kinds), ("Why", diff.why)):
        rows = [(name, *(n.get(c, 0) for c in changes)) for name, n in counts.items()]
        if rows:
            lines.append(table(title, [title.lower(), *changes], rows))
    return lines
