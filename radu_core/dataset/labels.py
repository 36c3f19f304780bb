"""The labels that a dataset's training rows were made of, kept beside the rows.

Whatever is compared with a model learns from these: not from the module as it is later, and not
from an index, which holds one of each group of duplicates.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from radu_core.errors import DatasetError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import canonical_json, readable

__all__ = ["LABELS", "label_line", "read_labels"]

LABELS = "labels.jsonl"


def label_line(module: str, exemplar: AnnotatedExemplar) -> str:
    """A line of the file: a training exemplar that has a row."""
    return canonical_json({"module": module, "exemplar": exemplar.model_dump(mode="json")}) + "\n"


def read_labels(
    directory: Path, module: str, ids: Collection[str] | None = None
) -> tuple[AnnotatedExemplar, ...]:
    """The exemplars of ``module`` with these ids (None: all), by id.

    ``DatasetError`` for a dataset that doesn't hold them: it was built before datasets did.
    """
    path = directory / LABELS
    if not path.is_file():
        raise DatasetError(
            "The dataset doesn't hold its labels", value=str(path), remedy="Build it again."
        )
    labels = []
    with readable(path), path.open(encoding="utf-8") as file:
        for line in file:
            data = json.loads(line)
            if data["module"] == module and (ids is None or data["exemplar"]["id"] in ids):
                labels.append(AnnotatedExemplar.model_validate(data["exemplar"]))
    return tuple(sorted(labels, key=lambda e: e.id))
