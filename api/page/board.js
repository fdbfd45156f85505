// Every sensor under its location. Cards are moved only when somebody new comes, or a name or place changes.
import { Card } from "./card.js";
import { element, setProperty, setText } from "./dom.js";
import { inOrder, place } from "./house.js";

export class Board {
  constructor(root) {
    this.root = root;
    this.cards = new Map(); // sensor id -> Card
    this.sections = new Map(); // heading -> its nodes
    this.order = "";
  }

  /** Show these views; `whole`: there are no others. */
  show(views, whole) {
    let anew = false;
    for (const view of views) {
      const { id } = view.sensor;
      if (!this.cards.has(id)) (this.cards.set(id, new Card(id)), (anew = true));
      const card = this.cards.get(id);
      card.show(view);
      const where = JSON.stringify([view.sensor.claimed, view.sensor.location, view.sensor.name]);
      if (card.where !== where) ((card.where = where), (anew = true));
      card.sensor = view.sensor;
    }
    if (whole && views.length !== this.cards.size) anew = this.#forget(new Set(views.map((view) => view.sensor.id)));
    if (anew) this.#arrange();
  }

  /** Hide headings whose cards are all filtered out, and count the others. */
  hideEmpty() {
    for (const { node, list, number } of this.sections.values()) {
      const visible = [...list.children].filter((card) => !card.hidden).length;
      setProperty(node, "hidden", visible === 0);
      setText(number, String(visible));
    }
  }

  #forget(known) {
    for (const [id, card] of this.cards) if (!known.has(id)) (card.node.remove(), this.cards.delete(id));
    return true;
  }

  #arrange() {
    const lists = new Map();
    for (const card of [...this.cards.values()].sort((one, other) => inOrder(one.sensor, other.sensor))) {
      const heading = place(card.sensor);
      if (!lists.has(heading)) lists.set(heading, []);
      lists.get(heading).push(card.node);
    }
    const focused = document.activeElement;
    for (const [heading, section] of this.sections)
      if (!lists.has(heading)) (section.node.remove(), this.sections.delete(heading));
    const nodes = [...lists].map(([heading, cards]) => {
      if (!this.sections.has(heading)) this.sections.set(heading, section(heading, this.sections.size));
      const { node, list } = this.sections.get(heading);
      list.replaceChildren(...cards);
      return node;
    });
    this.root.replaceChildren(...nodes);
    if (focused?.isConnected) focused.focus({ preventScroll: true });
  }
}

let made = 0;

function section(heading) {
  const id = `place-${++made}`;
  const number = element("span", { className: "count" });
  const list = element("ul", { className: "cards" });
  const node = element(
    "section",
    { className: "place", attributes: { "aria-labelledby": id } },
    element("h2", {}, element("span", { id, textContent: heading }), number),
    heading === "Unclaimed" ? element("p", { className: "hint", textContent: "Heard, but nobody has entered them: bluflow sensors name and locate do, or sensors.yaml." }) : null,
    list,
  );
  return { node, list, number };
}
