"""What a run that tunes the retriever alone will need, measured on its own labels."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import read_json
from radu_core.retrieval import SentenceEmbedder
from radu_core.schema import parse_schema
from radu_core.training.contrastive.fit import ContrastiveFitting, Encoding, Lessons
from radu_core.training.contrastive.run import contrastive_parts, settings_of
from radu_core.training.joint.files import LABELS_FILE, VALIDATION_FILE, read_exemplars
from radu_core.training.joint.lora import adapt
from radu_core.training.joint.model import find_overlong, open_encoder, tokens_read
from radu_core.training.probe.measurements import Probe
from radu_core.training.probe.trial import step_on_longest, step_on_typical
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.machine import peak_memory

__all__ = ["measure"]

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
    tell(probe := Probe(stage="Reading the labels"))
    exemplars = read_exemplars(scratch / LABELS_FILE)
    schema = parse_schema(read_json(scratch / "schema.json"))
    validation_rows = read_exemplars(scratch / VALIDATION_FILE)[: config.eval_rows]
    tell(probe := replace(probe, stage="Loading the model"))
    start = time.monotonic()
    model = Encoding(open_encoder(base))
    if config.adapts:
        adapt(model, config)
    tell(probe := replace(probe, load_seconds=time.monotonic() - start, stage="Embedding labels"))
    embedder = SentenceEmbedder(base, name=config.base_model, precision="fp32")
    embedder.load()
    start = time.monotonic()
    count = min(_ASKED, len(exemplars))
    sample = random.Random(config.seed).sample(exemplars, count)
    vectors = embedder.embed([e.utterance for e in sample])
    elapsed = time.monotonic() - start
    lengths = {e.id: tokens_read(model.encoder, e) for e in exemplars}
    probe = replace(
        probe,
        cut=tuple(find_overlong(model.encoder, exemplars)),
        train_tokens=sum(lengths.values()),
        evaluation_seconds=elapsed,
        evaluation_tokens=sum(lengths[e.id] for e in sample),
        evaluated_tokens=_count_embedded(config, exemplars, len(validation_rows))
        * sum(lengths.values())
        / len(lengths),
    )
    tell(probe := replace(probe, stage="Stepping on the longest rows"))
    lessons = Lessons.of(schema, sample, vectors, embedder.prompts, {})
    longest = sorted(exemplars, key=lambda e: -lengths[e.id])[: config.batch_size]
    fitting = ContrastiveFitting(model, longest, lessons, settings_of(config))
    probe = step_on_longest(fitting, [lengths[e.id] for e in longest], scratch, probe, tell)
    tell(probe := replace(probe, stage="Stepping on typical rows"))
    fitting = ContrastiveFitting(model, exemplars, lessons, settings_of(config))
    probe = step_on_typical(fitting, probe, end)
    tell(probe := replace(probe, stage="Done", peak_bytes=peak_memory()))
    return probe


def _count_embedded(
    config: TrainConfig, exemplars: list[AnnotatedExemplar], validation: int
) -> int:
    """How many texts a run embeds.

    Of each part the labels it learns, for what is near; then templates and utterances of these and
    what is asked, by the tuned encoder and the untuned.
    """
    parts = contrastive_parts(exemplars, config)
    return sum(5 * len(p.learns) + 2 * (len(p.asked) or validation) for p in parts)
