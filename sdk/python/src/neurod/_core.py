"""How a call is described, told and judged, whoever sends it: nothing here does input or output but reading files that are sent."""

from __future__ import annotations

import json as jsonlib
import os
import platform
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from . import _check
from ._errors import NeurodError
from ._http import httpx
from ._operations import OPERATIONS
from ._version import __version__

DEFAULT_BASE_URL = "http://localhost:8000"
USER_AGENT = f"neurod-python/{__version__} ({sys.implementation.name} {platform.python_version()}; {platform.system()})"

CHUNK = 256 << 10
"""Bytes of a body that are handed to the connection at once: whole bodies would be copied again for every part that the kernel takes."""

captured: ContextVar[list[httpx.Response] | None] = ContextVar("neurod_captured", default=None)
"""Where ``with_raw_response`` collects the answers of a call."""


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body in memory or in a file, which can be sent more than once."""

    def __init__(
        self, content: bytes | bytearray | memoryview | None = None, path: str | os.PathLike[str] | None = None, told: Callable[[int], None] | None = None
    ):
        self._content = memoryview(content).cast("B") if content is not None else None
        self._path = path
        self._told = told
        self.length = len(self._content) if self._content is not None else os.stat(path).st_size if path is not None else 0

    def __iter__(self) -> Iterator[bytes]:
        done = 0
        for part in self._parts():
            yield part
            done += len(part)
            if self._told is not None:
                self._told(done)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self:
            yield part

    def _parts(self) -> Iterator[bytes]:
        if self._content is not None:
            for at in range(0, len(self._content), CHUNK):
                yield self._content[at : at + CHUNK]  # type: ignore[misc]  # a view does, and nothing is copied
        elif self._path is not None:
            with open(self._path, "rb") as f:
                while part := f.read(CHUNK):
                    yield part


@dataclass(slots=True)
class Call:
    """One call of the API."""

    operation: str
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] | None = None
    json: Any = None
    body: Body | None = None
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: str = "project"
    """Whose credential: ``project`` (the API key, or the token of a login), ``user`` (the token), ``none``."""
    once: bool = False
    """A repetition would do harm, and no key keeps it from that: only connections that were never made are tried again."""
    timeout: float | None = None
    accept: str = "application/json"
    idempotency_key: str | None = None
    stream: bool = False

    @property
    def method(self) -> str:
        return OPERATIONS[self.operation].method

    @property
    def url(self) -> str:
        path = OPERATIONS[self.operation].path
        for name, value in self.path.items():
            before, _, _ = path.partition("/{" + name + "}")
            # {id} behind sessions is the argument session_id.
            argument = before.rpartition("/")[2].rstrip("s") + "_id" if name == "id" else name
            path = path.replace("{" + name + "}", quote(_check.identifier(argument, value), safe=""))
        return path

    def prepared(self) -> tuple[dict[str, str], Body | bytes | None]:
        """Return the headers and the body, made once a call: repetitions send the same ones."""
        headers = {"Accept": self.accept, **self.headers}
        operation = OPERATIONS[self.operation]
        if operation.idempotent and not self.once:
            headers.setdefault("Idempotency-Key", self.idempotency_key or str(uuid.uuid4()))
        content: Body | bytes | None = None
        if self.body is not None:
            content = self.body
            headers["Content-Type"] = self.content_type or "application/octet-stream"
            headers["Content-Length"] = str(self.body.length)
        elif self.json is not None:
            content = jsonlib.dumps(self.json, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
            headers["Content-Type"] = "application/json"
        elif operation.method == "POST":
            content = b""
        return headers, content

    def params(self) -> dict[str, str] | None:
        """Return the query, without what is None."""
        if not self.query:
            return None
        told = {}
        for name, value in self.query.items():
            if value is None:
                continue
            if isinstance(value, bool):
                value = "true" if value else "false"
            elif isinstance(value, (list, tuple, set)):
                value = ",".join(map(str, value))
            told[name] = str(value)
        return told


def credential(argument: str | None, variable: str) -> str | None:
    """Return what was given, or what the environment has.

    The examples of the documents show ``vxl_...`` and ``your-project-id``: such a text is no credential but a place for one, and the
    environment fills it.
    """
    given = (argument or "").strip()
    if given and not (given.endswith("...") or given.startswith("your-") or (given.startswith("<") and given.endswith(">"))):
        return given
    found = os.environ.get(variable, "").strip()
    if found:
        return found
    if given:
        raise NeurodError(f"{given!r} stands in the examples for a value of your own: give it, or set {variable}")
    return None


def parse_link(header: str | None) -> str | None:
    """Return the address of the next page in a ``Link`` header."""
    for part in (header or "").split(","):
        address, _, rest = part.partition(";")
        if 'rel="next"' in rest.replace(" ", "") or "rel=next" in rest.replace(" ", ""):
            return address.strip().strip("<>")
    return None
