"""Rows of any JSON: each is taken or rejected, and comes back as it was."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from shop import SHOP, load

from radu_core.exemplars import AnnotatedExemplar
from radu_core.formats import write
from radu_core.schema import argument_problems

JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-5, 10**12),
        st.floats(),
        st.text(max_size=5),
        st.sampled_from(["order", "none", "", "code", "user", "assistant", "2", "train"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    "code",
                    "pieces",
                    "slot",
                    "start",
                    "end",
                    "value",
                    "name",
                    "role",
                    "content",
                    "function",
                    "arguments",
                    "tool_calls",
                    "text",
                ]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        *AnnotatedExemplar.model_fields,
        "text",
        "intent",
        "exemplar",
        "messages",
        "PIECES",
        "meta",
        "arguments.code",
        "Größe",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.dictionaries(KEYS, JSON, max_size=6), min_size=1, max_size=4))
def test_any_json_is_taken_or_rejected_and_nothing_else(rows: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        found = load(path)
        for exemplar in found.exemplars:
            assert not (exemplar.unlabelled and (exemplar.function or exemplar.arguments))
            assert "NaN" not in exemplar.model_dump_json()
            function = SHOP.function(exemplar.function or "")
            assert function is None or argument_problems(function, exemplar.arguments) == []
        written = Path(folder) / "again.jsonl"
        write("jsonl", written, schema=SHOP, exemplars=found.exemplars)
        if found.exemplars:
            assert load(written).exemplars == found.exemplars
