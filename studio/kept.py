"""What was entered in fields stays when they aren't drawn for a while, as in a closed tab.

Streamlit forgets a widget's value after a run of the script in which the widget wasn't drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

__all__ = ["kept"]


@contextmanager
def kept(what: str, is_field: Callable[[str], bool]) -> Iterator[None]:
    """Give fields that come back the values they had, and note those of all fields afterwards.

    ``is_field`` says which keys of the session are fields' of this part of the page. Buttons
    aren't: Streamlit refuses to set them.
    """
    values: dict[str, Any] = st.session_state.setdefault(f"kept {what}", {})
    for key, value in values.items():
        if key not in st.session_state:
            st.session_state[key] = value
    try:
        yield
    finally:
        values |= {str(k): v for k, v in st.session_state.items() if is_field(str(k))}
