"""How long a large import, its undo and a split take, and the memory they need.

``python benchmarks/batches.py [ROWS]``, 100,000 by default, in a workspace of its own. Reading the
file and aligning aren't part of it: only what the store does.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import parse_schema
from radu_core.store import NewBatch
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load import splitting, trash
from radu_core.workflows.load.imports import redo, undo

MODULE = "x_y_en"
SCHEMA = {"module": MODULE, "functions": [{"name": f"f{n}"} for n in range(50)]}


def rows(number: int, *, words: str = "") -> Iterator[AnnotatedExemplar]:
    """Exemplars of 50 functions; every fifth shares its template with others."""
    for n in range(number):
        what = n if n % 5 else n % 1_000
        utterance = f"please{words} do thing number {what} for me now"
        yield AnnotatedExemplar(id=f"id{n:07}", function=f"f{n % 50}", utterance=utterance)


def time_and_print(what: str, work: Callable[[], Any]) -> Any:
    """Do it, and print seconds and the peak of memory so far."""
    start, cpu = time.perf_counter(), time.process_time()
    result = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    wall, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    print(f"{what:32} {wall:7.1f} s ({cpu_seconds:.1f} s CPU), peak {peak:,.0f} MiB", flush=True)
    return result


def main(number: int) -> None:
    """Measure, in a directory that is gone afterwards."""
    with tempfile.TemporaryDirectory() as home:
        space = Workspace(Path(home))
        space.store.put_schema(parse_schema(SCHEMA), who="b")
        measure(space, number)
        space.store.close()


def measure(space: Workspace, number: int) -> None:
    """Each step once; rows are made as they are stored."""
    put = partial(
        space.store.put_exemplars, MODULE, who="b", source="f", batch=NewBatch("f", "", 0, 0)
    )
    time_and_print("nothing yet", lambda: None)
    first_import = time_and_print("import", lambda: put(rows(number))).number
    time_and_print("import again, unchanged", lambda: put(rows(number)))
    second_import = time_and_print(
        "import, all changed", lambda: put(rows(number, words=" really"))
    ).number
    time_and_print(
        "preview of undo (changed)", lambda: undo(space, second_import, who="b", dry_run=True)
    )
    time_and_print("undo (changed)", lambda: undo(space, second_import, who="b"))
    time_and_print("redo (changed)", lambda: redo(space, second_import, who="b"))
    time_and_print("undo (changed)", lambda: undo(space, second_import, who="b"))
    time_and_print(
        "split", lambda: splitting.split(space, MODULE, splitting.Wanted(0.1, 0.1), who="b")
    )
    time_and_print("undo (added)", lambda: undo(space, first_import, who="b"))
    time_and_print("redo (added)", lambda: redo(space, first_import, who="b"))
    time_and_print("undo (added)", lambda: undo(space, first_import, who="b"))
    time_and_print(
        "delete for good", lambda: trash.empty(space, MODULE, who="b", now=datetime.now(UTC))
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
