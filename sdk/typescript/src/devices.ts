import { path, type APIPromise, type RequestOptions, type Transport } from "./http.js";
import { list, type List, type Next } from "./paging.js";
import type { Device, DeviceCheckReport, DeviceConfig, DeviceFilter, DeviceStream, DiscoveredDevice, Impedances, NewDevice, StreamStart } from "./types.js";

const byNumber: Next<any> = (_, __, json) => (json.has_next ? { page: (json.page as number) + 1 } : undefined);

/**
 * Amplifiers that the server, an agent or a bridge runs. What one streams is a session, to be followed like any other:
 * `client.sessions.get(stream.session_id)`.
 */
export class Devices {
  readonly #http: Transport;

  constructor(http: Transport) {
    this.#http = http;
  }

  /** Lists the project's devices, by id. */
  list(filter: DeviceFilter = {}, options: RequestOptions = {}): List<Device> {
    return list(this.#http, "/v2/devices", { ...filter }, options, byNumber);
  }

  /** Reads one as it stands: its status, its stream, what was observed. */
  get(id: string, options: RequestOptions = {}): APIPromise<Device> {
    return this.#http.call({ method: "GET", path: path`/v2/devices/${id}` }, options);
  }

  /** Registers one that the server itself runs. Those of agents and bridges announce themselves. */
  create(device: NewDevice, options: RequestOptions = {}): APIPromise<Device> {
    return this.#http.call({ method: "POST", path: "/v2/devices", json: device, keyed: true }, options);
  }

  /** Forgets one; its sessions stay. */
  delete(id: string, options: RequestOptions = {}): APIPromise<void> {
    return this.#http.call({ method: "DELETE", path: path`/v2/devices/${id}`, gone: true }, options, () => undefined);
  }

  /** Changes how one streams. Of a device that streams the filters alone can change. */
  configure(id: string, config: DeviceConfig, options: RequestOptions = {}): APIPromise<Device> {
    return this.#http.call({ method: "PATCH", path: path`/v2/devices/${id}/config`, json: config }, options);
  }

  /** Starts one, and is answered when the first samples are there. */
  start(id: string, how: StreamStart = {}, options: RequestOptions = {}): APIPromise<DeviceStream> {
    return this.#http.call({ method: "POST", path: path`/v2/devices/${id}/stream/start`, json: how, keyed: true }, options);
  }

  /** Stops one: what was read is brought to the session, which ends then. */
  stop(id: string, how: { force?: boolean } = {}, options: RequestOptions = {}): APIPromise<DeviceStream> {
    return this.#http.call({ method: "POST", path: path`/v2/devices/${id}/stream/stop`, json: how }, options);
  }

  /** Measures whether one is fit to record: contact, line noise, saturation, dead and bridged channels, rate and clock. */
  check(id: string, how: { seconds?: number } = {}, options: RequestOptions = {}): APIPromise<DeviceCheckReport> {
    return this.#http.call({ method: "POST", path: path`/v2/devices/${id}/check`, json: how }, options);
  }

  /** Measures the impedance of the electrodes, where the device can; nothing is guessed where it cannot. */
  impedance(id: string, options: RequestOptions = {}): APIPromise<Impedances> {
    return this.#http.call({ method: "GET", path: path`/v2/devices/${id}/impedance` }, options);
  }

  /** Looks for devices that hang on the server and are not registered. */
  discover(options: RequestOptions = {}): APIPromise<DiscoveredDevice[]> {
    return this.#http.call({ method: "GET", path: "/v2/devices/discover" }, options, (json: { devices: DiscoveredDevice[] }) => json.devices);
  }
}
