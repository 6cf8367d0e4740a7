"""The 1/f part and peaks of spectra with specparam, and the spectra of sine tapers with scipy, for decoders/features.

Relative powers are held to yasa as well, which integrates by Simpson's rule.
"""

import sys

# What yasa imports wants the standard library's statistics, and not the script of that name in this folder.
folder = sys.path.pop(0)
import yasa  # noqa: E402

sys.path.insert(0, folder)

import numpy as np  # noqa: E402
from scipy import signal  # noqa: E402
from specparam import SpectralModel  # noqa: E402

import golden  # noqa: E402

TAPERS, LO, HI, PEAKS = 3, 2, 40, 6
BANDS = [(1, 4, "delta"), (4, 8, "theta"), (8, 13, "alpha"), (13, 30, "beta"), (30, 45, "gamma")]


def tapered(x, fs):
    """x: channels x samples. The mean of the periodograms under the sine tapers, one-sided, and their frequencies."""
    n = x.shape[1]
    x = signal.detrend(x, axis=1)
    p = 0
    for k in range(1, TAPERS + 1):
        taper = np.sqrt(2 / (n + 1)) * np.sin(np.pi * k * np.arange(1, n + 1) / (n + 1))
        f, q = signal.periodogram(x, fs, window=taper, detrend=False, axis=1)
        p = p + q / TAPERS
    keep = (f >= LO - 1e-9) & (f <= min(HI, 0.45 * fs) + 1e-9)
    return f[keep], p[:, keep]


def least(windows):
    """What a value of the mean of so many spectra has over the expected one by chance in one of a thousand, log10: chi-square, by Wilson and Hilferty."""
    dof = 2 * TAPERS * windows
    return 3 * np.log10(1 - 2 / (9 * dof) + 3.0902 * np.sqrt(2 / (9 * dof)))


def fit(freqs, spectrum, height):
    model = SpectralModel(peak_width_limits=(0.5, 12), max_n_peaks=PEAKS, peak_threshold=2, min_peak_height=height, verbose=False)
    model.fit(freqs, spectrum)
    offset, exponent = model.results.get_params("aperiodic")
    gaussians = gaussian_params(model)
    alpha = [g for g in gaussians if 7 <= g[0] <= 13]
    peak = None
    if alpha:
        height = lambda c: sum(h * np.exp(-((c - m) ** 2) / (2 * s * s)) for m, h, s in gaussians)
        c, _, s = max(alpha, key=lambda g: height(g[0]))
        peak = {"frequency_hz": c, "power": height(c), "width_hz": 2 * s}
    return {"offset": offset, "exponent": exponent, "peaks": gaussians, "alpha_peak": peak}


def gaussian_params(model):
    """Centers, heights and standard deviations."""
    params = np.atleast_2d(model.results.get_params("peak", version="fit"))
    return [] if np.isnan(params).any() else params.tolist()


def spectra():
    """Known 1/f parts with known peaks, with the noise that a spectrum of a few tapers has."""
    rng = np.random.default_rng(14)
    freqs = np.arange(4, 81) / 2
    for i in range(60):
        exponent, offset = rng.uniform(0.4, 2.2), rng.uniform(-0.5, 2)
        log = offset - exponent * np.log10(freqs)
        for _ in range(rng.integers(0, 4)):
            c, h, s = rng.uniform(4, 35), rng.uniform(0.3, 1.2), rng.uniform(0.6, 2.5)
            log = log + h * np.exp(-((freqs - c) ** 2) / (2 * s * s))
        log = np.round(log + rng.normal(0, [0.02, 0.08, 0.2][i % 3], freqs.size), 6)
        height = [0.05, 0.2, 0.5][i % 3]
        yield {"freqs": freqs if i == 0 else [], "log10": log, "least": height, "fit": fit(freqs, 10**log, height)}


def windows():
    rng = np.random.default_rng(15)
    for fs in (250, 256, 160, 128, 100):
        n = 2 * fs
        x = rng.normal(0, 5, (3, n)).cumsum(axis=1) * 0.3 + rng.normal(0, 2, (3, n))
        band = signal.butter(2, np.array([-1, 1]) + rng.uniform(9, 11), "bandpass", fs=fs, output="sos")
        x[1:] += 12 * signal.sosfilt(band, rng.normal(0, np.sqrt(fs / 4), (2, 4 * n)), axis=1)[:, -n:]
        x = np.round(x + 300, 3)
        f, p = tapered(x, fs)
        ff, pp = signal.welch(x, fs, window="hann", nperseg=n, noverlap=0, detrend="linear", axis=1)
        df = ff[1]
        band = lambda lo, hi: pp[:, (ff >= lo) & (ff < hi)].sum(axis=1) * df
        powers = np.array([band(lo, hi) for lo, hi, _ in BANDS]).T
        yield {
            "rate": fs, "data": x, "density": p, "relative": powers / powers.sum(axis=1, keepdims=True),
            "fits": [fit(f, q, least(1)) for q in p],
            "mean": fit(f, 10 ** np.log10(p).mean(axis=0), least(1)),
        }


def long():
    """A window of 20 s: at the resolution of 2 s YASA's rule differs by what lies on the edges of a band."""
    fs, n = 128, 20 * 128
    rng = np.random.default_rng(16)
    x = np.round(rng.normal(0, 5, (2, n)).cumsum(axis=1) * 0.3 + rng.normal(0, 4, (2, n)), 3)
    f, p = signal.welch(x, fs, window="hann", nperseg=n, noverlap=0, detrend="linear", axis=1)
    shown = yasa.bandpower_from_psd(p, f, ch_names=["a", "b"], bands=BANDS, relative=True)
    return {"rate": fs, "data": x, "yasa": shown[[name for _, _, name in BANDS]].to_numpy()}


if __name__ == "__main__":
    golden.write("decoders/features", "aperiodic", ["numpy", "scipy", "specparam", "yasa"],
                 {"spectra": list(spectra()), "windows": list(windows()), "long": long()})
