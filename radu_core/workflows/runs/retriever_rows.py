"""What a run that tunes the retriever learns: the labels of its dataset, and validation rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from radu_core.dataset import Mixture, read_dataset, read_labels
from radu_core.errors import DatasetError, InputError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import write_json
from radu_core.models import model_directory
from radu_core.progress import Progress, silent
from radu_core.retrieval import check_embedder, why_not_tunable
from radu_core.retrieval.pairs import Judgements
from radu_core.training.joint.files import JUDGED_FILE, RETRIEVAL_FILE, VALIDATION_FILE
from radu_core.training.joint.guard import Retrieving
from radu_core.training.lsr.files import Source, keep_sources
from radu_core.training.run.config import TrainConfig
from radu_core.workflows.coverage.indexing import chosen_point, retrieval_settings
from radu_core.workflows.coverage.judgements import judgements
from radu_core.workflows.frame.labelled_rows import labelled_rows
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs.teachers import find_teachers
from radu_core.workflows.runs.trained_labels import write_labels
from radu_core.workflows.runs.tuned_from import check_unseen

__all__ = ["Rows", "keep_rows", "retriever_rows"]


@dataclass(frozen=True)
class Rows:
    """The rows that a run of the retriever learns from and is measured on.

    ``labels`` are learnt, ``validation`` is measured while the run goes on; ``negatives`` counts
    the dataset's negative exemplars: they say what an utterance isn't, which isn't learnt. ``how``
    the module retrieves is what the tuned encoder is compared with; ``teachers`` are the language
    models that say which exemplars help, if any do; ``judged`` is what people said of pairs of
    labels, where that is learnt.
    """

    labels: list[AnnotatedExemplar]
    validation: list[AnnotatedExemplar]
    negatives: int
    how: Retrieving
    teachers: tuple[Source, ...] = ()
    judged: Judgements | None = None


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
    check_embedder(directory, config.base_model)
    if wrong := why_not_tunable(directory):
        raise InputError(
            f"That embedding model can't be tuned ({wrong})",
            value=config.base_model,
            remedy="Choose a transformer, such as all-MiniLM-L6-v2.",
        )
    progress("Reading the labels", 0, 0)
    exemplars = read_labels(config.dataset, dataset.module)
    labels = [e for e in exemplars if e.mode != "negative"]
    if not any(e.function for e in labels):
        raise DatasetError(
            "None of the dataset's labels names a function: there is nothing to learn",
            remedy="Label utterances of a function, resolve them, and build the dataset again.",
        )
    rows_asked = labelled_rows(workspace, dataset.module, "validation").exemplars
    how = Retrieving(
        retrieval_settings(workspace, dataset.module), chosen_point(workspace, dataset.module)
    )
    if config.objective != "lsr":  # whose folds would be asked about labels that the base has seen
        check_unseen(workspace, config.base_model, labels, what="the dataset's labels")
    check_unseen(workspace, config.base_model, rows_asked, what="validation")
    teachers = (
        find_teachers(workspace, config, labels, progress) if config.learns_by_teacher else ()
    )
    validation = sorted(rows_asked, key=lambda e: e.id)
    contrast = config.objective == "contrastive"
    verdicts = judgements(workspace, dataset.module, labels) if contrast else None
    return Rows(labels, validation, len(exemplars) - len(labels), how, teachers, verdicts)


def keep_rows(folder: Path, rows: Rows) -> None:
    """Write labels, validation rows and how the module retrieves into ``folder``, as they are."""
    write_labels(folder, rows.labels)
    rows_data = [e.model_dump(mode="json") for e in rows.validation]
    write_json(folder / VALIDATION_FILE, {"exemplars": rows_data})
    write_json(folder / RETRIEVAL_FILE, rows.how.data())
    if rows.judged is not None:
        pairs = [[one, other, verdict] for (one, other), verdict in sorted(rows.judged.items())]
        write_json(folder / JUDGED_FILE, {"pairs": pairs})
    if rows.teachers:
        keep_sources(folder, rows.teachers)
