import { base64 } from "./bytes.js";
import { NeurodError, type JobFailed } from "./errors.js";
import type { APIPromise, RequestOptions, Transport } from "./http.js";
import { failure, Job, type DecodeJob, type WaitOptions } from "./jobs.js";
import { checked, encodingOf, held, interleave, isFlat, littleEndian, refused, sniff, whole, type Channel, type Samples } from "./samples.js";
import type { Batch, DecodeContext, DecodeInput, DecodeResult, FeatureName, JobData } from "./types.js";

/** How a recording is decoded: the fields of `input`, and beside them those of `context` and `output`. */
export interface DecodeParameters extends Partial<Omit<DecodeInput, "type" | "data">> {
  context?: DecodeContext | undefined;
  /** Adds routing and milliseconds a step to the job. */
  include_diagnostics?: boolean | undefined;
  /** Of the recording, in the answer. */
  features?: FeatureName[] | undefined;
}

/**
 * What is decoded: samples in µV unless `unit` says otherwise, `Int16Array` with `scale_uv`, or an EDF, BDF or GDF file as its
 * bytes. Null where `session_id` names a segment of a session.
 */
export type Recording = Samples | Int16Array | Uint8Array | ArrayBuffer | null;

/**
 * The body of a decode request.
 *
 * @param defaults what the batch has for a recording that says no more
 */
export function decodeRequest(recording: Recording, parameters: DecodeParameters, defaults?: BatchDefaults | undefined): Record<string, unknown> {
  const { context, include_diagnostics, features, ...given } = parameters;
  const input: Record<string, unknown> = { type: "eeg", ...given };
  const channels = given.channels ?? defaults?.input?.channels;
  if (typeof channels === "string") throw new NeurodError(`channels is the string ${channels}: a list of names or a number is meant`);
  if (recording === undefined && !given.session_id && !defaults?.input?.session_id) throw refused("recording", recording);
  if (recording instanceof ArrayBuffer) recording = new Uint8Array(recording);
  if (recording instanceof Uint8Array) {
    const format = given.encoding ?? sniff(recording);
    if (!format) throw new NeurodError("these bytes are no EDF, BDF or GDF file: say what they are in `encoding`, or pass a Float32Array");
    // Bare samples have their bits in their encoding's name.
    const bits = Number(/\d+/.exec(format)?.[0] ?? 0);
    if (bits) whole({ length: recording.length / (bits / 8) }, channels);
    input.encoding = format;
    input.data = base64(recording);
  } else if (isFlat(recording)) {
    whole(recording, channels);
    input.encoding = encodingOf(recording);
    input.data = base64(littleEndian(recording));
  } else if (recording !== null && recording !== undefined) {
    checked(recording);
    if (!Array.isArray(recording)) {
      const by = recording as Record<string, Channel>;
      const names = Array.isArray(channels) ? channels : Object.keys(by);
      input.channels = names;
      recording = names.map((name) => {
        if (!by[name]) throw new NeurodError(`the recording has no channel ${name}`);
        return by[name];
      });
    }
    held(recording as [], channels, "channels has");
    if (channels === undefined) input.channels = (recording as []).length;
    input.encoding = "float32le";
    input.layout = "sample_major";
    input.data = base64(littleEndian(interleave(recording as [])));
  }
  const body: Record<string, unknown> = { input };
  if (context) body.context = context;
  if (include_diagnostics || features) body.output = { ...(include_diagnostics && { include_diagnostics }), ...(features && { features }) };
  return body;
}

/** One recording of a batch. */
export interface BatchItem extends DecodeParameters {
  recording: Recording;
}

/** The answer for one recording of a batch: what it decodes to, or why it cannot be. */
export type BatchAnswer = { output: DecodeResult; error?: undefined; job_id: string } | { output?: undefined; error: JobFailed; job_id: string };

/** Fields that every recording of a batch takes which has none of its own. */
export interface BatchDefaults {
  input?: Partial<Omit<DecodeInput, "type" | "data">> | undefined;
  context?: DecodeContext | undefined;
}

export function submit(http: Transport, recording: Recording, parameters: DecodeParameters, options: RequestOptions): APIPromise<DecodeJob> {
  return http.call({ method: "POST", path: "/api/v1/neuro/decode", json: decodeRequest(recording, parameters), keyed: true }, options,
    (json, response) => new Job<DecodeResult>(http, accepted(json, "neuro_decode"), response));
}

/** The job of an answer that accepts it, which has not all fields yet. */
export function accepted(json: Partial<JobData>, kind: JobData["kind"]): Partial<JobData> {
  return { kind, started_at: null, finished_at: null, attempts: 0, ...json };
}

export function submitBatch(http: Transport, items: BatchItem[], defaults: BatchDefaults | undefined, options: RequestOptions): APIPromise<Job> {
  const json = { items: items.map(({ recording, ...p }) => decodeRequest(recording, p, defaults)), defaults };
  return http.call({ method: "POST", path: "/api/v1/neuro/decode/batch", json, keyed: true }, options,
    (json, response) => new Job(http, accepted(json, "neuro_decode_batch"), response));
}

/** Submits, waits, and reads the answer of each item, in their order. */
export async function decodeBatch(http: Transport, items: BatchItem[], defaults: BatchDefaults | undefined, options: WaitOptions): Promise<BatchAnswer[]> {
  const job = await submitBatch(http, items, defaults, options);
  await job.wait(options);
  const batch = job.batch as Batch;
  return batch.items.map((item) => {
    if (item.status === "completed") return { output: item.output as DecodeResult, job_id: item.job_id };
    const error = item.error ?? { code: item.status, message: "the item was not decoded" };
    return { error: failure({ id: item.id, kind: "neuro_decode", error }, job.response), job_id: item.job_id };
  });
}
