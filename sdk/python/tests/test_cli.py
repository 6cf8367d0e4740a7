"""The command neurod-client, as a user types it."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import HANDS, KEY, PROJECT, Wave

import neurod
from neurod import cli

Run = Any


@pytest.fixture
def run(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    for name in list(os.environ):
        if name.startswith("VOXEL_") or name in ("NEUROD_API_KEY", "NEUROD_PROJECT_ID", "NEUROD_BASE_URL"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NEUROD_CONFIG", str(tmp_path / "config" / "client.json"))
    monkeypatch.chdir(tmp_path)

    def call(*args: object, code: int = 0, **more: str) -> str:
        """Run the command in this process: it is started by itself in test_program."""
        with pytest.MonkeyPatch.context() as own:
            for name, value in more.items():
                own.setenv(name, value)
            capsys.readouterr()
            try:
                status = cli.main([str(a) for a in args])
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 0
        printed = capsys.readouterr()
        assert status == code, f"{args}: {status}\n{printed.out}\n{printed.err}"
        return printed.out if code == 0 else printed.out + printed.err

    return call


@pytest.fixture
def logged_in(run: Run, server: str) -> Run:
    run("login", "--api-key", KEY, "--base-url", server)
    return run


def hands(path: Path, trials: int = 20, seed: int = 1) -> Path:
    """Write a recording of imagined hands as FIF."""
    import math

    np = pytest.importorskip("numpy")
    mne = pytest.importorskip("mne")
    rng, rate, onsets, labels = np.random.default_rng(seed), 100, [], []
    data = []
    for k in range(trials):
        left = k % 2 == 0
        t = np.arange(6 * rate) / rate
        onsets.append(6 * k + 1.0)
        labels.append("T1" if left else "T2")
        rows = []
        for c, right_side in enumerate((True, False, True, False)):
            strength = np.where((right_side == left) & (t > 1), 4.0, 14.0)
            rows.append(strength * np.sin(2 * math.pi * 11 * t + c + seed) + rng.normal(0, 4, len(t)))
        data.append(np.array(rows))
    raw = mne.io.RawArray(np.concatenate(data, axis=1) * 1e-6, mne.create_info(["C4", "C3", "CP4", "CP3"], rate, "eeg"), verbose="error")
    raw.set_annotations(mne.Annotations(onsets, [4.0] * trials, labels))
    raw.save(path, verbose="error")
    return path


def test_login(run: Run, server: str, tmp_path: Path) -> None:
    assert "login" in run("sessions", code=1)
    assert "logged in" in run("login", "--api-key", KEY, "--base-url", server)
    kept = tmp_path / "config" / "client.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert json.loads(kept.read_text()) == {"base_url": server, "api_key": KEY, "project_id": PROJECT}
    run("logout")
    assert not kept.exists()
    told = run(
        "login", "--email", os.environ["NEUROD_TEST_EMAIL"], "--project", PROJECT, "--base-url", server, NEUROD_PASSWORD=os.environ["NEUROD_TEST_PASSWORD"]
    )
    assert "the key is kept" in told
    assert json.loads(kept.read_text())["api_key"] != KEY
    assert "session" in run("sessions")
    wrong = run("login", "--email", "nobody@example.com", "--base-url", server, code=1, NEUROD_PASSWORD="wrong password")
    assert "invalid_credentials" in wrong
    assert "wrong password" not in wrong
    assert "invalid_api_key" in run("sessions", "--api-key", "vxl_wrong", "--base-url", server, code=1)


def test_sessions_and_export(logged_in: Run, tmp_path: Path, user: str) -> None:
    table = tmp_path / "blinks.csv"
    table.write_text("TP9,AF7,AF8,TP10\n" + "".join(f"{i % 17},{i % 19},{i % 23},{i % 29}\n" for i in range(1024)))
    made = json.loads(logged_in("sessions", "import", table, "--user", user, "--sample-rate", 256, "--json"))
    listed = logged_in("sessions", "--user", user)
    assert made["session_id"] in listed
    assert listed.splitlines()[0].split() == ["session", "person", "device", "Hz", "channels", "started", "ended", "state"]
    shown = logged_in("sessions", "show", made["session_id"])
    assert "4: TP9, AF7, AF8, TP10" in shown
    assert json.loads(logged_in("sessions", "show", made["session_id"], "--json"))["status"]["sample_count"] == 1024
    assert logged_in("sessions", "events", made["session_id"]).splitlines()[-1] == "none"
    assert "bytes" in logged_in("export", made["session_id"], tmp_path / "out.bdf")
    assert (tmp_path / "out.bdf").read_bytes()[:8] == b"\xffBIOSEMI"
    logged_in("export", made["session_id"], tmp_path / "out.json", "--include-raw")
    assert json.loads((tmp_path / "out.json").read_text())["raw_batches"]
    assert "needs the ID" in logged_in("sessions", "show", code=1)
    failed = json.loads(logged_in("sessions", "show", "0198c5a2-7f1e-7000-8000-0000000000a1", "--json", code=1).splitlines()[0])
    assert failed["error"]["code"] == "session_not_found"


def test_decode_train_and_models(logged_in: Run, tmp_path: Path, user: str) -> None:
    run1, run2 = hands(tmp_path / "run1_raw.fif"), hands(tmp_path / "run2_raw.fif", seed=2)
    name = f"cli-{user}"
    told = logged_in("train", name, run1, "--classes", "T1=left_hand,T2=right_hand", "--pipeline", "csp_lda", "--user", user)
    assert f"{name}@1" in told
    assert "trials 20 of 20" in told
    shown = logged_in("decode", run1, "--model", name, "--all-events")
    assert "20 of 20 answered" in shown
    rows = [line.split() for line in shown.splitlines()]
    assert rows[0] == ["trial", "s", "event", "label", "intent", "confidence", "verdict", "flags"]
    assert [(r[0], r[2], r[6]) for r in rows[1:21]] == [(str(k + 1), "T1" if k % 2 == 0 else "T2", "right") for k in range(20)]
    assert f"model {name}@1" in shown
    one = json.loads(logged_in("decode", run2, "--model", name, "--json"))  # a file that MNE reads and a decode does not take
    assert one["decoded_class"] in ("left_hand", "right_hand")
    assert logged_in("sessions", "--user", "cli").splitlines()[-1] == "none"  # the session of it is gone
    many = logged_in("decode", run1, tmp_path / "missing.edf", "--model", name, code=1)
    assert "run1_raw.fif: " in many
    assert "missing.edf" in many
    assert "too_few_trials" in logged_in("train", name, run1, "--classes", "T1=left_hand,T9=right_hand", code=1)
    assert name in logged_in("models", "--paradigm", "motor_imagery")
    assert json.loads(logged_in("models", "show", name, "--json"))["active_version"] == "1"
    path = logged_in("models", "download", name, tmp_path).strip()
    assert Path(path).is_file()
    assert f"{name}@1 is active" in logged_in("models", "upload", path)
    logged_in("models", "delete", name)
    assert name not in logged_in("models")


def test_jobs(logged_in: Run, tmp_path: Path, server: str, user: str, wave: Wave) -> None:
    edf = tmp_path / "run.edf"
    with neurod.Client(KEY, PROJECT, base_url=server) as client:
        session = client.sessions.create(external_user_id=user, device_type="T", sample_rate_hz=250, channels=HANDS, ingestion_mode="RECORDED")
        session.ingest(wave(8, 5000))
        session.export(edf)
    logged_in("decode", edf, "--paradigm", "seizure")
    listed = [json.loads(line) for line in logged_in("jobs", "--kind", "neuro_decode", "--limit", 3, "--json").splitlines()]
    assert listed[0]["status"] == "completed"
    assert "decoded_intent" in logged_in("jobs", "show", listed[0]["id"])
    assert "completed" in logged_in("jobs", "wait", listed[0]["id"])
    assert "completed" in logged_in("jobs", "cancel", listed[0]["id"])
    assert "job" in logged_in("jobs").splitlines()[0]


def test_stream(logged_in: Run, tmp_path: Path, user: str) -> None:
    path = hands(tmp_path / "run_raw.fif", 10)
    lines = [
        json.loads(line)
        for line in logged_in(
            "stream", "--source", "file", "--file", path, "--speed", 0, "--user", user, "--paradigm", "motor_imagery", "--window", 4, "--hop", 2, "--json"
        ).splitlines()
    ]
    assert [m["seq"] for m in lines if m.get("seq")] == list(range(1, 30 + 29 + 1))
    assert lines[-1]["stats"]["samples_sent"] == 6000
    pytest.importorskip("brainflow")
    told = logged_in("stream", "--source", "brainflow", "--seconds", 5, "--user", user)
    assert "alpha" in told
    assert "0 dropped" in told


def test_mistakes_are_told_in_a_line(logged_in: Run, tmp_path: Path) -> None:
    """Whatever is wrong: a line that says it, and no traceback."""
    broken = tmp_path / "broken_raw.fif"
    broken.write_bytes(b"this is no recording" * 100)
    tried: list[tuple[str, int, tuple[object, ...]]] = [
        ("NAME=VALUE", 2, ("stream", "--source", "brainflow", "--parameter", "foo")),
        ("--paradigm or --model", 1, ("stream", "--source", "brainflow", "--window", 4)),
        ("--paradigm or --model", 1, ("stream", "--source", "brainflow", "--hop", 1)),
        ("needs --file", 1, ("stream", "--source", "file")),
        ("broken_raw.fif", 2, ("decode", broken)),
        ("base_url", 2, ("sessions", "--base-url", "localhost:1")),
    ]
    try:
        import brainflow  # noqa: F401

        tried += [
            ("SYNTHETIC_BOARD", 2, ("stream", "--source", "brainflow", "--board", "SYNTETIC")),
            ("MUSE_2_BOARD", 2, ("stream", "--source", "brainflow", "--board", "MUSE2")),
            ("no board 99999", 2, ("stream", "--source", "brainflow", "--board", 99999)),
            ("near are serial_port", 2, ("stream", "--source", "brainflow", "--parameter", "serial_prot=x")),
        ]
    except ImportError:
        pass
    try:
        import pylsl  # noqa: F401

        tried.append(("nosuch", 1, ("stream", "--source", "lsl", "--name", "nosuch")))
    except ImportError:
        pass
    for wanted, code, args in tried:
        told = logged_in(*args, code=code)
        assert wanted in told, args
        assert "Traceback" not in told


def test_fish(run: Run) -> None:
    script = run("completion", "fish")
    for command in ("login", "decode", "stream", "export"):
        assert f"-a {command} -d " in script
    assert "'__fish_seen_subcommand_from stream' -l source -x -a 'lsl brainflow file'" in script
    program = shutil.which("fish")
    if program:
        subprocess.run([program, "--no-execute"], input=script, text=True, check=True)


def test_help_and_completion(run: Run) -> None:
    assert "COMMAND" in run("--help")
    assert "neurod-client" in run("--version")
    for shell in ("bash", "zsh", "fish", "tcsh"):
        assert "decode" in run("completion", shell)
    assert "CODE=CLASS" in run("train", "x", "y", "--classes", "T1", code=2)


def test_program(server: str, tmp_path: Path) -> None:
    """The installed command, as a shell starts it."""
    program = Path(sys.executable).parent / "neurod-client"
    env = {**os.environ, "NEUROD_CONFIG": str(tmp_path / "client.json"), "VOXEL_API_KEY": KEY, "VOXEL_BASE_URL": server}
    done = subprocess.run([program, "models", "--json"], capture_output=True, text=True, env=env, timeout=120, check=True)
    assert {"name", "version", "card"} <= set(json.loads(done.stdout.splitlines()[0]))
    first = subprocess.run(f"{program} models | head -n 1", shell=True, capture_output=True, text=True, env=env, timeout=120, check=True)
    assert first.stdout.startswith("model")
    assert first.stderr == ""
