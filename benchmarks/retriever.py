"""What tuning the retriever alone does for retrieval: HWU64 with 10 labels a function.

``python benchmarks/retriever.py [--seeds 3] [--split validation|test]``: the labels and rows of
``learning.py``, read from ``RADU_DATA`` or ``~/.cache/radu/data``. For each seed the untuned
encoder and the tuned one retrieve among the same labels for the same rows: coverage at ``--point``
and the vote of the ten nearest utterances, with McNemar's exact test, and a logistic regression on
either's embeddings. Seconds are CPU-seconds of tuning.
"""

from __future__ import annotations

import argparse
import time

import torch
from learning import Case, draw_cases
from sklearn.linear_model import LogisticRegression

from radu_core.models import DEFAULT_EMBEDDER, model_directory
from radu_core.retrieval import Embedder, RetrievalSettings, SentenceEmbedder
from radu_core.training.contrastive.fit import (
    ContrastiveFitting,
    ContrastiveSettings,
    Encoding,
    Lessons,
)
from radu_core.training.joint.guard import Remembering, Retrieving, compare, retrieve
from radu_core.training.joint.model import open_encoder
from radu_core.workflows.frame.workspace import Workspace

MODES = {"fused": RetrievalSettings(), "dense alone": RetrievalSettings(dense_weight=1.0)}


def main() -> None:
    """Tune on each seed's labels and print what is found with it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--split", choices=["validation", "test"], default="validation")
    parser.add_argument("--point", type=int, nargs=2, default=[3, 4], help="k_desc k_exemplar")
    options = parser.parse_args()
    torch.set_num_threads(1)
    base = model_directory(DEFAULT_EMBEDDER, Workspace.from_environment().models)
    untuned = Remembering(SentenceEmbedder(base, name="untuned", precision="fp32"))
    prompts = SentenceEmbedder(base, name="untuned").prompts
    for seed, case in enumerate(draw_cases("shot10", options.split, options.seeds)):
        start = time.process_time()
        vectors = untuned.embed([e.utterance for e in case.labels])
        lessons = Lessons.of(case.schema, case.labels, vectors, prompts, {})
        model = Encoding(open_encoder(base))
        fitting = ContrastiveFitting(model, case.labels, lessons, ContrastiveSettings(seed=seed))
        while fitting.step < fitting.steps:
            fitting.make_step()
        model.eval()
        seconds = time.process_time() - start
        print(f"seed {seed}: {fitting.steps} steps, {seconds:.0f} CPU-s", flush=True)
        tuned_embedder = SentenceEmbedder(base, name="tuned", precision="fp32", model=model.encoder)
        both: tuple[Embedder, Embedder] = (untuned, tuned_embedder)
        for embedder in both:
            print(f"  regression on {embedder.name}: {regression(embedder, case):.1%}")
        for mode, settings in MODES.items():
            how = Retrieving(settings, (options.point[0], options.point[1]))
            before, after = (retrieve(case.schema, case.labels, case.rows, e, how) for e in both)
            for measure in compare("untuned", before, after, how.point).measures:
                print(f"  {mode}, {measure}", flush=True)


def regression(embedder: Embedder, case: Case) -> float:
    """Function accuracy of a logistic regression on embeddings."""
    learnt, rows = case.labels, case.rows
    model = LogisticRegression(C=30, max_iter=2000)
    model.fit(embedder.embed([e.utterance for e in learnt]), [e.function or "" for e in learnt])
    vectors = embedder.embed([e.utterance for e in rows])
    return float(model.score(vectors, [e.function or "" for e in rows]))


if __name__ == "__main__":
    main()
