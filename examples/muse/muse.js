// Reads a Muse headband (Muse 2, Muse S, Muse 2016) over Web Bluetooth, as its protocol is publicly described. It was tried with packets made by
// hand and a headband played by a test, and not on hardware.
//
// A headband is one GATT service. Commands are written to a control characteristic; each electrode notifies packets of 20 bytes: a counter of
// 16 bits, then 12 samples of 12 bits, all big-endian. A unit is 0.48828125 µV (2000 µV over 4096) around 2048; the rate is 256 Hz.

const service = 0xfe8d;
const characteristic = (n) => `273e${n.toString(16).padStart(4, "0")}-4c4d-454d-96be-f03bac821358`;
const control = characteristic(0x01);
const telemetry = characteristic(0x0b);

/** Electrodes in the order of their characteristics: left ear, left forehead, right forehead, right ear. */
export const channels = ["TP9", "AF7", "AF8", "TP10"];
const electrodes = channels.map((_, i) => characteristic(0x03 + i));

/** Hz. */
export const sampleRate = 256;
/** Samples of one packet. */
export const packetSamples = 12;

/**
 * Reads a packet of an electrode.
 *
 * @param {DataView} packet 20 bytes
 * @returns {{ index: number, samples: Float32Array }} the counter (0 to 65535) and 12 samples in µV
 */
export function readPacket(packet) {
  if (packet.byteLength !== 2 + packetSamples * 1.5) throw new RangeError(`a packet has 20 bytes, and this one ${packet.byteLength}`);
  const samples = new Float32Array(packetSamples);
  for (let i = 0, at = 2; i < packetSamples; i += 2, at += 3) {
    // Two samples stand in three bytes.
    samples[i] = (packet.getUint8(at) << 4) | (packet.getUint8(at + 1) >> 4);
    samples[i + 1] = ((packet.getUint8(at + 1) & 0x0f) << 8) | packet.getUint8(at + 2);
  }
  return { index: packet.getUint16(0), samples: samples.map((v) => 0.48828125 * (v - 2048)) };
}

/** A command as the headband takes it: its length, the text, a line feed. */
export function command(text) {
  return new Uint8Array([text.length + 1, ...new TextEncoder().encode(text), 10]);
}

/**
 * Puts the packets of the four electrodes together. A packet that one electrode lost is left out of all, and counted.
 */
export class Assembler {
  #emit;
  #waiting = new Map(); // counter → samples of each electrode
  #newest; // counter, without its wrapping
  #next; // the counter that is due
  /** Packets of all electrodes that were left out. */
  lost = 0;

  /** @param {(index: number, samples: Float32Array[]) => void} emit is told the counter, which never goes back, and channels × 12 samples in µV */
  constructor(emit) {
    this.#emit = emit;
  }

  push(electrode, { index, samples }) {
    const counter = this.#unwrap(index);
    if (counter < (this.#next ?? counter)) return; // too late: those behind it are out
    this.#next ??= counter;
    const packet = this.#waiting.get(counter) ?? [];
    packet[electrode] = samples;
    this.#waiting.set(counter, packet);
    // Electrodes are notified one after the other: what is two packets behind is not coming any more.
    while (this.#next <= this.#newest) {
      const due = this.#waiting.get(this.#next);
      const whole = due !== undefined && channels.every((_, i) => due[i]);
      if (!whole && this.#next > this.#newest - 2) return;
      if (whole) this.#emit(this.#next, due);
      else this.lost++;
      this.#waiting.delete(this.#next++);
    }
  }

  #unwrap(index) {
    if (this.#newest === undefined) return (this.#newest = index);
    let step = (index - this.#newest) & 0xffff;
    if (step >= 0x8000) step -= 0x10000; // from before
    const counter = this.#newest + step;
    this.#newest = Math.max(this.#newest, counter);
    return counter;
  }
}

/**
 * Connects to a headband that the user chooses; call it from a click. While it is away it is connected to again.
 *
 * @param {{ onSamples: (at: number, samples: Float32Array[]) => void, onState?: (state: string) => void, onBattery?: (percent: number) => void, bluetooth?: Bluetooth }} to
 *   onSamples is told the Unix time of the first sample in ms, counted by the headband's own samples since it was connected, and channels × 12 samples in µV
 * @returns {Promise<{ name: string, lost: () => number, disconnect: () => Promise<void> }>}
 */
export async function connect({ onSamples, onState = () => {}, onBattery = () => {}, bluetooth = navigator.bluetooth }) {
  if (!bluetooth) throw new Error("This browser has no Web Bluetooth: take Chrome or Edge, on a page of https or localhost.");
  const device = await bluetooth.requestDevice({ filters: [{ services: [service] }] });
  let leaving = false;
  let lost = 0;
  let assembler;
  let input;

  const start = async () => {
    onState("connecting");
    const gatt = await device.gatt.connect();
    const muse = await gatt.getPrimaryService(service);
    let origin; // Unix time of counter 0
    lost += assembler?.lost ?? 0;
    const mine = (assembler = new Assembler((index, samples) => {
      const length = (packetSamples * 1000) / sampleRate;
      origin ??= Date.now() - (index + 1) * length;
      onSamples(origin + index * length, samples);
    }));
    for (const [i, uuid] of electrodes.entries()) {
      const electrode = await muse.getCharacteristic(uuid);
      electrode.addEventListener("characteristicvaluechanged", (e) => {
        if (assembler === mine) mine.push(i, readPacket(e.target.value)); // not those of a connection that is over
      });
      await electrode.startNotifications();
    }
    const battery = await muse.getCharacteristic(telemetry).catch(() => undefined);
    if (battery) {
      battery.addEventListener("characteristicvaluechanged", (e) => onBattery(e.target.value.getUint16(2) / 512));
      await battery.startNotifications();
    }
    input = await muse.getCharacteristic(control);
    for (const text of ["h", "p21", "s", "d"]) await input.writeValueWithoutResponse(command(text)); // halt, four electrodes, start, resume
    onState("streaming");
  };

  device.addEventListener("gattserverdisconnected", async () => {
    for (let pause = 500; !leaving; pause = Math.min(8000, 2 * pause)) {
      onState("lost");
      await new Promise((r) => setTimeout(r, pause));
      try {
        return await start();
      } catch (error) {
        console.warn("Muse:", error);
      }
    }
  });
  await start();
  return {
    name: device.name ?? "Muse",
    lost: () => lost + assembler.lost,
    async disconnect() {
      leaving = true;
      await input.writeValueWithoutResponse(command("h")).catch(() => {});
      device.gatt.disconnect();
      onState("disconnected");
    },
  };
}
