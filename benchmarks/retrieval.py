"""Retrieval: how fast, beside what, and how often it brings the right function.

    python benchmarks/retrieval.py [surface] [embedding] [edit] [one] [graph] [coverage]

Real model, real utterances (SGD, see shared/data/README.md); without the data it says so and ends.
Embeddings are cached in ``~/.cache/radu/bench``, so that a second run needn't make 30,000 of them
again; where embedding is timed, nothing is cached.
"""

from __future__ import annotations

import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from sgd_module import SgdModule, sgd_module
from sgd_turns import data_directory

from radu_core.exemplars import AnnotatedExemplar
from radu_core.retrieval import (
    AT,
    ModuleIndex,
    Query,
    RetrievalSettings,
    SentenceEmbedder,
    choose_weight,
    coverage,
    query_of,
)
from radu_core.retrieval.coverage import function_ranks, ranked_functions
from radu_core.retrieval.dense import DenseIndex
from radu_core.retrieval.embedder import Precision
from radu_core.statistics import wilson
from radu_core.workflows.coverage.indexing import load_index
from radu_core.workflows.frame.workspace import Workspace

EXEMPLARS, QUERIES, LARGEST = 20_000, 5_000, 20
CACHE = Path.home() / ".cache" / "radu" / "bench"


def model() -> Path:
    return Workspace.from_environment().models / "all-MiniLM-L6-v2"


def embedder(*, precision: Precision = "auto", cached: bool = True) -> SentenceEmbedder:
    return SentenceEmbedder(
        model(), name="all-MiniLM-L6-v2", cache=CACHE if cached else None, precision=precision
    )


