// JSON (json.md): one reader for our canonical documents and for the bodies that producers hand over.
import { byBytes, utf8 } from "./bytes.mjs";
import { refuse } from "./refusal.mjs";

const DEPTH = 128;
const OURS_BYTES = 2 ** 30;
const FOREIGN_BYTES = 2 ** 24;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPES = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** Reads one document; objects become Maps, which keep every name apart from JavaScript's own. */
class Reader {
  constructor(text, foreign, spans = null) {
    this.text = text;
    this.foreign = foreign;
    this.spans = spans;  // [start, stop] of every value by its RFC 6901 pointer, where somebody asks
    this.place = 0;
    this.depth = 0;
  }

  fail(what) {
    refuse("malformed", `JSON at character ${this.place}: ${what}`);
  }

  space() {
    while (" \t\n\r".includes(this.text[this.place] ?? "x")) this.place += 1;
  }

  take(literal) {
    if (!this.text.startsWith(literal, this.place)) this.fail(`expected ${literal}`);
    this.place += literal.length;
  }

  document() {
    this.space();
    const value = this.value("");
    this.space();
    if (this.place !== this.text.length) this.fail("something stands behind the document");
    return value;
  }

  value(pointer) {
    const start = this.place;
    const value = this.any(pointer);
    this.spans?.set(pointer, [start, this.place]);
    return value;
  }

  any(pointer) {
    switch (this.text[this.place]) {
      case "{": return this.nested(() => this.object(pointer));
      case "[": return this.nested(() => this.array(pointer));
      case '"': return this.string();
      case "t": this.take("true"); return true;
      case "f": this.take("false"); return false;
      case "n":
        this.take("null");
        if (!this.foreign) this.fail("null");
        return null;
      default: return this.number();
    }
  }

  nested(read) {
    this.depth += 1;
    if (this.depth > DEPTH) this.fail(`nested more than ${DEPTH} deep`);
    const value = read();
    this.depth -= 1;
    return value;
  }

  /** The elements between two brackets, each read by `read`. */
  items(close, read) {
    this.place += 1;
    this.space();
    if (this.text[this.place] === close) {
      this.place += 1;
      return;
    }
    for (;;) {
      this.space();
      read();
      this.space();
      if (this.text[this.place] === close) break;
      this.take(",");
    }
    this.place += 1;
  }

  array(pointer) {
    const array = [];
    this.items("]", () => array.push(this.value(this.spans && `${pointer}/${array.length}`)));
    return array;
  }

  object(pointer) {
    const object = new Map();
    this.items("}", () => {
      if (this.text[this.place] !== '"') this.fail("expected a name");
      const name = this.string();
      if (object.has(name)) this.fail("a member stands twice");
      this.space();
      this.take(":");
      this.space();
      object.set(name, this.value(this.spans && `${pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`));
    });
    return object;
  }

  number() {
    NUMBER.lastIndex = this.place;
    const found = NUMBER.exec(this.text);
    if (!found) this.fail("expected a value");
    const value = Number(found[0]);
    if (!this.foreign) {
      if (found[1] || found[2] || found[0] === "-0") this.fail("a number that is not an integer");
      if (!Number.isSafeInteger(value)) this.fail("an integer beyond 2^53-1");
    }
    this.place += found[0].length;
    return value;
  }

  string() {
    let string = "";
    for (this.place += 1; ;) {
      PLAIN.lastIndex = this.place;
      string += PLAIN.exec(this.text)[0];
      this.place = PLAIN.lastIndex;
      const stop = this.text[this.place];
      this.place += 1;
      if (stop === '"') break;
      if (stop !== "\\") this.fail("a string with a control character or without an end");
      string += this.escape();
    }
    if (!string.isWellFormed()) this.fail("half a surrogate pair");
    return string;
  }

  escape() {
    const letter = this.text[this.place];
    this.place += 1;
    if (letter !== "u") {
      return (Object.hasOwn(ESCAPES, letter ?? "") ? ESCAPES[letter] : this.fail("an unknown escape"));
    }
    const digits = this.text.slice(this.place, this.place + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.fail("an escape without four digits");
    this.place += 4;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }
}

function read(bytes, foreign, limit) {
  if (bytes.length > limit) refuse("malformed", `document has ${bytes.length} bytes, at most ${limit} are allowed`);
  return new Reader(utf8(bytes, "document"), foreign).document();
}

/** One of our documents in any spelling: no null, integers alone. */
export const readOurs = (bytes) => read(bytes, false, OURS_BYTES);

/** What a producer handed over: any RFC 8259 document within the bounds of json.md. */
export const readForeign = (bytes) => read(bytes, true, FOREIGN_BYTES);

/** The source text of every value of a producer's document, by its RFC 6901 pointer. */
export function spansOf(bytes) {
  const [text, spans] = [utf8(bytes, "document"), new Map()];
  readForeign(bytes);
  new Reader(text, true, spans).document();
  return new Map([...spans].map(([pointer, [start, stop]]) => [pointer, text.slice(start, stop)]));
}

const SHORT = { "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\" };
const quote = (text) => `"${text.replace(/["\\\u0000-\u001f]/g,
  (c) => SHORT[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)}"`;

/** The canonical text of a value: Maps and plain objects, arrays, strings, integers, booleans. */
export function print(value) {
  if (typeof value === "string") return quote(value);
  if (Array.isArray(value)) return `[${value.map(print).join(",")}]`;
  if (typeof value !== "object") return String(value);
  const members = value instanceof Map ? [...value] : Object.entries(value).filter(([, item]) => item !== undefined);
  members.sort(([a], [b]) => byBytes(a, b));
  return `{${members.map(([name, item]) => `${quote(name)}:${print(item)}`).join(",")}}`;
}

/** A canonical document without its newline: parse, print, compare. */
export function readCanonical(bytes) {
  const value = readOurs(bytes);
  if (!Buffer.from(print(value)).equals(bytes)) refuse("malformed", "document is not printed canonically");
  return value;
}

/** The lines of a file of lines, each ended by U+000A; no file of bytes but the empty one is without. */
export function lines(bytes, where) {
  const found = [];
  for (let start = 0; start < bytes.length;) {
    const stop = bytes.indexOf(0x0a, start);
    if (stop < 0) refuse("malformed", "last line has no newline", where);
    found.push(bytes.subarray(start, stop));
    start = stop + 1;
  }
  return found;
}

/** A .json file: the canonical document and one U+000A. */
export function readFile(bytes) {
  if (bytes[bytes.length - 1] !== 0x0a) refuse("malformed", "last line has no newline");
  return readCanonical(bytes.subarray(0, bytes.length - 1));
}
