"""From time stamps that jitter to the times of evenly spaced samples, with the gaps that are really there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Run(NamedTuple):
    """Samples start to stop of a chunk, without a gap within; the first lies at ``t0`` (s), ``missing`` samples after what was before."""

    start: int
    stop: int
    t0: float
    missing: int


class Grid:
    """Keeps the time of the next sample, moves it slowly towards what stamps say, and finds gaps.

    Stamps are late by chance, in bursts where a radio link delivers several at once, and the mean over many is what counts: the estimate is an
    average that forgets (its gain falls from 1 to one part in ``memory`` seconds of samples). A gap is where the stamps jump by more than their jitter
    and stay there, or where the source's own counter says so, which is exact.
    """

    def __init__(self, rate: float, memory: float = 10.0) -> None:
        self.rate = rate
        self.memory = memory
        self.next: float | None = None
        self._seen = 0
        self._jitter = 0.0
        self._last_counter: int | None = None
        self._pending = 0
        self._shift = 0.0
        self.set_back = 0
        """How often the source's clock was set back; it is followed from where it was."""

    def place(self, stamps: NDArray[np.float64], counter: NDArray[np.int64] | None = None, modulus: int = 0) -> list[Run]:
        """Return the runs of a chunk, in order."""
        n = len(stamps)
        if n == 0:
            return []
        cuts = self._by_counter(counter, modulus) if counter is not None and modulus > 1 else []
        runs: list[Run] = []
        begin = 0
        for at, lost in [*cuts, (n, 0)]:
            if at > begin:
                runs.extend(self._by_stamps(stamps, begin, at))
            if lost and at < n and self.next is not None:
                self.next += lost / self.rate
                self._pending = lost
            begin = at
        return runs

    def _by_counter(self, counter: NDArray[np.int64], modulus: int) -> list[tuple[int, int]]:
        """Return where samples are missing by the counter, and how many."""
        found = []
        before = self._last_counter
        for i, value in enumerate(counter.tolist()):
            if before is not None:
                lost = (value - before - 1) % modulus
                # More than half a turn cannot be told from a source that began anew: the stamps say it then.
                if 0 < lost < modulus // 2:
                    found.append((i, lost))
            before = value
        self._last_counter = before
        return found

    def _by_stamps(self, stamps: NDArray[np.float64], start: int, stop: int) -> list[Run]:
        runs = []
        while start < stop:
            part = stamps[start:stop] + self._shift
            count = len(part)
            if self.next is None:
                self.next = self._anchor(part)
            residual = self._residual(part)
            back = float(np.median(residual))
            if count >= 3 and back < -max(0.1, 12 * self._jitter):
                self._shift -= back
                self.set_back += 1
                residual = residual - back
            cut, jump = self._jump(residual)
            missing, self._pending = self._pending, 0
            if cut == 0:
                missing += max(1, round(jump * self.rate))
                self.next = self._anchor(part)
                self._seen = 0
                residual = self._residual(part)
                cut, _ = self._jump(residual)
                cut = cut or count
            self._learn(residual[:cut])
            runs.append(Run(start, start + cut, self.next, missing))
            self.next += cut / self.rate
            start += cut
        return runs

    def _anchor(self, part: NDArray[np.float64]) -> float:
        """Return the time of the first sample as the stamps of the first second tell it together."""
        first = part[: max(1, round(self.rate))]
        return float(np.median(first - np.arange(len(first)) / self.rate))

    def _residual(self, part: NDArray[np.float64]) -> NDArray[np.float64]:
        assert self.next is not None
        return part - (self.next + np.arange(len(part)) / self.rate)

    def _learn(self, residual: NDArray[np.float64]) -> None:
        weight = len(residual)
        self._seen += weight
        share = min(1.0, weight / min(self._seen, self.memory * self.rate))
        assert self.next is not None
        self.next += share * float(np.mean(residual))
        spread = float(np.median(np.abs(residual - np.median(residual)))) * 1.4826
        self._jitter += (spread - self._jitter) * share

    def _jump(self, residual: NDArray[np.float64]) -> tuple[int, float]:
        """Return where the stamps jump ahead for good, and how far in seconds; (number of samples, 0) where they do not."""
        n = len(residual)
        threshold = max(2.0 / self.rate, 0.008, 6 * self._jitter)
        if self._seen < self.rate / 2:
            threshold = max(threshold, 0.05)
        # The jump is for good where the least late of all that follow is late, too: a burst's last sample is hardly late.
        least = np.minimum.accumulate(residual[::-1])[::-1]
        lasting = least > threshold
        if not lasting.any():
            return n, 0.0
        at = int(np.argmax(lasting))
        if n - at < 3 and float(least[at]) < 0.25:  # too few to tell a late packet from a gap
            return n, 0.0
        return at, float(least[at])