def seconds(work: Callable[[], object], *, repeats: int = 1) -> float:
    """The median of several runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f}"


class Large:
    """20,000 exemplars to search in and 5,000 utterances to search for."""

    def __init__(self, directory: Path) -> None:
        module = sgd_module(directory, "train", all_turns=True)
        self.schema = module.schema
        some = module.exemplars[: EXEMPLARS + QUERIES]
        self.exemplars = [e.model_copy(update={"split": "train"}) for e in some[:EXEMPLARS]]
        self.queries = [query_of(e) for e in some[EXEMPLARS:]]
        self.index = ModuleIndex.build(self.schema, self.exemplars, embedder())
        self.index.embedder.embed([q.utterance for q in self.queries])


def surface(large: Large) -> None:
    """The whole grid at once, beside one search for each utterance and each point."""
    index, queries = large.index, large.queries
    points = [(d, e) for d in range(LARGEST + 1) for e in range(LARGEST + 1) if d or e]

    def whole() -> object:
        return coverage(index, queries, max_desc=LARGEST, max_exemplar=LARGEST)

    once = seconds(whole, repeats=3)
    grid = coverage(index, queries, max_desc=LARGEST, max_exemplar=LARGEST)
    some = list(range(0, len(queries), len(queries) // 10))[:10]
    some_points = points[:: len(points) // 40]

    def each() -> None:
        for n in some:
            for d, e in some_points:
                hits = index.search([queries[n]], k_desc=d, k_exemplar=e)[0]
                assert (queries[n].function in hits.functions) == grid.is_covered(n, d, e), (
                    n,
                    d,
                    e,
                )

    single = seconds(each) / (len(some) * len(some_points))
    search_seconds = single * len(points) * len(queries)
    product = seconds(lambda: grid.ranked.vectors @ index.vectors.T, repeats=3)
    print(
        f"surface: {len(points)} points, {len(queries):,} utterances, {len(index.exemplars):,} "
        f"exemplars: {once:.2f} s; asking for each ({1000 * single:.2f} ms, from "
        f"{len(some) * len(some_points)} searches, all agree) {search_seconds:,.0f} s; "
        f"ratio {search_seconds / once:,.0f}. "
        f"The matrix product alone: {product:.2f} s ({load()})"
    )


def embedding(large: Large, dev: SgdModule) -> None:
    """Our batches beside ``SentenceTransformer.encode`` in fp32 as it comes."""
    from sentence_transformers import SentenceTransformer

    texts = [q.utterance for q in large.queries][:2_000]
    plain = SentenceTransformer(str(model()), local_files_only=True)
    ours = embedder(cached=False)
    plain.encode(texts[:64], show_progress_bar=False)
    ours.embed(texts[:64])
    ratios, theirs_rate, ours_rate = [], [], []
    for _ in range(5):  # in turns: the machine's load is the same for both
        theirs = seconds(
            lambda: plain.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        )
        own = seconds(lambda: ours.embed(texts))
        ratios.append(theirs / own)
        theirs_rate.append(len(texts) / theirs)
        ours_rate.append(len(texts) / own)
    reference = plain.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    cosine = (reference * ours.embed(texts)).sum(axis=1)
    print(
        f"embedding: {statistics.median(ours_rate):.0f} texts/s ({ours.precision}), encode in fp32 "
        f"{statistics.median(theirs_rate):.0f}; ratio {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}); cosine of both at least {cosine.min():.4f} "
        f"({load()})"
    )
    grids = []
    for precision in ("fp32", "auto"):
        index = ModuleIndex.build(dev.schema, dev.split("train"), embedder(precision=precision))
        queries = [query_of(e) for e in dev.split("validation", "test")]
        grids.append(coverage(index, queries, max_desc=10, max_exemplar=20))
    apart = (grids[0].hits - grids[1].hits) * 100 / grids[0].total
    print(
        f"embedding: coverage on SGD dev over {apart.size} points, fp32 less bf16: from "
        f"{apart.min():+.2f} to {apart.max():+.2f} points, mean {apart.mean():+.3f}"
    )


def edit(large: Large) -> None:
    """From a decision in the store to a current index, beside building it from scratch."""
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "models").symlink_to(model().parent.resolve())
        (Path(home) / "cache").mkdir()
        (Path(home) / "cache" / "embeddings").symlink_to(CACHE)
        workspace = Workspace(Path(home))
        workspace.store.put_schema(large.schema, who="bench")
        workspace.store.put_exemplars(
            large.schema.module, large.exemplars, source="sgd", who="bench"
        )
        name = large.schema.module
        load_index(workspace, name)
        workspace.embedder().load()
        times = []
        for number, exemplar in enumerate(large.exemplars[:: EXEMPLARS // 15][:15]):
            item = workspace.store.exemplar(name, exemplar.id)
            utterance = f"{exemplar.utterance} take {number} of {time.time_ns()}"
            new = exemplar.model_copy(
                update={"utterance": utterance, "template": utterance, "spans": ()}
            )
            workspace.store.decide(
                name, new, who="bench", kind="decided", expected_revision=item.revision
            )
            times.append(seconds(lambda: load_index(workspace, name)))
            assert load_index(workspace, name).exemplars[0].id
        cold = seconds(lambda: load_index(Workspace(Path(home)), name))
    print(
        f"edit: one of {EXEMPLARS:,} exemplars changed in the store; the index is current after "
        f"{1000 * statistics.median(times):.0f} ms (median of {len(times)}, at most "
        f"{1000 * max(times):.0f}); in a new process, with embeddings known, {1000 * cold:.0f} ms; "
        f"ratio {cold / statistics.median(times):.1f} ({load()})"
    )


def one(large: Large) -> None:
    """A single retrieval, warm."""
    texts = [f"{q.utterance} please, {n}" for n, q in enumerate(large.queries[:200])]
    with tempfile.TemporaryDirectory() as empty:
        _one(large, texts, SentenceEmbedder(model(), name="fresh", cache=Path(empty)))


def _one(large: Large, texts: list[str], fresh: SentenceEmbedder) -> None:
    index = large.index
    fresh.load()
    query_index = ModuleIndex(index.schema, index.contents, index.parts, fresh, index.settings)
    warm, with_embedding = [], []
    for query in large.queries[:300]:
        warm.append(seconds(lambda q=query: index.search([q], k_desc=5, k_exemplar=10)))  # type: ignore[misc]
    for text in texts:
        with_embedding.append(
            seconds(lambda t=text: query_index.search([Query(t)], k_desc=5, k_exemplar=10))  # type: ignore[misc]
        )
    flat = DenseIndex(index.vectors, graph_from=1 << 62)
    vector = index.vectors[:1]
    import faiss

    plain = faiss.IndexFlatIP(vector.shape[1])
    plain.add(index.vectors)
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # with two it is slower whenever anything else runs
    scan = seconds(lambda: plain.search(vector, 52), repeats=200)
    faiss.omp_set_num_threads(threads)
    own = seconds(lambda: flat.search(vector, 52), repeats=200)
    print(
        f"one retrieval among {EXEMPLARS:,}: {1000 * statistics.median(warm):.2f} ms without "
        f"embedding (p95 {1000 * float(np.percentile(warm, 95)):.2f}), "
        f"{1000 * statistics.median(with_embedding):.1f} ms with it (p95 "
        f"{1000 * float(np.percentile(with_embedding, 95)):.1f}; new utterances); "
        f"FAISS's flat scan of float32 on one thread {1000 * scan:.2f} ms, ours "
        f"{1000 * own:.2f}: ratio "
        f"{scan / own:.1f} ({load()})"
    )


def graph(large: Large) -> None:
    """HNSW beside the flat scan on 100,000 vectors: real ones and four shifted copies of each."""
    dice = np.random.default_rng(0)
    copies = [large.index.vectors]
    for _ in range(4):
        noise = dice.normal(scale=0.02, size=large.index.vectors.shape)
        noisy_vectors = large.index.vectors + noise.astype(np.float32)
        copies.append(noisy_vectors / np.linalg.norm(noisy_vectors, axis=1, keepdims=True))
    vectors = np.vstack(copies).astype(np.float32)
    flat = DenseIndex(vectors, graph_from=1 << 62)
    start = time.perf_counter()
    graph_index = DenseIndex(vectors, graph_from=1)
    build_seconds = time.perf_counter() - start
    queries = large.index.embedder.embed([q.utterance for q in large.queries[:200]])
    slow = seconds(lambda: [flat.search(q[None], 52) for q in queries]) / len(queries)
    fast = seconds(lambda: [graph_index.search(q[None], 52) for q in queries]) / len(queries)
    print(
        f"graph: {len(vectors):,} vectors, built in {build_seconds:.0f} s, recall of "
        f"the 20 nearest {graph_index.recall:.3f}; {1000 * fast:.2f} ms a query, comparing all "
        f"{1000 * slow:.2f}: ratio {slow / fast:.1f} ({load()})"
    )


def coverages(module: SgdModule, title: str) -> None:
    """Coverage of the right function at 1, 3, 5 and 8 functions in the prompt."""
    index = ModuleIndex.build(module.schema, module.split("train"), embedder())
    tuning = choose_weight(index)
    settings = RetrievalSettings(dense_weight=tuning.weight)
    index = ModuleIndex(index.schema, index.contents, index.parts, index.embedder, settings)
    queries = module.split("validation", "test")
    rankings = index.rank([query_of(e) for e in queries], k_desc=0, k_exemplar=50)
    right = _places(index, queries)
    shares = {}
    for mode in ("dense", "lexical", "fused"):
        ranks = function_ranks(ranked_functions(index, rankings.of(mode)), right)
        shares[mode] = [int(((ranks > 0) & (ranks <= n)).sum()) for n in AT]
    print(
        f"coverage, {title}: {len(index.exemplars):,} exemplars, {len(queries):,} utterances, "
        f"{len(index.functions)} functions; dense weight {tuning.weight} (chosen on train by "
        f"leave-one-out: best {tuning.best}, default kept within {tuning.error:.2%})"
    )
    for mode, hits in shares.items():
        cells = []
        for n, hit in zip(AT, hits, strict=True):
            low, high = wilson(hit, len(queries))
            cells.append(f"{n}: {hit / len(queries):.1%} ({low:.1%} to {high:.1%})")
        print(f"  {mode:8} {' · '.join(cells)} · mean {np.mean(hits) / len(queries):.2%}")
    _verdict(shares, len(queries))


def _places(index: ModuleIndex, queries: Sequence[AnnotatedExemplar]) -> np.ndarray:
    number = {name: i for i, name in enumerate(index.functions)}
    return np.array([number[e.function or ""] for e in queries], dtype=np.int64)


def _verdict(shares: dict[str, list[int]], total: int) -> None:
    better = [max(pair) for pair in zip(shares["dense"], shares["lexical"], strict=True)]
    below = [
        fused_share < wilson(best, total)[0] * total
        for fused_share, best in zip(shares["fused"], better, strict=True)
    ]
    gain = (sum(shares["fused"]) - max(sum(shares["dense"]), sum(shares["lexical"]))) / 4 / total
    print(
        f"  fused below the better one by more than its interval: {sum(below)} of {len(below)}; "
        f"on average {100 * gain:+.2f} points over the better one"
    )


def main() -> None:
    directory = data_directory()
    if directory is None:
        print("The Schema-Guided Dialogue dataset isn't here: nothing is measured.")
        return
    parts = sys.argv[1:] or ["surface", "embedding", "edit", "one", "graph", "coverage"]
    large = None if parts == ["coverage"] else Large(directory)
    dev = sgd_module(directory, "dev")
    gc.collect()
    gc.freeze()  # 100,000 exemplars that only this script holds; the studio collects nothing either
    for name in parts:
        if name == "coverage":
            coverages(dev, "SGD dev, turns that state an intent")
            coverages(sgd_module(directory, "dev", all_turns=True), "SGD dev, all turns")
        elif name == "embedding":
            assert large is not None
            embedding(large, dev)
        else:
            {"surface": surface, "edit": edit, "one": one, "graph": graph}[name](large)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
