"""What is wrong with an argument is said by its name, before anything is sent."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

__all__ = ["address", "identifier", "list_of", "mapping", "names"]


def list_of(name: str, values: Any, what: str = "names") -> list[Any]:
    """Return values as a list; TypeError where they are one text, which would come apart into its letters, or no list at all."""
    if isinstance(values, (str, bytes, bytearray)):
        raise TypeError(f"{name} is a list of {what}, and not the text {short(values)}: write [{short(values)}]")
    if isinstance(values, Mapping) or not isinstance(values, Iterable):
        raise TypeError(f"{name} is a list of {what}, and not {short(values)}")
    return list(values)


def names(name: str, values: Any, what: str = "names") -> list[str]:
    """Return a list of texts; TypeError says which of them is none."""
    told = list_of(name, values, what)
    for i, value in enumerate(told):
        if not isinstance(value, str):
            raise TypeError(f"{name}[{i}] is {short(value)}, and no text")
    return [str(value) for value in told]  # texts of numpy, too


def mapping(name: str, value: Any, form: str) -> dict[str, Any]:
    """Return a dictionary with texts as keys; TypeError where it is none."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} is a dictionary such as {form}, and not {short(value)}")
    return {str(k): v for k, v in value.items()}


def identifier(name: str, value: Any) -> str:
    """Return an id or a name as it goes into a path; TypeError or ValueError where it is none."""
    if isinstance(value, uuid.UUID):
        return str(value)
    if not isinstance(value, str):
        told = getattr(value, "session_id", None) or getattr(value, "id", None)
        raise TypeError(f"{name} is a text, and not {short(value)}" + (f": give its id, {told!r}" if isinstance(told, str) else ""))
    if not value.strip():
        raise ValueError(f"{name} is empty")
    if value in (".", ".."):
        raise ValueError(f"{name} is no {value!r}")
    return value


def address(base_url: Any) -> str:
    """Return the address of a server; ValueError where it is none."""
    if not isinstance(base_url, str):
        raise TypeError(f"base_url is a text, and not {short(base_url)}")
    told = base_url.strip().rstrip("/")
    try:
        parts = urlsplit(told)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good:
        hint = f", such as http://{told}" if told and "://" not in told else ", such as http://localhost:8000"
        raise ValueError(f"base_url {base_url!r} is no address: it begins with http:// or https://{hint}")
    return told


def short(value: Any) -> str:
    told = repr(value)
    return told if len(told) <= 60 else told[:57] + "..."
