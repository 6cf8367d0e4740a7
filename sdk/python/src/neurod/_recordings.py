"""Recordings of any kind become the ``input`` of a decode request."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Union

from . import _check, _samples
from .types import DecodeContextParam, DecodeEventParam, DecodeSeizureParam, DecodeStimulusParam

Recording = Union["_samples.Samples", bytes, str, "os.PathLike[str]", Any]
"""An array of channels × samples, lists of numbers by channel, an MNE ``Raw``, a file of EDF, BDF or GDF or its path."""

Event = Union[DecodeEventParam, Mapping[str, Any], tuple[float, int], tuple[float, int, str]]
"""``{"onset_s": 1.2, "code": 3, "label": "left"}``, or the same as a tuple."""

FILES = {".edf": "edf", ".bdf": "bdf", ".gdf": "gdf"}


def is_mne(value: Any, kind: str = "") -> bool:
    """Whether a value is one of MNE's recordings, without importing MNE."""
    names = {c.__module__.split(".")[0] + "." + c.__name__ for c in type(value).__mro__}
    wanted = {"raw": {"mne.BaseRaw"}, "epochs": {"mne.BaseEpochs"}}.get(kind, {"mne.BaseRaw", "mne.BaseEpochs"})
    return bool(names & wanted)


def events(given: Sequence[Event]) -> list[dict[str, Any]]:
    """Return events as the service takes them."""
    told = []
    for i, event in enumerate(_check.list_of("events", given, "events")):
        if isinstance(event, Mapping):
            told.append(dict(event))
            continue
        try:
            if isinstance(event, str):
                raise TypeError
            onset, code, *label = event
            if len(label) > 1 or (label and not isinstance(label[0], str)) or isinstance(onset, str) or isinstance(code, str) or int(code) != code:
                raise ValueError
            told.append({"onset_s": float(onset), "code": int(code), **({"label": str(label[0])} if label else {})})
        except (TypeError, ValueError, OverflowError):
            form = "an event is (onset_s, code), (onset_s, code, label) or a dictionary of these"
            raise ValueError(f"events[{i}] is {_check.short(event)}: {form}") from None
    return told


def decode_request(
    recording: Recording | None,
    *,
    paradigm: str | None = None,
    sample_rate: float | None = None,
    channels: int | Sequence[str] | None = None,
    events_: Sequence[Event] | str | None = None,
    event_classes: Mapping[str, str] | None = None,
    trials: str | None = None,
    stimulus: DecodeStimulusParam | None = None,
    model: str | None = None,
    device: str | None = None,
    channel_names: Mapping[str, str] | None = None,
    alignment: str | None = None,
    seizure: DecodeSeizureParam | None = None,
    unit: str | None = None,
    session_id: str | None = None,
    start_ms: int | None = None,
    end_ms: int | None = None,
    context: DecodeContextParam | Mapping[str, Any] | None = None,
    features: Sequence[str] | None = None,
    diagnostics: bool = False,
) -> dict[str, Any]:
    """Return the body of a decode."""
    told: dict[str, Any] = {"type": "eeg"}
    if is_mne(recording, "epochs"):
        raise TypeError("these are epochs: use decode_epochs, which answers each of them")
    if is_mne(recording, "raw"):
        from . import _mne

        raw: Any = recording
        part = _mne.from_raw(raw)
        recording, unit = part.data, "uV"
        channels = channels if channels is not None else part.channels
        sample_rate = sample_rate or part.sample_rate
        if isinstance(events_, str) and events_ == "all":
            if not part.events:
                raise ValueError('events is "all", and the recording has no annotations and no triggers')
            events_, trials = None, trials or "all"
        if events_ is None and part.events:
            events_ = [{"onset_s": e.onset_s, "code": e.code, "label": e.label} for e in part.events]
    if isinstance(events_, str) and events_ != "all":
        raise TypeError(f'events is a list of events or "all", and not the text {_check.short(events_)}')
    if channels is not None and (isinstance(channels, bool) or not isinstance(channels, int)):
        channels = _check.names("channels", channels)
    if session_id is not None:
        session_id = _check.identifier("session_id", session_id)
        told.update(session_id=session_id, start_ms=start_ms, end_ms=end_ms)
    elif isinstance(recording, (str, os.PathLike)):
        path = Path(recording)
        encoding = FILES.get(path.suffix.lower())
        if encoding is None:
            raise ValueError(
                f"{path.name}: a decode takes EDF, BDF and GDF files as they are. Make a session of others "
                "(client.sessions.import_file) and decode that, or read them with MNE"
            )
        told.update(data=base64.b64encode(path.read_bytes()).decode(), encoding=encoding)
    elif isinstance(recording, (bytes, bytearray, memoryview)):
        head = bytes(recording[:8])
        encoding = "bdf" if head == b"\xffBIOSEMI" else "gdf" if head[:3] == b"GDF" else "edf" if head == b"0       " else None
        if encoding is None:
            raise ValueError("these bytes are no EDF, BDF or GDF file; give samples as an array of channels × samples")
        told.update(data=base64.b64encode(recording).decode(), encoding=encoding)
    elif recording is not None:
        names = channels if channels is not None and not isinstance(channels, int) else ()
        if isinstance(recording, Mapping):
            names = list(recording)
            channels = names
            together = _samples.columns(recording, names)
            recording = list(_samples.by_name(recording).values()) if together is None else together
        rows, samples = _samples.check_count(recording, channels if isinstance(channels, int) else len(names) or None)
        if channels is None:
            channels = rows
        told.update(
            data=base64.b64encode(_samples.interleave(recording, 0, samples, channels=names)).decode(),
            encoding="float32le",
            layout="sample_major",
            sample_rate=sample_rate,
            channels=channels if isinstance(channels, int) else list(channels),
            unit=unit,
        )
    else:
        raise ValueError("give a recording, or session_id")
    if "channels" not in told and channels is not None:
        told["channels"] = channels if isinstance(channels, int) else list(channels)
    told.update(
        paradigm=paradigm,
        device=device,
        channel_names=None if channel_names is None else _check.mapping("channel_names", channel_names, '{"EEG 1": "C3"}') or None,
        events=events_ if events_ is None or isinstance(events_, str) else events(events_),
        event_classes=None if event_classes is None else _check.mapping("event_classes", event_classes, '{"7": "left_hand"}') or None,
        trials=trials,
        stimulus=stimulus,
        model=model,
        alignment=alignment,
        seizure=seizure,
    )
    body: dict[str, Any] = {"input": {k: v for k, v in told.items() if v is not None}}
    if context:
        body["context"] = dict(context)
    output: dict[str, Any] = {}
    if diagnostics:
        output["include_diagnostics"] = True
    if features is not None:
        output["features"] = _check.names("features", features)
    if output:
        body["output"] = output
    return body
