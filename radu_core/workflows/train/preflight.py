"""Before a run: everything that can be known about it in at most about a minute."""

from __future__ import annotations

import math
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from radu_core.dataset import read_rows
from radu_core.errors import DatasetError, RaduError
from radu_core.files import write_json
from radu_core.models import model_directory
from radu_core.progress import Progress, silent
from radu_core.tokenizing import IGNORED, Encoded, encode_row, load_tokenizer, row_hash
from radu_core.training.probe.measurements import Probe
from radu_core.training.probe.probe import probe
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.encoding import Preflight, encoder_of
from radu_core.training.watcher.launcher import check_disk
from radu_core.words import quantity
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs.launch import check, check_unchanged
from radu_core.workflows.runs.retriever_rows import Rows, keep_rows, retriever_rows
from radu_core.workflows.train.prediction import Prediction, predict, predict_tuning

__all__ = [
    "Example",
    "ListedRow",
    "PreflightReport",
    "Problem",
    "command",
    "duration",
    "preflight_report",
    "report_data",
    "report_lines",
]

_SPLITS = ("train", "validation")
_SPARE_MEMORY = 0.95  # of what is free; the rest is for whatever else the machine does


@dataclass(frozen=True)
class Problem:
    """Why a run can't be launched, or would fail; and what to do."""

    what: str
    remedy: str


@dataclass(frozen=True)
class ListedRow:
    """A row that isn't learnt as it is: ``tokens`` long, of which ``supervised`` are learnt."""

    id: str
    task: str
    split: str
    tokens: int
    supervised: int | None
    reason: str


@dataclass(frozen=True)
class Example:
    """The first training row, decoded from its tokens. ``hash`` is of its tokens and labels."""

    prompt: str
    completion: str
    prompt_tokens: int
    completion_tokens: int
    hash: str


@dataclass(frozen=True)
class PreflightReport:
    """``rows`` and ``tokens`` are per split, of the rows that are used."""

    config: TrainConfig
    rows: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    tokens_hash: str = ""
    listed: tuple[ListedRow, ...] = ()
    example: Example | None = None
    probe: Probe | None = None
    prediction: Prediction | None = None
    disk_free: int = 0
    problems: tuple[Problem, ...] = ()

    @property
    def notes(self) -> list[str]:
        """What doesn't stand in its way, and should be known."""
        if self.probe is None or self.prediction is not None:
            return []
        return [
            f"Not one step was done in the time of the check (it was at: {self.probe.stage}), so "
            "memory and time aren't known. The machine is busy, or a step is too large for it: try "
            f"{_smaller(self.config)}."
        ]

    @property
    def ok(self) -> bool:
        """Whether it can be launched."""
        return not self.problems


def command(config_path: Path | str, *, home: Path | None = None) -> str:
    """What launches the same run in a shell; ``home`` is the workspace to launch it in."""
    before = f"RADU_HOME={shlex.quote(str(home))} " if home else ""
    return f"{before}radu train {shlex.quote(str(config_path))}"


