/**
 * Client of neurod: send EEG, get intents, feature windows and models back.
 *
 * @packageDocumentation
 */
export { VoxelClient, VoxelClient as NeurodClient } from "./client.js";
export * from "./errors.js";
export { type APIPromise, type ClientOptions, type Query, type RequestOptions, type Retry, type Tokens, type WebSocketConstructor, type WebSocketLike, type WithResponse } from "./http.js";
export { List, type Page } from "./paging.js";
export { Job, Jobs, type DecodeJob, type JobFilter, type TrainingJob, type WaitOptions } from "./jobs.js";
export { decodeRequest, type BatchAnswer, type BatchDefaults, type BatchItem, type DecodeParameters, type Recording } from "./decode.js";
export { interleave, type Channel, type Samples } from "./samples.js";
export {
  Session, SessionEvents, SessionFeatures, Sessions, type ExportOptions, type FeatureFilter, type ImportFields, type ImportFile, type ImportOptions, type SampleBatch,
  type SampleRange, type SampleView,
  type SessionFilter, type UploadOptions,
} from "./sessions.js";
export { SampleWriter, type Dropped, type WriterOptions } from "./writer.js";
export { type LiveSamples, type LiveSamplesOptions } from "./live.js";
export { type StreamMessage, type StreamOptions } from "./stream.js";
export { Models, type DownloadOptions, type ModelCache, type ModelFile, type ModelVersions } from "./models.js";
export { Admin, type AdminJobListing } from "./admin.js";
export { Analytics, Audit, Auth, Keys, Members, Projects, Users, type Erasure, type OwnAccount } from "./accounts.js";
export { Devices } from "./devices.js";
export { verifyWebhook, Webhooks, type WebhookEvent, type WebhookHeaders } from "./webhooks.js";
export { version } from "./version.js";
export type * from "./types.js";
export type { components, operations, paths } from "./openapi.js";
