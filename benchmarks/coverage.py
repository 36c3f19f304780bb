"""The whole (k_desc, k_exemplar) surface from one pass, beside one search for each point.

Uses the real embedding model and the sample's travel module; embeddings are cached before either is
timed, so that the ratio is of the searches.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from radu_core.progress import silent
from radu_core.retrieval import coverage
from radu_core.workflows.coverage import load_index, query_of
from radu_core.workflows.sample import load_sample
from radu_core.workflows.workspace import Workspace

MODULE = "aurora_travel_en"
REPEATS = 5


def main() -> None:
    models = Workspace.from_environment().models.resolve()
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "models").symlink_to(models)
        workspace = Workspace(Path(directory))
        load_sample(workspace, only=("travel",))
        index = load_index(workspace, MODULE)
        items = workspace.store.exemplars(MODULE, splits=["validation"])
        queries = [query_of(i.exemplar) for i in items if i.exemplar.function]
        grid = coverage(index, queries)
        points = [(d, e) for d in range(grid.max_desc + 1) for e in range(grid.max_exemplar + 1)]

        once, each = [], []
        for _ in range(REPEATS):
            begun = time.perf_counter()
            grid = coverage(index, queries)
            once.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            for d, e in points:
                if not d and not e:
                    continue
                found = index.search(queries, k_desc=d, k_exemplar=e, progress=silent)
                hits = sum(q.function in r.functions for q, r in zip(queries, found, strict=True))
                assert hits == round(grid.share(d, e) * len(queries)), (d, e)
            each.append(time.perf_counter() - begun)
    ratio = statistics.median(each) / statistics.median(once)
    print(
        f"{len(points)} points, {len(queries)} utterances: one pass "
        f"{1000 * statistics.median(once):.0f} ms, a search for each point "
        f"{1000 * statistics.median(each):.0f} ms; ratio {ratio:.0f}; all points agree"
    )


if __name__ == "__main__":
    main()