def duration(seconds: float) -> str:
    """Seconds as people say them: "40 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def report_data(report: PreflightReport) -> dict[str, Any]:
    """The report as plain data, for ``--json``."""
    data = asdict(replace(report, config=None))  # type: ignore[arg-type]
    return {**data, "config": report.config.model_dump(mode="json"), "ok": report.ok}


def report_lines(report: PreflightReport) -> list[str]:
    """The report as lines of text, problems last."""
    lines = [
        f"{split}: {quantity(rows, 'row')}"
        + (f", {quantity(report.tokens[split], 'token')}" if split in report.tokens else "")
        for split, rows in report.rows.items()
    ]
    lines += [
        f"{r.reason}: {r.id} ({r.split}, {r.task}), {quantity(r.tokens, 'token')}"
        for r in report.listed
    ]
    need = report.prediction
    if need is not None:
        until = ", ended by max_minutes" if need.capped else ""
        asking_time = duration(need.asking_seconds)
        asking = f"; {asking_time} of it to ask the teacher" if need.asking_seconds else ""
        lines += [
            f"time: about {duration(need.seconds)} for {quantity(need.steps, 'step')}{until}, at "
            f"{need.tokens_per_second:.0f} tokens/s" + asking,
            f"memory: {need.memory_bytes / 1e9:.1f} GB of {need.memory_free / 1e9:.1f} GB free",
            f"disk: {need.disk_bytes / 1e9:.1f} GB of {report.disk_free / 1e9:.1f} GB free",
        ]
        if need.gpu_bytes:
            lines.append(f"GPU memory: {need.gpu_bytes / 1e9:.1f} GB")
    lines += [f"NOTE: {note}" for note in report.notes]
    lines += [f"PROBLEM: {p.what} {p.remedy}" for p in report.problems]
    return [
        *lines,
        "Ready to launch." if report.ok else "It can't be launched: correct what is listed.",
    ]


def preflight_report(
    workspace: Workspace,
    config: TrainConfig,
    *,
    progress: Progress = silent,
    measure: Callable[..., Probe] = probe,
) -> PreflightReport:
    """Check every row, then let the run's own code do a few steps. Nothing is launched.

    What would go wrong is in ``problems``; the steps are done only where there are none.
    """
    config = config.with_absolute_paths()
    problems: list[Problem] = []
    with _listing(problems):
        check_unchanged(workspace, config)
    report = PreflightReport(config, disk_free=_disk_free(workspace))
    label_rows: Rows | None = None
    with _listing(problems):
        if config.target == "retriever":
            label_rows = retriever_rows(workspace, config, progress=progress)
            counts = {"train": len(label_rows.labels), "validation": len(label_rows.validation)}
            report = replace(report, rows=counts)
        else:
            report = _rows(workspace, report, problems, progress)
    directory = None
    with _listing(problems):
        directory = model_directory(config.base_model, workspace.models, progress=progress)
        check_disk(workspace.runs, directory)
    if directory is not None and not problems:
        with _listing(problems):
            probe_arguments = (
                {}
                if label_rows is None
                else {"prepare": partial(_prepare, workspace, config, label_rows)}
            )
            measures = measure(
                config,
                directory,
                scratch=workspace.home / "cache" / "probe",
                progress=progress,
                **probe_arguments,
            )
            report = replace(report, probe=measures)
            if label_rows is not None:
                report = _of_labels(report, measures, label_rows, directory)
            elif measures.longest_seconds:
                need = predict(
                    config, report.rows["train"], report.tokens["train"], measures, directory
                )
                report = replace(report, prediction=need)
            problems += _shortages(report)
    return replace(report, problems=tuple(dict.fromkeys(problems)))


@contextmanager
def _listing(problems: list[Problem]) -> Iterator[None]:
    """Turn our own errors into problems; let others pass."""
    try:
        yield
    except RaduError as error:
        what = str(error).removesuffix(error.remedy).rstrip()
        problems.append(Problem(what, error.remedy))


def _rows(
    workspace: Workspace, report: PreflightReport, problems: list[Problem], progress: Progress
) -> PreflightReport:
    """Every row tokenized by the run's own preflight, which leaves over-long ones out here."""
    config = report.config
    lenient = config.model_copy(update={"skip_overlong": True})
    try:
        rows = check(workspace, lenient, progress=progress)
    except DatasetError:
        check(workspace, config, progress=progress)  # says that all are over-long, if they are
        raise
    tokenizer = load_tokenizer(model_directory(config.base_model, workspace.models))
    if rows.overlong and not config.skip_overlong:
        longest = max(tokens for _, _, tokens, _ in rows.overlong)
        problems.append(
            Problem(
                f"{quantity(len(rows.overlong), 'row is', 'rows are')} longer than "
                f"max_length={config.max_length} tokens; the longest has {longest}.",
                "Raise max_length, show fewer exemplars, or set skip_overlong.",
            )
        )
    progress("Looking for rows that teach nothing", 0, 0)
    return replace(
        report,
        rows={"train": len(rows.train), "validation": len(rows.validation)},
        tokens={
            "train": rows.train_tokens,
            "validation": sum(len(row.input_ids) for row in rows.validation),
        },
        tokens_hash=rows.tokens_hash,
        listed=(*_overlong(rows), *_special(rows), *_rows_without_completion(config, tokenizer)),
        example=_example(tokenizer, rows.train[0]),
    )


