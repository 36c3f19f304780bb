"""Turn the authored sample utterances (``source/<bot>.txt``) into raw and gold JSONL files.

The source has inline markup so that spans are right by construction:
``train | a ticket to [Paris](destination) [tomorrow](date=2026-03-03) {refundable=true}``.
``utterances.jsonl`` gets what a customer would have (no spans); ``gold.jsonl`` the spans.
Run as ``python sample_data/build.py``; a test holds that the committed files are its output.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from radu_core.exemplars import AnnotatedExemplar, Span, make_template  # noqa: E402
from radu_core.schema import Schema, argument_problems, parse_schema  # noqa: E402

LINE = re.compile(
    r"(?P<split>train|validation|test)(\[(?P<mode>extended|negative)\])?"
    r"(\s*<(?P<context>[\w.]+)>)?\s*\|\s?(?P<text>.*)"
)
MARK = re.compile(r"\[(?P<surface>[^\]]*)\]\((?P<slot>\w+)(=(?P<value>[^)]*))?\)")
IMPLIED = re.compile(r"\s*\{(?P<slot>\w+)=(?P<value>[^}]*)\}\s*$")


def typed(value: str, kind: str) -> Any:
    """A written value as the slot's type."""
    return json.loads(value) if kind in ("integer", "number", "boolean") else value


def parse_line(text: str, function: str | None, schema: Schema) -> dict[str, Any]:
    """Utterance, arguments, spans and implied slots of one authored line."""
    found = schema.function(function) if function else None
    slots = {s.name: s for s in found.slots} if found else {}
    implied: dict[str, Any] = {}
    while match := IMPLIED.search(text):
        implied = {match["slot"]: typed(match["value"], slots[match["slot"]].type), **implied}
        text = text[: match.start()]
    pieces: list[str] = []
    spans: list[Span] = []
    length = position = 0
    for mark in MARK.finditer(text):
        slot = slots[mark["slot"]]
        before = text[position : mark.start()]
        start = length + len(before)
        value = typed(mark["value"] or mark["surface"], slot.type)
        spans.append(
            Span(slot=slot.name, start=start, end=start + len(mark["surface"]), value=value)
        )
        pieces += [before, mark["surface"]]
        length = start + len(mark["surface"])
        position = mark.end()
    utterance = "".join([*pieces, text[position:]])
    arguments: dict[str, Any] = {}
    for span in spans:
        if slots[span.slot].multi_value:
            arguments.setdefault(span.slot, []).append(span.value)
        elif arguments.setdefault(span.slot, span.value) != span.value:
            raise ValueError(f"{span.slot} has two values: {text}")
    for name, value in implied.items():
        arguments[name] = [value] if slots[name].multi_value else value
    problems = argument_problems(found, arguments) if found else []
    if problems:
        raise ValueError(f"{text}: {problems}")
    return {
        "utterance": utterance,
        "arguments": arguments,
        "spans": tuple(spans),
        "implied": tuple(implied),
    }


def parse_source(path: Path, schema: Schema) -> list[AnnotatedExemplar]:
    """All authored exemplars of one module, in file order."""
    exemplars: list[AnnotatedExemplar] = []
    function: str | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip() or (line.startswith("#") and not line.startswith("## ")):
            continue
        if line.startswith("## "):
            name = line[3:].strip()
            function = None if name == "none" else name
            continue
        match = LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"{path.name}:{number}: not understood: {line}")
        parsed = parse_line(match["text"].strip(), function, schema)
        negative = match["mode"] == "negative"
        exemplars.append(
            AnnotatedExemplar.model_validate(
                {
                    "id": f"{path.stem}-{len(exemplars) + 1:03d}",
                    "function": function,
                    "mode": match["mode"] or "normal",
                    "context": match["context"],
                    "split": match["split"],
                    "template": make_template(
                        parsed["utterance"], () if negative else parsed["spans"]
                    ),
                    **parsed,
                }
            )
        )
    return exemplars


def build(bot: str) -> tuple[str, str]:
    """The raw and the gold file of one module, as text."""
    schema = parse_schema(json.loads((HERE / bot / "schema.json").read_text(encoding="utf-8")))
    raw, gold = [], []
    for exemplar in parse_source(HERE / "source" / f"{bot}.txt", schema):
        row = exemplar.model_dump(
            mode="json",
            include={"id", "utterance", "function", "arguments", "split", "mode", "context"},
        )
        raw.append(
            {k: v for k, v in row.items() if (k, v) not in (("mode", "normal"), ("context", None))}
        )
        gold.append(
            exemplar.model_dump(mode="json", include={"id", "spans", "implied", "template"})
        )
    return _lines(raw), _lines(gold)


def _lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


if __name__ == "__main__":
    for source in sorted((HERE / "source").glob("*.txt")):
        raw_text, gold_text = build(source.stem)
        (HERE / source.stem / "utterances.jsonl").write_text(raw_text, encoding="utf-8")
        (HERE / source.stem / "gold.jsonl").write_text(gold_text, encoding="utf-8")
        print(f"{source.stem}: {raw_text.count(chr(10))} utterances")
