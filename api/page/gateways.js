// The gateways: whether each speaks, when it last did, and what it complains of.
import { now } from "./clock.js";
import { element, setData, setProperty, setText } from "./dom.js";
import { house } from "./house.js";
import { absolute, count, duration, title } from "./words.js";

const NOTABLE_SKEW = 2; // seconds

export class Gateways {
  constructor(root) {
    this.list = root.querySelector("ul");
    this.root = root;
    this.nodes = new Map();
  }

  show() {
    const gateways = [...house.gateways.values()].sort((one, other) => one.prefix.localeCompare(other.prefix));
    this.root.hidden = gateways.length === 0;
    for (const gateway of gateways) this.#one(gateway);
    const order = gateways.map((gateway) => this.nodes.get(gateway.prefix).node);
    if (order.some((node, place) => this.list.children[place] !== node) || this.list.children.length !== order.length)
      this.list.replaceChildren(...order);
  }

  #one(gateway) {
    if (!this.nodes.has(gateway.prefix)) this.nodes.set(gateway.prefix, made());
    const { node, name, state, facts, trouble } = this.nodes.get(gateway.prefix);
    setText(name, gateway.id);
    setProperty(name, "title", gateway.prefix === gateway.id ? "" : `topic prefix ${gateway.prefix}`);
    setData(node, "freshness", speaks(gateway) ? "fresh" : "lost");
    setText(state, stateOf(gateway));
    setProperty(state, "title", gateway.last_frame ? `last frame ${absolute(gateway.last_frame)}` : "");
    setText(facts, factsOf(gateway).join(" · "));
    setText(trouble, troubleOf(gateway).join(" · "));
  }
}

function made() {
  const [name, state, facts, trouble] = ["name", "age", "facts", "alarm"].map((className) => element("span", { className }));
  return { node: element("li", { className: "gateway" }, name, state, facts, trouble), name, state, facts, trouble };
}

const speaks = (gateway) => !gateway.silent && gateway.online !== false;

function stateOf(gateway) {
  if (!gateway.last_frame) return "never heard";
  const ago = duration(Math.max(0, now() - Date.parse(gateway.last_frame)));
  if (gateway.silent) return `Silent for ${ago}`;
  return gateway.online === false ? `Offline, last frame ${ago} ago` : `Speaks, last frame ${ago} ago`;
}

function factsOf(gateway) {
  const found = [`hears ${count(gateway.sensors, "sensor")}`];
  const beat = gateway.heartbeat;
  if (beat?.uptime_seconds !== null && beat?.uptime_seconds !== undefined)
    found.push(`script up ${duration(beat.uptime_seconds * 1000)}`);
  if (gateway.reboots) found.push(count(gateway.reboots, "restart"));
  return found;
}

function troubleOf(gateway) {
  const skew = gateway.skew_seconds ?? 0;
  const found = [];
  if (Math.abs(skew) >= NOTABLE_SKEW)
    found.push(`clock ${duration(Math.abs(skew) * 1000)} ${skew > 0 ? "ahead" : "behind"}`);
  for (const [script, why] of Object.entries(gateway.stopped_scripts))
    found.push(why === "stopped" ? `${script} stopped` : `${script} stopped: ${why}`);
  for (const [what, why] of Object.entries(gateway.alarms)) found.push(`${what}: ${title(why).toLowerCase()}`);
  if (gateway.heartbeat?.dropped) found.push(`${gateway.heartbeat.dropped.toLocaleString()} packets dropped by its script`);
  return [...found, ...gateway.flags.map((flag) => title(flag).toLowerCase())];
}
