"""Lists that come in pages, and answers as they came."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Sequence
from typing import Any, Generic, TypeVar

from .._core import captured
from .._http import httpx
from .._raw import RawResponse

T = TypeVar("T")


class AsyncRawClient:
    """Calls methods of the client, or of one of its parts, and returns the answers as they came."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if not callable(value):
            return AsyncRawClient(value)

        async def call(*args: Any, **kwargs: Any) -> RawResponse[Any]:
            collected: list[httpx.Response] = []
            token = captured.set(collected)
            try:
                parsed = value(*args, **kwargs)
                if inspect.isawaitable(parsed):
                    parsed = await parsed
            finally:
                captured.reset(token)
            if not collected:
                raise TypeError(f"{name} makes no call of its own")
            return RawResponse(parsed, collected[-1])

        return call


class AsyncPages(Generic[T]):
    """Everything of a list, page by page, read as it is asked for."""

    def __init__(self, pages: AsyncIterator[Sequence[T]], limit: int | None = None) -> None:
        self._pages = pages
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[T]:
        left = self._limit
        async for page in self._pages:
            for entry in page:
                if left is not None:
                    if left <= 0:
                        return
                    left -= 1
                yield entry

    async def to_list(self) -> list[T]:
        """Return all of it."""
        return [entry async for entry in self]
