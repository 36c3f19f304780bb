"""Commands about retrieval: index, coverage, what-if, two settings side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radu_core.cli.data import Module
from radu_core.cli.output import Output, command, progress_bar, table, who, workspace
from radu_core.errors import InputError
from radu_core.terms import TERMS, describe_point, label
from radu_core.words import percent, percent_range, quantity

if TYPE_CHECKING:
    from radu_core.exemplars import Split
    from radu_core.retrieval import RetrievalSettings, Tuning
    from radu_core.workflows.coverage.report import CoverageReport
    from radu_core.workflows.coverage.what_if import Difference
    from radu_core.workflows.frame.workspace import Workspace

__all__ = ["split_of"]

_LISTED = 20
_SIGNIFICANT = 0.05

Target = Annotated[
    float,
    typer.Option(
        min=0.5,
        max=0.9999,
        help="Coverage to reach: the share of utterances whose right function is retrieved.",
    ),
]
SplitName = Annotated[str, typer.Option(help="The split to measure on.")]
Weight = Annotated[
    float | None,
    typer.Option(min=0, max=1, help=f"{TERMS['dense_weight'].name}: {TERMS['dense_weight'].help}"),
]
GraphFrom = Annotated[
    int | None,
    typer.Option(min=1, help=TERMS["graph_from"].help),
]
EmbedderName = Annotated[
    str | None, typer.Option(help="A model's name, a directory, or a run's id.")
]
KDesc = Annotated[int | None, typer.Option(min=0, max=50, help=f"{label('k_desc')}.")]
KExemplar = Annotated[int | None, typer.Option(min=0, max=100, help=f"{label('k_exemplar')}.")]


def split_of(name: str) -> Split:
    """The split of that name; ``InputError`` if there is none."""
    for split in ("train", "validation", "test"):
        if name == split:
            return split
    raise InputError("No such split", value=name, remedy="Use train, validation or test.")


def _settings(
    space: Workspace,
    module: str,
    embedder: str | None,
    weight: float | None,
    graph_from: int | None = None,
) -> RetrievalSettings:
    """The module's settings with what was said instead."""
    from radu_core.workflows.coverage.report import retrieval_settings

    more: dict[str, Any] = {
        "embedder": embedder,
        "dense_weight": weight,
        "graph_from": graph_from,
    }
    own = retrieval_settings(space, module)
    return own.model_copy(update={k: v for k, v in more.items() if v is not None})


@command("index")
def index(
    module: Module,
    embedder: EmbedderName = None,
    dense_weight: Weight = None,
    graph_from: GraphFrom = None,
    tune: Annotated[
        bool,
        typer.Option(
            "--tune", help="Choose the weight on train, leaving out one exemplar at a time."
        ),
    ] = False,
    left_out: Annotated[
        Path | None, typer.Option(help="Write what isn't indexed, with reasons, as CSV.")
    ] = None,
) -> Output:
    """Build a module's retrieval index; the options given are saved for the module."""
    from radu_core.eligibility import Purpose
    from radu_core.workflows.coverage import report
    from radu_core.workflows.load import eligible

    if tune and dense_weight is not None:
        raise InputError(
            "--tune and --dense-weight contradict each other", remedy="Give one of them."
        )
    space = workspace()
    before = report.retrieval_settings(space, module)
    settings = _settings(space, module, embedder, dense_weight, graph_from)
    tuning = None
    with progress_bar() as progress:
        module_index = report.build_index(space, module, settings=settings, progress=progress)
        if tune:
            tuning = report.tune(space, module, settings=settings, progress=progress)
            settings = settings.model_copy(update={"dense_weight": tuning.weight})
        if settings != before:
            report.set_retrieval(space, module, settings, who=who())
            module_index = report.build_index(space, module, progress=progress)
    counts = {"functions": len(module_index.functions), "exemplars": len(module_index.exemplars)}
    unused = eligible.left_out(space, module)[Purpose.INDEX]
    data = {
        "module": module,
        **counts,
        "fingerprint": module_index.fingerprint,
        "source": module_index.source,
        "left_out": unused,
        "changed": settings != before,
        "tuning": tuning,
    }
    lines: list[Any] = [
        f"{module}: {quantity(len(module_index.functions), 'function')} and "
        f"{quantity(len(module_index.exemplars), 'exemplar')} indexed."
    ]
    lines += _source_lines(module_index.source)
    lines += [f"not indexed {n}: {why}" for why, n in unused.items()]
    if left_out is not None:
        rows = eligible.left_out_rows(space, module, Purpose.INDEX)
        lines.append(_write_csv(left_out, rows, eligible.COLUMNS))
    lines += _tuning_lines(tuning) if tuning else []
    if settings != before:
        lines.append("Saved for the module: build its datasets again.")
    return Output(data, lines)


