// Which key of the log this browser trusts, and what it saw of the log: kept in localStorage, shown in a dialog, never sent anywhere.
//
// Trust on first use: the first time, the key that the server names is kept, and from then on no other is accepted without the reader's
// word. Who was given the key by other means (a trust file, the auditor) pastes it, and then trusts nobody's first word.

import { fetchRaw, get } from "../api.js";
import { equal, fromHex, hex, Refused, sha256 } from "./bytes.js";
import { verifyConsistency } from "./merkle.js";
import { parseVkey } from "./note.js";

const KEY = "tally.trust";
const SPKI = fromHex("302a300506032b6570032100"); // DER before the 32 bytes of an Ed25519 key (RFC 8410)
let asking = null;

/** What is kept: {origin, vkey, how, since, head: {size, root}} or null. */
export function kept() {
  try {
    const said = JSON.parse(localStorage.getItem(KEY) ?? "null");
    return said && typeof said.vkey === "string" && typeof said.origin === "string" ? said : null;
  } catch {
    return null;
  }
}

function keep(trust) {
  try {
    localStorage.setItem(KEY, JSON.stringify(trust));
  } catch {
    // Storage is closed to pages here: every visit is a first one, which the dialog says.
  }
}

/** Forgets key and history. */
export function forget() {
  localStorage.removeItem(KEY);
}

/** Trusts a key that the reader pasted: a vkey, or a line of a trust file with one in it. Throws Refused. */
export async function paste(text) {
  const word = text.trim().split(/\s+/).find((each) => each.includes("+")) ?? "";
  const key = await parseVkey(word);
  if (key.kind !== 1) throw new Refused("malformed", "it is not a log's key: a log signs with Ed25519, type 1");
  keep({ origin: key.name, vkey: key.text, how: "pasted", since: new Date().toISOString(), head: null });
  return key;
}

/** The hex SHA-256 of the key's SubjectPublicKeyInfo: its id, as `tally key list` prints it. */
export async function fingerprint(vkey) {
  const key = await parseVkey(vkey);
  return hex(await sha256(SPKI, key.key));
}

/** {origin, keys} as the server names them. */
export async function offered() {
  return get("/api/v1/log/keys");
}

async function firstUse(origin) {
  const said = await offered();
  const current = said.keys.filter((key) => key.retired === null).at(-1);
  if (!current) throw new Refused("unverifiable", "the log names no key that is in use");
  const key = await parseVkey(String(current.vkey));
  if (key.name !== origin) throw new Refused("tampered", `the server names a key of ${key.name}, and the checkpoint is of ${origin}`);
  keep({ origin, vkey: key.text, how: "first use", since: new Date().toISOString(), head: null });
}

/** The keys that the reader trusts for the log of this name; the first time it is the one that the server names. */
async function keys(origin) {
  if (!kept()) {
    asking ??= firstUse(origin).finally(() => (asking = null));
    await asking;
  }
  const trust = kept();
  if (!trust) throw new Refused("unverifiable", "this browser keeps nothing for this page, so that there is no key to trust");
  if (trust.origin !== origin) throw new Refused("tampered", `you trust a key of ${trust.origin}, and this is a checkpoint of ${origin}`);
  return [trust.vkey];
}

const proven = new Map();

/** Holds a verified checkpoint to the largest that this browser saw, and keeps the larger. Returns what was found. */
async function history(checkpoint) {
  const trust = kept();
  const [size, root] = [checkpoint.size, hex(checkpoint.root)];
  if (!trust?.head) {
    keep({ ...trust, head: { size: String(size), root } });
    return `It is the first checkpoint that this browser keeps: ${size} entries.`;
  }
  const before = { size: BigInt(trust.head.size), root: fromHex(trust.head.root) };
  const [small, large] = before.size <= size ? [before, checkpoint] : [checkpoint, before];
  const name = `${small.size} ${hex(small.root)} ${large.size} ${hex(large.root)}`;
  if (!proven.has(name)) proven.set(name, prove(small, large));
  try {
    await proven.get(name);
  } catch (error) {
    proven.delete(name);
    throw error;
  }
  if (size > before.size) keep({ ...kept(), head: { size: String(size), root } });
  return before.size === size ? `The same ${size} entries as before.` : `The first ${small.size} of ${large.size} entries are the same.`;
}

async function prove(small, large) {
  if (small.size === large.size) {
    if (!equal(small.root, large.root)) throw new Refused("tampered", `two different logs of ${small.size} entries were shown to this browser`);
    return;
  }
  const said = await get("/api/v1/log/consistency", { from: small.size, to: large.size });
  try {
    await verifyConsistency(small.size, large.size, small.root, large.root, said.hashes.map((node) => fromHex(String(node))));
  } catch (error) {
    if (error instanceof Refused) throw new Refused("tampered", `the log does not begin with the ${small.size} entries that this browser saw: ${error.message}`);
    throw error;
  }
}

/** This browser's trust, as `checkEntry` asks for it. */
export const trust = { keys, history };

/** This server's log, as `checkEntry` asks for it; an aborted signal ends what is asked. */
export function log(signal) {
  const at = (seq, part) => `/api/v1/log/entries/${seq}${part}`;
  return {
    entry: (seq) => get(at(seq, ""), {}, { signal }),
    async body(seq) {
      const answer = await missing(fetchRaw(at(seq, "/body"), { signal }), "missing");
      return answer && { bytes: new Uint8Array(await answer.arrayBuffer()), salt: answer.headers.get("tally-salt") ?? "" };
    },
    async proof(seq) {
      const answer = await missing(fetchRaw(at(seq, "/proof"), { signal }), "not-yet-signed");
      return answer && new Uint8Array(await answer.arrayBuffer());
    },
  };
}

async function missing(asked, code) {
  try {
    return await asked;
  } catch (error) {
    if (error?.code === code) return null;
    throw error;
  }
}

