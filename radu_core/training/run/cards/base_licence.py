"""Which licence a base model has, by its own files."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from radu_core.errors import RaduError
from radu_core.files import read_json

__all__ = ["base_licence", "cell"]

_UNKNOWN = "not stated in the base model's files: look it up"
_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_LONGEST_CELL = 200


def base_licence(directory: Path | None) -> str:
    """What the base model's own files say: its card, its LICENSE file, the studio's record of it.

    Where none of them does, that it has to be looked up; it is never guessed.
    """
    if directory is None or not directory.is_dir():
        return _UNKNOWN
    return _from_card(directory) or _from_file(directory) or _from_record(directory) or _UNKNOWN


def _from_card(directory: Path) -> str:
    try:
        text = (directory / "README.md").read_text(encoding="utf-8", errors="replace")
        match = _FRONT_MATTER.match(text)
        data = yaml.safe_load(match[1]) if match else None
    except (OSError, yaml.YAMLError, ValueError, RecursionError):
        return ""
    licence = data.get("license") if isinstance(data, dict) else None
    names = [str(n) for n in licence] if isinstance(licence, list) else [str(licence or "")]
    if names == ["other"] and isinstance(data, dict):
        names = [str(data.get("license_name") or "other (see its model card)")]
    return cell(", ".join(names))


def _from_file(directory: Path) -> str:
    """The first words of a LICENSE file, and its name: its text is what holds."""
    files = sorted(p for p in directory.iterdir() if p.stem.upper() in ("LICENSE", "LICENCE"))
    for path in files:
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError:
            continue
        title = next((line.strip() for line in lines if line.strip()), "")
        if title:
            return f"{cell(title)} (its file {path.name})"
    return ""


def _from_record(directory: Path) -> str:
    try:
        data = read_json(directory / "radu-model.json")
    except RaduError:
        return ""
    licence = str(data.get("licence") or "") if isinstance(data, dict) else ""
    return "" if licence.startswith("see ") else cell(licence)


def cell(text: str) -> str:
    """On one line, with nothing that ends a cell of a table."""
    line = " ".join(text.split()).replace("|", "\\|")
    return line if len(line) <= _LONGEST_CELL else line[: _LONGEST_CELL - 1] + "…"
