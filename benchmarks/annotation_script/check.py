"""Whether the script is what it says: every item is for a person, every gold answer is accepted.

Run as ``python benchmarks/annotation_script/check.py``: imports the script into a workspace of its
own, resolves it, and prints what is open and at which rank of the readings gold stands.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from radu_core.alignment import align  # noqa: E402
from radu_core.exemplars import AnnotatedExemplar, Span, check_spans  # noqa: E402
from radu_core.schema import Schema, as_values, parse_schema  # noqa: E402
from radu_core.store import StoredExemplar  # noqa: E402
from radu_core.workflows.frame.workspace import Workspace  # noqa: E402
from radu_core.workflows.load.files import import_file, init_module  # noqa: E402
from radu_core.workflows.load.outcomes import resolve  # noqa: E402

MODULE = "radu_keys_en"
WHO = "benchmark"
MOST_SHOWN = 9  # readings that the page offers


@dataclass(frozen=True)
class Checked:
    """One item as the studio sees it.

    ``rank`` is that of gold among the readings, from 0, and ``confidence`` that of the first one.
    """

    id: str
    outcome: str
    flagged: bool
    readings: int
    rank: int | None
    confidence: float
    reason: str


def items() -> list[dict[str, Any]]:
    """The script, in order."""
    lines = (HERE / "items.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def schema() -> Schema:
    """The module of the script."""
    return parse_schema(json.loads((HERE / "schema.json").read_text(encoding="utf-8")))


def load_script(workspace: Workspace) -> None:
    """Put the module with its resolved exemplars, the items as delivered and their flags there."""
    init_module(workspace, MODULE, HERE / "schema.json", who=WHO)
    script = items()
    delivered = workspace.home / "delivered.jsonl"
    rows = [{k: i[k] for k in ("id", "utterance", "function", "arguments")} for i in script]
    delivered.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for path in (HERE / "resolved.jsonl", delivered):
        report = import_file(workspace, "jsonl", path, module=MODULE, who=WHO)
        if not report.stored:
            raise ValueError(report.rejections)
    resolve(workspace, MODULE, who=WHO)
    flags = {i["id"]: i["gold"]["flag"] for i in script if i["gold"]["flag"]}
    workspace.store.flag(MODULE, flags, who=WHO)


def check(workspace: Workspace) -> list[Checked]:
    """What became of every item of a loaded script."""
    item_by_id = {i.exemplar.id: i for i in workspace.store.exemplars(MODULE)}
    return [_check(item, item_by_id[item["id"]]) for item in items()]


def _check(item: dict[str, Any], item_stored: StoredExemplar) -> Checked:
    return Checked(
        id=item["id"],
        outcome=str(item_stored.exemplar.outcome),
        flagged=item_stored.flag is not None,
        readings=len(item_stored.readings),
        rank=_rank(item["gold"], item_stored),
        confidence=item_stored.readings[0]["confidence"] if item_stored.readings else 0.0,
        reason=item_stored.exemplar.reason,
    )


def _rank(gold: dict[str, Any], item_stored: StoredExemplar) -> int | None:
    implied_slots = {*item_stored.exemplar.implied, *item_stored.details.get("implied", ())}
    if gold["discard"] or gold["function"] != item_stored.exemplar.function:
        return None
    if gold["arguments"] != item_stored.exemplar.arguments or set(gold["implied"]) != implied_slots:
        return None
    ranks = [n for n, r in enumerate(item_stored.readings) if r["spans"] == gold["spans"]]
    return ranks[0] if ranks else None


def problem(item: dict[str, Any], schema: Schema) -> str:
    """What is wrong with an item's gold, or ""."""
    gold, utterance = item["gold"], item["utterance"]
    if gold["discard"]:
        return "a discarded item has spans" if gold["spans"] or gold["implied"] else ""
    spans = check_spans(utterance, [Span.model_validate(s) for s in gold["spans"]])
    placed_pairs = [(s.slot, repr(s.value)) for s in spans]
    pairs_wanted = [
        (slot, repr(v)) for slot, value in gold["arguments"].items() for v in as_values(value)
    ]
    implied_pairs = [pair for pair in pairs_wanted if pair[0] in gold["implied"]]
    if sorted([*placed_pairs, *implied_pairs]) != sorted(pairs_wanted):
        return "spans and implied slots aren't the arguments"
    if any(utterance[s.start : s.end].strip() != utterance[s.start : s.end] for s in spans):
        return "a span begins or ends with a space"
    exemplar = AnnotatedExemplar(
        id=item["id"],
        utterance=utterance,
        function=gold["function"],
        arguments=gold["arguments"],
        spans=spans,
        implied=tuple(gold["implied"]),
        resolved_by="annotator",
    )
    result = align(schema, exemplar)
    return "" if result.outcome == "resolved" else result.reason


def surprise(outcome: Checked) -> str:
    """How an item isn't of its kind, the first word of its id, or ""."""
    kind = outcome.id.partition("-")[0]
    expected = {
        "ambiguous": outcome.outcome == "ambiguous" and outcome.rank in range(MOST_SHOWN),
        "implied": outcome.outcome == "unlocated",
        "words": outcome.outcome == "unlocated",
        "value": outcome.outcome == "unlocated",
        "flagged": outcome.outcome == "resolved" and outcome.flagged,
    }
    if expected.get(kind, outcome.flagged or outcome.outcome != "resolved"):
        return ""
    return f"{outcome.outcome}, rank {outcome.rank} of {outcome.readings}: {outcome.reason}"


def main() -> None:
    """Print the table and what is wrong; exit 1 if something is."""
    own_schema = schema()
    wrong = [f"{i['id']}: {p}" for i in items() if (p := problem(i, own_schema))]
    with tempfile.TemporaryDirectory() as home:
        workspace = Workspace(Path(home))
        load_script(workspace)
        checks = check(workspace)
    wrong += [f"{c.id}: {p}" for c in checks if (p := surprise(c))]
    for kind in dict.fromkeys(c.id.partition("-")[0] for c in checks):
        of = [c for c in checks if c.id.startswith(f"{kind}-")]
        outcomes = Counter(c.outcome + (", flagged" if c.flagged else "") for c in of)
        ranks = Counter("not among them" if c.rank is None else c.rank + 1 for c in of)
        print(f"{kind}: {len(of)} {dict(outcomes)}; gold is reading {_sort_ranks(ranks)}")
    several = [c for c in checks if c.id.startswith("ambiguous-")]
    misled = [c.confidence for c in several if c.rank != 0]
    sure = sum(c.confidence >= 0.95 for c in several)
    print(
        f"first readings of the ambiguous: gold {1 - len(misled) / len(several):.1%}; the wrong "
        f"are {sum(misled) / max(1, len(misled)):.2f} sure; from 0.95 on are {sure}, of them wrong "
        f"{sum(confidence >= 0.95 for confidence in misled)}"
    )
    print("\n".join(wrong) or "every gold answer is accepted")
    sys.exit(bool(wrong))


def _sort_ranks(ranks: Counter[int | str]) -> dict[int | str, int]:
    return dict(sorted(ranks.items(), key=str))


if __name__ == "__main__":
    main()
