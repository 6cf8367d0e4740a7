"""numpy and pandas."""

from __future__ import annotations

import pytest
from conftest import HANDS

import neurod

np = pytest.importorskip("numpy")


def test_arrays_of_any_kind_are_the_same_bytes() -> None:
    from neurod import _samples

    rng = np.random.default_rng(1)
    lists = [[float(np.float32(v)) for v in row] for row in rng.normal(size=(5, 301))]
    wanted = bytes(_samples.interleave(lists))
    assert wanted == np.asarray(lists, dtype="<f4").T.tobytes()
    for array in (
        np.asarray(lists),
        np.asarray(lists, dtype="f4"),
        np.asfortranarray(lists),
        np.asarray(lists, dtype=">f8"),
        np.asarray(lists)[:, ::1],
    ):
        assert bytes(_samples.interleave(array)) == wanted
        assert bytes(_samples.interleave(array, 7, 100)) == np.asarray(lists, dtype="<f4").T[7:100].tobytes()
    assert bytes(_samples.interleave(np.asarray(lists), scale=1e6)) == (np.asarray(lists) * 1e6).astype("<f4").T.tobytes()
    whole = np.arange(12).reshape(3, 4)
    assert bytes(_samples.interleave(whole)) == bytes(_samples.interleave(whole.tolist()))
    huge = np.full((2, 3), 3e38)  # a sum that overflows is no sample that is not finite
    assert len(_samples.interleave(huge)) == 24
    for bad in (np.nan, np.inf, -np.inf):
        array = np.zeros((3, 50))
        array[1, 17] = bad
        with pytest.raises(ValueError, match="sample 17 of channel C4"):
            _samples.interleave(array, channels=["C3", "C4", "Cz"])


def test_batches_keep_within_what_the_service_takes() -> None:
    from neurod import _samples

    for channels in (1, 8, 64, 512):
        for rate in (8, 250, 1000, 20_000):
            for hop in (0.05, 2, 60):
                n = _samples.batch_length(channels, rate, hop)
                assert n >= 1
                assert 4 * n * channels <= 16 << 20
                assert n / rate / hop <= 2000
    cut = list(_samples.batches("x", 1_730_000_000_000, 1000, 300, 256))
    assert [(b.start, b.stop) for b in cut] == [(0, 300), (300, 600), (600, 900), (900, 1000)]
    assert [b.t0_unix_ms for b in cut] == [1_730_000_000_000 + round(1000 * b.start / 256) for b in cut]


def test_session_of_an_array(client: neurod.Client, user: str) -> None:
    rng = np.random.default_rng(2)
    data = rng.normal(0, 20, (8, 250 * 700))
    session = client.sessions.create(external_user_id=user, device_type="TEST", sample_rate_hz=250, channels=HANDS, ingestion_mode="RECORDED")
    answer = session.ingest(data * 1e-6, unit="V", t0_unix_ms=1_730_000_000_000)
    assert answer.sample_count == data.shape[1]
    by_name = {name: data[i, :500] for i, name in reversed(list(enumerate(HANDS)))}
    session.ingest(by_name)
    session.end()
    session.wait_for_processing()
    raw = session.export_dict(include_raw=True)["raw_batches"]
    back = np.concatenate([np.array([b["data"][n] for n in HANDS], dtype="f4") for b in raw], axis=1)
    np.testing.assert_array_equal(back[:, : data.shape[1]], (data * 1e-6 * 1e6).astype("f4"))
    np.testing.assert_array_equal(back[:, data.shape[1] :], data[:, :500].astype("f4"))
    result = client.decode(data[:, :1000], paradigm="motor_imagery", sample_rate=250, channels=HANDS)
    assert result.paradigm_detected


def test_dataframe(client: neurod.Client, user: str) -> None:
    pd = pytest.importorskip("pandas")
    session = client.sessions.create(external_user_id=user, device_type="TEST", sample_rate_hz=100, channels=["O1", "O2"])
    session.ingest(np.random.default_rng(3).normal(0, 10, (2, 1000)), t0_unix_ms=1_730_000_000_000)
    session.end()
    session.wait_for_processing()
    frame = session.features.list().to_dataframe()
    assert list(frame.index) == list(pd.to_datetime([1_730_000_000_000 + 2000 * k for k in range(5)], unit="ms", utc=True))
    assert frame["alpha"].between(0.1, 1000).all()
    assert frame["gamma"].notna().all()
    assert {"quality_O1", "quality_O2", "passed", "spectral_entropy"} <= set(frame.columns)
    assert len(session.features.to_dataframe(limit=2)) == 2
    assert neurod.Features().to_dataframe().empty
