// All that is known now: sensors and gateways by id, whether we are live, and who wants to hear of changes.
import { now } from "./clock.js";
import { verdict } from "./freshness.js";

export const house = {
  sensors: new Map(),
  gateways: new Map(),
  loaded: false,
  connected: false,
};

/** A sensor as it must be shown at this moment. */
export function view(sensor) {
  const { freshness, cause, silence } = verdict(sensor, now(), house.connected);
  const beyondLimits = sensor.out_of_limits.length > 0;
  const refused = sensor.refused, alarmed = beyondLimits || refused !== null;
  return { sensor, freshness, cause, silence, refused, beyondLimits, alarmed, problem: freshness !== "fresh" || cause !== null || alarmed };
}

/** Every sensor's view. */
export const views = () => [...house.sensors.values()].map(view);

const UNASSIGNED = "unassigned";

/** The heading under which a sensor stands. */
export function place(sensor) {
  if (!sensor.claimed) return "Unclaimed";
  return sensor.location === UNASSIGNED ? "Without a location" : sensor.location;
}

export const label = (sensor) => sensor.name ?? sensor.id;

const compare = new Intl.Collator(undefined, { numeric: true }).compare;
// named places first, then what nobody has placed yet
const last = (sensor) => (sensor.claimed ? (sensor.location === UNASSIGNED ? 1 : 0) : 2);

/** By location, then name. */
export const inOrder = (one, other) =>
  last(one) - last(other) ||
  compare(one.location, other.location) ||
  compare(label(one), label(other)) ||
  compare(one.id, other.id);
