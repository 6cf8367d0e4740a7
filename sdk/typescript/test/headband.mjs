/** A packet as a Muse sends it: a counter of 16 bits and 12 samples of 12 bits, big-endian. */
export function packet(index, uv) {
  const bytes = new Uint8Array(20);
  bytes[0] = (index >> 8) & 0xff;
  bytes[1] = index & 0xff;
  const units = uv.map((v) => Math.max(0, Math.min(4095, Math.round(v / 0.48828125) + 2048)));
  for (let i = 0, at = 2; i < 12; i += 2, at += 3) {
    bytes[at] = units[i] >> 4;
    bytes[at + 1] = ((units[i] & 0xf) << 4) | (units[i + 1] >> 8);
    bytes[at + 2] = units[i + 1] & 0xff;
  }
  return bytes;
}

/**
 * Stands in for a headband in a page: Web Bluetooth as far as the example uses it. `packetsPerSecond` is how fast it plays; `lose` names counters of
 * which one electrode loses its packet; after `disconnectAfter` packets its connection is lost once.
 */
export function installHeadband({ packetsPerSecond, lose, disconnectAfter, packetSource }) {
  const packet = new Function("return " + packetSource)();
  const state = (window.headband = { commands: [], packets: 0, connections: 0 });
  const name = (n) => `273e${n.toString(16).padStart(4, "0")}-4c4d-454d-96be-f03bac821358`;
  const electrodes = [3, 4, 5, 6].map(name);
  let listening = new Map();
  let timer;
  const stop = () => clearInterval(timer);
  class Characteristic extends EventTarget {
    constructor(uuid) {
      super();
      this.uuid = uuid;
    }
    async startNotifications() {
      listening.set(this.uuid, this);
      return this;
    }
    async writeValueWithoutResponse(bytes) {
      const text = new TextDecoder().decode(bytes.slice(1, -1));
      if (bytes[0] !== bytes.length - 1 || bytes.at(-1) !== 10) throw new Error("not a command");
      state.commands.push(text);
      if (text === "d") play();
      if (text === "h") stop();
    }
    tell(bytes) {
      this.value = new DataView(bytes.buffer);
      this.dispatchEvent(new Event("characteristicvaluechanged"));
    }
  }
  function play() {
    stop();
    const start = performance.now();
    const first = state.packets;
    timer = setInterval(() => {
      const due = first + Math.floor(((performance.now() - start) * packetsPerSecond) / 1000);
      for (; state.packets < due; state.packets++) {
        const n = state.packets;
        if (n === disconnectAfter && state.connections === 1) {
          state.packets++;
          stop();
          device.gatt.connected = false;
          device.dispatchEvent(new Event("gattserverdisconnected"));
          return;
        }
        electrodes.forEach((uuid, e) => {
          if (lose.includes(n) && e === 2) return;
          const uv = Array.from({ length: 12 }, (_, i) => 30 * Math.sin((2 * Math.PI * 10 * (12 * n + i)) / 256) + 5 * e);
          listening.get(uuid)?.tell(packet(n & 0xffff, uv));
        });
        if (n % 64 === 0) listening.get(name(0x0b))?.tell(new Uint8Array([0, 1, 0x96, 0, 0, 0, 0, 0]));
      }
    }, 10);
  }
  const device = new EventTarget();
  device.name = "Muse-TEST";
  device.gatt = {
    connected: false,
    async connect() {
      listening = new Map();
      state.connections++;
      this.connected = true;
      return { getPrimaryService: async (s) => (s === 0xfe8d ? { getCharacteristic: async (uuid) => new Characteristic(uuid) } : Promise.reject(new Error("no service"))) };
    },
    disconnect() {
      stop();
      this.connected = false;
    },
  };
  Object.defineProperty(navigator, "bluetooth", { value: { requestDevice: async () => device } });
}
