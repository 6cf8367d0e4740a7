"""Recorded files, played as if they ran."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import _check
from ._source import Chunk, Marker, Source


def from_file(path: str | os.PathLike[str], *, speed: float = 1.0, channels: Sequence[str] | None = None, start_ms: int | None = None) -> FileSource:
    """Play a recording that MNE reads (EDF, BDF, GDF, BrainVision, FIF, EEGLAB, ...): its EEG channels, and its annotations as markers.

    Args:
        path: the file.
        speed: 1 plays it in its own time, 2 twice as fast, 0 as fast as it goes.
        channels: which; by default all of type EEG.
        start_ms: Unix time of its first sample; by default now, or its length ago where it is played faster.
    """
    return FileSource(path, speed, channels, start_ms)


class FileSource(Source):
    can_wait = True

    def __init__(self, path: str | os.PathLike[str], speed: float, channels: Sequence[str] | None, start_ms: int | None) -> None:
        if speed < 0:
            raise ValueError("speed is 0 or more")
        from .. import _mne

        mne = _mne._mne()
        self._raw = mne.io.read_raw(path, preload=False, verbose="error")
        part = _mne.from_raw(self._raw, picks=_check.names("channels", channels) if channels is not None else None, load=False)
        self._part = part
        self.channels = part.channels
        self.sample_rate = part.sample_rate
        self.device_type = part.device or Path(path).suffix.lstrip(".").upper() or "file"
        self._speed = speed
        self._start = start_ms
        self._done = 0

    def open(self) -> None:
        length = self._part.samples / self.sample_rate
        ahead = length if self._speed == 0 or self._speed > 1 else 0.0
        self._origin = self._start / 1000 if self._start is not None else time.time() - ahead
        self._began = time.monotonic()
        self._done = 0

    def read(self, timeout: float) -> Chunk | None:
        if self._speed == 0:
            until = self._done + round(10 * self.sample_rate)
        else:
            time.sleep(min(timeout, 0.05))
            until = int((time.monotonic() - self._began) * self._speed * self.sample_rate)
        until = min(until, self._part.samples)
        if until <= self._done:
            return None
        samples = np.ascontiguousarray(self._part.read(self._done, until).T, dtype=np.float32)
        stamps = self._origin + np.arange(self._done, until) / self.sample_rate
        begin, end = self._done / self.sample_rate, until / self.sample_rate
        markers = [Marker(self._origin + e.onset_s, e.label, e.code) for e in self._part.events if begin <= e.onset_s < end]
        self._done = until
        return Chunk(samples, stamps, markers=markers, ended=until == self._part.samples)

    def close(self) -> None:
        pass
