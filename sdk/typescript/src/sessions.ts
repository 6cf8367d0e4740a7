import { uuid, type Bytes } from "./bytes.js";
import { WaitTimeout, NeurodError } from "./errors.js";
import { path, runtime, type APIPromise, type Query, type RequestOptions, type Transport } from "./http.js";
import { failure, type WaitOptions } from "./jobs.js";
import { after, byHeader, list, type List } from "./paging.js";
import { checked, encodingOf, held, interleave, isFlat, littleEndian, refused, whole, type Channel, type Samples } from "./samples.js";
import { liveSamples, type LiveSamples, type LiveSamplesOptions } from "./live.js";
import { stream, type StreamMessage, type StreamOptions } from "./stream.js";
import type {
  EndedSession, EventChange, EventChanges, FeatureName, FeatureWindow, ImportedSession, Ingested, IngestionMode, JobData, NewEvent, NewSession, SessionData, SessionDecode, SessionEvent,
  SessionExport, SessionStatus, WsToken,
} from "./types.js";
import { sleep } from "./wait.js";
import { SampleWriter, type WriterOptions } from "./writer.js";

/** A batch of samples. */
export interface SampleBatch {
  /** The same again is taken once. Defaults to a random one. */
  batch_id?: string | undefined;
  /** Unix time of the first sample in milliseconds; goes out as a whole number of them. */
  t0_unix_ms: number;
  /**
   * Every channel of the session with equally many numbers. Typed arrays go out as bytes, a quarter of the size; a typed array alone has
   * all channels of one instant side by side, in the order of the session.
   */
  data: Samples;
  /** Number of the first sample, counted from the session's origin, where a device numbers them: the batch then lies exactly there. */
  first_sample?: number | undefined;
  /** What the numbers are in. Defaults to µV. */
  unit?: "V" | "mV" | "uV" | "µV" | "nV" | undefined;
}

/** How a whole recording is sent. */
export interface UploadOptions extends RequestOptions {
  /** Unix time of the first sample in milliseconds. */
  t0_unix_ms: number;
  unit?: SampleBatch["unit"];
  /** Seconds of one batch. Defaults to a minute, or what the server takes at once where that is less. */
  batchSeconds?: number | undefined;
  /** Before the number of each batch in its id. Who sends a recording again under the same prefix sends nothing twice. Defaults to a random one. */
  batchPrefix?: string | undefined;
  /** Is told after each batch how many samples a channel are stored. */
  onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Which windows are read. */
export interface FeatureFilter {
  /** Of a page, at most 1000. */
  limit?: number | undefined;
  /** Only those that start later. */
  after_ms?: number | undefined;
  only_passed?: boolean | undefined;
  /** `desc` gives the newest first, one page of them. */
  order?: "asc" | "desc" | undefined;
}

/** How a session is exported. */
export interface ExportOptions {
  limit?: number | undefined;
  offset?: number | undefined;
  only_passed?: boolean | undefined;
  include_raw?: boolean | undefined;
}

/** What of a session is looked at. */
export interface SampleRange {
  /** Unix ms; by default where the session begins. */
  start?: number | undefined;
  /** Unix ms; by default where it ends. */
  end?: number | undefined;
  channels?: string[] | undefined;
  /** Columns of the picture, at most 4096. Defaults to 1000. */
  points?: number | undefined;
}

/** What a range of a session looks like: the samples themselves, or the least and the greatest of blocks of them. */
export interface SampleView {
  kind: "samples" | "envelope";
  /** Samples of a point. */
  samples_per_point: number;
  /** Number of the first sample of the first point, counted from the session's origin. */
  first_sample: number;
  /** Unix ms of that sample; null where the session has none. */
  start_unix_ms: number | null;
  sample_rate_hz: number;
  channels: string[];
  points: number;
  /** µV, a channel after the other; NaN where there are no samples. */
  min: Float32Array[];
  /** The same arrays as `min` where the points are samples. */
  max: Float32Array[];
}

/** Which sessions are listed. */
export interface SessionFilter {
  ingestion_mode?: IngestionMode | undefined;
  external_user_id?: string | undefined;
  /** Of a page, at most 200. */
  limit?: number | undefined;
}

/** A recorded file. A stream can be sent once: whatever else is sent again after a fault. */
export type ImportFile = Blob | Uint8Array | ArrayBuffer | ReadableStream | (() => ReadableStream);

/** What a file does not tell by itself. */
export interface ImportFields {
  external_user_id: string;
  /** Name of the file; counts where the content leaves the format open. */
  name?: string | undefined;
  device_type?: string | undefined;
  sample_rate_hz?: number | undefined;
  hop_s?: number | undefined;
  /** By default all EEG channels of the rate that most of them have. */
  channels?: string[] | undefined;
  started_at_unix_ms?: number | undefined;
  /** What the windows carry beside what every window has. */
  features?: FeatureName[] | undefined;
}

/** How a file is imported. */
export interface ImportOptions extends RequestOptions {
  /** Is told how much of the file has gone out. Browsers do not tell that of what `fetch` sends: there it is not called. */
  onUpload?: ((sent: number, total: number) => void) | undefined;
}

/** What the length of a batch hangs on. */
type Shape = Pick<SessionData, "channels" | "sample_rate_hz" | "hop_s" | "decode" | "window_features">;

/** A session with the fields that it had when it was last read. */
export interface Session extends SessionData {}

export class Session {
  readonly #http: Transport;
  #shape: Promise<Shape> | undefined;
  /** Feature windows. */
  declare readonly features: SessionFeatures;
  /** What happened during the session. */
  declare readonly events: SessionEvents;

