// How old is too old. The same factors as schemas/freshness.py, so that a card ages by itself when nobody tells us.

export const FACTORS = [["late", 3], ["stale", 5], ["lost", 60]]; // in expected intervals of silence
export const RANK = { fresh: 0, late: 1, stale: 2, lost: 3 };
const INTERVAL = 60; // seconds

/** By the silence alone; a sensor that was never seen is lost. Times in unix milliseconds, the interval in seconds. */
export function freshnessAt(lastSeen, now, interval = INTERVAL) {
  if (lastSeen === null) return "lost";
  let found = "fresh";
  for (const [freshness, factor] of FACTORS) if (now - lastSeen >= factor * interval * 1000) found = freshness;
  return found;
}

/**
 * What to say of a sensor now: freshness, cause, silence in ms (null if it was never heard).
 *
 * The server's word stands until the sensor's age says worse; then, without a connection, nobody knows whose fault it is.
 */
export function verdict(sensor, now, connected) {
  const lastSeen = sensor.last_seen === null ? null : Date.parse(sensor.last_seen);
  const silence = lastSeen === null ? null : Math.max(0, now - lastSeen);
  const own = freshnessAt(lastSeen, now, sensor.expected_interval_seconds ?? INTERVAL);
  if (sensor.cause !== "clock" && RANK[own] > RANK[sensor.freshness])
    return { freshness: own, cause: connected ? sensor.cause : "connection", silence };
  return { freshness: sensor.freshness, cause: sensor.cause, silence };
}
