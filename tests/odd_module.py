"""A module whose data has every shape that a page may break on: made, the same each time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file, init_module
from radu_core.workflows.load.outcomes import resolve

__all__ = ["ODD", "load_odd_module"]

ODD = "acme_a-bot-whose-name-is-as-long-as-names-of-sixty-letters-are_en"
LONG = "reschedule_the_appointment_that_was_agreed_with_the_dentist"  # 59 characters
SLOT = "the_day_that_the_customer_would_rather_come_than_before"
CITIES = ("Łódź", "東京", "القاهرة", "Reykjavík", "서울", "תל אביב", "São Paulo", "Αθήνα")
SPLITS = ("train", "train", "train", "validation", "test")
TEXTS = (  # of the function with many slots
    "Bring me from {0} to {1} 🚆 with 👨‍👩‍👧‍👦 and the 🐕",
    "{0}から{1}まで行きたいのですが、お願いします",
    "أريد السفر من {0} إلى {1} من فضلك",
    "אני רוצה לנסוע מ {0} אל {1} היום",
    "{0} -> {1} <asap> & \"quoted\" 'too' **bold** [link](x) $x^2$",
)
FILLING = (
    "and since my colleague, who would otherwise have told you herself, is on the phone with "
    "somebody else, let me say that we don't mind which carriage it is as long as it is quiet, "
    "that Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen are left at home, "
)


def _slot(name: str, type: str = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "description": f"what is said of {name}", "type": type, **more}


def _schema() -> dict[str, Any]:
    journey = [
        _slot("origin", required=True),
        _slot("destination"),
        *(_slot(f"remark_number_{n}") for n in range(1, 11)),
        _slot("travellers", "integer"),
        _slot("price", "number"),
        _slot("quiet", "boolean"),
        _slot("carriage", possible_values=["first class", "second class", "sleeping car"]),
        _slot("extras", multi_value=True),
    ]
    return {
        "module": ODD,
        "description": "Journeys in many scripts, in sentences of every length. " * 3,
        "functions": [
            {"name": "journey", "description": "Find a journey.", "slots": journey},
            {"name": LONG, "description": "A name of 60 letters. " * 9, "slots": [_slot(SLOT)]},
            {"name": "say_hello", "description": "Greet.", "slots": []},
        ],
    }


def _rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for n in range(300):
        one, other = CITIES[n % 8], CITIES[(n * 3 + 1) % 8]
        row: dict[str, Any] = {"id": f"odd-{n:03d}", "split": SPLITS[n // 4 % 5]}
        if n == 299:
            rows.append({**row, "utterance": "nobody has labelled this one"})
            continue
        if n % 4 == 0:
            text = f"Good day number {n}, 你好 👋🏽"
            row |= {"utterance": text, "function": "say_hello", "arguments": {}}
        elif n % 4 == 1:
            text = f"the dentist must wait until {one}'s holiday, the {n}th day, is over"
            row |= {"utterance": text, "function": LONG, "arguments": {SLOT: one}}
        else:
            text = TEXTS[n % 5].format(one, other) + (f" {FILLING * 4}" if n % 10 == 3 else "")
            values = {"origin": one, "destination": other}
            if n % 20 == 2:
                text, values = f"{text} {one}", {**values, "carriage": "first class"}
            row |= {"utterance": text, "function": "journey", "arguments": values}
        rows.append(row)
    return rows


def load_odd_module(workspace: Workspace, folder: Path) -> None:
    """Import and resolve it; its files are written to ``folder``."""
    schema, rows = folder / "odd-schema.json", folder / "odd-rows.jsonl"
    schema.write_text(json.dumps(_schema(), ensure_ascii=False), encoding="utf-8")
    lines = (json.dumps(row, ensure_ascii=False) for row in _rows())
    rows.write_text("\n".join(lines) + "\n", encoding="utf-8")
    init_module(workspace, ODD, schema, who="look")
    import_file(workspace, "jsonl", rows, module=ODD, who="look", keep_good=True)
    resolve(workspace, ODD, who="look")
