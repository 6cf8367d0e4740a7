"""Webhooks of the project: where the service sends word to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, List  # the class here has a method of that name

from .. import _check, types
from .._core import Call
from .pages import AsyncPages

if TYPE_CHECKING:
    from .client import AsyncClient


class AsyncWebhooks:
    """``client.webhooks``: where the service tells of what happens; :class:`neurod.Webhook` verifies what it sends."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def create(
        self,
        url: str,
        *,
        events: Sequence[str] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
        secret: str | None = None,
        idempotency_key: str | None = None,
    ) -> types.CreatedWebhook:
        """Make a webhook; its ``secret`` is shown in this answer and never again.

        Args:
            url: https, at a public address, unless the server allows others.
            events: such as ``job.completed``, ``job.failed`` (these two by default), ``job.canceled``, ``session.completed``, ``decode.intent``,
                ``model.trained``.
            secret: one of your own, ``whsec_`` and base64.
        """
        told = {
            "url": url,
            "events": None if events is None else _check.names("events", events),
            "description": description,
            "enabled": enabled,
            "secret": secret,
        }
        body = {k: v for k, v in told.items() if v is not None}
        return await self._client._model(types.CreatedWebhook, Call("createWebhook", json=body, idempotency_key=idempotency_key))

    async def list(self) -> List[types.Webhook]:
        """Return the webhooks of the project, oldest first."""
        return (await self._client._model(types.WebhookList, Call("listWebhooks"))).data

    async def get(self, webhook_id: str) -> types.Webhook:
        """Read a webhook."""
        return await self._client._model(types.Webhook, Call("getWebhook", path={"id": webhook_id}))

    async def update(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
    ) -> types.Webhook:
        """Change a webhook; what is left out stays. One that is enabled again sends what still waits for it."""
        told = {"url": url, "events": None if events is None else _check.names("events", events), "description": description, "enabled": enabled}
        body = {k: v for k, v in told.items() if v is not None}
        return await self._client._model(types.Webhook, Call("changeWebhook", path={"id": webhook_id}, json=body))

    async def delete(self, webhook_id: str) -> None:
        """Delete a webhook with its deliveries."""
        await self._client._delete(Call("deleteWebhook", path={"id": webhook_id}))

    async def rotate(self, webhook_id: str, *, idempotency_key: str | None = None) -> types.CreatedWebhook:
        """Give it another secret; for 24 hours deliveries are signed with the one before as well."""
        return await self._client._model(types.CreatedWebhook, Call("rotateWebhook", path={"id": webhook_id}, json={}, idempotency_key=idempotency_key))

    async def test(self, webhook_id: str, *, idempotency_key: str | None = None) -> types.WebhookDelivery:
        """Send it an event of the type ``ping``."""
        return await self._client._model(types.WebhookDelivery, Call("testWebhook", path={"id": webhook_id}, json={}, idempotency_key=idempotency_key))

    def deliveries(self, webhook_id: str, *, state: str | None = None, limit: int | None = None) -> AsyncPages[types.WebhookDelivery]:
        """List what was sent or waits (``pending``, ``delivered``, ``failed``), newest first, each with its attempts."""

        async def pages() -> AsyncIterator[Sequence[types.WebhookDelivery]]:
            cursor: str | None = None
            while True:
                query = {"state": state, "limit": min(100, limit or 100), "cursor": cursor}
                page = await self._client._model(types.WebhookDeliveryList, Call("listDeliveries", path={"id": webhook_id}, query=query))
                yield page.data
                cursor = page.next_cursor
                if not page.has_more or not cursor:
                    return

        return AsyncPages(pages(), limit)

    async def redeliver(self, webhook_id: str, delivery_id: str, *, idempotency_key: str | None = None) -> types.WebhookDelivery:
        """Deliver an event again, whatever became of it, under the same ``webhook-id``."""
        return await self._client._model(
            types.WebhookDelivery,
            Call("redeliver", path={"id": webhook_id, "delivery_id": delivery_id}, json={}, idempotency_key=idempotency_key),
        )
