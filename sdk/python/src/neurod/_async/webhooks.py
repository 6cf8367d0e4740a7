"""Webhooks of the project: where the service sends word to."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from .client import AsyncClient

PATH = "/api/v1/webhooks"


class AsyncWebhooks:
    """``client.webhooks``; :class:`neurod.Webhook` verifies what they send."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def _do(self, method: str, path: str = "", json: Any = None) -> Any:
        headers = {"Idempotency-Key": str(uuid.uuid4())} if method == "POST" else None
        response = await self._client.request(method, PATH + path, json=json, headers=headers)
        return response.json() if response.content else None

    async def create(self, url: str, *, events: Sequence[str] | None = None, **fields: Any) -> Any:
        """Make a webhook for ``events`` such as ``job.completed``; its secret is shown in this answer and never again."""
        told: dict[str, Any] = {"url": url, **fields}
        if events is not None:
            told["events"] = [*events]
        return await self._do("POST", json=told)

    async def list(self) -> Any:
        """Return the webhooks of the project."""
        return await self._do("GET")

    async def get(self, webhook_id: str) -> Any:
        """Read a webhook."""
        return await self._do("GET", "/" + quote(webhook_id, safe=""))

    async def update(self, webhook_id: str, **fields: Any) -> Any:
        """Change a webhook: ``url``, ``events``, whether it is enabled."""
        return await self._do("PATCH", "/" + quote(webhook_id, safe=""), json=fields)

    async def delete(self, webhook_id: str) -> None:
        """Delete a webhook."""
        await self._do("DELETE", "/" + quote(webhook_id, safe=""))