  /** @internal */
  constructor(http: Transport, data: Pick<SessionData, "session_id"> & Partial<SessionData>) {
    this.#http = http;
    // Not enumerable: a session that is printed or made JSON has its fields alone.
    Object.defineProperty(this, "features", { value: new SessionFeatures(http, data.session_id) });
    Object.defineProperty(this, "events", { value: new SessionEvents(http, data.session_id) });
    Object.assign(this, data);
  }

  #path(rest = ""): string {
    return path`/v1/sessions/${this.session_id}` + rest;
  }

  /** Reads it again. */
  refresh(options: RequestOptions = {}): APIPromise<this> {
    return this.#http.call({ method: "GET", path: this.#path() }, options, (json) => Object.assign(this, json));
  }

  /** Channels and rate, asked for once where a session is known by its id alone. */
  shape(options: RequestOptions = {}): Promise<Shape> {
    if (this.channels) return Promise.resolve(this);
    this.#shape ??= this.#http.call<SessionData>({ method: "GET", path: this.#path() }, options);
    this.#shape.catch(() => (this.#shape = undefined));
    return this.#shape;
  }

  /** Adds a batch of samples. However often it is repeated, its samples are taken once. */
  async ingest(batch: SampleBatch, options: RequestOptions = {}): Promise<Ingested> {
    const { batch_id = uuid(), data, unit, first_sample } = batch;
    const t0_unix_ms = Math.round(batch.t0_unix_ms);
    const call = { method: "POST", path: this.#path("/ingest"), keyed: true } as const;
    const bare = await this.#bare(checked(data), options);
    if (!bare) {
      const lists = Object.fromEntries(Object.entries(data as Record<string, Channel>).map(([k, v]) => [k, Array.from(v)]));
      return this.#http.call<Ingested>({ ...call, json: { batch_id, t0_unix_ms, first_sample, unit, data: lists } }, options);
    }
    const encoding = encodingOf(bare);
    const query: Query = { batch_id, t0_unix_ms, first_sample, unit, encoding: encoding === "float32le" ? undefined : encoding };
    return this.#http.call<Ingested>({ ...call, query, body: littleEndian(bare), type: "application/octet-stream" }, options);
  }

  /** The numbers side by side, where they can go out as bytes; undefined where they are plain lists by name, or not those of the session's channels. */
  async #bare(data: Samples, options: RequestOptions): Promise<Float32Array | Float64Array | undefined> {
    if (isFlat(data)) {
      whole(data, this.channels);
      return data as Float32Array | Float64Array;
    }
    const named = !Array.isArray(data);
    const lists = Object.values(data) as Channel[];
    if (named && !lists.some((l) => ArrayBuffer.isView(l))) return undefined;
    const { channels } = await this.shape({ signal: options.signal });
    if (!named) {
      held(lists, channels);
      return interleave(lists);
    }
    const by = data as Record<string, Channel>;
    // The server says what is wrong with others.
    if (lists.length !== channels.length || !channels.every((c) => by[c]?.length === lists[0]!.length)) return undefined;
    return interleave(channels.map((c) => by[c]!));
  }

