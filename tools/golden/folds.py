"""Folds of scikit-learn, for decoders/classify."""

import json
import sys
from pathlib import Path

import numpy as np
import sklearn
from sklearn.model_selection import ShuffleSplit, StratifiedKFold


def main():
    out = Path(__file__).resolve().parents[2] / "decoders/classify/testdata/golden/folds.json"
    labels = [1, 0, 0, 1, 2, 1, 0, 1, 1, 2, 0, 0, 2, 1, 0, 1, 2, 0, 1, 0, 1, 1, 0, 2, 2, 1]
    doc = {
        "versions": {"numpy": np.__version__, "scikit-learn": sklearn.__version__, "python": sys.version.split()[0]},
        "labels": labels,
        "stratified": [
            {"k": k, "seed": seed, "test": [t.tolist() for _, t in StratifiedKFold(k, shuffle=True, random_state=seed).split(labels, labels)]}
            for k, seed in [(5, 42), (4, 7), (3, 2**32 - 1)]
        ],
        "shuffle": [
            {"trials": n, "n": 10, "share": 0.2, "seed": 42,
             "test": [t.tolist() for _, t in ShuffleSplit(10, test_size=0.2, random_state=42).split(np.zeros(n))]}
            for n in (45, 23)
        ],
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(doc, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
