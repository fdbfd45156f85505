// The answer at a glance: one sentence, and under it what needs somebody, worst first.
import { alarms } from "./card.js";
import { element, setText } from "./dom.js";
import { RANK } from "./freshness.js";
import { house, inOrder, label, place } from "./house.js";
import { count, sentence } from "./words.js";

const MOST = 6; // more than these are one line with a button

export class Summary {
  constructor(headline, list, showProblems) {
    Object.assign(this, { headline, list, showProblems, shown: "" });
  }

  show(views) {
    const problems = views.filter((view) => view.problem);
    setText(this.headline, headline(views.length, problems));
    document.title = problems.length ? `(${problems.length}) bluflow` : "bluflow";
    // when we ourselves are cut off, every sensor is a problem, and the banner says the one thing there is to say
    const told = house.connected ? problems : problems.filter((view) => view.cause !== "connection");
    told.sort((one, other) => severity(other) - severity(one) || inOrder(one.sensor, other.sensor));
    const lines = told.slice(0, MOST).map(line);
    const shown = JSON.stringify([told.length, lines.map((one) => [one.id, one.words, one.rank])]);
    if (shown === this.shown) return;
    this.shown = shown;
    const focused = document.activeElement?.hash;
    this.list.hidden = lines.length === 0;
    this.list.replaceChildren(...lines.map(item), ...(told.length > MOST ? [this.#more(told.length - MOST)] : []));
    if (focused && !document.activeElement?.hash) this.list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }

  #more(number) {
    const button = element("button", { type: "button", textContent: `and ${number} more` });
    button.addEventListener("click", this.showProblems);
    return element("li", { className: "more" }, button);
  }
}

function headline(all, problems) {
  if (!problems.length) return all === 1 ? "The sensor is fresh" : `All ${all.toLocaleString()} sensors are fresh`;
  const need = problems.length === 1 ? "needs" : "need";
  return `${problems.length.toLocaleString()} of ${count(all, "sensor")} ${need} attention`;
}

const severity = (view) => RANK[view.freshness] * 2 + (view.alarmed ? 3 : 0);

function line(view) {
  const why = view.freshness === "fresh" && !view.cause ? [] : [sentence(view, view.sensor.gateway)];
  if (view.alarmed) why.unshift(alarms(view.sensor));
  return { id: view.sensor.id, rank: view.freshness, alarmed: view.alarmed, view, words: why.join("; ") };
}

function item({ id, rank, alarmed, view: { sensor }, words }) {
  return element(
    "li",
    { data: { freshness: rank, alarm: alarmed ? "yes" : "" } },
    element("a", { href: `#${id}` }, element("b", { textContent: label(sensor) }), ` ${place(sensor)}`),
    element("span", { className: "why", textContent: words }),
  );
}
