"""From time stamps that jitter to the times of evenly spaced samples, with the gaps that are really there."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONFIRM = 0.5
"""Seconds of samples that must follow a jump of the stamps before it counts as a gap: after a stall the stamps of what comes in a burst are late for a
while, and nothing is missing."""


SLOW = 10.0
"""Seconds for which a source must lag without a break before it counts as slow: stamps that are late because the host is busy come back sooner."""


class Run(NamedTuple):
    """Samples start to stop of a chunk, without a gap within; the first lies at ``t0`` (s), ``missing`` samples after what was before.

    ``least`` is the time of the first as the least late stamp of the run alone has it.
    """

    start: int
    stop: int
    t0: float
    missing: int
    least: float


class Grid:
    """Keeps the time of the next sample, moves it slowly towards what stamps say, and finds gaps.

    Stamps are late by chance, in bursts where a radio link delivers several at once, and the mean over many is what counts: the estimate is an
    average that forgets (its gain falls from 1 to one part in ``memory`` seconds of samples). A gap is where the source's own counter says so, which is
    exact; without a counter, where the stamps jump by more than their jitter and stay there.
    """

    def __init__(self, rate: float, memory: float = 10.0) -> None:
        self.rate = rate
        self.memory = memory
        self.next: float | None = None
        self.set_back = 0
        """How often the source's clock was set back; it is followed from where it was."""
        self._seen = 0
        self._jitter = 0.0
        self._last_counter: int | None = None
        self._shift = 0.0

    def place(self, stamps: NDArray[np.float64], counter: NDArray[np.int64] | None = None, modulus: int = 0, *, final: bool = False) -> tuple[list[Run], int]:
        """Return the runs of a chunk, and how many samples at its beginning they take: the others wait for what follows, and come again."""
        runs: list[Run] = []
        count, at, missing = len(stamps), 0, 0
        counted = counter is not None and modulus > 1
        # By its counter alone a loss of a whole turn is none: beyond half a turn the stamps say it.
        smallest = 0.5 * modulus / self.rate if counted else 0.0
        while at < count:
            stop = count
            if counted:
                assert counter is not None
                lost = self._lost(counter, at, modulus)
                if lost and self.next is not None:
                    missing += lost
                    self.next += lost / self.rate
                stop = self._unbroken(counter, at, modulus)
            part = stamps[at:stop] + self._shift
            if self.next is None:
                self.next = self._anchor(part)
            residual = self._residual(part)
            back = float(np.median(residual))
            if len(part) >= 3 and back < -max(0.1, 12 * self._jitter) and (stop < count or len(part) >= CONFIRM * self.rate or final):
                self._shift -= back
                self.set_back += 1
                residual = residual - back
            cut, jump = self._jump(residual, smallest)
            if cut == 0 and not missing:
                if len(part) < CONFIRM * self.rate and stop == count and not final:
                    return runs, at
                missing = max(1, round(jump * self.rate))
                self.next = self._anchor(part)
                self._seen = 0
                residual = self._residual(part)
                cut, _ = self._jump(residual, smallest)
            take = cut or len(part)
            self._learn(residual[:take])
            runs.append(Run(at, at + take, self.next, missing, float(np.min(part[:take] - np.arange(take) / self.rate))))
            missing = 0
            self.next += take / self.rate
            at += take
            if counted:
                assert counter is not None
                self._last_counter = int(counter[at - 1])
        return runs, at

    def _lost(self, counter: NDArray[np.int64], at: int, modulus: int) -> int:
        if self._last_counter is None:
            return 0
        lost = (int(counter[at]) - self._last_counter - 1) % modulus
        # More than half a turn cannot be told from a source that began anew.
        return lost if lost < modulus // 2 else 0

    @staticmethod
    def _unbroken(counter: NDArray[np.int64], at: int, modulus: int) -> int:
        """Return the place of the first sample behind ``at`` before which one is missing."""
        steps = np.diff(counter[at:]) % modulus
        broken = np.flatnonzero(steps != 1)
        return at + int(broken[0]) + 1 if len(broken) else len(counter)

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
        # What is far out, as after a stall, says nothing about the clock.
        bound = max(0.02, 6 * self._jitter)
        assert self.next is not None
        self.next += share * float(np.mean(np.clip(residual, -bound, bound))) if self._seen > weight else float(np.median(residual))
        spread = float(np.median(np.abs(residual - np.median(residual)))) * 1.4826
        self._jitter += (min(spread, 0.1) - self._jitter) * share

    def _jump(self, residual: NDArray[np.float64], smallest: float) -> tuple[int, float]:
        """Return where the stamps jump ahead for good, and how far in seconds; (number of samples, 0) where they do not."""
        n = len(residual)
        threshold = max(2.0 / self.rate, 0.008, 6 * self._jitter, smallest)
        if self._seen < self.rate / 2:
            threshold = max(threshold, 0.05)
        # The jump is for good where the least late of all that follow is late, too: a burst's last sample is hardly late.
        least = np.minimum.accumulate(residual[::-1])[::-1]
        lasting = least > threshold
        if not lasting.any():
            return n, 0.0
        at = int(np.argmax(lasting))
        return at, float(least[at])


class Places:
    """The places of samples in a session: one behind the other, but where some are missing, or where the source runs slower than it says.

    A place that is left free costs the windows over it. Stamps are never early, so a source is slow where the least late of them, over ``SLOW``
    seconds, is later than it was in the first ones; their mean would take a busy host for a slow source.
    """

    def __init__(self, rate: float, allowed_s: float) -> None:
        self.rate = rate
        self.allowed = allowed_s
        self.origin: float | None = None
        """Time of the session's first sample, to the millisecond."""
        self.next = 0
        self.resyncs = 0
        self.ahead = 0.0
        """Seconds by which the times of the session are ahead of the stamps; negative where they lag."""
        self._usual: float | None = None  # how late the least late stamp was in the first seconds
        self._lags: collections.deque[tuple[int, float]] = collections.deque()

    def put(self, t0: float, least: float, count: int, missing: int = 0) -> int:
        """Return the place of the first of ``count`` samples: the stamps put it at ``t0``, the least late of them at ``least``, and ``missing``
        samples are missing before it."""
        if self.origin is None:
            self.origin = round(1000 * t0) / 1000
        if missing:
            self._skip(t0 - (self.origin + self.next / self.rate))
        else:
            self._lags.append((self.next, least - (self.origin + self.next / self.rate)))
            # The oldest one that is kept says how far back the others reach.
            while len(self._lags) > 1 and self._lags[1][0] <= self.next - SLOW * self.rate:
                self._lags.popleft()
            if self._usual is None or self.next < SLOW * self.rate:
                self._usual = min(lag for _, lag in self._lags)
            elif self.next - self._lags[0][0] >= SLOW * self.rate and min(lag for _, lag in self._lags) - self._usual > self.allowed:
                self.resyncs += 1
                self._skip(min(lag for at, lag in self._lags if at >= self.next - 0.3 * SLOW * self.rate) - self._usual)
        self.ahead = self.origin + self.next / self.rate - t0
        place = self.next
        self.next += count
        return place

    def _skip(self, lag: float) -> None:
        self.next += max(1, round(lag * self.rate))
        self._lags.clear()
