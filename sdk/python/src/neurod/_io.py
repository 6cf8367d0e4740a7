"""What differs between the synchronous and the asynchronous client, under names that the one becomes the other's by."""

from __future__ import annotations

import asyncio
import threading
import time

__all__ = ["async_lock", "async_sleep", "sync_lock", "sync_sleep"]


async def async_sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


def sync_sleep(seconds: float) -> None:
    time.sleep(seconds)


def async_lock() -> asyncio.Lock:
    return asyncio.Lock()


def sync_lock() -> threading.Lock:
    return threading.Lock()
