// Steps log-key, expected-head and keys: from the reader's trust to the keys that signed (checkpoint.md).
import { sha256, sha256Hex } from "./bytes.mjs";
import { ORIGIN } from "./bag.mjs";

import { handoversOf, readLedgerBody } from "./documents.mjs";
import { keyOfSpki, spkiOf } from "./ed25519.mjs";
import { isLedger } from "./entry.mjs";
import { verifyConsistency } from "./merkle.mjs";
import { TYPE, checkSignatures, parseCheckpoint, parseNote, parseVkey } from "./note.mjs";
import { placed, refuse } from "./refusal.mjs";

const CHECKPOINT = "data/checkpoint";
const CREATED = "tallystick.ledger.created.v1";
const ADDED = "tallystick.ledger.key-added.v1";
const RETIRED = "tallystick.ledger.key-retired.v1";

const tampered = (detail, where) => refuse("tampered", detail, where);

function readSigned(bytes, path) {
  return placed(path, () => {
    const note = parseNote(bytes);
    const checkpoint = parseCheckpoint(note.text);
    if (!ORIGIN.test(checkpoint.origin)) refuse("malformed", "origin is not 1 to 200 bytes of [A-Za-z0-9._/-]");
    if (checkpoint.size > BigInt(Number.MAX_SAFE_INTEGER)) refuse("malformed", "size is beyond 2^53-1");
    return { path, note, ...checkpoint };
  });
}

/** The disclosed body of an event of the ledger; its commitment can be checked once the entries are known. */
function claimedLine(view, seq) {
  const line = view.documents.bodies.find((one) => one.seq === seq);
  if (!line) refuse("incomplete", `entry ${seq} of the ledger has no line for its body`, "data/bodies.jsonl");
  if (!line.bytes) refuse("incomplete", "the body of an event of the ledger is not disclosed", line.where);
  return line;
}

/** A body of the ledger whose commitment holds. */
export function ledgerBody(view, entry) {
  const line = claimedLine(view, entry.seq);
  checkCommitment("body", line, entry.body);
  return placed(line.where, () => readLedgerBody(entry.type, line.bytes));
}

/** What the bundle says of its keys, in log order: {id, purpose, key, vkey, added, retired}. Step keys checks it. */
function claimedKeys(view, origin) {
  const { added, retired } = view.documents.keys;
  const events = [[0, CREATED], ...added.map((seq) => [seq, ADDED]), ...retired.map((seq) => [seq, RETIRED])];
  events.sort(([a], [b]) => a - b);
  const keys = new Map();
  for (const [seq, type] of events) {
    const { bytes, where } = claimedLine(view, seq);
    const body = placed(where, () => readLedgerBody(type, bytes));
    if (type === RETIRED) {
      const known = keys.get(body.id);
      if (known?.purpose !== body.purpose || known.retired !== Infinity) {
        tampered("a key is retired that was not in use", where);
      }
      Object.assign(known, { retired: seq, compromised: body.reason === "compromised" });
    } else {
      const claimed = placed(where, () => (type === CREATED ? firstKey(body, origin) : addedKey(body, origin)));
      if (keys.has(claimed.id)) tampered("a key is added twice", where);
      keys.set(claimed.id, { ...claimed, added: seq, retired: Infinity });
    }
  }
  return [...keys.values()];
}

function logKey(text, origin) {
  const vkey = parseVkey(text);
  if (vkey.type !== TYPE.log || vkey.name !== origin) refuse("malformed", "log key is of another log");
  return vkey;
}

function firstKey(created, origin) {
  if (created.origin !== origin) tampered("entry 0 is of another origin");
  if (created.format !== 1) refuse("malformed", "log is of another format");
  const vkey = logKey(created.log_key, origin);
  return { id: sha256Hex(spkiOf(vkey.key)), purpose: "log", key: vkey.key, vkey };
}

