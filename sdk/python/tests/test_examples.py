"""The examples of the repository (examples/python), each run as a user runs it."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY

np = pytest.importorskip("numpy")

EXAMPLES = Path(os.environ.get("NEUROD_TEST_ROOT", ".")) / "examples/python"

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="outside the repository")


def environment(server: str) -> dict[str, str]:
    return {**os.environ, "VOXEL_API_KEY": KEY, "VOXEL_BASE_URL": server, "MPLBACKEND": "Agg", "PYTHONUNBUFFERED": "1"}


def example(name: str, server: str, cwd: Path, *args: object) -> str:
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *map(str, args)], env=environment(server), cwd=cwd, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_features_of_a_recording(server: str, tmp_path: Path) -> None:
    printed = example("features_of_a_recording.py", server, tmp_path)
    assert "30 windows, 2 events" in printed
    assert (tmp_path / "features.png").read_bytes()[:4] == b"\x89PNG"
    difference = re.search(r"largest difference: (\S+) V", printed)
    assert difference is not None
    assert float(difference[1]) < 1e-10


def test_notebook_is_its_script() -> None:
    script = EXAMPLES / "features_of_a_recording.py"
    writer = EXAMPLES.parents[1] / "sdk/python/scripts/notebook.py"
    done = subprocess.run([sys.executable, writer, script], capture_output=True, check=True)
    book = script.with_suffix(".ipynb")
    assert book.read_bytes() == done.stdout, f"write it again: python {writer.name} {script.name} > {book.name}"
    code = [line for c in json.loads(done.stdout)["cells"] if c["cell_type"] == "code" for line in "".join(c["source"]).split("\n")]
    assert [line for line in script.read_text(encoding="utf-8").split("\n") if line in code and line] == [line for line in code if line]


def test_features_of_a_public_recording(server: str, tmp_path: Path, recordings: Path) -> None:
    printed = example("features_of_a_recording.py", server, tmp_path, recordings / "formats/brainvision/test.vhdr")
    assert "windows" in printed
    assert (tmp_path / "features.png").stat().st_size > 5000


def test_train_and_decode(server: str, tmp_path: Path) -> None:
    printed = example("train_and_decode.py", server, tmp_path)
    right = re.search(r"third run: (\d+) of (\d+) right", printed)
    assert right is not None
    assert int(right[1]) >= 0.8 * int(right[2]) > 10


def test_train_and_decode_recordings(server: str, tmp_path: Path, recordings: Path) -> None:
    with zipfile.ZipFile(sorted((recordings / "motor_imagery/eegmmidb").glob("S*.zip"))[0]) as z:
        runs = [z.extract(n, tmp_path) for n in sorted(z.namelist()) if re.search(r"R(04|08|12)\.edf$", n)]
    printed = example("train_and_decode.py", server, tmp_path, *runs)
    assert re.search(r"third run: \d+ of 1\d right", printed)


def test_p300_speller(server: str, tmp_path: Path) -> None:
    printed = example("p300_speller.py", server, tmp_path)
    right = re.search(r"(\d) of 9 right", printed)
    assert right is not None
    assert int(right[1]) >= 8, printed


def test_p300_speller_of_a_recording(server: str, tmp_path: Path, recordings: Path) -> None:
    runs = sorted((recordings / "p300/bci2_iib").glob("*.f32"))[:2]
    printed = example("p300_speller.py", server, tmp_path, *runs)
    assert re.search(r"spelled: [A-Z1-9_]{3,}", printed), printed


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    program = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        pytest.fail("mosquitto is not installed: make setup")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    (tmp_path / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = subprocess.Popen([program, "-c", tmp_path / "mosquitto.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(200):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield port
    process.terminate()
    process.wait(10)


def test_lsl_to_mqtt(server: str, tmp_path: Path, broker: int, user: str) -> None:
    pylsl = pytest.importorskip("pylsl")
    mqtt = pytest.importorskip("paho.mqtt.client")
    rate, names = 160, ["FC3", "FC4", "C3", "Cz", "C4", "CP3", "CP4", "Pz"]
    info = pylsl.StreamInfo(user, "EEG", len(names), rate, "float32", f"source-{user}")
    described = info.desc().append_child("channels")
    for name in names:
        described.append_child("channel").append_child_value("label", name).append_child_value("unit", "microvolts")
    outlet, stop = pylsl.StreamOutlet(info), threading.Event()

    def push() -> None:
        rng, done, began = np.random.default_rng(1), 0, pylsl.local_clock()
        while not stop.wait(0.02):
            until = int((pylsl.local_clock() - began) * rate)
            for i in range(done, until):
                strength = np.array([8, 8, 3, 8, 12, 3, 12, 8])  # the rhythm over C3 is weak: the right hand
                outlet.push_sample((strength * np.sin(2 * np.pi * 11 * i / rate) + rng.normal(0, 4, 8)).astype("f4").tolist(), began + i / rate)
            done = until

    got: list[tuple[str, Any]] = []
    subscriber = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    subscriber.on_message = lambda _c, _u, m: got.append((m.topic, m.payload.decode()))
    subscriber.connect("127.0.0.1", broker)
    subscriber.subscribe("lab/#", qos=1)
    subscriber.loop_start()
    pusher = threading.Thread(target=push)
    pusher.start()
    try:
        printed = example(
            "lsl_to_mqtt.py", server, tmp_path, "--stream", user, "--broker", f"127.0.0.1:{broker}", "--topic", "lab", "--window", 2, "--seconds", 8
        )
    finally:
        stop.set()
        pusher.join()
    time.sleep(0.5)
    subscriber.loop_stop()
    assert "0 dropped" in printed
    by_topic: dict[str, list[str]] = {}
    for topic, payload in got:
        by_topic.setdefault(topic.removeprefix("lab/"), []).append(payload)
    assert by_topic["status"][0] == "online"
    assert by_topic["status"][-1] == "offline"
    decodes = [json.loads(p) for p in by_topic["decode"]]
    assert len(decodes) >= 3
    assert all(d.get("error") is None for d in decodes), decodes[0]
    assert [d["seq"] for d in decodes] == sorted({d["seq"] for d in decodes})
    assert len(by_topic["features"]) >= 2
    assert {json.loads(p)["intent"] for p in by_topic.get("intent", [])} <= {"left_hand", "right_hand", "move_left", "move_right"}
    assert len(by_topic.get("intent", [])) == len([d for d in decodes if d["decoded_intent"] != "undetermined"])