  /** Sends a whole recording in batches. */
  async upload(data: Samples, options: UploadOptions): Promise<{ sample_count: number; batches: number }> {
    const shape = await this.shape(options);
    const width = shape.channels.length;
    let flat: Float32Array | Float64Array;
    if (isFlat(checked(data))) flat = data as Float32Array;
    else if (Array.isArray(data)) flat = (await this.#bare(data as Channel[], options))!;
    else {
      const by = data as Record<string, Channel>;
      const missing = shape.channels.filter((c) => !by[c]);
      const unknown = Object.keys(by).filter((c) => !shape.channels.includes(c));
      if (missing.length || unknown.length) throw new NeurodError(`missing channels: ${missing.join(", ") || "none"}; unknown channels: ${unknown.join(", ") || "none"}`);
      flat = interleave(shape.channels.map((c) => by[c]!));
    }
    whole(flat, width);
    const total = flat.length / width;
    const size = batchLength(shape, options.batchSeconds ?? 60, flat.BYTES_PER_ELEMENT);
    const prefix = options.batchPrefix ?? uuid();
    const { idempotencyKey: _, ...rest } = options;
    let batches = 0;
    let added = 0;
    for (let at = 0; at < total; at += size, batches++) {
      const upTo = Math.min(total, at + size);
      const answer = await this.ingest({
        batch_id: `${prefix}-${String(batches).padStart(6, "0")}`,
        t0_unix_ms: options.t0_unix_ms + (at * 1000) / shape.sample_rate_hz,
        data: flat.subarray(at * width, upTo * width),
        unit: options.unit,
      }, rest);
      added += answer.sample_count;
      options.onProgress?.(upTo, total);
    }
    return { sample_count: added, batches };
  }

  /** Takes samples as a device gives them, in pieces of any length: makes batches, keeps them while the server is away, and sends them in order. */
  writer(options: WriterOptions = {}): SampleWriter {
    return new SampleWriter(this, options);
  }

  /** Ends it. For a RECORDED session the answer comes while its windows are still being written: `waitForProcessing` waits for them. */
  end(body: { ended_at_unix_ms?: number } = {}, options: RequestOptions = {}): APIPromise<EndedSession> {
    return this.#http.call({ method: "POST", path: this.#path("/end"), json: body, keyed: true }, options, (json: EndedSession) => {
      const { status: _, job_id: __, ...fields } = json;
      Object.assign(this, fields);
      return json;
    });
  }

  /** How far the processing is. */
  status(options: RequestOptions = {}): APIPromise<SessionStatus> {
    return this.#http.call({ method: "GET", path: this.#path("/status") }, options);
  }

  /**
   * Waits until every window of what was sent is written: of a RECORDED session until it is COMPLETE, of a STREAMING one until no batch
   * is pending. Throws `JobFailed` where the processing failed.
   */
  async waitForProcessing(options: Omit<WaitOptions, "onProgress"> & { onProgress?: ((status: SessionStatus) => void) | undefined } = {}): Promise<SessionStatus> {
    const end = Date.now() + (options.waitMs ?? Infinity);
    for (let pause = 100; ; pause = Math.min(2000, pause * 1.5)) {
      const s = await this.status(options);
      options.onProgress?.(s);
      if (s.processing_state === "COMPLETE") return s;
      if (s.processing_state === null && !s.pending_batches) return s;
      if (s.processing_state === "FAILED") {
        const job = s.job_id
          ? await this.#http.call({ method: "GET", path: path`/api/v1/jobs/${s.job_id}` }, options, (json: JobData, response) => ({ ...json, response })).catch(() => undefined)
          : undefined;
        throw failure({ id: s.job_id ?? "", kind: job?.kind ?? "session_windows", error: job?.error ?? { code: "failed", message: "the processing failed" } }, job?.response);
      }
      if (s.processing_state === "UPLOADING") throw new NeurodError("the session has not ended: call end() first");
      if (Date.now() + pause > end) {
        throw new WaitTimeout(`session ${this.session_id} is ${s.processing_state ?? "being processed"} after ${options.waitMs} ms; it goes on`);
      }
      await sleep(pause, options.signal);
    }
  }

  /** Reads what a range looks like, in no more points than are asked for, however many hours it has: for pictures, not for analyses. */
  async samples(range: SampleRange = {}, options: RequestOptions = {}): Promise<SampleView> {
    const { bytes } = await this.#http.bytes({ method: "GET", path: this.#path("/samples"), query: { ...range, format: "binary" }, headers: { Accept: "application/octet-stream" } }, options);
    return view(bytes);
  }

  /** Live decodes of a session that was made with `decode`. */
  decodes(filter: Omit<FeatureFilter, "only_passed"> = {}, options: RequestOptions = {}): List<SessionDecode> {
    return list(this.#http, this.#path("/decodes"), { ...filter }, options,
      filter.order === "desc" ? () => undefined : after<SessionDecode>("after_ms", (d) => d.window_start_ms));
  }

  /** Follows it live: every window and decode once and in order, whatever happens to the connection; the last message is `session_ended`. */
  stream(options: StreamOptions = {}): AsyncGenerator<StreamMessage, void, undefined> {
    return stream(this.#http, this.session_id, options);
  }

  /** Follows the samples as they are stored, each batch once and in the order of acceptance, until the session has ended. Needs a WebSocket. */
  liveSamples(options: LiveSamplesOptions = {}): AsyncGenerator<LiveSamples, void, undefined> {
    return liveSamples(this.#http, this.session_id, options);
  }

  /** A token with which a page may follow this session over a WebSocket of its own for an hour. */
  wsToken(options: RequestOptions = {}): APIPromise<WsToken> {
    return this.#http.call({ method: "POST", path: this.#path("/ws-token") }, options);
  }

  /** The content: the session, a page of its windows and, with `include_raw`, its batches. */
  export(format?: "json", what?: ExportOptions, options?: RequestOptions): Promise<SessionExport>;
  /** The windows as a table (RFC 4180). */
  export(format: "csv", what?: ExportOptions, options?: RequestOptions): Promise<string>;
  /** The samples as EDF+ (16 bits) or BDF+ (24 bits). */
  export(format: "edf" | "bdf", what?: ExportOptions, options?: RequestOptions): Promise<Uint8Array>;
  async export(format: "json" | "csv" | "edf" | "bdf" = "json", what: ExportOptions = {}, options: RequestOptions = {}): Promise<unknown> {
    const { bytes } = await this.#http.bytes(this.#export(format, what), options);
    if (format === "edf" || format === "bdf") return bytes;
    const text = new TextDecoder().decode(bytes);
    return format === "csv" ? text : JSON.parse(text);
  }

  /** The same as it comes in, for what is too large to hold. A stream that breaks off fails, so half an export is never taken for a whole one. */
  exportStream(format: "json" | "csv" | "edf" | "bdf" = "json", what: ExportOptions = {}, options: RequestOptions = {}): Promise<Response> {
    return this.#http.open(this.#export(format, what), options);
  }

  #export(format: string, what: ExportOptions) {
    return { method: "GET", path: this.#path("/export"), query: { format, ...what }, headers: { Accept: "*/*" } } as const;
  }
}

/** Reads the binary form of a view: the length of its head, the head, and for each channel its values, all little-endian. */
function view(bytes: Uint8Array): SampleView {
  const length = bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (!length || 4 + length > bytes.length) throw new NeurodError("the answer is cut off");
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length))) as Omit<SampleView, "min" | "max">;
  const planes = head.kind === "samples" ? 1 : 2;
  const size = 4 * head.points;
  if (bytes.length !== 4 + length + planes * size * head.channels.length) throw new NeurodError("the answer is cut off");
  const plane = (i: number): Float32Array => {
    const at = bytes.byteOffset + 4 + length + i * size;
    return new Float32Array(bytes.buffer.slice(at, at + size)); // every platform that runs this is little-endian
  };
  const min = head.channels.map((_, c) => plane(c * planes));
  return { ...head, min, max: planes === 1 ? min : head.channels.map((_, c) => plane(c * 2 + 1)) };
}

