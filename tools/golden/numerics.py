"""Goldens of decoders/dsp, decoders/riemann and decoders/classify, all from seeded arrays."""

import mne
import numpy as np
from scipy import signal

from golden import write

FS = 160.0


def test_signal(n, seed):
    """An EEG-like trace in µV: offset, drift, alpha, mains and noise, one decimal."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / FS
    x = 80 + 12 * t + 20 * np.sin(2 * np.pi * 10.3 * t + 1) + 6 * np.sin(2 * np.pi * 50 * t)
    return np.round(x + rng.normal(0, 9, n), 1)


def dsp():
    x = test_signal(400, 1)
    filters = {
        "butter_bandpass": (dict(order=4, lo=8, hi=30), signal.butter(4, [8, 30], "bandpass", fs=FS, output="sos")),
        "butter_bandpass_odd": (dict(order=5, lo=8, hi=13), signal.butter(5, [8, 13], "bandpass", fs=FS, output="sos")),
        "butter_bandpass_wide": (dict(order=3, lo=1, hi=79), signal.butter(3, [1, 79], "bandpass", fs=FS, output="sos")),
        "butter_bandpass_slow": (dict(order=2, lo=0.5, hi=4), signal.butter(2, [0.5, 4], "bandpass", fs=FS, output="sos")),
        "butter_lowpass": (dict(order=5, hi=30), signal.butter(5, 30, "lowpass", fs=FS, output="sos")),
        "butter_lowpass_even": (dict(order=6, hi=20), signal.butter(6, 20, "lowpass", fs=FS, output="sos")),
        "butter_highpass": (dict(order=3, lo=1), signal.butter(3, 1, "highpass", fs=FS, output="sos")),
        "butter_highpass_one": (dict(order=1, lo=5), signal.butter(1, 5, "highpass", fs=FS, output="sos")),
        "cheby1_bandpass": (
            dict(order=6, ripple=0.5, lo=8, hi=70),
            signal.cheby1(6, 0.5, [8, 70], "bandpass", fs=FS, output="sos"),
        ),
        "cheby1_bandpass_odd": (
            dict(order=3, ripple=1, lo=16, hi=70),
            signal.cheby1(3, 1, [16, 70], "bandpass", fs=FS, output="sos"),
        ),
        "cheby1_lowpass": (dict(order=8, ripple=0.05, hi=16), signal.cheby1(8, 0.05, 16, "lowpass", fs=FS, output="sos")),
        "notch": (dict(lo=50, q=30), signal.tf2sos(*signal.iirnotch(50, 30, fs=FS))),
    }
    cases = []
    for name, (params, sos) in filters.items():
        zi = signal.sosfilt_zi(sos)
        cases.append(
            dict(
                name=name,
                **params,
                causal=signal.sosfilt(sos, x)[::3],
                primed=signal.sosfilt(sos, x, zi=zi * x[0])[0][::3],
                zero_phase=signal.sosfiltfilt(sos, x)[::3],
            )
        )

    fir = []
    for name, lo, hi, n in [
        ("motor", 7, 30, 400),
        ("slow edge", 1, 20, 1200),
        ("signal shorter than filter", 1, 40, 300),
        ("upper transition ends at Nyquist", 8, 75, 400),
    ]:
        y = test_signal(n, 2)
        h = mne.filter.create_filter(y, FS, lo, hi, fir_design="firwin", verbose="error")
        raw = mne.io.RawArray(y[None] * 1e-6, mne.create_info(1, FS, "eeg"), verbose="error")
        raw.filter(lo, hi, fir_design="firwin", skip_by_annotation="edge", verbose="error")
        fir.append(
            dict(name=name, lo=lo, hi=hi, x=y, length=len(h), taps=h[: len(h) // 2 + 1][::5], zero_phase=raw.get_data()[0][::4] * 1e6)
        )

    psd = []
    for name, nperseg, noverlap, detrend, n in [
        ("linear", 160, 80, "linear", 400),
        ("constant", 128, 64, "constant", 400),
        ("none", 101, 30, False, 400),
        ("odd linear", 99, 0, "linear", 400),
        ("one segment", 400, 0, "linear", 400),
    ]:
        f, p = signal.welch(x[:n], FS, "hann", nperseg, noverlap, detrend=detrend)
        psd.append(dict(name=name, nperseg=nperseg, noverlap=noverlap, trend=str(detrend or "none"), freqs=f, psd=p))

    resampled = []
    for name, up, down, src, dst in [
        ("160 to 250", 25, 16, 160, 250),
        ("250 to 160", 16, 25, 250, 160),
        ("256 to 128", 1, 2, 256, 128),
        ("250 to 1000", 4, 1, 250, 1000),
        ("512 to 250", 125, 256, 512, 250),
    ]:
        y = signal.resample_poly(x - x.mean(), up, down, padtype="antireflect") + x.mean()
        resampled.append(dict(name=name, up=up, down=down, rate=src, to=dst, n=len(y), y=y[::3]))

    decimated = [dict(q=q, y=signal.decimate(x, q)) for q in (2, 5, 8)]
    write(
        "decoders/dsp",
        "dsp",
        ["scipy", "numpy", "mne"],
        dict(
            rate=FS,
            x=x,
            filters=cases,
            fir=fir,
            welch=psd,
            resample=resampled,
            decimate=decimated,
            detrend=dict(linear=signal.detrend(x)[::7], constant=signal.detrend(x, type="constant")[::7]),
        ),
    )


if __name__ == "__main__":
    dsp()
