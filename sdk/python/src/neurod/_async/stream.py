"""Following a session live, over WebSocket or server-sent events, without a message lost or doubled."""

from __future__ import annotations

import contextlib
import json as jsonlib
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING, Any, Literal

from .. import _errors, _frames
from .._core import Call
from .._http import httpx
from .._io import async_sleep
from .._views import DecodeMessage, FeaturesMessage, SessionEndedMessage, StreamMessage

if TYPE_CHECKING:
    from .client import AsyncClient

log = logging.getLogger("neurod")

QUIET = 50.0
"""Seconds without a byte after which a connection counts as lost: the service sends a ping every 20 s."""


class _Unavailable(Exception):
    """This transport cannot be had here; the other may."""


class _Lost(Exception):
    """The connection has ended and another one may go on."""


class AsyncStream:
    """The messages of a session in the order in which they were written: all of them, those behind ``after_seq``, or with
    ``"latest"`` those that come from the moment on at which the first is asked for.

    Iterate over it. A connection that breaks is made again and goes on behind the last message: none is lost, none comes twice. It ends with
    the session, whose end is the last message.

    ``last_seq`` is the number of the last message; kept somewhere, it lets another process go on there (``after_seq``).
    """

    def __init__(
        self, client: AsyncClient, session_id: str, *, after_seq: int | Literal["latest"] = 0, transport: str = "auto", max_outage: float | None = 300.0
    ) -> None:
        if transport not in ("auto", "websocket", "sse"):
            raise ValueError(f"transport is auto, websocket or sse, and not {transport!r}")
        self._client = client
        self._session_id = session_id
        self._transport = transport
        self._max_outage = max_outage
        self.last_seq: int | None = None if after_seq == "latest" else after_seq
        self.reconnects = 0
        """How often the connection was made again."""
        self.transport: str | None = None
        """Which transport the current connection has."""
        self._messages = self._all()

    def __aiter__(self) -> AsyncIterator[StreamMessage]:
        return self

    async def __anext__(self) -> StreamMessage:
        return await self._messages.__anext__()

    async def aclose(self) -> None:
        """End the stream."""
        await self._messages.aclose()

    async def __aenter__(self) -> AsyncStream:
        return self

    async def __aexit__(self, *fault: object) -> None:
        await self.aclose()

    async def _all(self) -> AsyncGenerator[StreamMessage, None]:
        if self.last_seq is None:
            # "From now on" must mean the same to every connection: messages are numbered from 1, and so many there are.
            status = await self._client._json(Call("sessionStatus", path={"id": self._session_id}), "window_count")
            self.last_seq = int(status["window_count"]) + int(status.get("decode_count") or 0)
        kind = "sse" if self._transport == "sse" else "websocket"
        failures, since = 0, time.monotonic()
        while True:
            self.transport = kind
            source = self._websocket() if kind == "websocket" else self._events()
            try:
                async for message in source:
                    failures, since = 0, time.monotonic()
                    if isinstance(message, SessionEndedMessage):
                        yield message
                        return
                    if message.seq <= self.last_seq:
                        continue
                    self.last_seq = message.seq
                    yield message
                raise _Lost("the connection ended")
            except _Unavailable as fault:
                if self._transport == "websocket":
                    raise _errors.StreamError(f"no WebSocket can be had of {self._client.base_url}: {fault}") from fault
                log.info("following session %s over server-sent events: %s", self._session_id, fault)
                kind = "sse"
                continue
            except (_Lost, httpx.TransportError, _frames.ProtocolError, OSError, _errors.APIConnectionError) as fault:
                failures += 1
                self.reconnects += 1
                log.debug("stream of session %s: %s, connecting again", self._session_id, fault)
                if self._max_outage is not None and time.monotonic() - since > self._max_outage:
                    raise _errors.APIConnectionError(
                        f"the stream of session {self._session_id} has been away for more than {self._max_outage:g} s; go on with after_seq={self.last_seq}"
                    ) from fault
            finally:
                await source.aclose()
            if failures > 1:
                await async_sleep(self._client.retry.pause(min(failures - 1, 8)))

    async def _websocket(self) -> AsyncGenerator[StreamMessage, None]:
        granted = await self._client._json(Call("wsToken", path={"id": self._session_id}), "ws_token")
        key, accept = _frames.handshake()
        url = f"{self._client.base_url}/v1/ws"
        request = self._client._http.build_request(
            "GET",
            url,
            params={"session_id": self._session_id, "after_seq": str(self.last_seq)},
            headers={
                "User-Agent": self._client._headers["User-Agent"],
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": key,
                "Sec-WebSocket-Protocol": f"neurod.v1, ws_token.{granted['ws_token']}",
            },
            timeout=httpx.Timeout(self._client.timeout, connect=15.0),
        )
        response = await self._client._http.send(request, stream=True)
        try:
            if response.status_code != 101:
                await self._refused(response)
            stream: Any = response.extensions.get("network_stream")
            if stream is None or response.headers.get("sec-websocket-accept") != accept:
                raise _Unavailable("what answers is no WebSocket")
            reader = _frames.Reader()
            while True:
                try:
                    data = await stream.read(1 << 16, timeout=QUIET)
                except Exception as fault:  # of the connection's own library, which has other names for them
                    raise _Lost(f"{type(fault).__name__}") from fault
                if not data:
                    raise _Lost("the connection ended")
                for frame in reader.feed(data):
                    if frame.kind == _frames.PING:
                        await stream.write(_frames.control(_frames.PONG, frame.payload), timeout=QUIET)
                    elif frame.kind == _frames.CLOSE:
                        with contextlib.suppress(Exception):
                            await stream.write(_frames.closing(), timeout=5.0)
                        if frame.close_code == 1008:
                            raise _errors.StreamError(f"the service ended the stream: {frame.close_reason or 'policy'}", code="1008")
                        raise _Lost(f"closed with {frame.close_code}")
                    elif frame.kind == _frames.TEXT:
                        message = _message(frame.payload)
                        if message is not None:
                            yield message
        finally:
            with contextlib.suppress(Exception):
                await response.aclose()

    async def _events(self) -> AsyncGenerator[StreamMessage, None]:
        call = Call(
            "featureStream",
            path={"id": self._session_id},
            query={"after_seq": self.last_seq},
            accept="text/event-stream",
            stream=True,
            timeout=QUIET,
        )
        response = await self._client._call(call)
        try:
            if not response.headers.get("content-type", "").startswith("text/event-stream"):
                raise _errors.StreamError("what answers is no event stream")
            reader = _frames.EventReader()
            async for data in response.aiter_raw():
                for event in reader.feed(data):
                    message = _message(event.data.encode(), event.name, event.id)
                    if message is not None:
                        yield message
        finally:
            await response.aclose()

    async def _refused(self, response: httpx.Response) -> None:
        body = await response.aread()
        error = _errors.from_answer(response.status_code, response.headers, body)
        if response.status_code in (401, 403, 404) and error.code:
            raise error
        pause = self._client.retry.after_answer(1, response.status_code, response.headers, error.code)
        if pause is not None:
            await async_sleep(pause)
            raise _Lost(str(error))
        raise _Unavailable(f"HTTP {response.status_code}")


def _message(payload: bytes, name: str | None = None, seq: str | None = None) -> StreamMessage | None:
    """Return a typed message; None for a type that this version does not know."""
    document = jsonlib.loads(payload)
    if name is not None and "type" not in document:
        document = {"type": name, "data": document, **({"seq": int(seq)} if seq and name != "session_ended" else {})}
    kind = document.get("type")
    if kind == "features":
        return FeaturesMessage.model_validate(document)
    if kind == "decode":
        return DecodeMessage.model_validate(document)
    if kind == "session_ended":
        return SessionEndedMessage.model_validate({"type": kind, "data": document.get("data") or {}})
    return None
