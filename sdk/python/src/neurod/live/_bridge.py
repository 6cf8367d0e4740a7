"""A source as a device of the server: started, stopped and configured from there."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import types
from .._core import Call
from .._errors import NeurodError
from .._retry import RetryPolicy
from ._recording import Into, Recording, away
from ._source import Source, SourceLost

if TYPE_CHECKING:
    from .._sync.client import Client

log = logging.getLogger("neurod.live")

WAIT = 4.0
"""Seconds that the server may wait with its answer: a lease lasts ten."""

SOON = 0.5
"""The same while something is under way here that the server waits for."""


class Bridge:
    """Runs a source as a device of the server, of the driver ``remote``.

    The device appears in ``GET /v2/devices``; ``stream/start`` there has the source recorded into a session of the device, with the channels that were
    asked for, and ``stream/stop`` ends it. Nothing on this machine listens: the bridge calls the server. While the service is away samples wait in
    memory, as in every recording; a bridge that was ended and is started again goes on with the same session, behind a gap.

    Args:
        source: of ``from_brainflow``, ``from_lsl``, ``from_file``, or a class of your own.
        client: a (synchronous) client, whose key has the scopes ``devices:run`` and ``sessions``.
        device_id: what the device is called in the project.
        name: its name for people, where it is new.
        agent: the name of this bridge, unique in the project; by default ``bridge-`` and the device.
        state: a file in which the bridge keeps who it is, so that it goes on at once with what it held when it is started again. Without one the lease
            of the bridge before has to end first, which takes ten seconds.
        buffer_s: how many seconds of samples wait at most while the service is away.
        drain_s: how long what waits may take to be sent when the stream is stopped.
    """

    def __init__(
        self,
        source: Source,
        client: Client,
        *,
        device_id: str,
        name: str | None = None,
        agent: str | None = None,
        state: str | os.PathLike[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        batch_s: float = 1.0,
        buffer_s: float = 600.0,
        drain_s: float = 30.0,
    ) -> None:
        self.source, self.device_id, self.name = source, device_id, name
        self.agent = agent or f"bridge-{device_id}"
        self.recording: Recording | None = None
        """What runs now; None while the device does not stream."""
        self._client = client
        self._calling = client.with_options(retry=RetryPolicy(attempts=1), timeout=30.0)
        self._metadata = dict(metadata or {})
        self._batch, self._buffer, self._drain = batch_s, buffer_s, drain_s
        self._instance = _instance(state)
        self._stop = threading.Event()
        self._revision = 0
        self._stream: str | None = None  # that the recording is of
        self._ended: tuple[str, dict[str, str] | None] | None = None
        self._report: dict[str, Any] = {}
        self._capabilities: dict[str, Any] = {}

    def stop(self) -> None:
        """Have ``run`` end; the device's stream goes on when the bridge is started again."""
        self._stop.set()

    def run(self) -> None:
        """Run the device until ``stop``. Raises what no waiting mends, such as a key that may not run devices."""
        self._capabilities = self._describe()
        pause = 1.0
        try:
            while not self._stop.is_set():
                try:
                    wanted = self._exchange()
                except NeurodError as fault:
                    if not away(fault):
                        raise
                    log.warning("device %s: the service is away: %s", self.device_id, fault)
                    self._stop.wait(pause)
                    pause = min(5.0, 2 * pause)
                    continue
                pause = 1.0
                for device in wanted.devices:
                    if device.id == self.device_id:
                        self._obey(device)
        finally:
            if self.recording is not None:
                self.recording.stop(timeout=self._drain, end=False)
                self.recording = None

    def _describe(self) -> dict[str, Any]:
        """Open the source once, for what only an open one tells."""
        pause = 1.0
        while True:
            try:
                self.source.open()
                break
            except SourceLost as fault:
                log.warning("device %s: the source is not there: %s", self.device_id, fault)
                if self._stop.wait(pause):
                    raise
                pause = min(10.0, 2 * pause)
        self.source.close()
        rate = float(self.source.sample_rate)
        return {"channels": list(self.source.channels), "sample_rates": [rate], "sample_rate": rate}

    def _exchange(self) -> types.AgentWanted:
        """Tell how things stand, and ask what is wanted."""
        device: dict[str, Any] = {"id": self.device_id, "revision": self._revision, "capabilities": self._capabilities, "report": self._observed()}
        if self.name:
            device["name"] = self.name
        if self._metadata:
            device["metadata"] = self._metadata
        soon = False
        if self._ended is not None:
            device["ended"], device["fault"] = self._ended
            soon = True
        elif self.recording is not None:
            soon = not self.recording.stats.samples_sent or not self.recording.running
        body = {"instance": self._instance, "wait_s": SOON if soon else WAIT, "devices": [device]}
        return self._calling._model(types.AgentWanted, Call("syncAgent", path={"name": self.agent}, json=body))

    def _observed(self) -> dict[str, Any]:
        recording = self.recording
        if recording is None or self._stream is None:
            return dict(self._report)
        stats = recording.stats
        state, fault = ("streaming" if stats.samples_sent else "starting"), None
        if recording.lost is not None:
            state, fault = "away", {"code": "device_lost", "message": recording.lost[:500]}
        missing = {k: v for k, v in (("lost", stats.samples_missing), ("overrun", stats.samples_dropped)) if v}
        return {
            **self._report,
            "stream_id": self._stream,
            "state": state,
            "samples": recording._places.next,
            "missing": missing,
            "waiting_bytes": 4 * stats.samples_waiting * len(recording.session.channels),
            "dropped_markers": stats.markers_dropped,
            "fault": fault,
        }

    def _obey(self, wanted: types.AgentWantedDevices) -> None:
        self._revision = wanted.revision
        stream = wanted.stream if wanted.held else None
        asked = str(stream.stream_id) if stream is not None else None
        if self._ended is not None and asked != self._ended[0]:
            self._ended = None  # the server has seen to it
        if self.recording is not None and asked != self._stream:
            why = "another runs the device" if not wanted.held else "it is not wanted any more"
            log.warning("device %s: the stream is left: %s", self.device_id, why)
            self._leave()
        if not wanted.held and wanted.error:
            log.error("device %s is not held: %s", self.device_id, wanted.error)
            self._stop.wait(1.0)
        if stream is not None and asked is not None and self._ended is None:
            if self.recording is None and not stream.stopping:
                self._begin(asked, stream)
            elif stream.stopping or (self.recording is not None and not self.recording.running):
                self._finish(asked)
        if wanted.command is not None and str(wanted.command.id) != self._report.get("done"):
            fault = {"code": "device_unsupported", "message": f"a bridge does no {wanted.command.kind}"}
            self._report = {"done": str(wanted.command.id), "failed": fault}

    def _begin(self, stream_id: str, stream: types.AgentStream) -> None:
        """Record into the session of a stream that is wanted."""
        try:
            session = self._client.sessions.get(str(stream.session_id))
            status = session.status()
            there = list(self.source.channels)
            columns = None if list(session.channels) == there else [there.index(c) for c in session.channels]
            at = (status.sample_count or 0) - (status.overlapped_sample_count or 0) + sum(g.samples for g in status.gaps or [])
            self.recording = Recording(
                self.source,
                self._client,
                external_user_id=session.external_user_id,
                decode=None,
                hop_s=None,
                device_type=None,
                batch_s=self._batch,
                buffer_s=self._buffer,
                max_drift_ms=float("inf"),
                session={},
                into=Into(session, session.started_at.timestamp(), at, columns),
            )
            self._stream = stream_id
            log.info("device %s streams into session %s", self.device_id, session.session_id)
        except SourceLost as fault:
            self._ended = (stream_id, {"code": "device_not_found", "message": str(fault)[:500]})
        except ValueError as fault:
            self._ended = (stream_id, {"code": "invalid_configuration", "message": str(fault)[:500]})
        except NeurodError as fault:
            if away(fault):
                return  # the next exchange tries again
            self._ended = (stream_id, {"code": "device_unsupported", "message": str(fault)[:500]})

    def _finish(self, stream_id: str) -> None:
        """Bring the rest to the session, and say so."""
        fault: dict[str, str] | None = None
        recording = self.recording
        if recording is not None:
            done = threading.Event()

            def drain() -> None:
                nonlocal fault
                try:
                    recording.stop(timeout=self._drain, end=False)
                except NeurodError as err:
                    fault = {"code": "device_lost", "message": str(err)[:500]}
                finally:
                    done.set()

            threading.Thread(target=drain, name="neurod-bridge-drain", daemon=True).start()
            while not done.wait(2.0):  # the lease has to be kept meanwhile
                try:
                    self._exchange()
                except NeurodError:
                    time.sleep(0.5)
            self.recording = None
        self._stream, self._ended = None, (stream_id, fault)

    def _leave(self) -> None:
        recording, self.recording, self._stream = self.recording, None, None
        if recording is not None:
            try:
                recording.stop(timeout=2.0, end=False)
            except NeurodError as fault:
                log.warning("device %s: %s", self.device_id, fault)


def _instance(state: str | os.PathLike[str] | None) -> str:
    """Return who a bridge is: kept in a file, or new."""
    fresh = str(uuid.uuid4())
    if state is None:
        return fresh
    path = Path(state)
    try:
        kept = json.loads(path.read_text())["instance"]
        return str(kept)
    except (OSError, ValueError, KeyError, TypeError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"instance": fresh}))
        return fresh
