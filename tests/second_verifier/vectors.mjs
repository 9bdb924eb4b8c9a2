// Reads a JSON list of operations, answers with a JSON list of {accept, verdict, value}: how the shared vectors are compared.
import { readFileSync } from "node:fs";
import { createPublicKey, verify } from "node:crypto";
import { readArchive, writeArchive } from "./archive.mjs";
import { checkBag } from "./bag.mjs";
import { bucketOf, parseBucket, provenCount } from "./census.mjs";
import { pae, verifyEnvelope } from "./dsse.mjs";
import { keyOfSpki, verifyEd25519 } from "./ed25519.mjs";
import { isPointer, parseEntry } from "./entry.mjs";
import { print, readCanonical, readForeign, readOurs, spansOf } from "./json.mjs";
import { foldLineage } from "./lineage.mjs";
import { cover, leafHash, nodeHash, rootOf, verifyConsistency, verifyInclusion } from "./merkle.mjs";
import { checkSignatures, parseCheckpoint, parseNote, parseProof, parseVkey, verifySignature } from "./note.mjs";
import { parsePolicy } from "./policy.mjs";
import { Refusal, refuse } from "./refusal.mjs";
import { fileOthers } from "./streams.mjs";
import { verifyProof } from "./tlogproof.mjs";

const hex = (text) => Buffer.from(text, "hex");
const hexes = (texts) => texts.map(hex);
const bytesOf = (v, member) => (v.hex === undefined ? Buffer.from(v[member]) : hex(v.hex));
const files = (v, encoding) => new Map(Object.entries(v).map(([path, text]) => [path, Buffer.from(text, encoding)]));
const claim = (test) => { if (!test) refuse("tampered", "does not hold"); };

const OPERATIONS = {
  leaf: (v) => leafHash(hex(v.entry)).toString("hex"),
  node: (v) => nodeHash(hex(v.left), hex(v.right)).toString("hex"),
  root: (v) => rootOf(hexes(v.entries).map(leafHash)).toString("hex"),
  inclusion: (v) => verifyInclusion(BigInt(v.index), BigInt(v.size), hex(v.leaf_hash), hexes(v.path), hex(v.root)),
  consistency: (v) => verifyConsistency(BigInt(v.size1), BigInt(v.size2), hex(v.root1), hex(v.root2), hexes(v.path)),
  cover: (v) => cover(v.size, v.listed),
  ed25519: (v) => claim(verifyEd25519(hex(v.public_key), hex(v.message), hex(v.signature))),
  vkey(v) {
    const { name, id, type, key } = parseVkey(v.vkey);
    return { name, key_id: id, type, public_key: key.toString("hex") };
  },
  note(v) {
    const { signers, unchecked } = checkSignatures(parseNote(bytesOf(v, "note")), v.vkeys.map(parseVkey));
    if (!signers.size) refuse("unverifiable", "no known key signed the note");
    const ids = (vkeys) => [...vkeys].map((vkey) => `${vkey.name}+${vkey.id}`);
    return { signers: ids(signers.keys()), unchecked: ids(unchecked) };
  },
  cosignature: (v) => String(verifySignature(parseVkey(v.vkey), v.text, hex(v.signature))),
  checkpoint(v) {
    const { origin, size, root, extensions } = parseCheckpoint(v.text, v.foreign);
    return { origin, size: String(size), root: root.toString("hex"), extensions };
  },
  policy(v) {
    const policy = parsePolicy(bytesOf(v, "policy"));
    const met = (sets) => sets.map((names) => policy.met(new Set(names.map((name) => hex(name).toString("latin1")))));
    return {
      canonical: Buffer.from(policy.canonical, "latin1").toString("hex"), met: met(v.met ?? []), unmet: met(v.unmet ?? []),
      logs: policy.logs.length, witnesses: policy.witnesses.size };
  },
  proof_format(v) {
    const { extra, index, path, checkpoint } = parseProof(Buffer.from(v.proof));
    return { extra: extra.toString("hex"), index: String(index), path: path.map((h) => h.toString("hex")), checkpoint };
  },
  proof_verify(v) {
    const leaf = v.leaf === undefined ? leafHash(hex(v.entry)) : hex(v.leaf);
    const policy = parsePolicy(Buffer.from(v.policy));
    const { proof, checkpoint, witnesses } = verifyProof(Buffer.from(v.proof), policy, leaf, v.foreign);
    return { index: String(proof.index), size: String(checkpoint.size), extra: proof.extra.toString("hex"),
      witnessed: Object.fromEntries([...witnesses].map(([name, timestamp]) => [name, String(timestamp)])) };
  },
  json_ours: (v) => void readOurs(bytesOf(v, "text")),
  json_foreign: (v) => void readForeign(bytesOf(v, "text")),
  json_canonical: (v) => print(readCanonical(bytesOf(v, "text"))),
  json_printed: (v) => print(readOurs(bytesOf(v, "text"))),
  spans: (v) => Object.fromEntries(spansOf(bytesOf(v, "text"))),
  pointer: (v) => claim(isPointer(v.pointer)),
  entry: (v) => parseEntry(bytesOf(v, "entry")).leaf.toString("hex"),
  filing: (v) => fileOthers(v, bytesOf(v, "body")),
  lineage: (v) => foldLineage(v.events.map(([seq, body]) => [seq, hex(body)])).toString(),
  bucket: (v) => Object.fromEntries(parseBucket(bytesOf(v, "bucket"), v.index ?? bucketOf(v.name))),
  count: (v) => provenCount(v.name, Buffer.from(v.bucket), hexes(v.path), hex(v.root)),
  archive(v) {
    const found = readArchive(hex(v.archive));
    claim(writeArchive(found).equals(hex(v.archive)));
    return Object.fromEntries([...found].map(([path, bytes]) => [path, bytes.toString("base64")]));
  },
  bag: (v) => void checkBag(files(v.files, "latin1")),
  pae: (v) => pae(v.type, hex(v.payload)).toString(),
  p256(v) {
    const coordinate = (text) => Buffer.from(BigInt(text).toString(16).padStart(64, "0"), "hex").toString("base64url");
    const jwk = { kty: "EC", crv: "P-256", x: coordinate(v.p256.x), y: coordinate(v.p256.y) };
    const key = { key: createPublicKey({ key: jwk, format: "jwk" }), dsaEncoding: "ieee-p1363" };
    claim(verify("sha256", pae(v.type, hex(v.payload)), key, Buffer.from(v.p256.signature, "base64")));
  },
  envelope(v) {
    const key = hex(v.public_key);
    const { payload, keyId } = verifyEnvelope(bytesOf(v, "envelope"), keyOfSpki(key) ?? key);
    return { payload: payload.toString("hex"), key_id: keyId };
  },
};

function answer(v) {
  try {
    return { accept: true, value: OPERATIONS[v.op](v) ?? null };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { accept: false, verdict: error.verdict, where: error.where, detail: error.message };
  }
}

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(answer)));
