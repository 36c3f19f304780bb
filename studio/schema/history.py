"""The schemas that a module has had, and what was renamed: to be looked at and taken back."""

from __future__ import annotations

import streamlit as st

from radu_core.store import SchemaVersion
from radu_core.workflows.schema.module import renames_to_undo, versions
from radu_core.workflows.schema.restore import restorable
from radu_core.workflows.schema.text import as_text
from studio.frame import show
from studio.frame.markdown import plain
from studio.schema.dialogs import show_diff
from studio.schema.state import Shown, propose, start

__all__ = ["earlier"]


def earlier(page: Shown) -> None:
    """All versions, newest first; one of them beside the version shown, to be restored."""
    here = page.here
    all_versions = versions(here.workspace, here.module)
    rows = [
        (v.number, f"{v.at:%Y-%m-%d %H:%M}", v.who, v.note or "–", len(v.schema.functions))
        for v in reversed(all_versions)
    ]
    columns = ("version", "when (UTC)", "who", "what", "functions")
    st.html(show.table_html(columns, rows))
    _renames(page)
    past = [v for v in reversed(all_versions) if v.schema.hash != page.base.hash]
    if not past:
        st.info("There is no other version of this schema.")
        return
    numbers = {v.number: v for v in past}
    version_chosen = st.selectbox(
        "Version",
        list(numbers),
        key="schema version",
        format_func=lambda n: f"{n}: {numbers[n].at:%Y-%m-%d %H:%M} UTC, by {numbers[n].who}",
    )
    _version(page, numbers[version_chosen])


def _version(page: Shown, version: SchemaVersion) -> None:
    schema_restored = restorable(page.here.workspace, page.here.module, version.number)
    if schema_restored.names:
        same = schema_restored.schema.hash == page.base.hash
        rest = (
            "Nothing else differs. To have the old names back, undo the renaming above."
            if same
            else "Exemplars have the new names, and restoring this version keeps them."
        )
        st.info(plain(f"Renamed since: {', '.join(schema_restored.names)}. {rest}"))
    if schema_restored.schema.hash != page.base.hash:
        key = f"restore {version.number} {page.base.hash[:12]}"
        if st.button(f"Restore version {version.number}", icon=":material/history:", key=key):
            propose(page, schema_restored.schema, f"Restored version {version.number}", show=True)
        st.caption("Changed from the version in use to this one:")
        show_diff(page.base, schema_restored.schema)
    with st.expander("The whole version"):
        text = as_text(version.schema)
        st.code(text, language="json", line_numbers=True, height=320)
        st.download_button(
            "Download as JSON",
            text,
            file_name=f"{page.here.module}-{version.number}.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
        )


def _renames(page: Shown) -> None:
    here = page.here
    renames = renames_to_undo(here.workspace, here.module)
    for number, (target, before) in enumerate(renames):
        label = plain(f"Undo renaming {before} to {target}")
        if st.button(label, icon=":material/undo:", key=f"undo rename {number} {target} {before}"):
            start("rename", target, new=before)
