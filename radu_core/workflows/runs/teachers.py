"""The language models that a retriever learns from: base models, and runs that tuned one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from radu_core.errors import InputError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.models import model_directory
from radu_core.progress import Progress
from radu_core.training.lsr.files import Source
from radu_core.training.lsr.teacher import Teacher, choose_teacher, keys_of
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.tokens import base_hashes, template_of
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs.trained_labels import read_trained_labels

__all__ = ["find_teachers"]


def find_teachers(
    workspace: Workspace,
    config: TrainConfig,
    labels: Sequence[AnnotatedExemplar],
    progress: Progress,
) -> tuple[Source, ...]:
    """The config's teachers.

    ``InputError`` for one that isn't a language model or has no model, and where they have learnt
    every label between them.
    """
    sources = tuple(_source(workspace, n, config, progress) for n in dict.fromkeys(config.teachers))
    teachers = [s.teacher for s in sources]
    if not any(choose_teacher(teachers, e) for e in labels):
        raise InputError(
            "The teachers were trained on every label: each exemplar would seem to help them",
            value=", ".join(config.teachers),
            remedy="Name the base model, or runs that were each trained without a part of the "
            "labels.",
        )
    return sources


def _source(workspace: Workspace, name: str, config: TrainConfig, progress: Progress) -> Source:
    is_run = Path(name).name == name and name not in ("", ".", "..")
    if is_run and (workspace.runs / name).is_dir():
        return _of_run(RunDirectory.open(workspace.runs, name), config.dataset.name)
    directory = model_directory(name, workspace.models, progress=progress)
    if not (directory / "config.json").is_file() or (directory / "modules.json").is_file():
        raise InputError(
            "That teacher is no language model",
            value=name,
            remedy="Name one, such as SmolLM2-135M-Instruct, or a run that tuned one.",
        )
    progress("Hashing the teacher", 0, 0)
    return Source(Teacher(name, frozenset()), directory, None, base_hashes(directory))


def _of_run(run: RunDirectory, module: str) -> Source:
    if run.config().target != "generator" or not run.model.is_dir():
        state, _ = run.state()
        raise InputError(
            f"The teacher {run.id} has no language model (it is {state}, and its target is "
            f"{run.config().target})",
            remedy="Name a finished run that tuned the generator.",
        )
    serving = run.path / "serving"
    apart = serving / module
    labels = read_trained_labels(apart if apart.is_dir() else serving)
    if labels.missing:
        raise InputError(
            f"What the teacher {run.id} has learnt isn't known: {labels.missing}",
            remedy="Launch that run again, or name the base model.",
        )
    learnt = frozenset(key for e in labels.exemplars for key in keys_of(e))
    return Source(Teacher(run.id, learnt), run.model, template_of(run), base_hashes(run.model))
