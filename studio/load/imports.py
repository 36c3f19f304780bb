"""Earlier imports and splits on the Load page: what they did, taking one back, doing it again."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from radu_core.progress import Progress
from radu_core.store import ImportRecord
from radu_core.words import quantity
from radu_core.workflows.load import imports
from studio.frame import jobs, show
from studio.frame.markdown import plain
from studio.frame.page import Page, messages

__all__ = ["show_imports"]


def show_imports(here: Page) -> None:
    """Every import into the module and split of it, with a preview of taking one back."""
    imports_known = imports.imports(here.workspace, here.module) if here.module else []
    if not imports_known:
        st.info("Nothing has been imported yet.")
        return
    _undo_panel(here)
    import_chosen = _choose(here, imports_known)
    show.rows([_row(r) for r in imports_known], name="imports.csv", key="imports", label="imports")
    _show_rejected(import_chosen)


def _row(record: ImportRecord) -> dict[str, Any]:
    details = record.details
    return {
        "number": record.id,
        "what": record.kind,
        "state": imports.state(record),
        "when (UTC)": f"{record.at:%Y-%m-%d %H:%M}",
        "who": record.who,
        "source": record.source,
        "rows": record.rows,
        "accepted": record.accepted,
        "rejected": len(record.rejections),
        "skipped": sum(details.get("skipped", {}).values()),
        "left out": sum(details.get("left_out", {}).values()),
        "added": details.get("added"),
        "changed": details.get("changed"),
    }


def _key(here: Page) -> tuple[str, str]:
    return ("undo import", here.module)


def _choose(here: Page, records: list[ImportRecord]) -> ImportRecord:
    """Which one, and the buttons that preview taking it back or doing it again."""
    by_number = {record.id: record for record in records}

    def title(number: int) -> str:
        record = by_number[number]
        text = "" if (state := imports.state(record)) == "stands" else f" ({state})"
        return f"{number}: {record.kind} {record.source}, {record.at:%Y-%m-%d %H:%M} UTC{text}"

    with st.container(horizontal=True, vertical_alignment="bottom"):
        number = st.selectbox(
            "Import",
            list(by_number),
            index=_first(records),
            format_func=title,
            key=f"import chosen {here.module}",
            on_change=jobs.forget_failed,
            args=(_key(here),),
        )
        undone = by_number[number].undone
        st.button(
            "Preview undo" if not undone else "Preview redo",
            icon=":material/undo:" if not undone else ":material/redo:",
            help="Shows what would happen. Nothing is changed yet.",
            on_click=_start,
            args=(here, number),
            kwargs={"redo": undone, "dry_run": True},
            disabled=not imports.is_stored(by_number[number]),
        )
    if not imports.is_stored(by_number[number]):
        st.caption("It stored nothing, so there is nothing to undo.")
    return by_number[number]


def _first(records: list[ImportRecord]) -> int:
    """The newest import that can be taken back, else the newest."""
    numbers = (n for n, r in enumerate(records) if imports.is_stored(r) and not r.undone)
    return next(numbers, 0)


def _start(here: Page, number: int, *, redo: bool, dry_run: bool) -> None:
    move = imports.redo if redo else imports.undo
    work = partial(move, here.workspace, number, module=here.module, who=here.who, dry_run=dry_run)

    def run(_: Progress) -> imports.UndoReport:
        return work()

    jobs.start(_key(here), f"Import {number}", run, restart=True)


def _undo_panel(here: Page) -> None:
    """What taking an import back would do or did, and the button that does it."""
    report = jobs.show(_key(here), passing=True)
    if not isinstance(report, imports.UndoReport):
        return
    with st.container(border=True):
        for line in report.sentences:
            st.markdown(plain(line))
        if report.kept:
            rows = [vars(k) for k in report.kept]
            name = f"{here.module}-import-{report.number}-kept.csv"
            show.rows(rows, name=name, key="kept", label="kept exemplars")
        with st.container(horizontal=True):
            if report.dry_run:
                what = "Redo" if report.redo else "Undo"
                st.button(
                    f"{what} {report.kind} {report.number}",
                    type="primary",
                    key="move import",
                    on_click=_start,
                    args=(here, report.number),
                    kwargs={"redo": report.redo, "dry_run": False},
                )
            st.button("Close", key="close import report", on_click=jobs.forget, args=(_key(here),))
        if report.schema_returned and not report.dry_run:
            st.info("The schema has changed. Resolve again on the Outcome tab.")


def _show_rejected(record: ImportRecord) -> None:
    """The rows that an import rejected, and what it left out."""
    for what in ("skipped", "left_out"):
        for reason, count in record.details.get(what, {}).items():
            st.caption(f"{what.replace('_', ' ')} {count:,}: {plain(reason)}")
    if record.rejections:
        title = quantity(len(record.rejections), "rejected row")
        with st.expander(f"{title} of import {record.id}"), messages():
            name = f"import-{record.id}-rejected.csv"
            show.rows(
                list(record.rejections), name=name, key="past rejected", label="rejected rows"
            )
