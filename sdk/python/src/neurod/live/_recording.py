"""A source that is recorded into a session, whatever happens to either."""

from __future__ import annotations

import collections
import dataclasses
import logging
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _samples
from .._retry import RetryPolicy
from ._grid import Grid
from ._source import Chunk, Marker, Source, SourceLost

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._sync.client import Client
    from .._sync.sessions import Session

log = logging.getLogger("neurod.live")

HOLD = 1.0
"""Seconds of the first samples that are waited for before the session's origin is set: one stamp alone may be late."""


@dataclass
class Stats:
    """What became of a recording so far."""

    samples_read: int = 0
    """Samples a channel that came from the source."""
    samples_sent: int = 0
    """Of them, those that the service has stored."""
    samples_dropped: int = 0
    """Of them, those that had to go because the service was away for longer than the buffer holds."""
    samples_waiting: int = 0
    samples_missing: int = 0
    """That the source lost: gaps by its counter or its stamps."""
    gaps: int = 0
    markers: int = 0
    markers_dropped: int = 0
    source_reconnects: int = 0
    clock_set_back: int = 0
    resyncs: int = 0
    """How often a place was left free because the source runs slower than it says."""
    drift_ms: float = 0.0
    """By how much the source is ahead of the session's times now: it runs faster than it says, and no sample is left out for that."""
    notes: list[str] = field(default_factory=list)
    """What happened, in words."""


@dataclass
class _Block:
    samples: NDArray[np.float32]
    t0: float
    missing: int = 0


