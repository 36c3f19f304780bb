"""(utterance, arguments) → spans, or why not, with the candidate readings."""

from radu_core.alignment.align import Alignment, align, conflict
from radu_core.alignment.candidates import Candidate, candidates
from radu_core.alignment.ranking import ContextModel
from radu_core.alignment.readings import Placement, Reading, enumerate_readings

__all__ = [
    "Alignment",
    "Candidate",
    "ContextModel",
    "Placement",
    "Reading",
    "align",
    "candidates",
    "conflict",
    "enumerate_readings",
]
