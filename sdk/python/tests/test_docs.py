"""Every Python block of the pages about this client runs, from top to bottom of its page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import KEY, PROJECT

pytest.importorskip("mne")

ROOT = Path(os.environ.get("NEUROD_TEST_ROOT", "."))


def blocks(page: Path, language: str, begin: str = "", end: str = "") -> list[str]:
    text = page.read_text()
    if begin:
        text = text.split(begin, 1)[1]
    if end:
        text = text.split(end, 1)[0]
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def recording(folder: Path) -> None:
    """Make the recordings that the pages name: three runs of imagined hands."""
    import mne
    import numpy as np

    for run in (1, 2, 3):
        rng, rate = np.random.default_rng(run), 160
        names = ["FC3", "FC4", "C3", "Cz", "C4", "CP3", "CP4", "Pz"]
        parts, onsets, labels = [], [], []
        for k in range(16):
            left = k % 2 == 0
            t = np.arange(8 * rate) / rate
            onsets.append(8 * k + 2.0)
            labels.append("T1" if left else "T2")
            strength = np.array([[8, 8, 3 if (not left) == (n[-1] == "3") else 12, 8, 8, 8, 8, 8][2] if n[-1] in "34" else 8 for n in names])[:, None]
            gate = np.where((t > 2) & (t < 6.5), 1.0, 0.0)
            amplitude = 10 + (strength - 10) * gate
            parts.append(amplitude * np.sin(2 * np.pi * 11 * t + run) + rng.normal(0, 4, (8, len(t))))
        raw = mne.io.RawArray(np.concatenate(parts, axis=1) * 1e-6, mne.create_info(names, rate, "eeg"), verbose="error")
        raw.set_annotations(mne.Annotations(onsets, [4.0] * 16, labels))
        raw.save(folder / f"run{run}_raw.fif", verbose="error")


@pytest.mark.parametrize(
    ("page", "begin", "end"), [("docs/10-clients.md", "## Python", "## TypeScript"), ("sdk/python/README.md", "", "")], ids=["docs", "readme"]
)
def test_python(page: str, begin: str, end: str, server: str, tmp_path: Path) -> None:
    if not (ROOT / page).is_file():
        pytest.skip("outside the repository")
    recording(tmp_path)
    code = "\n\n".join(blocks(ROOT / page, "python", begin, end))
    assert "import neurod" in code
    program = tmp_path / "page.py"
    program.write_text(code)
    env = {**os.environ, "VOXEL_API_KEY": KEY, "VOXEL_PROJECT_ID": PROJECT, "VOXEL_BASE_URL": server, "MPLBACKEND": "Agg"}
    env.update(DEMO_EMAIL=os.environ["NEUROD_TEST_EMAIL"], DEMO_PASSWORD=os.environ["NEUROD_TEST_PASSWORD"])
    done = subprocess.run([sys.executable, program], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_commands(server: str, tmp_path: Path) -> None:
    page = ROOT / "docs/10-clients.md"
    if not page.is_file():
        pytest.skip("outside the repository")
    recording(tmp_path)
    script = "\n".join(b for b in blocks(page, "bash", "## Python", "## TypeScript") if "pip install" not in b)
    assert "neurod-client decode" in script
    env = {**os.environ, "NEUROD_CONFIG": str(tmp_path / "client.json"), "API_KEY": KEY, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    script = script.replace("http://localhost:8000", server)
    done = subprocess.run(
        [shutil.which("bash") or "bash", "-euo", "pipefail", "-c", script], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_reference_is_current() -> None:
    page = ROOT / "docs/reference/python.md"
    if not page.is_file():
        pytest.skip("outside the repository")
    script = ROOT / "sdk/python/scripts/reference.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == page.read_text(), "docs/reference/python.md is not current: sdk/python/scripts/reference.py > docs/reference/python.md"
