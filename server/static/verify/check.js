// Checks one entry of the log in this browser, and says exactly what was checked and what was not.
//
// Fetched: the entry, its body with the salt, and the proof (c2sp.org/tlog-proof@v1). Computed here, nothing taken on the server's word: the
// entry's grammar, the body's commitment, the leaf hash, the path to the root, the signature under it by a key that the reader trusts,
// and that the log still begins with what this browser saw of it before.

import { canCompute, commitment, equal, fromBase64, fromHex, hex, leafHash, Refused, utf8 } from "./bytes.js";
import { parseEntry } from "./entry.js";
import { verifyInclusion } from "./merkle.js";
import { parseCheckpoint, parseProof, verifyNote } from "./note.js";

export const STEPS = ["entry", "body", "inclusion", "signature", "history"];
export const WORDS = {
  entry: "The entry is written as the format says, and is the one that was asked for",
  body: "The body is the one that the entry commits to",
  inclusion: "The entry is in the tree of the signed checkpoint",
  signature: "The checkpoint is signed by the key that you trust",
  history: "The log still begins with what this browser saw before",
};
export const NEVER = [
  "that these are all the events there are (a bundle proves completeness: tally export)",
  "personal values, which bodies show as null",
  "cosignatures of witnesses, and handovers between the log's keys",
];

/**
 * The result of checking entry `seq`: {verdict, seq, steps: [{step, outcome, says}], said, body}. `verdict`: verified, refused, partly (all that
 * could be checked holds), unsigned (no checkpoint covers it yet). `outcome`: passed, failed, not checked.
 *
 * `source`: {entry(seq), body(seq), proof(seq)}, each async: {entry, leaf}, {bytes, salt} or null, text or null (not signed yet).
 * `trust`: {keys(note), history(checkpoint)}: vkeys that the reader trusts; checks and keeps what was seen.
 */
export async function checkEntry(seq, source, trust) {
  const steps = [];
  const result = { verdict: "partly", seq, steps, said: null, body: null };
  if (!canCompute()) {
    for (const step of STEPS) steps.push({ step, outcome: "not checked", says: "Browsers compute hashes for pages that came over https or from this machine alone." });
    return result;
  }
  const pass = (step, says) => steps.push({ step, outcome: "passed", says });
  const skip = (step, says) => steps.push({ step, outcome: "not checked", says });
  try {
    const leaf = await checkHeader(seq, source, result, pass);
    await checkBody(seq, source, result, pass, skip);
    result.verdict = await checkProof(seq, leaf, { source, trust, pass, skip });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const step = STEPS[steps.length];
    if (error.code === "unverifiable") {
      skip(step, `${sentence(error.message)}.`);
    } else {
      steps.push({ step, outcome: "failed", says: `${sentence(error.message)}.` });
      result.verdict = "refused";
    }
    for (const each of STEPS.slice(steps.length)) skip(each, "An earlier step did not pass.");
  }
  return result;
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

async function checkHeader(seq, source, result, pass) {
  const given = await source.entry(seq);
  const bytes = utf8(String(given.entry));
  const said = parseEntry(bytes);
  if (said.seq !== seq) throw new Refused("tampered", `asked for entry ${seq}, and was given entry ${said.seq}`);
  const leaf = await leafHash(bytes);
  if (given.leaf !== undefined && !equal(fromHex(given.leaf, "leaf"), leaf)) throw new Refused("tampered", `the server says that the leaf is ${given.leaf}, computed ${hex(leaf)}`);
  result.said = said;
  pass("entry", `Leaf hash ${hex(leaf)}.`);
  return leaf;
}

async function checkBody(seq, source, result, pass, skip) {
  const body = await source.body(seq);
  if (body === null) {
    skip("body", "It is not in the store any more; the commitment to it still stands.");
    return;
  }
  const computed = hex(await commitment(fromBase64(body.salt, "salt"), body.bytes));
  if (computed !== result.said.body) throw new Refused("tampered", `the entry commits to ${result.said.body}, the body that was served gives ${computed}`);
  result.body = body.bytes;
  pass("body", `${body.bytes.length} bytes, commitment ${computed}.`);
}

async function checkProof(seq, leaf, { source, trust, pass, skip }) {
  const text = await source.proof(seq);
  if (text === null) {
    for (const step of STEPS.slice(2)) skip(step, "No signed checkpoint covers the entry yet.");
    return "unsigned";
  }
  const proof = parseProof(text);
  const checkpoint = parseCheckpoint(textOfNote(proof.checkpoint));
  if (proof.index !== BigInt(seq)) throw new Refused("proof", `the proof is of entry ${proof.index}, not of entry ${seq}`);
  await verifyInclusion(proof.index, checkpoint.size, leaf, proof.path, checkpoint.root);
  pass("inclusion", `${proof.path.length} hashes lead to the root of ${checkpoint.size} entries, ${hex(checkpoint.root)}.`);
  const note = await verifyNote(proof.checkpoint, await trust.keys(checkpoint.origin));
  if (!note.signers.some((key) => key.name === checkpoint.origin)) throw new Refused("unverifiable", `no key of ${checkpoint.origin} that you trust signed`);
  pass("signature", `${note.signers.map((key) => key.label).join(", ")}.`);
  const seen = await trust.history({ ...checkpoint, note: proof.checkpoint });
  pass("history", seen);
  return "verified";
}

function textOfNote(note) {
  return note.slice(0, note.lastIndexOf("\n\n") + 1);
}
