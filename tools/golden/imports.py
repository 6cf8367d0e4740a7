"""Band powers of a few windows of uploaded recordings with scipy's welch, for the product tests of imports.

The samples are read here with pyedflib, numpy and struct, and rounded to float32 as the service keeps them. Only the
numbers are stored: the test uploads the same files (NEUROD_EEG_DATA, default ../shared/eeg beside the repository).
"""

import os
import pathlib
import struct
import tempfile
import zipfile

import numpy as np
import pyedflib

import golden
from features import numbers

ROOT = pathlib.Path(os.environ.get("NEUROD_EEG_DATA", golden.ROOT.parent / "shared" / "eeg"))
WINDOWS = (0, 3, 11)


def edf(archive, member):
    with zipfile.ZipFile(ROOT / archive) as z, tempfile.TemporaryDirectory() as tmp:
        path = pathlib.Path(tmp) / "run.edf"
        path.write_bytes(z.read(member))
        with pyedflib.EdfReader(str(path)) as r:
            keep = [i for i, label in enumerate(r.getSignalLabels()) if "Annot" not in label]
            return r.getSampleFrequency(keep[0]), np.array([r.readSignal(i) for i in keep])


def gdf(name):
    """A GDF 1.25 file of float64, whose samples are µV as they are stored."""
    b = (ROOT / name).read_bytes()
    channels = struct.unpack("<I", b[252:256])[0]
    records = struct.unpack("<q", b[236:244])[0]
    num, den = struct.unpack("<II", b[244:252])
    data = np.frombuffer(b[256 * (channels + 1):][: records * channels * 8], "<f8").reshape(records, channels)
    return den / num, data.T


def table(name, columns, rate, **read):
    return rate, np.loadtxt(ROOT / name, delimiter=",", usecols=columns, **read).T


def entry(file, name, rate, x, member="", stated=0):
    x = x.astype(np.float32).astype(float)
    n = round(2 * rate)
    out = {"file": file, "member": member, "name": name, "rate": stated, "windows": []}
    for k in WINDOWS:
        at = round(k * 2 * rate)
        power = numbers(x[:, at : at + n], rate)["bandpower"]
        out["windows"].append({"index": k, "bandpower": power})
    return out


def main():
    files = []
    archive = "motor_imagery/eegmmidb/S001.zip"
    with zipfile.ZipFile(ROOT / archive) as z:
        members = [n for n in z.namelist() if n.endswith(("S001R01.edf", "S001R02.edf"))]
    for member in sorted(members):
        rate, x = edf(archive, member)
        files.append(entry(archive, "x.edf", rate, x, member=member))
    name = sorted(p.relative_to(ROOT).as_posix() for p in ROOT.glob("ssvep/exoskeleton/*.gdf"))[0]
    files.append(entry(name, "x.gdf", *gdf(name)))
    name = "headsets/openbci/OpenBCI_GUI-v6-blinks-jawClench-alpha.txt"
    files.append(entry(name, "x.txt", *table(name, range(1, 9), 250, skiprows=5)))
    golden.write("test", "imports", ["numpy", "scipy", "pyEDFlib"], {"files": files})


if __name__ == "__main__":
    main()
