"""Models: the server's, and a project's own."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List  # the class here has a method of that name

from .. import _check, _errors, types
from .._core import Body, Call
from .._http import httpx
from .._io import async_sleep
from .._progress import bar
from .jobs import AsyncJob
from .sessions import AsyncSession

if TYPE_CHECKING:
    from .client import AsyncClient


def cache_dir() -> Path:
    """Return the folder that keeps downloaded models: ``NEUROD_CACHE``, or ``neurod/models`` where the system keeps what can be fetched again."""
    own = os.environ.get("NEUROD_CACHE")
    if own:
        return Path(own)
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "neurod" / "models"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neurod" / "models"


class AsyncModels:
    """``client.models``"""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def list(self) -> List[types.Model]:
        """Return every version of the project's own models, then the server's."""
        answer = await self._client._model(types.ListModelsResult, Call("listModels"))
        return answer.models

    async def registry(self, *, paradigm: str | None = None, type: str | None = None) -> List[types.RegistryModel]:
        """Return the models that the key may download, with sizes and checksums."""
        answer = await self._client._model(types.RegistryList, Call("listRegistry", query={"paradigm": paradigm, "type": type}))
        return answer.models

    async def get(self, name: str) -> types.GetModelResult:
        """Return the versions of a model and which of them is active."""
        return await self._client._model(types.GetModelResult, Call("getModel", path={"name": name}))

    async def download(
        self, name: str, version: str | None = None, *, path: str | os.PathLike[str] | None = None, cache: bool = True, progress: bool | None = None
    ) -> Path:
        """Download a model file and return where it is.

        The file is checked by its SHA-256; a download that breaks off goes on where it stopped. It is kept by its checksum and not fetched again;
        see ``cache_dir``.

        Args:
            name: ``name`` or ``name@version``.
            version: by default the active one.
            path: a file or folder to put it, instead of the cache alone.
            cache: False fetches it anew.
        """
        if version is None and "@" in name:
            name, version = name.split("@", 1)
        known = await self.get(name)
        version = version or known.active_version
        found = [m for m in known.versions if m.version == version]
        if not found:
            raise _errors.NotFoundError(f"model {name} has no version {version}", status=404, code="model_not_found")
        digest = found[0].checksum.removeprefix("sha256:")
        kept = cache_dir() / f"{digest}.nrdm"
        if not (cache and kept.is_file() and _digest(kept) == digest):
            kept.parent.mkdir(parents=True, exist_ok=True)
            handle, partial = tempfile.mkstemp(dir=kept.parent, suffix=".part")
            os.close(handle)
            try:
                await self._fetch(name, version, digest, Path(partial), progress)
                if _digest(Path(partial)) != digest:
                    raise _errors.ChecksumError(f"{name}@{version}: what came is not what the service has (SHA-256 differs)")
                os.replace(partial, kept)
            finally:
                Path(partial).unlink(missing_ok=True)
        if path is None:
            return kept
        target = Path(path)
        if target.is_dir():
            target = target / f"{name}@{version}.nrdm"
        target.write_bytes(kept.read_bytes())
        return target

    async def _fetch(self, name: str, version: str, digest: str, partial: Path, progress: bool | None) -> None:
        attempt = 0
        with bar(f"{name}@{version}", progress, "B") as shown:
            while True:
                done = partial.stat().st_size
                headers = {"Range": f"bytes={done}-", "If-Range": f'"{digest}"'} if done else {}
                try:
                    response = await self._client._call(
                        Call("downloadModel", path={"name": name, "version": version}, headers=headers, accept="*/*", stream=True)
                    )
                    try:
                        if response.status_code != 206:
                            done = 0
                        total = done + int(response.headers.get("content-length") or 0)
                        with open(partial, "ab" if done else "wb") as out:
                            async for part in response.aiter_bytes():
                                out.write(part)
                                done += len(part)
                                shown.to(done, total)
                    finally:
                        await response.aclose()
                    return
                except httpx.TransportError as fault:
                    attempt += 1
                    pause = self._client.retry.after_fault(attempt)
                    if pause is None:
                        raise _errors.APIConnectionError(f"the download of {name}@{version} broke off after {done} bytes") from fault
                    await async_sleep(pause)

    async def upload(self, file: str | os.PathLike[str] | bytes, *, idempotency_key: str | None = None) -> types.Model:
        """Store a model file (``.nrdm``) as the project's own; name and version stand in it."""
        body = Body(file) if isinstance(file, (bytes, bytearray, memoryview)) else Body(path=file)
        return await self._client._model(types.Model, Call("uploadModel", body=body, idempotency_key=idempotency_key))

    async def train(
        self,
        name: str,
        *,
        paradigm: str,
        sessions: Sequence[AsyncSession | str | Mapping[str, Any]],
        classes: Mapping[str, str],
        pipeline: str | None = None,
        base: str | None = None,
        window: tuple[float, float] | Mapping[str, float] | None = None,
        channels: Sequence[str] | None = None,
        options: Mapping[str, Any] | None = None,
        reject_low_quality: bool | None = None,
        summary: str | None = None,
        intended_use: str | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncJob:
        """Train a model on labelled sessions and return the job; ``await job.result()`` is a :class:`~neurod.types.TrainingResult`.

        Args:
            name: of the model; a decode takes it by that.
            paradigm: ``motor_imagery``, ``p300`` or ``ssvep``.
            sessions: sessions, their ids, or ``{"session_id", "start_ms", "end_ms"}``.
            classes: the class of each event, such as ``{"T1": "left_hand", "T2": "right_hand"}``.
            base: what to start from: ``builtin`` adds the trials to those of the people whom the built-in models know, a few are then enough;
                ``none`` (the default), or a model's name.
            window: seconds around an event, such as ``(-0.5, 4)``.
        """
        told = {
            "name": name,
            "paradigm": paradigm,
            "pipeline": pipeline,
            "base": base,
            "sessions": _sessions(sessions),
            "classes": _check.mapping("classes", classes, '{"T1": "left_hand", "T2": "right_hand"}'),
            "window": _window(window),
            "channels": None if channels is None else _check.names("channels", channels),
            "options": dict(options) if options else None,
            "reject_low_quality": reject_low_quality,
            "summary": summary,
            "intended_use": intended_use,
        }
        call = Call("trainModel", json={k: v for k, v in told.items() if v is not None}, idempotency_key=idempotency_key)
        accepted = await self._client._model(types.Accepted, call)
        job = AsyncJob._accepted(self._client, accepted)
        job.kind = "model_train"
        return job

    async def calibrate(
        self,
        name: str,
        *,
        sessions: Sequence[AsyncSession | str | Mapping[str, Any]],
        classes: Mapping[str, str],
        version: str | None = None,
        window: tuple[float, float] | Mapping[str, float] | None = None,
        reject_low_quality: bool | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncJob:
        """Have a model of the project learn further trials and return the job; the result is the next version."""
        told = {
            "version": version,
            "sessions": _sessions(sessions),
            "classes": _check.mapping("classes", classes, '{"T1": "left_hand", "T2": "right_hand"}'),
            "window": _window(window),
            "reject_low_quality": reject_low_quality,
        }
        body = {k: v for k, v in told.items() if v is not None}
        accepted = await self._client._model(types.Accepted, Call("calibrateModel", path={"name": name}, json=body, idempotency_key=idempotency_key))
        job = AsyncJob._accepted(self._client, accepted)
        job.kind = "model_calibrate"
        return job

    async def rollback(self, name: str, version: str | None = None, *, idempotency_key: str | None = None) -> types.Model:
        """Make another version the active one: the one before, or the one named."""
        body: Dict[str, Any] = {"version": version} if version else {}
        return await self._client._model(types.Model, Call("rollbackModel", path={"name": name}, json=body, idempotency_key=idempotency_key))

    async def delete(self, name: str) -> None:
        """Delete a model of the project, or with ``name@version`` one version of it."""
        await self._client._delete(Call("deleteModel", path={"name": name}))


def _sessions(given: Sequence[AsyncSession | str | Mapping[str, Any]]) -> Any:
    told = []
    for i, entry in enumerate(_check.list_of("sessions", given, "sessions or their ids")):
        if isinstance(entry, AsyncSession):
            told.append({"session_id": entry.session_id})
        elif isinstance(entry, Mapping):
            told.append(dict(entry))
        else:
            told.append({"session_id": _check.identifier(f"sessions[{i}]", entry)})
    return told


def _window(given: tuple[float, float] | Mapping[str, float] | None) -> Any:
    if given is None or isinstance(given, Mapping):
        return dict(given) if given is not None else None
    if isinstance(given, (str, bytes)) or not isinstance(given, Sequence) or len(given) != 2:
        raise TypeError(f"window is (from, to) in seconds, such as (-0.5, 4), and not {_check.short(given)}")
    return {"from_s": given[0], "to_s": given[1]}


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with open(path, "rb") as f:
        while part := f.read(1 << 20):
            found.update(part)
    return found.hexdigest()
