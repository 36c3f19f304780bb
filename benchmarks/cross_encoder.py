"""Whether reading an utterance together with each of its nearest finds its function better.

``python benchmarks/cross_encoder.py [--seeds 3] [--split validation|test] [--rate 1e-4]``: HWU64
with 10 labels a function, the labels and rows of ``learning.py``. A cross-encoder (the default
embedding model with one number on top: Reimers and Gurevych 2019) learns of each label and its ten
nearest whether they have the same function, and votes among the ten nearest labels of a row. Beside
it: the cosines' own vote (kNN), the fast model's head, and that head with the cross-encoder as one
more source, weighed on rows of folds that neither has learnt. Tests are McNemar's.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from learning import Case, Labels, Trained, draw_cases, encoder, train_joint
from numpy.typing import NDArray

from radu_core.eligibility import key_of
from radu_core.hardware import native_bf16
from radu_core.models import DEFAULT_EMBEDDER, model_directory
from radu_core.retrieval.index import description_text
from radu_core.retrieval.lexical import tokenizer_for
from radu_core.statistics import mcnemar
from radu_core.training.joint.fast import joint_scores
from radu_core.training.joint.files import JOINT
from radu_core.training.joint.head import Scores, fit_head
from radu_core.training.joint.sources import Voters, fit_voters
from radu_core.workflows.frame.workspace import Workspace

_NEAREST = 10
_BATCH = 64
_SMOOTH = 1e-4

Numbers = NDArray[np.float32]


class CrossEncoder:
    """A model that reads two texts at once, and says whether their functions are the same."""

    def __init__(self, seed: int) -> None:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        torch.manual_seed(seed)
        base = str(model_directory(DEFAULT_EMBEDDER, Workspace.from_environment().models))
        self.tokenizer: Any = AutoTokenizer.from_pretrained(base)
        self.model: Any = AutoModelForSequenceClassification.from_pretrained(
            base, num_labels=1, dtype=torch.float32
        )

    def logits(self, pairs: Sequence[tuple[str, str]]) -> torch.Tensor:
        """``(pairs,)``."""
        ids = self.tokenizer(
            [a for a, _ in pairs], [b for _, b in pairs], padding=True, return_tensors="pt"
        )
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=native_bf16()):
            logits: torch.Tensor = self.model(**ids).logits
        return logits[:, 0].float()

    def learn(
        self, pairs: Sequence[tuple[str, str]], same: NDArray[np.bool_], rate: float, epochs: int
    ) -> None:
        """Tune it on pairs, in batches of like length."""
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=rate, weight_decay=0.01)
        targets = torch.tensor(same, dtype=torch.float32)
        dice = random.Random(0)
        batches = batches_of([len(a) + len(b) for a, b in pairs])
        total, step = epochs * len(batches), 0
        self.model.train()
        for _ in range(epochs):
            dice.shuffle(batches)
            for batch in batches:
                share = min(step / (0.1 * total), (total - step) / (0.9 * total))
                for group in optimizer.param_groups:
                    group["lr"] = rate * share
                loss = torch.nn.functional.binary_cross_entropy_with_logits(
                    self.logits([pairs[n] for n in batch]), targets[batch]
                )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                step += 1
        self.model.eval()

    def ask(self, pairs: Sequence[tuple[str, str]]) -> Numbers:
        """``(pairs,)`` probabilities that functions are the same."""
        probabilities = np.zeros(len(pairs), dtype=np.float32)
        with torch.inference_mode():
            for batch in batches_of([len(a) + len(b) for a, b in pairs]):
                probabilities[batch] = self.logits([pairs[n] for n in batch]).sigmoid().numpy()
        return probabilities


def batches_of(lengths: Sequence[int]) -> list[list[int]]:
    """Places in order of length, so many together."""
    order = sorted(range(len(lengths)), key=lambda n: lengths[n])
    return [order[at : at + _BATCH] for at in range(0, len(order), _BATCH)]


def nearest(queries: Numbers, learnt: Numbers, barred: NDArray[np.bool_] | None = None) -> Any:
    """``(asked, 10)`` places of the nearest, the nearest first."""
    cosines = queries @ learnt.T
    if barred is not None:
        cosines[barred] = -2.0
    return np.argsort(-cosines, axis=1, kind="stable")[:, :_NEAREST]


def fit_cross(labels: Labels, seed: int, rate: float, epochs: int) -> CrossEncoder:
    """Tuned on each label and its ten nearest; duplicates of it aren't among them."""
    vectors = encoder().embed([e.utterance for e in labels])
    keys = np.array([str(key_of(e)) for e in labels])
    places = nearest(vectors, vectors, keys[:, None] == keys[None, :])
    functions = np.array([e.function or "" for e in labels])
    pairs = [
        (labels[a].utterance, labels[b].utterance) for a, row in enumerate(places) for b in row
    ]
    same = (functions[places] == functions[:, None]).ravel()
    model = CrossEncoder(seed)
    model.learn(pairs, same, rate, epochs)
    return model


def votes(model: CrossEncoder, learnt: Labels, queries: Labels, names: Sequence[str]) -> Numbers:
    """The log of each function's share of what the model says of the ten nearest labels.

    ``(asked, functions)``.
    """
    embed = encoder().embed
    places = nearest(embed([e.utterance for e in queries]), embed([e.utterance for e in learnt]))
    pairs = [
        (queries[a].utterance, learnt[b].utterance) for a, row in enumerate(places) for b in row
    ]
    probabilities = model.ask(pairs).reshape(places.shape)
    functions = np.array([names.index(e.function or "") for e in learnt])[places]
    table = np.zeros((len(queries), len(names)))
    np.add.at(table, (np.arange(len(queries))[:, None], functions), probabilities)
    shares = table / np.maximum(table.sum(1, keepdims=True), _SMOOTH)
    logs: Numbers = np.log(shares + _SMOOTH).astype(np.float32)
    return logs


