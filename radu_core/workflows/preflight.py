"""Before a run: everything that can be known about it in at most about a minute."""

from __future__ import annotations

import math
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from radu_core.dataset import read_rows
from radu_core.errors import DatasetError, RaduError
from radu_core.files import write_json
from radu_core.models import model_directory
from radu_core.progress import Progress, silent
from radu_core.training import Encoded, Preflight, TrainConfig, encode_row
from radu_core.training.encoding import IGNORED, encoder_of, load_tokenizer, row_hash
from radu_core.training.launcher import check_disk
from radu_core.training.probe import Probe, probe
from radu_core.words import counted
from radu_core.workflows.retriever_rows import Rows, keep_rows, retriever_rows
from radu_core.workflows.train import check, check_unchanged
from radu_core.workflows.workspace import Workspace

__all__ = [
    "Example",
    "ListedRow",
    "Prediction",
    "PreflightReport",
    "Problem",
    "command",
    "duration",
    "preflight_report",
    "report_data",
    "report_lines",
]

_SPLITS = ("train", "validation")
_CHECKPOINTS = 3  # two are kept, and a third is written before one goes
_SPARE_MEMORY = 0.95  # of what is free; the rest is for whatever else the machine does
_SAVE_SECONDS, _SAVE_SHARE = 60.0, 0.05  # how often the worker saves by time
_START_SECONDS = 8.0  # a process that loads torch, transformers and peft


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
class Prediction:
    """What the run will need: bytes and seconds. ``seconds`` is loading to saved model, and
    ``first_step_seconds`` loading to the end of the first step.

    ``capped`` says that ``max_minutes`` ends it before its last step; ``asking_seconds`` are those
    of asking a language model what helps it.
    """

    steps: int
    seconds: float
    first_step_seconds: float
    training_seconds: float
    evaluation_seconds: float
    saving_seconds: float
    tokens_per_second: float
    memory_bytes: int
    memory_free: int
    gpu_bytes: int
    disk_bytes: int
    capped: bool
    asking_seconds: float = 0.0


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
        f"{split}: {counted(rows, 'row')}"
        + (f", {counted(report.tokens[split], 'token')}" if split in report.tokens else "")
        for split, rows in report.rows.items()
    ]
    lines += [
        f"{r.reason}: {r.id} ({r.split}, {r.task}), {counted(r.tokens, 'token')}"
        for r in report.listed
    ]
    need = report.prediction
    if need is not None:
        until = ", ended by max_minutes" if need.capped else ""
        lines += [
            f"time: about {duration(need.seconds)} for {counted(need.steps, 'step')}{until}, at "
            f"{need.tokens_per_second:.0f} tokens/s"
            + (
                f"; {duration(need.asking_seconds)} of it to ask the teacher"
                * bool(need.asking_seconds)
            ),
            f"memory: {need.memory_bytes / 1e9:.1f} GB of {need.memory_free / 1e9:.1f} GB free",
            f"disk: {need.disk_bytes / 1e9:.1f} GB of {report.disk_free / 1e9:.1f} GB free",
        ]
        if need.gpu_bytes:
            lines.append(f"GPU memory: {need.gpu_bytes / 1e9:.1f} GB")
    lines += [f"NOTE: {note}" for note in report.notes]
    lines += [f"PROBLEM: {p.what} {p.remedy}" for p in report.problems]
    return [*lines, "It can be launched." if report.ok else "It can't be launched as it is."]


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
    config = config.resolved()
    problems: list[Problem] = []
    with _listed(problems):
        check_unchanged(workspace, config)
    found = PreflightReport(config, disk_free=_disk_free(workspace))
    asked: Rows | None = None
    with _listed(problems):
        if config.target == "retriever":
            asked = retriever_rows(workspace, config, progress=progress)
            counts = {"train": len(asked.labels), "validation": len(asked.validation)}
            found = replace(found, rows=counts)
        else:
            found = _rows(workspace, found, problems, progress)
    directory = None
    with _listed(problems):
        directory = model_directory(config.base_model, workspace.models, progress=progress)
        check_disk(workspace.runs, directory)
    if directory is not None and not problems:
        with _listed(problems):
            given = (
                {} if asked is None else {"prepare": partial(_prepare, workspace, config, asked)}
            )
            measured = measure(
                config,
                directory,
                scratch=workspace.home / "cache" / "probe",
                progress=progress,
                **given,
            )
            found = replace(found, probe=measured)
            if asked is not None:
                found = _of_labels(found, measured, asked, directory)
            elif measured.longest_seconds:
                found = replace(found, prediction=_predicted(found, measured, directory))
            problems += _shortages(found)
    return replace(found, problems=tuple(dict.fromkeys(problems)))


@contextmanager
def _listed(problems: list[Problem]) -> Iterator[None]:
    """Errors of ours become problems; others go on."""
    try:
        yield
    except RaduError as error:
        what = str(error).removesuffix(error.remedy).rstrip()
        problems.append(Problem(what, error.remedy))


