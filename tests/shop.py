"""A small shop's schema, and reading of rows that are all accounted for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conftest import MODULE

from radu_core.formats import Imported, read
from radu_core.schema import Schema, parse_schema

SHOP = parse_schema(
    {
        "module": MODULE,
        "functions": [
            {
                "name": "order",
                "slots": [
                    {"name": "pieces", "type": "integer"},
                    {"name": "price", "type": "number"},
                    {"name": "gift", "type": "boolean"},
                    {"name": "day", "type": "date"},
                    {"name": "at", "type": "time"},
                    {"name": "code"},
                    {"name": "Größe", "possible_values": ["Klein", "Groß"]},
                    {"name": "floor", "possible_values": [1, 2]},
                    {"name": "extras", "multi_value": True},
                ],
            },
            {"name": "Cancel_Order"},
        ],
    }
)


def load(path: Path, schema: Schema | None = SHOP, **options: Any) -> Imported:
    format = "jsonl" if path.suffix == ".jsonl" else "csv"
    module = schema.module if schema else MODULE
    found = read(format, path, module=module, schema=schema, options=options)
    accounted = len(found.exemplars) + len(found.rejections) + sum(found.skipped.values())
    assert found.rows == accounted
    return found