/** Samples a channel that one batch may have: the server's limits of bytes, windows and work, with room to spare. */
function batchLength(s: Shape, seconds: number, bytes: number): number {
  const width = s.channels.length;
  const hop = s.hop_s ?? 2;
  const fitted = s.window_features?.some((f) => f === "aperiodic" || f === "alpha_peak") ? 1 + 8192 / (2 * s.sample_rate_hz) : 1; // as the service counts
  const looks = Math.max(1, 2 / hop) * fitted + (s.decode ? Math.max(1, (s.decode.window_s ?? 4) / (s.decode.hop_s ?? 1)) : 0);
  const most = Math.min(seconds * s.sample_rate_hz, 1000 * Math.min(hop, s.decode?.hop_s ?? hop) * s.sample_rate_hz, (8 << 20) / (width * bytes), (16 << 20) / (width * looks));
  return Math.max(1, Math.floor(most));
}

/** Feature windows of a session. */
export class SessionFeatures {
  readonly #http: Transport;
  readonly #path: string;

  /** @internal */
  constructor(http: Transport, id: string) {
    this.#http = http;
    this.#path = path`/v1/sessions/${id}/features`;
  }

  /** Reads them in the order of their start. */
  list(filter: FeatureFilter = {}, options: RequestOptions = {}): List<FeatureWindow> {
    return list(this.#http, this.#path, { ...filter }, options,
      filter.order === "desc" ? () => undefined : after<FeatureWindow>("after_ms", (w) => w.window_start_ms));
  }

