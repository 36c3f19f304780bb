"""A row of tabs: what is open when it is drawn first, again, and with other names."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

KEY = "a tab"


def script() -> None:
    import streamlit as st

    from studio.frame.layout import open_tab

    names = st.session_state.get("names", ["One", "Two", "Three"])
    count = st.session_state.get("count", 1)
    tab = open_tab(names, key="a tab", label=lambda name: f"{name} ({count})")
    st.write(f"in {tab}")


def opened(**state: object) -> AppTest:
    at = AppTest.from_function(script)
    for name, value in state.items():
        at.session_state[name] = value
    at.run()
    assert not at.exception
    return at


def test_the_first_tab_is_open_until_another_is_chosen() -> None:
    at = opened()
    assert at.markdown[0].value == "in One"
    at.segmented_control(key=KEY).set_value("Three").run()
    assert at.markdown[0].value == "in Three"
    assert not at.warning


def test_a_tab_stays_open_while_its_label_changes() -> None:
    at = opened(count=1)
    at.segmented_control(key=KEY).set_value("Two").run()
    at.session_state["count"] = 2
    at.run()
    assert at.markdown[0].value == "in Two"
    assert at.segmented_control(key=KEY).options == ["One (2)", "Two (2)", "Three (2)"]


def test_a_tab_that_isnt_there_any_more_gives_way_to_the_first() -> None:
    at = opened(**{KEY: "Nine"})
    assert at.markdown[0].value == "in One"
    at.segmented_control(key=KEY).set_value("Two").run()
    at.session_state["names"] = ["One", "Three"]
    at.run()
    assert not at.exception
    assert at.markdown[0].value == "in One"
