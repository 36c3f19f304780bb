"""What axe finds on a page that is serious."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

__all__ = ["serious"]


def serious(page: Page, within: str = "[data-testid=stMain]") -> list[str]:
    """Rule and elements of every serious or critical finding within a part of the page."""
    found = Axe().run(page, context=within)
    return [
        f"{violation['id']}: {node['html'][:200]}"
        for violation in found.response["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
