"""Commands of a run's work: training, evaluation, parsing."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radu_core.cli.output import Output, command, progress_bar, table, who, workspace
from radu_core.cli.retrieval import split_of
from radu_core.cli.runs import Run
from radu_core.errors import InputError, RunError
from radu_core.words import percent, quantity

if TYPE_CHECKING:
    from radu_core.evaluation import EvaluationReport, Share
    from radu_core.inference import FunctionCall
    from radu_core.training.run.config import TrainConfig
    from radu_core.workflows.frame.workspace import Workspace

__all__ = ["evaluation_text"]

Scope = Annotated[
    float | None,
    typer.Option(
        min=0.5,
        max=1.0,
        help="Fast models: the share of utterances in scope to keep; 1 refuses nothing. "
        "Default: the run's.",
    ),
]
RunModule = Annotated[
    str | None, typer.Option("--module", "-m", help="The module, if the run has several.")
]


Ensemble = Annotated[
    bool,
    typer.Option(help="Ask for the function with one prompt per exemplar, and mix the answers."),
]


Today = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        metavar="YYYY-MM-DD",
        help='The day that relative dates ("tomorrow") count from. Default: the schema\'s '
        "reference_date.",
    ),
]


@command("train")
def train(
    config: Annotated[Path, typer.Argument(help="YAML: dataset, base_model, method, …")],
    wait: Annotated[bool, typer.Option(help="Show its progress until it ends.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Launch nothing: check rows, memory, time and disk.")
    ] = False,
    launcher: Annotated[str, typer.Option(help="local, or ray: a Ray cluster.")] = "local",
    ray_address: Annotated[
        str | None,
        typer.Option(help="The cluster's job API, http://HOST:8265. Default: RAY_ADDRESS."),
    ] = None,
    ray_model: Annotated[
        str | None,
        typer.Option(
            help="The base model's directory on the cluster. Without it, the model is sent."
        ),
    ] = None,
) -> Output:
    """Launch a fine-tuning run as a separate process. Exit 1: the run or its check failed."""
    from radu_core.training.watcher.launcher import make_launcher
    from radu_core.workflows.runs import launch
    from radu_core.workflows.train.following import follow

    if check:
        return _check_config(config)
    space = workspace()
    where = make_launcher(launcher, address=ray_address, model=ray_model)
    with progress_bar() as progress:
        run = launch.start(space, _config(config, space), launcher=where, progress=progress)
        if wait:
            with suppress(RunError):  # its state and reason are shown below
                follow(run, progress=progress)
    view = launch.run_view(run)
    state = view.state
    lines = [f"Run {run.id} is {state}. {view.reason}".rstrip()]
    if not wait:
        lines.append(f"Watch it: radu runs show {run.id}")
    return Output(
        {"run": run.id, "state": state, "reason": view.reason, "directory": run.path},
        lines,
        ok=state not in ("failed", "lost"),
    )


def _config(path: Path, space: Workspace) -> TrainConfig:
    """Of a file; its dataset may be named as elsewhere, NAME/MODULE."""
    from radu_core.training.run.config import TrainConfig

    config = TrainConfig.from_file(path)
    dataset = space.datasets / config.dataset
    if config.dataset.exists() or not dataset.is_dir():
        return config
    return config.model_copy(update={"dataset": dataset})


def _check_config(path: Path) -> Output:
    """What a run of this config would need, and what stands in its way."""
    from radu_core.workflows.train.preflight import preflight_report, report_data, report_lines

    space = workspace()
    with progress_bar() as progress:
        report = preflight_report(space, _config(path, space), progress=progress)
    return Output(report_data(report), report_lines(report), ok=report.ok)


@command("evaluate")
def evaluate(
    run: Run,
    module: RunModule = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Measure a fixed sample of this many rows.")
    ] = None,
    untrained: Annotated[
        bool, typer.Option(help="Also measure the model before training.")
    ] = False,
    generated: Annotated[
        bool,
        typer.Option(help="Also measure it with values generated freely instead of chosen."),
    ] = False,
    generator: Annotated[
        str | None,
        typer.Option(help="A run whose language model is asked where the fast model is unsure."),
    ] = None,
    ensemble: Annotated[
        bool,
        typer.Option(help="Also measure the language model with one prompt per exemplar."),
    ] = False,
    send_errors: Annotated[
        bool, typer.Option(help="Send wrong answers to the annotation queue.")
    ] = False,
    scope: Scope = None,
) -> Output:
    """Measure a finished run beside the free baselines."""
    from radu_core.workflows.evaluate import evaluation

    space = workspace()
    with progress_bar() as progress:
        report = evaluation.evaluate(
            space,
            run,
            module=module,
            split=split_of(split),
            limit=limit,
            untrained=untrained,
            generated=generated,
            generator=generator,
            ensemble=ensemble,
            scope=scope,
            progress=progress,
        )
    lines = evaluation_text(report)
    if send_errors:
        sent_count = evaluation.send_errors(space, report, who=who())
        lines.append(f"{quantity(sent_count, 'error')} sent to the annotation queue.")
    return Output(report, lines)


def evaluation_text(report: EvaluationReport) -> list[Any]:
    """A report as a table, and whether the model beats what one has for nothing."""
    from radu_core.evaluation import against_baselines

    rows = [
        (
            m.system,
            m.function.with_interval,
            f"{m.slot_f1_text} ({m.slot_pairs})",
            m.exact_match.with_interval,
            f"{_of(m.out_of_scope_precision)} / {_of(m.out_of_scope_recall)}",
            f"{1000 * m.seconds_p50:.0f} ms",
        )
        for m in report.systems
    ]
    columns = [
        "system",
        "function accuracy (95 %)",
        "slot F1 (pairs)",
        "exact match (95 %)",
        "out of scope P / R",
        "median",
    ]
    rows_text = quantity(report.rows, "row")
    title = f"{report.run} on {rows_text} of {report.split}"
    lines: list[Any] = [table(title, columns, rows)]
    lines += [f"left out {count}: {reason}" for reason, count in report.left_out.items()]
    lines += [
        f"{m.system}: {quantity(m.cut, 'answer was', 'answers were')} cut"
        for m in report.systems
        if m.cut
    ]
    lines += _sources(report)
    lines += [str(report.scope)] if report.scope else []
    lines += [str(report.learned_from)] if report.learned_from else []
    lines += [f"no baselines: {report.no_baselines}"] if report.no_baselines else []
    lines += report.additions()
    verdict = against_baselines(report)
    lines += [f"beats every baseline: {line}" for line in verdict.better]
    lines += [f"WORSE than a baseline: {line}" for line in verdict.worse]
    unclear = f"no clear difference to a baseline on {rows_text}"
    lines += [f"{unclear}: {line}" for line in verdict.unclear]
    return lines


def _sources(report: EvaluationReport) -> list[Any]:
    """A row for each source of a head."""
    rows = [
        [
            s.name,
            "–" if s.weight is None else f"{s.weight:.2f}",
            "–" if s.adds_rounded is None else f"{s.adds_rounded:+.3f}",
            "–" if s.without is None else percent(s.without),
            f"{s.milliseconds:.1f} ms",
        ]
        for s in report.sources
    ]
    if not rows:
        return []
    title = "what the function is chosen by, on held-out parts (out of fold)"
    if report.head_accuracy is not None:
        title += f" (right with all of them: {percent(report.head_accuracy)})"
    columns = ["source", "weight", "log loss without it", "functions without it", "median"]
    return [table(title, columns, rows)]


def _of(share: Share) -> str:
    """A share with the rows it is of."""
    return f"{share} of {share.total}" if share.total else str(share)


@command("parse")
def parse(
    run: Annotated[
        str,
        typer.Argument(
            help="A run's id or name, 'last' for the newest, or a directory that export-model "
            "wrote."
        ),
    ],
    utterances: Annotated[
        list[str] | None,
        typer.Argument(
            help="Utterances. Without any, they are read from standard input, one per line."
        ),
    ] = None,
    module: RunModule = None,
    context: Annotated[
        str | None,
        typer.Option(help="The function, or function.slot, that the bot last asked for."),
    ] = None,
    today: Today = None,
    generator: Annotated[
        str | None,
        typer.Option(help="A run whose language model is asked where the fast model is unsure."),
    ] = None,
    ensemble: Ensemble = False,
    scope: Scope = None,
) -> Output:
    """Turn utterances into function calls. Exit 1: one of them is out of scope."""
    from radu_core.workflows.evaluate.parse import parse_many

    utterances_given = utterances or _lines()
    with progress_bar() as progress:
        calls = parse_many(
            workspace(),
            run,
            utterances_given,
            module=module,
            context=context,
            today=None if today is None else today.date(),
            generator=generator,
            ensemble=ensemble,
            scope=scope,
            progress=progress,
        )
    lines: list[str] = []
    for utterance, call in zip(utterances_given, calls, strict=True):
        lines += [f"{utterance}:"] if len(utterances_given) > 1 else []
        lines += _call_lines(call)
    rows = [
        {"utterance": u, **c.model_dump()} for u, c in zip(utterances_given, calls, strict=True)
    ]
    alone = utterances is not None and len(utterances) == 1
    return Output(
        calls[0] if alone else {"calls": rows},
        lines,
        ok=all(c.function is not None for c in calls),
    )


def _call_lines(call: FunctionCall) -> list[str]:
    import json

    arguments = json.dumps(call.arguments, ensure_ascii=False)
    line = f"{call.function or 'none'} {arguments if call.function else ''}".rstrip()
    return [line, *(f"note: {note}" for note in call.problems)]


def _lines() -> list[str]:
    """The utterances on standard input, one per line; an empty line is none."""
    if sys.stdin.isatty():
        raise InputError("There is no utterance", remedy="Give one or more, or a file as input.")
    try:
        text = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"The input isn't UTF-8 (byte {error.start})", remedy="Write it in UTF-8."
        ) from error
    return [line.rstrip("\r") for line in text.split("\n") if line.strip()]
