"""The parts of the Load page."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import streamlit as st

from radu_core.errors import InputError
from radu_core.files import open_atomic
from radu_core.formats import FORMATS
from radu_core.progress import Progress
from radu_core.words import quantity
from radu_core.workflows.load import file_view, files, outcomes, traces
from studio.frame import jobs, show
from studio.frame.markdown import plain
from studio.frame.navigation import link
from studio.frame.page import Page, messages
from studio.load.options import choose_options
from studio.load.spans import spans

__all__ = ["export", "new_module", "utterances"]

_FILE, _KEPT = "utterances file", "utterances upload"
_LONGEST_NAME = 60  # characters: with what a temporary name adds, file systems take 255 bytes


def new_module(here: Page) -> None:
    """A form that makes a module from a schema file."""
    st.subheader("New module", anchor=False)
    with st.form("new module", border=True):
        name = st.text_input(
            "Module id", placeholder="acme_travel_en", help=plain("<org>_<bot>_<lang>, lower case.")
        )
        file = st.file_uploader("Schema (Radu JSON or tools JSON)", type=["json"])
        keep_good = st.checkbox("Leave out unusable tools")
        if st.form_submit_button("Create", icon=":material/add:"):
            with messages():
                if file is None:
                    raise InputError("No schema was chosen", remedy="Choose a JSON file.")
                path = _keep_upload(file)
                schema_file = files.init_module(
                    here.workspace, name, path, who=here.who, keep_good=keep_good
                )
                st.session_state["module"] = name
                st.session_state["created"] = schema_file
                st.rerun()  # the page began without the new module
    link("schema", "Create one without a file")
    if "created" in st.session_state:
        _show_created(st.session_state.pop("created"))


def _show_created(file: files.SchemaFile) -> None:
    """What the new module has, and what of its file it hasn't."""
    count = len(file.schema.functions)
    st.success(
        f"{plain(file.schema.module)} has {quantity(count, 'function')}. Now its utterances."
    )
    for reason, times in file.left_out.items():
        st.caption(f"left out {times:,}: {plain(reason)}")
    if file.rejections:
        rows = [vars(r) for r in file.rejections]
        show.rows(rows, name="rejected-tools.csv", key="rejected tools", label="rejected tools")


def utterances(here: Page) -> None:
    """Choose a file, say how it is read, import it and align it."""
    st.subheader("Utterances", anchor=False)
    if not here.module:
        st.info("Create a module first.")
        return None
    st.markdown(f"Import into **{plain(here.module)}**")
    path = _choose_path(here)
    if path is None:
        return _report(here)
    paths = [path] if path == st.session_state.get(_KEPT) else traces.files_of([path])
    format_info = file_view.format_of(paths)
    format = format_info.name
    st.caption(plain(format_info.help))
    options = choose_options(here, path, format)
    keep = st.checkbox("Keep the good rows if others are rejected")
    if st.button("Import", type="primary", icon=":material/upload:"):

        def work(
            progress: Progress, fix_spans: bool = False
        ) -> tuple[files.ImportReport, outcomes.ResolveReport | None]:
            options_given: dict[str, Any] = {
                "module": here.module,
                "who": here.who,
                "keep_good": keep,
                "options": options,
                "progress": progress,
            }
            if format == "traces":
                report = traces.import_traces(here.workspace, paths, **options_given)
            else:
                file = files.only_file(format, paths)
                report = files.import_file(
                    here.workspace, format, file, fix_spans=fix_spans, **options_given
                )
            if not report.stored:
                return report, None
            return report, outcomes.resolve(
                here.workspace, here.module, who=here.who, progress=progress
            )

        corrected = partial(work, fix_spans=True)
        jobs.start(_key(here), f"Importing {path.name}", work, about=corrected)
    return _report(here)


def _choose_path(here: Page) -> Path | None:
    """The file that was uploaded, or the path that was typed; None while there is neither."""
    st.file_uploader(
        "File (JSONL, CSV, TSV, XLSX or traces)",
        type=["jsonl", "csv", "tsv", "xlsx", "traces"],
        key=_FILE,
        on_change=_take_upload,
        args=(here,),
    )
    file = st.session_state.get(_KEPT)
    if file and not st.session_state.get(_FILE):
        st.caption(plain(f"{file.name} is still chosen."))
    typed_path = st.text_input(
        "Or a path on this computer",
        placeholder="/data/sgd/train",
        key="utterances path",
        persist_state="page",
        on_change=_take_path,
        args=(here,),
        help="For large files, for the directory of a Schema-Guided Dialogue dataset, and for "
        "several files of traces: /data/traces.jsonl*",
    )
    return file or (_place(typed_path.strip()) if typed_path.strip() else None)


