"""What every golden script shares: where goldens live and how numbers are written."""

import importlib.metadata
import json
import pathlib

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The tests hold 1e-6 relative; twelve digits leave room below that and keep the files small.
DIGITS = 12


def plain(value):
    """Turns arrays and numpy scalars into lists and numbers of DIGITS significant digits."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (bool, str)) or value is None:
        return value
    if isinstance(value, (int, np.integer)):
        return int(value)
    return float(f"{float(value):.{DIGITS}g}")


def write(package, name, libraries, cases):
    """Writes testdata/golden/NAME.json beside the tests of a Go package, e.g. decoders/dsp."""
    folder = ROOT / package / "testdata" / "golden"
    folder.mkdir(parents=True, exist_ok=True)
    versions = {lib: importlib.metadata.version(lib) for lib in libraries}
    text = json.dumps({"versions": versions, **plain(cases)}, separators=(",", ":"), allow_nan=False)
    (folder / f"{name}.json").write_text(text + "\n")
    print(f"{package}/testdata/golden/{name}.json {len(text) // 1024} kB")
