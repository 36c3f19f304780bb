"""Tables: long names that can be broken, short cells that are shown whole."""

from __future__ import annotations

import json
from typing import Any

from streamlit.testing.v1 import AppTest

from studio.frame.show import table_html

LONG = "reschedule_the_appointment_that_was_agreed_with_the_dentist"


def script() -> None:
    import pandas as pd

    from studio.frame.show import table

    rows = [
        {"split": "train", "city": "東京", "text": "a long sentence " * 9, "n": 1},
        {"split": "validation", "city": "Łódź", "text": "another", "n": 2},
    ]
    table(pd.DataFrame(rows), key="all")
    table(pd.DataFrame(rows)[["split"]], key="short ones alone")


def columns_of(at: AppTest, number: int) -> dict[str, Any]:
    columns: dict[str, Any] = json.loads(at.dataframe[number].proto.columns)
    return columns


def test_a_long_name_can_be_broken_after_its_parts_and_a_short_one_not() -> None:
    html = table_html(("function", "of"), [(LONG, "check_flight_status")])
    assert "_<wbr>" in html
    assert LONG in html.replace("<wbr>", "")  # nothing is added to what is copied
    assert ">check_flight_status<" in html


def test_a_long_word_is_escaped_where_it_is_broken() -> None:
    html = table_html(("value",), [("<b>" + "x" * 60,)])
    assert "&lt;b&gt;" + "x" * 17 + "<wbr>" in html
    assert "<b>" not in html


def test_a_column_of_short_texts_is_as_wide_as_its_longest() -> None:
    at = AppTest.from_function(script).run()
    assert not at.exception
    columns = columns_of(at, 0)
    assert columns["split"]["width"] == 22 + round(7.4 * len("validation"))
    assert columns["city"]["width"] == 22 + round(7.4 * 4)  # two characters of East Asia, or four
    assert "width" not in columns.get("text", {})
    assert "width" not in columns.get("n", {})


def test_short_columns_alone_share_the_line() -> None:
    at = AppTest.from_function(script).run()
    assert "split" not in columns_of(at, 1)
