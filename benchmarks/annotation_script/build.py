"""Turn the authored script (``source.txt``) into ``resolved.jsonl`` and ``items.jsonl``.

A line is an utterance with what is right marked in it, as in ``sample_data/build.py``:
``to [the Big Smoke](destination=London) {passengers=1}``; braces hold what is only meant. Its
heading names the kind of item and the right function. After `` :: `` stands, as JSON, what the
labeller delivered instead (``function``, ``arguments``), and ``discard`` (why it has to go) or
``flag`` (why it was sent to annotation).

Run as ``python benchmarks/annotation_script/build.py``; a test holds that the files are its output.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from radu_core.schema import Schema, parse_schema  # noqa: E402
from sample_data.build import parse_line  # noqa: E402


def read_script(schema: Schema) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The exemplars that resolve by themselves, and the items of the script, in file order."""
    resolved, items = [], []
    counts: Counter[str] = Counter()
    kind, function = "", None
    for line in (HERE / "source.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            kind, _, name = line[3:].partition(" ")
            function = name or None
        elif line.strip() and not line.startswith("#"):
            counts[kind] += 1
            item = _item(f"{kind}-{counts[kind]:03d}", line, function, schema)
            if kind == "resolved":
                del item["gold"]
                resolved.append({**item, "split": "train"})
            else:
                items.append(item)
    return resolved, items


def _item(id: str, line: str, function: str | None, schema: Schema) -> dict[str, Any]:
    text, _, more = line.partition(" :: ")
    extras = json.loads(more or "{}")
    labels_parsed = parse_line(text, function, schema) if function else _without_marks(text)
    slots = schema.function(function).slots if function else ()  # type: ignore[union-attr]
    right = {
        s.name: labels_parsed["arguments"][s.name]
        for s in slots
        if s.name in labels_parsed["arguments"]
    }
    labels = extras.get("arguments", right)
    discard = extras.get("discard")
    return {
        "id": id,
        "utterance": labels_parsed["utterance"],
        "function": extras.get("function", function),
        "arguments": labels,
        "gold": {
            "function": extras["function"] if discard else function,
            "arguments": labels if discard else right,
            "spans": [s.model_dump(mode="json") for s in labels_parsed["spans"]],
            "implied": list(labels_parsed["implied"]),
            "discard": discard,
            "flag": extras.get("flag"),
        },
    }


def _without_marks(text: str) -> dict[str, Any]:
    return {"utterance": text, "arguments": {}, "spans": (), "implied": ()}


def build() -> dict[str, str]:
    """The files, by name, as text."""
    schema = parse_schema(json.loads((HERE / "schema.json").read_text(encoding="utf-8")))
    resolved, items = read_script(schema)
    return {"resolved.jsonl": _lines(resolved), "items.jsonl": _lines(items)}


def _lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


if __name__ == "__main__":
    for name, lines in build().items():
        (HERE / name).write_text(lines, encoding="utf-8")
        print(f"{name}: {lines.count(chr(10))}")
