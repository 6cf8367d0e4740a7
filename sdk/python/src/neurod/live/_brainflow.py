"""Boards of BrainFlow."""

from __future__ import annotations

import difflib
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _check
from ._source import Chunk, Marker, Source, SourceLost


def from_brainflow(board_id: int | str, *, channels: Sequence[str] | None = None, silence_s: float = 10.0, **parameters: Any) -> BrainFlowSource:
    """Take a board of BrainFlow, its synthetic and playback ones too.

    Args:
        board_id: number or name of the board, such as ``"SYNTHETIC_BOARD"`` or ``"MUSE_2_BOARD"``.
        channels: names of the EEG channels; by default those that BrainFlow has for the board.
        silence_s: seconds without a sample after which the board counts as lost.
        parameters: those of ``BrainFlowInputParams``: ``serial_port``, ``mac_address``, ``file``, ``master_board``, ...
    """
    return BrainFlowSource(board_id, channels, silence_s, parameters)


def _brainflow() -> Any:
    try:
        from brainflow import board_shim
    except ImportError as err:
        raise ImportError("this needs brainflow: pip install 'neurod-client[brainflow]'") from err
    return board_shim


def _board(boards: Any, given: int | str) -> int:
    """Return the number of a board by its name; ValueError tells names that are near."""
    if not isinstance(given, str):
        return int(given)
    known = list(boards.__members__)
    name = given.strip().upper().replace("-", "_").replace(" ", "_")
    for wanted in (name, f"{name}_BOARD"):
        if wanted in known:
            return int(boards[wanted].value)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or [k for k in known if name and name.split("_")[0] in k][:3]
    raise ValueError(f"BrainFlow has no board {given!r}" + (f"; near are {', '.join(near)}" if near else f": {', '.join(known)}"))


class BrainFlowSource(Source):
    def __init__(self, board_id: int | str, channels: Sequence[str] | None, silence_s: float, parameters: dict[str, Any]) -> None:
        shim = _brainflow()
        self.board_id = _board(shim.BoardIds, board_id)
        self._params = shim.BrainFlowInputParams()
        for name, value in parameters.items():
            if not hasattr(self._params, name):
                near = difflib.get_close_matches(name, [n for n in vars(self._params) if not n.startswith("_")], n=3, cutoff=0.4)
                raise ValueError(f"BrainFlowInputParams has no {name}" + (f"; near are {', '.join(near)}" if near else ""))
            setattr(self._params, name, value)
        described = self.board_id
        if self.board_id in (shim.BoardIds.PLAYBACK_FILE_BOARD.value, shim.BoardIds.STREAMING_BOARD.value):
            described = int(self._params.master_board)
        try:
            self._rows = list(shim.BoardShim.get_eeg_channels(described))
        except shim.BrainFlowError as fault:
            raise ValueError(f"BrainFlow has no board {board_id!r} with EEG channels: {fault}") from fault
        if channels is not None:
            channels = _check.names("channels", channels)
            if len(channels) != len(self._rows):
                raise ValueError(f"the board has {len(self._rows)} EEG channels, and {len(channels)} names are given")
        else:
            try:
                channels = list(shim.BoardShim.get_eeg_names(described))
            except shim.BrainFlowError:
                channels = []
        if len(channels) != len(self._rows):  # what BrainFlow has
            channels = [f"EEG{i + 1}" for i in range(len(self._rows))]
        self.channels = list(channels)
        self.sample_rate = float(shim.BoardShim.get_sampling_rate(described))
        self.device_type = str(shim.BoardShim.get_device_name(described))
        self._stamp = int(shim.BoardShim.get_timestamp_channel(described))
        self._marker = int(shim.BoardShim.get_marker_channel(described))
        try:
            self._package: int | None = int(shim.BoardShim.get_package_num_channel(described))
        except shim.BrainFlowError:
            self._package = None
        self._silence = silence_s
        self._board: Any = None
        self._modulus = 0

    def open(self) -> None:
        shim = _brainflow()
        shim.BoardShim.disable_board_logger()
        board = shim.BoardShim(self.board_id, self._params)
        try:
            board.prepare_session()
            board.start_stream(int(120 * self.sample_rate))
        except shim.BrainFlowError as fault:
            if board.is_prepared():
                board.release_session()
            raise SourceLost(str(fault)) from fault
        self._board = board
        self._last = time.monotonic()

    def insert_marker(self, code: float) -> None:
        """Mark the current sample; it becomes an event of the session."""
        self._board.insert_marker(code)

    def read(self, timeout: float) -> Chunk | None:
        shim = _brainflow()
        time.sleep(min(timeout, 0.05))
        try:
            data = self._board.get_board_data()
        except shim.BrainFlowError as fault:
            raise SourceLost(str(fault)) from fault
        if data.shape[1] == 0:
            if time.monotonic() - self._last > self._silence:
                raise SourceLost(f"nothing has come for {self._silence:g} s")
            return None
        self._last = time.monotonic()
        stamps = np.asarray(data[self._stamp], dtype=np.float64)
        marks = data[self._marker]
        markers = [Marker(float(stamps[i]), "", int(marks[i])) for i in np.flatnonzero(marks)]
        counter = None
        if self._package is not None:
            counter = np.asarray(data[self._package], dtype=np.int64)
            self._learn(counter)
        return Chunk(np.ascontiguousarray(data[self._rows].T, dtype=np.float32), stamps, counter if self._modulus else None, self._modulus, markers)

    def _learn(self, counter: Any) -> None:
        """Find out where the counter begins anew: it counts by one up to 255 on most boards, and where it does not the stamps alone count."""
        if self._modulus < 0 or self._modulus:
            return
        steps = np.diff(counter)
        if len(steps) and not np.all((steps == 1) | (steps == -255)):
            if np.mean((steps == 1) | (steps == -255)) < 0.5:
                self._modulus = -1  # counts in a way of its own
        elif len(steps) and (steps == -255).any():
            self._modulus = 256

    def close(self) -> None:
        board, self._board = self._board, None
        if board is not None and board.is_prepared():
            try:
                board.stop_stream()
            finally:
                board.release_session()
