"""The parts of the Load page."""

from __future__ import annotations

import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from radu_core.errors import InputError
from radu_core.files import open_atomic
from radu_core.formats import FORMATS, guess_format, renamed
from radu_core.formats import table as table_format
from radu_core.progress import Progress
from radu_core.schema import check_module_id
from radu_core.workflows import load, outcomes
from studio import jobs, show
from studio.markdown import plain
from studio.navigation import link
from studio.page import Page, messages

__all__ = ["export", "imports", "new_module", "outcome", "utterances"]

_LONGEST_NAME = 60  # characters: with what a temporary name adds, file systems take 255 bytes


def new_module(here: Page) -> None:
    """A form that makes a module from a schema file."""
    st.subheader("New module", anchor=False)
    with st.form("new module", border=True):
        name = st.text_input(
            "Module id", placeholder="acme_travel_en", help=plain("<org>_<bot>_<lang>, lower case.")
        )
        file = st.file_uploader("Schema (Radu JSON or tools JSON)", type=["json"])
        keep_good = st.checkbox("Leave out the tools that can't be taken")
        if st.form_submit_button("Create", icon=":material/add:"):
            with messages():
                if file is None:
                    raise InputError("No schema was chosen", remedy="Choose a JSON file.")
                check_module_id(name)
                path = _kept(file)
                found = load.init_module(
                    here.workspace, name, path, who=here.who, keep_good=keep_good
                )
                st.session_state["module"] = name
                st.session_state["created"] = found
                st.rerun()  # the page began without the new module
    if "created" in st.session_state:
        _created(st.session_state.pop("created"))


def _created(found: load.SchemaFile) -> None:
    """What the new module has, and what of its file it hasn't."""
    count = len(found.schema.functions)
    st.success(f"{plain(found.schema.module)} has {count} functions. Now its utterances.")
    for reason, times in found.left_out.items():
        st.caption(f"left out {times:,}: {plain(reason)}")
    if found.rejections:
        rows = [vars(r) for r in found.rejections]
        show.rows(rows, name="rejected-tools.csv", key="rejected tools", label="rejected tools")


def utterances(here: Page) -> None:
    """Choose a file, map its columns if it is a table, import it and align it."""
    st.subheader("Utterances", anchor=False)
    if not here.module:
        st.info("Create a module first.")
        return None
    st.markdown(f"into **{plain(here.module)}**")
    file = st.file_uploader(
        "JSONL, CSV, TSV or XLSX", type=["jsonl", "csv", "tsv", "xlsx"], key="utterances file"
    )
    typed = st.text_input(
        "or a path on this computer",
        placeholder="/data/sgd/train",
        help="For large files, and for the directory of a Schema-Guided Dialogue dataset.",
    )
    path = _kept(file) if file else Path(typed.strip()).expanduser() if typed.strip() else None
    if path is None:
        return _report(here)
    format = guess_format(path)
    st.caption(plain(FORMATS[format].help))
    options = _table_options(here, path) if format == "csv" and path.is_file() else {}
    keep = st.checkbox("Keep the good rows if others are rejected")
    if st.button("Import", type="primary", icon=":material/upload:"):

        def work(progress: Progress) -> tuple[load.ImportReport, outcomes.ResolveReport | None]:
            report = load.import_file(
                here.workspace, format, path, module=here.module, who=here.who, keep_good=keep,
                options=options, progress=progress,
            )  # fmt: skip
            if not report.stored:
                return report, None
            return report, outcomes.resolve(
                here.workspace, here.module, who=here.who, progress=progress
            )

        jobs.start(_key(here), f"Importing {path.name}", work)
    return _report(here)


def _key(here: Page) -> tuple[str, str]:
    return ("import", here.module)


