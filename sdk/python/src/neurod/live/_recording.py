"""A source that is recorded into a session, whatever happens to either."""

from __future__ import annotations

import collections
import logging
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _samples
from .._core import Call
from .._errors import APIConnectionError, APIStatusError, ConflictError, InvalidRequestError, NeurodError, NotFoundError
from .._retry import RetryPolicy, retry_after
from ._grid import Grid, Places
from ._source import Chunk, Marker, Source, SourceLost

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .._sync.client import Client
    from .._sync.sessions import Session

log = logging.getLogger("neurod.live")

HOLD = 1.0
"""Seconds of the first samples that are waited for before the session's origin is set: one stamp alone may be late."""

TOGETHER = 60.0
"""Seconds of samples that are sent at once at most, where much has waited."""

SLOWEST = 5.0
"""Seconds of samples that a batch has at least, where the service says again and again that calls come too often."""

TELL_EVERY = 30.0
"""Seconds from word to word while the service stays away."""


def away(fault: BaseException) -> bool:
    """Whether a fault says that the service is away, or has no room now, and the same call may go well later."""
    if isinstance(fault, APIConnectionError):
        return True
    if not isinstance(fault, APIStatusError) or fault.status is None:
        return False
    return fault.status in (408, 429) or fault.status >= 500 or (fault.status == 409 and fault.code == "idempotency_key_in_flight")


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
    """Of them, those that are not sent yet."""
    samples_missing: int = 0
    """That the source lost: gaps by its counter or its stamps."""
    gaps: int = 0
    markers: int = 0
    markers_dropped: int = 0
    source_reconnects: int = 0
    service_outages: int = 0
    """How often the service was away for a while, or took nothing because calls came too often."""
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
    least: float
    """Time of the first sample as the least late stamp of all has it."""
    missing: int = 0

    def join(self, other: _Block, rate: float) -> _Block:
        """Return both together, the other one behind this one."""
        least = min(self.least, other.least - len(self.samples) / rate)
        return _Block(np.concatenate([self.samples, other.samples]), self.t0, least, self.missing)


