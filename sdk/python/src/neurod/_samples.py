"""Samples in, bytes out: arrays of any kind become float32, all channels of one instant side by side, in batches that the service takes."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Union

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = Union[NDArray[Any], Sequence[Sequence[float]]]
else:
    Samples = Any

BATCH_BYTES = 4 << 20
"""Size of the batches that a long array is sent in: large enough that the round trip does not count, small enough to be sent again."""

MOST_CHANNELS = 512

TRANSPOSED = " (the array looks transposed: it must be channels × samples)"

UNITS = {"V": 1e6, "mV": 1e3, "uV": 1.0, "µV": 1.0, "nV": 1e-3}


def numpy() -> Any:
    """Return numpy where it is imported already: only then can a value be one of its arrays."""
    return sys.modules.get("numpy")


def is_array(value: Any) -> bool:
    np = numpy()
    return (np is not None and isinstance(value, np.ndarray)) or hasattr(value, "__array__")


def shape(data: Any) -> tuple[int, int]:
    """Return channels and samples of an array or of lists of channels; ValueError where it is neither."""
    if is_array(data):
        dims = data.shape
        if len(dims) != 2:
            raise ValueError(f"samples are an array of channels × samples, and this one has the shape {tuple(dims)}")
        return int(dims[0]), int(dims[1])
    try:
        if isinstance(data, (str, bytes, bytearray)) or any(isinstance(channel, (str, bytes, bytearray)) for channel in data):
            raise TypeError
        lengths = [len(channel) for channel in data]
    except TypeError:
        raise ValueError("samples are an array of channels × samples, or a list of numbers for each channel") from None
    same_length(list(range(len(lengths))), lengths)
    return len(lengths), lengths[0] if lengths else 0


def same_length(channels: Sequence[Any], lengths: Sequence[int]) -> None:
    """ValueError names two channels that differ in length."""
    for name, length in zip(channels, lengths):
        if length != lengths[0]:
            raise ValueError(f"channels differ in length: channel {channels[0]} has {lengths[0]} samples and channel {name} has {length}")


def check_channels(data: Any, channels: Sequence[str], whose: str = "the session") -> int:
    """Return the number of samples; ValueError where the array does not have the channels."""
    rows, samples = shape(data)
    if rows != len(channels):
        hint = TRANSPOSED if samples == len(channels) else ""
        raise ValueError(f"the array has {rows} channels and {whose} {len(channels)}: {', '.join(map(str, channels[:8]))}{hint}")
    if samples == 0:
        raise ValueError("the array has no samples")
    return samples


def check_count(data: Any, count: int | None) -> tuple[int, int]:
    """Return channels and samples of an array whose channels have no names; ValueError where they are not as many as they can be."""
    rows, samples = shape(data)
    if count is not None and rows != count:
        raise ValueError(f"the array has {rows} channels, and {count} are given in channels{TRANSPOSED if samples == count else ''}")
    if not 1 <= rows <= MOST_CHANNELS:
        hint = TRANSPOSED if 1 <= samples <= MOST_CHANNELS else ""
        raise ValueError(f"the array has {rows} channels, and a recording has 1 to {MOST_CHANNELS}{hint}")
    if samples == 0:
        raise ValueError("the array has no samples")
    return rows, samples


def interleave(data: Any, start: int = 0, stop: int | None = None, *, channels: Sequence[str] = (), scale: float = 1.0) -> memoryview:
    """Return samples start to stop as float32 little-endian, sample-major, times scale; ValueError names a sample that is no number float32 holds."""
    if is_array(data):
        import numpy as np

        block: Any = np.asarray(data)[:, start:stop]
        if block.dtype.kind not in "fiub":
            if block.dtype.kind == "c":
                raise ValueError("the array is complex, and samples are real numbers: give what of it is meant, such as array.real")
            rows = [numbers(row.tolist(), start, _name(i, channels)) for i, row in enumerate(block)]
            block = np.array([list(row) for row in rows], dtype=np.float64).reshape(block.shape)
        part: NDArray[np.float32] = np.empty((block.shape[1], block.shape[0]), dtype="<f4")
        with np.errstate(over="ignore", invalid="ignore"):
            if scale != 1.0:
                np.multiply(block.T, scale, out=part, casting="unsafe")
            else:
                np.copyto(part, block.T, casting="unsafe")
            # One sum finds out whether all are finite; only then is it looked for which are not.
            whole = bool(np.isfinite(np.add.reduce(part, axis=None, dtype=np.float64))) or bool(np.isfinite(part).all())
        if not whole:
            sample, channel = (int(i) for i in np.argwhere(~np.isfinite(part))[0])
            raise ValueError(_not_finite(float(block[channel, sample]), start + sample, _name(channel, channels)))
        return flat_view(part)
    rows_, samples = shape(data)
    stop = samples if stop is None else min(stop, samples)
    flat = array("f", bytes(4 * rows_ * (stop - start)))
    for i, channel in enumerate(data):
        name = _name(i, channels)
        values = numbers(channel[start:stop], start, name)
        column = array("f", (v * scale for v in values) if scale != 1.0 else values)
        for at, v in enumerate(column):
            if v != v or v in (float("inf"), float("-inf")):
                raise ValueError(_not_finite(values[at], start + at, name))
        flat[i::rows_] = column
    if sys.byteorder != "little":
        flat.byteswap()
    return memoryview(flat).cast("B")


def numbers(values: Any, start: int, name: str) -> array[float]:
    """Return values as real numbers; ValueError names the sample that is none."""
    if isinstance(values, (str, bytes, bytearray)):
        raise ValueError(f"channel {name} is a text, and samples are numbers")
    try:
        return array("d", values)
    except (TypeError, ValueError, OverflowError):
        pass
    value: Any
    for at, value in enumerate(values):
        if hasattr(value, "__len__") and not isinstance(value, (str, bytes)):
            raise ValueError(f"sample {start + at} of channel {name} is a list, and no number: samples are channels × samples")
        try:
            one: list[Any] = [value]
            array("d", one)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"sample {start + at} of channel {name} is {_short(value)}, and no real number") from None
    raise ValueError(f"the samples of channel {name} are no list of numbers")


def by_name(data: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return lists of plain numbers by channel, as JSON takes them; ValueError names channel and sample of what is none."""
    told = {}
    for name, values in data.items():
        if not isinstance(name, str):
            raise TypeError(f"the name of a channel is a text, and not {_short(name)}")
        found = values.tolist() if hasattr(values, "tolist") else values
        if isinstance(found, (str, bytes, bytearray, Mapping)) or not hasattr(found, "__iter__"):
            raise ValueError(f"channel {name} is {_short(found)}, and no list of numbers")
        found = list(found)
        for at, v in enumerate(numbers(found, 0, name)):
            if v != v or v in (float("inf"), float("-inf")):
                raise ValueError(_not_finite(v, at, name))
        # Integers are told as such.
        told[name] = [v if type(v) in (int, float) else float(v) for v in found]
    same_length(list(told), [len(v) for v in told.values()])
    return told


