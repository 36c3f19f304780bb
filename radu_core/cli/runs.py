"""Commands about runs: ``radu runs``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from radu_core.cli.output import Output, app, command, progress_bar, table, workspace
from radu_core.errors import InputError, RaduError
from radu_core.words import percent, quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from radu_core.training.run.directory import RunDirectory
    from radu_core.workflows.runs.figures import Figure
    from radu_core.workflows.runs.launch import RunView
    from radu_core.workflows.train.manage_runs import About, Comparison

__all__ = ["Run"]

_runs = typer.Typer(
    help="List, show, stop, resume, fork, rename, note, delete, restore and compare runs.",
    no_args_is_help=True,
)
app.add_typer(_runs, name="runs")

Run = Annotated[str, typer.Argument(help="A run's id or name, or 'last' for the newest.")]


def _about_run(run: RunDirectory) -> About:
    """What people wrote about it, or why that is damaged: a listing continues."""
    from radu_core.workflows.train.manage_runs import About, about

    try:
        return about(run)
    except RaduError as error:
        return About(notes=str(error))


@command("list", group=_runs)
def runs_list(
    module: Annotated[
        str | None, typer.Option("--module", "-m", help="Only those of this module.")
    ] = None,
) -> Output:
    """List all runs, newest first, with their states."""
    from radu_core.workflows.frame.run_list import runs

    space = workspace()
    pairs = ((_view(run), _about_run(run)) for run in runs(space, module))
    readable = [(view, about) for view, about in pairs if view]
    if module is not None and not readable:
        space.store.schema(module)  # runs of a module that was deleted stay
    elsewhere = any(view.where for view, _ in readable)
    has_names = any(about.name for _, about in readable)
    rows = [
        (
            *([about.name] if has_names else []),
            view.id,
            view.state,
            view.latest.get("step", ""),
            _round(view.latest.get("loss", "")),
            *([view.where or "here"] if elsewhere else []),
            " ".join(about.tags),
        )
        for view, about in readable
    ]
    damaged = [f"{v.id} is damaged: {v.reason}" for v, _ in readable if v.state == "damaged"]
    data = [
        {
            "run": v.id,
            "state": v.state,
            "reason": v.reason,
            "where": v.where,
            **v.latest,
            **about.model_dump(),
        }
        for v, about in readable
    ]
    columns = [
        *(["name"] if has_names else []),
        "run",
        "state",
        "step",
        "loss",
        *(["where"] if elsewhere else []),
        "tags",
    ]
    overview = table("Runs", columns, rows, whole=("name", "run"))
    return Output({"runs": data}, [overview, *damaged])


def _view(run: RunDirectory) -> RunView | None:
    """The run as it is; None if it was deleted since the others were found."""
    from radu_core.workflows.runs.launch import run_view

    try:
        return run_view(run)
    except RaduError:
        if run.exists:
            raise
        return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def _round(value: object) -> object:
    return f"{value:.3f}" if isinstance(value, float) else value


@command("show", group=_runs)
def runs_show(run: Run) -> Output:
    """Show a run: its state, newest figures and settings; of a failed one the end of its log."""
    from radu_core.workflows.frame.run_list import open_run
    from radu_core.workflows.load.deletion_notes import note_of
    from radu_core.workflows.runs import launch
    from radu_core.workflows.runs.figures import last_figures
    from radu_core.workflows.train import manage_runs
    from radu_core.workflows.train.retriever import kept_guard

    directory = open_run(workspace(), run)
    view, about, ahead = (
        launch.run_view(directory),
        _about_run(directory),
        manage_runs.waits_for(directory),
    )
    figures = last_figures(view.validations, view.asked)
    deletion_note, guard = note_of(directory.path), kept_guard(directory)
    data = {
        "run": view.id,
        "state": view.state,
        "reason": view.reason,
        "where": view.where,
        "stage": view.stage,
        "latest": view.latest,
        "config": view.config,
        "validations": view.validations,
        "measured": figures,
        "written": view.written,
        "padded": view.padded,
        "waits_for": ahead,
        "deleted": deletion_note,
        "retrieval": None if guard is None else guard.data(),
        **about.model_dump(),
    }
    lines = _run_lines(view, about, ahead, figures)
    if guard is not None:
        lines += [f"Out of fold, {measure}" for measure in guard.measures] + [guard.verdict]
    return Output(data, [*lines, *([f"Warning: {deletion_note}."] if deletion_note else [])])


def _run_lines(
    view: RunView, about: About, ahead: Sequence[str], figures: Sequence[Figure]
) -> list[str]:
    """A run in lines; what there is nothing to say of is left out."""
    from radu_core.workflows.frame.run_names import label_with

    lines = [f"{label_with(view.id, about.name)}: {view.state}. {view.reason}".rstrip()]
    if view.where:
        lines.append(f"On {view.where}")
    if ahead:
        lines.append(f"It waits for {', '.join(ahead)}.")
    lines += [f"{view.stage} …"] if view.stage else []
    lines += [_progress(view)] if view.latest else []
    lines += [f"On validation, step {figure.step}: {figure}" for figure in figures]
    lines += [view.written.text] if view.written else []
    lines += [f"Rows are padded, not packed: {view.padded}."] if view.padded else []
    lines += [*filter(None, [about.notes]), *(f"tag: {tag}" for tag in about.tags), view.settings]
    if view.state in ("failed", "lost"):
        lines += ["Log:", view.log_tail]
    return lines


def _progress(view: RunView) -> str:
    """The newest step's figures, and the time that a running run has left."""
    from radu_core.workflows.train.preflight import duration

    latest = view.latest
    parts = [f"step {latest.get('step')} of {latest.get('steps')}"]
    units = {
        "epoch": "epoch {:.3g}",
        "loss": "loss {:.3f}",
        "learning_rate": "learning rate {:.1e}",
        "tokens_per_second": "{:,.0f} tokens/s",
        "memory_gb": "{:.1f} GB",
    }
    parts += [form.format(latest[n]) for n, form in units.items() if _is_number(latest.get(n))]
    if view.evaluating and view.state == "running":
        parts.append(f"evaluating {quantity(view.evaluating, 'row')}")
    if view.state == "running" and not view.stage and _is_number(latest.get("eta_seconds")):
        parts.append(f"{duration(latest['eta_seconds'])} left")
    return " · ".join(parts)