class Recording:
    """A recording that runs. ``session`` is its session, ``stats`` says how it goes."""

    def __init__(
        self,
        source: Source,
        client: Client,
        *,
        external_user_id: str,
        decode: Any,
        hop_s: float | None,
        device_type: str | None,
        batch_s: float,
        buffer_s: float,
        max_drift_ms: float,
        session: dict[str, Any],
    ) -> None:
        self.source = source
        self._drift = max_drift_ms / 1000
        self.stats = Stats()
        self.fault: BaseException | None = None
        """What ended the recording before its time, such as a session that was ended by somebody else."""
        # A call waits for the service as long as it takes; what waits behind it is bounded by the buffer.
        self._client = client.with_options(retry=dataclasses.replace(RetryPolicy(), attempts=1_000_000, maximum=5.0, patience=600.0))
        self._stop = threading.Event()
        self._abandon = threading.Event()
        self._changed = threading.Condition()
        self._blocks: collections.deque[_Block] = collections.deque()
        self._markers: collections.deque[Marker] = collections.deque()
        self._ended = False
        self._begun = False
        self._rest: Chunk | None = None
        source.open()
        self._grid = Grid(source.sample_rate)
        self._batch = max(1, round(batch_s * source.sample_rate))
        self._bound = max(self._batch, round(buffer_s * source.sample_rate))
        # Every batch says where it lies on the session's own grid, so that the service need not guess.
        told = {"ingestion_mode": "STREAMING", "jitter_ms": 1, "decode": decode, "hop_s": hop_s, **session}
        self.session: Session = client.sessions.create(
            external_user_id=external_user_id,
            device_type=device_type or source.device_type,
            sample_rate_hz=source.sample_rate,
            channels=list(source.channels),
            **told,
        )
        self._longest = _samples.batch_length(len(self.session.channels), self.session.sample_rate_hz, self.session.hop_s, self.session.decode)
        self._prefix = uuid.uuid4().hex[:12]
        self._reader = threading.Thread(target=self._guard, args=(self._read,), name="neurod-live-read", daemon=True)
        self._sender = threading.Thread(target=self._guard, args=(self._send,), name="neurod-live-send", daemon=True)
        self._reader.start()
        self._sender.start()

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *fault: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether samples are still read."""
        return self._reader.is_alive() and self.fault is None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the source has ended (a file has) and everything is sent; return whether that is so."""
        end = None if timeout is None else time.monotonic() + timeout
        for thread in (self._reader, self._sender):
            thread.join(None if end is None else max(0.0, end - time.monotonic()))
        return not (self._reader.is_alive() or self._sender.is_alive())

    def stop(self, *, timeout: float = 30.0, end: bool = True) -> Stats:
        """Stop reading, send what waits, end the session, and return how it went.

        Args:
            timeout: seconds to send what waits; what is left then is counted as dropped.
            end: end the session, too.

        Raises:
            NeurodError: what ended the recording before its time.
        """
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        self._reader.join(10.0)
        self._sender.join(timeout)
        if self._sender.is_alive():
            self._abandon.set()
            with self._changed:
                left = sum(len(b.samples) for b in self._blocks)
                self._blocks.clear()
                self._changed.notify_all()
            if left:
                self.stats.samples_dropped += left
                self._note(f"the service did not take {left} samples within {timeout:g} s of the end: they are dropped")
        self.source.close()
        if end and not self._ended and self.fault is None and not self._abandon.is_set():
            self.session.end()
            self._ended = True
        if self.fault is not None:
            raise self.fault
        return self.stats

    # Reading.

    def _guard(self, work: Any) -> None:
        try:
            work()
        except BaseException as fault:
            self.fault = self.fault or fault
            log.error("recording %s: %s", self.session.session_id, fault)
        finally:
            if work == self._read:
                self._stop.set()
            with self._changed:
                self._changed.notify_all()

    def _note(self, text: str) -> None:
        log.warning("recording %s: %s", self.session.session_id, text)
        if len(self.stats.notes) < 1000:
            self.stats.notes.append(text)

    def _read(self) -> None:
        pause = 0.1
        lost = False
        while not self._stop.is_set():
            if self.source.can_wait and self.stats.samples_waiting > self._bound // 2:
                self._stop.wait(0.02)
                continue
            try:
                if lost:
                    self.source.open()
                    lost = False
                    self.stats.source_reconnects += 1
                    self._note("the source is back")
                chunk = self.source.read(0.1)
            except SourceLost as fault:
                if not lost:
                    self._note(f"the source is lost: {fault}")
                    self.source.close()
                lost = True
                self._stop.wait(pause)
                pause = min(5.0, 2 * pause)
                continue
            if chunk is None:
                continue
            pause = 0.1
            self._take(chunk)
            if chunk.ended:
                return

    def _take(self, chunk: Chunk) -> None:
        blocks = []
        fresh = len(chunk.samples)
        if self._rest is not None:
            chunk = self._joined(self._rest, chunk)
        runs, taken = self._grid.place(chunk.stamps, chunk.counter, chunk.modulus, final=chunk.ended)
        self._rest = None
        if taken < len(chunk.samples):
            counter = chunk.counter[taken:] if chunk.counter is not None else None
            self._rest = Chunk(chunk.samples[taken:], chunk.stamps[taken:], counter, chunk.modulus)
        for run in runs:
            if run.missing:
                self.stats.gaps += 1
                self.stats.samples_missing += run.missing
                self._note(f"{run.missing} samples are missing before {run.t0:.3f}")
            blocks.append(_Block(np.ascontiguousarray(chunk.samples[run.start : run.stop], dtype="<f4"), run.t0, run.missing))
        if self._grid.set_back != self.stats.clock_set_back:
            self.stats.clock_set_back = self._grid.set_back
            self._note("the source's clock was set back: its samples go on where they were")
        with self._changed:
            for block in blocks:
                self._append(block)
            self.stats.samples_read += fresh
            self.stats.samples_waiting = sum(len(b.samples) for b in self._blocks)
            over = self.stats.samples_waiting - self._bound
            dropped = 0
            while over > 0 and self._blocks:
                gone = self._blocks.popleft()
                dropped += len(gone.samples)
                over -= len(gone.samples)
                if self._blocks:
                    self._blocks[0].missing += len(gone.samples)
            if dropped:
                self.stats.samples_dropped += dropped
                self.stats.samples_waiting -= dropped
                self._note(f"the service is away and the buffer is full: the oldest {dropped} samples are dropped")
            for marker in chunk.markers:
                self._markers.append(marker)
            while len(self._markers) > 100_000:
                self._markers.popleft()
                self.stats.markers_dropped += 1
            self._changed.notify_all()

    @staticmethod
    def _joined(a: Chunk, b: Chunk) -> Chunk:
        if not len(b.samples):
            return Chunk(a.samples, a.stamps, a.counter, a.modulus, b.markers, b.ended)
        counter = np.concatenate([a.counter, b.counter]) if a.counter is not None and b.counter is not None else None
        return Chunk(np.concatenate([a.samples, b.samples]), np.concatenate([a.stamps, b.stamps]), counter, b.modulus, b.markers, b.ended)

    def _append(self, block: _Block) -> None:
        """Append samples; they join what is there where they go on with it, up to a second, so that what waits stays in pieces that can go."""
        if self._blocks and not block.missing and len(self._blocks[-1].samples) < self._grid.rate:
            self._blocks[-1].samples = np.concatenate([self._blocks[-1].samples, block.samples])
            return
        self._blocks.append(block)

    # Sending.

    def _send(self) -> None:
        number = 0
        origin, place = 0.0, 0  # the time of the session's first sample, and the place of the next
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ready() or self._stop.is_set() or self._abandon.is_set(), timeout=1.0)
                if self._abandon.is_set():
                    return
                done = self._stop.is_set() and not self._reader.is_alive()
                if not self._ready() and not self._stop.is_set():
                    continue
                if not self._blocks and not self._markers:
                    if done:
                        return
                    self._changed.wait(0.05)
                    continue
                batch = self._gather()
                markers = list(self._markers) if batch is not None or self._begun or done else []
                if markers:
                    self._markers.clear()
                elif batch is None:
                    self._changed.wait(0.05)
            if batch is not None:
                if number == 0:
                    origin = round(1000 * batch.t0) / 1000
                ahead = batch.t0 - (origin + place / self._grid.rate)
                if batch.missing:
                    place += max(1, round(ahead * self._grid.rate))
                elif ahead > self._drift:
                    place += max(1, round(ahead * self._grid.rate))
                    self.stats.resyncs += 1
                elif ahead < -self._drift and -1000 * ahead > self.stats.drift_ms + 5:
                    self._note(f"the source runs faster than {self._grid.rate:g} Hz: its samples are {-1000 * ahead:.0f} ms ahead of the session's times")
                self.stats.drift_ms = max(0.0, -1000 * ahead)
                content = _samples.flat_view(batch.samples)
                self.session._ingest_bytes(content, f"{self._prefix}-{number:07d}", round(1000 * (origin + place / self._grid.rate)))
                place += len(batch.samples)
                number += 1
                self._begun = True
                self.stats.samples_sent += len(batch.samples)
                with self._changed:
                    self.stats.samples_waiting = sum(len(b.samples) for b in self._blocks)
            if markers:
                self.session.events.add_many([{"t_unix_ms": round(1000 * m.time, 3), "label": m.label[:1000], "code": m.code} for m in markers])
                self.stats.markers += len(markers)

    def _ready(self) -> bool:
        waiting = sum(len(b.samples) for b in self._blocks)
        wanted = max(self._batch, round(HOLD * self._grid.rate)) if not self._begun else self._batch
        return waiting >= wanted or (bool(self._markers) and self._begun)

    def _gather(self) -> _Block | None:
        """Take what waits up to the next gap and the length of a batch."""
        if not self._blocks:
            return None
        taken = [self._blocks.popleft()]
        count = len(taken[0].samples)
        while self._blocks:
            if self._blocks[0].missing or count + len(self._blocks[0].samples) > self._longest:
                break
            taken.append(self._blocks.popleft())
            count += len(taken[-1].samples)
        return _Block(np.concatenate([b.samples for b in taken]) if len(taken) > 1 else taken[0].samples, taken[0].t0, taken[0].missing)
