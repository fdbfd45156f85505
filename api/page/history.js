// The charts of one sensor's last day or week, read from the history.
import { V1, dataPath, get } from "./api.js";
import { Chart } from "./chart.js";
import { now } from "./clock.js";
import { element, setText } from "./dom.js";
import { quantities, series } from "./series.js";

const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const RANGES = {
  day: { label: "Day", span: DAY, step: "5m", width: 5 * MINUTE },
  week: { label: "Week", span: 7 * DAY, step: "1h", width: HOUR },
};

const NOT_YET = "Heard, but not summed up yet: that takes up to half an hour.";

export class History {
  constructor(id) {
    this.id = id;
    this.range = "day";
    this.charts = [];
    this.buttons = Object.entries(RANGES).map(([range, { label }]) => {
      const button = element("button", { type: "button", textContent: label, data: { range } });
      button.addEventListener("click", () => this.load(range));
      return button;
    });
    this.export = element("a", { textContent: "CSV of these readings", download: "" });
    this.note = element("p", { className: "note", attributes: { role: "status" } });
    this.area = element("div", { className: "charts" });
    this.node = element(
      "section",
      { className: "history", attributes: { "aria-label": "History" } },
      element("div", { className: "ranges" }, element("div", { attributes: { role: "group", "aria-label": "Range" } }, ...this.buttons), this.export),
      this.note,
      this.area,
    );
  }

  /** Show a range; what was shown stays if the history does not answer. */
  async load(range = this.range) {
    this.range = range;
    const { span, step, width } = RANGES[range];
    const to = now(), from = to - span;
    for (const button of this.buttons) button.ariaPressed = String(button.dataset.range === range);
    this.export.href = dataPath(this.id, from, to, { format: "csv" });
    if (!this.charts.length) setText(this.note, "Reading the history…");
    try {
      const [[{ data }], [sensor]] = await Promise.all([
        get(dataPath(this.id, from, to, { step })),
        get(`${V1}/sensors/${encodeURIComponent(this.id)}`),
      ]);
      if (range !== this.range || this.left) return;
      await this.#draw(data, sensor, { from, to, width });
    } catch (error) {
      setText(this.note, `The history cannot be read: ${error.message}. ${this.charts.length ? "What you see is older." : "Live values go on."}`);
    }
  }

  /** Draw the same again, for another width or another colour scheme. */
  redraw() {
    for (const chart of this.charts) (chart.destroy(), chart.draw());
  }

  close() {
    this.left = true;
    for (const chart of this.charts) chart.destroy();
  }

  async #draw(rows, sensor, { from, to, width }) {
    const interval = (sensor.expected_interval_seconds ?? 60) * 1000;
    const charts = quantities(rows).map((quantity) => {
      const plain = quantity.replace(/\[\d+\]$/, "");
      return new Chart({
        quantity, from, to, unit: sensor.values[plain]?.unit, limit: sensor.limits[plain], ...series(rows, quantity, width, interval),
      });
    });
    for (const chart of this.charts) chart.destroy();
    this.charts = charts;
    this.area.replaceChildren(...charts.map((chart) => chart.node));
    setText(this.note, charts.length ? "" : Date.parse(sensor.last_seen) >= from ? NOT_YET : "Nothing was heard in this time.");
    await Promise.all(charts.map((chart) => chart.draw()));
    this.node.dataset.drawn = this.range;
  }
}
