"""The labels that a run was trained on, kept with it for the baselines beside its model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from radu_core.dataset import read_labels
from radu_core.errors import DatasetError, NotFoundError, RaduError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import content_hash, read_json, write_json
from radu_core.training.run.encoding import Preflight

__all__ = ["FILE", "TrainedLabels", "keep_labels", "read_trained_labels", "write_labels"]

FILE = "labels.json"


@dataclass(frozen=True)
class TrainedLabels:
    """The exemplars of one module that a run has training rows of, and their hash.

    ``missing`` says why they can't be had; there are none then.
    """

    exemplars: tuple[AnnotatedExemplar, ...]
    hash: str
    missing: str = ""


def keep_labels(folder: Path, dataset: Path, module: str, rows: Preflight) -> None:
    """Write the labels that a run is about to learn into ``folder``.

    Those whose rows were all too long, or weren't drawn into a mixture, aren't among them. A
    dataset without labels gives none.
    """
    ids = {id for of, id in rows.taught if of == module}
    try:
        exemplars = read_labels(dataset, module, ids)
    except DatasetError:
        return
    write_labels(folder, exemplars)


def write_labels(folder: Path, exemplars: Sequence[AnnotatedExemplar]) -> None:
    """Write labels into ``folder`` for ``read_trained_labels``."""
    rows_data = [e.model_dump(mode="json") for e in exemplars]
    write_json(folder / FILE, {"hash": _hash(rows_data), "exemplars": rows_data})


def read_trained_labels(folder: Path) -> TrainedLabels:
    """What ``keep_labels`` wrote, as it was."""
    try:
        data = read_json(folder / FILE)
        rows_data, hash_kept = data["exemplars"], data["hash"]
        if _hash(rows_data) != hash_kept:
            return _missing("the labels kept with the run aren't those it was trained on any more")
        exemplars = tuple(AnnotatedExemplar.model_validate(e) for e in rows_data)
    except NotFoundError:
        return _missing("the run doesn't hold the labels it was trained on; launch it again")
    except (RaduError, ValidationError, LookupError, TypeError):
        return _missing(f"the labels kept with the run can't be read ({folder / FILE})")
    return TrainedLabels(exemplars, str(hash_kept))


def _missing(why: str) -> TrainedLabels:
    return TrainedLabels((), "", why)


def _hash(exemplars: Sequence[Any]) -> str:
    return content_hash(list(exemplars))
