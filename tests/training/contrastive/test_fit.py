"""What a retriever learns from labels: batches, texts, and pairs that aren't set against."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_encoder import make_tiny_encoder

from radu_core.exemplars import AnnotatedExemplar
from radu_core.retrieval.pairs import Judgements, pair_of
from radu_core.schema import Function, Schema, Slot
from radu_core.training.contrastive.fit import (
    ContrastiveFitting,
    ContrastiveSettings,
    Encoding,
    Lessons,
    contrastive_steps,
)
from radu_core.training.joint.model import find_overlong, open_encoder, tokens_read

SCHEMA = Schema(
    module="acme_lamps_en",
    functions=[
        Function(name=n, description=d, slots=[Slot(name="room", description="Which room")])
        for n, d in (
            ("lamp_on", "Switch a lamp on"),
            ("lamp_off", "Switch a lamp off"),
            ("blinds_down", "Lower the blinds"),
        )
    ],
)
PROMPTS = {"asked": "", "query": "query: ", "symmetric": "", "passage": "passage: "}


def exemplar(id_: str, text: str, function: str | None, template: str = "") -> AnnotatedExemplar:
    return AnnotatedExemplar(
        id=id_, utterance=text, function=function, arguments={}, template=template or text
    )


ROWS = [
    exemplar("a1", "light in the attic", "lamp_on", "light in the < room >"),
    exemplar("a2", "make it bright", "lamp_on"),
    exemplar("a3", "lamp please", "lamp_on"),
    exemplar("b1", "make it dark", "lamp_off"),
    exemplar("b2", "light in the cellar", "lamp_off", "light in the < room >"),
    exemplar("c1", "blinds down", "blinds_down"),
    exemplar("c2", "shut the blinds", "blinds_down"),
    exemplar("x1", "sing to me", None),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = [e.utterance for e in ROWS]
    return make_tiny_encoder(tmp_path_factory.mktemp("encoder"), texts)


def fitting(base: Path, judged: Judgements | None = None, **more: float) -> ContrastiveFitting:
    vectors = np.eye(len(ROWS), 4, dtype=np.float32)
    lessons = Lessons.of(SCHEMA, ROWS, vectors, PROMPTS, judged or {})
    settings = ContrastiveSettings(learning_rate=1e-3, batch_size=4, epochs=40, **more)
    return ContrastiveFitting(Encoding(open_encoder(base)), ROWS, lessons, settings)


def test_every_round_goes_through_every_label_once_two_by_two(base: Path) -> None:
    made = fitting(base)
    for number in range(6):
        order = made._order(number)
        assert sorted(e.id for e in order) == sorted(e.id for e in ROWS)
        assert [e.id for e in order] == [e.id for e in fitting(base)._order(number)]
        joined = sum(a.function == b.function for a, b in pairwise(order))
        assert joined >= 3  # each function's couple


def test_utterances_templates_and_descriptions_are_learnt_with_their_prompts(base: Path) -> None:
    texts, functions, rows = fitting(base)._texts([ROWS[0], ROWS[1], ROWS[7]])
    assert texts == [
        "light in the attic",
        "light in the < room >",
        "query: make it bright",
        "sing to me",
        "passage: lamp on: Switch a lamp on",
    ]
    assert functions == [2, 2, 2, -1, 2]
    assert rows == [0, 0, 1, 2, -1]


def test_labels_that_may_mean_the_same_are_neither_unless_judged(base: Path) -> None:
    batch, rows = [ROWS[0], ROWS[4], ROWS[3]], [0, 1, 2, -1]
    made = fitting(base)
    unknown = made._unknown(batch, rows)
    assert unknown.tolist() == [[n + m == 1 for m in range(4)] for n in range(4)]
    assert made.left_out == {("a1", "b2")}
    judged = fitting(base, {("a1", "b2"): "different"})
    assert not judged._unknown(batch, rows).any()
    assert not judged.left_out
    same = fitting(base, {("a1", "b2"): "different", ("a1", "b1"): "same"})
    assert same._unknown(batch, rows).nonzero().tolist() == [[0, 2], [2, 0]]
    assert same.left_out == {("a1", "b1")}


def test_labels_judged_different_meet(base: Path) -> None:
    judged: Judgements = {pair_of("a3", "c2"): "different", pair_of("a1", "gone"): "different"}
    for number in range(4):
        order = [e.id for e in fitting(base, judged)._order(number)]
        assert abs(order.index("a3") - order.index("c2")) == 1
        assert len(order) == len(ROWS)


def test_a_fold_may_hold_no_label_of_a_function_and_a_sample_not_every_function(
    base: Path,
) -> None:
    none = Lessons.of(SCHEMA, ROWS[-1:], np.ones((1, 4), dtype=np.float32), PROMPTS, {})
    assert none.functions == ("blinds_down", "lamp_off", "lamp_on")
    assert not none.centres.any()
    some = Lessons.of(SCHEMA, ROWS[:3], np.ones((3, 4), dtype=np.float32), PROMPTS, {})
    assert some.centres.tolist() == [[0.0] * 4, [0.0] * 4, [1.0] * 4]
    for rows, lessons in ((ROWS[-1:], none), (ROWS, some)):
        settings = ContrastiveSettings(epochs=2, batch_size=4)
        fitting = ContrastiveFitting(Encoding(open_encoder(base)), rows, lessons, settings)
        while fitting.step < fitting.steps:
            assert np.isfinite(fitting.make_step())


def test_it_learns_and_goes_on_exactly(base: Path) -> None:
    whole = fitting(base)
    losses = [whole.make_step() for _ in range(whole.steps)]
    assert np.mean(losses[-8:]) < 0.75 * np.mean(losses[:8])
    half = fitting(base)
    for _ in range(9):
        half.make_step()
    resumed = fitting(base)
    resumed.load(half.state())
    assert resumed.left_out == half.left_out
    assert [resumed.make_step() for _ in range(3)] == losses[9:12]
    vectors, _ = whole.model.eval()([ROWS[0].utterance, ROWS[2].utterance, ROWS[5].utterance])
    unit = torch.nn.functional.normalize(vectors.detach(), dim=1)
    assert float(unit[0] @ unit[1]) > float(unit[0] @ unit[2])


def test_what_isnt_read_to_its_end_is_found(base: Path) -> None:
    encoder = open_encoder(base)
    long = exemplar("long", " ".join(["lamp"] * 100), "lamp_on")
    assert find_overlong(encoder, [*ROWS, long]) == ["long"]
    assert tokens_read(encoder, long) == encoder.max_seq_length == 64
    assert tokens_read(encoder, ROWS[1]) == 5  # with [CLS] and [SEP]


def test_steps_grow_with_the_root_of_the_labels() -> None:
    settings = ContrastiveSettings()
    assert [contrastive_steps(settings, n) for n in (640, 2_560, 160)] == [150, 300, 75]
    assert contrastive_steps(ContrastiveSettings(max_steps=3), 640) == 3
