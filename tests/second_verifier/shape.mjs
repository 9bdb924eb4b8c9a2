// Exact shapes of canonical documents: a shape takes a parsed value and returns it as plain JavaScript, or refuses.
import { HEX64, base64, byBytes, isAt } from "./bytes.mjs";
import { refuse } from "./refusal.mjs";

const wrong = (what) => refuse("malformed", `document is not of its shape: ${what}`);
const check = (test, what) => (value) => (test(value) ? value : wrong(what));

export const int = check((v) => Number.isSafeInteger(v) && v >= 0, "expected an integer from 0");
export const text = check((v) => typeof v === "string" && v !== "", "expected a string");
export const anyText = check((v) => typeof v === "string", "expected a string");
export const hash = check((v) => typeof v === "string" && HEX64.test(v), "expected 64 hex digits");
export const at = check((v) => typeof v === "string" && isAt(v), "expected a time");
export const oneOf = (...words) => check((v) => words.includes(v), `expected one of ${words.join(", ")}`);
export const like = (pattern) => check((v) => typeof v === "string" && pattern.test(v), `expected ${pattern}`);
export const blob = (v) => base64(anyText(v), "member");

export const list = (item) => (v) => (Array.isArray(v) ? v.map(item) : wrong("expected an array"));

export const tuple = (...items) => (v) => (Array.isArray(v) && v.length === items.length
  ? v.map((element, i) => items[i](element)) : wrong(`expected ${items.length} elements`));

/** An object with exactly these members; those in `optional` may be absent. */
export const object = (members, optional = {}) => (v) => {
  if (!(v instanceof Map)) wrong("expected an object");
  const all = { ...members, ...optional };
  for (const name of v.keys()) if (!Object.hasOwn(all, name)) wrong(`member ${name} is unknown`);
  for (const name of Object.keys(members)) if (!v.has(name)) wrong(`member ${name} is missing`);
  return Object.fromEntries([...v].map(([name, item]) => [name, all[name](item)]));
};

/** An object of any names, as a Map. */
export const mapping = (item) => (v) => (v instanceof Map
  ? new Map([...v].map(([name, element]) => [text(name), item(element)])) : wrong("expected an object"));

/** The first shape that fits. */
export const either = (...shapes) => (v) => {
  for (const shape of shapes.slice(0, -1)) {
    try {
      return shape(v);
    } catch { /* the next one decides */ }
  }
  return shapes.at(-1)(v);
};

/** Refuse unless `key` of the items rises strictly, by bytes or by number. */
export function rising(items, key, what) {
  for (let i = 1; i < items.length; i += 1) {
    const [a, b] = [key(items[i - 1]), key(items[i])];
    if (typeof a === "number" ? a >= b : byBytes(a, b) >= 0) refuse("malformed", `${what} are not in order, each once`);
  }
  return items;
}
