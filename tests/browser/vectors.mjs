// Runs tests/vectors through the pages' own verification, in node: node vectors.mjs STATIC VECTORS; prints what differed, as JSON.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [, , folder, vectors] = process.argv;
const load = (name) => JSON.parse(readFileSync(`${vectors}/${name}.json`, "utf8"));
const from = (name) => import(pathToFileURL(`${folder}/verify/${name}.js`).href);
const { fromHex, hex, leafHash, nodeHash, utf8 } = await from("bytes");
const { verifySignature } = await from("ed25519");
const { verifyConsistency, verifyInclusion } = await from("merkle");
const { parseCheckpoint, parseNote, parseProof, parseVkey, verifyNote } = await from("note");
const { parseEntry } = await from("entry");

const differed = [];
const counts = {};

async function hold(kind, description, expected, attempt) {
  counts[`${kind} ${expected}`] = (counts[`${kind} ${expected}`] ?? 0) + 1;
  let found = "accept";
  try {
    const wrong = await attempt();
    if (wrong) found = wrong;
  } catch (error) {
    found = error.name === "Refused" ? "reject" : `${error.name}: ${error.message}`;
    if (error.code && expected.includes(":")) found = `reject:${error.code}`;
  }
  if (found !== expected) differed.push({ kind, description, expected, found });
}

const big = (number) => (typeof number === "number" ? BigInt(number) : number);

for (const each of load("ed25519").vectors) {
  const [key, message, signature] = [each.public_key, each.message, each.signature].map((text) => fromHex(text));
  await hold("ed25519", each.description, each.expected, () => verifySignature(key, message, signature));
}
const merkle = load("merkle");
for (const each of merkle.leaves) await hold("leaf", each.description, "accept", async () => hex(await leafHash(fromHex(each.entry))) !== each.hash && "another hash");
for (const each of merkle.nodes) await hold("node", each.description, "accept", async () => hex(await nodeHash(fromHex(each.left), fromHex(each.right))) !== each.hash && "another hash");
for (const each of merkle.inclusion) {
  const attempt = () => verifyInclusion(big(each.index), big(each.size), fromHex(each.leaf_hash), each.path.map((node) => fromHex(node)), fromHex(each.root));
  await hold("inclusion", each.description, each.expected, attempt);
}
for (const each of merkle.consistency) {
  const attempt = () => verifyConsistency(big(each.size1), big(each.size2), fromHex(each.root1), fromHex(each.root2), each.path.map((node) => fromHex(node)));
  await hold("consistency", each.description, each.expected, attempt);
}
const entries = load("entry");
for (const each of entries.good) {
  await hold("entry", each.description, "accept", async () => {
    parseEntry(utf8(each.entry));
    return hex(await leafHash(utf8(each.entry))) !== each.leaf && "another leaf";
  });
}
for (const each of entries.bad) await hold("entry", each.description, "reject", () => void parseEntry("hex" in each ? fromHex(each.hex) : utf8(each.entry)));
for (const each of load("vkey")) {
  await hold("vkey", each.description, "error" in each ? "reject" : "accept", async () => {
    const found = await parseVkey(each.vkey);
    return (found.name !== each.name || found.id !== each.key_id || found.kind !== each.type || hex(found.key) !== each.public_key) && "another key";
  });
}
for (const each of load("checkpoint")) {
  await hold("checkpoint", each.description, "error" in each ? "reject" : "accept", () => {
    const found = parseCheckpoint(each.text, { foreign: each.foreign });
    // JSON's numbers end at 2^53 here; what is larger is compared as it is written in the text.
    return (found.origin !== each.origin || hex(found.root) !== each.root || String(found.size) !== each.text.split("\n")[1]) && "another checkpoint";
  });
}
// Cosignatures are checked by the verifier of bundles; here their keys are known by name only.
const isOurs = (vkey) => Buffer.from(vkey.split("+").slice(2).join("+"), "base64")[0] === 1;
for (const each of load("note").filter((note) => note.vkeys.every(isOurs))) {
  const expected = each.result === "verified" ? "accept" : `reject:${each.result}`;
  await hold("note", each.description, expected, async () => {
    const found = await verifyNote("hex" in each ? fromHex(each.hex) : each.note, each.vkeys);
    return String(found.signers.map((key) => key.label)) !== String(each.signers) && "other signers";
  });
}
const proofs = load("tlogproof");
for (const each of proofs.format) {
  await hold("proof", each.description, "error" in each ? "reject" : "accept", () => {
    const found = parseProof(each.proof);
    return (String(found.path.map(hex)) !== String(each.path) || found.checkpoint !== each.checkpoint || hex(found.extra) !== each.extra) && "another proof";
  });
}
for (const each of proofs.verify.filter((proof) => !/^(witness|group)/m.test(proof.policy) && proof.result !== "malformed")) {
  const keys = [...each.policy.matchAll(/^log (\S+)/gm)].map((match) => match[1]).filter(isOurs);
  if (!keys.length) continue;
  await hold("proven", each.description, each.result === "proven" ? "accept" : "reject", async () => {
    const proof = parseProof(each.proof);
    const note = await verifyNote(proof.checkpoint, keys);
    const { size, root, origin } = parseCheckpoint(note.text, { foreign: each.foreign });
    if (!note.signers.some((key) => key.name === origin)) throw Object.assign(new Error(), { name: "Refused" });
    const leaf = "entry" in each ? await leafHash(fromHex(each.entry)) : fromHex(each.leaf);
    await verifyInclusion(proof.index, size, leaf, proof.path, root);
  });
}
parseNote("x\n\n\u2014 a AAAAAAA=\n");
process.stdout.write(JSON.stringify({ differed, counts }));
