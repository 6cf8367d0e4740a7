"""Answers with the conveniences that people expect of them: short names, tables in notebooks, data frames."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from . import types
from ._base import Base, table

if TYPE_CHECKING:
    import pandas as pd

nan = math.nan


def _number(value: float | None) -> float:
    return nan if value is None else value


class BandPower(NamedTuple):
    """Power of the bands in µV², averaged over the channels; NaN above the Nyquist frequency."""

    delta: float
    theta: float
    alpha: float
    beta: float
    gamma: float


class Ratios(NamedTuple):
    """Ratios of band powers; NaN where one of the bands has none."""

    alpha_beta: float
    theta_beta: float


class FeatureWindow(types.FeatureWindow):
    """Two seconds of a session in numbers.

    ``bandpower``, ``ratios``, ``spectral_entropy`` and ``sqi`` are short for what stands in ``features`` and ``quality``; a value that cannot be
    told is NaN in them.
    """

    @property
    def available(self) -> bool:
        """Whether there is such a window; False for what :meth:`latest` returns where none was written yet."""
        return bool(self.id)

    @property
    def bandpower(self) -> BandPower:
        p = self.features.bandpower
        return BandPower(_number(p.delta), _number(p.theta), _number(p.alpha), _number(p.beta), _number(p.gamma))

    @property
    def ratios(self) -> Ratios:
        return Ratios(_number(self.features.ratios.alpha_beta), _number(self.features.ratios.theta_beta))

    @property
    def spectral_entropy(self) -> float:
        return _number(self.features.spectral_entropy)

    @property
    def sqi(self) -> float:
        """Signal quality index, 0 to 1."""
        return self.quality.overall

    @property
    def passed(self) -> bool:
        """Whether the window passed the quality gate."""
        return self.gate.passed

    @property
    def start(self) -> datetime:
        """Time of the first sample, UTC."""
        return datetime.fromtimestamp(self.window_start_ms / 1000, timezone.utc)

    def row(self) -> dict[str, Any]:
        """Return the numbers by the column names of the CSV export."""
        return {
            "window_start_ms": self.window_start_ms,
            "window_end_ms": self.window_end_ms,
            **self.bandpower._asdict(),
            **self.ratios._asdict(),
            "spectral_entropy": self.spectral_entropy,
            "blink_like": self.artifacts.blink_like,
            "motion_like": self.artifacts.motion_like,
            "emg_like": self.artifacts.emg_like,
            "bad_contact": self.artifacts.bad_contact,
            "quality": self.quality.overall,
            "confidence": self.confidence.overall,
            "passed": self.gate.passed,
            **{f"quality_{channel}": q for channel, q in self.quality.per_channel.items()},
            **self._asked(),
        }

    def _asked(self) -> dict[str, float]:
        """Return the features on request by their columns in the CSV export."""
        told: dict[str, float] = {}
        f = self.features

        def add(suffix: str, relative: Any, aperiodic: Any, present: bool, peak: Any) -> None:
            if relative is not None:
                told.update({f"relative_{b}{suffix}": _number(getattr(relative, b)) for b in BandPower._fields})
            if aperiodic is not None:
                told.update({f"aperiodic_exponent{suffix}": _number(aperiodic.exponent), f"aperiodic_offset{suffix}": _number(aperiodic.offset)})
            if present:
                told[f"alpha_peak_hz{suffix}"] = _number(peak and peak.frequency_hz)
                told[f"alpha_peak_power{suffix}"] = _number(peak and peak.power)
                told[f"alpha_peak_width_hz{suffix}"] = _number(peak and peak.width_hz)

        add("", f.relative_power, f.aperiodic, "alpha_peak" in f.model_fields_set, f.alpha_peak)
        for channel, of in (f.per_channel or {}).items():
            if of.bandpower is not None:
                told.update({f"{b}_{channel}": _number(getattr(of.bandpower, b)) for b in BandPower._fields})
            add(f"_{channel}", of.relative_power, of.aperiodic, "alpha_peak" in of.model_fields_set, of.alpha_peak)
        return told

    def _repr_html_(self) -> str:
        return table(
            f"features of {self.start:%H:%M:%S}",
            {**{k: f"{v:.2f} µV²" for k, v in self.bandpower._asdict().items()}, "quality": f"{self.sqi:.2f}", "passed": self.passed},
        )

    @classmethod
    def missing(cls, session_id: str) -> FeatureWindow:
        """Return a window that holds no measurement: every number is NaN and ``available`` is False."""
        return cls.model_construct(
            id="",
            session_id=session_id,
            window_start_ms=0,
            window_end_ms=0,
            features=types.FeatureWindowFeatures.model_construct(
                bandpower=types.FeatureWindowFeaturesBandpower.model_construct(delta=nan, theta=nan, alpha=nan, beta=nan, gamma=nan),
                ratios=types.FeatureWindowFeaturesRatios.model_construct(alpha_beta=nan, theta_beta=nan),
                spectral_entropy=nan,
            ),
            artifacts=types.FeatureWindowArtifacts.model_construct(blink_like=nan, motion_like=nan, emg_like=nan, bad_contact=nan, per_channel=None),
            quality=types.FeatureWindowQuality.model_construct(overall=nan, per_channel={}),
            confidence=types.FeatureWindowConfidence.model_construct(overall=nan),
            gate=types.FeatureWindowGate.model_construct(passed=False, reasons=["not_available"]),
            clipped=None,
            created_at=datetime.fromtimestamp(0, timezone.utc),
            index=None,
            seq=None,
        )


class Features(list[FeatureWindow]):
    """Feature windows in the order of their start: a list that becomes a data frame."""

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row a window, indexed by its start (UTC); needs pandas (``neurod-client[pandas]``).

        The columns are those of the CSV export.
        """
        try:
            import pandas as pd
        except ImportError as err:
            raise ImportError("to_dataframe needs pandas: pip install 'neurod-client[pandas]'") from err

        frame: pd.DataFrame = pd.DataFrame([w.row() for w in self])
        if len(self):
            frame.index = pd.to_datetime(frame["window_start_ms"], unit="ms", utc=True)
            frame.index.name = "start"
        return frame

    to_pandas = to_dataframe

    def _repr_html_(self) -> str:
        if not self:
            return table("no feature windows", {})
        passed = sum(w.passed for w in self)
        return table(
            f"{len(self)} feature windows",
            {"from": f"{self[0].start:%Y-%m-%d %H:%M:%S}", "to": f"{self[-1].start:%H:%M:%S}", "passed the gate": passed},
        )


