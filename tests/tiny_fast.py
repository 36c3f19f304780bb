"""A fast model of the small module, fitted in a few steps on a tiny encoder."""

from __future__ import annotations

from pathlib import Path

from conftest import ROWS, SCHEMA
from tiny_encoder import make_tiny_encoder

from radu_core.exemplars import AnnotatedExemplar
from radu_core.inference import FastParser
from radu_core.inference.taught import Taught
from radu_core.retrieval import SentenceEmbedder
from radu_core.schema import parse_schema
from radu_core.training.joint.fast import FastModel, joint_scores
from radu_core.training.joint.fit import JointSettings, fit_joint
from radu_core.training.joint.fitted import fit_head_on
from radu_core.training.joint.rows import Labels


def labels_of(*, out_of_scope: bool) -> list[AnnotatedExemplar]:
    """The small module's labels, without spans."""
    rows = [r for r in ROWS if out_of_scope or r["function"]]
    known = {"id", "utterance", "function"}
    return [
        AnnotatedExemplar(**{k: r[k] for k in known}, template=r["utterance"], spans=())
        for r in rows
    ]


def fitted(folder: Path, labels: list[AnnotatedExemplar]) -> FastParser:
    """A parser after a few steps; what a model of the same rows says stands for out of fold."""
    base = make_tiny_encoder(folder, [str(r["utterance"]) for r in ROWS])
    schema = parse_schema(SCHEMA)
    model = fit_joint(schema, labels, base, JointSettings(epochs=8, learning_rate=1e-3))
    known = Labels.of(schema, labels)
    embedder = SentenceEmbedder(base, name="tiny")
    held = joint_scores(model, [e.utterance for e in labels])
    found = fit_head_on(schema, labels, embedder, known, held)
    fast = FastModel.of(model, embedder, found, schema.language)
    return FastParser(fast, schema, Taught.of(schema, labels, embedder))
