"""Measures of the seizure check, the trained score and event scoring, with numpy, scipy and scikit-learn, for
decoders/seizure.

The seeded clips are stored whole. Of Bonn (NEUROD_EEG_DATA, default ../shared/eeg beside the repository) only the
weights of the model are stored: the test reads the same clips itself.
"""

import os
import pathlib
import zipfile

import numpy as np
from scipy import signal
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import golden

EEG = pathlib.Path(os.environ.get("NEUROD_EEG_DATA", golden.ROOT.parent / "shared" / "eeg"))
EDGES = (1, 4, 8, 13, 30, 40)


def ramp(x, a, b):
    return float(np.clip((x - a) / (b - a), 0, 1))


def smooth(n):
    while True:
        m = n
        for p in (2, 3, 5):
            while m % p == 0:
                m //= p
        if m == 1:
            return n
        n += 1


def windows(x, fs):
    """Measures of the 2-s windows of one channel, one dict each."""
    n, hop = int(np.floor(2 * fs + 0.5)), int(fs)
    x = x - x.mean()
    band = signal.sosfiltfilt(signal.butter(4, [1, 30], "bandpass", fs=fs, output="sos"), x)
    out = []
    for start in range(0, len(x) - n + 1, hop):
        w, b = x[start : start + n], band[start : start + n]
        f, p = signal.welch(w, fs, window="hann", nperseg=n, noverlap=0, nfft=smooth(n), detrend="linear")
        power = lambda lo, hi: p[(f >= lo - 1e-9) & (f < hi - 1e-9)].sum() * (f[1] - f[0])
        d = np.diff(b)
        lags = np.arange(int(fs / 12), int(fs / 2) + 2)
        auto = np.array([b[:-l] @ b[l:] / np.sqrt((b[:-l] @ b[:-l]) * (b[l:] @ b[l:])) for l in lags])
        peaks = [k for k in range(1, len(auto) - 1) if auto[k] > auto[k - 1] and auto[k] >= auto[k + 1] and auto[k] > 0]
        best = max(peaks, key=lambda k: auto[k], default=None)
        mobility = np.sqrt((d @ d) / (b @ b)) * fs / (2 * np.pi)
        dd = np.diff(d)
        out.append({
            "line_length": np.abs(d).sum() / 2,
            "sd": np.sqrt(b @ b / n),
            "alpha": power(8, 13) / power(1, 30),
            "slow": power(2, 12) / power(0.5, 45),
            "muscle": np.log10(power(30, 45) / power(4, 30)),
            "rhythm": 0.0 if best is None else auto[best],
            "frequency": 0.0 if best is None else fs / lags[best],
            "mobility": mobility,
            "complexity": np.sqrt((dd @ dd) / (d @ d)) * fs / (2 * np.pi) / mobility,
            "bands": [power(lo, hi) for lo, hi in zip(EDGES, EDGES[1:])],
        })
    return out


def score(w):
    gate = (1 - ramp(w["alpha"], 0.35, 0.55)) * ramp(w["slow"], 0.35, 0.55) * (1 - ramp(w["muscle"], -0.5, 0.3))
    return ramp(np.log2(w["line_length"] / limit(w)), -1, 1) * gate


def limit(w):
    return 4000 * 0.25 ** ramp(w["rhythm"], 0.5, 0.8)


def seeded():
    rng = np.random.default_rng(26)
    for fs, seconds, amplitude, freq in ((250, 10, 200, 3.2), (200, 10, 20, 10), (160, 10, 90, 5)):
        n = seconds * fs
        t = np.arange(n) / fs
        phase = 2 * np.pi * np.cumsum(freq + 0.2 * np.sin(2 * np.pi * 0.1 * t)) / fs
        x = amplitude * (np.sin(phase) + 0.6 * np.sin(2 * phase + 1)) + rng.normal(0, 12, n) + rng.normal(0, 1, n).cumsum()
        x = np.round(x, 2)
        w = windows(x, fs)
        assert len(w) == 9
        m = lambda k: np.median([v[k] for v in w])
        yield {
            "rate": fs, "data": x,
            "evidence": {
                "ictal_like_score": sorted(score(v) for v in w)[9 - 6],
                "line_length_limit_uv_s": np.median([limit(v) for v in w]),
                "line_length_uv_s": m("line_length"), "rhythmicity": m("rhythm"), "rhythm_hz": m("frequency"),
                "power_ratio_2_12": m("slow"), "alpha_share": m("alpha"), "log_muscle_ratio": m("muscle"),
                "hjorth_mobility_hz": m("mobility"), "hjorth_complexity": m("complexity"),
            },
        }


def bonn():
    """Logistic regression on the first 12 clips of each set, S against the rest."""
    x, y = [], []
    for s in "FNOSZ":
        with zipfile.ZipFile(EEG / "seizure" / "bonn" / f"{s}.zip") as z:
            for name in sorted(z.namelist())[:12]:
                clip = np.loadtxt(z.open(name))
                w = windows(clip, 173.61)
                m = lambda f: np.median([f(v) for v in w])
                x.append([np.log(m(lambda v: v["bands"][b])) for b in range(5)] + [
                    np.log(m(lambda v: v["sd"])), np.log(m(lambda v: v["line_length"])), m(lambda v: v["rhythm"]),
                    np.log(m(lambda v: v["mobility"])), np.log(m(lambda v: v["complexity"])),
                ])
                y.append(int(s == "S"))
    scale = StandardScaler().fit(x)
    lr = LogisticRegression(C=1.0, tol=1e-12, max_iter=10000).fit(scale.transform(x), y)
    weights = lr.coef_[0] / scale.scale_
    return {"clips_a_set": 12, "weights": weights, "bias": lr.intercept_[0] - weights @ scale.mean_}


def sample_wise(ref, hyp, duration):
    """SzCORE's event scoring, on a mask of 1 s: any overlap, 30 s before, 60 s after, gaps below 90 s merged, events
    longer than 300 s split."""

    def prepare(events):
        merged = []
        for a, b in sorted(events):
            if merged and a - merged[-1][1] < 90:
                merged[-1][1] = max(b, merged[-1][1])
            else:
                merged.append([a, b])
        out = []
        for a, b in merged:
            while b - a > 300:
                out.append((a, a + 300))
                a += 300
            out.append((a, b))
        return out

    ref, hyp = prepare(ref), prepare(hyp)
    found = np.zeros(duration, bool)
    for a, b in hyp:
        found[a:b] = True
    near = np.zeros(duration, bool)
    for a, b in ref:
        near[max(0, a - 30) : b + 60] = True
    tp = sum(bool(found[max(0, a - 30) : b + 60].any()) for a, b in ref)
    fp = sum(not near[a:b].any() for a, b in hyp)
    return {"references": len(ref), "hypotheses": len(hyp), "true_positives": tp, "false_positives": fp}


def scored():
    rng = np.random.default_rng(90)
    for _ in range(25):
        duration = int(rng.integers(1200, 9000))

        def draw(k, longest):
            start = rng.integers(0, duration - longest, k)
            return [[int(a), int(a + rng.integers(5, longest))] for a in start]

        ref, hyp = draw(rng.integers(0, 5), 700), draw(rng.integers(0, 9), 120)
        yield {"duration": duration, "ref": ref, "hyp": hyp, **sample_wise(ref, hyp, duration)}


if __name__ == "__main__":
    golden.write("decoders/seizure", "seizure", ["numpy", "scipy", "scikit-learn"],
                 {"seeded": list(seeded()), "bonn": bonn(), "scored": list(scored())})
