import { VoxelClient } from "@voxel/sdk";

const client = new VoxelClient({ apiKey: "vxl_...", projectId: "proj_..." });

const session = await client.createSession({
  external_user_id: "user_1",
  device_type: "MUSE_2",
  sample_rate_hz: 256,
  channels: ["TP9", "AF7", "AF8", "TP10"],
});

await client.ingestBatch(session.session_id, {
  batch_id: "batch_001",
  t0_unix_ms: Date.now(),
  data: {
    TP9:  [820.5, 821.2, 819.8],
    AF7:  [830.1, 831.4, 828.9],
    AF8:  [815.3, 816.0, 814.7],
    TP10: [825.0, 825.7, 824.3],
  },
});
