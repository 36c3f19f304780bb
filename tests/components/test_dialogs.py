"""``dialogs.js``: which function is found by what is typed."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.e2e

FUNCTIONS = [
    {"name": "order_taxi", "description": "Order a taxi now"},
    {"name": "return_item", "description": "Send back an order"},
    {"name": "track_order", "description": "Where an item is, in transit"},
    {"name": "transfer", "description": None},
    {"name": None, "description": "no function of this bot"},
]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", ["order_taxi", "return_item", "track_order", "transfer", None]),
        ("tr", ["track_order", "transfer"]),
        ("r", ["return_item", "order_taxi", "track_order", "transfer"]),
        ("order", ["order_taxi", "track_order", "return_item"]),
        ("  ORDER taxi ", ["order_taxi"]),
        ("transit", ["track_order"]),
        ("out of", [None]),
        ("o", ["order_taxi", None, "track_order", "return_item"]),
        ("nothing", []),
    ],
)
def test_names_that_begin_so_come_first(modules: Page, typed: str, found: list[str | None]) -> None:
    code = """async ([functions, typed]) => {
      const { matching } = await import("/dialogs.js");
      return matching(functions, typed).map((f) => f.name);
    }"""
    assert modules.evaluate(code, [FUNCTIONS, typed]) == found
