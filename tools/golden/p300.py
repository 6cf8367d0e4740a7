"""Goldens of decoders/p300: the AUC of plain shrinkage LDA in scikit-learn and of pyRiemann's xDAWN covariances on the
recordings of flashes, with the folds they were measured on, and the steps of the latter on seeded epochs. Needs
NEUROD_EEG_DATA; only indices and scores are written, no recording."""

import csv
import json
import os
import pathlib

import numpy as np
from pyriemann.estimation import XdawnCovariances
from pyriemann.geometry.mean import mean_riemann
from pyriemann.geometry.tangentspace import tangent_space
from pyriemann.tangentspace import TangentSpace
from scipy import signal
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline

from golden import ROOT, write

DATA = pathlib.Path(os.environ.get("NEUROD_EEG_DATA", ROOT / ".." / "shared" / "eeg")) / "p300"
# Flashes without this much signal around them are left out, as decoders/p300 does.
BEFORE, AFTER = 1.0, 1.5


def buffer(path):
    head = json.loads(path.with_suffix(".json").read_text())
    x = np.fromfile(path, "<f4").reshape(-1, len(head["channels"])).T.astype(float)
    events = list(csv.DictReader(path.with_suffix(".events.csv").open()))
    return x, head["sample_rate"], np.array([int(e["sample"]) for e in events]), np.array([int(e["target"]) for e in events])


def muse(path):
    rows = np.genfromtxt(path, delimiter=",", skip_header=1)
    marker = rows[:, -1]
    onsets = np.flatnonzero(marker)
    return rows[:, 1:6].T, 256, onsets, (marker[onsets] == 2).astype(int)


def epochs(runs, low, high, seconds, step):
    x, y = [], []
    for data, fs, onsets, target in runs:
        sos = signal.butter(4, [low, high], "bandpass", fs=fs, output="sos")
        filtered = signal.sosfiltfilt(sos, data, axis=-1)
        keep = (onsets - round(BEFORE * fs) >= 0) & (onsets - round(BEFORE * fs) + round((BEFORE + AFTER) * fs) <= data.shape[1])
        for onset in onsets[keep]:
            x.append(filtered[:, onset : onset + int(seconds * fs) : step].ravel())
        y.append(target[keep])
    return np.array(x), np.concatenate(y)


def lda():
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")


def folds(name, runs, low, high, seconds, step):
    x, y = epochs(runs, low, high, seconds, step)
    tests, auc = [], []
    for train, test in StratifiedKFold(5, shuffle=True, random_state=42).split(x, y):
        auc.append(roc_auc_score(y[test], lda().fit(x[train], y[train]).decision_function(x[test])))
        tests.append(test)
    print(name, len(y), y.sum(), np.mean(auc))
    return dict(name=name, labels="".join(map(str, y)), tests=tests, auc=auc)


def binned(runs, low=0.5, high=12, seconds=0.7, bins=32):
    """Epochs as decoders/p300 makes them: filtered by themselves with a second around, averaged over 1/32 s."""
    x = []
    for data, fs, onsets, _ in runs:
        sos = signal.butter(4, [low, high], "bandpass", fs=fs, output="sos")
        before, length = round(BEFORE * fs), round((BEFORE + AFTER) * fs)
        edges = BEFORE * fs + np.arange(round(seconds * bins) + 1) * fs / bins
        for onset in onsets[(onsets - before >= 0) & (onsets - before + length <= data.shape[1])]:
            trial = signal.sosfiltfilt(sos, data[:, onset - before : onset - before + length], axis=-1)
            total = np.concatenate([np.zeros((len(trial), 1)), np.cumsum(trial, axis=-1)], axis=-1)
            at = np.array([np.interp(edges, np.arange(total.shape[1]), t) for t in total])
            x.append(np.diff(at, axis=-1) / (fs / bins))
    return np.array(x)


def xdawncov():
    return make_pipeline(
        XdawnCovariances(4, estimator="oas", xdawn_estimator="scm"), TangentSpace(), LogisticRegression(solver="newton-cg", tol=1e-10, max_iter=1000)
    )


def riemannian(runs, case):
    """Adds the AUC of the covariances on the folds of a case."""
    x, y = binned(runs), np.array([int(c) for c in case["labels"]])
    case["xdawncov"] = []
    for test in case["tests"]:
        train = np.setdiff1d(np.arange(len(y)), test)
        case["xdawncov"].append(roc_auc_score(y[test], xdawncov().fit(x[train], y[train]).decision_function(x[test])))
    print(case["name"], "xdawncov", np.mean(case["xdawncov"]))
    return case


def steps():
    """Every step on seeded epochs; the largest entry of a filter is made positive, which pyRiemann leaves open."""
    rng = np.random.default_rng(41)
    y = (np.arange(60) % 5 == 0).astype(int)
    t = np.arange(22) / 32
    x = rng.normal(0, 1, (60, 6, 22)) + rng.normal(0, 1, 6)[None, :, None] * np.exp(-(((t - 0.3) / 0.08) ** 2)) * y[:, None, None] * 2
    x = np.round(rng.normal(0, 1, (6, 6)) @ x + np.sin(9 * t), 3)
    model = XdawnCovariances(2, estimator="oas", xdawn_estimator="scm").fit(x, y)
    sign = np.sign([f[np.argmax(np.abs(f))] for f in model.Xd_.filters_])
    both = np.concatenate([sign, sign])
    covs = model.transform(x) * both[:, None] * both
    mean = mean_riemann(covs, tol=1e-8, maxiter=50)
    return dict(
        x=x, y=y, filters=model.Xd_.filters_ * sign[:, None], prototype=model.P_ * sign[:, None], covariances=covs[:3], mean=mean,
        tangent=tangent_space(covs[:3], mean), decision=LogisticRegression(solver="newton-cg", tol=1e-12, max_iter=10000)
        .fit(tangent_space(covs, mean), y).decision_function(tangent_space(covs, mean)),
    )


if __name__ == "__main__":
    # Bands and lengths are those the recordings' references were measured with.
    speller = {s: [buffer(DATA / "gtec" / f"{s}.f32")] for s in ("S1", "S2", "S3")}
    case = dict(gtec=[riemannian(runs, folds(s, runs, 0.5, 12, 0.7, 8)) for s, runs in speller.items()])
    session = [muse(p) for p in sorted((DATA / "muse").glob("subject1_session1_*.csv"))]
    case["muse"] = riemannian(session, folds("subject1_session1", session, 1, 20, 0.8, 8))
    # Trained on the letters of one run, flashes of the next.
    runs = [[buffer(DATA / "bci2_iib" / f"AAS010R{n:02d}.f32")] for n in (1, 2)]
    a, b = (epochs(r, 0.5, 12, 0.7, 8) for r in runs)
    case["bci2_iib"] = roc_auc_score(b[1], lda().fit(*a).decision_function(b[0]))
    case["bci2_iib_xdawncov"] = roc_auc_score(b[1], xdawncov().fit(binned(runs[0]), a[1]).decision_function(binned(runs[1])))
    print("AAS010R01 -> AAS010R02", case["bci2_iib"], case["bci2_iib_xdawncov"])
    write("decoders/p300", "flashes", ["numpy", "pyriemann", "scikit-learn", "scipy"], case)
    write("decoders/p300", "xdawncov", ["numpy", "pyriemann", "scikit-learn", "scipy"], steps())
