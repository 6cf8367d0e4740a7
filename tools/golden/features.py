"""Band powers, ratios, spectral entropy and line share of 2-s windows with scipy's welch, for decoders/features.

The seeded windows are stored whole. Of the recordings (NEUROD_EEG_DATA, default ../shared/eeg beside the repository)
only the numbers are stored: the test reads the same samples itself.
"""

import io
import os
import pathlib
import tempfile
import zipfile

import numpy as np
import pyedflib
from scipy import signal

import golden

BANDS = {"delta": (1, 4), "theta": (4, 8), "alpha": (8, 13), "beta": (13, 30), "gamma": (30, 45)}


def numbers(x, fs):
    """x: channels x samples of one window, in uV."""
    f, p = signal.welch(x, fs, window="hann", nperseg=x.shape[1], noverlap=0, detrend="linear", axis=1)
    df = f[1] - f[0]
    band = lambda lo, hi: p[:, (f >= lo) & (f < hi)].sum(axis=1) * df
    powers = {k: band(*v) for k, v in BANDS.items()}
    q = p[:, (f >= 1) & (f < 45)]
    q = q / q.sum(axis=1, keepdims=True)
    entropy = -(q * np.log2(q)).sum(axis=1) / np.log2(q.shape[1])
    lines = [p[:, (f >= l - 1) & (f < l + 1 + df / 2)].sum(axis=1) * df for l in (50, 60) if l < fs / 2]
    line = np.max(lines, axis=0) / band(0.5, np.inf) if lines else np.zeros(len(x))
    out = {k: v.mean() for k, v in powers.items()}
    for k in ("gamma",):
        if fs / 2 <= BANDS[k][0]:
            out[k] = None
    return {
        "bandpower": out,
        "alpha_beta": out["alpha"] / out["beta"],
        "theta_beta": out["theta"] / out["beta"],
        "spectral_entropy": entropy.mean(),
        "alpha_per_channel": powers["alpha"],
        "line_share": line,
    }


def seeded():
    rng = np.random.default_rng(20)
    for fs, channels, offset in ((250, 3, 0), (256, 2, 800), (160, 2, 0), (173.61, 1, -40), (80, 2, 0), (50, 1, 0)):
        n = round(2 * fs)
        t = np.arange(n) / fs
        x = offset + 12 * t + rng.normal(0, 5, (channels, n)).cumsum(axis=1) * 0.3
        x += 15 * np.sin(2 * np.pi * 10 * t + rng.uniform(0, 6, (channels, 1))) + rng.normal(0, 3, (channels, n))
        if fs > 120:
            x += 4 * np.sin(2 * np.pi * 50 * t)
        x = np.round(x, 3)  # few digits, the same in both languages
        yield {"rate": fs, "data": x, **numbers(x, fs)}


def recorded():
    root = pathlib.Path(os.environ.get("NEUROD_EEG_DATA", golden.ROOT.parent / "shared" / "eeg"))
    path = root / "motor_imagery" / "eegmmidb" / "S001.zip"
    for run in ("S001R01", "S001R02"):
        with zipfile.ZipFile(path) as z, tempfile.TemporaryDirectory() as tmp:
            name = next(n for n in z.namelist() if n.endswith(run + ".edf"))
            edf = pathlib.Path(tmp) / "run.edf"
            edf.write_bytes(z.read(name))
            r = pyedflib.EdfReader(str(edf))
            labels = [l for l in r.getSignalLabels() if "Annot" not in l]
            x = np.array([r.readSignal(i) for i in range(len(labels))])
            r.close()
        for start in (0, 10, 40):
            yield {"run": run, "start_s": start, "rate": 160, **numbers(x[:, start * 160 : (start + 2) * 160], 160)}


if __name__ == "__main__":
    golden.write("decoders/features", "features", ["numpy", "scipy", "pyEDFlib"],
                 {"seeded": list(seeded()), "recorded": list(recorded())})
