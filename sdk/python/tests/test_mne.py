"""Recordings of MNE in and out, on public recordings."""

from __future__ import annotations

import json
import os
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from conftest import HANDS

import neurod

mne = pytest.importorskip("mne")
np = pytest.importorskip("numpy")

SESSION_CHANNELS = 512


def readable(path: Path) -> Any:
    """Return a recording that a session can hold, or None."""
    try:
        raw = mne.io.read_raw(path, preload=True, verbose="error")
    except Exception:  # a file that MNE does not read: there are such on purpose
        return None
    eeg = mne.pick_types(raw.info, eeg=True, exclude=[])
    if not len(eeg) or not 8 <= raw.info["sfreq"] <= 20_000 or len(set(raw.ch_names)) != len(raw.ch_names) or max(map(len, raw.ch_names)) > 64:
        return None
    raw.pick(eeg, exclude=())
    data = raw.get_data()
    if not np.isfinite(data).all() or np.abs(data).max() * 1e6 > 1e7 or data.size > 3_000_000 or raw.n_times < 8:
        return None
    return raw


def same(client: neurod.Client, raw: Any, user: str) -> None:
    session = client.sessions.ingest_raw(raw, external_user_id=user)
    assert session.processing_state == "COMPLETE"
    back = session.to_raw()
    assert back.ch_names == raw.ch_names
    assert back.info["sfreq"] == raw.info["sfreq"]
    assert set(back.get_channel_types()) == {"eeg"}
    sent = (raw.get_data() * 1e6).astype(np.float32)
    np.testing.assert_array_equal((back.get_data() * 1e6).astype(np.float32), sent)
    np.testing.assert_allclose(back.get_data(), raw.get_data(), rtol=2e-7, atol=1e-30)
    skipped = [a["description"] for a in raw.annotations].count("BAD_ACQ_SKIP")
    assert [a["description"] for a in back.annotations].count("BAD_ACQ_SKIP") == skipped
    start = raw.info["meas_date"]
    if start is not None and 0 < start.timestamp() < time.time():
        begun = start.timestamp() + raw.first_time
        assert back.info["meas_date"].timestamp() == pytest.approx(begun, abs=0.001)
    wanted = list(raw.annotations)  # those that mark what is bad among them
    shift = raw.first_time if raw.annotations.orig_time is not None else 0
    inside = [a for a in wanted if 0 <= a["onset"] - shift <= raw.n_times / raw.info["sfreq"]]
    assert sorted((a["description"], round(a["duration"], 3)) for a in back.annotations) == sorted((a["description"], round(a["duration"], 3)) for a in inside)
    for ours, theirs in zip(sorted(back.annotations, key=lambda a: a["onset"]), sorted(inside, key=lambda a: a["onset"])):
        assert ours["onset"] - back.first_time == pytest.approx(theirs["onset"] - shift, abs=0.002)


@pytest.mark.parametrize(("folder", "pattern"), [("edf", "*.[eE][dD][fF]"), ("brainvision", "*.vhdr"), ("bdf", "*.bdf"), ("fif", "*.edf")])
def test_round_trip(client: neurod.Client, recordings: Path, user: str, folder: str, pattern: str, tmp_path: Path) -> None:
    source = recordings / "formats" / ("edf" if folder == "fif" else folder)
    tried = 0
    for path in sorted(source.glob(pattern)):
        raw = readable(path)
        if raw is None:
            continue
        if folder == "fif":
            if not abs(raw.info["meas_date"].timestamp()) < 1 << 31:
                raw.set_meas_date(None)  # which FIF cannot hold
            fif = tmp_path / f"{tried}_raw.fif"
            raw.save(fif, fmt="double", verbose="error")
            raw = mne.io.read_raw(fif, verbose="error")  # not loaded: it is read as it is sent
        same(client, raw, f"{user}-{tried}")
        tried += 1
        if tried == 4:
            break
    assert tried >= 2, f"only {tried} recordings of {source}"