def _rows(
    workspace: Workspace, found: PreflightReport, problems: list[Problem], progress: Progress
) -> PreflightReport:
    """Every row tokenized by the run's own preflight, which leaves over-long ones out here."""
    config = found.config
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
                f"{counted(len(rows.overlong), 'row is', 'rows are')} longer than "
                f"max_length={config.max_length} tokens; the longest has {longest}.",
                "Raise max_length, show fewer exemplars, or set skip_overlong.",
            )
        )
    progress("Looking for rows that teach nothing", 0, 0)
    return replace(
        found,
        rows={"train": len(rows.train), "validation": len(rows.validation)},
        tokens={
            "train": rows.train_tokens,
            "validation": sum(len(row.input_ids) for row in rows.validation),
        },
        tokens_hash=rows.tokens_hash,
        listed=(*_overlong(rows), *_special(rows), *_unsupervised(config, tokenizer)),
        example=_example(tokenizer, rows.train[0]),
    )


def _prepare(workspace: Workspace, config: TrainConfig, asked: Rows, folder: Path) -> None:
    """Put what a run of the retriever reads into a folder."""
    keep_rows(folder, asked)
    store, module = workspace.store, config.dataset.name
    write_json(folder / "schema.json", store.schema(module).model_dump(mode="json"))
    write_json(folder / "templates.json", store.templates(module))


def _of_labels(
    found: PreflightReport, measured: Probe, asked: Rows, model: Path
) -> PreflightReport:
    """What was measured of a run of the retriever: labels that aren't read to their end, and the
    prediction."""
    listed = tuple(
        ListedRow(i, "label", "train", measured.longest_row, None, "longer than the encoder reads")
        for i in measured.cut
    )
    tokens = {"train": measured.train_tokens} if measured.train_tokens else {}
    found = replace(found, listed=listed, tokens=tokens)
    if not measured.longest_seconds:
        return found
    return replace(found, prediction=_predicted_tuning(found, measured, asked, model))


def _overlong(rows: Preflight) -> list[ListedRow]:
    return [ListedRow(i, task, split, n, None, "over-long") for i, task, n, split in rows.overlong]


def _special(rows: Preflight) -> list[ListedRow]:
    return [
        ListedRow(i, task, split, n, None, f"special token {sign}")
        for i, task, n, split, sign in rows.special
    ]


def _unsupervised(config: TrainConfig, tokenizer: Any) -> list[ListedRow]:
    """Rows with an empty completion: only the end token would be learnt of them."""
    found = []
    encoder = encoder_of(config, tokenizer)
    for split in _SPLITS:
        for row in read_rows(config.dataset, split):
            if not row["completion"].strip():
                encoded = encode_row(encoder, row["prompt"], row["completion"])
                found.append(
                    ListedRow(
                        row["exemplar_id"],
                        row["task"],
                        split,
                        len(encoded.input_ids),
                        encoded.supervised,
                        "unsupervised",
                    )
                )
    return found


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


