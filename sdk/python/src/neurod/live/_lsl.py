"""Lab Streaming Layer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _check
from ._source import Chunk, Marker, Source, SourceLost

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCALES = {
    "microvolts": 1.0,
    "microvolt": 1.0,
    "uv": 1.0,
    "µv": 1.0,
    "volts": 1e6,
    "volt": 1e6,
    "v": 1e6,
    "millivolts": 1e3,
    "mv": 1e3,
    "nanovolts": 1e-3,
    "nv": 1e-3,
}

FOREIGN = 1.0
"""Seconds by which stamps may be late; beyond, or ahead, they are of a clock that LSL does not know, such as the amplifier's own."""


def _pylsl() -> Any:
    try:
        import pylsl
    except ImportError as err:
        raise ImportError("this needs pylsl: pip install 'neurod-client[lsl]'") from err
    return pylsl


def from_lsl(
    name: str | None = None,
    *,
    type: str | None = "EEG",
    source_id: str | None = None,
    channels: Sequence[str] | None = None,
    unit: str | None = None,
    markers: str | bool = True,
    timeout: float = 10.0,
) -> LSLSource:
    """Take a stream of the Lab Streaming Layer.

    Args:
        name, type, source_id: which stream; the first that fits.
        channels: names, where the stream tells none or others.
        unit: of the samples, where the stream does not tell: ``uV``, ``mV`` or ``V``.
        markers: take streams of type ``Markers`` of the network as events; a text takes the one of that name.
        timeout: seconds to look for the stream.
    """
    return LSLSource(name, type, source_id, channels, unit, markers, timeout)


class _Clock:
    """Brings stamps of a stream to Unix time.

    LSL measures how far the sender's clock is off its own; what lies between LSL's clock and Unix time is measured here. Stamps that are ahead of
    their arrival, or more than a second late, come from another clock (an amplifier's): these are moved to the least delay that was seen.
    """

    def __init__(self, inlet: Any, correct: bool) -> None:
        self._inlet = inlet
        self._correct = correct
        self._offset = 0.0
        self._asked = 0.0
        self._foreign = False
        self._least = float("inf")
        self._since = _pylsl().local_clock()
        self._unix = self._between()

    @staticmethod
    def _between() -> float:
        pylsl = _pylsl()
        best = None
        for _ in range(20):
            before = time.time()
            local = pylsl.local_clock()
            after = time.time()
            if best is None or after - before < best[0]:
                best = (after - before, (before + after) / 2 - local)
        assert best is not None
        return float(best[1])

    def __call__(self, stamps: NDArray[np.float64]) -> NDArray[np.float64]:
        pylsl = _pylsl()
        now = pylsl.local_clock()
        if self._correct and now - self._asked > 5.0:
            try:
                self._offset = self._inlet.time_correction(timeout=2.0 if self._asked == 0 else 0.2)
            except Exception:  # it is measured again later; until then the last value is good
                pass
            self._asked = now
        local = stamps + self._offset
        late = now - float(local[-1])
        self._least = min(self._least, late)
        if now - self._since < 2.0:  # later a stall of this process would look like another clock
            self._foreign = self._least < -0.02 or self._least > FOREIGN
        if self._foreign:
            local = local + self._least
        return local + self._unix