def _name(channel: int, channels: Sequence[str]) -> str:
    return str(channels[channel]) if channel < len(channels) else str(channel)


def _short(value: Any) -> str:
    told = repr(value)
    return told if len(told) <= 40 else told[:37] + "..."


def flat_view(part: NDArray[np.float32]) -> memoryview:
    """Return the bytes of a contiguous array without a copy."""
    return memoryview(part.reshape(-1)).cast("B") if part.size else memoryview(b"")  # type: ignore[arg-type]


def _not_finite(value: float, sample: int, name: str) -> str:
    if value - value == 0:
        return f"sample {sample} of channel {name} is {value:g}, more than float32 holds: which unit is it in?"
    return f"sample {sample} of channel {name} is not a finite number: leave such segments out, the session then has a gap there"


FIT_WORK = 8192
"""What the service counts for the 1/f part of a window's spectrum, in samples a channel."""


def batch_length(channels: int, rate: float, hop_s: float | None, decode: Any = None, features: Sequence[str] | None = None) -> int:
    """Return how many samples a channel a batch has, within what the service takes of one: 16 MiB, 2000 windows and what they cost."""
    by_bytes = BATCH_BYTES // (4 * channels)
    hop = hop_s or 2.0
    counted = max(1.0, 2.0 / hop)  # windows that a sample is in
    if features and not {"aperiodic", "alpha_peak"}.isdisjoint(features):
        counted *= 1 + FIT_WORK / (2.0 * rate)
    if decode is not None:
        window = getattr(decode, "window_s", None) or 4.0
        every = getattr(decode, "hop_s", None) or 1.0
        counted += window / every
        hop = min(hop, every)
    by_windows = int(1500 * hop * rate)
    by_cost = int(25_000_000 / (channels * counted))
    return max(1, min(by_bytes, by_windows, by_cost))


class Batch(NamedTuple):
    batch_id: str
    t0_unix_ms: int
    start: int
    stop: int


def batches(prefix: str, t0_unix_ms: float, samples: int, length: int, rate: float) -> Iterator[Batch]:
    """Cut an array: each batch has the time of its own first sample, and an id that is the same whenever it is sent."""
    if samples <= length:
        yield Batch(prefix, round(t0_unix_ms), 0, samples)
        return
    for number, start in enumerate(range(0, samples, length)):
        yield Batch(f"{prefix}-{number:06d}", round(t0_unix_ms + 1000 * start / rate), start, min(start + length, samples))


def columns(data: Mapping[str, Any], channels: Sequence[str]) -> Any:
    """Return arrays by channel name as one array in the session's order, or None where they are not exactly its channels."""
    if not all(is_array(v) for v in data.values()) or set(data) != set(channels) or not data:
        return None
    import numpy as np

    rows = []
    for name in channels:
        row = np.asarray(data[name])
        if row.ndim != 1:
            raise ValueError(f"channel {name} is an array of the shape {row.shape}, and no list of numbers")
        rows.append(row if row.dtype.kind in "fiub" else np.array(numbers(row.tolist(), 0, name)))
    same_length(channels, [len(row) for row in rows])
    return np.stack(rows)
