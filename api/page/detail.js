// One sensor by itself, at its own address `/#7c:c6:...`: values, history, who hears it, every fact.
import { get, sensorPath } from "./api.js";
import { alarms } from "./card.js";
import { element, setData, setText } from "./dom.js";
import { History } from "./history.js";
import { house, label, place, view } from "./house.js";
import { absolute, count, delivered, duration, refusal, sentence, title, withUnit } from "./words.js";
import { now } from "./clock.js";

const AGAIN = 60_000; // ms: how often the history is read while it is looked at
const MAC = /^#([0-9a-f]{2}(?::?[0-9a-f]{2}){5})$/i;

export class Detail {
  constructor(dialog) {
    this.dialog = dialog;
    this.id = null;
    window.addEventListener("hashchange", () => this.#route());
    dialog.addEventListener("close", () => this.#closed());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    const redraw = () => this.history?.redraw();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    window.addEventListener("resize", redraw);
    setInterval(() => document.hidden || this.history?.load(), AGAIN);
  }

  /** Something changed: these sensors, or anything (null). */
  refresh(changed) {
    if (this.id === null) this.#route();
    else if (changed === null || changed.has(this.id)) this.#show();
  }

  #route() {
    const found = MAC.exec(location.hash);
    const id = found && found[1].replaceAll(":", "").toLowerCase().match(/../g).join(":");
    if (id === this.id || !house.loaded) return;
    if (id === null) this.dialog.close();
    else this.#open(id);
  }

  #open(id) {
    this.history?.close();
    this.id = id;
    this.history = new History(id);
    this.heading = element("h2", { id: "detail-title" });
    this.where = element("p", { className: "where" });
    this.state = element("p", { className: "age" });
    this.alarm = element("p", { className: "alarm" });
    this.values = element("dl", { className: "now" });
    this.receptions = element("tbody");
    this.delivery = element("p", { className: "delivery" });
    this.heard = element("section", {}, element("h3", { textContent: "Heard by" }), receptionTable(this.receptions), this.delivery);
    this.facts = element("dl", { className: "facts" });
    const close = element("button", { type: "button", className: "close", textContent: "Close", autofocus: true });
    close.addEventListener("click", () => this.dialog.close());
    this.dialog.replaceChildren(
      element("div", { className: "sheet" },
        element("div", { className: "top" }, element("div", {}, this.heading, this.where), close),
        this.state, this.alarm, this.values, this.history.node, this.heard,
        element("section", {}, element("h3", { textContent: "Facts" }), this.facts),
      ),
    );
    this.#show();
    if (!this.dialog.open) this.dialog.showModal();
    if (house.sensors.has(id)) (this.history.load(), this.#hear(), this.#deliver());
  }

  #closed() {
    this.history?.close();
    this.id = this.history = null;
    this.dialog.replaceChildren();
    if (MAC.test(location.hash)) history.replaceState(null, "", location.pathname);
  }

  #show() {
    const sensor = house.sensors.get(this.id);
    for (const part of [this.history.node, this.heard, this.facts.parentNode]) part.hidden = !sensor;
    setText(this.heading, sensor ? label(sensor) : this.id);
    if (!sensor) return setText(this.state, "No sensor with this address has been heard, and none is registered.");
    const seen = view(sensor);
    setText(this.where, [place(sensor), sensor.name ? sensor.id : ""].filter(Boolean).join(" · "));
    setData(this.dialog, "freshness", seen.freshness);
    setText(this.state, `${title(seen.freshness)}: ${sentence(seen, sensor.gateway)}`);
    setText(this.alarm, alarms(sensor));
    fill(this.values, values(sensor), sensor.out_of_limits.map(title));
    fill(this.facts, facts(sensor, seen));
    return null;
  }

  async #hear() {
    const id = this.id;
    try {
      const [{ receptions }] = await get(sensorPath(id, "/receptions"));
      if (id !== this.id) return;
      this.receptions.replaceChildren(...receptions.map(receptionRow));
      this.heard.hidden = receptions.length === 0;
    } catch (error) {
      if (id === this.id) this.receptions.replaceChildren(element("tr", {}, element("td", { colSpan: 4, textContent: error.message })));
    }
  }

  /** What became of its packets; a store that is away says so beside the charts. */
  async #deliver() {
    const id = this.id;
    const [{ totals, hours }] = await get(sensorPath(id, "/delivery")).catch(() => [{ hours: [] }]);
    if (id === this.id && hours.length) setText(this.delivery, delivered(totals));
  }
}

function receptionTable(body) {
  const heads = ["Gateway", "Signal", "Last heard", "Copies"].map((textContent) => element("th", { scope: "col", textContent }));
  return element("table", {}, element("thead", {}, element("tr", {}, ...heads)), body);
}

function receptionRow({ gateway, rssi, last_heard, copies }) {
  const ago = `${duration(Math.max(0, now() - Date.parse(last_heard)))} ago`;
  return element("tr", {},
    element("th", { scope: "row", textContent: gateway }),
    element("td", { textContent: rssi === null ? "–" : `${rssi} dBm` }),
    element("td", { textContent: ago, title: absolute(last_heard) }),
    element("td", { textContent: copies.toLocaleString() }),
  );
}

/** Terms and their texts, written anew only if one of them differs. */
function fill(list, pairs, marked = []) {
  const written = JSON.stringify([pairs, marked]);
  if (list.written === written) return;
  list.written = written;
  list.replaceChildren(...pairs.map(([term, text]) =>
    element("div", { data: { limits: marked.includes(term) ? "beyond" : "" } }, element("dt", { textContent: term }), element("dd", { textContent: text })),
  ));
}

const FIRST = ["temperature", "humidity", "battery"];

function values(sensor) {
  const names = [...FIRST.filter((name) => name in sensor.values), ...Object.keys(sensor.values).filter((name) => !FIRST.includes(name))];
  return names.map((name) => [title(name), withUnit(sensor.values[name].value, name, sensor.values[name].unit)]);
}

function facts(sensor, { freshness }) {
  const limits = Object.entries(sensor.limits).map(([name, { low, high }]) => `${name} ${low ?? "…"} to ${high ?? "…"}`);
  return [
    ["Address", sensor.id],
    ["Last heard", absolute(sensor.last_seen)],
    ["Measured", absolute(sensor.measured_at)],
    [`${title(freshness)} since`, sensor.freshness_since && freshness === sensor.freshness ? absolute(sensor.freshness_since) : null],
    ["Expected every", duration(sensor.expected_interval_seconds * 1000)],
    ["Limits", limits.join(", ")],
    ["Newest by", sensor.gateway],
    ["Signal", sensor.rssi === null ? null : `${sensor.rssi} dBm`],
    ["Packet id", sensor.packet_id === null ? null : String(sensor.packet_id)],
    ["Refused", sensor.refused && `${refusal(sensor.refused)}: ${count(sensor.refused.times, "packet")} since ${absolute(sensor.refused.since)}`],
    ["Remarkable", sensor.flags.join(", ")],
  ].filter(([, text]) => text);
}
