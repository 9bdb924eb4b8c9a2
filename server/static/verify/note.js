// Signed notes (C2SP signed-note), verifier keys, checkpoints and proofs of one entry: read by exactly the grammar that prints them.

import { fromBase64, hex, Refused, sha256, textOf, utf8 } from "./bytes.js";
import { verifySignature } from "./ed25519.js";

const BYTES = 1_000_000;
const SIGNATURES = 64;
const HASHES = 63;
const MAX = 2n ** 63n - 1n;
const ED25519 = 1;
const LENGTHS = new Map([[1, 32], [4, 32], [6, 1312]]);
const KINDS = new Set([1, 2, 4, 5, 6]);
// Python's white space, which is what our keys are named without; U+0085 and U+001C-001F are not in JavaScript's \s, U+FEFF is.
const NAME = /^[^\t-\r\u0000-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000+]+$/;

const malformed = (why) => {
  throw new Refused("malformed", why);
};

function wellFormed(text) {
  return typeof text.isWellFormed === "function" ? text.isWellFormed() : !/[\ud800-\udfff]/u.test(text);
}

function decoded(data, what) {
  const bytes = typeof data === "string" ? utf8(data) : data;
  if (typeof data === "string" && !wellFormed(data)) malformed(`${what} is not UTF-8`);
  if (bytes.length > BYTES) malformed(`${what} has ${bytes.length} bytes, at most ${BYTES} are allowed`);
  return textOf(bytes, what);
}

/** A number from 0 to 2^63 - 1 in its one spelling, as BigInt. */
export function decimal(text, what) {
  const number = /^(?:0|[1-9][0-9]{0,18})$/.test(text) ? BigInt(text) : -1n;
  if (number < 0n || number > MAX) malformed(`${what} is not a decimal number from 0 to 2^63 - 1`);
  return number;
}

async function keyId(name, kind, key) {
  if (kind === 2) return (await sha256(key)).subarray(0, 4);
  const held = kind === 5 ? await sha256(key) : key;
  return (await sha256(utf8(name), Uint8Array.of(10, kind), held)).subarray(0, 4);
}

/** {name, id, kind, key, text, label} of `name+id+base64(type || public key)`. */
export async function parseVkey(text) {
  const match = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(text);
  if (!match) malformed("verifier key is not name, id in hex and base64 with a plus between them");
  const [, name, id, encoded] = match;
  const material = fromBase64(encoded, "verifier key");
  const [kind, key] = [material[0], material.subarray(1)];
  if (!KINDS.has(kind)) malformed(`verifier key has the unknown type ${kind}`);
  if (!NAME.test(name) || !wellFormed(name)) malformed("key name is empty or holds a space, a plus or a control character");
  if (LENGTHS.has(kind) && key.length !== LENGTHS.get(kind)) malformed(`key has ${key.length} bytes, expected ${LENGTHS.get(kind)}`);
  if (!key.length || key.length > 2048) malformed(`key has ${key.length} bytes, expected 1 to 2048`);
  if (kind === 6 && utf8(name).length > 255) malformed("name of an ML-DSA-44 key has more than 255 bytes");
  const computed = hex(await keyId(name, kind, key));
  if (computed !== id) malformed(`key has the id ${id}, computed ${computed}`);
  return { name, id, kind, key, text, label: `${name}+${id}` };
}

/** {text, signatures: [{name, id, signature}]} of a note; nothing is verified yet. */
export function parseNote(data) {
  const note = decoded(data, "note");
  const divide = note.lastIndexOf("\n\n");
  if (divide < 0) malformed("note has no blank line between text and signatures");
  const [text, below] = [note.slice(0, divide + 1), note.slice(divide + 2)];
  if (!below.endsWith("\n")) malformed("note does not end in a signature line and a newline");
  const lines = below.slice(0, -1).split("\n");
  if (lines.length > SIGNATURES) malformed(`note has ${lines.length} signatures, at most ${SIGNATURES} are allowed`);
  const signatures = lines.map(parseLine);
  if (/[\u0000-\u0009\u000b-\u001f]/.test(text)) malformed("note text holds a character that no note may hold");
  return { text, signatures };
}

