// Which cards are shown: what is typed, and which state is chosen. The states are the summary: each says how many.
import { element, setProperty, setText } from "./dom.js";

const KINDS = [
  ["all", "All", () => true],
  ["problems", "Problems", (view) => view.problem],
  ["lost", "Lost", (view) => view.freshness === "lost"],
  ["stale", "Stale", (view) => view.freshness === "stale"],
  ["late", "Late", (view) => view.freshness === "late"],
  ["limits", "Out of limits", (view) => view.beyondLimits],
  ["fresh", "Fresh", (view) => view.freshness === "fresh"],
];

export class Filter {
  constructor(search, buttons, changed) {
    this.search = search;
    this.changed = changed;
    this.kind = "all";
    this.buttons = new Map(KINDS.map(([kind, label]) => [kind, this.#button(kind, label)]));
    buttons.append(...[...this.buttons.values()].map((button) => button.node));
    search.addEventListener("input", changed);
  }

  choose(kind) {
    this.kind = kind;
    this.changed();
  }

  /** Hide the cards that do not match; the number of those that do. */
  apply(views, cards) {
    for (const [kind, , matches] of KINDS) {
      const number = views.filter(matches).length, button = this.buttons.get(kind);
      setText(button.number, number.toLocaleString());
      setProperty(button.node, "hidden", number === 0 && kind !== "all" && kind !== this.kind);
      setProperty(button.node, "ariaPressed", String(kind === this.kind));
    }
    const wanted = this.search.value.trim().replace(/\s+/g, " ").toLowerCase();
    const [, , matches] = KINDS.find(([kind]) => kind === this.kind);
    let shown = 0;
    for (const view of views) {
      const card = cards.get(view.sensor.id);
      const match = matches(view) && card.words.includes(wanted);
      setProperty(card.node, "hidden", !match);
      shown += match;
    }
    return shown;
  }

  #button(kind, label) {
    const number = element("span", { className: "count" });
    const node = element("button", { type: "button", data: { kind }, ariaPressed: "false" }, `${label} `, number);
    node.addEventListener("click", () => this.choose(kind));
    return { node, number };
  }
}
