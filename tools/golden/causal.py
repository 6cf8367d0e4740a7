"""Goldens of decoders/causal: filters of a stream, in one pass over a seeded array."""

import numpy as np
from scipy import signal

from golden import write


def design(rate, notch=0, highpass=0, lowpass=0):
    sections = []
    if notch:
        sections.append(signal.tf2sos(*signal.iirnotch(notch, 30, fs=rate)))
    if highpass:
        sections.append(signal.butter(2, highpass, "highpass", fs=rate, output="sos"))
    if lowpass:
        sections.append(signal.butter(4, lowpass, "lowpass", fs=rate, output="sos"))
    return np.concatenate(sections)


def causal():
    cases = []
    for name, rate, filters in [
        ("of the document", 250, dict(notch=60, highpass=0.5, lowpass=100)),
        ("Ganglion", 200, dict(notch=50, highpass=1, lowpass=45)),
        ("narrow", 125, dict(highpass=8, lowpass=13)),
        ("notch alone", 1000, dict(notch=50)),
        ("slow", 2000, dict(highpass=0.1)),
        ("fast", 256, dict(lowpass=125)),
    ]:
        rng = np.random.default_rng(len(cases) + 1)
        t = np.arange(600) / rate
        # An offset of 12 mV, as an electrode has, with drift, alpha, mains and noise.
        x = np.round(12_000 + 40 * t + 20 * np.sin(2 * np.pi * 10.3 * t) + 15 * np.sin(2 * np.pi * 50 * t) + rng.normal(0, 9, len(t)), 1)
        sos = design(rate, **filters)
        y, _ = signal.sosfilt(sos, x, zi=signal.sosfilt_zi(sos) * x[0])
        cases.append(dict(name=name, rate=rate, filters=filters, x=x, y=y[::3]))
    write("decoders/causal", "causal", ["scipy", "numpy"], dict(cases=cases))


if __name__ == "__main__":
    causal()