def _predicted(found: PreflightReport, measured: Probe, model: Path) -> Prediction:
    """Steps × their tokens × the seconds of a token, evaluations, saves and loading."""
    config = found.config
    rows, tokens = found.rows["train"], found.tokens["train"]
    a_pass = math.ceil(rows / config.step_rows)
    steps = config.max_steps or max(1, math.ceil(config.epochs * a_pass))
    speed = max(1e-9, measured.tokens_per_second)
    training = steps * (tokens / a_pass) / speed
    once = _evaluation_seconds(measured)
    evaluations = config.evaluations(steps)
    saving = (steps // config.save_every) * measured.save_seconds
    saving += _by_time(training, measured.save_seconds)
    whole = training + (evaluations - 1) * once + saving
    whole += _START_SECONDS + measured.load_seconds
    limit = 60 * (config.max_minutes or math.inf)
    last = 2 * measured.save_seconds + measured.checking_seconds
    return Prediction(
        steps=steps,
        seconds=min(whole, limit) + once + last,  # these come after the limit
        first_step_seconds=_START_SECONDS + measured.load_seconds + training / steps,
        training_seconds=training,
        evaluation_seconds=evaluations * once,
        saving_seconds=saving + last,
        tokens_per_second=speed,
        memory_bytes=measured.peak_bytes * (config.processes - 1)
        + max(measured.peak_bytes, measured.checking_bytes),
        memory_free=_memory_free(),
        gpu_bytes=measured.gpu_bytes,
        disk_bytes=_CHECKPOINTS * measured.save_bytes + 2 * _weights(model),
        capped=whole > limit,
    )


def _predicted_tuning(
    found: PreflightReport, measured: Probe, asked: Rows, model: Path
) -> Prediction:
    """Of a run of the retriever: the steps of its parts, what it embeds, its head, its saves, and
    what asking a teacher takes."""
    config = found.config
    parts = _steps_of_parts(config, asked, measured)
    steps = sum(parts)
    step = measured.step_seconds or measured.longest_seconds
    training = steps * step
    embedding = _evaluation_seconds(measured)
    saving = len(parts) * measured.save_seconds + _by_time(training, measured.save_seconds)
    loading = _START_SECONDS + measured.load_seconds
    asking = _asking_seconds(config, measured)
    whole = loading + training + embedding + saving + sum(asking)
    limit = 60 * (config.max_minutes or math.inf)
    last = measured.head_seconds + measured.save_seconds
    return Prediction(
        steps=steps,
        seconds=min(whole, limit) + last,
        first_step_seconds=loading + (0.0 if config.max_minutes else asking[0]) + step,
        training_seconds=training,
        asking_seconds=sum(asking),
        evaluation_seconds=embedding + measured.head_seconds,
        saving_seconds=saving + measured.save_seconds,
        tokens_per_second=measured.tokens_per_second,
        memory_bytes=measured.peak_bytes,
        memory_free=_memory_free(),
        gpu_bytes=0,
        disk_bytes=2 * measured.save_bytes + _weights(model),
        capped=whole > limit,
    )


def _steps_of_parts(config: TrainConfig, asked: Rows, measured: Probe) -> list[int]:
    """The steps of each model that a run of the retriever trains."""
    if config.learns_by_teacher:
        from radu_core.training.lsr.fit import lsr_steps
        from radu_core.training.lsr.run import lsr_settings

        return [lsr_steps(lsr_settings(config), measured.asked_rows)]
    from radu_core.training.contrastive.run import contrastive_parts
    from radu_core.training.joint.run import joint_parts

    parts_of = contrastive_parts if config.objective == "contrastive" else joint_parts
    return [part.steps for part in parts_of(asked.labels, config)]


def _asking_seconds(config: TrainConfig, measured: Probe) -> tuple[float, float]:
    """Asking a teacher about every row: before the first step, and again where a shared encoder
    retrieves anew (at most: what is the same as before isn't asked)."""
    if not config.learns_by_teacher:
        return 0.0, 0.0
    from radu_core.training.lsr.probe import asked_again

    once = measured.asking_seconds * measured.asked_rows
    return once, once * asked_again(config, measured.asked_rows)


def _by_time(training: float, save_seconds: float) -> float:
    return training / max(_SAVE_SECONDS, save_seconds / _SAVE_SHARE) * save_seconds


def _evaluation_seconds(measured: Probe) -> float:
    """One evaluation of the rows that a run evaluates, by tokens."""
    if not measured.evaluation_tokens:
        return 0.0
    per_token = measured.evaluation_seconds / measured.evaluation_tokens
    return per_token * measured.evaluated_tokens


def _shortages(found: PreflightReport) -> list[Problem]:
    """Where it needs more than there is."""
    need = found.prediction
    if need is None:
        return []
    short = []
    limit = 60 * (found.config.max_minutes or math.inf)
    if need.first_step_seconds > limit:
        short.append(
            Problem(
                f"Its first step ends after about {duration(need.first_step_seconds)}, and its "
                f"time limit is {duration(limit)}: it would end without a model.",
                f"Raise max_minutes, or use {_smaller(found.config)}.",
            )
        )
    if need.memory_bytes > _SPARE_MEMORY * need.memory_free:
        short.append(
            Problem(
                f"It needs {need.memory_bytes / 1e9:.1f} GB of memory, and "
                f"{need.memory_free / 1e9:.1f} GB are free.",
                f"Use {_smaller(found.config)}, or close other programs.",
            )
        )
    if need.disk_bytes > found.disk_free:
        short.append(
            Problem(
                f"It needs {need.disk_bytes / 1e9:.1f} GB of disk, and "
                f"{found.disk_free / 1e9:.1f} GB are free.",
                "Delete old runs or point RADU_HOME at a larger disk.",
            )
        )
    return short


def _smaller(config: TrainConfig) -> str:
    """What makes a step smaller."""
    if config.target == "retriever":
        return "a smaller batch_size, or LoRA"
    return "a smaller batch_size, grad_accumulation or max_length, or LoRA"


def _memory_free() -> int:
    """Bytes that a new process may take: the machine's, or what a container leaves of them."""
    import psutil

    free = int(psutil.virtual_memory().available)
    group = Path("/sys/fs/cgroup")
    with suppress(OSError, ValueError):  # no such limit, or "max"
        limit = int((group / "memory.max").read_text(encoding="ascii"))
        used = int((group / "memory.current").read_text(encoding="ascii"))
        stat = (group / "memory.stat").read_text(encoding="ascii").split()
        cached = int(stat[stat.index("inactive_file") + 1])  # given up when it is wanted
        free = min(free, limit - used + cached)
    return free


def _disk_free(workspace: Workspace) -> int:
    return shutil.disk_usage(workspace.home).free


def _weights(model: Path) -> int:
    return sum(f.stat().st_size for f in model.glob("*.safetensors"))
