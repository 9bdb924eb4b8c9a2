// The documents below data/ (bundle.md): one exact shape each, read on first use.
import { HEX64 } from "./bytes.mjs";
import { NAME, ORIGIN } from "./bag.mjs";
import { isWritable, parseEntry } from "./entry.mjs";
import { lines, readCanonical, readFile } from "./json.mjs";
import { placed, refuse } from "./refusal.mjs";
import { filed, isStreamName } from "./streams.mjs";
import { anyText, at, blob, either, hash, int, like, list, mapping, object, oneOf, rising, text, tuple } from "./shape.mjs";

const word = (value) => (isWritable(text(value)) ? value : refuse("malformed", "text holds a character that no entry may hold"));
const pointer = (value) => (value === "" ? "" : word(value));
const [KEYS_BYTES, MAX_KEYS] = [262144, 1024];

export const version = (value) => (value === 1 ? 1 : refuse("malformed", "document is not of version 1"));
const counts = object({ destroyed: int, disclosed: int, withheld: int });
const bytes32 = (bytes) => (bytes.length === 32 ? bytes : refuse("malformed", `salt has ${bytes.length} bytes, expected 32`));
const salt = (value) => bytes32(blob(value));
const lost = oneOf("withheld", "destroyed");
const hash32 = (value) => Buffer.from(hash(value), "hex");

const streamName = (value) => (isStreamName(word(value)) ? value : refuse("malformed", "a stream is filed under no such name"));
const short = (bytes) => (value) => (Buffer.byteLength(word(value)) <= bytes ? value : refuse("malformed", "text is too long"));

export const shortWord = short(4096);

const SCOPE = object({
  asked: object({ at, by: like(/^[A-Za-z0-9._:-]{1,128}$/) }),
  control: object({
    bodies: counts, entries: int, parts: counts, streams: list(object({ count: int, listed: int, name: word })),
    types: mapping(int) }),
  log: object({ census: int, origin: word, root: hash, size: int }),
  question: object({
    kind: oneOf("stream", "dataset", "deletion", "everything"),
    streams: list(object({ name: streamName }, { from: at, to: at })) }, { subject: shortWord }),
  v: version,
});
const CONSISTENCY = object({ heads: list(object({ path: list(hash32), root: hash32, size: int })), v: version });
const KEYS = object({ added: list(int), evidence: hash, log: hash, retired: list(int), v: version });
const CENSUS = object({
  root: hash, seq: int, v: version,
  streams: list(object({ bucket: anyText, count: int, name: word, path: tuple(...Array(16).fill(hash32)) })) });
const PROOFS = object({ size: int, subtrees: list(tuple(int, int, hash32)), v: version });
const STATEMENT = object({
  _type: oneOf("https://in-toto.io/Statement/v1"),
  predicate: object({ census: int, origin: word, root: hash, size: int }),
  predicateType: oneOf("urn:tallystick:evidence:v1"),
  subject: list(object({ digest: object({ sha256: hash }), name: word })),
});
const BODY = either(object({ seq: int, state: lost }), object({ bytes: blob, salt, seq: int }));
const PART = either(object({ pointer, seq: int, state: lost }), object({ bytes: blob, pointer, salt, seq: int }));

const byName = ({ name }) => name;

/** What a question asks about: everything, or streams; a dataset by its full name, a deletion by its request's id. */
function checkQuestion({ kind, streams, subject: about }) {
  rising(streams, byName, "streams of the question");
  for (const { name, from, to } of streams) if (from >= to) refuse("malformed", `window of ${name} ends before it begins`);
  if ((kind === "everything") !== (streams.length === 0)) {
    refuse("malformed", `a question of kind ${kind} asks for ${streams.length} streams`);
  }
  const asks = kind === "dataset" || kind === "deletion";
  if (asks !== (about !== undefined)) {
    refuse("malformed", `a question of kind ${kind} has ${asks ? "no" : "a"} subject`);
  }
  if (!asks) return;
  const dataset = about.startsWith("dataset:") ? filed("dataset", about.slice("dataset:".length)) : "";
  const name = kind === "deletion" ? filed("request", about) : dataset;
  if (!streams.some((stream) => stream.name === name)) {
    refuse("malformed", "the stream of the subject is not asked for");
  }
}

/** Bundle files as values; each is refused at its own path. */
export class Documents {
  #read = new Map();

  constructor(files) {
    this.files = files;
  }

