"""What is known of a run that tunes the retriever without loading anything heavy."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from radu_core.errors import ModelError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import read_json

__all__ = [
    "CONTRASTIVE_ROUNDS",
    "EMBEDDING",
    "ENCODER",
    "HEAD_FILE",
    "JOINT",
    "JOINT_ROUNDS",
    "JUDGED_FILE",
    "LABELS_FILE",
    "RETRIEVAL_FILE",
    "VALIDATION_FILE",
    "epochs_for",
    "read_exemplars",
    "read_head",
]

JOINT_ROUNDS, CONTRASTIVE_ROUNDS = 20.0, 7.5  # through so many labels:
_AT = 640

LABELS_FILE, VALIDATION_FILE = "labels.json", "validation.json"  # in ``serving``: what it learns
RETRIEVAL_FILE = "retrieval.json"  # in ``serving``: how the module retrieves
JUDGED_FILE = "judged.json"  # in ``serving``: what people said of pairs of labels
HEAD_FILE = "head.json"  # in ``model``
_HEAD = ("functions", "weights", "scope", "language", "embedder", "embedder_identity")
EMBEDDING = "embedding"  # the untuned one, which most of the head's sources start from
JOINT = "joint"  # the tuned encoder's own layer, among the head's sources
ENCODER = "encoder"  # in ``model``: the tuned encoder, a sentence-transformers model


def epochs_for(labels: int, rounds: float = JOINT_ROUNDS) -> float:
    """How often a run goes through so many labels: steps grow with the square root of them."""
    return rounds * math.sqrt(_AT / max(labels, 1))


def read_exemplars(path: Path) -> list[AnnotatedExemplar]:
    """The exemplars that a run keeps in a file."""
    return [AnnotatedExemplar.model_validate(e) for e in read_json(path)["exemplars"]]


def read_head(model: Path) -> dict[str, Any]:
    """What the head in a fast model's directory consists of.

    ``ModelError`` where a part is missing.
    """
    path = model / HEAD_FILE
    data = read_json(path)
    missing = [n for n in _HEAD if n not in data] if isinstance(data, dict) else list(_HEAD)
    if missing:
        raise ModelError(
            f"{path} has no {', '.join(missing)}: it is damaged, or of another version",
            remedy="Delete that run, and fit the module again or launch a new one.",
        )
    arrays: dict[str, Any] = data
    return arrays
