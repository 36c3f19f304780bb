"""What a run that tunes the retriever alone will need, measured on its own labels."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import read_json
from radu_core.retrieval import SentenceEmbedder
from radu_core.schema import parse_schema
from radu_core.training.config import TrainConfig
from radu_core.training.contrastive.fit import ContrastiveFitting, Encoding, Lessons
from radu_core.training.contrastive.run import contrastive_parts, settings_of
from radu_core.training.joint.files import LABELS_FILE, VALIDATION_FILE, read_exemplars
from radu_core.training.joint.lora import adapt
from radu_core.training.joint.model import open_encoder
from radu_core.training.machine import peak_memory
from radu_core.training.probe import Probe

__all__ = ["measure"]

_MOST_STEPS = 12
_CAUTION = 0.6  # share of the time left that typical steps may take
_ASKED = 256  # labels of a trial embedding


def measure(
    config: TrainConfig,
    base: Path,
    *,
    scratch: Path,
    tell: Callable[[Probe], None],
    seconds: float,
) -> Probe:
    """As ``joint.probe.measure``."""
    end = time.monotonic() + seconds
    tell(found := Probe(stage="Reading the labels"))
    exemplars = read_exemplars(scratch / LABELS_FILE)
    schema = parse_schema(read_json(scratch / "schema.json"))
    asked = read_exemplars(scratch / VALIDATION_FILE)[: config.eval_rows]
    tell(found := replace(found, stage="Loading the model"))
    begun = time.monotonic()
    model = Encoding(open_encoder(base))
    if config.adapts:
        adapt(model, config)
    tell(found := replace(found, load_seconds=time.monotonic() - begun, stage="Embedding labels"))
    embedder = SentenceEmbedder(base, name=config.base_model, precision="fp32")
    embedder.load()
    begun = time.monotonic()
    count = min(_ASKED, len(exemplars))
    drawn = random.Random(config.seed).sample(exemplars, count)
    vectors = embedder.embed([e.utterance for e in drawn])
    taken = time.monotonic() - begun
    lengths = {e.id: _length(model, e) for e in exemplars}
    read = model.encoder.max_seq_length or 512
    found = replace(
        found,
        cut=tuple(e.id for e in exemplars if lengths[e.id] > read),
        train_tokens=sum(lengths.values()),
        evaluation_seconds=taken,
        evaluation_tokens=sum(lengths[e.id] for e in drawn),
        evaluated_tokens=_embedded(config, exemplars, len(asked))
        * sum(lengths.values())
        / len(lengths),
    )
    tell(found := replace(found, stage="Stepping on the longest rows"))
    lessons = Lessons.of(schema, drawn, vectors, embedder.prompts, {})
    longest = sorted(exemplars, key=lambda e: -lengths[e.id])[: config.batch_size]
    sizes = [lengths[e.id] for e in longest]
    found = replace(
        found, longest_rows=len(sizes), longest_tokens=sum(sizes), longest_row=max(sizes)
    )
    fitting = ContrastiveFitting(model, longest, lessons, settings_of(config))
    for _ in range(2):
        begun = time.monotonic()
        fitting.make_step(0.0)
        found = replace(found, longest_seconds=time.monotonic() - begun, peak_bytes=peak_memory())
        tell(found)
    begun = time.monotonic()
    torch.save(fitting.state(), scratch / "state.pt")
    size = (scratch / "state.pt").stat().st_size
    found = replace(found, save_seconds=time.monotonic() - begun, save_bytes=size)
    (scratch / "state.pt").unlink()
    tell(found := replace(found, stage="Stepping on typical rows"))
    fitting = ContrastiveFitting(model, exemplars, lessons, settings_of(config))
    begun, left = time.monotonic(), _CAUTION * (end - time.monotonic())
    while fitting.step < _MOST_STEPS and (time.monotonic() - begun < left or not fitting.step):
        fitting.make_step(0.0)
    found = replace(
        found,
        steps=fitting.step,
        step_seconds=(time.monotonic() - begun) / fitting.step,
        step_tokens=fitting.tokens / fitting.step,
    )
    tell(found := replace(found, stage="Done", peak_bytes=peak_memory()))
    return found


def _length(model: Encoding, exemplar: AnnotatedExemplar) -> int:
    return len(model.encoder.tokenizer(exemplar.utterance)["input_ids"])


def _embedded(config: TrainConfig, exemplars: list[AnnotatedExemplar], validation: int) -> int:
    """How many texts a run embeds: of each part the labels it learns, for what is near; then
    templates and utterances of these and what is asked, by the tuned encoder and the untuned."""
    parts = contrastive_parts(exemplars, config)
    return sum(5 * len(p.learns) + 2 * (len(p.asked) or validation) for p in parts)
