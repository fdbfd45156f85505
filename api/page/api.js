// What the page asks of the API. Every failure is an Error whose message a person can read.
import { learn } from "./clock.js";

export const V1 = "/api/v1";
const PATIENCE = 15_000; // ms

/** The API answered, but not with what was asked: `status` and the problem's own words. */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** GET `path` -> [body, response]. Throws Problem, or Error when there is no answer at all. */
export async function get(path) {
  let response;
  try {
    response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
  } catch {
    throw new Error("no connection to the API");
  }
  learn(response);
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Problem(response.status, body?.detail ?? body?.title ?? `the API answers ${response.status}`);
  return [body, response];
}

/** Every entry of a list that comes in pages: `name` is the member that holds them. */
export async function all(path, name) {
  const found = [];
  for (let next = path; next; ) {
    const [body, response] = await get(next);
    found.push(...body[name]);
    next = /<([^>]+)>;\s*rel="?next"?/.exec(response.headers.get("link") ?? "")?.[1];
  }
  return found;
}

/** The path of one sensor's own resource, for example its receptions. */
export const sensorPath = (id, rest = "") => `${V1}/sensors/${encodeURIComponent(id)}${rest}`;

/** The path of a sensor's history between two times in unix milliseconds. */
export function dataPath(id, from, to, options = {}) {
  const query = new URLSearchParams({ from: new Date(from).toISOString(), to: new Date(to).toISOString(), ...options });
  return `${V1}/data/${encodeURIComponent(id)}?${query}`;
}
