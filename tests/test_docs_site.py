"""The docs' site is built without a warning, and loads nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from studio_process import ROOT

pytestmark = pytest.mark.slow
LOADED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']([^\"']+)|"
    r"<link\b(?![^>]*rel=[\"'](?:canonical|author))[^>]*\bhref=[\"']([^\"']+)"
)


def test_the_site_is_built_and_self_contained(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-n", "-b", "html"]
    folders = ["-c", "docs/site", "-d", str(tmp_path / "trees"), ".", str(tmp_path / "site")]
    done = subprocess.run(
        [*command, *folders], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 70
    for page in pages:
        found = ["".join(groups) for groups in LOADED.findall(page.read_text("utf-8"))]
        assert [url for url in found if re.match(r"(?:https?:)?//", url)] == [], page.name
    for sheet in (tmp_path / "site").rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", sheet.read_text("utf-8"))
    first = (tmp_path / "site/index.html").read_text("utf-8")
    assert "docs/index.html" in first