def _report(here: Page) -> None:
    done = jobs.show(_key(here), passing=True)
    if done is None:
        return
    report, funnel = done
    rejected = len(report.rejections)
    skipped = sum(report.skipped.values())
    text = (
        f"{plain(report.source)}: {report.rows:,} rows = {report.accepted:,} accepted "
        f"+ {rejected:,} rejected + {skipped:,} skipped."
    )
    if report.stored:
        st.success(
            f"{text} {report.added:,} added, {report.changed:,} changed, {report.unchanged:,} "
            f"unchanged, {report.kept:,} kept as a person decided."
        )
    else:
        st.error(f"{text} Nothing was stored: correct the rows, or keep the good ones.")
    for reason, count in report.skipped.items():
        st.caption(f"skipped {count:,}: {plain(reason)}")
    for reason, count in report.left_out.items():
        st.caption(f"left out {count:,}: {plain(reason)}")
    if report.schema_left_aside:
        st.warning(
            "The file has another schema; the module kept its own. The Schema page changes it."
        )
    if rejected:
        rows = [vars(r) for r in report.rejections]
        show.rows(rows, name="rejected.csv", key="rejected", label="rejected rows")
    if funnel is not None:
        st.info(
            f"{funnel.outcomes.get('resolved', 0):,} of {funnel.total:,} utterances are resolved.",
            icon=":material/task_alt:",
        )
    st.button("Close this report", on_click=jobs.forget, args=(_key(here),))


def _kept(file: Any) -> Path:
    """An uploaded file on disk: written once, under its content's hash and its own name.

    A job may still read it when the next file of that name is there.
    """
    kept: dict[str, Path] = st.session_state.setdefault("uploads", {})
    if file.file_id not in kept:
        if "uploads folder" not in st.session_state:
            st.session_state["uploads folder"] = tempfile.mkdtemp(prefix="radu-upload-")
        data = file.getvalue()
        folder = Path(st.session_state["uploads folder"]) / sha256(data).hexdigest()
        path = folder / Path(file.name).name[-_LONGEST_NAME:]
        if not path.exists():
            with open_atomic(path, "wb") as out:
                out.write(data)
        kept[file.file_id] = path
    return kept[file.file_id]


def _table_options(here: Page, path: Path) -> dict[str, Any]:
    """Which column holds what, guessed and to be corrected."""
    first = table_format.preview(path, options={})
    columns = list(first[0]) if first else []
    schema = here.workspace.store.schema(here.module)
    guessed = table_format.guess_mapping(columns, schema)
    st.dataframe(pd.DataFrame(first), hide_index=True)
    slots = sorted({f"arguments.{s.name}" for f in schema.functions for s in f.slots})
    fields = ["(not imported)", *table_format.FIELDS, *slots]
    back = {column: field for field, column in guessed.items()}
    frame = pd.DataFrame(
        {"column": columns, "holds": [back.get(c, "(not imported)") for c in columns]}
    )
    chosen = st.data_editor(
        frame,
        hide_index=True,
        disabled=["column"],
        column_config={"holds": st.column_config.SelectboxColumn("holds", options=fields)},
        key=f"mapping {path.name}",
    )
    mapping: dict[str, str] = dict.fromkeys(guessed, "")  # a guess that was undone isn't read
    for column, holds in zip(chosen["column"], chosen["holds"], strict=True):
        if holds == "(not imported)":
            continue
        if mapping.get(holds):
            raise InputError(
                f"Two columns hold {holds}", value=column, remedy="Choose another field for one."
            )
        mapping[holds] = column
    return {"mapping": mapping}


