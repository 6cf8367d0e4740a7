"""The examples of the sessions document, as they stand there."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

import neurod

EXAMPLES = sorted((Path(os.environ.get("NEUROD_TEST_ROOT", ".")) / "test/clients/testdata/voxel").glob("python-*.py"))


def batches() -> list[SimpleNamespace]:
    """What the document calls my_eeg_batches: 20 batches of a second, of the channels of its example."""
    import math

    names, rate, t0 = ["Fp1", "Fp2", "C3", "C4", "P3", "P4", "O1", "O2"], 250, 1730000000000

    def second(k: int, c: int) -> list[float]:
        return [20 * math.sin(2 * math.pi * 10 * (k + i / rate)) + math.sin(i * (c + 3)) for i in range(rate)]

    return [SimpleNamespace(t_ms=t0 + 1000 * k, data={n: second(k, c) for c, n in enumerate(names)}) for k in range(20)]


@pytest.mark.skipif(not EXAMPLES, reason="outside the repository")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_example(path: Path, server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    # The examples have "vxl_..." and "your-project-id" where one's own values belong; the environment has these.
    monkeypatch.setenv("VOXEL_API_KEY", os.environ["NEUROD_TEST_API_KEY"])
    monkeypatch.setenv("VOXEL_PROJECT_ID", os.environ["NEUROD_TEST_PROJECT_ID"])
    monkeypatch.setenv("VOXEL_BASE_URL", server)
    code = path.read_text()
    names: dict[str, object] = {"my_eeg_batches": batches(), "__name__": "__main__"}
    program = compile(code, str(path), "exec")
    if "AF8" not in code.split("session.ingest(")[1] and '"AF8"' in code:
        # This one sends 2 of the session's 4 channels, which the document itself forbids: the error names the others, and nothing else is wrong.
        with pytest.raises(neurod.InvalidRequestError) as caught:
            exec(program, names)
        assert caught.value.status == 422
        assert caught.value.code == "invalid_samples"
        assert {f.pointer.rsplit("/", 1)[-1] for f in caught.value.fields} == {"AF8", "TP10"}
        return
    exec(program, names)
    printed = capsys.readouterr().out
    if "features.latest()" in code:
        # Four samples make no window: what is printed says so, and invents nothing.
        assert re.search(r"^Alpha:\s+nan μV²$", printed, re.M), printed
        assert re.search(r"^SQI:\s+nan$", printed, re.M), printed
        latest = names["features"]
        assert isinstance(latest, neurod.FeatureWindow)
        assert not latest.available
    if "my_eeg_batches" in code:
        assert "COMPLETE — 10 windows" in printed, printed
        series = names["alpha_series"]
        assert isinstance(series, list)
        assert len(series) == 10
        assert all(a > 20 for a in series), series