  once(path, read) {
    if (!this.#read.has(path)) this.#read.set(path, placed(path, () => read(this.files.get(path))));
    return this.#read.get(path);
  }

  json(path, shape) {
    return this.once(path, (bytes) => shape(readFile(bytes)));
  }

  lines(path, read) {
    const at = (i) => `${path} line ${i + 1}`;
    return this.once(path, (bytes) => lines(bytes).map((line, i) => placed(at(i), () => read(line, at(i)))));
  }

  /** Entries with their place, `where`. */
  get entries() {
    return this.lines("data/entries.jsonl", (line, where) => ({ ...parseEntry(line), where }));
  }

  get bodies() {
    const path = "data/bodies.jsonl";
    const bodies = this.lines(path, (line, where) => ({ ...BODY(readCanonical(line)), where }));
    return placed(path, () => rising(bodies, ({ seq }) => seq, "bodies"));
  }

  get parts() {
    const path = "data/parts.jsonl";
    const parts = this.lines(path, (line, where) => ({ ...PART(readCanonical(line)), where }));
    const order = ({ seq, pointer }) => `${String(seq).padStart(16, "0")} ${pointer}`;
    return placed(path, () => rising(parts, order, "parts"));
  }

  get scope() {
    const scope = this.json("data/scope.json", SCOPE);
    placed("data/scope.json", () => checkQuestion(scope.question));
    return scope;
  }

  get consistency() {
    const { heads } = this.json("data/consistency.json", CONSISTENCY);
    return placed("data/consistency.json", () => rising(heads, ({ size }) => size, "heads"));
  }

  get keys() {
    const path = "data/keys.json";
    if (this.files.get(path).length > KEYS_BYTES) refuse("malformed", `file has more than ${KEYS_BYTES} bytes`, path);
    const keys = this.json(path, KEYS);
    placed(path, () => [keys.added, keys.retired].forEach((seqs) => rising(seqs, (seq) => seq, "seqs")));
    if (keys.added.length > MAX_KEYS) refuse("malformed", `more than ${MAX_KEYS} keys were added`, path);
    return keys;
  }

  get census() {
    const census = this.json("data/census.json", CENSUS);
    placed("data/census.json", () => rising(census.streams, byName, "streams"));
    return census;
  }

  get proofs() {
    return this.json("data/proofs.json", PROOFS);
  }

  get statement() {
    return this.json("data/statement.json", STATEMENT);
  }
}

const BY_LEDGER = {
  "tallystick.ledger.created.v1": object(
    { format: int, hash: oneOf("sha256"), log_key: text, origin: like(ORIGIN) },
    { predecessor: object({ origin: like(ORIGIN), root: hash, size: int }) }),
  "tallystick.ledger.key-added.v1": object({ id: like(HEX64), purpose: oneOf("log", "evidence"), spki: blob }, { vkey: text }),
  "tallystick.ledger.key-retired.v1": object(
    { id: like(HEX64), purpose: oneOf("log", "evidence"), reason: oneOf("rotated", "compromised") }),
  "tallystick.ledger.census-taken.v1": object({ root: hash, streams: int }),
};

/** The body of one of the ledger's own events that a verifier looks into (events.md). */
export const readLedgerBody = (type, bytes) => BY_LEDGER[type](readCanonical(bytes));

const DATA = [
  "README.txt", "scope.json", "checkpoint", "consistency.json", "keys.json", "census.json", "entries.jsonl", "bodies.jsonl",
  "parts.jsonl", "proofs.json", "lineage.json", "lineage.svg", "prov.json", "report.html", "statement.json"];
const REQUIRED = [
  "bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt", "signatures/statement.dsse.json",
  "signatures/tagmanifest.ed25519.sig", ...DATA.map((name) => `data/${name}`)];
const OPTIONAL = [
  /^signatures\/manifest\.(p256\.sig|tsr)$/, /^data\/checkpoint\.tsr$/, /^data\/handovers\/[0-9]{16}$/,
  /^data\/certificates\/(0|[1-9][0-9]{0,15})\.json$/];
export const UNPROVEN = /^(signatures\/manifest\..*|data\/(checkpoint\.tsr|lineage\.svg|prov\.json|report\.html))$/;

/** The bundle's name and its files without the top folder. */
export function openFolder(archive) {
  const folders = new Set([...archive.keys()].map((path) => path.split("/")[0]));
  const [name] = folders;
  const inside = [...archive.keys()].every((path) => path.includes("/"));
  if (folders.size !== 1 || !inside || !NAME.test(name)) {
    refuse("malformed", "archive is not one folder with a bundle's name", "archive");
  }
  return { name, files: new Map([...archive].map(([path, bytes]) => [path.slice(name.length + 1), bytes])) };
}

/** Refuse unless every file is there that must be. */
export function checkRequired(files) {
  for (const path of REQUIRED) if (!files.has(path)) refuse("incomplete", "file is not there", path);
}

/** The paths of the handovers, by size. */
export function handoversOf(files) {
  const paths = [...files.keys()].filter((path) => path.startsWith("data/handovers/")).sort();
  if (paths.length > MAX_KEYS) refuse("malformed", `more than ${MAX_KEYS} handovers`, "data/handovers/");
  return paths;
}

/** Refuse a file that bundle.md does not know. */
export function checkKnown(files) {
  for (const path of files.keys()) {
    if (!REQUIRED.includes(path) && !OPTIONAL.some((pattern) => pattern.test(path))) refuse("malformed", "file has no place in a bundle", path);
  }
}