def _source_lines(source: Mapping[str, Any]) -> list[str]:
    settings = source["settings"]
    dense = source["dense"]
    kind = "all compared" if dense == "flat" else f"HNSW, recall {percent(source['recall'])}"
    return [
        f"Embedder {source['embedder']}; dense: {kind}; weight of the dense ranking "
        f"{settings['dense_weight']:g}."
    ]


def _tuning_lines(tuning: Tuning) -> list[Any]:
    rows = [
        (f"{weight:g}", percent(share, 2), _mark(tuning, weight))
        for weight, share in tuning.shares.items()
    ]
    title = (
        f"Mean coverage at 1, 3, 5 and 8 functions, {quantity(tuning.queries, 'exemplar')} of train"
    )
    return [table(title, ["dense weight", "coverage", ""], rows)]


def _mark(tuning: Tuning, weight: float) -> str:
    marks = [("taken", tuning.weight), ("highest", tuning.best)]
    return ", ".join(name for name, value in marks if value == weight)


@command("find-k")
def find_k(
    module: Module,
    target: Target = 0.99,
    split: SplitName = "validation",
    max_desc: Annotated[
        int, typer.Option(min=0, max=50, help="Most descriptions to try (k_desc).")
    ] = 10,
    max_exemplar: Annotated[
        int, typer.Option(min=0, max=100, help="Most exemplars to try (k_exemplar).")
    ] = 20,
    embedder: EmbedderName = None,
    dense_weight: Weight = None,
    surface: Annotated[
        Path | None, typer.Option(help="Write every point of the grid as CSV.")
    ] = None,
    misses: Annotated[
        Path | None, typer.Option(help="Write every miss with its causes as CSV.")
    ] = None,
    left_out: Annotated[
        Path | None, typer.Option(help="Write what wasn't measured, with reasons, as CSV.")
    ] = None,
    use: Annotated[
        bool, typer.Option("--use", help="Save this point for the module's prompts and datasets.")
    ] = False,
) -> Output:
    """Recommend how many descriptions and exemplars to retrieve. Exit 1: target not reached."""
    from radu_core.workflows.coverage import report
    from radu_core.workflows.coverage.indexing import choose_point

    space, part = workspace(), split_of(split)
    settings = _settings(space, module, embedder, dense_weight)
    with progress_bar() as progress:
        coverage = report.coverage_report(
            space,
            module,
            split=part,
            target=target,
            max_desc=max_desc,
            max_exemplar=max_exemplar,
            settings=settings,
            progress=progress,
        )
    choice = coverage.choice
    explanations = report.explained_misses(coverage, choice.k_desc, choice.k_exemplar)
    rows = report.miss_rows(explanations)
    lines = _report_lines(coverage, report.percentile_rows(coverage), rows)
    files: list[tuple[Path | None, Sequence[str], Callable[[], Sequence[Mapping[str, Any]]]]] = [
        (surface, (), lambda: report.surface_rows(coverage)),  # never without rows
        (misses, report.MISS_COLUMNS, lambda: rows),
        (left_out, report.LEFT_OUT_COLUMNS, lambda: report.left_out_rows(space, module, part)),
    ]
    for path, columns, make_rows in files:
        if path is not None:
            lines.append(_write_csv(path, make_rows(), columns))
    if use:
        choose_point(space, module, (choice.k_desc, choice.k_exemplar), who=who())
        lines.append("The point is saved for the module's prompts and datasets.")
    data = {
        "module": module,
        "split": split,
        "total": coverage.grid.total,
        "choice": choice,
        "hits": coverage.grid.hits,
        "mean_functions": coverage.grid.mean_functions,
        "accuracy": coverage.accuracy,
        "per_function": coverage.grid.per_function(choice.k_desc, choice.k_exemplar),
        "misses": coverage.misses,
        "curves": {name: coverage.grid.curve(name) for name in _CURVES},
        "percentiles": report.percentile_rows(coverage),
        "causes": {one.miss.id: one.causes for one in explanations},
        "left_out": coverage.left_out,
        "source": coverage.grid.index.source,
    }
    return Output(data, lines, ok=choice.reached)


