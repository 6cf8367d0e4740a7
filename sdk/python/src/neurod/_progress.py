"""Bars on long work: in terminals and notebooks where tqdm is installed, silent elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any


class Shown:
    """A bar, or nothing that takes the same calls."""

    def __init__(self, label: str, unit: str) -> None:
        self._label = label
        self._unit = unit
        self._bar: Any = None
        self._make: Any = None

    def to(self, done: float | None, total: float | None, phase: str | None = None) -> None:
        """Show how far it is."""
        if self._make is None or done is None or not total:
            return
        if self._bar is None:
            self._bar = self._make(total=total, desc=self._label, unit=self._unit, unit_scale=self._unit == "B", leave=False)
        self._bar.total = total
        if phase:
            self._bar.set_description(f"{self._label}: {phase}", refresh=False)
        self._bar.update(done - self._bar.n)


def wanted() -> bool:
    """Whether somebody looks: a terminal, or a notebook."""
    if "ipykernel" in sys.modules:
        return True
    return bool(getattr(sys.stderr, "isatty", lambda: False)())


@contextlib.contextmanager
def bar(label: str, show: bool | None = None, unit: str = "it") -> Iterator[Shown]:
    """Give a bar; show None lets terminal and notebook decide."""
    shown = Shown(label, unit)
    if show or (show is None and wanted()):
        with contextlib.suppress(ImportError):
            from tqdm.auto import tqdm

            shown._make = tqdm
    try:
        yield shown
    finally:
        if shown._bar is not None:
            shown._bar.close()
