// Making elements: every text becomes a text node, so that no name, whoever chose it, is ever read as HTML.

const MARKS = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udfff](?<![\ud800-\udbff][\udc00-\udfff])(?![\udc00-\udfff])/g;
const SVG = "http://www.w3.org/2000/svg";

/** A name as it may be shown: marks that turn, hide or break text are written out as their code points. */
export function shown(text) {
  return String(text).replace(MARKS, (mark) => `⟨U+${mark.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

/**
 * An element. `given`: `class`, `on` (event → listener), `data` (name → value), properties that are booleans, and attributes.
 * Children: nodes, text, numbers, lists of these; null and false are left out.
 */
export function h(tag, given = {}, ...children) {
  return dress(document.createElement(tag), given, children);
}

/** The same in SVG. */
export function s(tag, given = {}, ...children) {
  return dress(document.createElementNS(SVG, tag), given, children);
}

function dress(element, given, children) {
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (value === true) element.setAttribute(name, "");
    else if (name === "value" && "value" in element) element.value = value;
    else element.setAttribute(name, name === "title" || name.startsWith("aria-label") ? shown(value) : String(value));
  }
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) add(element, child);
    else element.append(child instanceof Node ? child : shown(child));
  }
}

/** Puts these children in place of those that `element` has; returns it. */
export function fill(element, ...children) {
  element.replaceChildren();
  add(element, children);
  return element;
}

/** Text in an isolate of its own direction: for names, whose script is not known. */
export function name(text, given = {}) {
  return h("bdi", given, text);
}

/** Says something to whoever does not see the screen. */
export function say(text) {
  const place = document.getElementById("said");
  if (place) place.textContent = shown(text);
}

/** A time as the reader's locale writes it, in UTC, with the exact text in its title. */
export function when(text) {
  if (!text) return h("span", { class: "none" }, "—");
  return h("time", { datetime: text, title: text }, text.replace("T", " ").replace(/\.\d+Z$/, "Z").replace("Z", " UTC"));
}

let last = 0;

/** An id that no other element of the page has. */
export function fresh(prefix) {
  last += 1;
  return `${prefix}-${last}`;
}
