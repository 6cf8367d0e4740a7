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
        lengths = {len(channel) for channel in data}
    except TypeError as err:
        raise ValueError("samples are an array of channels × samples, or a list of numbers for each channel") from err
    if len(lengths) > 1:
        raise ValueError(f"channels differ in length: {sorted(lengths)[0]} and {sorted(lengths)[-1]} samples")
    return len(data), lengths.pop() if lengths else 0


def check_channels(data: Any, channels: Sequence[str]) -> int:
    """Return the number of samples; ValueError where the array does not have the channels."""
    rows, samples = shape(data)
    if rows != len(channels):
        hint = " (the array looks transposed: it must be channels × samples)" if samples == len(channels) else ""
        raise ValueError(f"the array has {rows} channels and the session {len(channels)}: {', '.join(map(str, channels[:8]))}{hint}")
    if samples == 0:
        raise ValueError("the array has no samples")
    return samples


def interleave(data: Any, start: int = 0, stop: int | None = None, *, channels: Sequence[str] = (), scale: float = 1.0) -> memoryview:
    """Return samples start to stop as float32 little-endian, sample-major, times scale; ValueError names a sample that is not finite."""
    if is_array(data):
        import numpy as np

        block = np.asarray(data)[:, start:stop]
        part: NDArray[np.float32] = np.empty((block.shape[1], block.shape[0]), dtype="<f4")
        if scale != 1.0:
            np.multiply(block.T, scale, out=part, casting="unsafe")
        else:
            np.copyto(part, block.T, casting="unsafe")
        # One sum finds out whether all are finite; only then is it looked for which are not.
        if not np.isfinite(np.add.reduce(part, axis=None, dtype=np.float64)) and not np.isfinite(part).all():
            sample, channel = (int(i) for i in np.argwhere(~np.isfinite(part))[0])
            raise ValueError(_not_finite(channel, start + sample, channels))
        return flat_view(part)
    rows, samples = shape(data)
    stop = samples if stop is None else min(stop, samples)
    flat = array("f", bytes(4 * rows * (stop - start)))
    for i, channel in enumerate(data):
        column = array("f", (float(v) * scale for v in channel[start:stop]))
        for at, v in enumerate(column):
            if v != v or v in (float("inf"), float("-inf")):
                raise ValueError(_not_finite(i, start + at, channels))
        flat[i::rows] = column
    if sys.byteorder != "little":
        flat.byteswap()
    return memoryview(flat).cast("B")


def flat_view(part: NDArray[np.float32]) -> memoryview:
    """Return the bytes of a contiguous array without a copy."""
    return memoryview(part.reshape(-1)).cast("B") if part.size else memoryview(b"")  # type: ignore[arg-type]


def _not_finite(channel: int, sample: int, channels: Sequence[str]) -> str:
    name = channels[channel] if channel < len(channels) else str(channel)
    return f"sample {sample} of channel {name} is not a finite number: leave such segments out, the session then has a gap there"


def batch_length(channels: int, rate: float, hop_s: float | None, decode: Any = None) -> int:
    """Return how many samples a channel a batch has, within what the service takes of one: 16 MiB, 2000 windows and what they cost."""
    by_bytes = BATCH_BYTES // (4 * channels)
    hop = hop_s or 2.0
    counted = max(1.0, 2.0 / hop)  # windows that a sample is in
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

    return np.stack([np.asarray(data[name]) for name in channels])


def plain(values: Any) -> Any:
    """Return lists of plain numbers, as JSON takes them."""
    return values.tolist() if hasattr(values, "tolist") else list(values)