def _prepare(workspace: Workspace, config: TrainConfig, rows: Rows, folder: Path) -> None:
    """Put what a run of the retriever reads into a folder."""
    keep_rows(folder, rows)
    store, module = workspace.store, config.dataset.name
    write_json(folder / "schema.json", store.schema(module).model_dump(mode="json"))
    write_json(folder / "templates.json", store.templates(module))


def _of_labels(report: PreflightReport, probe: Probe, rows: Rows, model: Path) -> PreflightReport:
    """What was measured of a run of the retriever.

    Labels that aren't read to their end, and the prediction.
    """
    rows_listed = tuple(
        ListedRow(i, "label", "train", probe.longest_row, None, "longer than the encoder reads")
        for i in probe.cut
    )
    tokens = {"train": probe.train_tokens} if probe.train_tokens else {}
    report = replace(report, listed=rows_listed, tokens=tokens)
    if not probe.longest_seconds:
        return report
    return replace(report, prediction=predict_tuning(report.config, probe, rows, model))


def _overlong(rows: Preflight) -> list[ListedRow]:
    return [ListedRow(i, task, split, n, None, "over-long") for i, task, n, split in rows.overlong]


def _special(rows: Preflight) -> list[ListedRow]:
    return [
        ListedRow(i, task, split, n, None, f"special token {sign}")
        for i, task, n, split, sign in rows.special
    ]


def _rows_without_completion(config: TrainConfig, tokenizer: Any) -> list[ListedRow]:
    """Rows with an empty completion: only the end token would be learnt of them."""
    problems = []
    encoder = encoder_of(config, tokenizer)
    for split in _SPLITS:
        for row in read_rows(config.dataset, split):
            if not row.completion.strip():
                encoded = encode_row(encoder, row.prompt, row.completion)
                problems.append(
                    ListedRow(
                        row.exemplar_id,
                        row.task,
                        split,
                        len(encoded.input_ids),
                        encoded.supervised_tokens,
                        "unsupervised",
                    )
                )
    return problems


def _example(tokenizer: Any, row: Encoded) -> Example:
    pairs = list(zip(row.input_ids, row.labels, strict=True))
    prompt = [token for token, label in pairs if label == IGNORED]
    completion = [token for token, label in pairs if label != IGNORED]
    return Example(
        tokenizer.decode(prompt),
        tokenizer.decode(completion),
        len(prompt),
        len(completion),
        row_hash(row.input_ids, row.labels),
    )


def _shortages(report: PreflightReport) -> list[Problem]:
    """Where it needs more than there is."""
    need = report.prediction
    if need is None:
        return []
    short = []
    limit = 60 * (report.config.max_minutes or math.inf)
    if need.first_step_seconds > limit:
        short.append(
            Problem(
                f"Its first step ends after about {duration(need.first_step_seconds)}, and its "
                f"time limit is {duration(limit)}: it would end without a model.",
                f"Raise max_minutes, or use {_smaller(report.config)}.",
            )
        )
    if need.memory_bytes > _SPARE_MEMORY * need.memory_free:
        short.append(
            Problem(
                f"It needs {need.memory_bytes / 1e9:.1f} GB of memory, and "
                f"{need.memory_free / 1e9:.1f} GB are free.",
                f"Use {_smaller(report.config)}, or close other programs.",
            )
        )
    if need.disk_bytes > report.disk_free:
        short.append(
            Problem(
                f"It needs {need.disk_bytes / 1e9:.1f} GB of disk, and "
                f"{report.disk_free / 1e9:.1f} GB are free.",
                "Delete old runs or point RADU_HOME at a larger disk.",
            )
        )
    return short


def _smaller(config: TrainConfig) -> str:
    """What makes a step smaller."""
    if config.target == "retriever":
        return "a smaller batch_size, or LoRA"
    return "a smaller batch_size, grad_accumulation or max_length, or LoRA"


def _disk_free(workspace: Workspace) -> int:
    return shutil.disk_usage(workspace.home).free
