// Short names for what the API's document describes. The document itself is openapi.ts, which is generated.
import type { components, operations } from "./openapi.js";

type Schemas = components["schemas"];
/** The content of the answer of an operation. */
type Answer<O extends keyof operations, S extends number> =
  operations[O] extends { responses: Record<S, { content: Record<string, infer C> }> } ? C : never;

export type SessionData = Schemas["Session"];
export type NewSession = Schemas["NewSession"];
export type SessionStatus = Schemas["SessionStatus"];
export type SessionEvent = Schemas["SessionEvent"];
export type NewEvent = { t_unix_ms?: number; onset_ms?: number; sample?: number; duration_ms?: number; code?: number; label?: string; channel?: string };
export type EventChange = Schemas["EventChange"];
export type EventChanges = Schemas["EventChanges"];
export type SessionDecode = Schemas["SessionDecode"] & Partial<DecodeResult>;
export type FeatureName = Schemas["FeatureName"];
export type FeatureWindow = Schemas["FeatureWindow"];
export type Ingested = Schemas["Ingested"];
export type EndedSession = Schemas["EndedSession"];
export type ImportedSession = Schemas["ImportedSession"];
export type IngestionMode = Schemas["IngestionMode"];
export type SessionExport = Schemas["Export"];
export type LiveDecode = Schemas["LiveDecode"];
export type WsToken = Answer<"wsToken", 200>;

export type DecodeInput = Schemas["DecodeInput"];
export type DecodeContext = Schemas["DecodeContext"] & Record<string, unknown>;
export type DecodeEvent = Schemas["DecodeEvent"];
export type DecodeStimulus = Schemas["DecodeStimulus"];
export type DecodeResult = Schemas["DecodeResult"];
export type JobData = Schemas["Job"];
export type JobState = Schemas["JobState"];
export type JobAttempt = Schemas["JobAttempt"];
export type JobKind = Schemas["JobKind"];
export type Batch = Schemas["Batch"];

export type Model = Schemas["Model"];
export type RegistryModel = Schemas["RegistryModel"];
export type TrainRequest = Schemas["TrainRequest"];
export type CalibrateRequest = Schemas["CalibrateRequest"];
export type TrainingResult = Schemas["TrainingResult"];
export type AnalyticsEvent = Schemas["AnalyticsEvent"];

export type NewWebhook = Omit<Schemas["NewWebhook"], "url" | "endpoint_url" | "is_active"> & { url: string };
export type WebhookChange = Schemas["WebhookChange"];
export type Webhook = Schemas["Webhook"];
export type CreatedWebhook = Schemas["CreatedWebhook"];
export type WebhookDelivery = Schemas["WebhookDelivery"];
export type DeliveryState = Schemas["DeliveryState"];
export type WebhookEventBody = Schemas["WebhookEvent"];

export type Account = Schemas["Account"];
export type Project = Schemas["Project"];
export type ProjectUsage = Schemas["ProjectUsage"];
export type DeletedProject = Schemas["DeletedProject"];
export type Key = Schemas["Key"];
export type NewKey = Schemas["NewKey"];
export type CreatedKey = Schemas["CreatedKey"];
export type RefreshedKey = Schemas["RefreshedKey"];
export type HeldKey = Schemas["HeldKey"];
export type Role = Schemas["Role"];
export type Member = Schemas["Member"];
export type Invitation = Schemas["Invitation"];
export type CreatedInvitation = Schemas["CreatedInvitation"];
export type AuditEvent = Schemas["AuditEvent"];
export type AuditAction = Schemas["AuditAction"];
export type AdminQueue = Schemas["AdminQueue"];
export type AdminStats = Schemas["AdminStats"];
export type AdminProcess = Schemas["AdminProcess"];
export type AdminJob = Schemas["AdminJob"];
export type AdminJobDetail = Schemas["AdminJobDetail"];
export type AdminDeadLetters = Schemas["AdminDeadLetters"];
export type AdminLoad = Schemas["AdminLoad"];
export type AdminAction = Schemas["AdminAction"];
export type AdminActionPreview = Schemas["AdminActionPreview"];
export type AdminJobFilter = Schemas["AdminJobFilter"];
export type NewAction = Schemas["NewAction"];
export type AdminSystem = Schemas["AdminSystem"];
export type AdminScale = Answer<"adminScale", 200>;
export type AdminProject = Answer<"adminProjects", 200>["data"][number];

export type Device = Schemas["Device"];
export type NewDevice = Schemas["NewDevice"];
export type DeviceConfig = Schemas["DeviceConfig"];
export type DeviceStream = Schemas["DeviceStream"];
export type StreamStart = Schemas["StreamStart"];
export type DeviceCheckReport = Schemas["DeviceCheckReport"];
export type Impedances = Schemas["Impedances"];
export type DiscoveredDevice = Schemas["DiscoveredDevices"]["devices"][number];
/** What devices are listed. */
export interface DeviceFilter {
  status?: Schemas["DeviceStatus"];
  type?: Schemas["DeviceType"];
  /** Part of the id, the name or the serial number. */
  search?: string;
  /** Entries a page. */
  size?: number;
}