def _place(typed_path: str) -> Path:
    """The path that somebody typed; one of a user there isn't is as it was typed."""
    try:
        return Path(typed_path).expanduser()
    except RuntimeError:
        return Path(typed_path)


def _key(here: Page) -> tuple[str, str]:
    return ("import", here.module)


def _take_upload(here: Page) -> None:
    """Another file, or none. Streamlit forgets it when another tab is opened: we don't."""
    _leave(here)
    file = st.session_state.get(_FILE)
    st.session_state[_KEPT] = _keep_upload(file) if file else None


def _take_path(here: Page) -> None:
    _leave(here)
    if not st.session_state.get(_FILE):
        st.session_state[_KEPT] = None


def _leave(here: Page) -> None:
    """Another file: what went wrong with the one before is read."""
    jobs.forget_failed(_key(here))


def _report(here: Page) -> None:
    result = jobs.show(_key(here), passing=True)
    if result is None:
        return
    report, funnel = result
    rejected = len(report.rejections)
    skipped = sum(report.skipped.values())
    text = (
        f"{plain(report.source)}: {quantity(report.rows, 'row')} = {report.accepted:,} accepted "
        f"+ {rejected:,} rejected + {skipped:,} skipped."
    )
    if report.stored:
        st.success(
            f"{text} {report.added:,} added, {report.changed:,} changed, {report.unchanged:,} "
            f"unchanged, {report.kept:,} kept because a person decided. This is import "
            f"{report.number}; undo it under “Earlier imports”."
        )
    else:
        st.error(
            f"{text} Nothing was stored. Correct the rows, or tick “Keep the good rows if others "
            "are rejected”."
        )
    for line in files.remarks(report):
        st.caption(plain(line))
    spans(report.spans, _key(here))
    if report.schema_ignored:
        st.warning(
            "The file's schema was ignored: the module keeps its own. Change it on the Schema page."
        )
    if rejected:
        rows = [vars(r) for r in report.rejections]
        show.rows(rows, name="rejected.csv", key="rejected", label="rejected rows")
    if report.notices:
        rows = [vars(n) for n in report.notices]
        show.rows(rows, name="repeated.csv", key="notices", label="repeated or contradicting rows")
    if funnel is not None:
        st.info(
            f"{funnel.outcomes.get('resolved', 0):,} of "
            f"{quantity(funnel.total, 'utterance is', 'utterances are')} resolved.",
            icon=":material/task_alt:",
        )
        if funnel.outcomes.get("resolved", 0) < funnel.total:
            link("annotate", "Annotate the others", module=funnel.module)
    with st.container(horizontal=True):
        st.download_button(
            "Download this report",
            lambda: show.as_json(asdict(report)),
            file_name="import.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
        )
        st.button("Close this report", on_click=jobs.forget, args=(_key(here),))


def _keep_upload(file: Any) -> Path:
    """An uploaded file on disk: written once, under its content's hash and its own name.

    A job may still read it when the next file of that name is there.
    """
    paths: dict[str, Path] = st.session_state.setdefault("uploads", {})
    if file.file_id not in paths:
        if "uploads folder" not in st.session_state:
            st.session_state["uploads folder"] = tempfile.mkdtemp(prefix="radu-upload-")
        data = file.getvalue()
        folder = Path(st.session_state["uploads folder"]) / sha256(data).hexdigest()
        path = folder / Path(file.name).name[-_LONGEST_NAME:]
        if not path.exists():
            with open_atomic(path, "wb") as out:
                out.write(data)
        paths[file.file_id] = path
    return paths[file.file_id]


def export(here: Page) -> None:
    """Everything out again, in any format that is one file; written when it is asked for."""
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
    view = files.view_export(here.workspace, format, module=here.module)
    for own_name, other in view.renamed.items():
        st.caption(f"{plain(own_name)} is written as {plain(other)}.")
    if view.left_out:
        st.caption(f"The schema only: {quantity(view.left_out, 'exemplar')} left out.")
    else:
        st.caption(f"All {quantity(view.exemplars, 'exemplar')}, with spans, outcome and reason.")
    name = f"{here.module}.{endings[format]}"
    st.download_button(
        f"Download {plain(name)}",
        partial(_export, here, format, name),
        file_name=name,
        icon=":material/download:",
        on_click="ignore",
    )


def _export(here: Page, format: str, name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        files.export(here.workspace, format, path, module=here.module)
        return path.read_bytes()
