"""The fast model: tuned encoders, what votes without tuning, and the head that weighs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from radu_core.files import read_json, write_json
from radu_core.pieces import spans_of
from radu_core.retrieval import Embedder
from radu_core.retrieval.lexical import tokenizer_for
from radu_core.schema import OUT_OF_SCOPE
from radu_core.training.joint.head import Head
from radu_core.training.joint.sources import Voters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from radu_core.training.joint.model import JointEncoder

__all__ = ["Answer", "FastModel"]

JOINT = "joint"


@dataclass(frozen=True)
class Answer:
    """Function → probability (``OUT_OF_SCOPE`` among them), the spans (slot, start, end) of the
    likeliest function's values, and the probability that all of them are right."""

    scores: dict[str, float]
    spans: list[tuple[str, int, int]]
    sure: float


@dataclass(frozen=True)
class FastModel:
    """``joint`` are the tuned encoders (their scores are averaged), ``embedder`` the frozen one
    that ``voters`` were fitted on."""

    joint: tuple[JointEncoder, ...]
    embedder: Embedder
    voters: Voters
    head: Head
    language: str

    def answer(self, utterances: Sequence[str]) -> list[Answer]:
        """What each utterance means, in order."""
        import numpy as np
        import torch

        lead = self.joint[0]
        rows = [lead.row(u) for u in utterances]
        batch = lead.batch(rows)
        with torch.inference_mode():
            said = [m(batch) for m in self.joint]
            logits = torch.stack([s.functions.log_softmax(-1) for s in said]).mean(0)
            emissions = torch.stack([s.emissions for s in said]).mean(0)
        logs = self.head.log_probabilities(
            {JOINT: logits.numpy(), **voters_scores(self, utterances)}
        )
        chosen = logs.argmax(1).tolist()
        with torch.inference_mode():
            paths = lead.crf.decode(emissions, lead.slots_of(chosen), batch.lengths)
        names = [n or OUT_OF_SCOPE for n in self.head.functions]
        found = []
        for n, (labels, sure) in enumerate(paths):
            slots = [lead.labels.slots[i] for i in lead.labels.own[chosen[n]]]
            tags = ["O" if v == 0 else f"{'B' if v % 2 else 'I'}-{slots[(v - 1) // 2]}" for v in labels]
            scores = dict(zip(names, np.exp(logs[n]).tolist(), strict=True))
            found.append(Answer(scores, spans_of(rows[n].pieces, tags), float(np.exp(sure))))
        return found


def voters_scores(model: FastModel, utterances: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """The scores of the sources that need no tuning."""
    words = tokenizer_for(model.language)
    return model.voters.scores(
        model.embedder.embed(list(utterances)),
        model.embedder.embed(list(utterances), side="query"),
        [words(u) for u in utterances],
    )
