"""The schema as JSON, for who knows it: line numbers, errors with their place, a diff."""

from __future__ import annotations

from urllib.parse import quote

import streamlit as st

from radu_core.workflows.schema.module import check_text
from studio.schema.state import Shown, propose, widget_key

__all__ = ["editor"]

_LINE = 20  # pixels
_SPARE = 500  # lines that may be added and are numbered, too
_MOST = 20_000


def editor(page: Shown) -> None:
    """The whole schema as text. Saving shows what it changes first."""
    text = page.view.text
    _number_lines(min(_MOST, text.count("\n") + 1 + _SPARE))
    key = widget_key(page.base.hash)
    with st.form(f"json {key}", border=False), st.container(key="schema-json"):
        new_text = st.text_area("Schema as JSON", text, height=520, key=f"json text {key}")
        if st.form_submit_button("Check and save", type="primary"):
            mine = check_text(new_text or "", module=page.here.module)
            propose(page, mine, "Edited as JSON", show=True)
    st.caption(
        "Rename under Functions or Recognizers. A new name here removes one and adds another."
    )


def _number_lines(count: int) -> None:
    """Number the lines of the text area, which scroll with it.

    A picture behind its text, because the field itself has none.
    """
    width = 10 * len(str(count)) + 18
    numbers = "".join(
        f'<tspan x="{width - 12}" y="{n * _LINE - 5}">{n}</tspan>' for n in range(1, count + 1)
    )
    picture = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{count * _LINE}">'
        '<text font-family="monospace" font-size="13" fill="#808080" text-anchor="end">'
        f"{numbers}</text></svg>"
    )
    st.html(
        "<style>.st-key-schema-json textarea {"
        f'background-image: url("data:image/svg+xml,{quote(picture)}");'
        "background-repeat: no-repeat; background-attachment: local; background-position: 0 12px;"
        f"line-height: {_LINE}px; padding: 12px 12px 12px {width}px;"
        "font-family: monospace; font-size: 13px; white-space: pre; overflow-x: auto;"
        "}</style>"
    )
