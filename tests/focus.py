"""Moving the focus with the keyboard alone, as tests of pages do."""

from __future__ import annotations

import re

from playwright.sync_api import Page

__all__ = ["to", "write"]

FOCUSED = """() => {
  const at = document.activeElement;
  const label = at.getAttribute("aria-label") || at.innerText || "";
  return [at.getAttribute("role") || at.tagName.toLowerCase(), label.trim()].join(" ");
}"""


def to(page: Page, wanted: str, *, key: str = "Tab", most: int = 60) -> None:
    """Press ``key`` until what has the focus is ``wanted``: role or tag, and label, a pattern."""
    passed = []
    for _ in range(most):
        passed.append(page.evaluate(FOCUSED))
        if re.fullmatch(wanted, passed[-1], re.DOTALL):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{wanted!r} isn't among {passed}")


def write(page: Page, text: str, *, then: str = "Enter") -> None:
    """In place of what the focused field says."""
    page.keyboard.press("Control+a")
    page.keyboard.type(text)
    page.keyboard.press(then)
