"""``radu`` with fakes in the place of bundles: what tests of the server's process start."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    from answering import load_fake

    bundle = ModuleType("radu_core.inference.bundle")
    bundle.load_bundle = load_fake  # type: ignore[attr-defined]
    sys.modules[bundle.__name__] = bundle

    from radu_core.cli import main

    main()
