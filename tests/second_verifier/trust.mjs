// Steps log-key, expected-head and keys: from the reader's trust to the keys that signed (checkpoint.md).
import { sha256, sha256Hex } from "./bytes.mjs";
import { readLedgerBody } from "./documents.mjs";
import { isStrictPoint, keyOfSpki, spkiOf } from "./ed25519.mjs";
import { readCanonical } from "./json.mjs";
import { verifyConsistency } from "./merkle.mjs";
import { TYPE, checkSignatures, parseCheckpoint, parseNote, parseVkey } from "./note.mjs";
import { Refusal, placed, refuse } from "./refusal.mjs";

const CHECKPOINT = "data/checkpoint";
const CREATED = "tallystick.ledger.created.v1";
const ADDED = "tallystick.ledger.key-added.v1";
const RETIRED = "tallystick.ledger.key-retired.v1";

const tampered = (detail, where) => refuse("tampered", detail, where);
const idOf = (vkey) => sha256Hex(spkiOf(vkey.key));

function readSigned(files, path) {
  return placed(path, () => {
    const note = parseNote(files.get(path));
    return { path, note, ...parseCheckpoint(note.text) };
  });
}

/** Log keys that bodies of the bundle speak of: hints that only a signature makes worth something. */
function hintedKeys(files, origin) {
  const quietly = (work) => {
    try {
      return [work()];
    } catch (error) {
      if (error instanceof Refusal) return [];
      throw error;
    }
  };
  const document = (bytes) => quietly(() => readCanonical(bytes)).filter((value) => value instanceof Map);
  const texts = files.get("data/bodies.jsonl").toString("latin1").split("\n").flatMap((line) => document(Buffer.from(line, "latin1")))
    .filter((line) => typeof line.get("bytes") === "string").flatMap((line) => document(Buffer.from(line.get("bytes"), "base64")))
    .flatMap((body) => [body.get("log_key"), body.get("vkey")]).filter((text) => typeof text === "string");
  return texts.flatMap((text) => quietly(() => parseVkey(text))).filter((vkey) => vkey.type === TYPE.log && vkey.name === origin);
}

/** The keys of all lists, each once: of equal ones the first, so that identity means equality. */
const joined = (...lists) => lists.flat().filter((vkey, i, all) => all.findIndex(({ text }) => text === vkey.text) === i);

/** Step log-key: the checkpoint, its signers, and the log keys that the reader's trust reaches. */
export function checkLogKey(view) {
  const { files, policy } = view;
  const checkpoint = readSigned(files, CHECKPOINT);
  const { origin } = checkpoint;
  if (!policy) refuse("unverifiable", "no trust file was given");
  const trusted = policy.logsOf(origin);
  if (!trusted.length) refuse("unverifiable", `trust file has no log ${origin}`, CHECKPOINT);
  if (view.info.origin !== origin) refuse("malformed", "Source-Organization is not the checkpoint's origin", "bag-info.txt");

  const hints = hintedKeys(files, origin);
  const handovers = [...files.keys()].filter((path) => path.startsWith("data/handovers/")).sort().map((path) => readSigned(files, path));
  let line = trusted;
  for (const handover of handovers) {
    if (handover.origin !== origin || handover.path !== `data/handovers/${String(handover.size).padStart(16, "0")}`
      || handover.size >= checkpoint.size) refuse("malformed", "handover is not of this log and size", handover.path);
    handover.signers = placed(handover.path, () => [...checkSignatures(handover.note, joined(line, hints)).signers.keys()]);
    if (handover.signers.length === 2 && handover.signers.some((key) => line.includes(key))) line = joined(line, handover.signers);
  }
  const rotated = joined(line, hints);
  const { signers, witnesses } = placed(CHECKPOINT, () => policy.verify(checkpoint.note, origin, rotated.filter((key) => !trusted.includes(key))));
  checkpoint.signers = signers.filter((key) => rotated.includes(key));
  if (!checkpoint.signers.some((key) => line.includes(key))) refuse("unverifiable", "no key of the trusted line signed", CHECKPOINT);
  if (checkpoint.signers.length === 2) line = joined(line, checkpoint.signers);
  if (!policy.met(new Set(witnesses.keys()))) refuse("unverifiable", "the quorum of the trust file is not met", CHECKPOINT);
  if (checkpoint.size > BigInt(Number.MAX_SAFE_INTEGER)) refuse("malformed", "checkpoint has a size beyond 2^53-1", CHECKPOINT);
  Object.assign(view, { checkpoint, origin, size: Number(checkpoint.size), root: checkpoint.root, handovers, line, witnesses });
}

/** Step expected-head: the reader's kept checkpoint is the same, or was continued. */
export function checkExpectedHead(view) {
  if (!view.expectedHead) return;
  const where = "expected head";
  const head = placed(where, () => {
    const note = parseNote(view.expectedHead);
    return { note, ...parseCheckpoint(note.text) };
  });
  if (head.origin !== view.origin) refuse("unverifiable", `head is of ${head.origin}`, where);
  const { signers } = placed(where, () => checkSignatures(head.note, view.line));
  if (!signers.size) refuse("unverifiable", "head is not signed by a key of the trusted line", where);
  view.headSize = head.size;
  if (head.size === view.checkpoint.size) {
    if (!head.root.equals(view.root)) tampered("one size has two roots", where);
    return;
  }
  const proof = view.documents.consistency.find(({ size }) => BigInt(size) === head.size);
  if (!proof) refuse("unverifiable", `no consistency proof from size ${head.size}`, "data/consistency.json");
  placed("data/consistency.json", () => verifyConsistency(head.size, view.checkpoint.size, head.root, view.root, proof.path));
}

