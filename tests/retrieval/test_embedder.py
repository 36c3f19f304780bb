"""Texts → vectors: what is cached, and that they are what sentence-transformers gives."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tiny_encoder import make_tiny_encoder

from radu_core.errors import StoreError
from radu_core.retrieval import SentenceEmbedder
from radu_core.retrieval.embedder import _TOKENS, Precision, _batches
from radu_core.workflows.frame.workspace import Workspace

ROOT = Path(__file__).parents[2]
LONG = "I would like to book a flight from Boston to Denver " * 80  # over 256 tokens
MIXED = [
    LONG,
    "",
    "fly",
    "a hotel room in Paris please, for two nights",
    "tell me a joke",
    LONG[:700],
    " \n",
    "去巴黎的机票",
    "fly",
    "🙂",
    "x" * 3_000,
    *(f"flight number {i} to city {i * 7 % 50} " * (1 + i % 6) for i in range(60)),
]


class _Counting(SentenceEmbedder):
    """A SentenceEmbedder whose model is a fake that can fail at its second batch."""

    fail = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.batches: list[list[str]] = []

    def _encode(self, texts: list[str], prompt: str, *, as_query: bool) -> NDArray[np.float32]:
        self.batches.append([prompt + t for t in texts])
        if self.fail and len(self.batches) == 2:
            raise KeyboardInterrupt
        return np.array([[len(t), 1] for t in texts], dtype=np.float32)


def test_embedding_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    texts = [f"text {i}" for i in range(600)]
    first = _Counting(tmp_path, name="fake", cache=tmp_path / "cache")
    first.fail = True
    with pytest.raises(KeyboardInterrupt):
        first.embed(texts)
    seen: list[tuple[str, int, int]] = []
    second = _Counting(tmp_path, name="fake", cache=tmp_path / "cache")
    assert second.embed(texts, progress=lambda *told: seen.append(told)).shape == (600, 2)
    assert seen[-1] == ("Embedding", 88, 88)


def test_a_damaged_cache_is_said(tmp_path: Path) -> None:
    embedder = _Counting(tmp_path / "model", name="fake", cache=tmp_path)
    (tmp_path / f"{embedder.identity[:16]}.sqlite").write_text("not a database" * 100)
    with pytest.raises(StoreError, match="delete that file"):
        embedder.embed(["text"])


@pytest.mark.parametrize("cached", [True, False])
def test_each_text_is_embedded_once_and_in_order(tmp_path: Path, cached: bool) -> None:
    cache = tmp_path / "cache" if cached else None
    embedder = _Counting(tmp_path, name="fake", cache=cache)
    texts = ["four", "a", "four", "", "three", "a"]
    assert embedder.embed(texts)[:, 0].tolist() == [4, 1, 4, 0, 5, 1]
    assert embedder.batches == [["", "a", "four", "three"]]
    assert embedder.embed(["a", "new"])[:, 0].tolist() == [1, 3]
    assert embedder.batches[1:] == ([["new"]] if cached else [["a", "new"]])


def test_the_cache_is_read_by_the_next_process(tmp_path: Path) -> None:
    _Counting(tmp_path, name="fake", cache=tmp_path / "cache").embed(["one", "two"])
    again = _Counting(tmp_path, name="another name", cache=tmp_path / "cache")
    assert again.embed(["two", "one", "two"])[:, 0].tolist() == [3, 3, 3]
    assert again.batches == []


def prompts(directory: Path, **settings: object) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config_sentence_transformers.json").write_text(json.dumps(settings))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ("t", "t", "t")),
        ({"prompts": None}, ("t", "t", "t")),
        ({"prompts": {"query": "q: ", "passage": "p: "}}, ("q: t", "p: t", "t")),
        ({"prompts": {"query": "", "document": "d: ", "passage": "p: "}}, ("t", "d: t", "t")),
        (
            {"prompts": {"corpus": "c: ", "all": "a: "}, "default_prompt_name": "all"},
            ("a: t", "c: t", "a: t"),
        ),
        ({"prompts": {"query": "q: "}, "default_prompt_name": "gone"}, ("q: t", "t", "t")),
    ],
)
def test_each_side_has_the_models_own_prompt(
    tmp_path: Path, settings: dict[str, object], expected: tuple[str, ...]
) -> None:
    prompts(tmp_path / "model", **settings)
    for side, text in zip(("query", "passage", "symmetric"), expected, strict=True):
        embedder = _Counting(tmp_path / "model", name="fake")
        embedder.embed(["t"], side=side)  # type: ignore[arg-type]
        assert embedder.batches == [[text]]


def test_sides_of_one_prompt_share_the_cache_and_others_do_not(tmp_path: Path) -> None:
    prompts(tmp_path / "model", prompts={"query": "q: "})
    embedder = _Counting(tmp_path / "model", name="fake", cache=tmp_path / "cache")
    for side in ("passage", "symmetric", "query", "query"):
        embedder.embed(["t"], side=side)  # type: ignore[arg-type]
    assert embedder.batches == [["t"], ["q: t"]]


@pytest.mark.parametrize(
    "name",
    [
        "model.safetensors",
        "pytorch_model.bin",
        "2_Dense/model.safetensors",
        "config.json",
        "2_Dense/pytorch_model.bin",
        "vocab.txt",
        "sentencepiece.bpe.model",
        "modules.json",
    ],
)
def test_the_identity_is_of_every_weight_and_setting(tmp_path: Path, name: str) -> None:
    prompts(tmp_path / "m")
    (tmp_path / "m" / name).parent.mkdir(exist_ok=True)
    (tmp_path / "m" / name).write_bytes(b"weights")
    before = SentenceEmbedder(tmp_path / "m", name="e").identity
    assert SentenceEmbedder(tmp_path / "m", name="other").identity == before
    (tmp_path / "m" / "radu-model.json").write_text("{}")
    (tmp_path / "m" / "README.md").write_text("about it")
    assert SentenceEmbedder(tmp_path / "m", name="e").identity == before
    (tmp_path / "m" / name).write_bytes(b"weight5")
    assert SentenceEmbedder(tmp_path / "m", name="e").identity != before


@given(st.lists(st.integers(1, 600), max_size=60))
def test_batches_hold_every_text_once_and_no_more_tokens_than_they_may(lengths: list[int]) -> None:
    batches = list(_batches(lengths))
    assert sorted(n for batch in batches for n in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[n] for n in batch) <= _TOKENS
    longest = [max(lengths[n] for n in batch) for batch in batches]
    assert all(a <= b for a, b in pairwise(longest))


def test_a_text_longer_than_a_batch_is_a_batch() -> None:
    assert list(_batches([_TOKENS + 1, 1, _TOKENS])) == [[1], [2], [0]]


def test_threads_share_one_model(tmp_path: Path) -> None:
    embedder = _Counting(tmp_path, name="fake", cache=tmp_path / "cache")
    found: dict[int, list[float]] = {}

    def ask(number: int) -> None:
        texts = ["x" * (1 + (i + number) % 50) for i in range(200)]
        found[number] = embedder.embed(texts)[:, 0].tolist()

    threads = [Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):
        assert found[number] == [1 + (i + number) % 50 for i in range(200)]
    assert sum(map(len, embedder.batches)) == 50


# The real model


@pytest.fixture(scope="session")
def minilm() -> Path:
    models = Path(os.environ.get("RADU_HOME") or ROOT / "workspace").resolve() / "models"
    found = models / "all-MiniLM-L6-v2"
    assert found.is_dir(), f"no models in {models}: make models"
    return found


@pytest.fixture
def copied(minilm: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(minilm, tmp_path / "model"))


def encoded(directory: Path, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:
    """What sentence-transformers gives by itself, in fp32."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(directory), local_files_only=True)
    vectors = model.encode(
        list(texts), normalize_embeddings=True, show_progress_bar=False, **options
    )
    return np.asarray(vectors, dtype=np.float32)


def cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((a * b).sum(axis=1))


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "least"), [("fp32", 0.99999), ("bf16", 0.995)])
def test_vectors_are_those_of_sentence_transformers(
    minilm: Path, precision: Precision, least: float
) -> None:
    embedder = SentenceEmbedder(minilm, name="e", precision=precision)
    vectors = embedder.embed(MIXED)
    assert (vectors.shape, vectors.dtype) == ((len(MIXED), 384), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(MIXED)), abs=1e-5)
    assert cosines(vectors, encoded(minilm, MIXED)).min() >= least
    assert vectors[2].tolist() == vectors[8].tolist()
    assert embedder.embed([]).shape == (0, 384)
    assert embedder.dim == 384
    alone = np.concatenate([embedder.embed([text]) for text in MIXED[:8]])
    assert cosines(alone, vectors[:8]).min() >= least


@pytest.mark.slow
def test_automatic_precision_is_the_processors(minilm: Path, native: bool) -> None:
    embedder = SentenceEmbedder(minilm, name="e")
    assert embedder.precision == ("bf16" if native else "fp32")
    least = 0.995 if native else 0.99999
    assert cosines(embedder.embed(MIXED[:9]), encoded(minilm, MIXED[:9])).min() >= least


@pytest.mark.slow
@pytest.mark.parametrize("pooled", [True, False])
def test_a_query_has_its_prompt(copied: Path, pooled: bool) -> None:
    """Also of a model that leaves the prompt's tokens out of its mean."""
    config = json.loads((copied / "config_sentence_transformers.json").read_text())
    config |= {"prompts": {"query": "Find what is like this: ", "document": "Text: "}}
    (copied / "config_sentence_transformers.json").write_text(json.dumps(config))
    pooling = json.loads((copied / "1_Pooling" / "config.json").read_text())
    pooling |= {"include_prompt": pooled}
    (copied / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    texts = MIXED[2:7]
    embedder = SentenceEmbedder(copied, name="e", precision="fp32")
    for side, name in (("query", "query"), ("passage", "document"), ("symmetric", None)):
        options = {"prompt_name": name} if name else {}
        found = embedder.embed(texts, side=side)  # type: ignore[arg-type]
        assert cosines(found, encoded(copied, texts, **options)).min() >= 0.9999
    apart = cosines(embedder.embed(texts, side="query"), embedder.embed(texts))
    assert apart.max() < 0.999


@pytest.mark.slow
def test_what_is_cached_needs_no_model(minilm: Path, tmp_path: Path) -> None:
    first = SentenceEmbedder(minilm, name="e", cache=tmp_path, precision="bf16")
    vectors = first.embed(MIXED)
    second = SentenceEmbedder(minilm, name="e", cache=tmp_path, precision="bf16")
    assert second.embed(MIXED[::-1]).tolist() == vectors[::-1].tolist()
    assert second._towers is None
    one = SentenceEmbedder(minilm, name="e", cache=tmp_path, precision="fp32")
    assert one.embed(MIXED[:3]).tolist() != vectors[:3].tolist()


@pytest.mark.slow
def test_a_models_own_limit_and_lower_case_hold(copied: Path) -> None:
    settings = json.loads((copied / "sentence_bert_config.json").read_text())
    settings |= {"max_seq_length": 16, "do_lower_case": True}
    (copied / "sentence_bert_config.json").write_text(json.dumps(settings))
    texts = [LONG, "  FLY to Boston  ", "İstanbul"]
    found = SentenceEmbedder(copied, name="e", precision="fp32").embed(texts)
    assert cosines(found, encoded(copied, texts)).min() >= 0.9999


@pytest.mark.slow
def test_the_model_that_a_run_wrote_is_named_by_the_run(minilm: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    space = Workspace(tmp_path / "home")
    written = space.runs / "20260101-embedder" / "model"
    model = SentenceTransformer(str(minilm), local_files_only=True)
    with_noise = next(model[0].parameters())
    with_noise.data += 0.01
    model.save(str(written))
    embedder = space.embedder("20260101-embedder")
    assert space.embedder("20260101-embedder") is embedder
    assert embedder.identity != SentenceEmbedder(minilm, name="e").identity
    vectors = embedder.embed(["fly me to Oslo", "a room"])
    assert cosines(vectors, encoded(written, ["fly me to Oslo", "a room"])).min() >= 0.995


@pytest.mark.slow
def test_threads_get_the_vectors_of_one(minilm: Path, tmp_path: Path) -> None:
    embedder = SentenceEmbedder(minilm, name="e", cache=tmp_path)
    expected = SentenceEmbedder(minilm, name="e").embed(MIXED)
    found: dict[int, NDArray[np.float32]] = {}

    def ask(number: int) -> None:
        found[number] = embedder.embed(MIXED[number::2])

    threads = [Thread(target=ask, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(2):
        assert cosines(found[number], expected[number::2]).min() >= 0.995


def test_a_model_that_is_loaded_already_embeds_in_place_of_the_files(tmp_path: Path) -> None:
    """As the guard asks an encoder in training beside the one that training began with."""
    from sentence_transformers import SentenceTransformer

    texts = ["a hotel in Oslo", "fly home"]
    one = make_tiny_encoder(tmp_path / "one", texts, seed=0)
    other = SentenceTransformer(str(make_tiny_encoder(tmp_path / "other", texts, seed=1)))
    plain = SentenceEmbedder(one, name="one", precision="fp32").embed(texts)
    given = SentenceEmbedder(one, name="one", precision="fp32", model=other).embed(texts)
    assert np.allclose(given, other.encode(texts, normalize_embeddings=True), atol=1e-5)
    assert not np.allclose(given, plain, atol=1e-2)
