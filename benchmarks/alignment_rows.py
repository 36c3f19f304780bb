"""The utterances that alignment is measured on, each with a judge of the spans found for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sgd_turns import Turn, Values, by_module, with_types

from radu_core.exemplars import AnnotatedExemplar, Span, make_template
from radu_core.schema import Schema, parse_schema
from radu_core.workflows.load.sample import sample_modules

Judge = Callable[[Sequence[Span]], str]
Gold = frozenset[tuple[str, int, int]]  # (slot, start, end) of every gold span


@dataclass(frozen=True)
class Row:
    """One exemplar, and how to judge the spans that are found for it."""

    exemplar: AnnotatedExemplar
    judge: Judge
    gold: Gold


def against(gold: Gold) -> Judge:
    """Judges spans by the gold places of their slots."""
    slots = {slot for slot, _, _ in gold}

    def judge(spans: Sequence[Span]) -> str:
        places = {(s.slot, s.start, s.end) for s in spans if s.slot in slots}
        if places == gold:
            return "right"
        overlaps = all(
            any(slot == own and start < b and a < end for own, a, b in places)
            for slot, start, end in gold
        )
        return "boundary" if overlaps else "wrong"

    return judge


def sample_rows() -> dict[str, tuple[Schema, list[Row]]]:
    """The sample project's modules with their in-scope utterances."""
    samples = {}
    for path in sample_modules():
        schema = parse_schema(json.loads((path / "schema.json").read_text()))
        gold = {r["id"]: r["template"] for r in map(json.loads, (path / "gold.jsonl").open())}
        rows = []
        for line in (path / "utterances.jsonl").open():
            exemplar = AnnotatedExemplar.model_validate(json.loads(line))
            if exemplar.function and exemplar.mode != "negative" and exemplar.id in gold:
                rows.append(Row(exemplar, _by_template(exemplar, gold[exemplar.id]), frozenset()))
        samples[path.name] = (schema, rows)
    return samples


def _by_template(exemplar: AnnotatedExemplar, template: str) -> Judge:
    return lambda spans: (
        "right" if make_template(exemplar.utterance, spans) == template else "wrong"
    )


def sgd_rows(
    directory: Path, part: str, values: Values, *, typed: bool = False
) -> dict[str, tuple[Schema, list[Row]]]:
    """The modules of one part; ``typed`` has counts as integers (``sgd_turns.with_types``)."""
    services = {}
    for name, (own, turns) in by_module(directory, part).items():
        schema, rows = own, [_row(turn, values) for turn in turns]
        if typed:
            schema, exemplars = with_types(own, [r.exemplar for r in rows])
            rows = [replace(r, exemplar=e) for r, e in zip(rows, exemplars, strict=True)]
        services[name] = (schema, rows)
    return services


def _row(turn: Turn, values: Values) -> Row:
    gold = frozenset((slot, start, end) for slot, (start, end) in turn.gold.items())
    return Row(turn.exemplar(values), against(gold), gold)


def hwu64_rows(directory: Path) -> tuple[Schema, list[Row]] | None:
    """The home assistant's utterances with values (fold 1 of HWU64), or None if not there."""
    folder = directory / "hwu64"
    if not (folder / "utterances.jsonl").is_file():
        return None
    schema_data = json.loads((folder / "schema.json").read_text(encoding="utf-8"))
    schema = parse_schema(schema_data, module="hwu_home_en")
    rows = []
    with (folder / "utterances.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            exemplar = AnnotatedExemplar.model_validate(json.loads(line))
            if exemplar.spans:
                gold = frozenset((s.slot, s.start, s.end) for s in exemplar.spans)
                plain = exemplar.model_copy(update={"spans": None})
                rows.append(Row(plain, against(gold), gold))
    return schema, rows
