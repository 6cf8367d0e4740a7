"""Answers as they came."""

from __future__ import annotations

from typing import Generic, TypeVar

from ._http import httpx

T = TypeVar("T")


class RawResponse(Generic[T]):
    """An answer as it came, beside what was made of it in ``parsed``."""

    def __init__(self, parsed: T, http_response: httpx.Response) -> None:
        self.parsed = parsed
        self.http_response = http_response

    @property
    def status(self) -> int:
        return self.http_response.status_code

    @property
    def headers(self) -> httpx.Headers:
        return self.http_response.headers

    @property
    def request_id(self) -> str | None:
        return self.http_response.headers.get("x-request-id")

    @property
    def content(self) -> bytes:
        return self.http_response.content