/** A disclosed body whose commitment holds; every event of the ledger must have one. */
export function ledgerBody(view, entry) {
  const where = `data/bodies.jsonl seq ${entry.seq}`;
  const line = view.documents.bodies.find(({ seq }) => seq === entry.seq);
  if (!line) refuse("incomplete", "an event of the ledger has no line for its body", where);
  if (!line.bytes) tampered("the body of an event of the ledger is not disclosed", where);
  checkCommitment("body", line, entry.body, where);
  return placed(where, () => readLedgerBody(entry.type, line.bytes));
}

export function checkCommitment(kind, { salt, bytes }, commitment, where) {
  if (sha256(`tallystick/${kind}/v1\0`, salt, bytes).toString("hex") !== commitment) {
    tampered(`${kind} does not match its commitment`, where);
  }
}

/** Every key by id, as the entries tell: {id, purpose, key, vkey, added, retired}. */
function keyHistory(view) {
  const keys = new Map();
  for (const entry of view.documents.entries) {
    const where = `data/entries.jsonl seq ${entry.seq}`;
    if ((entry.type === CREATED) !== (entry.seq === 0)) tampered("created stands at entry 0 and nowhere else", where);
    if (entry.seq === 0) {
      const created = ledgerBody(view, entry);
      const vkey = placed(where, () => parseVkey(created.log_key));
      if (created.origin !== view.origin || entry.source !== view.origin) tampered("entry 0 is of another origin", where);
      if (created.format !== 1) refuse("malformed", "log is of another format", where);
      if (vkey.type !== TYPE.log || vkey.name !== view.origin) tampered("the first log key is of another log", where);
      keys.set(idOf(vkey), { id: idOf(vkey), purpose: "log", key: vkey.key, vkey, added: 0, retired: Infinity });
    } else if (entry.type === ADDED) {
      const added = readAdded(view, entry, where);
      if (keys.has(added.id)) tampered("a key is added twice", where);
      keys.set(added.id, added);
    } else if (entry.type === RETIRED) {
      const { id, purpose } = ledgerBody(view, entry);
      const known = keys.get(id);
      if (known?.purpose !== purpose || known.retired !== Infinity) tampered("a key is retired that was not in use", where);
      known.retired = entry.seq;
    }
  }
  return [...keys.values()];
}

function readAdded(view, entry, where) {
  const { id, purpose, spki, vkey: text } = ledgerBody(view, entry);
  const key = keyOfSpki(spki);
  if (!key || !isStrictPoint(key)) refuse("malformed", "key is not one of Ed25519", where);
  if (sha256Hex(spki) !== id) tampered("key has another id", where);
  if ((text !== undefined) !== (purpose === "log")) refuse("malformed", "a vkey stands exactly with a log key", where);
  const vkey = text === undefined ? null : placed(where, () => parseVkey(text));
  if (vkey && (vkey.type !== TYPE.log || vkey.name !== view.origin || !vkey.key.equals(key))) tampered("vkey is of another key", where);
  return { id, purpose, key, vkey, added: entry.seq, retired: Infinity };
}

const currentAt = (keys, purpose, size) => keys.filter((key) => key.purpose === purpose && key.added < size && key.retired >= size).at(-1);

/** Step keys: what was trusted by signature is what the entries say, in their order. */
export function checkKeys(view) {
  const { entries, keys } = view.documents;
  if (!entries.some(({ seq }) => seq === 0)) refuse("incomplete", "entry 0 is not listed", "data/entries.jsonl");
  const history = keyHistory(view);
  const where = "data/keys.json";
  const seqsOf = (type) => entries.filter((entry) => entry.type === type).map(({ seq }) => seq);
  for (const [name, type] of [["added", ADDED], ["retired", RETIRED]]) {
    if (String(keys[name]) !== String(seqsOf(type))) tampered(`${name} is not the list of its entries`, where);
  }
  const [log, evidence] = ["log", "evidence"].map((purpose) => currentAt(history, purpose, view.size));
  if (keys.log !== log?.id) tampered("log is not the current log key", where);
  if (keys.evidence !== evidence?.id) tampered("evidence is not the current evidence key", where);
  checkHandovers(view, history.filter(({ purpose }) => purpose === "log"));
  view.evidenceKey = evidence;
}

/** Each change of the log key has its checkpoint, signed by the old key and the new one, and none signed alone afterwards. */
function checkHandovers(view, logKeys) {
  const notes = [...view.handovers, view.checkpoint];
  for (const { path, size, signers } of notes) {
    const current = currentAt(logKeys, "log", Number(size));
    if (!signers.some((vkey) => vkey.key.equals(current?.key ?? Buffer.of()))) tampered("the log key of that size did not sign", path);
  }
  view.handovers.forEach(({ path, size, signers }) => {
    const index = logKeys.indexOf(currentAt(logKeys, "log", Number(size)));
    const both = index > 0 && [logKeys[index - 1], logKeys[index]].every(({ key }) => signers.some((vkey) => vkey.key.equals(key)));
    if (!both || Number(size) <= logKeys[index - 1].retired) tampered("handover is not signed by the old key and the new one", path);
  });
  logKeys.slice(1).forEach((key, i) => {
    const done = notes.some(({ size, signers }) => currentAt(logKeys, "log", Number(size)) === key
      && [logKeys[i], key].every((one) => signers.some((vkey) => vkey.key.equals(one.key))));
    if (!done) refuse("incomplete", "a change of the log key has no handover", `data/entries.jsonl seq ${key.added}`);
  });
}
