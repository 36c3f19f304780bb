"""A preview: what is wrong, then every row with its size, its text or tokens, and the answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
import streamlit as st

from radu_core.progress import Progress, silent
from radu_core.prompts.inspect import Place, PromptWarning
from radu_core.terms import label_of_rows
from radu_core.words import quantity
from radu_core.workflows.prompts.preview import (
    Preview,
    PreviewRow,
    as_json,
    as_text,
    index_at_hand,
    preview,
)
from studio.frame.markdown import plain
from studio.frame.navigation import link
from studio.frame.page import Page
from studio.prompts import html
from studio.prompts.choice import choose
from studio.prompts.template_pins import pin_button

__all__ = ["retrieving", "show_rows", "tell"]

_KINDS = {
    "asked": "as at inference, not trained on",
    "positive": "the right function is there",
    "fewer": "with fewer exemplars",
    "zero": "without exemplars",
    "removed": "the right function taken out: the answer is none",
    "out_of_scope": "out of scope: the answer is none",
    "knn_yes": "the same meaning",
    "knn_no": "another meaning",
    "filled": "with values",
    "absent": "no value: null",
    "yes_no": "an answer to the bot's question",
}


_ABSENT = "answer absent"  # the kind of a row's warning
_PRESENT = {
    "rag": "The right function is in the prompt.",
    "knn": "An exemplar of the right function is among those that the model is asked about.",
}
_HINTS = {
    "yes_no": " Type an answer, such as “sure”, under “Any utterance”, and choose a slot of type "
    "boolean under “Bot's last question”.",
}


@contextmanager
def retrieving(here: Page) -> Iterator[Progress]:
    """Show what takes long, if anything does: an index that must be read or built first.

    If it is at hand, nothing is shown, so that the page doesn't move at every change.
    """
    if index_at_hand(here.workspace, here.module):
        yield silent
        return
    place = st.empty()

    def show(what: str, done: int, total: int) -> None:
        share = min(1.0, done / total) if total else 0.0
        place.progress(share, text=plain(f"{what} · {done:,} of {total:,}" if total else what))

    try:
        with st.spinner("Retrieving …"):
            yield show
    finally:
        place.empty()


def show_rows(here: Page) -> None:
    """Choose an utterance and show the rows that it becomes."""
    choice = choose(here)
    if choice is None:
        st.info("Type an utterance, or choose a loaded one.")
        return
    with retrieving(here) as progress:
        prompt_preview = preview(here.workspace, here.module, progress=progress, **choice)
    _show_preview(here, prompt_preview)


def _show_preview(here: Page, preview: Preview) -> None:
    """All of a preview: verdict and warnings, the rows, what to take away."""
    st.html(html.STYLE)
    _verdict(here, preview)
    if not preview.rows:
        st.info(
            "There is no prompt to show; the note above says why."
            + _HINTS.get(preview.strategy, "")
        )
        return
    tokenized = preview.rows[0].tokens is not None
    if not tokenized:
        st.warning(
            plain(
                f"{preview.model} isn't installed, so lengths are in words and tokens can't be "
                f"shown. Fetch it: radu models fetch {preview.model}"
            ),
            icon=":material/download:",
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        view = st.segmented_control(
            "Show",
            ["Text", "Tokens"],
            key="prompt view",
            default="Text",
            required=True,
            disabled=not tokenized,
            label_visibility="collapsed",
        )
        _take_away(here, preview)
    for number, row in enumerate(preview.rows):
        _row(preview, row, number, tokens=view == "Tokens" and tokenized)
    _negatives(preview)


def _verdict(here: Page, preview: Preview) -> None:
    """Whether the right function is there: said here, and not again by the rows."""
    if preview.answer_retrieved is True:
        st.success(_PRESENT[preview.strategy], icon=":material/check:")
    elif preview.answer_retrieved is False:
        name = (w for row in preview.rows for w in row.warnings if w.kind == _ABSENT)
        absent = next(name, None)
        text = f"{absent.text} {absent.remedy}" if absent else _missing(preview)
        st.error(plain(text), icon=":material/error:")
        link("coverage", "Open Coverage", module=here.module)
    for warning in preview.warnings:
        tell(warning)
    for note in preview.notes:
        st.info(f"{plain(note[:1].upper() + note[1:])}.", icon=":material/info:")


def _missing(preview: Preview) -> str:
    return (
        f"None of the nearest exemplars has the right function, {preview.function}: at inference "
        "the model isn't asked about one, and no row is made. Retrieve more exemplars, or see on "
        "the Coverage page why it wasn't retrieved."
    )


def tell(warning: PromptWarning) -> None:
    """A warning by its severity, with its kind first and the remedy last."""
    text = f"**{plain(warning.kind.capitalize())}.** {plain(warning.text)} {plain(warning.remedy)}"
    if warning.severity == "error":
        st.error(text, icon=":material/error:")
    elif warning.severity == "warning":
        st.warning(text, icon=":material/warning:")
    else:
        st.info(text, icon=":material/info:")


def _row(preview: Preview, row_preview: PreviewRow, number: int, *, tokens: bool) -> None:
    with st.container(border=True):
        row = row_preview.row
        title = (
            f"{number + 1} of {len(preview.rows)} · {label_of_rows(f'{row.strategy}/{row.kind}')}"
        )
        slot = f" · {row.slot}" if row.slot else ""
        st.markdown(f"**{plain(title + slot)}**: {plain(_KINDS.get(row.kind, ''))}")
        for warning in row_preview.warnings:
            if preview.answer_retrieved is not False or warning.kind != _ABSENT:
                tell(warning)
        if row_preview.tokens is None:
            st.caption(
                f"prompt {quantity(row_preview.prompt_tokens, 'word')}, {_completion(row_preview)}"
            )
            st.html(html.text_view(row))
            _places(row_preview)
            return
        st.html(html.size_bar(row_preview, preview.limit))
        st.html(
            html.token_view(row_preview.tokens)
            if tokens
            else html.text_view(row, row_preview.tokens)
        )
        if tokens:
            st.caption(
                "Bold and underlined: learnt. Dashed border: special token. Small number: tokens "
                "in one character. Point at a token for its id. Hash of ids and labels: "
                f"{row_preview.tokens.row_hash[:16]}"
            )
        _places(row_preview)


def _completion(row: PreviewRow) -> str:
    if not row.completion_tokens:
        return "no completion"
    return f"completion {row.completion_tokens} (its end token counted)"


def _places(row: PreviewRow) -> None:
    """Where the right answer stands, one per line."""
    if row.places:
        lines = [f"- {plain(_place(place))}" for place in row.places]
        st.markdown("Where the right answer stands:\n" + "\n".join(lines))


def _place(place: Place) -> str:
    parts = [f"{place.what} in the {place.origin}"]
    if place.of:
        parts.append(f"{_ordinal(place.position)} of {place.of} counted from the question")
    if place.exemplar_id:
        parts.append(f"exemplar {place.exemplar_id}")
    if place.distance is not None and place.origin != "utterance":
        tokens = "" if place.tokens is None else f" ({quantity(place.tokens, 'token')})"
        parts.append(f"{quantity(place.distance, 'character')}{tokens} before it")
    if place.note:
        parts.append(place.note)
    return ", ".join(parts)


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in (11, 12, 13) else ending}"


def _take_away(here: Page, preview: Preview) -> None:
    """Downloads, and what can be done with a stored exemplar."""
    name = f"prompt-{preview.strategy}-{preview.exemplar.id if preview.exemplar else 'typed'}"
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
    st.download_button(
        "JSON",
        json.dumps(as_json(preview), ensure_ascii=False, indent=1),
        f"{safe}.json",
        mime="application/json",
        icon=":material/download:",
        on_click="ignore",
        help="Everything: parts, completion, token ids, labels and their hashes, warnings, hits.",
    )
    st.download_button(
        "Text",
        as_text(preview),
        f"{safe}.txt",
        mime="text/plain",
        icon=":material/download:",
        on_click="ignore",
        help="The prompts with their completions.",
    )
    if preview.exemplar is not None:
        pin_button(here, preview.exemplar.id)
        link("annotate", "Open in Annotate", item=preview.exemplar.id)


def _negatives(preview: Preview) -> None:
    """The most similar exemplars of other functions."""
    if not preview.negatives:
        return
    with st.expander(f"{quantity(len(preview.negatives), 'nearest exemplar')} of other functions"):
        rows = [
            {
                "similarity": round(h.similarity, 3),
                "function": h.function or "none",
                "template": h.template,
                "id": h.id,
            }
            for h in preview.negatives
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True)