def voters_of(case: Case, labels: Labels, names: Sequence[str]) -> Voters:
    """What votes without tuning, fitted on some labels."""
    embed, words = encoder().embed, tokenizer_for(case.schema.language)
    vectors = embed([e.utterance for e in labels])
    functions = [case.schema.function(n) for n in names]
    description_vectors = np.zeros((len(names), vectors.shape[1]), dtype=np.float32)
    texts = [description_text(f) for f in functions if f]
    description_vectors[[n for n, f in enumerate(functions) if f]] = embed(texts, side="passage")
    gold = np.array([names.index(e.function or "") for e in labels])
    words_by_label = [words(e.utterance) for e in labels]
    return fit_voters(
        list(names), vectors, gold, description_vectors, words_by_label, strength=30.0
    )


def sources(case: Case, voters: Voters, joint: Numbers, rows: Labels) -> dict[str, Numbers]:
    """The scores of all that the head weighs."""
    embed, words = encoder().embed, tokenizer_for(case.schema.language)
    texts = [r.utterance for r in rows]
    query_vectors = embed(texts, side="query")
    return {JOINT: joint, **voters.scores(embed(texts), query_vectors, [words(t) for t in texts])}


def held_out(
    case: Case, encoder: Trained, rate: float, epochs: int, seed: int
) -> tuple[Scores, Numbers, NDArray[np.int64]]:
    """The sources' scores, the cross-encoder's, and the right functions' places.

    Of rows that neither has learnt.
    """
    names = list(encoder.known.functions)
    parts: list[tuple[dict[str, Numbers], Numbers, list[int]]] = []
    for fold in np.unique(encoder.folds):
        places = np.flatnonzero(encoder.folds == fold)
        if np.isnan(encoder.held[places]).any():
            continue
        rest = [case.labels[n] for n in np.flatnonzero(encoder.folds != fold)]
        queries = [case.labels[n] for n in places]
        scores = sources(case, voters_of(case, rest, names), encoder.held[places], queries)
        cross = votes(fit_cross(rest, seed, rate, epochs), rest, queries, names)
        parts.append((scores, cross, [names.index(e.function or "") for e in queries]))
    whole = {n: np.concatenate([scores[n] for scores, _, _ in parts]) for n in parts[0][0]}
    gold = np.array([place for _, _, own in parts for place in own])
    return whole, np.concatenate([cross for _, cross, _ in parts]), gold


def main() -> None:
    """Fit everything on each seed's labels, and print what is right."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--split", choices=["validation", "test"], default="validation")
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--only", action="store_true", help="the cross-encoder and kNN alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for seed, case in enumerate(draw_cases("shot10", options.split, options.seeds)):
        names = sorted({e.function or "" for e in case.labels})
        start = time.process_time()
        model = fit_cross(case.labels, seed, options.rate, options.epochs)
        seconds = time.process_time() - start
        gold = np.array([r.function or "" for r in case.rows])
        start = time.process_time()
        votes_made = votes(model, case.labels, case.rows, names)
        asking = 1000 * (time.process_time() - start) / len(case.rows)
        predictions = {"cross-encoder": np.array(names)[votes_made.argmax(1)]}
        voters = voters_of(case, case.labels, names)
        texts = [r.utterance for r in case.rows]
        near = sources(case, voters, np.zeros_like(votes_made), case.rows)["neighbours"]
        predictions["kNN"] = np.array(names)[near.argmax(1)]
        if not options.only:
            encoder = train_joint(case.schema, case.labels, seed)
            names = list(encoder.known.functions)
            scores, cross, held_labels = held_out(case, encoder, options.rate, options.epochs, seed)
            now = sources(
                case,
                voters_of(case, case.labels, names),
                joint_scores(encoder.model, texts),
                case.rows,
            )
            votes_made = votes(model, case.labels, case.rows, names)
            for what, learnt, logs_by_source in (
                ("head", scores, now),
                (
                    "head and cross-encoder",
                    {**scores, "cross": cross},
                    {**now, "cross": votes_made},
                ),
            ):
                head = fit_head(names, learnt, held_labels)
                logs = head.log_probabilities(logs_by_source)
                predictions[what] = np.array(names)[logs.argmax(1)]
                if "cross" in learnt:
                    print(f"  weight of the cross-encoder {head.weights['cross']:.2f}")
        print(f"seed {seed}: {seconds:.0f} CPU-s to tune, {asking:.0f} ms a row")
        for what, answers in predictions.items():
            print(f"  {what}: {(answers == gold).mean():.1%}", flush=True)
        for one, other in (("cross-encoder", "kNN"), ("head and cross-encoder", "head")):
            if one in predictions and other in predictions:
                wins = int(((predictions[one] == gold) & (predictions[other] != gold)).sum())
                losses = int(((predictions[one] != gold) & (predictions[other] == gold)).sum())
                chance = mcnemar(wins, losses)
                print(f"  {one} against {other}: +{wins} -{losses}, p {chance:.3f}")


if __name__ == "__main__":
    main()
