// One quantity's curve: the mean, the band from min to max, the limits, and nothing where nothing was heard.
import { element, setText } from "./dom.js";
import { extent } from "./series.js";
import { count, dayAndTime, dayOfWeek, duration, shown, timeOfDay, title, withUnit } from "./words.js";

const DAY = 24 * 3600 * 1000;
const HEIGHT = 150; // px
let library = null;

/** The chart library, fetched when the first chart is opened. */
function dygraph() {
  library ??= new Promise((resolve, reject) => {
    const script = element("script", { src: `${document.body.dataset.assets}/dygraph-combined.js` });
    script.addEventListener("load", () => {
      // its legend writes style attributes, which our Content-Security-Policy forbids; we have our own
      Dygraph.PLUGINS = Dygraph.PLUGINS.filter((plugin) => plugin !== Dygraph.Plugins.Legend);
      resolve(Dygraph);
    });
    script.addEventListener("error", () => {
      library = null;
      script.remove();
      reject(new Error("the chart library cannot be loaded"));
    });
    document.head.append(script);
  });
  return library;
}

/** A figure of `points` and `gaps` (see series.js) in the span [from, to) of unix milliseconds; call `draw` once it is on the page. */
export class Chart {
  constructor({ quantity, unit, limit, points, gaps, from, to }) {
    Object.assign(this, { quantity, unit, limit, points, from, to, long: to - from > DAY });
    this.reading = element("span", { className: "reading" });
    this.plot = element("div", { className: "plot", attributes: { role: "img", "aria-label": this.#words(gaps) } });
    this.node = element(
      "figure",
      { className: "chart", data: { quantity, points: JSON.stringify(points.map(([time, bar]) => [time, bar && bar[1]])) } },
      element("figcaption", {}, element("b", { textContent: title(quantity) }), this.reading),
      this.plot,
      gaps.length ? element("p", { className: "gaps", textContent: this.#gaps(gaps) }) : null,
    );
    this.#rest();
  }

  async draw() {
    const Library = await dygraph();
    if (!this.node.isConnected || !this.points.some(([, bar]) => bar)) return;
    const style = getComputedStyle(this.node), colour = (name) => style.getPropertyValue(name).trim();
    this.graph = new Library(this.plot, this.points.map(([time, bar]) => [new Date(time), bar ?? [null, null, null]]), {
      labels: ["time", this.quantity],
      customBars: true,
      colors: [colour(this.quantity === "humidity" ? "--humidity" : "--temperature")],
      fillAlpha: 0.22,
      strokeWidth: 1.75,
      height: HEIGHT,
      width: this.plot.clientWidth,
      dateWindow: [this.from, this.to],
      yRangePad: 10,
      gridLineColor: colour("--line"),
      axisLineColor: colour("--line"),
      axisLabelFontSize: 12,
      highlightCircleSize: 4,
      interactionModel: {}, // a finger on the chart scrolls the page
      axes: {
        x: { pixelsPerLabel: 72, axisLabelFormatter: (date) => (this.long ? dayOfWeek(date) : timeOfDay(date)) },
        y: { axisLabelWidth: 44, pixelsPerLabel: 24, axisLabelFormatter: (value) => shown(value) },
      },
      underlayCallback: (canvas, area, graph) => this.#limits(canvas, area, graph, colour("--lost")),
      highlightCallback: (_, time) => this.#at(time),
      unhighlightCallback: () => this.#rest(),
    });
  }

  destroy() {
    this.graph?.destroy();
  }

  #rest() {
    const all = extent(this.points);
    setText(this.reading, all ? `${shown(all.min, this.quantity)} to ${withUnit(all.max, this.quantity, this.unit)}` : "nothing was heard");
  }

  #at(time) {
    const [, bar] = this.points.find(([at]) => at === time) ?? [];
    if (!bar) return this.#rest();
    const [min, mean, max] = bar.map((value) => shown(value, this.quantity));
    const band = min === max ? "" : ` (${min} to ${max})`;
    return setText(this.reading, `${this.long ? dayAndTime(time) : timeOfDay(time)}: ${mean} ${this.unit ?? ""}${band}`);
  }

  #limits(canvas, area, graph, colour) {
    canvas.save();
    canvas.strokeStyle = colour;
    canvas.setLineDash([5, 4]);
    for (const value of [this.limit?.low, this.limit?.high].filter((one) => one !== null && one !== undefined)) {
      const y = Math.round(graph.toDomYCoord(value)) + 0.5;
      if (y < area.y || y > area.y + area.h) continue;
      canvas.beginPath();
      canvas.moveTo(area.x, y);
      canvas.lineTo(area.x + area.w, y);
      canvas.stroke();
    }
    canvas.restore();
  }

  #words(gaps) {
    const all = extent(this.points);
    if (!all) return `${title(this.quantity)}: nothing was heard`;
    const [min, mean, max] = [all.min, all.mean, all.max].map((value) => withUnit(value, this.quantity, this.unit));
    return `${title(this.quantity)}, last ${this.long ? "week" : "day"}: mean ${mean}, from ${min} to ${max}; ${count(gaps.length, "gap")}`;
  }

  #gaps(gaps) {
    const when = this.long ? dayAndTime : timeOfDay;
    const newest = gaps.slice(-3).reverse().map(([from, to]) => `${when(from)} to ${when(to)} (${duration(to - from)})`);
    const more = gaps.length > newest.length ? ` and ${gaps.length - newest.length} more` : "";
    return `Nothing heard: ${newest.join(", ")}${more}`;
  }
}
