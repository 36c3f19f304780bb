"""Fine-tuning datasets: rows with negatives from exemplars, a retriever, strategies and templates.

A module's dataset is a directory with ``train.jsonl``, ``validation.jsonl``, ``test.jsonl``,
``discards.jsonl``, ``suspects.jsonl``, ``shortened.jsonl``, ``labels.jsonl`` (the exemplars of the
training rows) and ``manifest.json``, written last. The directory is atomic: all or nothing. The
same inputs and seed give the same bytes. A mixture is a directory beside those of its modules:
the same three splits, the labels and a manifest of its own.
"""

from radu_core.dataset.build import build_dataset
from radu_core.dataset.config import DatasetConfig, Retriever
from radu_core.dataset.diff import DatasetDiff, Difference, diff_datasets, read_differences
from radu_core.dataset.labels import read_labels
from radu_core.dataset.manifest import (
    MIXTURE,
    SPLITS,
    Manifest,
    Mixture,
    Sizes,
    read_dataset,
    read_manifest,
)
from radu_core.dataset.mix import mix, weight_of
from radu_core.dataset.preview import Preview, PreviewLine, preview_dataset
from radu_core.dataset.rows import DatasetRow, read_rows

__all__ = [
    "MIXTURE",
    "SPLITS",
    "DatasetConfig",
    "DatasetDiff",
    "DatasetRow",
    "Difference",
    "Manifest",
    "Mixture",
    "Preview",
    "PreviewLine",
    "Retriever",
    "Sizes",
    "build_dataset",
    "diff_datasets",
    "mix",
    "preview_dataset",
    "read_dataset",
    "read_differences",
    "read_labels",
    "read_manifest",
    "read_rows",
    "weight_of",
]
