"""How two datasets differ: chosen, counted, and looked at row by row."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from html import escape
from pathlib import Path

import pandas as pd
import streamlit as st

from radu_core.dataset import DatasetDiff, Difference
from radu_core.workflows.train import dataset
from radu_core.workflows.train.dataset import DatasetView
from studio.frame import jobs
from studio.frame.markdown import plain
from studio.frame.page import Page

__all__ = ["compare"]

_CHANGES = ("added", "removed", "changed")
_WIDTHS = {c: st.column_config.NumberColumn(width="small") for c in _CHANGES}
_SHADES = {"+": "#2e9e5b", "-": "#d14d72"}


def compare(here: Page, datasets: Sequence[DatasetView]) -> None:
    """Two datasets of the module, their rows added, removed and changed, and why."""
    st.subheader("Compare two datasets", anchor=False)
    views = {f"{v.name}/{v.directory.name}": v for v in datasets}
    left, middle, right = st.columns([3, 3, 2], vertical_alignment="bottom")
    old = left.selectbox("Old", list(views), key="diff old", persist_state="page")
    new = middle.selectbox("New", list(views), index=1, key="diff new", persist_state="page")
    key = ("dataset diff", here.module, old, new)
    if right.button("Compare", icon=":material/difference:"):
        out = _export(here, old, new)
        jobs.start(
            key,
            "Comparing",
            lambda progress: dataset.compare(views[old], views[new], out=out, progress=progress),
        )
    job_shown = jobs.show(key)
    if job_shown is not None:
        _result(job_shown, _export(here, old, new))


def _export(here: Page, old: str, new: str) -> Path:
    name = f"{old} to {new}.jsonl".replace("/", "-")
    return here.workspace.home / "cache" / "diffs" / name


def _result(diff: DatasetDiff, export: Path) -> None:
    columns = st.columns(4)
    for column, change in zip(columns, _CHANGES, strict=False):
        column.metric(change, f"{getattr(diff, change):,}")
    columns[3].metric("the same", f"{diff.same:,}")
    for fact in diff.facts:
        st.caption(plain(fact))
    if diff.equal:
        st.success("Both have the same rows.", icon=":material/check:")
        return
    for title, counts in (("why", diff.why), ("task and kind", diff.kinds)):
        rows = [{title: name, **{c: n.get(c, 0) for c in _CHANGES}} for name, n in counts.items()]
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            column_config=_WIDTHS | {title: st.column_config.TextColumn(width="medium")},
        )
    if export.is_file():
        total = diff.added + diff.removed + diff.changed
        st.download_button(
            f"Download all {total:,} differences as JSONL",
            export.read_bytes(),
            file_name=export.name,
            icon=":material/download:",
            on_click="ignore",
        )
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    change_shown = left.segmented_control(
        "Show", [c for c in _CHANGES if getattr(diff, c)], key="diff change", persist_state="page"
    )
    some = [d for d in diff.sample if change_shown in (None, d.change)]
    number = right.number_input(f"Row, of the first {len(some)}", 1, max(1, len(some)), 1)
    if some:
        _one(some[min(int(number), len(some)) - 1])


def _one(difference: Difference) -> None:
    """One row that differs: why, and its text with what was taken out and put in."""
    st.caption(
        plain(
            f"{difference.change} · {difference.module} · {difference.id} · "
            f"{', '.join(difference.why)}"
        )
    )
    before, after = (_lines(row) for row in (difference.old, difference.new))
    pieces = []
    for line in difflib.ndiff(before, after):
        sign, text = line[0], line[2:]
        if sign == "?":
            continue
        shade = _SHADES.get(sign)
        style = f' style="background:{shade}33"' if shade else ""
        pieces.append(f"<div{style}>{escape(sign)} {escape(text)}</div>")
    st.html(
        '<pre style="white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85rem;margin:0;'
        'padding:.75rem;border:1px solid #8884;border-radius:.5rem;font-family:monospace">'
        f"{''.join(pieces)}</pre>"
    )


def _lines(row: dict[str, object] | None) -> list[str]:
    if row is None:
        return []
    return [*str(row["prompt"]).split("\n"), f"completion:{row['completion']}"]