function addedKey({ id, purpose, spki, vkey: text }, origin) {
  const key = keyOfSpki(spki);
  if (!key) refuse("malformed", "key is not one of Ed25519");
  if (sha256Hex(spki) !== id) refuse("malformed", "key has another id");
  if ((text !== undefined) !== (purpose === "log")) refuse("malformed", "a vkey stands exactly with a log key");
  const vkey = text === undefined ? null : logKey(text, origin);
  if (vkey && !vkey.key.equals(key)) refuse("malformed", "vkey is of another key");
  return { id, purpose, key, vkey };
}

/** The keys of all lists, each once: of equal ones the first, so that identity means equality. */
const joined = (...lists) => lists.flat().filter((vkey, i, all) => all.findIndex(({ text }) => text === vkey.text) === i);

/** Step log-key: the checkpoint, its signers, and the log keys that the reader's trust reaches. */
export function checkLogKey(view) {
  const { files, policy } = view;
  if (!policy) refuse("unverifiable", "no trust file was given", "trust file");
  const checkpoint = readSigned(files.get(CHECKPOINT), CHECKPOINT);
  const { origin } = checkpoint;
  const trusted = policy.logsOf(origin);
  if (!trusted.length) refuse("unverifiable", `trust file has no log ${origin}`, CHECKPOINT);

  view.claimed = claimedKeys(view, origin);
  const logKeys = view.claimed.filter(({ purpose }) => purpose === "log");
  // A signature that fails is a fault under any key that the reader knows; what counts is signed under the log's own name.
  const known = joined(trusted, policy.logs.filter(({ type }) => type === TYPE.log), logKeys.map(({ vkey }) => vkey));
  const signersOf = ({ note, path }) => placed(path, () => [...checkSignatures(note, known).signers.keys()]
    .filter(({ name }) => name === origin));
  const handovers = handoversOf(files).map((path) => {
    const handover = readSigned(files.get(path), path);
    if (path !== `data/handovers/${String(handover.size).padStart(16, "0")}` || handover.size < 1n
      || handover.size >= checkpoint.size) refuse("malformed", "handover is not of this size", path);
    if (handover.origin !== origin) tampered(`handover is of ${handover.origin}`, path);
    return { ...handover, signers: signersOf(handover) };
  });
  checkpoint.signers = signersOf(checkpoint);
  const line = new Set(trusted.map(({ text }) => text));
  for (const note of [...handovers, checkpoint]) {
    for (const [old, key] of handed(logKeys, note)) {
      if (line.has(old.vkey.text) && !old.compromised) line.add(key.vkey.text);
    }
  }
  if (!checkpoint.signers.some(({ text }) => line.has(text))) {
    refuse("unverifiable", "no key of the trusted line signed", CHECKPOINT);
  }
  const own = [...trusted, ...view.claimed].map(({ key }) => key);
  const witnesses = placed(CHECKPOINT, () => policy.witnessed(checkpoint.note, origin, own));
  if (!policy.met(new Set(witnesses.keys()))) {
    refuse("unverifiable", "the quorum of the trust file is not met", CHECKPOINT);
  }
  Object.assign(view, {
    checkpoint, origin, size: Number(checkpoint.size), root: checkpoint.root, handovers, witnesses,
    line: known.filter(({ text }) => line.has(text)) });
}

/** Step expected-head: the reader's kept checkpoint is the same, or was continued. */
export function checkExpectedHead(view) {
  const heads = view.documents.consistency;
  if (!view.expectedHead) return;
  const where = "expected head";
  const head = readSigned(view.expectedHead, where);
  if (head.origin !== view.origin) refuse("unverifiable", `head is of ${head.origin}`, where);
  const { signers } = placed(where, () => checkSignatures(head.note, view.line));
  if (!signers.size) refuse("unverifiable", "head is not signed by a key of the trusted line", where);
  view.head = { ...head, signers: [...signers.keys()] };
  if (head.size === view.checkpoint.size) {
    if (!head.root.equals(view.root)) tampered("one size has two roots", where);
    return;
  }
  const proof = heads.find(({ size }) => BigInt(size) === head.size);
  if (!proof) refuse("unverifiable", `no consistency proof from size ${head.size}`, "data/consistency.json");
  placed("data/consistency.json", () => verifyConsistency(head.size, view.checkpoint.size, head.root, view.root, proof.path));
}