@dataclass
class Into:
    """A session that is there already: where its samples begin, and where they are."""

    session: Session
    origin: float
    next_sample: int
    columns: list[int] | None
    """Which of the source's channels are the session's, in its order; None for all."""


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
        into: Into | None = None,
    ) -> None:
        self.source = source
        self.lost: str | None = None
        """Why the source is away; None while it is there."""
        self.stats = Stats()
        self.fault: BaseException | None = None
        """What ended the recording before its time, such as a session that was ended by somebody else."""
        self._stop = threading.Event()
        self._abandon = threading.Event()
        self._changed = threading.Condition()
        self._blocks: collections.deque[_Block] = collections.deque()
        self._markers: collections.deque[Marker] = collections.deque()
        self._begun = False
        self._rest: Chunk | None = None
        self._flying = 0  # samples that are on their way
        self._dropped_at = float("-inf")
        self._dropped_before = 0
        self._closed = False
        source.open()
        self._grid = Grid(source.sample_rate)
        self._places = Places(source.sample_rate, max_drift_ms / 1000)
        self._columns = into.columns if into is not None else None
        self._follows = False  # samples that were sent before are behind those that come, and nobody knows what lies between
        if into is not None and into.next_sample > 0:
            self._places.origin, self._places.next, self._follows = into.origin, into.next_sample, True
        self._batch = self._least_batch = max(1, round(batch_s * source.sample_rate))
        self._bound = max(self._batch, round(buffer_s * source.sample_rate))
        # Every batch says where it lies on the session's own grid, so that the service need not guess.
        told = {"ingestion_mode": "STREAMING", "jitter_ms": 1, "decode": decode, "hop_s": hop_s, **session}
        try:
            self.session: Session = (
                into.session
                if into is not None
                else client.sessions.create(
                    external_user_id=external_user_id,
                    device_type=device_type or source.device_type,
                    sample_rate_hz=source.sample_rate,
                    channels=list(source.channels),
                    **told,
                )
            )
        except BaseException:
            source.close()
            raise
        # It is waited for the service here, where stop() can end it, and not in the client, whatever its own patience is.
        self._sending = self.session.model_copy()
        self._sending._client = client.with_options(retry=RetryPolicy(attempts=1))
        made = self.session
        self._longest = _samples.batch_length(len(made.channels), made.sample_rate_hz, made.hop_s, made.decode, made.window_features)
        if not source.can_wait:
            self._longest = min(self._longest, max(self._batch, round(TOGETHER * source.sample_rate)))
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

        It returns within ``timeout`` and some seconds, also where the service is away: ``stats`` and the log then say what is dropped, and whether
        the session was left open.

        Args:
            timeout: seconds to send what waits; what is left then is counted as dropped.
            end: end the session, too.

        Raises:
            NeurodError: what ended the recording before its time.
        """
        deadline = time.monotonic() + timeout
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        self._reader.join(10.0)
        self._sender.join(max(0.0, deadline - time.monotonic()))
        self._give_up(f"the service did not take them within {timeout:g} s of the end")
        self.source.close()
        if end and not self._closed and self.fault is None:
            self._close(max(5.0, deadline - time.monotonic()))
        if self.fault is not None:
            raise self.fault
        return self.stats

    def _give_up(self, why: str) -> None:
        """Drop what still waits, and end what is under way."""
        with self._changed:
            self._abandon.set()
            left = sum(len(b.samples) for b in self._blocks) + self._flying
            unsure, self._flying = self._flying, 0
            markers = len(self._markers)
            self._blocks.clear()
            self._markers.clear()
            self.stats.samples_waiting = 0
            self.stats.samples_dropped += left
            self.stats.markers_dropped += markers
            self._changed.notify_all()
        if left or markers:
            perhaps = f" (the first {unsure} may have arrived)" if unsure else ""
            self._note(f"{left} samples{perhaps} and {markers} markers are dropped: {why}", logging.ERROR)

    def _close(self, timeout: float) -> None:
        """End the session, within a time."""
        self._closed = True
        end = time.monotonic() + timeout
        closing = self.session.model_copy()
        closing._client = self._sending._client.with_options(timeout=max(1.0, min(timeout, self._sending._client.timeout)))
        pause = 0.2
        while True:
            try:
                closing.end()
            except NeurodError as fault:
                if not away(fault) or time.monotonic() + pause > end:
                    self._note(f"the session could not be ended and may be open: {fault}", logging.ERROR)
                    return
                time.sleep(pause)
                pause = min(2.0, 2 * pause)
                continue
            for name in ("ended_at", "processing_state", "started_at"):
                setattr(self.session, name, getattr(closing, name))
            return

    # Reading.

    def _guard(self, work: Any) -> None:
        try:
            work()
        except BaseException as fault:
            self.fault = self.fault or fault
            log.error("recording %s has ended before its time: %s", self.session.session_id, fault)
            self._stop.set()
            if work == self._send:
                self._give_up("the recording has ended")
        finally:
            if work == self._read:
                self._stop.set()
            with self._changed:
                self._changed.notify_all()
        # Whoever follows the session is told, too.
        if work == self._send and self.fault is not None and not self._closed and not isinstance(self.fault, (ConflictError, NotFoundError)):
            self._close(5.0)

    def _note(self, text: str, level: int = logging.WARNING) -> None:
        log.log(level, "recording %s: %s", self.session.session_id, text)
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
                    self.lost = None
                    self.stats.source_reconnects += 1
                    self._note("the source is back")
                chunk = self.source.read(0.1)
            except SourceLost as fault:
                if not lost:
                    self._note(f"the source is lost: {fault}")
                    self.source.close()
                lost = True
                self.lost = str(fault)
                self._stop.wait(pause)
                pause = min(5.0, 2 * pause)
                continue
            if chunk is None:
                continue
            pause = 0.1
            self._take(chunk)
            if chunk.ended:
                return
        rest = self._rest
        if rest is not None:  # what waited to be seen as a gap is sent as what it looks like now
            self._rest = None
            self.stats.samples_read -= len(rest.samples)
            self._take(Chunk(rest.samples, rest.stamps, rest.counter, rest.modulus, [], True))

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
            samples = chunk.samples[run.start : run.stop]
            if self._columns is not None:
                samples = samples[:, self._columns]
            missing = run.missing or int(self._follows)
            self._follows = False
            blocks.append(_Block(np.ascontiguousarray(samples, dtype="<f4"), run.t0, run.least, missing))
        if self._grid.set_back != self.stats.clock_set_back:
            self.stats.clock_set_back = self._grid.set_back
            self._note("the source's clock was set back: its samples go on where they were")
        with self._changed:
            for block in blocks:
                self._append(block)
            self.stats.samples_read += fresh
            self._count()
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
                self._tell_dropped()
            for marker in chunk.markers:
                self._markers.append(marker)
            while len(self._markers) > 100_000:
                self._markers.popleft()
                self.stats.markers_dropped += 1
            self._changed.notify_all()

    def _count(self) -> None:
        self.stats.samples_waiting = sum(len(b.samples) for b in self._blocks) + self._flying

    def _tell_dropped(self) -> None:
        """Say what is dropped, at once and then every half minute."""
        now = time.monotonic()
        if now - self._dropped_at >= TELL_EVERY:
            count = self.stats.samples_dropped - self._dropped_before
            self._note(f"the service is away and the buffer is full: the oldest {count} samples are dropped, and more as they come", logging.ERROR)
            self._dropped_at, self._dropped_before = now, self.stats.samples_dropped

    @staticmethod
    def _joined(a: Chunk, b: Chunk) -> Chunk:
        if not len(b.samples):
            return Chunk(a.samples, a.stamps, a.counter, a.modulus, b.markers, b.ended)
        counter = np.concatenate([a.counter, b.counter]) if a.counter is not None and b.counter is not None else None
        return Chunk(np.concatenate([a.samples, b.samples]), np.concatenate([a.stamps, b.stamps]), counter, b.modulus, b.markers, b.ended)

    def _append(self, block: _Block) -> None:
        """Append samples; they join what is there where they go on with it, up to a second, so that what waits stays in pieces that can go."""
        if self._blocks and not block.missing and len(self._blocks[-1].samples) < self._grid.rate:
            self._blocks[-1] = self._blocks[-1].join(block, self._grid.rate)
            return
        self._blocks.append(block)

    # Sending.

    def _send(self) -> None:
        number = 0
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
                self._flying = len(batch.samples) if batch is not None else 0
                markers = list(self._markers) if batch is not None or self._begun or done else []
                if markers:
                    self._markers.clear()
                elif batch is None:
                    self._changed.wait(0.05)
            if batch is not None:
                self._send_batch(batch, f"{self._prefix}-{number:07d}")
                number += 1
            for at in range(0, len(markers), 1000):
                self._send_markers(markers[at : at + 1000], f"{self._prefix}-markers-{number:07d}-{at}")

    def _send_batch(self, batch: _Block, batch_id: str) -> None:
        place = self._places.put(batch.t0, batch.least, len(batch.samples), batch.missing)
        ahead = 1000 * self._places.ahead
        if ahead > 1000 * self._places.allowed and ahead > self.stats.drift_ms + 5:
            self._note(f"the source runs faster than {self._grid.rate:g} Hz: its samples are {ahead:.0f} ms ahead of the session's times")
        self.stats.drift_ms = max(0.0, ahead)
        self.stats.resyncs = self._places.resyncs
        # The place is what counts; the time beside it is the true one of the first sample, by which the service knows the source's clock.
        content, t0 = _samples.flat_view(batch.samples), round(1000 * batch.t0)
        sent = self._until_taken(lambda: self._sending._ingest_bytes(content, batch_id, t0, first_sample=place, idempotency_key=batch_id))
        with self._changed:
            if sent and self._flying:
                self._begun = True
                self.stats.samples_sent += self._flying
                self._flying = 0
            self._count()

    def _send_markers(self, markers: list[Marker], key: str) -> None:
        events = [{"t_unix_ms": round(1000 * m.time, 3), "label": m.label[:1000], "code": m.code} for m in markers]
        call = Call("addEvents", path={"id": self.session.session_id}, json={"events": events}, idempotency_key=key)
        try:
            sent = self._until_taken(lambda: self._sending._client._call(call))
        except InvalidRequestError as fault:
            # One that is refused must not take the others along, and none the recording.
            if len(markers) > 1:
                half = len(markers) // 2
                self._send_markers(markers[:half], key + "a")
                self._send_markers(markers[half:], key + "b")
                return
            self.stats.markers_dropped += 1
            self._note(f"the service refuses the marker {markers[0].label or markers[0].code!r}: {fault}")
            return
        if sent:
            self.stats.markers += len(markers)
        else:
            self.stats.markers_dropped += len(markers)

    def _until_taken(self, call: Callable[[], Any]) -> bool:
        """Make a call as often as it takes while the service is away; False where it was given up."""
        attempt, since, told = 0, 0.0, 0.0
        policy = RetryPolicy(initial=0.5, maximum=5.0)
        while not self._abandon.is_set():
            try:
                call()
            except NeurodError as fault:
                if not away(fault):
                    raise
                attempt += 1
                now = time.monotonic()
                wanted = retry_after(fault.headers) if isinstance(fault, APIStatusError) else None
                if attempt == 1:
                    since = told = now
                    self.stats.service_outages += 1
                    self._note(f"the service is away, samples wait: {fault}")
                elif now - told >= TELL_EVERY:
                    told = now
                    self._note(f"the service has been away for {now - since:.0f} s, {self.stats.samples_waiting} samples wait: {fault}")
                if fault.status == 429:
                    self._batch = max(self._batch, min(2 * self._batch, round(SLOWEST * self._grid.rate)))
                self._abandon.wait(max(policy.pause(min(attempt, 10)), min(wanted or 0.0, 60.0)))
                continue
            if attempt:
                self._note(f"the service is back after {time.monotonic() - since:.1f} s")
                self._dropped_at = float("-inf")
            elif self._batch > self._least_batch:
                self._batch = max(self._least_batch, round(0.98 * self._batch))
            return True
        return False

    def _ready(self) -> bool:
        waiting = sum(len(b.samples) for b in self._blocks)
        wanted = max(self._batch, round(HOLD * self._grid.rate)) if not self._begun else self._batch
        # Markers go with the samples around them, at a rate of calls that does not depend on how many there are.
        return waiting >= wanted or (bool(self._markers) and self._begun and not waiting)

    def _gather(self) -> _Block | None:
        """Take what waits up to the next gap and the length of a batch."""
        if not self._blocks:
            return None
        taken = [self._blocks.popleft()]
        count = len(taken[0].samples)
        least = taken[0].least
        while self._blocks:
            if self._blocks[0].missing or count + len(self._blocks[0].samples) > self._longest:
                break
            taken.append(self._blocks.popleft())
            least = min(least, taken[-1].least - count / self._grid.rate)
            count += len(taken[-1].samples)
        return _Block(np.concatenate([b.samples for b in taken]) if len(taken) > 1 else taken[0].samples, taken[0].t0, least, taken[0].missing)
