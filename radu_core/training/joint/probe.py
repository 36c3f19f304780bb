"""What a run of the retriever will need, measured: steps of its own encoder on its own rows."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import read_json
from radu_core.retrieval import SentenceEmbedder
from radu_core.schema import parse_schema
from radu_core.training.joint.files import LABELS_FILE, VALIDATION_FILE, read_exemplars
from radu_core.training.joint.fit import JointFitting, JointSettings
from radu_core.training.joint.model import JointEncoder
from radu_core.training.joint.rows import Labels, Row
from radu_core.training.joint.run import joint_parts, new_model, settings_of
from radu_core.training.joint.sources import fit_voters
from radu_core.training.probe.measurements import Probe
from radu_core.training.probe.trial import step_on_longest, step_on_typical
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.machine import peak_memory

__all__ = ["measure"]

_ASKED = 256  # rows of a trial evaluation
_FITS = 2 * 5 * 0.8 + 1  # regressions of a head: two strengths, five folds; then all labels
_PASSES = 4  # embeddings of the labels by the untuned model: for the head, and for retrieving


@dataclass(frozen=True)
class _Given:
    """What a run is measured on."""

    config: TrainConfig
    base: Path
    settings: JointSettings
    labels: Labels
    exemplars: list[AnnotatedExemplar]
    validation: list[AnnotatedExemplar]
    scratch: Path


def measure(
    config: TrainConfig,
    base: Path,
    *,
    scratch: Path,
    tell: Callable[[Probe], None],
    seconds: float,
) -> Probe:
    """Load, step, save and evaluate in this process.

    ``scratch`` holds labels, validation rows and the schema, as a run's ``serving`` does. ``tell``
    gets what is known after every stage.
    """
    end = time.monotonic() + seconds
    tell(probe := Probe(stage="Reading the labels"))
    exemplars = read_exemplars(scratch / LABELS_FILE)
    schema = parse_schema(read_json(scratch / "schema.json"))
    labels = Labels.of(schema, exemplars)
    validation_rows = read_exemplars(scratch / VALIDATION_FILE)[: config.eval_rows]
    given_job = _Given(
        config, base, settings_of(config), labels, exemplars, validation_rows, scratch
    )
    tell(probe := replace(probe, stage="Loading the model"))
    start = time.monotonic()
    model = new_model(base, labels, config)
    probe = replace(probe, load_seconds=time.monotonic() - start)
    tell(probe := replace(probe, stage="Stepping on the longest rows"))
    rows = [model.row(e.utterance, e) for e in exemplars]
    cut = tuple(e.id for e, row in zip(exemplars, rows, strict=True) if row.is_cut)
    tokens = sum(len(row.ids) for row in rows)
    probe = _longest(given_job, model, rows, replace(probe, cut=cut, train_tokens=tokens), tell)
    tell(probe := replace(probe, stage="Stepping on typical rows"))
    fitting = JointFitting(model, exemplars, given_job.settings)
    probe = step_on_typical(fitting, probe, end)
    tell(probe := replace(probe, stage="Evaluating"))
    probe = _evaluation(given_job, model, rows, probe)
    tell(probe := replace(probe, stage="Done", peak_bytes=peak_memory()))
    return probe


def _longest(
    job: _Given,
    model: JointEncoder,
    rows: Sequence[Row],
    probe: Probe,
    tell: Callable[[Probe], None],
) -> Probe:
    """Steps on a batch of the longest rows, and a checkpoint."""
    order = sorted(range(len(rows)), key=lambda n: -len(rows[n].ids))[: job.config.batch_size]
    fitting = JointFitting(model, [job.exemplars[n] for n in order], job.settings)
    sizes = [len(rows[n].ids) for n in order]
    return step_on_longest(fitting, sizes, job.scratch, probe, tell)


def _evaluation(job: _Given, model: JointEncoder, rows: Sequence[Row], probe: Probe) -> Probe:
    """Measure embedding some labels as the untuned model does, and fitting the head on them.

    Only the head's regression is fitted. How often a run embeds labels is known.
    """
    count = min(_ASKED, len(rows))
    sample = sorted(random.Random(job.config.seed).sample(range(len(rows)), count))
    embedder = SentenceEmbedder(job.base, name=job.config.base_model, precision="fp32")
    embedder.load()
    start = time.monotonic()
    vectors = embedder.embed([job.exemplars[n].utterance for n in sample])
    seconds = time.monotonic() - start
    tokens = [len(row.ids) for row in rows]
    return replace(
        probe,
        evaluation_seconds=seconds,
        evaluation_tokens=sum(tokens[n] for n in sample),
        evaluated_tokens=_count_embedded(job) * sum(tokens) / len(tokens),
        head_seconds=_head_seconds(job, vectors, [rows[n].function for n in sample]),
    )


def _count_embedded(job: _Given) -> int:
    """How many texts a run embeds.

    Each fold, twice, the rows it learns and those it is asked about; the untuned model all labels;
    the last model validation rows.
    """
    parts = joint_parts(job.exemplars, job.config)
    folds = sum(2 * len(p.learns) + 2 * len(p.asked) for p in parts if p.asked)
    return folds + _PASSES * len(job.exemplars) + len(job.validation)


def _head_seconds(job: _Given, vectors: Any, functions: Sequence[int]) -> float:
    """How long the head's regressions will take, by one on some of the rows."""
    import numpy as np

    names = job.labels.functions
    description_vectors = np.zeros((len(names), vectors.shape[1]), dtype=np.float32)
    start = time.monotonic()
    fit_voters(
        names,
        vectors,
        np.array(functions),
        description_vectors,
        [()] * len(functions),
        strength=30.0,
    )
    seconds = time.monotonic() - start
    return seconds * _FITS * len(job.exemplars) / max(1, len(functions))
