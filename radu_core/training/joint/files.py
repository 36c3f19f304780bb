"""What is known of a run that tunes the retriever without loading anything heavy."""

from __future__ import annotations

import math
from pathlib import Path

from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import read_json

__all__ = [
    "ENCODER",
    "HEAD_FILE",
    "JOINT",
    "LABELS_FILE",
    "RETRIEVAL_FILE",
    "VALIDATION_FILE",
    "epochs_for",
    "read_exemplars",
]

_EPOCHS, _AT = 20.0, 640

LABELS_FILE, VALIDATION_FILE = "labels.json", "validation.json"  # in ``serving``: what it learns
RETRIEVAL_FILE = "retrieval.json"  # in ``serving``: how the module retrieves
HEAD_FILE = "head.json"  # in ``model``
JOINT = "joint"  # the tuned encoder's own layer, among the head's sources
ENCODER = "encoder"  # in ``model``: the tuned encoder, a sentence-transformers model


def epochs_for(labels: int) -> float:
    """How often a run goes through so many labels: steps grow with the square root of them."""
    return _EPOCHS * math.sqrt(_AT / max(labels, 1))


def read_exemplars(path: Path) -> list[AnnotatedExemplar]:
    """The exemplars that a run keeps in a file."""
    return [AnnotatedExemplar.model_validate(e) for e in read_json(path)["exemplars"]]
