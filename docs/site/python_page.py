"""Write docs/reference/python.md from the signatures and docstrings of ``radu``.

    python docs/site/python_page.py

A test compares the page with what this makes.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import radu

PAGE = Path(__file__).resolve().parents[1] / "reference" / "python.md"
HEAD = """# Python

Which functions does `import radu` have, and what do they take and return?

This page is made from the code: `python docs/site/python_page.py` writes it. What is named here
stays; other modules may change. `radu` imports what a call needs when it is called: loading a
bundle needs `radu-studio[serve]`, importing and annotating `radu-studio`, training
`radu-studio[studio]`. A call whose package is missing names the one to install.

Errors are `radu.RaduError`; their text says what was wrong and what to do. `radu.InputError` is
something that can't be taken as given, `radu.NotFoundError` something that isn't there,
`radu.ModelError` a damaged bundle, and `radu.RunError` a run that failed.

A script to start from for each kind of reader is in [example scripts](../examples.md).
"""
PARTS = {
    "A bundle in an app": ("load", "Model"),
    "A module of a workspace": (
        "open_module",
        "create_module",
        "Module",
        "compare_with_baselines",
    ),
    "What comes back": ("Answer", "Alternative", "Explanation"),
}


def make_page() -> str:
    """The whole page."""
    lines = [HEAD]
    for title, names in PARTS.items():
        lines.append(f"## {title}\n")
        for name in names:
            lines += _entries(name, getattr(radu, name))
    return "\n".join(lines).rstrip() + "\n"


def _entries(name: str, thing: Any) -> Iterator[str]:
    if not inspect.isclass(thing):
        yield _entry(f"radu.{name}", thing)
        return
    yield f"### `radu.{name}`\n\n{_text(thing)}\n"
    for member, value in vars(thing).items():
        if member.startswith("_"):
            continue
        if isinstance(value, property):
            kind = str(inspect.signature(value.fget).return_annotation)  # type: ignore[arg-type]
            yield f"**`.{member}`** · `{kind}`\n\n{_text(value)}\n"
        elif inspect.isfunction(value):
            yield _entry(f".{member}", value, level=0)


def _entry(name: str, function: Any, *, level: int = 3) -> str:
    head = f"### `{name}`" if level else f"**`{name}`**"
    return f"{head}\n\n```python\n{_signature(name, function)}\n```\n\n{_text(function)}\n"


def _signature(name: str, function: Any) -> str:
    """As it is called: without ``self``, and a parameter a line where it is long."""
    signature = inspect.signature(function)
    parameters = [p for p in signature.parameters.values() if p.name != "self"]
    ends = f" -> {signature.return_annotation}"
    parts, is_keyword = [], False
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and not is_keyword:
            is_keyword = True
            parts.append("*")
        parts.append(str(parameter).replace(f"'{parameter.annotation}'", parameter.annotation))
    own = name.rpartition(".")[2]
    line = f"{own}({', '.join(parts)}){ends}".replace("<function silent>", "silent")
    line = re.sub(r"<function silent at 0x\w+>", "silent", line)
    if len(line) <= 60:
        return line
    inside = ",\n    ".join(re.sub(r"<function silent at 0x\w+>", "silent", p) for p in parts)
    return f"{own}(\n    {inside},\n){ends}"


def _text(thing: Any) -> str:
    """The docstring as Markdown."""
    return (inspect.getdoc(thing) or "").replace("``", "`")


if __name__ == "__main__":
    PAGE.write_text(make_page(), encoding="utf-8")
