"""Samples and annotations of the public recordings as MNE, pyedflib and pyxdf read them, for decoders/recording/formats.

The recordings (NEUROD_EEG_DATA, default ../shared/eeg beside the repository) are not stored: only sums, a weighted
sum that notices any displaced sample, and a few values per channel, always of the source's own unit in uV where it
is a voltage. With arguments FILE... it instead prints what both libraries say about these files, for instance those
that our writer makes (NEUROD_EDF_OUT=FOLDER go test -run TestWritten ./decoders/recording/edf).
"""

import io
import os
import pathlib
import struct
import sys
import tempfile
import warnings
import zipfile

import mne
import numpy as np
import pyedflib
import pyxdf

import golden

mne.set_log_level("ERROR")
warnings.simplefilter("ignore")
MOST_CHANNELS = 6

FACTOR = {"uV": 1, "µV": 1, "mV": 1e3, "V": 1e6, "nV": 1e-3}


def numbers(x):
    """x: the samples of one channel."""
    x = np.asarray(x, float)
    at = sorted({0, 1, len(x) // 3, len(x) // 2, len(x) - 1} & set(range(len(x))))
    return {
        "samples": len(x),
        "sum": float(x.sum()),
        "abs": float(np.abs(x).sum()),
        "weighted": float((x * (np.arange(len(x)) % 97 + 1)).sum()),
        "at": at,
        "values": [float(x[i]) for i in at],
    }


def picks(n):
    return sorted(set(np.linspace(0, n - 1, min(n, MOST_CHANNELS)).astype(int).tolist()))


def with_pyedflib(path):
    with pyedflib.EdfReader(str(path)) as f:
        n = f.signals_in_file
        out = {"oracle": "pyedflib", "channels": n, "picked": []}
        for i in picks(n) if n else []:
            h = f.getSignalHeader(i)
            rate = f.samples_in_datarecord(i) / f.datarecord_duration if hasattr(f, "samples_in_datarecord") else h["sample_frequency"]
            x = f.readSignal(i) * FACTOR.get(h["dimension"].strip(), 1)
            out["picked"].append({"index": i, "label": h["label"].strip(), "rate": float(rate)} | numbers(x))
        onset, duration, text = f.readAnnotations()
        # pyedflib gives -1 where there is no duration, and its own text decoding
        out["annotations"] = [[float(o), max(0.0, float(d)), str(t)] for o, d, t in zip(onset, duration, text)]
        out["start"] = f.getStartdatetime().isoformat()
        return out


def with_mne(path, read):
    raw = read(path)
    names = raw.ch_names
    data = raw.get_data()
    out = {"oracle": "mne", "channels": len(names), "picked": []}
    for i in picks(len(names)) if names else []:
        kind = mne.channel_type(raw.info, i)
        unit = raw._orig_units.get(names[i], "n/a")
        scale = 1e6 if kind != "stim" and (unit in FACTOR or is_gdf2(path)) else 1
        out["picked"].append(
            {"index": i, "label": names[i], "rate": float(raw.info["sfreq"]), "kind": kind} | numbers(data[i] * scale)
        )
    out["annotations"] = [
        [float(a["onset"]), float(a["duration"]), str(a["description"])] for a in raw.annotations
    ]
    if raw.info["meas_date"]:
        out["start"] = raw.info["meas_date"].replace(tzinfo=None).isoformat()
    return out


def is_gdf2(path):
    """MNE keeps no unit of GDF, but converts those of version 2 to V; version 1 has texts that it does not know."""
    return path.suffix.lower() == ".gdf" and path.read_bytes()[:5] == b"GDF 2"


def triggers(path, read):
    """Changes of the status channel to something other than 0, as find_events sees them."""
    raw = read(path)
    stim = mne.pick_types(raw.info, meg=False, stim=True)
    if len(stim) == 0:
        return None
    ev = mne.find_events(raw, stim_channel=raw.ch_names[stim[0]], consecutive=True, shortest_event=1,
                         mask=0xFFFF, mask_type="and", output="onset")
    return [[(int(s) - raw.first_samp) / raw.info["sfreq"], int(c)] for s, _, c in ev]


def gdf_float64(path):
    """The stored samples of a GDF 1.25 file of float64, read here, where MNE applies its doubtful calibration."""
    b = path.read_bytes()
    ns = struct.unpack("<I", b[252:256])[0]
    records = struct.unpack("<q", b[236:244])[0]
    num, den = struct.unpack("<II", b[244:252])
    data = np.frombuffer(b[256 * (ns + 1):][: records * ns * 8], "<f8").reshape(records, ns)
    at = 256 * (ns + 1) + records * ns * 8
    n = struct.unpack("<I", b[at + 4:at + 8])[0]
    pos = np.frombuffer(b[at + 8:][: 4 * n], "<u4").astype(int) - 1
    code = np.frombuffer(b[at + 8 + 4 * n:][: 2 * n], "<u2").astype(int)
    return {
        "oracle": "struct",
        "channels": ns,
        "picked": [
            {"index": i, "label": b[256 + 16 * i:][:16].decode().strip(), "rate": den / num} | numbers(data[:, i])
            for i in picks(ns)
        ],
        "events": [[float(p) * num / den, int(c)] for p, c in zip(pos, code)],
    }


def with_pyxdf(path):
    """The EEG streams cut to their latest start, and every marker as a position among the first one's samples."""
    streams, _ = pyxdf.load_xdf(str(path))
    waves = [s for s in streams if float(s["info"]["nominal_srate"][0]) > 0 and len(s["time_stamps"]) > 1]
    waves.sort(key=lambda s: (s["info"]["type"][0] != "EEG", -int(s["info"]["channel_count"][0])))
    begin = max(s["time_stamps"][0] for s in waves)
    out = {"oracle": "pyxdf", "channels": 0, "picked": [], "events": []}
    cuts = []
    for s in waves:
        nominal, effective = float(s["info"]["nominal_srate"][0]), s["info"]["effective_srate"]
        cuts.append(round((begin - s["time_stamps"][0]) * effective))
        data = s["time_series"][cuts[-1]:].astype(float)
        for i in picks(data.shape[1]):
            out["picked"].append({
                "index": out["channels"] + i, "label": "",
                "rate": nominal if abs(effective / nominal - 1) < 0.005 else effective,
            } | numbers(data[:, i]))
        out["channels"] += data.shape[1]
    ts, rate = waves[0]["time_stamps"], out["picked"][0]["rate"]
    for s in streams:
        if float(s["info"]["nominal_srate"][0]) == 0:
            for t in s["time_stamps"]:
                if ts[0] <= t <= ts[-1]:
                    out["events"].append([float(np.interp(t, ts, np.arange(len(ts))) - cuts[0]) / rate, 0])
    out["events"].sort()
    return out


def describe(path):
    """Both libraries' view of one file; the error of a library that refuses it."""
    out = {}
    low = path.suffix.lower()
    read = {
        ".edf": lambda p: mne.io.read_raw_edf(p, preload=True),
        ".bdf": lambda p: mne.io.read_raw_bdf(p, preload=True),
        ".gdf": lambda p: mne.io.read_raw_gdf(p, preload=True),
        ".vhdr": lambda p: mne.io.read_raw_brainvision(p, preload=True),
    }[low]
    with tempfile.TemporaryDirectory() as tmp:
        target = path
        if low in (".edf", ".bdf") and path.suffix != low:  # MNE wants the lower-case extension
            target = pathlib.Path(tmp) / (path.stem + low)
            target.write_bytes(path.read_bytes())
        if low in (".edf", ".bdf"):
            try:
                out["pyedflib"] = with_pyedflib(target)
            except Exception as e:
                out["pyedflib"] = {"error": type(e).__name__}
        try:
            out["mne"] = with_mne(target, read)
            if low in (".edf", ".bdf"):
                t = triggers(target, read)
                if t is not None:
                    out["mne"]["triggers"] = t
        except Exception as e:
            out["mne"] = {"error": type(e).__name__}
    return out


def main():
    if len(sys.argv) > 1:
        import json

        print(json.dumps({p: describe(pathlib.Path(p)) for p in sys.argv[1:]}, indent=1))
        return
    data = pathlib.Path(os.environ.get("NEUROD_EEG_DATA", golden.ROOT / "../shared/eeg")).resolve()
    files = {}
    for path in sorted(data.glob("formats/*/*")) + sorted(data.glob("malformed/*")) + sorted(data.glob("motor_imagery/biosig/*")):
        if path.suffix.lower() in (".edf", ".bdf", ".gdf", ".vhdr"):
            files[path.relative_to(data).as_posix()] = describe(path)
    for path in sorted(data.glob("formats/xdf/*.xdf")):
        files[path.relative_to(data).as_posix()] = {"pyxdf": with_pyxdf(path)}
    for path in sorted(data.glob("ssvep/exoskeleton/*.gdf"))[:1]:
        files[path.relative_to(data).as_posix()] = {"struct": gdf_float64(path)}
    with tempfile.TemporaryDirectory() as tmp:
        for archive in sorted(data.glob("motor_imagery/eegmmidb/*.zip"))[:2]:
            with zipfile.ZipFile(archive) as z:
                for name in sorted(z.namelist())[:2]:
                    member = pathlib.Path(tmp) / name
                    member.write_bytes(z.read(name))
                    files[f"{archive.relative_to(data).as_posix()}!{name}"] = describe(member)
    for archive in sorted(data.glob("seizure/bonn/Z.zip")):
        with zipfile.ZipFile(archive) as z:
            name = sorted(z.namelist())[0]
            x = np.loadtxt(io.BytesIO(z.read(name)))
            files[f"{archive.relative_to(data).as_posix()}!{name}"] = {
                "loadtxt": {"channels": 1, "picked": [{"index": 0, "label": "EEG", "rate": 173.61} | numbers(x)]}
            }
    golden.write("decoders/recording/formats", "recordings", ["mne", "numpy", "pyEDFlib", "pyxdf"], {"files": files})


if __name__ == "__main__":
    main()
