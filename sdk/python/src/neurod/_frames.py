"""Frames of WebSocket (RFC 6455) and server-sent events (WHATWG HTML) as a client reads them: bytes in, messages out, no input or output.

The client of this package only listens, so this is all that it needs of WebSocket, over whatever connection the HTTP library has made, with its
proxies and certificates.
"""

from __future__ import annotations

import base64
import hashlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MAX_MESSAGE = 64 << 20


class ProtocolError(Exception):
    """What came is no WebSocket or no event stream."""


@dataclass(frozen=True)
class Frame:
    kind: int
    payload: bytes

    @property
    def close_code(self) -> int:
        return int.from_bytes(self.payload[:2], "big") if len(self.payload) >= 2 else 1005

    @property
    def close_reason(self) -> str:
        return self.payload[2:].decode("utf-8", "replace")


def handshake() -> tuple[str, str]:
    """Return a random key, and the accept value that a server must answer it with."""
    key = base64.b64encode(os.urandom(16)).decode()
    return key, base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()


def control(kind: int, payload: bytes = b"") -> bytes:
    """Return a control frame as a client sends it, masked."""
    mask = os.urandom(4)
    masked = bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
    return bytes([0x80 | kind, 0x80 | len(payload)]) + mask + masked


def closing(code: int = 1000) -> bytes:
    """Return the frame that ends a connection."""
    return control(CLOSE, struct.pack(">H", code))


class Reader:
    """Takes bytes as they come and gives whole messages and control frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._kind = 0
        self._size = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        self._buffer += data
        while (frame := self._next()) is not None:
            final, kind, payload = frame
            if kind >= CLOSE:
                if not final or len(payload) > 125:
                    raise ProtocolError("a control frame that is too long or in parts")
                yield Frame(kind, payload)
                continue
            if kind == CONTINUATION and not self._parts:
                raise ProtocolError("the rest of a message that never began")
            if kind != CONTINUATION:
                if self._parts:
                    raise ProtocolError("a message within another")
                self._kind = kind
            self._parts.append(payload)
            self._size += len(payload)
            if self._size > MAX_MESSAGE:
                raise ProtocolError("a message that is too long")
            if final:
                whole = b"".join(self._parts)
                self._parts, self._size = [], 0
                yield Frame(self._kind, whole)

    def _next(self) -> tuple[bool, int, bytes] | None:
        b = self._buffer
        if len(b) < 2:
            return None
        if b[0] & 0x70:
            raise ProtocolError("reserved bits, though no extension was agreed on")
        if b[1] & 0x80:
            raise ProtocolError("a masked frame of a server")
        length, at = b[1] & 0x7F, 2
        if length == 126:
            if len(b) < 4:
                return None
            length, at = int.from_bytes(b[2:4], "big"), 4
        elif length == 127:
            if len(b) < 10:
                return None
            length, at = int.from_bytes(b[2:10], "big"), 10
        if length > MAX_MESSAGE:
            raise ProtocolError("a frame that is too long")
        if len(b) < at + length:
            return None
        payload = bytes(b[at : at + length])
        final, kind = bool(b[0] & 0x80), b[0] & 0x0F
        del b[: at + length]
        return final, kind, payload


@dataclass(frozen=True)
class Event:
    name: str
    data: str
    id: str


class EventReader:
    """Takes the bytes of an event stream and gives its events."""

    def __init__(self) -> None:
        self._buffer = b""
        self._name = ""
        self._data: list[str] = []
        self._id = ""

    def feed(self, data: bytes) -> Iterator[Event]:
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        if len(self._buffer) > MAX_MESSAGE:
            raise ProtocolError("an event that is too long")
        for raw in lines:
            line = raw.rstrip(b"\r").decode("utf-8", "replace")
            if not line:
                if self._data:
                    yield Event(self._name or "message", "\n".join(self._data), self._id)
                self._name, self._data = "", []
                continue
            if line.startswith(":"):
                continue
            name, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            if name == "event":
                self._name = value
            elif name == "data":
                self._data.append(value)
            elif name == "id":
                self._id = value
