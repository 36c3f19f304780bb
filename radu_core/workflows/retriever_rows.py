"""What a run that tunes the retriever learns: the labels of its dataset, and validation rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from radu_core.dataset import Mixture, read_dataset, read_labels
from radu_core.eligibility import Purpose, sort_out
from radu_core.errors import DatasetError, InputError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import write_json
from radu_core.models import model_directory
from radu_core.progress import Progress, silent
from radu_core.training import TrainConfig
from radu_core.training.joint.files import VALIDATION_FILE
from radu_core.workflows.trained_labels import write_labels
from radu_core.workflows.workspace import Workspace

__all__ = ["Rows", "keep_rows", "retriever_rows"]


@dataclass(frozen=True)
class Rows:
    """``labels`` are learnt, ``validation`` is measured while the run goes on; ``negatives`` counts
    the dataset's negative exemplars: they say what an utterance isn't, which isn't learnt."""

    labels: list[AnnotatedExemplar]
    validation: list[AnnotatedExemplar]
    negatives: int


def retriever_rows(
    workspace: Workspace, config: TrainConfig, *, progress: Progress = silent
) -> Rows:
    """The exemplars that a run will learn, and those it will be measured on while it trains.

    Errors say what would go wrong: a mixture, labels without a function, a base model that is no
    embedding model.
    """
    dataset = read_dataset(config.dataset)
    if isinstance(dataset, Mixture):
        raise InputError(
            "A retriever is tuned for one module, and that dataset is a mixture",
            value=str(config.dataset),
            remedy="Choose one of its modules' datasets.",
        )
    directory = model_directory(config.base_model, workspace.models, progress=progress)
    if not (directory / "modules.json").is_file():
        raise InputError(
            "That is no embedding model (it has no modules.json)",
            value=config.base_model,
            remedy="Name a sentence-transformers model, such as all-MiniLM-L6-v2.",
        )
    progress("Reading the labels", 0, 0)
    found = read_labels(config.dataset, dataset.module)
    labels = [e for e in found if e.mode != "negative"]
    if not any(e.function for e in labels):
        raise DatasetError(
            "None of the dataset's labels names a function: there is nothing to learn",
            remedy="Label utterances of a function, resolve them, and build the dataset again.",
        )
    items = workspace.store.exemplars(dataset.module, splits=["validation"])
    schema = workspace.store.schema(dataset.module)
    asked = sort_out(schema, (i.exemplar for i in items), Purpose.EVALUATION).exemplars
    return Rows(labels, sorted(asked, key=lambda e: e.id), len(found) - len(labels))


def keep_rows(folder: Path, rows: Rows) -> None:
    """Write labels and validation rows into ``folder``, as they are now."""
    write_labels(folder, rows.labels)
    asked = [e.model_dump(mode="json") for e in rows.validation]
    write_json(folder / VALIDATION_FILE, {"exemplars": asked})
