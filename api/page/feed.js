// Keeps the house equal to the server's: a snapshot over REST, then every change over SSE.
import { V1, Problem, all, get } from "./api.js";
import { house } from "./house.js";
import { signedIn } from "./signin.js";

const HEALTH_EVERY = 15_000, FIRST_WAIT = 1_000, LONGEST_WAIT = 30_000; // ms

/** Calls `changed(ids)` after sensors changed (null: all may have), `gatewaysChanged()`, and `state(name, detail)`. */
export class Feed {
  constructor({ changed, gatewaysChanged, state }) {
    Object.assign(this, { changed, gatewaysChanged, state });
    this.streaming = false; // the event stream is open
    this.answers = true; // the last question was answered
    this.behind = null; // why the server itself is not up to date
    this.wait = FIRST_WAIT;
    this.touched = new Set(); // what the stream told since the snapshot was asked for: it wins over the snapshot
  }

  start() {
    this.#open();
    setInterval(() => this.#ask(), HEALTH_EVERY);
    document.addEventListener("visibilitychange", () => document.hidden || this.#ask());
  }

  #open() {
    const source = (this.source = new EventSource(`${V1}/stream`));
    source.addEventListener("open", () => {
      this.streaming = true;
      this.wait = FIRST_WAIT;
      this.#ask();
      if (!house.loaded || this.anew) this.#load();
      this.#tell();
    });
    source.addEventListener("error", () => {
      this.streaming = false;
      this.#tell();
      // the browser resumes a broken connection by itself, but not one that was refused
      if (source.readyState === EventSource.CLOSED) this.#again(() => signedIn().then(() => this.#open())); // the key may be revoked
    });
    source.addEventListener("sensor", (event) => this.#sensor(JSON.parse(event.data)));
    source.addEventListener("gateway", (event) => this.#gateway(JSON.parse(event.data)));
    source.addEventListener("reset", () => this.#load());
  }

  #sensor(sensor) {
    this.touched.add(sensor.id);
    house.sensors.set(sensor.id, sensor);
    this.changed([sensor.id]);
  }

  #gateway(gateway) {
    this.touched.add(gateway.prefix);
    house.gateways.set(gateway.prefix, gateway);
    this.gatewaysChanged();
  }

  async #load() {
    this.touched.clear();
    try {
      const [sensors, gateways] = await Promise.all([all(`${V1}/sensors`, "sensors"), all(`${V1}/gateways`, "gateways")]);
      house.sensors = this.#merged(house.sensors, sensors, "id");
      house.gateways = this.#merged(house.gateways, gateways, "prefix");
      house.loaded = true;
      this.failure = null;
      this.anew = false;
      this.changed(null);
      this.gatewaysChanged();
    } catch (error) {
      this.failure = error.message;
      this.#again(() => this.#load());
    }
    this.#tell();
  }

  #merged(held, snapshot, key) {
    const kept = [...held.values()].filter((one) => this.touched.has(one[key]));
    return new Map([...snapshot, ...kept].map((one) => [one[key], one]));
  }

  #again(what) {
    this.anew = true; // a stream that the browser does not resume has no place to resume from
    setTimeout(what, this.wait);
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
  }

  async #ask() {
    const answered = this.answers;
    try {
      await get("/health/ready");
      this.behind = null;
      this.answers = true;
    } catch (error) {
      this.answers = error instanceof Problem;
      this.behind = error instanceof Problem ? error.message : null;
    }
    if (this.answers && !answered && house.loaded) this.#load(); // what the stream may have missed unnoticed
    this.#tell();
  }

  #tell() {
    house.connected = this.streaming && this.answers;
    if (house.connected && house.loaded) this.state(this.behind ? "behind" : "live", this.behind);
    else this.state(house.loaded ? "reconnecting" : "connecting", this.failure ?? null);
  }
}
