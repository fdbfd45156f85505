// The picture: what is on the page, and what moves it.
import { Board } from "./board.js";
import { Detail } from "./detail.js";
import { find, setText } from "./dom.js";
import { Feed } from "./feed.js";
import { Filter } from "./filter.js";
import { Gateways } from "./gateways.js";
import { house, view, views } from "./house.js";
import { signedIn } from "./signin.js";
import { showState } from "./state.js";
import { Summary } from "./summary.js";

const TICK = 5_000; // ms: how often ages are looked at

const filter = new Filter(find("search"), find("filters"), () => draw(null));
const board = new Board(find("board"));
const summary = new Summary(find("headline"), find("attention"), () => filter.choose("problems"));
const gateways = new Gateways(find("gateways"));
const detail = new Detail(find("detail"));

let waiting = new Set(); // ids that changed since the last drawing; null: look at all
let drawing = 0;

/** Draw before the next frame, however many changes arrive until then. */
function draw(ids) {
  if (ids === null) waiting = null;
  else if (waiting) for (const id of ids) waiting.add(id);
  drawing ||= requestAnimationFrame(() => {
    const changed = waiting;
    [waiting, drawing] = [new Set(), 0];
    redraw(changed);
  });
}

function redraw(changed) {
  if (!house.loaded) return;
  const seen = views();
  board.show(changed === null ? seen : [...changed].map((id) => view(house.sensors.get(id))), changed === null);
  const shown = filter.apply(seen, board.cards);
  board.hideEmpty();
  summary.show(seen);
  find("empty").hidden = seen.length > 0;
  find("sensors").hidden = seen.length === 0;
  setText(find("shown"), shown === seen.length ? "" : shown ? `${shown} of ${seen.length} shown` : "No sensor matches.");
  detail.refresh(changed);
}

const feed = new Feed({
  changed: draw,
  gatewaysChanged: () => house.loaded && gateways.show(),
  state: (name, why) => {
    showState(name, why);
    draw(null);
  },
});

function tick() {
  draw(null);
  if (house.loaded) gateways.show();
}

signedIn().then(() => feed.start());
setInterval(tick, TICK);
document.addEventListener("visibilitychange", () => document.hidden || tick());
