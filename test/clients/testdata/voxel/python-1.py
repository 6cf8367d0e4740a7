import time
import voxel

client = voxel.Client(
    api_key="vxl_...",
    project_id="your-project-id",
)

# Create a streaming session
session = client.sessions.create(
    external_user_id="user_1",
    device_type="MUSE_2",
    sample_rate_hz=256,
    channels=["TP9", "AF7", "AF8", "TP10"],
)

# Ingest a batch of EEG samples
session.ingest(
    batch_id="batch_001",
    t0_unix_ms=int(time.time() * 1000),
    data={
        "TP9":  [820.5, 821.2, 819.8, 820.1],
        "AF7":  [830.1, 831.4, 828.9, 830.5],
        "AF8":  [815.3, 816.0, 814.7, 815.8],
        "TP10": [825.0, 825.7, 824.3, 825.2],
    },
)

# Get the latest computed feature window
features = session.features.latest()
print(f"Alpha:  {features.bandpower.alpha:.2f} μV²")
print(f"SQI:    {features.sqi:.2f}")

session.end()
