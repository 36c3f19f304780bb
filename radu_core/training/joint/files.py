"""The files of a run that tunes the retriever, by name; importing this loads nothing heavy."""

from __future__ import annotations

__all__ = ["ENCODER", "HEAD_FILE", "LABELS_FILE", "VALIDATION_FILE"]

LABELS_FILE, VALIDATION_FILE = "labels.json", "validation.json"  # in ``serving``: what it learns
HEAD_FILE = "head.json"  # in ``model``
ENCODER = "encoder"  # in ``model``: the tuned encoder, a sentence-transformers model
