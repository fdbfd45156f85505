// One sensor in the list: built once, then only what differs is written.
import { element, setData, setProperty, setText } from "./dom.js";
import { label, place } from "./house.js";
import { absolute, beyond, refusal, sentence, shown } from "./words.js";

const LARGE = ["temperature", "humidity"];
const LOW_BATTERY = 15; // percent

export class Card {
  constructor(id) {
    this.name = element("span", { className: "name" });
    this.values = element("span", { className: "values" });
    this.age = element("span", { className: "age" });
    this.battery = element("span", { className: "battery" });
    this.alarm = element("span", { className: "alarm" });
    this.link = element(
      "a",
      { href: `#${id}` },
      this.name,
      this.values,
      this.alarm,
      element("span", { className: "foot" }, this.age, this.battery),
    );
    this.node = element("li", { className: "card", data: { sensor: id } }, this.link);
    this.parts = new Map();
  }

  show({ sensor, freshness, cause, silence, refused, beyondLimits }) {
    setText(this.name, label(sensor));
    setData(this.node, "freshness", freshness);
    setData(this.node, "cause", cause ?? "");
    setData(this.node, "limits", beyondLimits ? "beyond" : "");
    setText(this.age, (freshness === "fresh" ? "" : `${freshness[0].toUpperCase()}${freshness.slice(1)}: `) +
      sentence({ freshness, cause, silence, refused }, sensor.gateway));
    setProperty(this.age, "title", sensor.last_seen ? `last heard ${absolute(sensor.last_seen)}` : "");
    this.#values(sensor);
    this.#battery(sensor.battery);
    setText(this.alarm, alarms(sensor));
    this.words = [sensor.name, sensor.id, sensor.id.replaceAll(":", ""), place(sensor)].join(" ").toLowerCase();
  }

  #values(sensor) {
    const names = LARGE.filter((name) => name in sensor.values);
    if (!names.length) names.push(...Object.keys(sensor.values).filter((name) => name !== "battery").slice(0, 2));
    const wanted = names.length ? names : LARGE;
    for (const [name, part] of this.parts) if (!wanted.includes(name)) (part.node.remove(), this.parts.delete(name));
    for (const name of wanted) {
      if (!this.parts.has(name)) this.parts.set(name, value(name, this.values));
      const part = this.parts.get(name), one = sensor.values[name];
      setText(part.number, shown(one?.value, name));
      setText(part.unit, one?.unit ? ` ${one.unit}` : "");
      setData(part.node, "limits", sensor.out_of_limits.includes(name) ? "beyond" : "");
      setProperty(part.node, "title", one ? `${name}, measured ${absolute(one.measured_at)}` : name);
    }
  }

  #battery(level) {
    setText(this.battery, level === null ? "" : `battery ${shown(level)} %`);
    setData(this.battery, "level", level !== null && level <= LOW_BATTERY ? "low" : "");
  }
}

function value(name, parent) {
  const number = element("span", { className: "number" }), unit = element("span", { className: "unit" });
  const node = element("span", { className: "value", data: { quantity: name } }, number, unit);
  parent.append(node);
  return { node, number, unit };
}

/** `temperature above 26 °C`, every quantity that is out of its limits, and what was refused. */
export function alarms(sensor) {
  const limits = sensor.out_of_limits.map((name) => {
    const how = beyond(sensor.values[name]?.value, name, sensor.values[name]?.unit, sensor.limits[name]);
    return `${name} ${how ?? "out of its limits"}`;
  });
  return (sensor.refused ? [...limits, refusal(sensor.refused)] : limits).join(", ");
}
