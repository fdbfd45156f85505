// Numbers and times as a person reads them, in the browser's locale and time zone.

const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

/** `42 s`, `12 min`, `2 h 3 min`, `5 d 4 h`. */
export function duration(milliseconds) {
  const whole = (size) => Math.floor(milliseconds / size);
  if (milliseconds < MINUTE) return `${whole(SECOND)} s`;
  if (milliseconds < HOUR) return `${whole(MINUTE)} min`;
  const [big, unit, small, part] = milliseconds < DAY ? [HOUR, "h", MINUTE, "min"] : [DAY, "d", HOUR, "h"];
  const rest = Math.floor((milliseconds % big) / small);
  return `${whole(big)} ${unit}${rest ? ` ${rest} ${part}` : ""}`;
}

const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const dayAndClock = new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "numeric", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric" });

/** Date, time and zone in full, for titles and facts. */
export const absolute = (time) => (time === null || time === undefined ? "never" : full.format(new Date(time)));
export const timeOfDay = (time) => clock.format(time);
export const dayAndTime = (time) => dayAndClock.format(time);
export const dayOfWeek = (time) => weekday.format(time);

const FRACTIONS = { temperature: [1, 1], dewpoint: [1, 1], humidity: [0, 1] }; // digits, least and most

/** A number with the digits that its quantity deserves; anything else as text; a repeated property joined. */
export function shown(value, quantity) {
  if (value === null || value === undefined) return "–";
  if (Array.isArray(value)) return value.map((one) => shown(one, quantity)).join(" / ");
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "object") return Object.values(value).join(" ");
  if (typeof value !== "number") return String(value);
  const [least, most] = FRACTIONS[quantity] ?? [0, 2];
  return value.toLocaleString(undefined, { minimumFractionDigits: least, maximumFractionDigits: most });
}

/** A number with its unit. */
export const withUnit = (value, quantity, unit) => (unit ? `${shown(value, quantity)} ${unit}` : shown(value, quantity));

/** `relative_humidity` -> `Relative humidity`. */
export function title(name) {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** `1 sensor`, `3 sensors`. */
export const count = (number, noun) => `${number.toLocaleString()} ${noun}${number === 1 ? "" : "s"}`;

/** What became of the packets of the last day, in one line. */
export function delivered({ expected, heard, lost_on_air, lost_in_pipeline, unknown_seconds }) {
  const [all, some, air, pipeline] = [expected, heard, lost_on_air, lost_in_pipeline].map((number) => number.toLocaleString());
  const unknown = unknown_seconds ? `; ${duration(unknown_seconds * 1000)} unknown` : "";
  return `Last 24 hours: ${some} of ${all} packets heard, ${air} lost on the air, ${pipeline} in the pipeline${unknown}`;
}

/** Why a sensor is as it is, in one sentence for its card. */
export function sentence({ freshness, cause, silence, refused }, gateway) {
  if (silence === null) return refused ? "heard, but nothing could be read" : "never heard yet";
  const time = duration(silence);
  if (cause === "clock") return "its time lies in the future: a clock is wrong";
  if (freshness === "fresh") return `${time} ago`;
  if (cause === "sensor") return `silent for ${time}, though its gateway speaks`;
  if (cause === "gateway") return `silent for ${time}: its gateway ${gateway ?? ""} is silent too`.replace("  ", " ");
  if (cause === "pipeline") return `no news for ${time}: the pipeline is behind`;
  if (cause === "connection") return `no news for ${time}: no connection to the API`;
  return `silent for ${time}`;
}

const REFUSALS = {
  plaintext_refused: "heard unencrypted: refused",
  bindkey_missing: "encrypted, and has no bind key",
  mic_mismatch: "its bind key does not fit",
};

/** Why nothing that came in the sensor's name is believed. */
export const refusal = ({ reason }) => REFUSALS[reason] ?? "refused";

/** How a value breaks its limits: `above 26 °C`; null if it does not say. */
export function beyond(value, quantity, unit, limit) {
  const values = [value].flat();
  if (limit?.high !== null && limit?.high !== undefined && values.some((one) => one > limit.high))
    return `above ${withUnit(limit.high, quantity, unit)}`;
  if (limit?.low !== null && limit?.low !== undefined && values.some((one) => one < limit.low))
    return `below ${withUnit(limit.low, quantity, unit)}`;
  return null;
}