class LSLSource(Source):
    def __init__(
        self,
        name: str | None,
        kind: str | None,
        source_id: str | None,
        channels: Sequence[str] | None,
        unit: str | None,
        markers: str | bool,
        timeout: float,
    ) -> None:
        self._wanted = {"name": name, "type": kind, "source_id": source_id}
        channels = None if channels is None else _check.names("channels", channels)
        self._names = channels
        self._unit = unit
        self._take_markers = markers
        self._timeout = timeout
        self._inlet: Any = None
        self._marker_inlets: list[tuple[Any, _Clock]] = []
        self._scale = 1.0
        self.channels = list(channels or [])
        self.sample_rate = 0.0
        self.device_type = "LSL"

    def open(self) -> None:
        pylsl = _pylsl()
        end = time.monotonic() + self._timeout
        found = None
        while found is None:
            for info in pylsl.resolve_streams(wait_time=min(1.0, self._timeout)):
                if all(v is None or v == getattr(info, k)() for k, v in self._wanted.items()) and info.nominal_srate() > 0:
                    found = info
                    break
            if found is None and time.monotonic() > end:
                told = ", ".join(f"{k} {v!r}" for k, v in self._wanted.items() if v is not None)
                raise SourceLost(f"there is no LSL stream with {told or 'a rate'}")
        self._inlet = pylsl.StreamInlet(found, max_buflen=360, recover=True)
        info = self._inlet.info(timeout=5.0)
        self._wanted["source_id"] = info.source_id() or self._wanted["source_id"]
        labels, units = _described(info)
        count = info.channel_count()
        if not self._names:
            self.channels = labels if len(labels) == count and len(set(labels)) == count else [f"EEG{i + 1}" for i in range(count)]
        elif len(self._names) != count:
            raise ValueError(f"the stream has {count} channels, and {len(self._names)} names are given")
        told = self._unit or (units[0] if units else "uV")
        self._scale = SCALES.get(told.lower(), 1.0)
        self.sample_rate = float(info.nominal_srate())
        self.device_type = info.name() or "LSL"
        self._inlet.open_stream(timeout=5.0)
        self._clock = _Clock(self._inlet, correct=True)
        self._last = time.monotonic()
        self._marker_inlets = []
        if self._take_markers:
            for other in pylsl.resolve_byprop("type", "Markers", timeout=0.3):
                if self._take_markers is True or self._take_markers == other.name():
                    inlet = pylsl.StreamInlet(other, recover=True)
                    inlet.open_stream(timeout=2.0)
                    self._marker_inlets.append((inlet, _Clock(inlet, correct=True)))

    def read(self, timeout: float) -> Chunk | None:
        pylsl = _pylsl()
        try:
            values, stamps = self._inlet.pull_chunk(timeout=timeout, max_samples=4096)
        except pylsl.LostError as fault:
            raise SourceLost("the LSL stream is gone") from fault
        markers = []
        for inlet, clock in self._marker_inlets:
            while True:
                try:
                    value, stamp = inlet.pull_sample(timeout=0.0)
                except pylsl.LostError:
                    break
                if value is None or stamp is None:
                    break
                when = float(clock(np.array([stamp]))[0])
                text = str(value[0])
                markers.append(
                    Marker(when, "", int(value[0]))
                    if isinstance(value[0], (int, float))
                    else Marker(when, text, int(text) if text.isdigit() and len(text) < 10 else 0)
                )
        if not len(stamps):
            if time.monotonic() - self._last > 30.0:
                raise SourceLost("nothing has come for 30 s")
            return Chunk(np.empty((0, len(self.channels)), "f4"), np.empty(0), markers=markers) if markers else None
        self._last = time.monotonic()
        samples = np.asarray(values, dtype=np.float32)
        if self._scale != 1.0:
            samples = samples * np.float32(self._scale)
        return Chunk(samples, self._clock(np.asarray(stamps, dtype=np.float64)), markers=markers)

    def close(self) -> None:
        for inlet in [self._inlet, *(i for i, _ in self._marker_inlets)]:
            if inlet is not None:
                inlet.close_stream()
        self._inlet, self._marker_inlets = None, []


def _described(info: Any) -> tuple[list[str], list[str]]:
    """Return labels and units of the channels, as the stream's description has them."""
    labels, units = [], []
    channel = info.desc().child("channels").child("channel")
    while not channel.empty():
        labels.append(channel.child_value("label"))
        if channel.child_value("unit"):
            units.append(channel.child_value("unit"))
        channel = channel.next_sibling("channel")
    return labels, units
