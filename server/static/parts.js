// Parts that every page is made of: tables, badges, lists of facts, empty and refused states, forms of filters.

import { fill, fresh, h, name, shown } from "./dom.js";

/** A word on a ground; `tone`: good, bad, warn, note or plain. The word itself says the state: colour never stands alone. */
export function badge(text, tone = "plain", title = "") {
  return h("span", { class: `badge ${tone}`, title: title || null }, text);
}

/** A refusal or a fault, in one sentence with its hint. */
export function problemBox(error) {
  const code = error?.code ?? "fault";
  return h("div", { class: "problem", role: "alert" }, h("p", {}, error?.message || "Something failed."), error?.hint && h("p", { class: "help" }, error.hint), h("p", { class: "help" }, `Code: ${code}`));
}

/** What stands where there is nothing. */
export function empty(text) {
  return h("p", { class: "empty" }, text);
}

/**
 * A table. `columns`: [{title, cell(row) → node or text, number?, sort?}]. The caption is read to whoever cannot see the table.
 * A row for which `href(row)` gives an address links there from its first cell.
 */
export function table(caption, columns, rows, { href = null, none = "Nothing here." } = {}) {
  if (!rows.length) return empty(none);
  const head = h("tr", {}, columns.map((column) => h("th", { scope: "col", class: column.number ? "number" : null }, column.title)));
  const body = rows.map((row) =>
    h("tr", {}, columns.map((column, index) => {
      const content = column.cell(row);
      const given = { class: column.number ? "number" : null };
      const link = index === 0 && href ? href(row) : null;
      const held = link ? h("a", { href: link }, content) : content;
      return index === 0 ? h("th", { scope: "row", ...given }, held) : h("td", given, held ?? h("span", { class: "none" }, "—"));
    })),
  );
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, h("table", {}, h("caption", {}, caption), h("thead", {}, head), h("tbody", {}, body)));
}

/** Facts as term and description: [[term, node or text], …]; those without a value are left out. */
export function facts(pairs) {
  const kept = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h("dl", { class: "facts" }, kept.map(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]));
}

/** A labelled field: `field("Depth", input)`. */
export function field(label, input) {
  input.id ||= fresh("field");
  return h("div", { class: "field" }, h("label", { for: input.id }, label), input);
}

/** A choice: [[value, label], …]. */
export function select(options, value, onChange) {
  const made = h("select", { on: { change: () => onChange(made.value) } }, options.map(([key, label]) => h("option", { value: key }, label)));
  made.value = value ?? "";
  return made;
}

/** A value of JSON as a tree that opens: every string is text, however it was chosen. */
export function json(value, { open = 1 } = {}) {
  if (value === null || typeof value !== "object") return h("code", { class: `json ${value === null ? "null" : typeof value}` }, typeof value === "string" ? value : JSON.stringify(value));
  const isList = Array.isArray(value);
  const members = Object.entries(value);
  if (!members.length) return h("code", { class: "json" }, isList ? "[]" : "{}");
  const made = h("details", { class: "json" }, h("summary", {}, isList ? `${members.length} items` : `${members.length} members`));
  const build = () => made.children.length < 2 && made.append(h("dl", {}, members.slice(0, 500).map(([key, each]) => [h("dt", {}, name(key)), h("dd", {}, json(each, { open: open - 1 }))]), members.length > 500 && h("dt", {}, `… and ${members.length - 500} more`)));
  made.addEventListener("toggle", build, { once: true });
  if (open > 0) {
    build();
    made.open = true;
  }
  return made;
}

/** A button that loads the next page of rows: `load(cursor)` gives {nodes, next}. */
export function pager(place, first, load) {
  let next = first;
  const button = h("button", { type: "button", on: { click: more } }, "Show more");
  const held = h("p", { class: "actions" }, button);
  async function more() {
    button.disabled = true;
    try {
      const found = await load(next);
      place.append(...found.nodes);
      next = found.next;
      held.hidden = next === null || next === undefined;
    } catch (error) {
      fill(held, problemBox(error));
    } finally {
      button.disabled = false;
    }
  }
  held.hidden = next === null || next === undefined;
  return held;
}

/** Shortens the middle of a long text; the whole stands in the title of what shows it. */
export function shorten(text, most = 48) {
  const whole = shown(text);
  return whole.length <= most ? whole : `${whole.slice(0, Math.ceil(most / 2) - 1)}…${whole.slice(-Math.floor(most / 2))}`;
}
