from __future__ import annotations

import email.utils
import time

from neurod._retry import RetryPolicy, retry_after


def test_pauses_double_and_differ() -> None:
    policy = RetryPolicy(initial=0.2, maximum=8)
    for attempt in range(1, 20):
        most = min(8, 0.2 * 2 ** (attempt - 1))
        pauses = [policy.pause(attempt) for _ in range(50)]
        assert all(most / 2 <= p <= most for p in pauses)
        assert len(set(pauses)) > 1


def test_what_is_repeated() -> None:
    policy = RetryPolicy()
    for status in (408, 429, 500, 502, 503, 504):
        assert policy.after_answer(1, status, {}, None) is not None, status
    for status in (400, 401, 403, 404, 409, 413, 415, 422, 501):
        assert policy.after_answer(1, status, {}, None) is None, status
    assert policy.after_answer(1, 409, {}, "idempotency_key_in_flight") is not None
    assert policy.after_answer(1, 409, {}, "session_ended") is None
    assert policy.after_answer(1, 503, {}, "NOT_CONFIGURED") is None
    assert policy.after_answer(6, 503, {}, None) is None
    assert policy.after_fault(5) is not None
    assert policy.after_fault(6) is None


def test_retry_after() -> None:
    policy = RetryPolicy()
    wait = policy.after_answer(1, 429, {"retry-after": "3"}, "rate_limited")
    assert wait is not None
    assert 3 <= wait <= 3.1
    # A quota that frees itself next month is not waited for.
    assert policy.after_answer(1, 429, {"retry-after": "1000000"}, "QUOTA_EXCEEDED") is None
    soon = email.utils.formatdate(time.time() + 10, usegmt=True)
    told = retry_after({"retry-after": soon})
    assert told is not None
    assert 8 <= told <= 10
    assert retry_after({"retry-after": "soon"}) is None
    assert policy.after_answer(1, 503, {"x-should-retry": "false"}, None) is None
