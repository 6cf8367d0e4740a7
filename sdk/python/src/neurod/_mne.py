"""Recordings of MNE in and out: units, names, types, times and annotations."""

from __future__ import annotations

import json
import logging
import re
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import mne

    from . import types


log = logging.getLogger("neurod")


class Event(NamedTuple):
    onset_s: float
    """After the first sample."""
    duration_s: float
    code: int
    label: str


@dataclass
class Part:
    """What of an MNE recording is sent."""

    channels: list[str]
    sample_rate: float
    samples: int
    start_ms: int | None
    device: str | None
    events: list[Event]
    data: Any = None
    _raw: Any = None
    _picks: Any = field(default=None)

    def read(self, start: int, stop: int) -> Any:
        """Return samples in µV, channels × samples."""
        return self._raw.get_data(picks=self._picks, start=start, stop=stop) * 1e6


def _mne() -> Any:
    try:
        import mne
    except ImportError as err:
        raise ImportError("this needs MNE: pip install 'neurod-client[mne]'") from err
    return mne


def from_raw(raw: mne.io.BaseRaw, *, picks: Any = None, load: bool = True, bad: bool = False) -> Part:
    """Take the EEG channels of a recording (bad ones among them), its annotations and the triggers of its stimulus channels.

    ``bad`` takes the annotations that mark what is bad along.
    """
    mne = _mne()
    if picks is None:
        chosen = mne.pick_types(raw.info, meg=False, eeg=True, exclude=[])
        if len(chosen) == 0:
            raise ValueError("the recording has no channel of type eeg: set the types (raw.set_channel_types), or give picks")
    else:
        chosen = _picks(raw, picks)
    names = [raw.ch_names[i] for i in chosen]
    start_ms = None
    if raw.info["meas_date"] is not None:
        first = raw.info["meas_date"] + timedelta(seconds=raw.first_samp / raw.info["sfreq"])
        start_ms = round(first.timestamp() * 1000)
        # De-identified recordings are dated anywhere; a session begins between 1970 and tomorrow.
        if not 0 <= start_ms <= 1000 * time.time() + 3_600_000:
            start_ms = None
    device = (raw.info.get("device_info") or {}).get("type")
    part = Part(
        channels=names,
        sample_rate=float(raw.info["sfreq"]),
        samples=int(raw.n_times),
        start_ms=start_ms,
        device=device or None,
        events=events_of(raw, bad=bad),
        _raw=raw,
        _picks=chosen,
    )
    marked = [name for name in names if name in raw.info["bads"]]
    if marked:
        log.warning("channels that are marked as bad are sent like the others, and the mark is not kept: %s", ", ".join(marked))
    if load:
        part.data = part.read(0, part.samples)
    return part


def _picks(raw: Any, picks: Any) -> Any:
    """Return the places of channels as MNE picks them, bad ones among them."""
    names = raw.copy().pick(picks, exclude=()).ch_names if not raw.preload else raw.copy().crop(0, 0).pick(picks, exclude=()).ch_names
    return [raw.ch_names.index(name) for name in names]


NUMBERED = re.compile(r"[A-Za-z]{0,10}[ #/_-]{0,3}([0-9]{1,9})")
"""Labels that stand for a code, by the service's own rule: ``7``, ``T1``, ``S 12``, ``Trigger#2``."""


def code_in(label: str) -> int:
    """Return the code that a label stands for as the service has it of a file, 0 where it stands for none; the part behind the last slash counts."""
    text = label.rpartition("/")[2].strip()
    if re.fullmatch(r"[+-]?[0-9]{1,10}", text) and -(1 << 31) < int(text) < (1 << 31) - 1:
        return int(text)
    found = NUMBERED.fullmatch(text)
    return int(found[1]) if found else 0


def events_of(raw: mne.io.BaseRaw, *, bad: bool = False) -> list[Event]:
    """Return annotations, and the triggers of stimulus channels where there are no annotations, by their time.

    Annotations that mark what is bad (``BAD...``, ``EDGE...``) are no events of a decode; ``bad`` returns them, too, without a code. A label keeps its
    text, and its code is the number that the service takes it for in a file: 11 of ``Stimulus/S 11``, 2 of ``T2``.
    """
    import numpy as np

    mne = _mne()
    found = []
    shift = raw.first_time if raw.annotations.orig_time is not None else 0.0
    for onset, duration, label in zip(raw.annotations.onset, raw.annotations.duration, raw.annotations.description):
        text = str(label)
        marks = text.upper().startswith(("BAD", "EDGE"))
        if bad or not marks:
            found.append(Event(float(onset) - shift, float(duration), 0 if marks else code_in(text), text[:1000]))
    if all(e.label.upper().startswith(("BAD", "EDGE")) for e in found) and len(mne.pick_types(raw.info, meg=False, stim=True)):
        triggers = mne.find_events(raw, shortest_event=1, initial_event=True, verbose="error")
        for sample, _, code in np.asarray(triggers):
            found.append(Event((int(sample) - raw.first_samp) / raw.info["sfreq"], 0.0, int(code), ""))
    end = raw.n_times / raw.info["sfreq"]
    return sorted(e for e in found if 0 <= e.onset_s <= end)


