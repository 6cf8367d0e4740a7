"""Goldens of decoders/p300: the AUC of plain shrinkage LDA in scikit-learn on the recordings of flashes, with the folds
it was measured on. Needs NEUROD_EEG_DATA; only indices and scores are written, no recording."""

import csv
import json
import os
import pathlib

import numpy as np
from scipy import signal
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

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


if __name__ == "__main__":
    # Bands and lengths are those the recordings' references were measured with.
    case = dict(gtec=[folds(s, [buffer(DATA / "gtec" / f"{s}.f32")], 0.5, 12, 0.7, 8) for s in ("S1", "S2", "S3")])
    session = sorted((DATA / "muse").glob("subject1_session1_*.csv"))
    case["muse"] = folds("subject1_session1", [muse(p) for p in session], 1, 20, 0.8, 8)
    # Trained on the letters of one run, flashes of the next.
    a, b = (epochs([buffer(DATA / "bci2_iib" / f"AAS010R{n:02d}.f32")], 0.5, 12, 0.7, 8) for n in (1, 2))
    case["bci2_iib"] = roc_auc_score(b[1], lda().fit(*a).decision_function(b[0]))
    print("AAS010R01 -> AAS010R02", case["bci2_iib"])
    write("decoders/p300", "flashes", ["numpy", "scikit-learn", "scipy"], case)