def test_gaps_and_types(client: neurod.Client, user: str) -> None:
    """What is missing is said to be, and positions of electrodes are those of the 10-05 system."""
    rng = np.random.default_rng(1)
    session = client.sessions.create(external_user_id=user, device_type="T", sample_rate_hz=250, channels=["C3", "C4", "Cz"], ingestion_mode="RECORDED")
    data = rng.normal(0, 10, (3, 1000)).astype("f4")
    t0 = 1_730_000_000_000
    session.ingest(data[:, 500:], t0_unix_ms=t0 + 4000)
    session.ingest(data[:, :500], t0_unix_ms=t0)
    session.events.add("cue", t_unix_ms=t0 + 1000, duration_ms=500)
    session.end()
    session.wait_for_processing()
    raw = session.to_raw()
    assert raw.n_times == 1500
    np.testing.assert_allclose(raw.get_data()[:, :500] * 1e6, data[:, :500], rtol=1e-6)
    np.testing.assert_allclose(raw.get_data()[:, 1000:] * 1e6, data[:, 500:], rtol=1e-6)
    told = [(round(a["onset"] - raw.first_time, 3), round(a["duration"], 3), a["description"]) for a in raw.annotations]
    assert sorted(told) == [(1.0, 0.5, "cue"), (2.0, 2.0, "BAD_ACQ_SKIP")]
    assert raw.get_montage() is not None
    export = session.export_dict(include_raw=True)
    assert len(export["raw_batches"]) == 2


def test_what_is_sent_of_a_recording(client: neurod.Client, user: str) -> None:
    rng = np.random.default_rng(2)
    info = mne.create_info([*HANDS, "EOG", "STI"], 250, ["eeg"] * 8 + ["eog", "stim"])
    data = rng.normal(0, 1e-5, (10, 2000))
    data[9] = 0
    data[9, 500:510] = 7
    data[9, 1000:1010] = 9
    raw = mne.io.RawArray(data, info, verbose="error")
    raw.info["bads"] = ["C3"]
    session = client.sessions.ingest_raw(raw, external_user_id=user)
    assert list(session.channels) == HANDS  # bad ones, too, and nothing else than EEG
    assert [(e.code, e.sample) for e in session.events.list()] == [(7, 500), (9, 1000)]
    picked = client.sessions.ingest_raw(raw, external_user_id=user, picks=["C4", "EOG"])
    assert list(picked.channels) == ["C4", "EOG"]
    with pytest.raises(ValueError, match="no channel of type eeg"):
        client.sessions.ingest_raw(raw.copy().pick("eog"), external_user_id=user)


def test_decode_is_that_of_the_command_line(client: neurod.Client, recordings: Path, user: str, tmp_path: Path) -> None:
    """The same recording by the file, by MNE and by a session, and by neurod decode, has one answer."""
    archive = sorted((recordings / "motor_imagery" / "eegmmidb").glob("S*.zip"))[0]
    with zipfile.ZipFile(archive) as z:
        name = next(n for n in sorted(z.namelist()) if n.endswith("R04.edf"))
        path = Path(z.extract(name, tmp_path))
    program = os.environ["NEUROD_TEST_PROGRAM"]
    told = subprocess.run([program, "decode", str(path), "--paradigm", "motor_imagery", "--json"], capture_output=True, check=True, text=True)
    wanted = json.loads(told.stdout)["output"]
    by_file = client.decode(path, paradigm="motor_imagery")
    assert (by_file.decoded_class, by_file.decoded_intent) == (wanted["decoded_class"], wanted["decoded_intent"])
    assert by_file.confidence == pytest.approx(wanted["confidence"], abs=1e-9)
    assert by_file.clip is not None
    raw = mne.io.read_raw_edf(path, verbose="error")
    by_mne = client.decode(raw, paradigm="motor_imagery")
    assert by_mne.clip is not None
    assert (by_mne.decoded_class, by_mne.clip.start_s) == (by_file.decoded_class, by_file.clip.start_s)
    assert by_mne.confidence == pytest.approx(by_file.confidence, abs=1e-4)  # float32
    epochs = mne.Epochs(
        raw, *mne.events_from_annotations(raw, {"T1": 1, "T2": 2}, verbose="error")[:1], tmin=0, tmax=4, baseline=None, verbose="error", preload=True
    )
    answers = client.decode_epochs(epochs[:3], paradigm="motor_imagery")
    assert all(isinstance(a, neurod.DecodeResult) for a in answers)
    assert len(answers) == 3
    with pytest.raises(TypeError, match="decode_epochs"):
        client.decode(epochs)


