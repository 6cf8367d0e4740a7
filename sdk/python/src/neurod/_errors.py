"""The errors of this package: one class a kind, all of them :class:`NeurodError`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AnswerError",
    "AuthenticationError",
    "ChecksumError",
    "ConflictError",
    "DecodeFailed",
    "FieldError",
    "IdempotencyKeyReusedError",
    "InvalidRequestError",
    "JobCanceled",
    "JobError",
    "JobFailed",
    "NeurodError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "ServerError",
    "StreamError",
    "WaitTimeout",
    "WebhookVerificationError",
]


@dataclass(frozen=True)
class FieldError:
    """One wrong field of a request."""

    pointer: str
    """JSON pointer into the body, such as ``/data/AF7/2``, or the name of a parameter."""
    code: str
    """What is wrong with it, such as ``required``."""
    message: str

    def __str__(self) -> str:
        return f"{self.pointer}: {self.message}" if self.pointer else self.message


class NeurodError(Exception):
    """Base of every error of this package.

    ``status`` is the HTTP status, ``code`` the stable name of the fault, ``request_id`` what the server's log has it under; each is
    None where there is none.
    """

    status: int | None = None
    code: str | None = None
    request_id: str | None = None

    def __init__(self, message: str, *, status: int | None = None, code: str | None = None, request_id: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.request_id = request_id

    def _told(self) -> list[str]:
        """What an operator finds it by."""
        return [
            part
            for part in (
                self.code,
                f"HTTP {self.status}" if self.status and self.status != 200 else None,
                f"request {self.request_id}" if self.request_id else None,
            )
            if part
        ]

    def __str__(self) -> str:
        told = self._told()
        return f"{self.message} ({', '.join(told)})" if told else self.message


class APIConnectionError(NeurodError):
    """The service could not be reached, or the connection broke, on every attempt."""


class APITimeoutError(APIConnectionError):
    """The service did not answer in time, on every attempt."""


class AnswerError(NeurodError):
    """An answer is not what the API has: ``base_url`` leads elsewhere, such as to a web page, or the server is of another version."""


class APIStatusError(NeurodError):
    """The service answered with an error. The subclasses say of which kind."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str | None = None,
        request_id: str | None = None,
        fields: tuple[FieldError, ...] = (),
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(message, status=status, code=code, request_id=request_id)
        self.fields = fields
        """The fields that are wrong, where the service names them."""
        self.details: Mapping[str, Any] = details or {}
        """Whatever else the service tells: numbers, names that were meant, ..."""
        self.headers: Mapping[str, str] = headers or {}
        self.body = body
        """The answer as it came."""

    def explain(self, hint: str) -> None:
        """Add to the message what a user of this package does about it."""
        if hint:
            self.message = f"{self.message.rstrip('.')}: {hint}"
            self.args = (self.message,)

    def __str__(self) -> str:
        # The message of most answers tells the fields already.
        return "; ".join([super().__str__(), *(str(f) for f in self.fields if f.message not in self.message)])


class InvalidRequestError(APIStatusError):
    """400, 413, 415 or 422: what was sent is wrong. ``fields`` says where."""


class IdempotencyKeyReusedError(InvalidRequestError):
    """422 ``idempotency_key_reused``: the key was used with another request before."""


class AuthenticationError(APIStatusError):
    """401: there is no credential, or it is not good (any more)."""


class PermissionDeniedError(APIStatusError):
    """403: the credential is good and may not do this."""


class NotFoundError(APIStatusError):
    """404: there is no such thing, or it is another project's."""


class ConflictError(APIStatusError):
    """409: what is there stands against it, such as a session that has ended."""


class RateLimitError(APIStatusError):
    """429: too many calls, or a quota is used up."""

    @property
    def retry_after(self) -> float | None:
        """Seconds until it makes sense to try again, where the service says so."""
        try:
            return float(self.headers["retry-after"])
        except (KeyError, ValueError):
            return None


class ServerError(APIStatusError):
    """5xx: a fault of the service."""


class JobError(NeurodError):
    """A job did not complete. ``job`` is the job as it stands."""

    def __init__(
        self,
        message: str,
        *,
        job: Any,
        code: str | None = None,
        details: Mapping[str, Any] | None = None,
        request_id: str | None = None,
        item: int | None = None,
    ):
        super().__init__(message, status=200, code=code, request_id=request_id)
        self.job = job
        self.item = item
        """Which one of a batch it is, from 0."""
        self.details: Mapping[str, Any] = details or {}
        """The numbers that show why, such as how many samples are needed and how many came."""

    def _told(self) -> list[str]:
        told = super()._told()
        found = getattr(self.job, "id", None)
        if found:
            told.insert(1 if self.code else 0, f"job {found}" if self.item is None else f"item {self.item} of job {found}")
        return told


class JobFailed(JobError):
    """The job failed; ``code`` and ``details`` say why."""


class DecodeFailed(JobFailed):
    """The recording could not be decoded."""


class JobCanceled(JobError):
    """The job was canceled."""


class WaitTimeout(NeurodError, TimeoutError):
    """What was waited for did not come in the time given. It may still come: nothing was canceled."""


class StreamError(NeurodError):
    """A live stream ended for a reason that no new connection mends, such as a key that was revoked."""


class ChecksumError(NeurodError):
    """What was downloaded is not what the service has."""


class WebhookVerificationError(NeurodError):
    """The signature of a webhook is not good, or it is too old."""


_CLASSES: dict[int, type[APIStatusError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    413: InvalidRequestError,
    415: InvalidRequestError,
    422: InvalidRequestError,
    429: RateLimitError,
}


def from_answer(status: int, headers: Mapping[str, str], body: bytes) -> APIStatusError:
    """Make the error of an answer, whatever the family of paths it came from."""
    code: str | None = None
    message = ""
    request_id = headers.get("x-request-id")
    fields: list[FieldError] = []
    details: dict[str, Any] = {}
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if isinstance(document, dict):
        inner = document.get("error")
        if isinstance(inner, dict):  # /api/v1
            source = inner
            message = str(inner.get("message", ""))
        else:  # problem+json of /v1, or the registry's {"error", "code"}
            source = document
            message = str(document.get("detail") or inner or document.get("title") or "")
        code = source.get("code")
        request_id = source.get("request_id") or request_id
        told = source.get("details")
        if isinstance(told, dict):
            details = told
        for field in source.get("errors") or details.get("fields") or ():
            if isinstance(field, dict):
                fields.append(FieldError(str(field.get("pointer", "")), str(field.get("code", "")), str(field.get("message", ""))))
    if not message:
        message = body[:200].decode("utf-8", "replace").strip() or f"HTTP {status}"
    kind = _CLASSES.get(status, ServerError if status >= 500 else APIStatusError)
    if code == "idempotency_key_reused":
        kind = IdempotencyKeyReusedError
    return kind(
        message,
        status=status,
        code=code if isinstance(code, str) else None,
        request_id=request_id,
        fields=tuple(fields),
        details=details,
        headers=headers,
        body=body,
    )