@command("stop", group=_runs)
def runs_stop(run: Run) -> Output:
    """Stop a run within 10 s; it keeps what it has learnt."""
    from radu_core.workflows.frame.run_list import open_run
    from radu_core.workflows.runs import launch

    space = workspace()
    state = launch.stop_run(space, run)
    _, reason = open_run(space, run).state()
    data = {"run": run, "state": state, "reason": reason}
    return Output(data, [f"{run} is {state}. {reason}".rstrip()])


@command("resume", group=_runs)
def runs_resume(run: Run) -> Output:
    """Resume a stopped, failed or lost run from its last checkpoint."""
    from radu_core.workflows.runs import launch

    resumed = launch.resume(workspace(), run)
    return Output({"run": resumed.id}, [f"{resumed.id} continues."])


@command("fork", group=_runs)
def runs_fork(
    run: Run,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="A setting to change, as name=value.")
    ] = None,
) -> Output:
    """Launch a new run with another run's settings and your changes."""
    from radu_core.workflows.train import manage_runs

    settings = dict(_setting(text) for text in changes or [])
    with progress_bar() as progress:
        forked = manage_runs.fork(workspace(), run, settings, progress=progress)
    data = {"run": forked.id, "forked_from": manage_runs.about(forked).forked_from}
    return Output(data, [f"Run {forked.id} is launched.", f"Watch it: radu runs show {forked.id}"])


def _setting(text: str) -> tuple[str, object]:
    """``name=value``, the value read as YAML."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InputError("That isn't a setting", value=text, remedy="Write it as name=value.")
    try:
        return name.strip(), yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(
            f"The value of {name.strip()} can't be read", value=value, remedy="Write it as YAML."
        ) from error


@command("delete", group=_runs)
def runs_delete(run: Run) -> Output:
    """Move a run that isn't running to the trash."""
    from radu_core.workflows.frame.run_list import open_run
    from radu_core.workflows.train import manage_runs

    space = workspace()
    name = open_run(space, run).id
    there = manage_runs.trash(space, name)
    lines = [f"{name} lies in {there}.", f"Bring it back: radu runs restore {name}"]
    return Output({"run": name, "directory": there}, lines)


@command("restore", group=_runs)
def runs_restore(
    run: Annotated[str, typer.Argument(help="The id of a run in the trash: radu runs trash.")],
) -> Output:
    """Bring a run back from the trash."""
    from radu_core.workflows.train import manage_runs

    back = manage_runs.restore_run(workspace(), run)
    return Output({"run": back.id, "directory": back.path}, [f"{back.id} is back."])