def outcome(here: Page) -> None:
    """The funnel of the module, what is missing, and what isn't resolved."""
    if not here.module:
        st.info("Nothing is loaded yet.")
        return
    funnel = outcomes.funnel(here.workspace, here.module)
    columns = st.columns(max(4, len(funnel.outcomes) + 1))
    columns[0].metric("utterances", f"{funnel.total:,}")
    for column, (name, count) in zip(columns[1:], funnel.outcomes.items(), strict=False):
        column.metric(name, f"{count:,}")
    _acceptance(here)
    if jobs.show(("resolve", here.module)):
        jobs.forget(("resolve", here.module))
        st.rerun()
    if funnel.costs:
        _costs(funnel)
    for name, count in funnel.thin_functions.items():
        st.warning(f"{plain(name)} has only {count} resolved training exemplars; 10 are a start.")
    if funnel.empty_slots:
        st.warning(f"No resolved exemplar fills {plain(', '.join(funnel.empty_slots))}.")
    left = outcomes.unresolved(here.workspace, here.module)
    if left:
        name = f"{here.module}-unresolved.csv"
        show.rows(left, name=name, key="unresolved", label="unresolved utterances")
        link("annotate", "Annotate them")


def _acceptance(here: Page) -> None:
    """Resolve again, and from which confidence the module decides by itself."""
    now = outcomes.acceptance(here.workspace, here.module)
    options = [None, *sorted({0.99, 0.95, 0.9, 0.8, now} - {None}, reverse=True)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = st.selectbox(
            "Accept likely readings by itself",
            options,
            index=options.index(now),
            format_func=lambda c: "never: ask" if c is None else f"from {c:.0%} on",
            width=260,
            help="Readings at least so likely resolve without a person; they are counted as "
            "'automatic', and choosing 'never' takes all of them back.",
        )
        if st.button("Resolve again", help="After a change of the schema, or of what is accepted. "
                     "Decisions of people stay."):  # fmt: skip
            if wanted != now:
                outcomes.set_acceptance(here.workspace, here.module, wanted, who=here.who)
            jobs.start(
                ("resolve", here.module),
                "Placing values",
                lambda p: outcomes.resolve(here.workspace, here.module, who=here.who, progress=p),
            )


def _costs(funnel: outcomes.ResolveReport) -> None:
    """Why utterances aren't resolved, and which functions and slots lack them."""
    rows = [
        {
            "why not": c.reason,
            "utterances": c.exemplars,
            f"functions kept under {outcomes.ENOUGH}": ", ".join(c.functions),
            "slots kept empty": ", ".join(c.slots),
        }
        for c in funnel.costs
    ]
    frame = pd.DataFrame(rows)
    st.dataframe(frame.loc[:, (frame != "").any()], hide_index=True, width="content")
    by = ", ".join(f"{how} {count:,}" for how, count in funnel.resolved_by.items())
    other = ", ".join(f"{kind} {count:,}" for kind, count in funnel.inferred.items())
    st.caption(
        f"Resolved by: {by}." + (f" In other words than the value's: {other}." if other else "")
    )


def export(here: Page) -> None:
    """Everything out again, in any format that can be written."""
    if not here.module:
        st.info("Nothing is loaded yet.")
        return
    endings = {"jsonl": "jsonl", "csv": "csv", "openai": "json"}
    format = st.radio(
        "Format",
        list(endings),
        format_func=lambda f: plain(f"{f}: {FORMATS[f].help}"),
        key="export as",
    )
    for name, other in renamed(format, here.workspace.store.schema(here.module)).items():
        st.caption(f"{plain(name)} is written as {plain(other)}.")
    ending = endings[format]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{here.module}.{ending}"
        count = load.export(here.workspace, format, path, module=here.module)
        data = path.read_bytes()
    st.download_button(
        f"Download {plain(here.module)}.{ending} ({count:,} rows)",
        data,
        file_name=f"{here.module}.{ending}",
        icon=":material/download:",
        on_click="ignore",
    )


def imports(here: Page) -> None:
    """Every import into the module, with the rows it rejected."""
    found = here.workspace.store.imports(here.module) if here.module else []
    if not found:
        st.info("Nothing has been imported yet.")
        return
    rows = [
        {
            "when": f"{i.at:%Y-%m-%d %H:%M}",
            "who": i.who,
            "file": i.source,
            "rows": i.rows,
            "accepted": i.accepted,
            "rejected": len(i.rejections),
        }
        for i in found
    ]
    show.rows(rows, name="imports.csv", key="imports", label="imports")