/** Refuse a body or part that does not match what its entry committed to. */
export function checkCommitment(kind, { salt, bytes, where }, commitment) {
  if (sha256(`tallystick/${kind}/v1\0`, salt, bytes).toString("hex") !== commitment) {
    tampered(`${kind} does not match its commitment`, where);
  }
}

/** The key last added before `size` and not retired before it. */
const currentAt = (keys, purpose, size) =>
  keys.filter((key) => key.purpose === purpose && key.added < size && key.retired >= size).at(-1);

const signedBy = ({ signers }, key) => signers.some((vkey) => vkey.key.equals(key.key));

/** [old, new] of each change of the log key that a note hands over, from the key current there back while both signed. */
function handed(logKeys, note) {
  const pairs = [];
  let at = logKeys.indexOf(currentAt(logKeys, "log", Number(note.size)));
  for (; at > 0 && signedBy(note, logKeys[at]) && signedBy(note, logKeys[at - 1]); at -= 1) {
    pairs.unshift([logKeys[at - 1], logKeys[at]]);
  }
  return pairs;
}

/** Step keys: what was trusted by signature is what the entries say, in their order. */
export function checkKeys(view) {
  const { entries, keys } = view.documents;
  for (const entry of entries) {
    if (isLedger(entry) && entry.source !== view.origin) {
      tampered("an event of the ledger has another source than its origin", entry.where);
    }
  }
  if (!entries.some(({ seq }) => seq === 0)) refuse("incomplete", "entry 0 is not listed", "data/entries.jsonl");
  const where = "data/keys.json";
  for (const [type, said] of [[CREATED, [0]], [ADDED, keys.added], [RETIRED, keys.retired]]) {
    const found = entries.filter((entry) => entry.type === type);
    if (String(said) !== String(found.map(({ seq }) => seq))) tampered(`${type} is not where keys.json says`, where);
    found.forEach((entry) => ledgerBody(view, entry));
  }
  const [log, evidence] = ["log", "evidence"].map((purpose) => currentAt(view.claimed, purpose, view.size));
  if (!log || !evidence) tampered("no key is current at the checkpoint's size", "data/entries.jsonl");
  checkHandovers(view, view.claimed.filter(({ purpose }) => purpose === "log"));
  if (!view.line.some(({ text }) => text === log.vkey.text)) {
    refuse("unverifiable", "no handover leads from a trusted key to the current one", CHECKPOINT);
  }
  if (keys.log !== log.id) tampered("log is not the current log key", where);
  if (keys.evidence !== evidence.id) tampered("evidence is not the current evidence key", where);
  view.evidenceKey = evidence;
}

/** Each change of the log key has its checkpoint, signed by old and new, and no later one is signed by the old key alone. */
function checkHandovers(view, logKeys) {
  const reached = new Set();
  for (const note of [...view.handovers, view.checkpoint]) {
    const pairs = handed(logKeys, note);
    if (!pairs.length && note !== view.checkpoint) {
      refuse("incomplete", "handover is not signed by the old key and the new one", note.path);
    }
    for (const [old, key] of pairs) {
      if (Number(note.size) <= old.retired) tampered("handover does not hold the end of the old key", note.path);
      reached.add(key);
    }
  }
  const current = currentAt(logKeys, "log", view.size);
  for (const key of logKeys.slice(1, logKeys.indexOf(current) + 1)) {
    if (!reached.has(key)) refuse("incomplete", "a change of the log key has no handover", "data/handovers/");
  }
  for (const note of [...view.handovers, view.checkpoint, ...(view.head ? [view.head] : [])]) {
    const key = currentAt(logKeys, "log", Number(note.size));
    if (!key || !signedBy(note, key)) tampered(`the log key that is current at ${note.size} did not sign`, note.path);
  }
}
