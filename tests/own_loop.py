"""Coroutines in a thread with an event loop of its own.

The browser's driver has a loop running in the main thread, from the first test that uses it on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def in_own_loop(work: Awaitable[T], *, seconds: float = 20.0) -> T:
    """What ``work`` returns; ``TimeoutError`` if it takes longer."""

    async def limited() -> T:
        return await asyncio.wait_for(work, seconds)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, limited()).result()
