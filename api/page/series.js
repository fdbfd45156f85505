// A quantity's windows as the chart takes them. Pure. A window that is missing is a gap, and the line breaks there.

const LATE = 3; // expected intervals: what is shorter is no silence

/**
 * Rows of the API -> {points: [time, [min, mean, max]], gaps: [[from, to]]}, times in unix milliseconds.
 *
 * `width` is a window's in milliseconds, `interval` how often the sensor is expected to speak. The newest window may
 * not be stored yet, and before the first one there may have been no sensor: neither is a gap.
 */
export function series(rows, quantity, width, interval) {
  const points = [], gaps = [];
  const longest = Math.max(width, Math.ceil((LATE * interval) / width) * width);
  let end = null; // of the window before
  for (const row of rows) {
    const window = row.quantities[quantity];
    if (!window || window.mean === null) continue;
    const start = Date.parse(row.start);
    if (end !== null && start + width - end > longest) {
      gaps.push([end, start]);
      points.push([(end + start) / 2, null]);
    }
    points.push([start + width / 2, [window.min, window.mean, window.max]]);
    end = start + width;
  }
  return { points, gaps };
}

/** Every quantity in the rows, temperature and humidity first; the battery is a fact, not a curve. */
export function quantities(rows) {
  const first = ["temperature", "humidity"];
  const found = new Set(rows.flatMap((row) => Object.keys(row.quantities)));
  found.delete("battery");
  return [...first.filter((name) => found.has(name)), ...[...found].filter((name) => !first.includes(name)).sort()];
}

/** Least, mean and greatest of all points; null if there is none. */
export function extent(points) {
  const bars = points.map(([, bar]) => bar).filter(Boolean);
  if (!bars.length) return null;
  return {
    min: Math.min(...bars.map(([min]) => min)),
    mean: bars.reduce((sum, [, mean]) => sum + mean, 0) / bars.length,
    max: Math.max(...bars.map(([, , max]) => max)),
  };
}
