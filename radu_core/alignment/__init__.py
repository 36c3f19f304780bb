"""(utterance, arguments) → spans, or why not, with the candidate readings."""

from radu_core.alignment.align import (
    CONTRADICTED,
    Aligner,
    Alignment,
    ArgumentPlaces,
    align,
    conflict,
)
from radu_core.alignment.knowledge import Knowledge
from radu_core.alignment.learning import SAMPLE, learn
from radu_core.alignment.places import Candidate
from radu_core.alignment.ranking import ContextModel
from radu_core.alignment.readings import Placement, Reading, enumerate_readings

__all__ = [
    "CONTRADICTED",
    "SAMPLE",
    "Aligner",
    "Alignment",
    "ArgumentPlaces",
    "Candidate",
    "ContextModel",
    "Knowledge",
    "Placement",
    "Reading",
    "align",
    "conflict",
    "enumerate_readings",
    "learn",
]
