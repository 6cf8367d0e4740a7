"""Webhooks that come in: their signatures (Standard Webhooks, https://www.standardwebhooks.com), without a connection."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from ._errors import WebhookVerificationError

__all__ = ["Webhook"]

TOLERANCE = 5 * 60
"""Seconds that the time of a delivery may be off, as the specification has it: what is older may have been sent again by somebody else."""


class Webhook:
    """Verifies deliveries of the service.

    Args:
        secrets: the secret of the webhook (``whsec_...``); while one is rotated, the old and the new one.
    """

    def __init__(self, *secrets: str) -> None:
        if not secrets:
            raise ValueError("give the secret of the webhook")
        self._keys = []
        for secret in secrets:
            try:
                self._keys.append(base64.b64decode(secret.removeprefix("whsec_"), validate=True))
            except ValueError as err:
                raise ValueError("a webhook's secret is whsec_ and base64") from err

    def verify(self, body: bytes | str, headers: Mapping[str, str], *, tolerance: float = TOLERANCE, now: float | None = None) -> dict[str, Any]:
        """Return the event that a delivery holds.

        Args:
            body: as it came, byte for byte: JSON that was parsed and written again has another signature.
            headers: of the delivery, with ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``.

        Raises:
            WebhookVerificationError: it is not signed with the secret, or too old.
        """
        told = {name.lower(): value for name, value in headers.items()}
        raw = body.encode() if isinstance(body, str) else bytes(body)
        try:
            identifier, stamp, signatures = told["webhook-id"], told["webhook-timestamp"], told["webhook-signature"]
        except KeyError as err:
            raise WebhookVerificationError(f"the delivery has no header {err.args[0]}") from None
        try:
            sent = int(stamp)
        except ValueError:
            raise WebhookVerificationError(f"webhook-timestamp {stamp!r} is no number of seconds") from None
        if abs((time.time() if now is None else now) - sent) > tolerance:
            raise WebhookVerificationError(f"the delivery was signed at {sent}, more than {tolerance:g} s from now")
        signed = f"{identifier}.{sent}.".encode() + raw
        good = [hmac.new(key, signed, hashlib.sha256).digest() for key in self._keys]
        for told_signature in signatures.split():
            version, _, text = told_signature.partition(",")
            if version != "v1":
                continue
            try:
                given = base64.b64decode(text, validate=True)
            except ValueError:
                continue
            if any(hmac.compare_digest(given, wanted) for wanted in good):
                event: dict[str, Any] = json.loads(raw)
                return event
        raise WebhookVerificationError("no signature of the delivery is good")

    def sign(self, identifier: str, timestamp: int, body: bytes | str) -> str:
        """Return the signature of a delivery, for tests of a receiver."""
        raw = body.encode() if isinstance(body, str) else bytes(body)
        found = hmac.new(self._keys[0], f"{identifier}.{timestamp}.".encode() + raw, hashlib.sha256).digest()
        return "v1," + base64.b64encode(found).decode()