@command("trash", group=_runs)
def runs_trash(
    empty: Annotated[bool, typer.Option(help="Delete them for good.")] = False,
) -> Output:
    """List the runs in the trash, newest first."""
    from radu_core.workflows.frame.run_list import list_trash
    from radu_core.workflows.train import manage_runs

    space = workspace()
    ids = [run.id for run in list_trash(space)]
    if empty:
        count = manage_runs.empty_trash(space)
        return Output({"deleted": ids}, [f"{count} deleted for good."])
    return Output({"runs": ids}, ids or ["The trash is empty."])


@command("note", group=_runs)
def runs_note(
    run: Run,
    text: Annotated[str | None, typer.Argument(help="The note; it replaces the old one.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="A tag; those given replace the old ones.")
    ] = None,
) -> Output:
    """Change a run's note or tags. What isn't given stays."""
    from radu_core.workflows.train import manage_runs

    about = manage_runs.describe(workspace(), run, notes=text, tags=tag or None)
    return Output(about, [about.notes or "(no note)", *(f"tag: {t}" for t in about.tags)])


@command("rename", group=_runs)
def runs_rename(
    run: Run,
    name: Annotated[str, typer.Argument(help='The new name; "" removes it.')],
) -> Output:
    """Give a run a name, which every command takes in place of its id. The id stays."""
    from radu_core.workflows.frame.run_list import open_run
    from radu_core.workflows.train import manage_runs

    space = workspace()
    directory = open_run(space, run)
    new_name = manage_runs.rename(space, directory.id, name).name
    sentence = (
        f"{directory.id} is now called {new_name}." if new_name else f"{directory.id} has no name."
    )
    return Output({"run": directory.id, "name": new_name}, [sentence])


@command("scope", group=_runs)
def runs_scope(
    run: Run,
    share: Annotated[
        float | None,
        typer.Argument(help="The share of utterances in scope to keep; 1 refuses nothing."),
    ] = None,
) -> Output:
    """Show or set which share of the utterances in scope a fast model keeps, without training."""
    from radu_core.workflows.frame.run_list import open_run
    from radu_core.workflows.runs import scope

    space = workspace()
    name = open_run(space, run).id
    if share is not None:
        scope.set_kept(space, name, share)
    share_kept = scope.share_kept_by(space, name)
    sentence = (
        "refuses nothing by its score"
        if share_kept == 1
        else f"keeps {percent(share_kept)} of what is in scope"
    )
    data = {"run": name, "kept": share_kept, "curve": scope.curve_of_run(space, name)}
    return Output(data, [f"{name} {sentence}."])


@command("compare", group=_runs)
def runs_compare(
    runs: Annotated[list[str], typer.Argument(help="Two runs or more.")],
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    module: Annotated[
        str | None, typer.Option("--module", "-m", help="The module, if the runs have several.")
    ] = None,
) -> Output:
    """Compare runs: settings that differ, and measurements with a paired test of every two."""
    from radu_core.workflows.train import manage_runs

    comparison = manage_runs.compare_runs(workspace(), runs, split=split, module=module)
    data = {
        "runs": comparison.runs,
        "split": comparison.split,
        "settings": comparison.settings,
        "losses": comparison.losses,
        "paired": comparison.paired,
        "unpaired": comparison.unpaired,
        "unverified": comparison.unverified,
        "metrics": {name: report.trained for name, report in comparison.reports.items()},
        "ways": {name: report.ways for name, report in comparison.reports.items()},
    }
    return Output(data, _comparison_lines(comparison))


def _comparison_lines(comparison: Comparison) -> list[Any]:
    from radu_core.workflows.train.manage_runs import UNCORRECTED

    settings = [
        (field, *(values[name] for name in comparison.runs))
        for field, values in comparison.settings.items()
    ]
    metrics = [
        (
            name,
            m.system,
            report.rows,
            m.function.with_interval,
            m.slot_f1_text,
            m.exact_match.with_interval,
        )
        for name, report in comparison.reports.items()
        for m in report.ways
    ]
    columns = ["run", "system", "rows", "function accuracy (95 %)", "slot F1", "exact match (95 %)"]
    lines: list[Any] = [
        table("Settings that differ", ["setting", *comparison.runs], settings)
        if settings
        else "Their settings are the same."
    ]
    if metrics:
        caption = f"Measured on {comparison.split}"
        lines.append(table(caption, columns, metrics, whole=("run",)))
    lines += [
        f"{p.measure}: only {p.one} has {quantity(p.only_one, 'row')} right, only {p.two} "
        f"{p.only_two}, of {p.rows}; p = {p.p:.3g}"
        for p in comparison.paired
    ]
    return [
        *lines,
        *comparison.unpaired,
        *comparison.unverified,
        *([UNCORRECTED] if comparison.paired else []),
    ]
