"""The docs' site: ``make docs`` builds it into ``build/docs``, a warning being an error.

The source is the repository, not ``docs/``, so that links to the README, the benchmarks and the
changelog are checked and lead to pages of the site. Nothing is loaded from elsewhere.
"""

from __future__ import annotations

import re
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

from radu_core import __version__

ROOT = Path(__file__).resolve().parents[2]
INDEX = "docs/index"
PROJECT = (
    "README",
    "CHANGELOG",
    "CONTRIBUTING",
    "SECURITY",
    "benchmarks/README",
    "examples/README",
    "sample_data/README",
)  # pages of the repository that the site has, too
LINK = re.compile(r"\]\(([\w/.-]+)\.md\)")

project = "Radu Studio"
copyright = "The Radu Studio maintainers"
release = __version__
extensions = ["myst_parser"]
root_doc = INDEX
include_patterns = ["docs/**.md", *(f"{name}.md" for name in PROJECT)]
exclude_patterns = [".venv", "workspace", "build", "tests", "shared", "test-failures", "docs/site"]
myst_heading_anchors = 4
myst_linkify_fuzzy_links = False
suppress_warnings = ["myst.header"]  # pages of decisions may begin below a first heading
html_theme = "furo"
html_title = f"Radu Studio {__version__}"
html_static_path: list[str] = []
html_copy_source = False
html_show_sphinx = False
html_extra_path = ["start"]  # the site's first page leads on to the index
pygments_style = "friendly"
pygments_dark_style = "monokai"


def _navigation(text: str) -> str:
    """The index's links as tables of contents, so that they are kept in one place only."""
    parts = re.split(r"^## ", f"## Start\n{text}", flags=re.M)
    trees = []
    for part in parts[1:]:
        caption = part.split("\n", 1)[0]
        pages = [p for p in LINK.findall(part) if not p.startswith("..")]
        lines = "\n".join(dict.fromkeys(pages))
        trees.append(f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{lines}\n```")
    return "\n\n".join(trees)


def _add_navigation(_: Sphinx, name: str, source: list[str]) -> None:
    if name == INDEX:
        others = "\n".join(f"/{n}" for n in PROJECT)
        tree = f"```{{toctree}}\n:hidden:\n:caption: Project\n\n{others}\n```"
        source[0] += f"\n{_navigation(source[0])}\n\n{tree}\n"
    elif name == "docs/decisions/index":
        records = "\n".join(p.stem for p in sorted((ROOT / "docs/decisions").glob("0*.md")))
        source[0] += f"\n```{{toctree}}\n:hidden:\n\n{records}\n```\n"


def setup(app: Sphinx) -> None:
    app.add_lexer("csv", TextLexer)
    app.connect("source-read", _add_navigation)
