"""Sessions: samples in, feature windows and live decodes out."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Dict, Literal  # the classes here have methods of these names

from pydantic import PrivateAttr

from .. import _check, _errors, _samples, types
from .._base import Listing, table
from .._core import Body, Call
from .._http import httpx
from .._io import async_sleep
from .._progress import bar
from .._views import Features, FeatureWindow, LiveDecode
from ..types import LiveDecodeParam
from .pages import AsyncPages
from .stream import AsyncStream

if TYPE_CHECKING:
    import mne

    from .client import AsyncClient

FORMATS = {".json": "json", ".csv": "csv", ".edf": "edf", ".bdf": "bdf"}


class AsyncSession(types.Session):
    """One recording from a device, live or from a file. Its fields are as they stood when it was read last."""

    _client: AsyncClient = PrivateAttr()
    _next_ms: float | None = PrivateAttr(default=None)
    _origin_ms: int | None = PrivateAttr(default=None)
    _import_job: str | None = PrivateAttr(default=None)

    @classmethod
    def _of(cls, client: AsyncClient, document: bytes | dict[str, Any]) -> AsyncSession:
        session = cls.model_validate_json(document) if isinstance(document, bytes) else cls.model_validate(document)
        session._client = client
        return session

    @property
    def id(self) -> str:
        """Same as ``session_id``."""
        return self.session_id

    @property
    def features(self) -> AsyncSessionFeatures:
        """The feature windows."""
        return AsyncSessionFeatures(self._client, self.session_id)

    @property
    def decodes(self) -> AsyncSessionDecodes:
        """The live decodes of a session that was made with ``decode``."""
        return AsyncSessionDecodes(self._client, self.session_id)

    @property
    def events(self) -> AsyncSessionEvents:
        """What happened during the session: markers, cues, annotations."""
        return AsyncSessionEvents(self._client, self.session_id)

    async def refresh(self) -> AsyncSession:
        """Read the session again."""
        other = await self._client.sessions.get(self.session_id)
        vars(self).update(vars(other))
        return self

    async def ingest(
        self,
        data: Mapping[str, Any] | _samples.Samples | None = None,
        *,
        batch_id: str | None = None,
        t0_unix_ms: float | None = None,
        unit: str = "uV",
        progress: bool | None = None,
    ) -> types.Ingested:
        """Add samples. They are durable when this returns, and the same ``batch_id`` is taken once, however often it is sent.

        Args:
            data: numbers by channel, as the document has them; or an array of channels × samples in the order of the session's channels, of any
                length: it is sent as float32, in batches.
            batch_id: one of your own; of an array in several batches it is what their ids begin with. Made at random otherwise.
            t0_unix_ms: time of the first sample, Unix milliseconds. Without it samples follow those that this object sent last; the first are
                taken to have ended now.
            unit: of the samples: ``uV``, ``mV``, ``V`` or ``nV``.
            progress: a bar for long arrays.

        Returns:
            What was accepted, summed over the batches. ``warnings`` and ``overlapped_sample_count`` tell where times are strange.

        Raises:
            InvalidRequestError: 422 ``invalid_samples``, with the channels and samples that are wrong.
            ConflictError: 409, the session has ended.
        """
        if data is None:
            raise ValueError("give data: numbers by channel, or an array of channels × samples")
        if unit not in _samples.UNITS:
            raise ValueError(f"unit is one of {', '.join(_samples.UNITS)}, and not {unit!r}")
        prefix = batch_id if batch_id is not None else uuid.uuid4().hex
        if isinstance(data, Mapping):
            together = _samples.columns(data, self.channels)
            if together is None:
                return await self._ingest_json(data, prefix, t0_unix_ms, unit)
            data = together
        length = _samples.check_channels(data, self.channels)
        t0 = self._start(t0_unix_ms, length)
        batch = _samples.batch_length(len(self.channels), self.sample_rate_hz, self.hop_s, self.decode, self.window_features)
        total = types.Ingested(status="accepted", sample_count=0)
        statuses = set()
        with bar("ingest", progress if length > batch or progress else False) as shown:
            for part in _samples.batches(prefix, t0, length, batch, self.sample_rate_hz):
                content = _samples.interleave(data, part.start, part.stop, channels=self.channels, scale=_samples.UNITS[unit])
                answer = await self._ingest_bytes(content, part.batch_id, part.t0_unix_ms)
                statuses.add(answer.status)
                total.sample_count += answer.sample_count
                total.job_id = answer.job_id or total.job_id
                total.payload_differs = total.payload_differs or answer.payload_differs
                if answer.overlapped_sample_count:
                    total.overlapped_sample_count = (total.overlapped_sample_count or 0) + answer.overlapped_sample_count
                if answer.warnings:
                    total.warnings = [*(total.warnings or []), *(w for w in answer.warnings if w not in (total.warnings or []))]
                shown.to(part.stop, length)
        if statuses == {"duplicate_ignored"}:
            total.status = "duplicate_ignored"
        self._next_ms = t0 + 1000 * length / self.sample_rate_hz
        return total

    def _start(self, t0_unix_ms: float | None, length: int) -> float:
        if t0_unix_ms is not None:
            return float(t0_unix_ms)
        if self._next_ms is not None:
            return self._next_ms
        if self._origin_ms is not None:
            return float(self._origin_ms)
        return 1000 * (time.time() - length / self.sample_rate_hz)

    async def _ingest_json(self, data: Mapping[str, Any], batch_id: str, t0_unix_ms: float | None, unit: str) -> types.Ingested:
        told = _samples.by_name(data)
        length = max((len(v) for v in told.values()), default=0)
        t0 = self._start(t0_unix_ms, length)
        body = {"batch_id": batch_id, "t0_unix_ms": round(t0), "data": told, **({"unit": unit} if unit != "uV" else {})}
        answer = await self._client._model(types.Ingested, Call("ingest", path={"id": self.session_id}, json=body))
        self._next_ms = t0 + 1000 * length / self.sample_rate_hz
        return answer

    async def _ingest_bytes(
        self, content: memoryview | bytes, batch_id: str, t0_unix_ms: int, *, first_sample: int | None = None, idempotency_key: str | None = None
    ) -> types.Ingested:
        call = Call(
            "ingest",
            path={"id": self.session_id},
            query={"batch_id": batch_id, "t0_unix_ms": t0_unix_ms, **({"first_sample": first_sample} if first_sample is not None else {})},
            body=Body(content),
            idempotency_key=idempotency_key,
        )
        return await self._client._model(types.Ingested, call)

    async def end(self, *, ended_at_unix_ms: int | None = None) -> AsyncSession:
        """End the session. A RECORDED one is processed then: see ``wait_for_processing``. Ending it again changes nothing."""
        body = {"ended_at_unix_ms": ended_at_unix_ms} if ended_at_unix_ms is not None else {}
        response = await self._client._call(Call("endSession", path={"id": self.session_id}, json=body))
        answer = AsyncSession._of(self._client, response.content)
        for name in ("ended_at", "processing_state", "started_at"):
            setattr(self, name, getattr(answer, name))
        return self

    async def status(self) -> types.SessionStatus:
        """Read how far the processing is, how many samples and windows there are, and where samples are missing."""
        return await self._client._model(types.SessionStatus, Call("sessionStatus", path={"id": self.session_id}))

    async def wait_for_processing(
        self,
        on_progress: Callable[[types.SessionStatus], Any] | None = None,
        *,
        timeout: float | None = None,
        poll_interval: float | None = None,
        progress: bool | None = None,
    ) -> types.SessionStatus:
        """Wait until every feature window of what was sent is written, and return the status then.

        Args:
            on_progress: called with the status each time that it was read, the last one among them.
            timeout: seconds; None for ever.
            poll_interval: seconds between two looks; by default from 0.1 growing to 2.
            progress: a bar, for imports.

        Raises:
            JobFailed: the processing failed.
            WaitTimeout: it is not done; it goes on all the same.
        """
        end = None if timeout is None else time.monotonic() + timeout
        pause = poll_interval or 0.1
        with bar("import", progress) as shown:
            while True:
                status = await self.status()
                if status.import_ is not None:
                    shown.to(status.import_.done_bytes, status.import_.total_bytes)
                if on_progress is not None:
                    on_progress(status)
                recorded = status.ingestion_mode == "RECORDED"
                if status.processing_state == "FAILED":
                    job = await self._client.jobs.get(status.job_id) if status.job_id else None
                    if job is not None:
                        job.raise_for_status()
                    raise _errors.JobFailed(f"session {self.session_id} failed", job=job)
                if status.processing_state == "COMPLETE" or (not recorded and not status.pending_batches):
                    self.processing_state = status.processing_state
                    self.ended_at = status.ended_at
                    return status
                if recorded and status.processing_state == "UPLOADING" and not status.pending_batches:
                    raise _errors.NeurodError(f"session {self.session_id} has not ended: call end() first")
                if end is not None and time.monotonic() + pause > end:
                    raise _errors.WaitTimeout(f"session {self.session_id} is {status.processing_state} after {timeout:g} s")
                await async_sleep(pause)
                if poll_interval is None:
                    pause = min(2.0, 1.5 * pause)

    def stream(self, *, after_seq: int | Literal["latest"] = 0, transport: str = "auto", max_outage: float | None = 300.0) -> AsyncStream:
        """Follow the session: iterate over its feature windows and live decodes as they are written, until its end.

        Args:
            after_seq: begin behind this message: 0, by default, with the first of the session; ``"latest"`` with what comes next.
            transport: ``auto`` takes WebSocket, and server-sent events where a proxy between lets none through; or ``websocket`` or ``sse`` alone.
            max_outage: seconds without a connection after which it gives up; None for never.
        """
        return AsyncStream(self._client, self.session_id, after_seq=after_seq, transport=transport, max_outage=max_outage)

    async def export(
        self,
        path: str | os.PathLike[str],
        *,
        format: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        only_passed: bool | None = None,
        include_raw: bool | None = None,
        progress: bool | None = None,
    ) -> Path:
        """Write the session to a file: ``json``, ``csv``, ``edf`` (16 bits) or ``bdf`` (24 bits), by default what the name ends in.

        The file appears when it is whole, and not at all where that fails.
        """
        target = Path(path)
        kind = format or FORMATS.get(target.suffix.lower())
        if kind is None:
            raise ValueError(f"{target.name} ends in none of {', '.join(FORMATS)}: give format")
        query = {"format": kind, "limit": limit, "offset": offset, "only_passed": only_passed, "include_raw": include_raw}
        attempt = 0
        while True:
            attempt += 1
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
            try:
                with os.fdopen(handle, "wb") as out:
                    await self._download(query, out, progress)
                os.replace(name, target)
                return target
            except httpx.TransportError as fault:
                os.unlink(name)
                pause = self._client.retry.after_fault(attempt)
                if pause is None:
                    raise _errors.APIConnectionError(f"the export of session {self.session_id} broke off, after {attempt} attempts") from fault
                await async_sleep(pause)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name)
                raise

    async def _download(self, query: dict[str, Any], out: BinaryIO, progress: bool | None) -> None:
        response = await self._client._call(Call("export", path={"id": self.session_id}, query=query, accept="*/*", stream=True))
        try:
            total = int(response.headers.get("content-length") or 0)
            done = 0
            with bar("export", progress if total > 1 << 20 or progress else False, "B") as shown:
                async for part in response.aiter_bytes():
                    out.write(part)
                    done += len(part)
                    shown.to(done, total)
        finally:
            await response.aclose()

    async def export_dict(self, *, include_raw: bool = False) -> dict[str, Any]:
        """Return the JSON export: session, feature windows, events and, with ``include_raw``, the batches as they came in."""
        query = {"format": "json", "include_raw": include_raw, "limit": 5000}
        found: dict[str, Any] = await self._client._json(Call("export", path={"id": self.session_id}, query=query), "feature_windows", "pagination")
        while found["pagination"]["has_more"]:
            query = {"format": "json", "limit": 5000, "offset": len(found["feature_windows"])}
            page = await self._client._json(Call("export", path={"id": self.session_id}, query=query), "feature_windows", "pagination")
            found["feature_windows"] += page["feature_windows"]
            found["pagination"]["has_more"] = page["pagination"]["has_more"] and bool(page["feature_windows"])
        return found

    async def to_raw(self, *, montage: str | None = "auto") -> mne.io.RawArray:
        """Return the samples as MNE has them: volts, with the session's events as annotations; needs MNE (``neurod-client[mne]``).

        They are those that were sent, to float32. Samples that are missing are zero there, under a ``BAD_ACQ_SKIP`` annotation, which MNE leaves out.

        Args:
            montage: positions of the electrodes: ``auto`` takes the 10-05 system where it knows all of them, None sets none.
        """
        from .. import _mne

        session = await self._client.sessions.get(self.session_id)
        events = await session.events.list()
        query = {"format": "json", "include_raw": True, "limit": 1}
        response = await self._client._call(Call("export", path={"id": self.session_id}, query=query, timeout=max(300.0, self._client.timeout)))
        return _mne.to_raw(session, response.content, events, montage=montage)

    def _repr_html_(self) -> str:
        return table(
            f"session {self.session_id}",
            {
                "person": self.external_user_id,
                "device": self.device_type,
                "channels": f"{len(self.channels)} at {self.sample_rate_hz:g} Hz: {', '.join(self.channels[:8])}{'…' if len(self.channels) > 8 else ''}",
                "started": f"{self.started_at:%Y-%m-%d %H:%M:%S}",
                "ended": f"{self.ended_at:%Y-%m-%d %H:%M:%S}" if self.ended_at else "open",
                "state": self.processing_state or self.ingestion_mode,
            },
        )


class AsyncSessionFeatures:
    """``session.features``"""

    def __init__(self, client: AsyncClient, session_id: str) -> None:
        self._client = client
        self._session_id = session_id

    async def latest(self, *, wait: float = 3.0, only_passed: bool | None = None) -> FeatureWindow:
        """Return the latest feature window, or the latest that passed the quality gate.

        Where there is none yet it is waited for, ``wait`` seconds at most. If none comes, what is returned holds no measurement: its numbers are
        NaN and its ``available`` is False.
        """
        end, pause = time.monotonic() + wait, 0.05
        while True:
            query = {"limit": 1, "order": "desc", "only_passed": only_passed}
            found = _windows.validate_json((await self._client._call(Call("features", path={"id": self._session_id}, query=query))).content)
            if found:
                return found[0]
            if time.monotonic() + pause > end:
                return FeatureWindow.missing(self._session_id)
            await async_sleep(pause)
            pause = min(0.5, 1.5 * pause)

    async def list(self, *, limit: int | None = None, after_ms: int | None = None, only_passed: bool | None = None) -> Features:
        """Return the windows in the order of their start, all of them unless ``limit`` says how many."""
        return Features(await self.iter(limit=limit, after_ms=after_ms, only_passed=only_passed).to_list())

    def iter(self, *, limit: int | None = None, after_ms: int | None = None, only_passed: bool | None = None) -> AsyncPages[FeatureWindow]:
        """Iterate over the windows, page by page."""

        async def pages() -> AsyncIterator[Sequence[FeatureWindow]]:
            after = after_ms
            while True:
                query = {"limit": min(1000, limit or 1000), "after_ms": after, "only_passed": only_passed}
                response = await self._client._call(Call("features", path={"id": self._session_id}, query=query))
                page = _windows.validate_json(response.content)
                if page:
                    after = page[-1].window_start_ms
                    yield page
                if not page or response.headers.get("x-has-more") != "true":
                    return

        return AsyncPages(pages(), limit)

    async def to_dataframe(self, **filters: Any) -> Any:
        """Return the windows as a pandas data frame; takes what ``list`` takes."""
        return (await self.list(**filters)).to_dataframe()

    to_pandas = to_dataframe


class AsyncSessionDecodes:
    """``session.decodes``"""

    def __init__(self, client: AsyncClient, session_id: str) -> None:
        self._client = client
        self._session_id = session_id

    async def latest(self) -> LiveDecode | None:
        """Return the latest live decode, None where there is none."""
        response = await self._client._call(Call("decodes", path={"id": self._session_id}, query={"limit": 1, "order": "desc"}))
        found = _decodes.validate_json(response.content)
        return found[0] if found else None

    def iter(self, *, limit: int | None = None, after_ms: int | None = None) -> AsyncPages[LiveDecode]:
        """Iterate over the live decodes in the order of their start."""

        async def pages() -> AsyncIterator[Sequence[LiveDecode]]:
            after = after_ms
            while True:
                query = {"limit": min(1000, limit or 1000), "after_ms": after}
                response = await self._client._call(Call("decodes", path={"id": self._session_id}, query=query))
                page = _decodes.validate_json(response.content)
                if page:
                    after = page[-1].window_start_ms
                    yield page
                if not page or response.headers.get("x-has-more") != "true":
                    return

        return AsyncPages(pages(), limit)

    async def list(self, *, limit: int | None = None, after_ms: int | None = None) -> Sequence[LiveDecode]:
        """Return the live decodes in the order of their start."""
        return await self.iter(limit=limit, after_ms=after_ms).to_list()


class AsyncSessionEvents:
    """``session.events``"""

    def __init__(self, client: AsyncClient, session_id: str) -> None:
        self._client = client
        self._session_id = session_id

    async def add(
        self,
        label: str = "",
        *,
        code: int = 0,
        t_unix_ms: float | None = None,
        onset_ms: float | None = None,
        sample: int | None = None,
        duration_ms: float | None = None,
    ) -> types.SessionEvent:
        """Add one event: a label, a code or both, and one time; without any, it is now."""
        if t_unix_ms is None and onset_ms is None and sample is None:
            t_unix_ms = 1000 * time.time()
        event = {"t_unix_ms": t_unix_ms, "onset_ms": onset_ms, "sample": sample, "duration_ms": duration_ms, "code": code, "label": label}
        return (await self.add_many([event]))[0]

    async def add_many(self, events: Sequence[Mapping[str, Any]]) -> Sequence[types.SessionEvent]:
        """Add events as dictionaries, a thousand a call."""
        added: Sequence[types.SessionEvent] = []
        events = _check.list_of("events", events, "events")
        for i, event in enumerate(events):
            if not isinstance(event, Mapping):
                raise TypeError(f"events[{i}] is {_check.short(event)}, and no dictionary such as {{'onset_ms': 1200, 'label': 'left'}}")
        for at in range(0, len(events), 1000):
            told = [{k: v for k, v in event.items() if v is not None} for event in events[at : at + 1000]]
            response = await self._client._call(Call("addEvents", path={"id": self._session_id}, json={"events": told}))
            added = [*added, *_events.validate_json(response.content)]
        return added

    async def list(self, *, after: int = 0) -> Sequence[types.SessionEvent]:
        """Return the events in the order in which they were added; ``after`` leaves out those up to that ``seq``."""
        found: Sequence[types.SessionEvent] = []
        while True:
            response = await self._client._call(Call("listEvents", path={"id": self._session_id}, query={"after": after}))
            page = _events.validate_json(response.content)
            found = [*found, *page]
            if not page or response.headers.get("x-has-more") != "true":
                return found
            after = page[-1].seq


class AsyncSessions:
    """``client.sessions``"""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def create(
        self,
        *,
        external_user_id: str,
        device_type: str,
        sample_rate_hz: float,
        channels: Sequence[str],
        ingestion_mode: str | None = None,
        hop_s: float | None = None,
        jitter_ms: int | None = None,
        started_at_unix_ms: int | None = None,
        decode: LiveDecodeParam | None = None,
        features: Sequence[str] | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncSession:
        """Make a session.

        Args:
            external_user_id: your name for the person, by which they are erased; no e-mail address, please.
            device_type: free text, such as ``MUSE_2``.
            sample_rate_hz: 8 to 20,000.
            channels: 1 to 512 names; those of the 10-10 system can be decoded.
            ingestion_mode: ``STREAMING`` (by default) for a device that runs, ``RECORDED`` for data that is there already.
            hop_s: seconds between the starts of two feature windows; 2 by default.
            jitter_ms: how far the clock of batches may be off.
            started_at_unix_ms: where the session begins; by default at the first batch.
            decode: decode it as it runs, such as ``{"paradigm": "motor_imagery", "window_s": 4, "hop_s": 1}``.
            features: what its windows carry beside what every window has: ``band_power`` of each channel, ``relative_power``, ``aperiodic``
                (exponent and offset of the 1/f part), ``alpha_peak``.
            idempotency_key: one of your own; one is made otherwise, and kept over repetitions.
        """
        told = {
            "external_user_id": _check.identifier("external_user_id", external_user_id),
            "device_type": device_type,
            "sample_rate_hz": sample_rate_hz,
            "channels": _check.names("channels", channels),
            "ingestion_mode": ingestion_mode,
            "hop_s": hop_s,
            "jitter_ms": jitter_ms,
            "started_at_unix_ms": started_at_unix_ms,
            "decode": decode,
            "features": None if features is None else _check.names("features", features),
        }
        call = Call("createSession", json={k: v for k, v in told.items() if v is not None}, idempotency_key=idempotency_key)
        response = await self._client._call(call)
        session = AsyncSession._of(self._client, response.content)
        session._origin_ms = started_at_unix_ms
        return session

    async def get(self, session_id: str) -> AsyncSession:
        """Read a session."""
        response = await self._client._call(Call("getSession", path={"id": session_id}))
        return AsyncSession._of(self._client, response.content)

    def list(self, *, ingestion_mode: str | None = None, external_user_id: str | None = None, limit: int | None = None) -> AsyncPages[AsyncSession]:
        """List sessions, newest first, all of them unless ``limit`` says how many."""

        async def pages() -> AsyncIterator[Sequence[AsyncSession]]:
            cursor: str | None = None
            while True:
                query = {"ingestion_mode": ingestion_mode, "external_user_id": external_user_id, "limit": min(200, limit or 200), "cursor": cursor}
                response = await self._client._call(Call("listSessions", query=query))
                yield [AsyncSession._of(self._client, entry) for entry in _documents.validate_json(response.content)]
                cursor = response.headers.get("x-next-cursor")
                if not cursor:
                    return

        return AsyncPages(pages(), limit)

    async def import_file(
        self,
        file: str | os.PathLike[str] | bytes | BinaryIO,
        *,
        external_user_id: str,
        name: str | None = None,
        device_type: str | None = None,
        channels: Sequence[str] | None = None,
        sample_rate_hz: float | None = None,
        hop_s: float | None = None,
        started_at_unix_ms: int | None = None,
        features: Sequence[str] | None = None,
        wait: bool = True,
        timeout: float | None = None,
        on_progress: Callable[[types.SessionStatus], Any] | None = None,
        progress: bool | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncSession:
        """Make a session of a recorded file: EDF, BDF, GDF, XDF, a ZIP of BrainVision, Muse, Mind Monitor and OpenBCI text, tables of numbers.

        The file is sent as it is read, and again from its beginning where the connection breaks; it makes one session all the same.

        Args:
            file: a path, bytes, or an open binary file. A BrainVision header (``.vhdr``) takes the files that it names along.
            external_user_id: your name for the person.
            name: of the file; counts where the content leaves the format open. By default the path's.
            features: what its windows carry, as for ``create``.
            wait: return when every sample and window is written, else when the file is accepted.
            timeout: seconds to wait.
            on_progress: called with the status while it is waited.
            progress: a bar; by default in terminals and notebooks.

        Raises:
            InvalidRequestError: the file cannot be read, with the place that is wrong.
            JobFailed: it turned out so while it was read.
        """
        with contextlib.ExitStack() as stack:
            shown = stack.enter_context(bar("upload", progress, "B"))
            size = 0

            def told(done: int) -> None:
                shown.to(done, size)

            if isinstance(file, (str, os.PathLike)):
                path = Path(file)
                name = name or path.name
                if path.suffix.lower() in (".vhdr", ".ahdr"):
                    path = stack.enter_context(_zipped(path))
                    name = None
                body = Body(path=path, told=told)
            elif isinstance(file, (bytes, bytearray, memoryview)):
                body = Body(file, told=told)
            elif hasattr(file, "read"):
                name = name or (os.path.basename(file.name) if isinstance(getattr(file, "name", None), str) else None)
                content = file.read()
                if isinstance(content, str):
                    raise TypeError('file is open as text: open it with mode "rb"')
                body = Body(content, told=told)
            else:
                raise TypeError(f"file is a path, bytes or an open binary file, and not {_check.short(file)}")
            size = body.length
            query = {
                "external_user_id": _check.identifier("external_user_id", external_user_id),
                "name": name,
                "device_type": device_type,
                "channels": _names(channels),
                "sample_rate_hz": sample_rate_hz,
                "hop_s": hop_s,
                "started_at_unix_ms": started_at_unix_ms,
                "features": None if features is None else ",".join(_check.names("features", features)),
            }
            call = Call("importSession", query=query, body=body, timeout=max(300.0, self._client.timeout), idempotency_key=idempotency_key)
            response = await self._client._call(call)
        accepted = types.ImportedSession.model_validate_json(response.content)
        session = AsyncSession._of(self._client, response.content)
        session._import_job = accepted.job_id
        if wait:
            await session.wait_for_processing(on_progress, timeout=timeout, progress=progress)
            await session.refresh()
        return session

    async def ingest_raw(
        self,
        raw: mne.io.BaseRaw,
        *,
        external_user_id: str,
        device_type: str | None = None,
        picks: Any = None,
        ingestion_mode: str = "RECORDED",
        hop_s: float | None = None,
        decode: LiveDecodeParam | None = None,
        features: Sequence[str] | None = None,
        started_at_unix_ms: int | None = None,
        end: bool = True,
        wait: bool = True,
        timeout: float | None = None,
        progress: bool | None = None,
        batch_id: str = "raw",
        idempotency_key: str | None = None,
    ) -> AsyncSession:
        """Make a session of an MNE recording: EEG channels in µV, annotations and stimulus channels as events; ``session.to_raw()`` gives it back.

        Annotations that mark what is bad (``BAD_...``) are events, too, and come back as annotations. Channels in ``raw.info["bads"]`` are sent like the
        others; the session does not keep that they are bad, which is logged: leave them out by ``picks``, or mark them again.

        Where the service refuses the samples, the session that was made for them is ended, unless ``idempotency_key`` is given, with which the same call
        can be made again.

        Args:
            raw: the recording; it need not be loaded.
            external_user_id: your name for the person; names in ``raw.info`` are not sent.
            picks: channels, as MNE picks them; by default those of type ``eeg`` that are there, bad ones among them.
            started_at_unix_ms: time of the first sample; by default the recording's own (``meas_date``), else now less its length.
            end, wait: end the session, and wait until its windows are written.
        """
        from .. import _mne

        part = _mne.from_raw(raw, picks=picks, load=False, bad=True)
        t0 = started_at_unix_ms
        if t0 is None:
            t0 = part.start_ms if part.start_ms is not None else round(1000 * (time.time() - part.samples / part.sample_rate))
        session = await self.create(
            external_user_id=external_user_id,
            device_type=device_type or part.device or "MNE",
            sample_rate_hz=part.sample_rate,
            channels=part.channels,
            ingestion_mode=ingestion_mode,
            hop_s=hop_s,
            started_at_unix_ms=t0,
            decode=decode,
            features=features,
            idempotency_key=idempotency_key,
        )
        try:
            length = _samples.batch_length(len(part.channels), part.sample_rate, session.hop_s, session.decode, session.window_features)
            with bar("ingest", progress) as shown:
                for block in _samples.batches(batch_id, t0, part.samples, length, part.sample_rate):
                    content = _samples.interleave(part.read(block.start, block.stop), channels=part.channels)
                    await session._ingest_bytes(content, block.batch_id, block.t0_unix_ms)
                    shown.to(block.stop, part.samples)
            if part.events:
                await session.events.add_many(
                    [{"onset_ms": 1000 * e.onset_s, "duration_ms": 1000 * e.duration_s, "code": e.code, "label": e.label} for e in part.events]
                )
        except Exception:
            if idempotency_key is None:
                with contextlib.suppress(_errors.NeurodError):
                    await session.end()
            raise
        if end:
            await session.end()
            if wait:
                await session.wait_for_processing(timeout=timeout)
        return session


def _names(channels: Sequence[str] | None) -> str | None:
    import json

    return json.dumps(_check.names("channels", channels), ensure_ascii=False) if channels is not None else None


@contextlib.contextmanager
def _zipped(header: Path) -> Iterator[Path]:
    """Give a ZIP archive of a BrainVision header with the files that it names."""
    import zipfile

    text = header.read_bytes().decode("latin-1")
    members = [header]
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key.strip().lower() in ("datafile", "markerfile") and value.strip():
            named = value.strip().replace("\\", "/").replace("$b", header.stem)
            found = header.parent / Path(named).name
            if not found.is_file():
                raise FileNotFoundError(f"{header.name} names {named}, which is not beside it")
            members.append(found)
    handle, name = tempfile.mkstemp(suffix=".zip")
    os.close(handle)
    try:
        with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as archive:
            for member in members:
                archive.write(member, member.name)
        yield Path(name)
    finally:
        os.unlink(name)


_windows = Listing(FeatureWindow)
_decodes = Listing(LiveDecode)
_events = Listing(types.SessionEvent)
_documents = Listing(Dict[str, Any])