class DecodeResult(types.DecodeResult):
    """What a recording was decoded to. ``decoded_intent`` and ``confidence`` are the answer; ``red_flags`` what to warn of."""

    decoded_class: str | None = None
    """The decoder's own name of the class, before ``ui_mode`` and ``intents``."""
    model: dict[str, Any] | None = None
    """The model that answered."""
    red_flag_details: list[dict[str, Any]] | None = None
    """The red flags with severity and message."""

    @property
    def determined(self) -> bool:
        """Whether there is an answer at all."""
        return self.decoded_intent != "undetermined"

    def __str__(self) -> str:
        return f"{self.decoded_intent} ({self.confidence:.2f}, {self.paradigm_detected})"

    def _repr_html_(self) -> str:
        rows: dict[str, Any] = {"confidence": f"{self.confidence:.2f}", "paradigm": self.paradigm_detected}
        for other in self.alternatives[:3]:
            rows[other.intent] = f"{other.confidence:.2f}"
        if self.red_flags:
            rows["red flags"] = ", ".join(self.red_flags)
        if self.undetermined:
            rows["why"] = self.undetermined.reason
        return table(self.decoded_intent, rows)


class LiveDecode(types.SessionDecode):
    """What one window of a live session decodes to, or, in ``error``, why it cannot be."""

    decoded_class: str | None = None
    paradigm_detected: str | None = None
    red_flags: list[str] | None = None

    @property
    def start(self) -> datetime:
        """Time of the first sample, UTC."""
        return datetime.fromtimestamp(self.window_start_ms / 1000, timezone.utc)


class FeaturesMessage(Base):
    """A feature window, as it was written."""

    type: Literal["features"]
    seq: int
    data: FeatureWindow


class DecodeMessage(Base):
    """A live decode, as it was written."""

    type: Literal["decode"]
    seq: int
    data: LiveDecode


class SessionEnd(Base):
    ended_at: datetime | None = None


class SessionEndedMessage(Base):
    """The session has ended; nothing follows."""

    type: Literal["session_ended"]
    seq: None = None
    data: SessionEnd


StreamMessage = FeaturesMessage | DecodeMessage | SessionEndedMessage
