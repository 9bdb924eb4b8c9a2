// Ed25519 in the strict profile of checkpoint.md: Node's library after its own checks, which are laxer.
import { createPublicKey, verify as verifySignature } from "node:crypto";

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

const little = (bytes) => BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
const yOf = (encoded) => little(encoded) & (2n ** 255n - 1n);

// The y coordinates of the eight points of small order: 0, 1, -1 and those of order 8.
const ORDER_8 = yOf(Buffer.from("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "hex"));
const SMALL_ORDER = new Set([0n, 1n, P - 1n, ORDER_8, P - ORDER_8]);

export const spkiOf = (key) => Buffer.concat([SPKI_PREFIX, key]);

/** The 32 bytes within a DER SubjectPublicKeyInfo of Ed25519, or null. */
export const keyOfSpki = (der) => (der.length === 44 && der.subarray(0, 12).equals(SPKI_PREFIX) ? der.subarray(12) : null);

/** True for 32 bytes that are a canonical encoding of no point of small order; a key and an R must be. */
export const isStrictPoint = (bytes) => bytes.length === 32 && yOf(bytes) < P && !SMALL_ORDER.has(yOf(bytes));

export function verifyEd25519(key, message, signature) {
  if (signature.length !== 64 || !isStrictPoint(key) || !isStrictPoint(signature.subarray(0, 32))) return false;
  if (little(signature.subarray(32)) >= L) return false;
  try {
    const publicKey = createPublicKey({ key: spkiOf(key), format: "der", type: "spki" });
    return verifySignature(null, message, publicKey, signature);
  } catch {
    return false;  // not a point of the curve
  }
}