_CURVES = ("descriptions", "dense", "lexical", "fused", "together")


def _report_lines(
    report: CoverageReport,
    percentiles: Sequence[Mapping[str, Any]],
    misses: Sequence[Mapping[str, Any]],
) -> list[Any]:
    choice = report.choice
    lines: list[Any] = [
        f"{describe_point(choice.k_desc, choice.k_exemplar)}: coverage {percent(choice.share)} "
        f"({percent_range(choice.low, choice.high)}) of "
        f"{quantity(report.grid.total, 'utterance')}, about {choice.cost:.0f} tokens.",
        f"A vote of what is retrieved there is right for {percent(choice.accuracy)}; at best for "
        f"{percent(choice.best_accuracy)}, with {describe_point(*choice.best)}.",
        choice.note,
    ]
    lines += [f"not measured {n}: {why}" for why, n in report.left_out.items()]
    columns = ["ranking", "p50", "p90", "p95", "p99", "never"]
    rows = [
        ["–" if r.get(c) is None else r.get(c) for c in ("ranking", *columns[1:])]
        for r in percentiles
    ]
    lines.append(table("Rank at which the right function comes first", columns, rows))
    if misses:
        causes = Counter(m["cause"] for m in misses)
        lines.append("Missed: " + ", ".join(f"{n} {cause}" for cause, n in causes.most_common()))
        keys = ["id", "utterance", "function", "retrieved", "why"]
        cells = [[m[k] for k in keys] for m in misses[:_LISTED]]
        more = f" ({_LISTED} of {len(misses)}; all with --misses FILE)"
        title = "Missed" + (more if len(misses) > _LISTED else "")
        lines.append(
            table(title, ["id", "utterance", "function", "retrieved instead", "why"], cells)
        )
    return lines


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """The rows under their names; of none, the head says what there would be: ``columns``."""
    import csv
    from io import StringIO

    from radu_core.files import write_text

    text = StringIO()
    names = list(rows[0]) if rows else columns
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
    return f"{quantity(len(rows), 'row')} written to {path}."


@command("compare-retrieval")
def compare_retrieval(
    module: Module,
    embedder: EmbedderName = None,
    dense_weight: Weight = None,
    graph_from: GraphFrom = None,
    split: SplitName = "validation",
    target: Target = 0.99,
    k_desc: KDesc = None,
    k_exemplar: KExemplar = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="If it is better, save it for the module.")
    ] = False,
) -> Output:
    """Measure other settings beside the module's own, on the same utterances.

    Without --k-desc and --k-exemplar, at the point recommended for the module's own settings, or
    at k_desc 0 and k_exemplar 4 where no difference could show there.
    Exit 1: the other settings aren't significantly better (McNemar's exact test, p < 0.05).
    """
    from radu_core.workflows.coverage import report, what_if

    space = workspace()
    own = report.retrieval_settings(space, module)
    other = _settings(space, module, embedder, dense_weight, graph_from)
    if other == own:
        raise InputError(
            "These are the settings that the module has",
            remedy="Give another --embedder or --dense-weight to compare with.",
        )
    with progress_bar() as progress:
        comparison = what_if.compare_retrieval(
            space,
            module,
            own,
            other,
            split=split_of(split),
            target=target,
            k_desc=k_desc,
            k_exemplar=k_exemplar,
            progress=progress,
        )
    difference = comparison.difference
    better = difference.after > difference.before and difference.p < _SIGNIFICANT
    is_kept = keep and better
    if is_kept:
        report.set_retrieval(space, module, other, who=who())
    lines = [
        f"With {describe_point(*comparison.points[0])}, on "
        f"{quantity(difference.total, 'utterance')} of {split}:",
        *([comparison.note] if comparison.note else []),
        *_difference_lines(difference, (_settings_text(own), _settings_text(other))),
        *_moved_lines(comparison.one.grid.queries, difference),
    ]
    if keep:
        lines.append("Kept: build the module's datasets again." if is_kept else "Not kept.")
    data = {
        "module": module,
        "split": split,
        "settings": [own, other],
        "points": comparison.points,
        "total": difference.total,
        "covered": [difference.before, difference.after],
        "p": difference.p,
        "gained": what_if.query_texts(comparison.one.grid.queries, difference.gained),
        "lost": what_if.query_texts(comparison.one.grid.queries, difference.lost),
        "per_function": what_if.function_changes(comparison.one.grid, difference),
        "better": better,
        "kept": is_kept,
        "note": comparison.note,
    }
    return Output(data, lines, ok=better)