def test_codes_are_those_of_a_file() -> None:
    """What a label stands for is what the service takes it for in a file."""
    from neurod import _mne

    for label, code in {
        "T2": 2,
        "769": 769,
        "-3": -3,
        "+4": 4,
        "Stimulus/S  11": 11,
        "Trigger#2": 2,
        "S 12": 12,
        "left": 0,
        "left hand 3": 0,
        "Comment/": 0,
        "abcdefghijk1": 0,
        "1234567890": 1234567890,
        "T1234567890": 0,
        "99999999999": 0,
        "²": 0,
        "R/T1": 1,
    }.items():
        assert _mne.code_in(label) == code, label


def test_all_events_of_a_recording_are_its_annotations(client: neurod.Client, user: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    raw = mne.io.RawArray(rng.normal(0, 1e-5, (8, 250 * 40)), mne.create_info(HANDS, 250, "eeg"), verbose="error")
    with pytest.raises(ValueError, match="no annotations"):
        client.decode(raw, paradigm="motor_imagery", events="all")
    raw.set_annotations(mne.Annotations([5.0, 15.0, 25.0], [4.0] * 3, ["T1", "T2", "T1"]))
    classes = {"1": "left_hand", "2": "right_hand"}
    by_mne = client.decode(raw, paradigm="motor_imagery", events="all", event_classes=classes)
    session = client.sessions.ingest_raw(raw, external_user_id=user)
    by_file = client.decode(session.export(tmp_path / "x.edf"), paradigm="motor_imagery", events="all", event_classes=classes)
    for answer in (by_mne, by_file):
        assert answer.trials_summary is not None
        assert (answer.trials_summary.trials, answer.trials_summary.labelled) == (3, 3)


def test_what_is_marked_as_bad(client: neurod.Client, user: str, caplog: pytest.LogCaptureFixture) -> None:
    """Stretches come back as annotations and are no events of a decode; of channels it is said that the mark goes."""
    rng = np.random.default_rng(4)
    raw = mne.io.RawArray(rng.normal(0, 1e-5, (8, 250 * 30)), mne.create_info(HANDS, 250, "eeg"), verbose="error")
    raw.set_annotations(mne.Annotations([2.0, 5.0, 20.0], [1.5, 4.0, 0.5], ["BAD_blink 7", "T1", "bad"]))
    raw.info["bads"] = ["P8"]
    with caplog.at_level("WARNING", "neurod"):
        session = client.sessions.ingest_raw(raw, external_user_id=user)
    assert "P8" in caplog.text
    assert [(e.label, e.code) for e in session.events.list()] == [("BAD_blink 7", 0), ("T1", 1), ("bad", 0)]
    back = session.to_raw()
    told = [(round(a["onset"] - back.first_time, 3), round(a["duration"], 3), a["description"]) for a in back.annotations]
    assert told == [(2.0, 1.5, "BAD_blink 7"), (5.0, 4.0, "T1"), (20.0, 0.5, "bad")]
    answer = client.decode(raw, paradigm="motor_imagery", events="all", event_classes={"1": "left_hand"})
    assert answer.trials_summary is not None
    assert answer.trials_summary.trials == 1


def test_a_recording_that_is_refused_leaves_no_open_session(client: neurod.Client, user: str) -> None:
    raw = mne.io.RawArray(np.full((2, 1000), 50.0), mne.create_info(["C3", "SpO2"], 250, "eeg"), verbose="error")
    with pytest.raises(neurod.InvalidRequestError):
        client.sessions.ingest_raw(raw, external_user_id=user)
    assert all(s.ended_at is not None for s in client.sessions.list(external_user_id=user))


def test_import_of_brainvision(client: neurod.Client, recordings: Path, user: str) -> None:
    header = recordings / "formats" / "brainvision" / "test.vhdr"
    session = client.sessions.import_file(header, external_user_id=user)
    raw = mne.io.read_raw_brainvision(header, verbose="error")
    assert session.sample_rate_hz == raw.info["sfreq"]
    assert session.status().sample_count == raw.n_times
