// C2SP signed notes, verifier keys, checkpoints, cosignatures and tlog-proofs, each in one spelling.
import { base64, sha256, utf8 } from "./bytes.mjs";
import { verifyEd25519 } from "./ed25519.mjs";
import { verifyMlDsa44 } from "./mldsa.mjs";
import { refuse } from "./refusal.mjs";

export const TYPE = { log: 0x01, ecdsa: 0x02, witness: 0x04, rfc6962: 0x05, mlDsa: 0x06 };
const KEY_BYTES = { 1: [32, 32], 2: [1, 2048], 4: [32, 32], 5: [1, 2048], 6: [1312, 1312] };
const SIGNATURES = 64;
export const NOTE_BYTES = 1_000_000;
const MAX_SIZE = 2n ** 63n - 1n;

const malformed = (detail) => refuse("malformed", detail);
const isName = (name) => name !== "" && !/[\p{White_Space}\u0000-\u001f+]/u.test(name);

/** A decimal number from 0 to 2^63-1, as a BigInt. */
export function decimal(text, what) {
  if (!/^(0|[1-9][0-9]{0,18})$/.test(text) || BigInt(text) > MAX_SIZE) malformed(`${what} is not a decimal number`);
  return BigInt(text);
}

export function hash32(text, what) {
  const hash = base64(text, what);
  return hash.length === 32 ? hash : malformed(`${what} has ${hash.length} bytes, expected 32`);
}

/** name "+" id "+" base64(type || key), with the id recomputed. */
export function parseVkey(text) {
  const parts = /^([^+\n]+)\+([0-9a-f]{8})\+([^\n]+)$/.exec(text) ?? malformed("verifier key is not name, id and base64");
  const [name, id] = [parts[1], parts[2]];
  if (!isName(name)) malformed("verifier key has a name with a space or control character");
  const bytes = base64(parts[3], "verifier key");
  const [type, key] = [bytes[0], bytes.subarray(1)];
  const [least, most] = KEY_BYTES[type] ?? malformed("verifier key has an unknown type");
  if (key.length < least || key.length > most) malformed(`verifier key has ${key.length} bytes`);
  if (type === TYPE.mlDsa && Buffer.byteLength(name) > 255) malformed("name of an ML-DSA-44 key is too long");
  const hashed = type === TYPE.rfc6962 ? sha256(key) : key;
  const computed = type === TYPE.ecdsa ? sha256(key) : sha256(name, "\n", Buffer.of(type), hashed);
  if (computed.toString("hex", 0, 4) !== id) malformed("verifier key has another id than its key");
  return { name, id, type, key, text };
}

/** {text, lines: [{name, id, signature}]}; the text ends in its newline. */
export function parseNote(bytes) {
  if (bytes.length > NOTE_BYTES) malformed(`note has ${bytes.length} bytes`);
  const note = utf8(bytes, "note");
  if (/[\u0000-\u0009\u000b-\u001f]/.test(note)) malformed("note has a control character");
  const divide = note.lastIndexOf("\n\n");
  if (divide < 0 || !note.endsWith("\n")) malformed("note is not a text, a blank line and signatures");
  const signatures = note.slice(divide + 2);
  if (signatures === "") malformed("note has no signature");
  const found = signatures.slice(0, -1).split("\n").map((line) => {
    const parts = /^\u2014 ([^ ]+) ([^ ]+)$/.exec(line) ?? malformed("signature line is not a dash, a name and base64");
    if (!isName(parts[1])) malformed("signature line has a name with a space or plus");
    const blob = base64(parts[2], "signature");
    if (blob.length < 5) malformed("signature has no bytes behind its key id");
    return { name: parts[1], id: blob.toString("hex", 0, 4), signature: blob.subarray(4) };
  });
  if (found.length > SIGNATURES) malformed(`note has ${found.length} signatures`);
  return { text: note.slice(0, divide + 1), lines: found };
}