def _settings_text(settings: RetrievalSettings) -> str:
    return f"{settings.embedder}, dense weight {settings.dense_weight:g}"


def _difference_lines(difference: Difference, names: tuple[str, str]) -> list[str]:
    counts = (difference.before, difference.after)
    lines = [
        f"{name}: {count} covered, {percent(count / max(1, difference.total))} "
        f"({percent_range(low, high)})"
        for name, count, (low, high) in zip(names, counts, difference.intervals, strict=True)
    ]
    return [
        *lines,
        f"{len(difference.gained)} gained, {len(difference.lost)} lost; "
        f"p = {difference.p:.3g} (McNemar, exact).",
    ]


def _moved_lines(queries: Sequence[Any], difference: Difference) -> list[Any]:
    from radu_core.workflows.coverage.what_if import query_texts

    rows = [("gained", *one) for one in query_texts(queries, difference.gained)]
    rows += [("lost", *one) for one in query_texts(queries, difference.lost)]
    if not rows:
        return []
    more = f" ({_LISTED} of {len(rows)}; all with --json)" if len(rows) > _LISTED else ""
    return [table(f"What moves{more}", ["", "id", "utterance"], rows[:_LISTED])]


@command("what-if")
def try_what_if(
    module: Module,
    function: Annotated[str, typer.Option(help="The function that is changed.")],
    description: Annotated[str | None, typer.Option(help="The description to try.")] = None,
    exemplar: Annotated[
        list[str] | None,
        typer.Option(help="A training exemplar to add, slots as <slot>. Repeatable."),
    ] = None,
    split: SplitName = "validation",
    target: Target = 0.99,
    k_desc: KDesc = None,
    k_exemplar: KExemplar = None,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep",
            help="Save the description (never the exemplars), unless it covers less.",
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --keep: save it even if it covers less.")
    ] = (False),
) -> Output:
    """Measure coverage as if a function had another description or more exemplars.

    At --k-desc and --k-exemplar, or at the recommended point.
    Exit 1: coverage isn't higher than now.
    """
    from radu_core.workflows.coverage import report, what_if

    if description is None and not exemplar:
        raise InputError("Nothing would change", remedy="Give --description or --exemplar.")
    if keep and description is None:
        raise InputError("--keep stores a description", remedy="Add --description.")
    if force and not keep:
        raise InputError("--force is for --keep", remedy="Add --keep, or leave out --force.")
    if keep and not (description or "").strip():
        raise InputError(
            "The description is empty",
            value=description,
            remedy="Say in one sentence what the user wants.",
        )
    space = workspace()
    with progress_bar() as progress:
        coverage = report.coverage_report(
            space, module, split=split_of(split), target=target, progress=progress
        )
    point = what_if.point_of(coverage, k_desc, k_exemplar)
    answer = what_if.what_if(
        coverage,
        point,
        descriptions={} if description is None else {function: description},
        added=[(function, text) for text in exemplar or ()],
    )
    difference, is_kept, lines_kept = answer.difference, False, []
    if keep and description is not None:
        alone = what_if.what_if(coverage, point, descriptions={function: description})
        is_kept = force or alone.difference.after >= alone.difference.before
        lines_kept = [_keep_lines(alone.difference, is_kept=is_kept)]
        if is_kept:
            what_if.keep_description(space, module, function, description, who=who())
    lines: list[Any] = [
        f"With {describe_point(*point)}, on {quantity(answer.measured, 'utterance')} of {split}:",
        *_difference_lines(difference, ("now", "then")),
        *(f"changes nothing, it is there already: {text}" for text in answer.repeated),
        *_moved_lines(answer.before.queries, difference),
    ]
    lines += lines_kept
    data = {
        "module": module,
        "split": split,
        "point": point,
        "total": difference.total,
        "covered": [difference.before, difference.after],
        "p": difference.p,
        "repeated": answer.repeated,
        "gained": what_if.query_texts(answer.before.queries, difference.gained),
        "lost": what_if.query_texts(answer.before.queries, difference.lost),
        "kept": is_kept,
    }
    return Output(data, lines, ok=difference.after > difference.before)


def _keep_lines(alone: Difference, *, is_kept: bool) -> str:
    if is_kept:
        return "The description is stored: build the module's datasets again."
    return (
        f"The description isn't stored: by itself it covers {alone.after}, less than the "
        f"{alone.before} now. To store it anyway, say --force."
    )
