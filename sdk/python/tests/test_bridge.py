"""Bridges: a board of BrainFlow, and a file, as devices that the server starts and stops; and devices in general."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY, PROJECT, Proxy

import neurod

np = pytest.importorskip("numpy")

import neurod.live  # noqa: E402


@contextmanager
def bridged(source: neurod.live.Source, client: neurod.Client, device: str, **told: Any) -> Iterator[neurod.live.Bridge]:
    bridge = neurod.live.Bridge(source, client, device_id=device, **told)
    fault: list[BaseException] = []

    def run() -> None:
        try:
            bridge.run()
        except BaseException as err:
            fault.append(err)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield bridge
    finally:
        bridge.stop()
        thread.join(60)
    assert not thread.is_alive()
    assert not fault, fault


def until(what: Callable[[], Any], limit: float = 60.0) -> Any:
    end = time.monotonic() + limit
    while True:
        try:
            found = what()
        except neurod.NotFoundError:
            found = None
        if found:
            return found
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.1)


def device_id() -> str:
    return f"board_{uuid.uuid4().hex[:8]}"


def online(client: neurod.Client, device: str) -> Any:
    return until(lambda: (d := client.devices.get(device)).status == "ONLINE" and d)


def test_brainflow_as_a_device(client: neurod.Client, user: str, tmp_path: Path) -> None:
    pytest.importorskip("brainflow.board_shim")
    device, state = device_id(), tmp_path / "bridge.json"
    source = neurod.live.from_brainflow("SYNTHETIC_BOARD")
    with bridged(source, client, device, name="Board of the test", state=state, batch_s=0.5):
        there = online(client, device)
        assert there.driver == "remote"
        assert there.name == "Board of the test"
        assert there.capabilities.sample_rates == [source.sample_rate]
        assert len(there.capabilities.channels or []) == len(source.channels)
        assert device in [d.id for d in client.devices.list(search=device)]
        with pytest.raises(neurod.InvalidRequestError) as refused:
            client.devices.start(device, sample_rate=source.sample_rate + 1)
        assert refused.value.code == "INVALID_CONFIGURATION"
        chosen = list(source.channels)[2:5]
        started = client.devices.start(device, channels=chosen, external_user_id=user)
        session = client.sessions.get(str(started.session_id))
        assert session.channels == chosen
        assert session.sample_rate_hz == source.sample_rate
        with pytest.raises(neurod.ConflictError) as busy:
            client.devices.start(device)
        assert busy.value.code == "DEVICE_BUSY"
        until(lambda: (session.status().sample_count or 0) > 3 * source.sample_rate)
        observed = client.devices.get(device).observed
        assert observed is not None
        assert observed.samples > 0
        with pytest.raises(neurod.NeurodError):
            client.devices.check(device, seconds=4)  # a bridge measures nothing, and says so
    # The bridge has gone, and the stream has not: the next one, which is the same by its file, goes on with the session.
    assert session.status().ended_at is None
    with bridged(neurod.live.from_brainflow("SYNTHETIC_BOARD"), client, device, state=state, batch_s=0.5):
        before = session.status().sample_count or 0
        until(lambda: (session.status().sample_count or 0) > before + 2 * source.sample_rate)
        stopped = client.devices.stop(device)
        assert stopped.session_id == started.session_id
        ended = until(lambda: (s := session.status()).ended_at and s)
        assert not ended.overlapped_sample_count
        assert len(ended.gaps or []) >= 1
        assert until(lambda: client.devices.get(device).stream is None)
    batches = session.export_dict(include_raw=True)["raw_batches"]
    firsts = [b["first_sample"] for b in batches]
    assert firsts == sorted(firsts)
    assert firsts[0] == 0


def test_an_outage_loses_nothing(client: neurod.Client, user: str) -> None:
    proxy = Proxy()
    rate = 100
    samples = np.random.default_rng(3).normal(0, 10, (2, 20 * rate)).astype("f4")
    recorded = client.sessions.create(external_user_id=user, device_type="d", sample_rate_hz=rate, channels=["A", "B"], ingestion_mode="RECORDED")
    recorded.ingest(samples, t0_unix_ms=1_730_000_000_000)

    class Board(neurod.live.Source):
        channels, sample_rate, device_type = ("A", "B"), float(rate), "board"

        def open(self) -> None:
            self.at, self.began = 0, time.time()

        def read(self, timeout: float) -> neurod.live.Chunk | None:
            time.sleep(0.05)
            due = min(samples.shape[1], int((time.time() - self.began) * 4 * rate))  # four times as fast as it says
            if due <= self.at:
                return None
            part, first = samples[:, self.at : due], self.at
            self.at = due
            stamps = self.began + np.arange(first, due) / rate
            return neurod.live.Chunk(np.ascontiguousarray(part.T), stamps, ended=due == samples.shape[1])

        def close(self) -> None:
            pass

    device = device_id()
    with neurod.Client(KEY, PROJECT, base_url=proxy.url) as through, bridged(Board(), through, device, batch_s=0.5):
        online(client, device)
        started = client.devices.start(device, external_user_id=user)
        session = client.sessions.get(str(started.session_id))
        proxy.set(reset_before=1.0)
        time.sleep(2)
        proxy.set()
        ended = until(lambda: (s := session.status()).ended_at and s)
    assert ended.sample_count == samples.shape[1]
    assert not ended.overlapped_sample_count
    assert not ended.gaps
    raw = session.export_dict(include_raw=True)["raw_batches"]
    stored = np.concatenate([np.array([b["data"][c] for c in session.channels], dtype="f4") for b in raw], axis=1)
    assert np.array_equal(stored, samples)


def test_devices(client: neurod.Client, user: str) -> None:
    device = device_id()
    made = client.devices.create("synthetic", id=device, settings={"pattern": "sine"})
    assert made.status == "ONLINE"
    assert client.devices.get(device).id == device
    assert client.devices.configure(device, filters={"notch": 50}).config.filters is not None
    stream = client.devices.start(device, channels=[1, 2], external_user_id=user)
    session = client.sessions.get(str(stream.session_id))
    assert len(session.channels) == 2
    client.devices.stop(device)
    assert session.status().sample_count
    assert client.devices.impedance(device).device_id == device
    client.devices.delete(device)
    with pytest.raises(neurod.NotFoundError) as gone:
        client.devices.get(device)
    assert gone.value.code == "DEVICE_NOT_FOUND"
