"""What the tests share: a client of the server that the harness started (test/clients in the repository)."""

from __future__ import annotations

import json
import os
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import neurod

URL = os.environ.get("NEUROD_TEST_URL", "")
KEY = os.environ.get("NEUROD_TEST_API_KEY", "")
PROJECT = os.environ.get("NEUROD_TEST_PROJECT_ID", "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not URL:
        for item in items:
            if "client" in getattr(item, "fixturenames", ()) or "server" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.skip(reason="no server: NEUROD_TEST_URL is not set; NOT run"))


@pytest.fixture
def server() -> str:
    return URL


@pytest.fixture
def client(server: str) -> Iterator[neurod.Client]:
    with neurod.Client(KEY, PROJECT, base_url=server) as c:
        yield c


@pytest.fixture
def user() -> str:
    """A person of the test's own."""
    return f"user-{uuid.uuid4().hex[:12]}"


class Proxy:
    """The fault proxy."""

    def __init__(self) -> None:
        self.url = os.environ["NEUROD_TEST_PROXY_URL"]
        self._control = os.environ["NEUROD_TEST_PROXY_CONTROL"]

    def set(self, **faults: Any) -> None:
        request = urllib.request.Request(self._control, json.dumps(faults).encode(), method="PUT")
        urllib.request.urlopen(request).close()

    def counts(self) -> dict[str, int]:
        with urllib.request.urlopen(self._control) as answer:
            counted: dict[str, int] = json.load(answer)
        return counted


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    p = Proxy()
    yield p
    p.set()


@pytest.fixture
def recordings() -> Path:
    """The folder of public recordings."""
    found = os.environ.get("NEUROD_EEG_DATA")
    if not found:
        if os.environ.get("NEUROD_EEG_REQUIRED") == "1":
            pytest.fail("NEUROD_EEG_DATA is not set")
        pytest.skip("NEUROD_EEG_DATA: no recordings; NOT run")
    return Path(found)


Wave = Callable[..., list[list[float]]]


@pytest.fixture
def wave() -> Wave:
    """Channels of sines with a little noise, in µV."""
    import math
    import random

    def make(channels: int = 8, samples: int = 1000, rate: float = 250, seed: int = 1) -> list[list[float]]:
        rng = random.Random(seed)
        return [[10 * math.sin(2 * math.pi * 10 * i / rate + c) + rng.gauss(0, 8) for i in range(samples)] for c in range(channels)]

    return make


HANDS = ["Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2"]
