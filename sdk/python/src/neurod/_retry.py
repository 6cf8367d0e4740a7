"""When a call is made again, and how long to wait before: no input or output here."""

from __future__ import annotations

import email.utils
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["RetryPolicy"]

_FOREVER = {"project_quota_full", "not_configured", "idempotency_key_reused"}
"""Codes of statuses that are otherwise worth another try: something else must change first."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often and after what pause a call is repeated.

    What is repeated: connections that break or time out, 408, 409 ``idempotency_key_in_flight``, 429, 500, 502, 503 and 504. The pause doubles
    from ``initial`` to ``maximum`` seconds and is shortened by up to half at random, so that many clients do not come back at one time. A
    ``Retry-After`` of the service counts instead, unless it is longer than ``patience``: then the error is raised at once.
    """

    attempts: int = 6
    """Calls at most, the first one among them."""
    initial: float = 0.2
    maximum: float = 8.0
    patience: float = 120.0

    def pause(self, attempt: int) -> float:
        """Seconds to wait after the given attempt, counted from 1."""
        full = min(self.maximum, self.initial * 2.0 ** (attempt - 1))
        return full * (1 - random.random() / 2)

    def after_fault(self, attempt: int) -> float | None:
        """Seconds to wait after a connection broke; None to give up."""
        return self.pause(attempt) if attempt < self.attempts else None

    def after_answer(self, attempt: int, status: int, headers: Mapping[str, str], code: str | None) -> float | None:
        """Seconds to wait after an answer with an error; None to give up."""
        if attempt >= self.attempts or (code or "").lower() in _FOREVER:
            return None
        wanted = headers.get("x-should-retry")
        if wanted == "false":
            return None
        again = status in (408, 429, 500, 502, 503, 504) or (status == 409 and code == "idempotency_key_in_flight") or wanted == "true"
        if not again:
            return None
        told = retry_after(headers)
        if told is None:
            return self.pause(attempt)
        if told > self.patience:
            return None
        return told + random.random() * min(0.1, self.initial)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that ``Retry-After`` asks for: a number, or a date."""
    text = headers.get("retry-after")
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
