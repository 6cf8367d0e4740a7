import { VoxelClient } from "@voxel/sdk";

const client = new VoxelClient({
  apiKey: "vxl_...",
  projectId: "your-project-id",
});

// Create a session
const session = await client.createSession({
  external_user_id: "user_1",
  device_type: "MUSE_2",
  sample_rate_hz: 256,
  channels: ["TP9", "AF7", "AF8", "TP10"],
});

// Ingest a batch
await client.ingestBatch(session.session_id, {
  batch_id: "batch_001",
  t0_unix_ms: Date.now(),
  data: {
    TP9:  [820.5, 821.2, 819.8],
    AF7:  [830.1, 831.4, 828.9],
  },
});

// Get computed features
const windows = await client.getFeatures(session.session_id, 1);
const alpha = windows[0]?.features.bandpower.alpha;
console.log("Alpha:", alpha, "SQI:", windows[0]?.quality.overall);

await client.endSession(session.session_id);
