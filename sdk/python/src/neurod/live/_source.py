"""What a source of samples is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._errors import NeurodError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .._sync.client import Client
    from ..types import LiveDecodeParam
    from ._recording import Recording


class SourceLost(NeurodError):
    """The source does not answer any more; it may come back."""


@dataclass(frozen=True)
class Marker:
    """Something that happened: a label, a code or both, at a time of the source's clock in Unix seconds."""

    time: float
    label: str = ""
    code: int = 0


@dataclass
class Chunk:
    """What a source gave since it was asked last.

    ``samples`` are samples × channels in µV; ``stamps`` their times as the source tells them, in Unix seconds; ``counter`` its count of samples, where
    it has one that begins anew at ``modulus``.
    """

    samples: NDArray[np.float32]
    stamps: NDArray[np.float64]
    counter: NDArray[np.int64] | None = None
    modulus: int = 0
    markers: list[Marker] = field(default_factory=list)
    ended: bool = False


class Source(ABC):
    """An amplifier, a stream or a file. Sources are made by ``from_lsl``, ``from_brainflow`` and ``from_file``, or are a class of your own."""

    channels: Sequence[str]
    sample_rate: float
    device_type: str
    can_wait: bool = False
    """Whether nothing is lost when it is not read for a while, as of a file."""

    @abstractmethod
    def open(self) -> None:
        """Find the source and begin. ``channels``, ``sample_rate`` and ``device_type`` are known afterwards. Called again after a loss."""

    @abstractmethod
    def read(self, timeout: float) -> Chunk | None:
        """Return what came, after at most ``timeout`` seconds; None for nothing. Raise SourceLost where nothing will come."""

    @abstractmethod
    def close(self) -> None:
        """End the source. A second call does nothing."""

    def record(
        self,
        client: Client,
        *,
        external_user_id: str,
        decode: LiveDecodeParam | None = None,
        hop_s: float | None = None,
        device_type: str | None = None,
        batch_s: float = 1.0,
        buffer_s: float = 600.0,
        max_drift_ms: float = 5.0,
        **session: Any,
    ) -> Recording:
        """Begin to record into a new session; the recording is ended by ``stop()`` or at the end of ``with``.

        Args:
            client: a (synchronous) client.
            external_user_id: your name for the person.
            decode: decode the session as it runs, such as ``{"paradigm": "motor_imagery"}``.
            batch_s: seconds of samples that are sent at once: a key's rate allows a call a second for ever.
            buffer_s: how many seconds of samples wait at most while the service is away; then the oldest are dropped.
            max_drift_ms: by how much the session's times may lag behind the source's clock for longer than ten seconds. A source that runs slower than
                it says leaves a place free then, and windows over that place are not written: with more here there are fewer such places, with less
                the times are truer. Stamps that are late only while the computer is busy leave none.
            session: further arguments of ``client.sessions.create``.
        """
        from ._recording import Recording

        return Recording(
            self,
            client,
            external_user_id=external_user_id,
            decode=decode,
            hop_s=hop_s,
            device_type=device_type,
            batch_s=batch_s,
            buffer_s=buffer_s,
            max_drift_ms=max_drift_ms,
            session=session,
        )
