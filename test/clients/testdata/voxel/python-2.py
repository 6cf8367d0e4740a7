import voxel

client = voxel.Client(api_key="vxl_...", project_id="proj_...")

# Use RECORDED mode for offline EDF / existing data
session = client.sessions.create(
    external_user_id="subject_42",
    device_type="CYTON",
    sample_rate_hz=250,
    channels=["Fp1", "Fp2", "C3", "C4", "P3", "P4", "O1", "O2"],
    ingestion_mode="RECORDED",
)

for i, batch in enumerate(my_eeg_batches):
    session.ingest(batch_id=f"batch_{i:04d}", t0_unix_ms=batch.t_ms, data=batch.data)

session.end()

# Block until feature extraction finishes
status = session.wait_for_processing(
    on_progress=lambda s: print(f"  {s.processing_state} — {s.window_count} windows")
)
windows = session.features.list()
alpha_series = [w.bandpower.alpha for w in windows]
