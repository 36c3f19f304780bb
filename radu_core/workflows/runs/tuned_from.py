"""What an embedding model was tuned from, and which labels it has seen."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from radu_core.errors import InputError, RaduError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.training.joint.files import HEAD_FILE, read_head
from radu_core.training.run.directory import RunDirectory
from radu_core.words import quantity
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs.trained_labels import FILE, read_trained_labels

__all__ = ["base_of", "check_unseen"]

_EXPORTED = "radu"  # in an exported model: what it was trained with


@dataclass(frozen=True)
class _Tuned:
    """A tuned encoder and where it comes from.

    ``by`` what it was tuned, ``base`` the model that it began with, ``kept`` where the labels lie
    that it learnt.
    """

    by: str
    base: str
    kept: Path


def base_of(workspace: Workspace, name: str) -> str:
    """The model that tuning ``name`` began with, or the name itself where it isn't a tuned one.

    ``name`` is a run's id, a directory or a model's name.
    """
    names_so_far: set[str] = set()
    while name not in names_so_far and (tuning := _tuning_of(workspace, name)) is not None:
        names_so_far.add(name)
        name = tuning.base
    return name


def check_unseen(
    workspace: Workspace, base: str, rows: Sequence[AnnotatedExemplar], *, what: str
) -> None:
    """Raise ``InputError`` if a base model has learnt any of ``rows``.

    The base model, or one that it was tuned from: what is tuned from it is going to be measured on
    them.

    By the text, not by the template: validation may have templates of train, whatever is tuned.
    """
    names_so_far, name = set[str](), base
    while name not in names_so_far and (tuning := _tuning_of(workspace, name)) is not None:
        learnt = {
            (e.id, e.utterance) for path in tuning.kept.glob(f"**/{FILE}") for e in _labels(path)
        }
        if both := sum((e.id, e.utterance) in learnt for e in rows):
            raise InputError(
                f"The base model was tuned by {tuning.by}, which has learnt "
                f"{quantity(both, 'row')} of {what}: figures on them would be too good",
                value=base,
                remedy=f"Name the model that it was tuned from: {base_of(workspace, base)}.",
            )
        names_so_far.add(name)
        name = tuning.base


def _labels(path: Path) -> Sequence[AnnotatedExemplar]:
    return read_trained_labels(path.parent).exemplars


def _tuning_of(workspace: Workspace, name: str) -> _Tuned | None:
    """What tuned the model called ``name``; None if nothing here or in its files says so."""
    try:
        run = _run_of(workspace, name)
        if run is not None:
            return _Tuned(f"run {run.id}", run.config().base_model, run.path / "serving")
        directory = Path(name).expanduser()
        for place in (directory, directory.parent):
            if (place / HEAD_FILE).is_file():  # an exported model
                with suppress(RaduError, KeyError):
                    base = str(read_head(place)["embedder"])
                    return _Tuned(f"the run that {place} is of", base, place / _EXPORTED)
    except (OSError, RuntimeError):  # too long a name, no such user's home
        return None
    return None


def _run_of(workspace: Workspace, name: str) -> RunDirectory | None:
    """The run that ``name`` is the id of, or whose directory it lies in."""
    root = workspace.runs
    if name not in ("", ".", "..") and Path(name).name == name:
        return RunDirectory(root / name) if (root / name).is_dir() else None
    place, root = Path(name).expanduser().resolve(), root.resolve()
    inside = place.is_relative_to(root) and place != root
    return RunDirectory(root / place.relative_to(root).parts[0]) if inside else None
