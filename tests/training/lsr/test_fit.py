"""An encoder that learns from a teacher: gradients, what is learnt, and what stays as it was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from retrieving import TEXTS, WHOLE, exemplars
from tiny_encoder import make_tiny_encoder

from radu_core.hardware import VARIABLE
from radu_core.retrieval import ModuleIndex, Query, RetrievalSettings, SentenceEmbedder, query_of
from radu_core.retrieval.towers import has_towers, save_towers
from radu_core.training.joint.model import open_encoder
from radu_core.training.lsr.fit import Lesson, LsrFitting, LsrSettings, TunedEmbedder, is_flat

CHUNKS = [text for _, text in TEXTS]
LESSON = Lesson("fly to Paris", (0, 1, 3, 4), (0.1, 0.2, 0.9, 0.3))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_encoder(tmp_path_factory.mktemp("encoder"), CHUNKS)


@pytest.fixture(autouse=True)
def without_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "0")


def fitting(encoder: Any, lessons: Sequence[Lesson] = (LESSON,), **settings: Any) -> LsrFitting:
    chosen = LsrSettings(**{"epochs": 100.0, "batch_size": 2, "learning_rate": 1e-2, **settings})
    fixed = TunedEmbedder(encoder, encoder).embed(CHUNKS) if chosen.tower == "query" else None
    return LsrFitting(encoder, CHUNKS, lessons, chosen, vectors=fixed)


@pytest.mark.parametrize("tower", ["query", "shared"])
@pytest.mark.parametrize("direction", ["retriever_teacher", "teacher_retriever"])
def test_every_tensor_gets_the_gradient_that_differences_give(
    base: Path, tower: str, direction: str
) -> None:
    encoder = open_encoder(base).double()
    encoder.eval()
    work = fitting(encoder, tower=tower, divergence=direction)
    loss = work.loss([LESSON])
    loss.backward()
    checked = 0
    for name, tensor in encoder.named_parameters():
        if "pooler" in name:  # it isn't part of the embedding
            continue
        assert tensor.grad is not None, name
        size = tensor.grad.norm()
        if "key.bias" in name:  # it adds the same to every score of a softmax
            assert size < 1e-12
            continue
        assert size > 0, name
        along = tensor.grad / size
        sides = []
        for step in (1e-5, -1e-5):
            with torch.no_grad():
                tensor.add_(along, alpha=step)
                sides.append(float(work.loss([LESSON])))
                tensor.sub_(along, alpha=step)
        assert (sides[0] - sides[1]) / 2e-5 == pytest.approx(float(size), rel=1e-3), name
        checked += 1
    assert checked > 30


@pytest.mark.parametrize("tower", ["query", "shared"])
@pytest.mark.parametrize("direction", ["retriever_teacher", "teacher_retriever"])
def test_learning_one_query_puts_the_teachers_favourite_first(
    base: Path, tower: str, direction: str
) -> None:
    encoder = open_encoder(base)
    work = fitting(encoder, tower=tower, divergence=direction)
    vectors = TunedEmbedder(encoder, encoder).embed(CHUNKS)
    places = list(LESSON.chunks)
    before = loss_now(work)
    while work.step < work.steps:
        work.make_step()
    held = vectors if tower == "query" else TunedEmbedder(encoder, encoder).embed(CHUNKS)
    [asked] = TunedEmbedder(encoder, encoder).embed([LESSON.utterance])
    order = [places[n] for n in np.argsort(-(held[places] @ asked))]
    assert order[0] == 3
    assert loss_now(work) < 0.7 * before


def loss_now(work: LsrFitting) -> float:
    """Without dropout."""
    work.encoder.eval()
    with torch.no_grad():
        return float(work.loss([LESSON]))


def test_what_is_embedded_in_training_is_what_the_saved_model_embeds(
    base: Path, tmp_path: Path
) -> None:
    encoder = open_encoder(base)
    work = fitting(encoder)
    work.make_step()
    encoder.save(str(tmp_path / "saved"), create_model_card=False)
    saved = SentenceEmbedder(tmp_path / "saved", name="saved", precision="fp32").embed(CHUNKS)
    assert TunedEmbedder(encoder, encoder).embed(CHUNKS) == pytest.approx(saved, abs=1e-5)


def test_a_tuned_query_tower_leaves_the_exemplars_vectors_as_they_were(
    base: Path, tmp_path: Path
) -> None:
    """Bit by bit, in an index as well; utterances that are asked move."""
    query, document = open_encoder(base), open_encoder(base)
    work = fitting(query)
    while work.step < 20:
        work.make_step()
    save_towers(query, document, tmp_path / "both")
    assert has_towers(tmp_path / "both")
    assert not has_towers(base)
    cache = tmp_path / "cache"
    old = SentenceEmbedder(base, name="old", cache=cache)
    new = SentenceEmbedder(tmp_path / "both", name="new", cache=cache)
    for side in ("symmetric", "passage"):
        assert new.embed(CHUNKS, side=side).tobytes() == old.embed(CHUNKS, side=side).tobytes()
    indexes = [ModuleIndex.build(WHOLE, exemplars(), e) for e in (old, new)]
    assert indexes[0].vectors.tobytes() == indexes[1].vectors.tobytes()
    assert indexes[0].description_vectors.tobytes() == indexes[1].description_vectors.tobytes()
    for side in ("asked", "query"):
        moved = new.embed(CHUNKS, side=side)
        assert moved == pytest.approx(
            TunedEmbedder(query, document).embed(CHUNKS, side=side), abs=1e-5
        )
        assert np.abs(moved - old.embed(CHUNKS, side=side)).max() > 1e-2
        assert new.embed(CHUNKS, side=side).tobytes() == moved.tobytes()  # of the cache


def test_a_shared_encoder_changes_the_fingerprint_of_the_index(base: Path, tmp_path: Path) -> None:
    encoder = open_encoder(base)
    work = fitting(encoder, tower="shared")
    work.make_step()
    encoder.save(str(tmp_path / "tuned"), create_model_card=False)
    indexes = [
        ModuleIndex.build(
            WHOLE, exemplars(), SentenceEmbedder(place, name="e"), settings=RetrievalSettings()
        )
        for place in (base, tmp_path / "tuned")
    ]
    assert indexes[0].fingerprint != indexes[1].fingerprint
    assert np.abs(indexes[0].vectors - indexes[1].vectors).max() > 1e-4


def test_chunks_are_never_the_row_itself_or_a_duplicate(base: Path) -> None:
    rows = exemplars()
    twin = rows[0].model_copy(update={"id": "zz"})
    index = ModuleIndex.build(WHOLE, [*rows, twin], SentenceEmbedder(base, name="e"))
    for row in (*rows, twin):
        found = index.search([query_of(row)], k_desc=0, k_exemplar=20, mode="dense")[0].exemplars
        assert row.id not in {h.id for h in found}
        assert (row.template, row.function) not in {(h.template, h.function) for h in found}
        assert len(found) == len(rows) - 1
    stranger = index.search([Query(rows[0].utterance)], k_desc=0, k_exemplar=20, mode="dense")
    assert stranger[0].exemplars[0].id == rows[0].id


def test_a_shared_encoder_gets_new_lessons_on_schedule(base: Path) -> None:
    asked_at: list[int] = []
    encoder = open_encoder(base)
    settings = LsrSettings(max_steps=7, tower="shared", reembed_every=3)

    def renew() -> list[Lesson]:
        asked_at.append(work.step)
        return [Lesson("fly", (0, len(asked_at)), (0.1, 0.9))]

    work = LsrFitting(encoder, CHUNKS, [LESSON], settings, renew=renew)
    while work.step < work.steps:
        work.make_step()
    assert asked_at == [3, 6]
    assert work.rows == [Lesson("fly", (0, 2), (0.1, 0.9))]


def test_a_flat_teacher_is_told() -> None:
    assert is_flat([0.5, 0.5, 0.5], temperature=0.01)
    assert is_flat([1e-7, 2e-7, 3e-7], temperature=0.1)  # a small model's raw probabilities
    assert not is_flat([0.1, 0.9, 0.1], temperature=0.1)
    assert is_flat([0.4], temperature=0.1)