  /** The newest one; undefined while there is none. */
  async latest(filter: { only_passed?: boolean } = {}, options: RequestOptions = {}): Promise<FeatureWindow | undefined> {
    return (await this.list({ ...filter, order: "desc", limit: 1 }, options)).data[0];
  }
}

/** Events of a session. */
export class SessionEvents {
  readonly #http: Transport;
  readonly #path: string;

  /** @internal */
  constructor(http: Transport, id: string) {
    this.#http = http;
    this.#path = path`/v1/sessions/${id}/events`;
  }

  /** Reads them in the order in which they were added. */
  list(filter: { limit?: number; after?: number } = {}, options: RequestOptions = {}): List<SessionEvent> {
    return list(this.#http, this.#path, { ...filter }, options, after<SessionEvent>("after", (e) => e.seq));
  }

  /** Adds up to 1000 at once, all or none. Each has one time (`t_unix_ms`, `onset_ms` or `sample`), and a code or a label. */
  add(events: NewEvent[], options: RequestOptions = {}): APIPromise<SessionEvent[]> {
    return this.#http.call({ method: "POST", path: this.#path, json: { events }, keyed: true }, options);
  }

  /** Changes one; what is left out stays as it is. */
  change(seq: number, change: EventChange, options: RequestOptions = {}): APIPromise<SessionEvent> {
    return this.#http.call({ method: "PATCH", path: this.#path + path`/${String(seq)}`, json: change }, options);
  }

  /** Deletes one. Its number is never another's. */
  delete(seq: number, options: RequestOptions = {}): APIPromise<void> {
    return this.#http.call({ method: "DELETE", path: this.#path + path`/${String(seq)}`, gone: true }, options, () => undefined);
  }

  /** What was changed and deleted behind a revision, for whoever holds a copy. */
  changes(after = 0, options: RequestOptions = {}): APIPromise<EventChanges> {
    return this.#http.call({ method: "GET", path: this.#path.replace(/events$/, "event-changes"), query: { after } }, options);
  }
}

/** A file's bytes, told of as they go out. */
function counted(file: Blob, tell: (sent: number, total: number) => void): ReadableStream {
  let sent = 0;
  return file.stream().pipeThrough(new TransformStream<Uint8Array, Uint8Array>({
    transform(piece, out) {
      tell((sent += piece.length), file.size);
      out.enqueue(piece);
    },
  }));
}

/** Sessions of the project. */
export class Sessions {
  readonly #http: Transport;

  /** @internal */
  constructor(http: Transport) {
    this.#http = http;
  }

  /** Makes a session. */
  create(session: NewSession, options: RequestOptions = {}): APIPromise<Session> {
    return this.#http.call({ method: "POST", path: "/v1/sessions", json: session, keyed: true }, options, (json) => new Session(this.#http, json));
  }

  /** Reads a session. */
  get(id: string, options: RequestOptions = {}): APIPromise<Session> {
    return this.#http.call({ method: "GET", path: path`/v1/sessions/${id}` }, options, (json) => new Session(this.#http, json));
  }

  /** Lists sessions, newest first. */
  list(filter: SessionFilter = {}, options: RequestOptions = {}): List<Session> {
    return list(this.#http, "/v1/sessions", { ...filter }, options, byHeader, (e) => new Session(this.#http, e));
  }

  /**
   * Makes a session of a recorded file: EDF, BDF, GDF, XDF, zipped BrainVision, Muse and OpenBCI text, tables. The answer comes when every byte is
   * stored; `waitForProcessing` of the session waits until it is read.
   */
  import(file: ImportFile, fields: ImportFields, options: ImportOptions = {}): APIPromise<Session & Pick<ImportedSession, "job_id" | "import">> {
    const content = file instanceof Uint8Array || file instanceof ArrayBuffer ? new Blob([file as Bytes]) : file;
    if (!(content instanceof Blob || content instanceof ReadableStream || typeof content === "function")) throw refused("file", content);
    const name = fields.name ?? (file as Partial<File>).name;
    // The server takes an upload for as long as a MiB comes in a minute.
    const timeoutMs = options.timeoutMs ?? (content instanceof Blob ? 60_000 * (1 + content.size / (1 << 20)) : Infinity);
    return this.#http.call({
      method: "POST", path: "/v1/sessions/import", query: { ...fields, name, channels: fields.channels && JSON.stringify(fields.channels), features: fields.features?.join(",") },
      body: options.onUpload && content instanceof Blob && runtime() !== undefined ? () => counted(content, options.onUpload!) : content, type: "application/octet-stream", keyed: true,
    }, { ...options, timeoutMs }, ({ status: _, ...json }) => new Session(this.#http, json) as Session & ImportedSession);
  }
}

