// The entry (entry.md): parse, print, compare. What comes back exists in this one spelling.
import { HEX64, byBytes, isAt, utf8 } from "./bytes.mjs";
import { readOurs } from "./json.mjs";
import { leafHash } from "./merkle.mjs";
import { refuse } from "./refusal.mjs";

const MAX_BYTES = 65535;
const LEDGER = "tallystick.ledger.";
const REQUIRED = ["seq", "prev", "at", "id", "source", "type", "streams", "body"];
const MEMBERS = ["seq", "prev", "at", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "sequence",
  "traceparent", "ext", "streams", "body", "parts"];
const LIMITS = { id: 256, source: 512, type: 128, subject: 256, time: 35, datacontenttype: 128, dataschema: 512, sequence: 64,
  traceparent: 55 };
const RESERVED = new Set(["id", "source", "specversion", "type", "subject", "time", "datacontenttype", "dataschema", "data",
  "sequence", "traceparent"]);

const malformed = (detail) => refuse("malformed", detail);
const isInt = (value) => Number.isSafeInteger(value) && value >= 0;

/** True for text that an entry may hold, quotes and backslashes included: no control character, no noncharacter. */
export const isWritable = (text) => !/[\u0000-\u001f\u007f-\u009f\p{Noncharacter_Code_Point}]/u.test(text);

/** RFC 6901. */
export const isPointer = (text) => /^(\/([^~]|~[01])*)?$/u.test(text);

function string(value, limit, what) {
  if (typeof value !== "string" || value === "") malformed(`${what} is not a string of at least one character`);
  if (!isWritable(value)) malformed(`${what} holds a character that no entry may hold`);
  if (Buffer.byteLength(value) > limit) malformed(`${what} has more than ${limit} bytes`);
}

function hash(value, what) {
  if (typeof value !== "string" || !HEX64.test(value)) malformed(`${what} is not 64 hex digits`);
}

function checkSorted(names, what) {
  for (let i = 1; i < names.length; i += 1) {
    if (byBytes(names[i - 1], names[i]) >= 0) malformed(`${what} are not sorted, each once`);
  }
}

function checkExt(ext, type) {
  if (!(ext instanceof Map) || ext.size === 0) malformed("ext is not an object with members");
  for (const [name, value] of ext) {
    if (!/^[a-z][a-z0-9]{0,19}$/.test(name) || RESERVED.has(name)) malformed(`ext has the name ${name}`);
    if (name.startsWith("tally") && !type.startsWith(LEDGER)) malformed(`ext name ${name} is the ledger's`);
    if (typeof value === "string") string(value, 4096, `ext ${name}`);
    else if (typeof value !== "boolean" && !(Number.isSafeInteger(value) && value >= -(2 ** 31))) {
      malformed(`ext ${name} has another value`);
    }
  }
  checkSorted([...ext.keys()], "ext names");
  if (Buffer.byteLength(printValue(ext)) > 4096) malformed("ext has more than 4096 bytes");
}

function checkStreams(streams) {
  if (!(streams instanceof Map) || streams.size < 2 || streams.size > 128) {
    malformed("streams has not 2 to 128 members");
  }
  for (const [name, position] of streams) {
    string(name, 256, "stream");
    if (!isInt(position)) malformed(`stream ${name} has no position`);
  }
  checkSorted([...streams.keys()], "streams");
}

function checkParts(parts) {
  if (!Array.isArray(parts) || parts.length < 1 || parts.length > 64) malformed("parts has not 1 to 64 elements");
  for (const part of parts) {
    if (!Array.isArray(part) || part.length !== 2) malformed("a part is not a pointer and a hash");
    if (part[0] !== "") string(part[0], 256, "pointer");
    hash(part[1], "part");
  }
  checkSorted(parts.map(([pointer]) => pointer), "parts");
}

function printValue(value) {
  if (typeof value === "string") return `"${value.replace(/["\\]/g, "\\$&")}"`;
  if (Array.isArray(value)) return `[${value.map(printValue).join(",")}]`;
  if (!(value instanceof Map)) return String(value);
  return `{${[...value].map(([name, item]) => `${printValue(name)}:${printValue(item)}`).join(",")}}`;
}

/** The entry's members, its bytes and its leaf hash. Refuses everything but the grammar. */
export function parseEntry(bytes) {
  if (bytes.length > MAX_BYTES) malformed(`entry has ${bytes.length} bytes`);
  const value = readOurs(bytes);
  if (!(value instanceof Map)) malformed("entry is not an object");
  const names = [...value.keys()];
  const ordered = MEMBERS.filter((name) => value.has(name));
  if (names.length !== ordered.length || names.some((name, i) => name !== ordered[i])) {
    malformed("entry has other members or another order");
  }
  for (const name of REQUIRED) if (!value.has(name)) malformed(`entry has no ${name}`);

  const entry = Object.fromEntries(value);
  if (!isInt(entry.seq)) malformed("seq is not an integer");
  hash(entry.prev, "prev");
  if (typeof entry.at !== "string" || !isAt(entry.at)) malformed("at is not a time");
  for (const [name, limit] of Object.entries(LIMITS)) if (value.has(name)) string(entry[name], limit, name);
  if (value.has("ext")) checkExt(entry.ext, entry.type);
  checkStreams(entry.streams);
  hash(entry.body, "body");
  if (value.has("parts")) checkParts(entry.parts);
  if (printValue(value) !== utf8(bytes, "entry")) malformed("entry is not printed as the grammar says");
  return { ...entry, parts: entry.parts ?? [], bytes, leaf: leafHash(bytes) };
}

export const isLedger = (entry) => entry.type.startsWith(LEDGER);

/** True when the body claims to be JSON: no datacontenttype, or a JSON media type. */
export function claimsJson({ datacontenttype }) {
  if (datacontenttype === undefined) return true;
  const media = datacontenttype.split(";")[0].replace(/^[ \t]+|[ \t]+$/g, "").replace(/[A-Z]/g, (c) => c.toLowerCase());
  return media === "application/json" || media === "text/json" || media.endsWith("+json");
}
