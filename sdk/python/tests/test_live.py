"""Live sources: LSL and BrainFlow as they ship, files, losses of source and service."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY, PROJECT, Proxy

import neurod

np = pytest.importorskip("numpy")

import neurod.live  # noqa: E402
from neurod.live._grid import SLOW, Grid, Places  # noqa: E402

LONG = os.environ.get("NEUROD_TEST_LONG") == "1"
SECONDS = 60.0 if LONG else 10.0


def stored(session: neurod.Session) -> tuple[Any, Any]:
    """Return the samples of a session (samples × channels) and the Unix time of each, as the session has them."""
    raw = session.export_dict(include_raw=True)["raw_batches"]
    fresh = session.status()
    assert not fresh.overlapped_sample_count
    rate = session.sample_rate_hz
    samples = np.concatenate([np.array([b["data"][c] for c in session.channels], dtype="f4").T for b in raw])
    times = np.concatenate([b["t0_unix_ms"] / 1000 + np.arange(b["sample_count"]) / rate for b in raw])
    return samples, times


class Lateness:
    """How late this machine wakes a thread at most: what is measured beside it cannot be truer than that."""

    def __init__(self) -> None:
        self.most = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._measure, daemon=True)
        self._thread.start()

    def _measure(self) -> None:
        while not self._stop.is_set():
            before = time.monotonic()
            time.sleep(0.002)
            self.most = max(self.most, time.monotonic() - before - 0.002)

    def __enter__(self) -> Lateness:
        return self

    def __exit__(self, *fault: object) -> None:
        self._stop.set()
        self._thread.join()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("counted", [False, True])
def test_grid(seed: int, counted: bool) -> None:
    """Times of samples from stamps that jitter, come in bursts and stall, with gaps of any length and a clock that drifts."""
    rng = np.random.default_rng(seed)
    rate, n = 250.0, 10_000
    true_rate = rate * (1 + rng.uniform(-50e-6, 50e-6))
    index = np.arange(n)
    gaps = np.zeros(n, dtype=int)
    for at in rng.choice(np.arange(1000, 9000, 700), 4, replace=False):
        gaps[at:] += int(rng.choice([20, 60, 100, 1000]))
    true = 1e9 + (index + gaps) / true_rate
    stamps = true + np.abs(rng.normal(0, 0.003, n))
    for at in range(500, n, 2900):  # a stall of 0.3 s, after which everything comes at once
        if gaps[at - 200] == gaps[min(n - 1, at + 300)]:
            stamps[at : at + 75] = np.maximum(stamps[at : at + 75], true[at] + 0.3)
    counter = (index + gaps) % 256 if counted else None
    grid = Grid(rate)
    times, missing, rest, at = np.full(n, np.nan), [], 0, 0
    while at < n:
        stop = min(n, at + int(rng.choice([1, 8, 12, 13, 100])))
        runs, taken = grid.place(stamps[at - rest : stop], counter[at - rest : stop] if counter is not None else None, 256, final=stop == n)
        for run in runs:
            base = at - rest
            times[base + run.start : base + run.stop] = run.t0 + np.arange(run.stop - run.start) / rate
            if run.missing:
                missing.append((base + run.start, run.missing))
        rest = stop - (at - rest) - taken
        at = stop
    assert not np.isnan(times).any()
    error = times - true - 0.0024  # the mean of the jitter
    assert np.abs(error[250:]).max() < 0.005, np.abs(error).max()
    steps = np.flatnonzero(np.diff(gaps))
    assert [m[0] for m in missing] == [int(s) + 1 for s in steps]
    for (_, told), s in zip(missing, steps):
        assert abs(told - (gaps[s + 1] - gaps[s])) <= 2


def test_a_clock_that_is_set_back_loses_nothing() -> None:
    grid = Grid(100.0)
    stamps = 1e9 + np.arange(2000) / 100
    stamps[1000:] -= 30
    runs = []
    for at in range(0, 2000, 100):
        runs += grid.place(stamps[at : at + 100])[0]
    assert sum(r.stop - r.start for r in runs) == 2000
    assert not any(r.missing for r in runs)
    assert grid.set_back == 1


def place_all(true: Any, stamps: Any, counter: Any, rate: float, allowed: float = 0.005) -> tuple[Places, Any]:
    """Return the places that samples get in batches of a second, and by how much their times are off."""
    grid, places, error, rest = Grid(rate), Places(rate, allowed), np.empty(len(true)), 0
    for at in range(0, len(true), round(rate)):
        first, stop = at - rest, min(len(true), at + round(rate))
        runs, taken = grid.place(stamps[first:stop], None if counter is None else counter[first:stop], 256, final=stop == len(true))
        for run in runs:
            place = places.put(run.t0, run.least, run.stop - run.start, run.missing)
            assert places.origin is not None
            span = slice(first + run.start, first + run.stop)
            error[span] = places.origin + (place + np.arange(run.stop - run.start)) / rate - true[span]
        rest = stop - first - taken
    return places, error


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("counted", [False, True])
def test_late_stamps_of_a_busy_host_leave_no_place_free(seed: int, counted: bool) -> None:
    """Stamps that are late for some seconds, again and again, and come back: nothing is missing, and no window is lost for it."""
    rng = np.random.default_rng(seed)
    rate, n = 250.0, 250 * 90
    index = np.arange(n)
    true = 1e9 + index / rate
    stamps = true + np.abs(rng.normal(0, 0.001, n))
    for at in range(10, 80, 14):
        late = slice(round(at * rate), round((at + rng.uniform(2, 5)) * rate))
        stamps[late] += rng.uniform(0.02, 0.2) if counted else rng.uniform(0.004, 0.007)
    places, error = place_all(true, stamps, index % 256 if counted else None, rate)
    assert places.resyncs == 0
    assert places.next == n  # no place is free
    assert np.abs(error).max() < 0.005


@pytest.mark.parametrize("slow", [200e-6, 2e-3])
def test_a_slow_source_leaves_places_free(slow: float) -> None:
    """The times of a source that runs slower than it says stay with its clock."""
    rate, n = 250.0, 250 * 300
    index = np.arange(n)
    true = 1e9 + index / (rate * (1 - slow))
    places, error = place_all(true, true, index % 256, rate)
    assert places.resyncs > 0
    assert -0.006 - 1.5 * SLOW * slow < error.min()
    assert error.max() < 0.006


def test_brainflow(client: neurod.Client, user: str) -> None:
    board_shim = pytest.importorskip("brainflow.board_shim")
    source = neurod.live.from_brainflow("SYNTHETIC_BOARD")
    kept: list[Any] = []
    read = source.read

    def reading(timeout: float) -> Any:
        chunk = read(timeout)
        if chunk is not None:
            kept.append((chunk.samples.copy(), chunk.stamps.copy()))
        return chunk

    source.read = reading  # type: ignore[method-assign]
    with Lateness() as lateness, source.record(client, external_user_id=user) as recording:
        assert len(recording.session.channels) == len(board_shim.BoardShim.get_eeg_channels(-1))
        time.sleep(SECONDS / 2)
        source.insert_marker(3)
        time.sleep(SECONDS / 2)
    stats = recording.stats
    sent, stamps = np.concatenate([k[0] for k in kept]), np.concatenate([k[1] for k in kept])
    assert stats.samples_read == stats.samples_sent == len(sent)
    assert stats.samples_dropped == 0
    samples, times = stored(recording.session)
    np.testing.assert_array_equal(samples, sent)  # every one, in order
    # A stamp is late where the machine was busy; its time is that of the board's clock, which the least late ones follow.
    late = times - stamps
    least = np.array([np.max(late[i : i + 250]) for i in range(0, len(late) - 250, 50)])
    print(f"{len(sent)} samples, times within {1000 * np.abs(least).max():.2f} ms, threads late by {1000 * lateness.most:.1f} ms; {stats}")
    assert np.abs(least).max() < 0.005 + lateness.most
    events = list(recording.session.events.list())
    assert [e.code for e in events] == [3]
    assert events[0].sample is not None
    assert stats.samples_missing == 0


def outlet(name: str, rate: float, channels: list[str], kind: str = "EEG", text: bool = False) -> Any:
    pylsl = pytest.importorskip("pylsl")
    info = pylsl.StreamInfo(name, kind, len(channels), rate, "string" if text else "float32", f"source-{name}")
    described = info.desc().append_child("channels")
    for label in channels:
        described.append_child("channel").append_child_value("label", label).append_child_value("unit", "microvolts").append_child_value("type", "EEG")
    return pylsl.StreamOutlet(info, chunk_size=0, max_buffered=360)


@pytest.mark.parametrize("offset", [0.0, 12345.678, -3.5], ids=["own clock", "ahead", "behind"])
def test_lsl(client: neurod.Client, user: str, offset: float) -> None:
    """A stream with jitter, a gap of 1.5 s and, of two of three, stamps of another clock."""
    pylsl = pytest.importorskip("pylsl")
    rate, channels, seconds = 250, ["C3", "C4", "Cz", "Pz"], SECONDS if offset == 0 else 5.0
    stream, marks = outlet(user, rate, channels), outlet(user + "-marks", 0, ["m"], "Markers", text=True)
    source = neurod.live.from_lsl(user, markers=user + "-marks", timeout=30)
    lateness = Lateness()
    recording = source.record(client, external_user_id=user)
    assert list(recording.session.channels) == channels
    rng = np.random.default_rng(4)
    unix = np.mean([time.time() - pylsl.local_clock() for _ in range(50)])
    n, pushed, due = int(seconds * rate), [], []
    begun = pylsl.local_clock() + 0.05
    gap_at = n // 2
    for first in range(0, n, 5):  # packets of 5 samples, each pushed when its last one is due, a little late
        index = np.arange(first, min(n, first + 5))
        when = begun + index / rate + np.where(index >= gap_at, 1.5, 0.0)
        wait = when[-1] + abs(rng.normal(0, 0.002)) - pylsl.local_clock()
        if wait > 0:
            time.sleep(wait)
        values = np.column_stack([index + 0.25 * c for c in range(4)]).astype("f4")
        for row, stamp in zip(values, when + rng.normal(0, 0.001, len(when))):
            stream.push_sample(row.tolist(), stamp + offset, pushthrough=True)
        if first == n // 4 // 5 * 5:
            marks.push_sample(["left"], when[-1] + offset)
        pushed.append(values)
        due.append(when + unix)
    time.sleep(1.0)
    stats = recording.stop()
    lateness.__exit__()
    sent, true = np.concatenate(pushed), np.concatenate(due)
    assert stats.samples_sent == len(sent), stats
    samples, times = stored(recording.session)
    np.testing.assert_array_equal(samples, sent)
    error = times - true
    print(f"times {1000 * error.mean():.2f} ms off, at most {1000 * np.abs(error).max():.2f} ms, threads late by {1000 * lateness.most:.1f} ms; {stats}")
    # Of a clock that nobody knows only the least delay can be told; that is the machine's and the network's.
    assert np.abs(error if offset == 0 else error - np.median(error)).max() < 0.005 + lateness.most
    assert np.abs(np.median(error)) < (0.005 if offset == 0 else 0.05) + lateness.most
    gaps = recording.session.status().gaps or []
    assert len([g for g in gaps if g.samples > 10]) == 1
    assert stats.gaps == 1
    events = list(recording.session.events.list())
    assert [e.label for e in events] == ["left"]


class Counting(neurod.live.Source):
    """A source that gives numbered samples in real time and is away for a while when it is told."""

    def __init__(self, rate: float = 250.0) -> None:
        self.channels, self.sample_rate, self.device_type = ["C3", "C4"], rate, "COUNTING"
        self.away = threading.Event()
        self.opened = 0
        self._done = 0
        self._began = time.time()

    def open(self) -> None:
        if self.away.is_set():
            raise neurod.live.SourceLost("still away")
        self.opened += 1

    def read(self, timeout: float) -> neurod.live.Chunk | None:
        time.sleep(0.02)
        if self.away.is_set():
            self._done = int((time.time() - self._began) * self.sample_rate)  # what passes meanwhile is gone
            raise neurod.live.SourceLost("unplugged")
        until = int((time.time() - self._began) * self.sample_rate)
        if until <= self._done:
            return None
        index = np.arange(self._done, until)
        self._done = until
        return neurod.live.Chunk(np.column_stack([index, -index]).astype("f4"), self._began + index / self.sample_rate)

    def close(self) -> None:
        pass


def test_what_comes_just_behind_a_gap_is_sent(client: neurod.Client, user: str) -> None:
    """The end comes before a gap is sure: what was read behind it is stored all the same."""

    class Short(Counting):
        done = threading.Event()

        def read(self, timeout: float) -> neurod.live.Chunk | None:
            index = np.arange(self._done, self._done + 25)
            if self._done >= 525:
                self.done.set()
                time.sleep(0.05)
                return None
            self._done += 25
            when = self._began - 3 + index / 250 + np.where(index >= 500, 1.0, 0.0)
            return neurod.live.Chunk(np.column_stack([index, -index]).astype("f4"), when)

    source = Short()
    recording = source.record(client, external_user_id=user)
    assert source.done.wait(30)
    stats = recording.stop()
    assert stats.samples_sent == stats.samples_read == 525
    samples, _ = stored(recording.session)
    np.testing.assert_array_equal(samples[:, 0], np.arange(525))


def test_the_source_goes_and_comes_back(client: neurod.Client, user: str) -> None:
    source = Counting()
    recording = source.record(client, external_user_id=user)
    time.sleep(1.5)
    source.away.set()
    time.sleep(1.0)
    source._done = int((time.time() - source._began) * source.sample_rate)
    source.away.clear()
    time.sleep(2.0)
    stats = recording.stop()
    assert source.opened == 2
    assert stats.source_reconnects == 1
    assert stats.samples_sent == stats.samples_read
    samples, times = stored(recording.session)
    np.testing.assert_allclose(times, source._began + samples[:, 0] / 250, atol=0.005)
    assert any("lost" in note for note in stats.notes)
    assert any("back" in note for note in stats.notes)


def test_the_service_goes_and_comes_back(proxy: Proxy, client: neurod.Client, user: str) -> None:
    """What comes while the service is away waits; what is more than the buffer holds is dropped, oldest first, and told."""
    source = Counting()
    with neurod.Client(KEY, PROJECT, base_url=proxy.url, timeout=10) as broken:
        recording = source.record(broken, external_user_id=user)
        time.sleep(1.5)
        proxy.set(seed=3, reset_before=1.0)
        time.sleep(1.5)
        proxy.set(seed=3, lose_answer=0.3, cut_answer=0.2, unavailable=0.2)
        time.sleep(1.0)
        proxy.set()
        stats = recording.stop()
    assert stats.samples_dropped == 0
    assert stats.samples_sent == stats.samples_read
    samples, _ = stored(client.sessions.get(recording.session.session_id))
    np.testing.assert_array_equal(samples[:, 0], np.arange(samples[0, 0], samples[0, 0] + len(samples)))

    source = Counting()
    with neurod.Client(KEY, PROJECT, base_url=proxy.url, timeout=10) as broken:
        recording = source.record(broken, external_user_id=user, buffer_s=1.0)
        time.sleep(1.5)
        proxy.set(seed=3, unavailable=1.0)
        time.sleep(3.0)
        proxy.set()
        stats = recording.stop()
    assert stats.samples_dropped > 100
    assert stats.samples_sent + stats.samples_dropped == stats.samples_read
    samples, times = stored(client.sessions.get(recording.session.session_id))
    np.testing.assert_allclose(times, source._began + samples[:, 0] / 250, atol=0.006)
    assert any("dropped" in note for note in stats.notes)


def test_an_outage_loses_nothing(proxy: Proxy, client: neurod.Client, user: str, caplog: pytest.LogCaptureFixture) -> None:
    """The service is away for longer than a client of its own is patient, and then has no room: what waited is sent in a few large batches."""
    span = 30.0 if LONG else 7.0
    recordings = []
    with (
        neurod.Client(KEY, PROJECT, base_url=proxy.url) as usual,
        neurod.Client(KEY, PROJECT, base_url=proxy.url, max_retries=0) as hasty,
        caplog.at_level("WARNING", "neurod.live"),
    ):
        for c in (usual, hasty):
            recordings.append((source := Counting(), source.record(c, external_user_id=user)))
        time.sleep(2.0)
        proxy.set(seed=3, reset_before=1.0)
        time.sleep(span)
        proxy.set(seed=3, unavailable=1.0)
        time.sleep(1.0)
        proxy.set(seed=3, too_many=1.0, retry_after=1)
        time.sleep(span / 2)
        before = proxy.counts()["too_many"]
        proxy.set(seed=3, too_many=0.3, retry_after=1)
        time.sleep(span / 2)
        proxy.set()
        assert all(r.running for _, r in recordings)
        stats = [r.stop() for _, r in recordings]
    assert before <= 2 * (span / 2 + 2)  # no faster than Retry-After has it
    for (source, recording), told in zip(recordings, stats):
        assert told.samples_dropped == told.samples_waiting == 0, told
        assert told.samples_sent == told.samples_read
        assert told.service_outages >= 1
        session = client.sessions.get(recording.session.session_id)
        assert session.ended_at is not None
        assert recording.session.ended_at == session.ended_at
        samples, times = stored(session)
        np.testing.assert_array_equal(samples[:, 0], np.arange(samples[0, 0], samples[0, 0] + len(samples)))
        np.testing.assert_allclose(times, source._began + samples[:, 0] / 250, atol=0.006)
        assert (session.status().batch_count or 0) < 3 + span  # of more than twice as many seconds
    assert any(r.levelname == "WARNING" and "away" in r.getMessage() for r in caplog.records)
    assert any("is back" in r.getMessage() for r in caplog.records)


def test_a_stop_while_the_service_is_away(proxy: Proxy, user: str, caplog: pytest.LogCaptureFixture) -> None:
    """It returns, and says what is dropped."""
    with neurod.Client(KEY, PROJECT, base_url=proxy.url) as c, caplog.at_level("WARNING", "neurod.live"):
        recording = Counting().record(c, external_user_id=user)
        time.sleep(2.0)
        proxy.set(seed=3, reset_before=1.0)
        time.sleep(2.0)
        began = time.monotonic()
        stats = recording.stop(timeout=1.0)
        assert time.monotonic() - began < 30
        assert stats.samples_dropped > 200
        assert stats.samples_sent + stats.samples_dropped == stats.samples_read
        assert stats.samples_waiting == 0
        assert recording.stop() is stats  # again
    told = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert any(f"{stats.samples_dropped} samples" in m and "dropped" in m for m in told)
    assert any("may be open" in m for m in told)


def test_what_ends_a_recording_ends_its_session(client: neurod.Client, user: str) -> None:
    """A source that breaks with an error of its own: what it gave is stored, and whoever follows the session is told."""

    class Broken(Counting):
        def read(self, timeout: float) -> neurod.live.Chunk | None:
            if self._done > 500:
                raise RuntimeError("a fault of the driver")
            return super().read(timeout)

    recording = Broken().record(client, external_user_id=user)
    assert list(recording.session.stream())[-1].type == "session_ended"
    with pytest.raises(RuntimeError, match="driver"):
        recording.stop()
    assert recording.stats.samples_sent == recording.stats.samples_read > 500


def test_markers_that_are_refused(client: neurod.Client, user: str) -> None:
    source = Counting()
    read = source.read

    def marked(timeout: float) -> neurod.live.Chunk | None:
        chunk = read(timeout)
        if chunk is not None and source._done < 500:
            chunk.markers += [neurod.live.Marker(float(chunk.stamps[0]), "good"), neurod.live.Marker(float(chunk.stamps[0]), "", -(1 << 40))]
        return chunk

    source.read = marked  # type: ignore[method-assign]
    recording = source.record(client, external_user_id=user)
    time.sleep(3.0)
    stats = recording.stop()
    assert stats.samples_sent == stats.samples_read
    assert stats.markers > 2
    assert stats.markers_dropped > 2
    assert {e.label for e in recording.session.events.list()} == {"good"}


def test_file(client: neurod.Client, user: str, tmp_path: Path) -> None:
    mne = pytest.importorskip("mne")
    rng = np.random.default_rng(5)
    raw = mne.io.RawArray(rng.normal(0, 1e-5, (3, 4000)), mne.create_info(["C3", "C4", "Cz"], 200, "eeg"), verbose="error")
    raw.set_annotations(mne.Annotations([1.0, 15.0], [0.0, 0.5], ["left", "right"]))
    path = tmp_path / "x_raw.fif"
    raw.save(path, fmt="double", verbose="error")
    recording = neurod.live.from_file(path, speed=0).record(client, external_user_id=user, decode={"paradigm": "seizure", "window_s": 10, "hop_s": 5})
    assert recording.wait(60)
    stats = recording.stop()
    assert stats.samples_sent == 4000
    samples, _ = stored(recording.session)
    np.testing.assert_array_equal(samples, (raw.get_data().T * 1e6).astype("f4"))
    assert [(e.label, e.sample) for e in recording.session.events.list()] == [("left", 200), ("right", 3000)]
    messages = list(recording.session.stream(after_seq=0))
    assert len([m for m in messages if m.type == "decode"]) == 3
    timed = neurod.live.from_file(path, speed=10).record(client, external_user_id=user)
    assert timed.wait(60)
    assert timed.stop().samples_sent == 4000


def test_a_session_that_others_end(client: neurod.Client, user: str) -> None:
    recording = Counting().record(client, external_user_id=user)
    time.sleep(1.3)
    client.sessions.get(recording.session.session_id).end()
    deadline = time.monotonic() + 20
    while recording.running and time.monotonic() < deadline:
        time.sleep(0.05)
    with pytest.raises(neurod.ConflictError):
        recording.stop()