function parseLine(line) {
  const match = /^\u2014 ([^ ]+) (.+)$/s.exec(line);
  if (!match) malformed("signature line is not a dash, a name and base64");
  const raw = fromBase64(match[2], "signature");
  if (!NAME.test(match[1])) malformed("key name is empty or holds a space, a plus or a control character");
  if (raw.length < 5) malformed(`signature has ${raw.length} bytes, expected 4 of key id and more`);
  return { name: match[1], id: hex(raw.subarray(0, 4)), signature: raw.subarray(4) };
}

/**
 * Verifies every signature of a known key; returns {text, signers, unchecked}. Signatures of strangers are passed over; those of known keys of
 * other types than Ed25519 are `unchecked`. Throws Refused: tampered where one does not verify, unverifiable where none is known.
 */
export async function verifyNote(data, vkeys) {
  const note = parseNote(data);
  const known = await Promise.all(vkeys.map((vkey) => (typeof vkey === "string" ? parseVkey(vkey) : vkey)));
  const [signers, unchecked, seen] = [[], [], new Set()];
  for (const line of note.signatures) {
    const found = known.filter((key) => key.name === line.name && key.id === line.id);
    if (!found.length) continue;
    if (new Set(found.map((key) => key.text)).size < found.length || found.length > 1) malformed(`${found.length} known keys are called ${found[0].label}`);
    if (seen.has(found[0].label)) malformed(`note has two signatures of ${found[0].label}`);
    seen.add(found[0].label);
    if (found[0].kind !== ED25519) unchecked.push(found[0]);
    else {
      await verifySignature(found[0].key, utf8(note.text), line.signature);
      signers.push(found[0]);
    }
  }
  if (!signers.length) throw new Refused("unverifiable", "no key that this page trusts signed the checkpoint");
  return { text: note.text, signers, unchecked };
}

/** {origin, size (BigInt), root} of a note's text; `foreign`: extension lines may stand below. */
export function parseCheckpoint(text, { foreign = false } = {}) {
  const lines = text.split("\n");
  const rest = lines.pop();
  if (rest || lines.length < 3 || (lines.length > 3 && !foreign)) malformed(`checkpoint has ${lines.length} whole lines, expected origin, size and root`);
  const [origin, size, root, ...extensions] = lines;
  for (const line of [origin, ...extensions]) if (!line || /[\u0000-\u001f]/.test(line) || !wellFormed(line)) malformed("checkpoint has a line that is not text");
  const hash = fromBase64(root, "checkpoint root");
  if (hash.length !== 32) malformed(`checkpoint root has ${hash.length} bytes, expected 32`);
  return { origin, size: decimal(size, "checkpoint size"), root: hash };
}

/** {index (BigInt), path, checkpoint, extra} of a `.tlog-proof`. */
export function parseProof(data) {
  const text = decoded(data, "proof");
  const blank = text.indexOf("\n\n");
  if (blank < 0) malformed("proof has no blank line before its checkpoint");
  const [header, ...lines] = text.slice(0, blank).split("\n");
  if (header !== "c2sp.org/tlog-proof@v1") malformed("proof does not begin with c2sp.org/tlog-proof@v1");
  let extra = new Uint8Array();
  if (lines[0]?.startsWith("extra ")) {
    extra = fromBase64(lines.shift().slice(6), "extra data");
    if (!extra.length) malformed("proof has an extra line without data");
  }
  if (!lines[0]?.startsWith("index ")) malformed("proof has no index line");
  const index = decimal(lines.shift().slice(6), "proof index");
  const path = lines.map((line, number) => fromBase64(line, `proof hash ${number + 1}`));
  if (path.length > HASHES) malformed(`proof has ${path.length} hashes, at most ${HASHES} are possible`);
  path.forEach((node, number) => node.length === 32 || malformed(`proof hash ${number + 1} has ${node.length} bytes, expected 32`));
  const checkpoint = text.slice(blank + 2);
  if (!checkpoint) malformed("proof has no checkpoint");
  return { index, path, checkpoint, extra };
}

