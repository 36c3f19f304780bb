"""A bundle written without a model: as large as a page and a route need it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from radu_core.files import write_json
from radu_core.inference.bundle import FORMAT, MANIFEST, BundleManifest, SelfTest
from radu_core.progress import Progress, silent
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.playground.bundle import WrittenBundle

__all__ = ["WEIGHTS", "write_fake_bundle"]

WEIGHTS = bytes(range(256)) * 40_000  # 10 MB: packed in blocks, and not compressed


def write_fake_bundle(
    workspace: Workspace,
    name: str,
    out: Path,
    *,
    module: str,
    generator: str | None = None,
    runtime: str = "onnx",
    texts: bool = True,
    progress: Progress = silent,
) -> WrittenBundle:
    """In place of ``write_bundle``."""
    out.mkdir(parents=True)
    progress("Comparing the bundle with the run", 0, 44)
    (out / "weights").write_bytes(WEIGHTS)
    made: dict[str, Any] = {
        "format": FORMAT,
        "studio": "1",
        "name": module,
        "module": module,
        "kind": "full" if generator else "fast",
        "runs": {"run": name} | ({"generator": generator} if generator else {}),
        "files": {"weights": (len(WEIGHTS), "0")},
        "runtime": {"encoder": runtime},
        "texts": texts,
        "self_test": SelfTest(rows=44, equal=44),
    }
    manifest = BundleManifest(**made)
    write_json(out / MANIFEST, manifest.model_dump(mode="json"))
    return WrittenBundle(out, manifest, len(WEIGHTS), ("Mind the gap.",))
