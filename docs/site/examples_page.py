"""Write docs/examples.md from the scripts in examples/, so that site and studio show them.

    python docs/site/examples_page.py

A test compares the page with what this makes.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "examples.md"
HEAD = """# Example scripts

Which script do I start from?

Each script is run by a test and imports only public names. They lie in `examples/` of a checkout;
`python docs/site/examples_page.py` makes this page from them. [Python](reference/python.md)
explains the functions that they call.

| you are | script |
|---|---|
| leading an annotation | [annotation_lead.py](#annotation_leadpy) |
| developing models | [ml_developer.py](#ml_developerpy) |
| developing an app | [app_developer.py](#app_developerpy) |
"""
SCRIPTS = ("annotation_lead", "ml_developer", "app_developer")


def make_page() -> str:
    """The whole page."""
    parts = [HEAD]
    for name in SCRIPTS:
        text = (ROOT / "examples" / f"{name}.py").read_text("utf-8")
        first = (ast.get_docstring(ast.parse(text)) or "").split("\n", 1)[0]
        parts.append(f"## {name}.py\n\n{first}\n\n```python\n{text.rstrip()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(make_page(), encoding="utf-8")
