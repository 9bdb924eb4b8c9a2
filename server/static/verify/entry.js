// The entry: one line of JSON, read by parsing it, holding it to its grammar, printing it again and comparing (docs/formats/entry.md).

import { Refused, textOf, utf8 } from "./bytes.js";

const LIMITS = { id: 256, source: 512, type: 128, subject: 256, time: 35, datacontenttype: 128, dataschema: 512, sequence: 64, traceparent: 55 };
const MEMBERS = ["seq", "prev", "at", ...Object.keys(LIMITS), "ext", "streams", "body", "parts"];
const RESERVED = new Set(["id", "source", "specversion", "type", "subject", "time", "datacontenttype", "dataschema", "data", "sequence", "traceparent"]);
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\ufdd0-\ufdef]|[\ud800-\udfff]/u;
const BYTES = 65_535;

const refuse = (why) => {
  throw new Refused("malformed", `entry: ${why}`);
};

/** Orders text by code points, as the format does; by UTF-16 units it would differ. */
function byCodePoint(a, b) {
  const [left, right] = [[...a], [...b]];
  for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
    const step = left[at].codePointAt(0) - right[at].codePointAt(0);
    if (step) return step;
  }
  return left.length - right.length;
}

const quote = (text) => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;

function checkText(text, limit, name, { empty = false } = {}) {
  if (typeof text !== "string") refuse(`${name} is not a string`);
  if (!text && !empty) refuse(`${name} is empty`);
  const isNone = FORBIDDEN.test(text) || [...text].some((char) => (char.codePointAt(0) & 0xfffe) === 0xfffe);
  if (isNone) refuse(`${name} holds a character that no entry may hold`);
  if (utf8(text).length > limit) refuse(`${name} has more than ${limit} bytes`);
  return text;
}

function checkInteger(value, name, least = 0) {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < least || Object.is(value, -0)) refuse(`${name} is not an integer in its range`);
  return value;
}

function checkHash(text, name) {
  if (typeof text !== "string" || !/^[0-9a-f]{64}$/.test(text)) refuse(`${name} is not 64 lower-case hex digits`);
  return text;
}

function checkAt(text) {
  const match = typeof text === "string" && /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.\d{6}Z$/.exec(text);
  if (!match) refuse("at is not YYYY-MM-DDThh:mm:ss.ffffffZ");
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number);
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > days[month - 1] || hour > 23 || minute > 59 || second > 59) refuse("at is no real time");
  return text;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function printExt(ext, ofLedger) {
  if (!isObject(ext) || !Object.keys(ext).length) refuse("ext is not a non-empty object");
  const members = Object.keys(ext).sort(byCodePoint).map((name) => {
    const value = ext[name];
    if (!/^[a-z][a-z0-9]{0,19}$/.test(name) || RESERVED.has(name)) refuse("an ext name is not allowed");
    if (name.startsWith("tally") && !ofLedger) refuse("an ext name is the ledger's own");
    if (typeof value === "string") return `${quote(name)}:${quote(checkText(value, 4096, "ext"))}`;
    if (typeof value === "boolean") return `${quote(name)}:${value}`;
    return `${quote(name)}:${checkInteger(value, "ext", -(2 ** 31))}`;
  });
  const printed = `{${members.join(",")}}`;
  if (utf8(printed).length > 4096) refuse("ext is too long");
  return printed;
}

function printStreams(streams) {
  if (!isObject(streams)) refuse("streams is not an object");
  const names = Object.keys(streams).sort(byCodePoint);
  if (names.length < 2 || names.length > 128) refuse("streams has not 2 to 128 members");
  return `{${names.map((name) => `${quote(checkText(name, 256, "a stream's name"))}:${checkInteger(streams[name], "a position")}`).join(",")}}`;
}

function printParts(parts) {
  if (!Array.isArray(parts) || parts.length < 1 || parts.length > 64) refuse("parts is not an array of 1 to 64 pairs");
  parts.forEach((part, index) => {
    if (!Array.isArray(part) || part.length !== 2) refuse("a part is not a pair");
    checkText(part[0], 256, "a part's pointer", { empty: true });
    if (index && byCodePoint(parts[index - 1][0], part[0]) >= 0) refuse("parts are not sorted by pointer, each once");
  });
  return `[${parts.map(([pointer, hash]) => `[${quote(pointer)},"${checkHash(hash, "a part's commitment")}"]`).join(",")}]`;
}

function print(said) {
  const attributes = Object.keys(LIMITS).filter((name) => name in said || ["id", "source", "type"].includes(name));
  const printed = attributes.map((name) => `"${name}":${quote(checkText(said[name], LIMITS[name], name))},`).join("");
  const ext = "ext" in said ? `"ext":${printExt(said.ext, said.type.startsWith("tallystick.ledger."))},` : "";
  const parts = "parts" in said ? `,"parts":${printParts(said.parts)}` : "";
  const head = `{"seq":${checkInteger(said.seq, "seq")},"prev":"${checkHash(said.prev, "prev")}","at":"${checkAt(said.at)}",`;
  return `${head}${printed}${ext}"streams":${printStreams(said.streams)},"body":"${checkHash(said.body, "body")}"${parts}}`;
}

/** The entry that these bytes are; throws Refused (malformed) for anything that is not printed as the format says. */
export function parseEntry(bytes) {
  if (bytes.length > BYTES) refuse(`it has ${bytes.length} bytes, at most ${BYTES} are allowed`);
  const text = textOf(bytes, "entry");
  let said;
  try {
    said = JSON.parse(text);
  } catch {
    refuse("it is not JSON");
  }
  if (!isObject(said)) refuse("it is not an object");
  if (Object.keys(said).some((name) => !MEMBERS.includes(name))) refuse("it has an unknown member");
  if (print(said) !== text) refuse("it is not printed as the format says");
  return said;
}
