"""The parts of the Prompts page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from radu_core.workflows.prompts import (
    OUT_OF_SCOPE,
    Preview,
    PreviewRow,
    save_template,
    template_sources,
)
from studio import show
from studio.markdown import plain
from studio.page import Page

__all__ = ["choose", "shown_rows", "templates"]

_UNKNOWN = "(not known)"
_TYPED = "(typed below)"


def choose(here: Page, strategies: Sequence[str]) -> dict[str, Any] | None:
    """What to preview: the arguments of ``preview``, or None while nothing is chosen."""
    strategy = st.segmented_control("Strategy", strategies, default="rag", required=True)
    items = {i.exemplar.id: i.exemplar for i in here.workspace.store.exemplars(here.module)}
    resolved = [id for id, e in items.items() if e.outcome == "resolved"]
    left, right = st.columns(2)
    id = left.selectbox(
        "A resolved utterance",
        [_TYPED, *resolved],
        index=1 if resolved else 0,
        format_func=lambda i: i if i == _TYPED else f"{items[i].utterance}  ·  {i}",
    )
    typed = right.text_input(
        "or any utterance", placeholder="I need a table for two", disabled=id != _TYPED
    )
    columns = st.columns(3)
    k_desc = columns[0].number_input("k_desc", 0, 50, 3, help="descriptions retrieved")
    k_exemplar = columns[1].number_input("k_exemplar", 0, 50, 4, help="exemplars shown")
    schema = here.workspace.store.schema(here.module)
    function = columns[2].selectbox(
        "What the typed utterance means",
        [_UNKNOWN, *(f.name for f in schema.functions), OUT_OF_SCOPE],
        disabled=id != _TYPED,
        help="Without it, prompts have no completion. none: out of scope.",
    )
    common = {"strategy": strategy, "k_desc": int(k_desc), "k_exemplar": int(k_exemplar)}
    if id != _TYPED:
        return {**common, "exemplar_id": id}
    if not (typed or "").strip():
        return None
    return {**common, "text": typed, "function": None if function == _UNKNOWN else function}


def shown_rows(shown: Preview) -> None:
    """Whether the right answer is in the prompt, every row with its size, and the negatives."""
    _verdict(shown)
    show.legend()
    for made in shown.rows:
        st.caption(
            f"{plain(made.row.strategy)} · {plain(made.row.kind)} · prompt {made.prompt_tokens} "
            f"tokens, {_completion(made)}" + (" · negative" if made.row.negative else "")
        )
        show.prompt(made.row)
    _negatives(shown)


def _completion(made: PreviewRow) -> str:
    if not made.completion_tokens:
        return "no completion"
    return f"completion {made.completion_tokens} (its end token counted)"


def _verdict(shown: Preview) -> None:
    if shown.answer_retrieved is True:
        st.success("The right function is in the prompt.", icon=":material/check:")
    elif shown.answer_retrieved is False:
        st.error(
            "The right function isn't in the prompt: the model couldn't give it, and isn't taught "
            "it here. Raise k, or see Coverage.",
            icon=":material/error:",
        )
    for note in shown.notes:
        st.info(f"{plain(note[:1].upper() + note[1:])}.")


def _negatives(shown: Preview) -> None:
    """The most similar exemplars of other functions."""
    if not shown.negatives:
        return
    with st.expander(f"{len(shown.negatives)} nearest exemplars of other functions (negatives)"):
        rows = [
            {
                "similarity": round(h.similarity, 3),
                "function": h.function or "none",
                "template": h.template,
                "id": h.id,
            }
            for h in shown.negatives
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True)


def templates(here: Page) -> None:
    """The module's templates; saving makes a new version, old ones stay."""
    sources = template_sources(here.workspace, here.module)
    name = st.selectbox("Template", list(sources), key="template name")
    with st.form(f"template {name}", border=False):
        text = st.text_area("Source (jinja)", sources[name], height=260)
        if st.form_submit_button("Save as a new version"):
            version = save_template(here.workspace, here.module, name, text or "", who=here.who)
            st.success(
                f"Version {version} of {plain(name)} is used from now on. Build the dataset again."
            )
    for old in reversed(here.workspace.store.template_versions(here.module, name)):
        with st.expander(f"Version {old.version}, {old.at:%Y-%m-%d %H:%M}, by {plain(old.who)}"):
            st.code(old.text, language="jinja2")
