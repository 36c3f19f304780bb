"""Fast answers: what is refused, by a score that is always given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import ROWS, SCHEMA
from tiny_encoder import make_tiny_encoder
from tiny_fast import fitted, labels_of

from radu_core.exemplars import AnnotatedExemplar
from radu_core.inference import FastParser
from radu_core.inference.taught import Taught
from radu_core.retrieval import Query, SentenceEmbedder
from radu_core.schema import parse_schema
from radu_core.training.joint.fast import FastModel, joint_scores
from radu_core.training.joint.fit import JointSettings, fit_joint
from radu_core.training.joint.fitted import fit_head_on
from radu_core.training.joint.rows import Labels

pytestmark = pytest.mark.slow
TEXTS = ["fly us to Bonn please", "a hotel bed in Paris", "sing something for my cat"]


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory) -> FastParser:
    return fitted(tmp_path_factory.mktemp("fast"), labels_of(out_of_scope=False))


def test_without_labels_of_it_nothing_is_refused_and_the_score_is_there(
    parser: FastParser,
) -> None:
    calls = parser.parse_many([Query(t) for t in TEXTS])
    assert parser.kept == 1.0
    assert all(c.function is not None for c in calls)
    said = [c.out_of_scope for c in calls]
    assert all(s is not None and 0.0 < s < 1.0 for s in said)


def test_what_is_kept_is_what_looks_more_in_scope_than_so_many(parser: FastParser) -> None:
    queries = [Query(str(r["utterance"])) for r in ROWS] + [Query(t) for t in TEXTS]
    free = parser.parse_many(queries)
    for keep in (0.5, 0.9):
        strict = parser.parse_many(queries, scope=keep)
        for one, other in zip(free, strict, strict=True):
            assert one.out_of_scope is not None
            assert (other.function is None) == (one.out_of_scope > keep)
            assert other.arguments == ({} if other.function is None else one.arguments)
            assert other.scores == one.scores


def test_what_is_too_long_to_be_read_is_reported(parser: FastParser) -> None:
    short, long = "fly me to Oslo", "fly me to Oslo " * 60
    for texts in ([short, long], [long, short]):  # also beside others in a batch
        calls = dict(zip(texts, parser.parse_many([Query(t) for t in texts]), strict=True))
        assert calls[short].problems == ()
        [said] = [p for p in calls[long].problems if "doesn't read" in p]
        unread = int(said.split()[0].replace(",", ""))
        assert 0 < unread < len(long)
        assert long[: len(long) - unread].endswith(("fly", "me", "to", "Oslo"))


def test_a_model_that_was_saved_says_the_same(parser: FastParser, tmp_path: Path) -> None:
    parser.model.save(tmp_path)
    loaded = FastModel.load(tmp_path, lambda _: parser.model.embedder)
    assert loaded.scope == parser.model.scope
    one, two = (m.answer(TEXTS) for m in (parser.model, loaded))
    assert [a.out_of_scope for a in one] == pytest.approx([a.out_of_scope for a in two])
    assert np.allclose(
        [list(a.scores.values()) for a in one], [list(a.scores.values()) for a in two]
    )


def test_labels_of_what_is_out_of_scope_are_used(tmp_path: Path) -> None:
    found = fitted(tmp_path, labels_of(out_of_scope=True)).model.scope
    assert "labelled" in found.weights
    assert found.curve is not None
    assert (found.curve.by, found.curve.outside) == ("labels", 2)
    assert 0.95 <= found.kept <= 1.0


def test_labels_of_one_template_alone_can_be_fitted(tmp_path: Path) -> None:
    """All lie in one fold: nothing is out of fold, and nothing stands out."""
    labels = [e.model_copy(update={"template": "x"}) for e in labels_of(out_of_scope=False)[:4]]
    one = fitted(tmp_path, labels)
    [call] = one.parse_many([Query("tell me a joke")])
    assert call.out_of_scope == 0.5


def test_the_only_row_of_a_function_weakens_no_source(tmp_path: Path) -> None:
    """No fold's model has met its function: asked about it, each source is wrong."""
    labels = labels_of(out_of_scope=False)
    by_function = {e.function: e for e in labels}
    schema = parse_schema(SCHEMA)
    base = make_tiny_encoder(tmp_path, [str(r["utterance"]) for r in ROWS])
    embedder, known = SentenceEmbedder(base, name="tiny"), Labels.of(schema, labels)

    def head_of(rows: list[AnnotatedExemplar]) -> tuple[int, float | None, dict[str, float]]:
        sure = np.full((len(rows), len(known.functions)), -9.0, dtype=np.float32)
        for at, e in enumerate(rows):  # right, but of a function with one row
            lone = sum(o.function == e.function for o in rows) == 1
            sure[at, (known.functions.index(e.function or "") + lone) % len(known.functions)] = 0.0
        found = fit_head_on(schema, rows, embedder, known, sure)
        return found.rows, found.accuracy, dict(found.head.weights)

    flights = [e for e in labels if e.function == "book_flight"]
    hotel = by_function["book_hotel"]
    rows, accuracy, weights = head_of([*flights, hotel])
    assert (rows, accuracy) == (len(flights), 1.0)
    assert weights["joint"] > 0.1
    assert head_of([flights[0], hotel]) == (0, None, dict.fromkeys(weights, 1.0))


def test_one_function_alone_is_answered_always(tmp_path: Path) -> None:
    flights = [e for e in labels_of(out_of_scope=False) if e.function == "book_flight"]
    schema = parse_schema({**SCHEMA, "functions": SCHEMA["functions"][:1]})
    base = make_tiny_encoder(tmp_path, [str(r["utterance"]) for r in ROWS])
    model = fit_joint(schema, flights, base, JointSettings(epochs=2))
    embedder = SentenceEmbedder(base, name="tiny")
    held = joint_scores(model, [e.utterance for e in flights])
    found = fit_head_on(schema, flights, embedder, Labels.of(schema, flights), held)
    assert (found.rows, found.accuracy) == (len(flights), 1.0)
    assert found.scope.curve is None
    one = FastParser(
        FastModel.of(model, embedder, found, "en"), schema, Taught.of(schema, flights, embedder)
    )
    [call] = one.parse_many([Query("tell me a joke")])
    assert call.function == "book_flight"
    assert call.scores == {"book_flight": 1.0}