def from_epochs(epochs: mne.BaseEpochs) -> tuple[Any, list[str], float]:
    """Return the EEG of epochs in µV (epochs × channels × samples), the channels and the rate."""
    mne = _mne()
    chosen = mne.pick_types(epochs.info, meg=False, eeg=True, exclude=[])
    data = epochs.get_data(picks=chosen) * 1e6
    return data, [epochs.ch_names[i] for i in chosen], float(epochs.info["sfreq"])


def to_raw(session: types.Session, export: bytes, events: Any, *, montage: str | None) -> mne.io.RawArray:
    """Make a recording of a session's export with its raw batches."""
    import numpy as np

    mne = _mne()
    document = json.loads(export)
    batches = document["raw_batches"]
    channels, rate = list(session.channels), float(session.sample_rate_hz)
    origin = session.started_at.timestamp() * 1000
    jitter = 40 if session.ingestion_mode == "STREAMING" else 1
    if session.jitter_ms is not None:
        jitter = session.jitter_ms
    places = place([(b["t0_unix_ms"], b["sample_count"]) for b in batches], origin, rate, jitter)
    first = min((p for p in places), default=0)
    last = max((p + b["sample_count"] for p, b in zip(places, batches)), default=0)
    data = np.zeros((len(channels), last - first))
    there = np.zeros(last - first, dtype=bool)
    for at, batch in zip(places, batches):
        values = np.array([batch["data"][name] for name in channels], dtype=np.float32)
        span = slice(at - first, at - first + values.shape[1])
        new = ~there[span]
        data[:, span][:, new] = values[:, new].astype(np.float64) * 1e-6
        there[span] = True
    info = mne.create_info(channels, rate, "eeg")
    raw = mne.io.RawArray(data, info, verbose="error")
    start = datetime.fromtimestamp((origin + 1000 * first / rate) / 1000, timezone.utc)
    raw.set_meas_date(start)
    onsets, durations, labels = [], [], []
    missing = np.flatnonzero(np.diff(np.concatenate([[0], (~there).astype(int), [0]])))
    for begin, stop in missing.reshape(-1, 2):
        onsets.append(begin / rate)
        durations.append((stop - begin) / rate)
        labels.append("BAD_ACQ_SKIP")
    for event in events:
        onsets.append(event.t_unix_ms / 1000 - start.timestamp())
        durations.append(event.duration_ms / 1000)
        labels.append(event.label or str(event.code))
    if onsets:
        raw.set_annotations(mne.Annotations(onsets, durations, labels, orig_time=start))
    if montage == "auto":
        names = mne.channels.get_builtin_montages()
        known = mne.channels.make_standard_montage("colin27_1005" if "colin27_1005" in names else "standard_1005")
        upper = {name.upper(): name for name in known.ch_names}
        if all(name.upper() in upper for name in channels) and channels:
            raw.set_montage(known, match_case=False, verbose="error")
    elif montage is not None:
        raw.set_montage(montage, match_case=False, on_missing="warn")
    return raw


def place(batches: list[tuple[int, int]], origin_ms: float, rate: float, jitter_ms: float) -> list[int]:
    """Return the place of each batch (its time and length), in samples after the origin, by the service's rules of time.

    A batch lies at the sample nearest to its time, unless it is within the jitter of the end or the beginning of a segment that is there: then it
    continues that.
    """
    segments: list[list[int]] = []
    places = []
    for t0, count in batches:
        at = round((t0 - origin_ms) * rate / 1000)
        slack = min(jitter_ms * rate / 1000, count / 2)
        slack = max(slack, 0.5 * rate / 1000 + 0.5)
        best: tuple[float, int] | None = None
        for begin, stop in segments:
            for candidate, distance in ((stop, abs(at - stop)), (begin - count, abs(at + count - begin))):
                if distance <= slack and (best is None or distance < best[0]):
                    best = (distance, candidate)
        if best is not None:
            at = best[1]
        places.append(at)
        segments.append([at, at + count])
        segments.sort()
        merged = [segments[0]]
        for begin, stop in segments[1:]:
            if begin <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], stop)
            else:
                merged.append([begin, stop])
        segments = merged
    return places
