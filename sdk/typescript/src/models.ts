import { concat, hex, subtle, type Bytes } from "./bytes.js";
import { ChecksumError, APIConnectionError, NeurodError } from "./errors.js";
import { path, type APIPromise, type RequestOptions, type Transport } from "./http.js";
import { accepted } from "./decode.js";
import { refused } from "./samples.js";
import { Job, type TrainingJob } from "./jobs.js";
import type { CalibrateRequest, Model, RegistryModel, TrainRequest, TrainingResult } from "./types.js";
import { backoff, sleep } from "./wait.js";

/** A model file. */
export interface ModelFile {
  name: string;
  version: string;
  /** `sha256:` and the checksum in hexadecimal, which the bytes were held to. */
  checksum: string;
  bytes: Uint8Array;
}

/** Where model files are kept that were downloaded: a `Map`, or what keeps them longer. Their checksum is the key. */
export interface ModelCache {
  get(checksum: string): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  set(checksum: string, bytes: Uint8Array): unknown;
}

/** How a model file is downloaded. */
export interface DownloadOptions extends RequestOptions {
  /** A file that is in it, and is what its checksum says, is not downloaded again. */
  cache?: ModelCache | undefined;
  onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Every version of a model. */
export interface ModelVersions {
  name: string;
  active_version: string;
  /** The latest first. */
  versions: Model[];
}

/** Models of the project and of the server. */
export class Models {
  readonly #http: Transport;

  /** @internal */
  constructor(http: Transport) {
    this.#http = http;
  }

  /** Lists every version of the project's own models, then the server's. */
  list(options: RequestOptions = {}): APIPromise<Model[]> {
    return this.#http.call({ method: "GET", path: "/api/v1/models" }, options, (json: { models: Model[] }) => json.models);
  }

  /** Lists what the key may download: the project's models in their active version, then those of the server that its licence covers. */
  catalog(filter: { paradigm?: Model["paradigm"]; type?: string } = {}, options: RequestOptions = {}): APIPromise<RegistryModel[]> {
    return this.#http.call({ method: "GET", path: "/v1/models/list", query: { ...filter } }, options, (json: { models: RegistryModel[] }) => json.models);
  }

  /** Reads the versions of a model. */
  get(name: string, options: RequestOptions = {}): APIPromise<ModelVersions> {
    return this.#http.call({ method: "GET", path: path`/api/v1/models/${name}` }, options);
  }

  /** Downloads a model file and holds it to its checksum. A download that breaks off goes on where it was. */
  async download(name: string, version?: string, options: DownloadOptions = {}): Promise<ModelFile> {
    const known = await this.get(name, options);
    const model = known.versions.find((v) => v.version === (version ?? known.active_version));
    if (!model) throw new NeurodError(`model ${name} has no version ${version}: ${known.versions.map((v) => v.version).join(", ")}`);
    const file = { name, version: model.version, checksum: model.checksum };
    const kept = await options.cache?.get(model.checksum);
    if (kept && (await checksum(kept)) === model.checksum) return { ...file, bytes: kept };
    const call = { method: "GET", path: path`/v1/models/${name}/versions/${model.version}/download` } as const;
    const parts: Uint8Array[] = [];
    let got = 0;
    let etag = "";
    for (let failures = 0; ; ) {
      const headers: Record<string, string> = { Accept: "application/octet-stream" };
      if (got) headers.Range = `bytes=${got}-`;
      const response = await this.#http.open({ ...call, headers }, options);
      const tag = response.headers.get("etag") ?? "";
      if (response.status !== 206 || tag !== etag) got = parts.length = 0;
      etag = tag;
      if (response.status === 206 && !got) {
        void response.body?.cancel(); // the end of another file: from the beginning
        continue;
      }
      try {
        const reader = response.body!.getReader();
        for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
          failures = 0;
          parts.push(piece.value);
          got += piece.value.length;
          options.onProgress?.(got, model.size_bytes);
        }
        if (got >= model.size_bytes) break;
        throw new Error("the answer ended early");
      } catch (cause) {
        if (options.signal?.aborted) throw options.signal.reason;
        if (failures++ >= (options.maxRetries ?? 5)) throw new APIConnectionError(`the download of ${name}@${model.version} broke off at byte ${got}`, { cause });
        await sleep(backoff(failures - 1), options.signal);
      }
    }
    const bytes = concat(parts);
    const sum = await checksum(bytes);
    if (sum !== model.checksum) throw new ChecksumError(`${name}@${model.version} came with ${sum} and should have ${model.checksum}`);
    await options.cache?.set(sum, bytes);
    return { ...file, bytes };
  }

  /** Stores a model file. The same again changes nothing. */
  upload(file: Uint8Array | ArrayBuffer, options: RequestOptions = {}): APIPromise<Model> {
    if (!(file instanceof ArrayBuffer || file instanceof Uint8Array)) throw refused("model", file);
    const body = (file instanceof ArrayBuffer ? new Uint8Array(file) : file) as Bytes;
    return this.#http.call({ method: "POST", path: "/api/v1/models", body, type: "application/octet-stream", keyed: true }, options);
  }

  /** Deletes a model of the project, or with `name@version` one version of it. */
  delete(name: string, options: RequestOptions = {}): APIPromise<void> {
    return this.#http.call({ method: "DELETE", path: path`/api/v1/models/${name}`, gone: true }, options, () => undefined);
  }

  /** Makes another version the active one; without `version` the one before. */
  rollback(name: string, version?: string, options: RequestOptions = {}): APIPromise<Model> {
    return this.#http.call({ method: "POST", path: path`/api/v1/models/${name}/rollback`, json: version ? { version } : {}, keyed: true }, options);
  }

  /** Trains a model on labelled sessions. */
  train(request: TrainRequest, options: RequestOptions = {}): APIPromise<TrainingJob> {
    return this.#http.call({ method: "POST", path: "/api/v1/models/train", json: request, keyed: true }, options,
      (json, response) => new Job<TrainingResult>(this.#http, accepted(json, "model_train"), response));
  }

  /** Has a model of the project learn further trials. */
  calibrate(name: string, request: CalibrateRequest, options: RequestOptions = {}): APIPromise<TrainingJob> {
    return this.#http.call({ method: "POST", path: path`/api/v1/models/${name}/calibrate`, json: request, keyed: true }, options,
      (json, response) => new Job<TrainingResult>(this.#http, accepted(json, "model_calibrate"), response));
  }
}

const checksum = async (bytes: Uint8Array): Promise<string> => "sha256:" + hex(new Uint8Array(await subtle().digest("SHA-256", bytes as Bytes)));
