// Small helpers. Data only ever becomes text: nothing here, or on the page, parses HTML.

/** An element with properties, `data` (dataset), `attributes`, and children (nodes or text; null is left out). */
export function element(tag, { data = {}, attributes = {}, ...properties } = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  Object.assign(node.dataset, data);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Set a text only if it differs: three hundred cards are looked at every few seconds, few of them change. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Set `node[name]` only if it differs. */
export function setProperty(node, name, value) {
  if (node[name] !== value) node[name] = value;
}

/** Set a `data-` attribute only if it differs. */
export function setData(node, name, value) {
  if (node.dataset[name] !== value) node.dataset[name] = value;
}

/** The element of the page with that id. */
export const find = (id) => document.getElementById(id);
