"""Devices of the project: amplifiers that the server, an agent or a bridge runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import types
from .._core import Call
from .pages import AsyncPages

if TYPE_CHECKING:
    from .client import AsyncClient


def _told(**fields: Any) -> dict[str, Any]:
    return {k: v for k, v in fields.items() if v is not None}


class AsyncDevices:
    """``client.devices``: they are started, stopped, configured and checked; what they stream is a session."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    def list(self, *, status: str | None = None, type: str | None = None, search: str | None = None, limit: int | None = None) -> AsyncPages[types.Device]:
        """List the devices of the project, by id.

        Args:
            status: only those that are ``ONLINE``, ``OFFLINE``, in ``MAINTENANCE`` or in ``ERROR``.
            type: only those of a type, such as ``EEG``.
            search: in id, name and serial number.
            limit: how many at most; by default all.
        """

        async def pages() -> AsyncIterator[Sequence[types.Device]]:
            number = 1
            while True:
                query = _told(status=status, type=type, search=search, page=number, size=min(100, limit or 100))
                page = await self._client._model(types.Devices, Call("listDevices", query=query))
                yield page.items
                if not page.has_next:
                    return
                number += 1

        return AsyncPages(pages(), limit)

    async def get(self, device_id: str) -> types.Device:
        """Read a device as it stands: its status, its stream, what was observed."""
        return await self._client._model(types.Device, Call("getDevice", path={"id": device_id}))

    async def create(
        self,
        driver: str,
        *,
        id: str | None = None,
        name: str | None = None,
        type: str | None = None,
        settings: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        config: types.DeviceConfigParam | None = None,
        idempotency_key: str | None = None,
    ) -> types.Device:
        """Register a device that the server itself runs. Those of agents and bridges announce themselves.

        Args:
            driver: what reads it, such as ``synthetic``, ``playback``, ``lsl`` or ``openbci``.
            id: such as ``openbci_001``; by default the driver and a number.
            settings: of the driver, such as ``{"port": "/dev/ttyUSB0"}``.
            config: how it streams where a start says nothing else.
        """
        body = _told(driver=driver, id=id, name=name, type=type, settings=settings, metadata=metadata, config=config)
        return await self._client._model(types.Device, Call("createDevice", json=body, idempotency_key=idempotency_key))

    async def delete(self, device_id: str) -> None:
        """Forget a device; its sessions stay."""
        await self._client._delete(Call("deleteDevice", path={"id": device_id}))

    async def configure(self, device_id: str, **config: Any) -> types.Device:
        """Change how a device streams: ``sample_rate``, ``channels``, ``filters``. Of one that streams the filters alone can change."""
        return await self._client._model(types.Device, Call("configureDevice", path={"id": device_id}, json=config))

    async def start(
        self,
        device_id: str,
        *,
        sample_rate: float | None = None,
        channels: Sequence[int | str] | None = None,
        filters: types.DeviceFiltersParam | None = None,
        external_user_id: str | None = None,
        name: str | None = None,
        decode: types.LiveDecodeParam | None = None,
        idempotency_key: str | None = None,
    ) -> types.DeviceStream:
        """Start a device; it returns when the first samples are there. ``client.sessions.get(stream.session_id)`` is what it records.

        Args:
            channels: numbers from 1, or names; by default all.
            filters: ``notch``, ``highpass`` and ``lowpass`` in Hz, of what is delivered; what is stored is raw.
            external_user_id: your name for the person.
            decode: decode the session as it runs.
        """
        body = _told(
            sample_rate=sample_rate,
            channels=None if channels is None else [*channels],
            filters=filters,
            external_user_id=external_user_id,
            name=name,
            decode=decode,
        )
        return await self._client._model(types.DeviceStream, Call("startStream", path={"id": device_id}, json=body, idempotency_key=idempotency_key))

    async def stop(self, device_id: str, *, force: bool = False) -> types.DeviceStream:
        """Stop a device: what was read is brought to the session, which ends then."""
        return await self._client._model(types.DeviceStream, Call("stopStream", path={"id": device_id}, json={"force": True} if force else {}))

    async def check(self, device_id: str, *, seconds: float | None = None) -> types.DeviceCheckReport:
        """Measure whether a device is fit to record: contact, line noise, saturation, dead and bridged channels, rate and clock."""
        body = _told(seconds=seconds)
        return await self._client._model(types.DeviceCheckReport, Call("checkDevice", path={"id": device_id}, json=body))

    async def impedance(self, device_id: str) -> types.Impedances:
        """Measure the impedance of the electrodes, where the device can; nothing is guessed where it cannot."""
        return await self._client._model(types.Impedances, Call("deviceImpedance", path={"id": device_id}))

    async def discover(self) -> Sequence[types.DiscoveredDevicesDevices]:
        """Look for devices that hang on the server and are not registered."""
        return (await self._client._model(types.DiscoveredDevices, Call("discoverDevices"))).devices
