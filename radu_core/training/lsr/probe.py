"""Measure what a run that learns from a language model will need.

Rows that its teacher is asked about, and steps of its own encoder on what the teacher said.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from radu_core.errors import RunError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import read_json
from radu_core.generator import Generator
from radu_core.hardware import native_bf16
from radu_core.prompts import TemplateSet
from radu_core.retrieval import ModuleIndex, SentenceEmbedder, query_of
from radu_core.schema import Schema, parse_schema
from radu_core.training.joint.files import LABELS_FILE, VALIDATION_FILE, read_exemplars
from radu_core.training.joint.model import find_overlong, open_encoder, tokens_read
from radu_core.training.lsr.files import read_sources
from radu_core.training.lsr.fit import Lesson, LsrFitting, lsr_steps
from radu_core.training.lsr.run import lsr_settings
from radu_core.training.lsr.teacher import Teacher, answers_of, choose_teacher
from radu_core.training.probe.measurements import Probe
from radu_core.training.probe.trial import step_on_longest, step_on_typical
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.machine import peak_memory

__all__ = ["count_renewals", "measure"]

_SAMPLE = 256  # labels that are embedded, and retrieved among
_MOST_ASKED = 12  # rows; the first ones warm up
_SHARE = 0.5  # of the time: for asking


def measure(
    config: TrainConfig,
    base: Path,
    *,
    scratch: Path,
    tell: Callable[[Probe], None],
    seconds: float,
) -> Probe:
    """Measure as ``joint.probe.measure`` does.

    Every teacher is loaded, as a run with several does; the first one is asked.
    """
    end = time.monotonic() + seconds
    tell(probe := Probe(stage="Reading the labels"))
    exemplars = read_exemplars(scratch / LABELS_FILE)
    schema = parse_schema(read_json(scratch / "schema.json"))
    templates = TemplateSet(read_json(scratch / "templates.json"))
    validation = read_exemplars(scratch / VALIDATION_FILE)[: config.eval_rows]
    sources = read_sources(scratch)
    rows = _askable([s.teacher for s in sources], exemplars)
    tell(probe := replace(probe, asked_rows=len(rows), stage="Loading the models"))
    start = time.monotonic()
    models = [Generator(s.directory, template=s.template, bf16=native_bf16()) for s in sources]
    embedder = SentenceEmbedder(base, name=config.base_model)
    embedder.load()
    encoder = open_encoder(base)
    document = encoder if config.tower == "shared" else open_encoder(base)
    probe = replace(probe, load_seconds=time.monotonic() - start, peak_bytes=peak_memory())
    tell(probe := replace(probe, stage="Embedding labels"))
    sample = random.Random(config.seed).sample(exemplars, min(_SAMPLE, len(exemplars)))
    start = time.monotonic()
    index = ModuleIndex.build(schema, sample, embedder)
    elapsed = time.monotonic() - start
    lengths = {e.id: tokens_read(encoder, e) for e in exemplars}
    passes = 3 + count_renewals(config, len(rows))  # before, for the validation rows, and after
    text_count = passes * len(exemplars) + 2 * len(validation)
    probe = replace(
        probe,
        cut=tuple(find_overlong(encoder, exemplars)),
        train_tokens=sum(lengths.values()),
        evaluation_seconds=elapsed,
        evaluation_tokens=sum(lengths[e.id] for e in sample),
        evaluated_tokens=text_count * sum(lengths.values()) / len(lengths),
    )
    tell(probe := replace(probe, stage="Asking the teacher"))
    until = time.monotonic() + _SHARE * max(0.0, end - time.monotonic())
    lessons, probe = _ask(config, schema, templates, models[0], index, rows, probe, until)
    if not lessons:
        raise RunError(
            "No row retrieves two exemplars, so the teacher has nothing to choose from",
            remedy="Label more exemplars, or raise chunks.",
        )
    tell(probe := replace(probe, stage="Stepping on the longest rows"))
    length_of = {e.utterance: lengths[e.id] for e in exemplars}
    longest = sorted(lessons, key=lambda x: -length_of[x.utterance]) * config.batch_size
    longest = longest[: config.batch_size]
    fixed = index.vectors if document is not encoder else None
    texts = [e.template or "" for e in index.exemplars]
    fitting = LsrFitting(encoder, texts, longest, lsr_settings(config), vectors=fixed)
    sizes = [length_of[x.utterance] for x in longest]
    probe = step_on_longest(fitting, sizes, scratch, probe, tell)
    tell(probe := replace(probe, stage="Stepping on typical rows"))
    typical = lessons * math.ceil(config.batch_size / len(lessons))
    fitting = LsrFitting(encoder, texts, typical, lsr_settings(config), vectors=fixed)
    probe = step_on_typical(fitting, probe, end)
    tell(probe := replace(probe, stage="Done", peak_bytes=peak_memory()))
    return probe


def _askable(
    teachers: Sequence[Teacher], exemplars: list[AnnotatedExemplar]
) -> list[AnnotatedExemplar]:
    """The rows that a run asks about."""
    return [e for e in exemplars if e.mode == "normal" and choose_teacher(teachers, e)]


def _ask(
    config: TrainConfig,
    schema: Schema,
    templates: TemplateSet,
    model: Generator,
    index: ModuleIndex,
    rows: list[AnnotatedExemplar],
    found: Probe,
    until: float,
) -> tuple[list[Lesson], Probe]:
    """Ask about a few rows; lessons of what the teacher said, and how long a row takes."""
    place = {e.id: n for n, e in enumerate(index.exemplars)}
    some = random.Random(config.seed).sample(rows, min(_MOST_ASKED, len(rows)))
    hits = index.search(
        [query_of(e) for e in some], k_desc=0, k_exemplar=config.chunks, mode="dense"
    )
    lessons: list[Lesson] = []
    seconds: list[float] = []
    for row, own in zip(some, hits, strict=True):
        if len(own.exemplars) < 2:
            continue
        if len(seconds) > 1 and time.monotonic() > until:
            break
        start = time.monotonic()
        answers = answers_of(model, schema, templates, row, own.exemplars)
        seconds.append(time.monotonic() - start)
        chunks = tuple(place[h.id] for h in own.exemplars)
        lessons.append(Lesson(row.utterance, chunks, tuple(answers)))
    warm = seconds[1:] or seconds
    mean = sum(warm) / len(warm) if warm else 0.0
    return lessons, replace(found, asking_seconds=mean, peak_bytes=peak_memory())


def count_renewals(config: TrainConfig, rows: int) -> int:
    """How often a shared encoder retrieves again, and the teacher is asked about what it finds."""
    if config.tower != "shared" or not rows:
        return 0
    return (lsr_steps(lsr_settings(config), rows) - 1) // config.reembed_every
