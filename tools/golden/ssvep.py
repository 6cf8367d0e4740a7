"""Canonical correlations and FBCCA scores with scipy, numpy and scikit-learn, for decoders/ssvep.

The seeded clips are stored whole. Of the recordings (NEUROD_EEG_DATA, default ../shared/eeg beside the repository) only
correlations and the number of right trials are stored: the tests read the same samples themselves.
"""

import os
import pathlib

import mne
import numpy as np
from scipy import signal
from sklearn.cross_decomposition import CCA

import golden

EEG = pathlib.Path(os.environ.get("NEUROD_EEG_DATA", golden.ROOT.parent / "shared" / "eeg"))


def reference(f, harmonics, n, fs):
    t = np.arange(n) / fs
    return np.array([g(2 * np.pi * h * f * t) for h in range(1, harmonics + 1) if h * f < fs / 2 for g in (np.sin, np.cos)])


def correlation(x, y):
    """Largest canonical correlation of the rows of x and y: the largest singular value of Qx' Qy."""
    qx, qy = (np.linalg.qr((a - a.mean(axis=1, keepdims=True)).T)[0] for a in (x, y))
    return np.linalg.svd(qx.T @ qy, compute_uv=False)[0]


def by_sklearn(x, y):
    u, v = CCA(n_components=1, tol=1e-14, max_iter=100000).fit_transform(x.T, y.T)
    return np.corrcoef(u[:, 0], v[:, 0])[0, 1]


def cca(x, fs, targets, harmonics, start, stop):
    sos = signal.butter(4, [6, 60], "bandpass", fs=fs, output="sos")
    z = signal.sosfiltfilt(sos, x)[:, start:stop]
    return [correlation(z, reference(f, harmonics, z.shape[1], fs)) for f in targets]


def fbcca(x, fs, targets, start, stop, harmonics=5, bands=5):
    scores = np.zeros(len(targets))
    for m in range(1, bands + 1):
        # The decoder lowers the first band where a target lies below it.
        low = min(targets) - 2 if m == 1 and min(targets) < 8 else 8 * m
        sos = signal.cheby1(4, 0.5, [low, 88], "bandpass", fs=fs, output="sos")
        z = signal.sosfiltfilt(sos, x)[:, start:stop]
        rho = np.array([correlation(z, reference(f, harmonics, z.shape[1], fs)) for f in targets])
        scores += (m**-1.25 + 0.25) * rho**2
    return scores


def seeded():
    rng = np.random.default_rng(7)
    for fs, channels, n, targets in (
        (250, 8, 536, [9.25, 11.25, 13.25, 15.25]),
        (250, 3, 535, [8.0, 10.0, 12.0]),  # an odd number of samples
        (256, 1, 400, [20.0, 30.0]),
        (250, 12, 400, [9.0, 15.0]),  # more channels than columns
        (200, 4, 500, [7.5, 12.0]),
    ):
        t = np.arange(n) / fs
        x = rng.normal(0, 10, (channels, n)) + rng.normal(0, 5, n)
        x += rng.uniform(1, 4, (channels, 1)) * np.sin(2 * np.pi * targets[1] * t + rng.uniform(0, 6, (channels, 1)))
        x = np.round(x + 20, 2)
        if channels == 12:
            x[-1] = -x[:-1].sum(axis=0)  # an average reference: rank 11
        start = round(0.14 * fs)
        sos = signal.butter(4, [6, 60], "bandpass", fs=fs, output="sos")
        z = signal.sosfiltfilt(sos, x)[:, start:]
        rho = []
        for f in targets:
            y = reference(f, 3, z.shape[1], fs)
            q = z[:-1] if channels == 12 else z  # the same space with independent rows
            rho.append(correlation(q, y))
            other = by_sklearn(q, y)
            assert abs(other - rho[-1]) < 1e-6, (other, rho[-1])
        # numpy's QR has no rank to reveal, so the filter bank is not taken of the average reference.
        bank = [] if channels == 12 else fbcca(x, fs, targets, start, n)
        yield {"rate": fs, "targets": targets, "data": x, "cca": rho, "fbcca": bank}


def exoskeleton():
    """13, 17, 21 Hz, 0.5-4.5 s after code 32779, 3 harmonics."""
    codes = {33025: 13, 33026: 21, 33027: 17}
    for path in sorted((EEG / "ssvep" / "exoskeleton").glob("*.gdf")):
        raw = mne.io.read_raw_gdf(path, preload=True, verbose="ERROR")
        x, fs, now = raw.get_data(), raw.info["sfreq"], 0
        right, trials, first = 0, 0, []
        for a in raw.annotations:
            code = int(a["description"])
            now = code if code in codes or code == 33024 else now
            if code != 32779 or now not in codes:
                continue
            i = int(a["onset"] * fs + 0.5)
            rho = cca(x[:, i : i + int(5 * fs)], fs, [13, 17, 21], 3, int(0.5 * fs), int(4.5 * fs))
            trials += 1
            right += [13, 17, 21][int(np.argmax(rho))] == codes[now]
            if len(first) < 3:
                first.append(rho)
        yield {"file": path.name, "right": right, "trials": trials, "cca": first}


def muse():
    """20 and 30 Hz on the AUX electrode, 0.5-3 s, fundamental only."""
    for path in sorted((EEG / "ssvep" / "muse").glob("*.csv")):
        table = np.loadtxt(path, delimiter=",", skiprows=1)
        x, marker, fs = table[:, 5], table[:, 6], 256.0
        right, trials, first = 0, 0, []
        for i in np.flatnonzero(marker > 0):
            part = x[None, i : i + 3 * 256]
            if part.shape[1] < 3 * 256:
                continue
            rho = cca(part, fs, [30, 20], 1, 128, 768)
            trials += 1
            right += int(np.argmax(rho)) + 1 == int(marker[i])
            if len(first) < 3:
                first.append(rho)
        yield {"file": path.name, "right": right, "trials": trials, "cca": first}


if __name__ == "__main__":
    golden.write("decoders/ssvep", "ssvep", ["numpy", "scipy", "scikit-learn", "mne"],
                 {"seeded": list(seeded()), "exoskeleton": list(exoskeleton()), "muse": list(muse())})
