import time, voxel

client = voxel.Client(api_key="vxl_...", project_id="proj_...")

session = client.sessions.create(
    external_user_id="user_1",
    device_type="MUSE_2",
    sample_rate_hz=256,
    channels=["TP9", "AF7", "AF8", "TP10"],
)

session.ingest(
    batch_id="batch_001",
    t0_unix_ms=int(time.time() * 1000),
    data={"TP9": [820.5, 821.2], "AF7": [830.1, 831.4]},
)