function cosignedByMlDsa(name, timestamp, text) {
  const { origin, size, root } = parseCheckpoint(text, true);
  const u64 = (value) => { const b = Buffer.alloc(8); b.writeBigUInt64BE(value); return b; };
  const short = (word) => {
    const b = Buffer.from(word);
    return b.length <= 255 ? Buffer.concat([Buffer.of(b.length), b]) : malformed("name has more than 255 bytes");
  };
  return Buffer.concat([Buffer.from("subtree/v1\n\0"), short(name), u64(timestamp), short(origin), u64(0n), u64(size), root]);
}

/** Verify one signature: null where nothing here can, the timestamp of a cosignature, or 0n. */
export function verifySignature(vkey, text, signature) {
  if (vkey.type === TYPE.log) {
    return verifyEd25519(vkey.key, Buffer.from(text), signature) ? 0n : refuse("tampered", "signature does not match");
  }
  if (vkey.type === TYPE.ecdsa || vkey.type === TYPE.rfc6962) return null;
  if (signature.length < 8) malformed("cosignature has no room for a timestamp");
  const timestamp = signature.readBigUInt64BE();
  if (timestamp > MAX_SIZE) malformed("cosignature has a timestamp beyond 2^63-1");
  const rest = signature.subarray(8);
  const good = vkey.type === TYPE.mlDsa
    ? verifyMlDsa44(vkey.key, cosignedByMlDsa(vkey.name, timestamp, text), rest)
    : verifyEd25519(vkey.key, Buffer.from(`cosignature/v1\ntime ${timestamp}\n${text}`), rest);
  return good ? timestamp : refuse("tampered", `cosignature of ${vkey.name} does not match`);
}

/** Check every line of a known key; lines of strangers are passed over. Maps the keys that signed to their timestamps. */
export function checkSignatures(note, vkeys) {
  const [signers, unchecked] = [new Map(), []];
  for (const line of note.lines) {
    const known = vkeys.filter((vkey) => vkey.name === line.name && vkey.id === line.id);
    if (known.length === 0) continue;
    const twice = note.lines.filter((other) => other.name === line.name && other.id === line.id).length > 1;
    if (known.length > 1 || twice) malformed(`two keys or two lines are called ${line.name}+${line.id}`);
    const timestamp = verifySignature(known[0], note.text, line.signature);
    if (timestamp === null) unchecked.push(known[0]); else signers.set(known[0], timestamp);
  }
  return { signers, unchecked };
}

/** origin, size and root; extension lines only where a `foreign` log may have them. */
export function parseCheckpoint(text, foreign = false) {
  const lines = text.split("\n");
  if (lines.pop() !== "" || lines.length < 3 || (!foreign && lines.length > 3)) {
    malformed("checkpoint is not origin, size and root");
  }
  const [origin, size, root, ...extensions] = lines;
  for (const line of [origin, ...extensions]) {
    if (line === "" || /[\u0000-\u001f]/.test(line)) malformed("checkpoint has an empty line or a control character");
  }
  return { origin, size: decimal(size, "checkpoint size"), root: hash32(root, "checkpoint root"), extensions };
}

/** c2sp.org/tlog-proof@v1: {extra, index, path, checkpoint}. */
export function parseProof(bytes) {
  if (bytes.length > NOTE_BYTES) malformed(`proof has ${bytes.length} bytes`);
  const text = utf8(bytes, "proof");
  const divide = text.indexOf("\n\n");
  if (divide < 0) malformed("proof has no blank line before its checkpoint");
  const [header, ...rest] = text.slice(0, divide).split("\n");
  if (header !== "c2sp.org/tlog-proof@v1") malformed("proof has another header");
  let extra = Buffer.alloc(0);
  if (rest[0]?.startsWith("extra ")) {
    extra = base64(rest.shift().slice(6), "extra data");
    if (!extra.length) malformed("proof has an extra line without data");
  }
  if (!rest[0]?.startsWith("index ")) malformed("proof has no index line");
  const index = decimal(rest.shift().slice(6), "proof index");
  if (rest.length > 63) malformed(`proof has ${rest.length} hashes`);
  const checkpoint = text.slice(divide + 2);
  if (checkpoint === "") malformed("proof has no checkpoint");
  return { extra, index, path: rest.map((line) => hash32(line, "proof hash")), checkpoint };
}
