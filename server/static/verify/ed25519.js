// Ed25519 as docs/formats/checkpoint.md wants it. WebCrypto computes; what browsers leave open is refused here before they see it:
// S below the group's order, y below the field's, and no point of small order.

import { Refused } from "./bytes.js";

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const SIGN = 1n << 255n;
const ORDER_8 = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;
const SMALL = new Set([1n, P - 1n, 0n, ORDER_8, P - ORDER_8]);

const refuse = (why) => {
  throw new Refused("tampered", `Ed25519 ${why}`);
};

const number = (bytes) => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

function checkPoint(name, bytes) {
  const y = number(bytes) & ~SIGN;
  if (y >= P) refuse(`${name} is not in its one spelling`);
  if (SMALL.has(y)) refuse(`${name} is a point of small order`);
}

/** Accepts the key's signature over the message; throws Refused (tampered, or unverifiable where the browser knows no Ed25519). */
export async function verifySignature(publicKey, message, signature) {
  if (publicKey.length !== 32) refuse(`key has ${publicKey.length} bytes, expected 32`);
  if (signature.length !== 64) refuse(`signature has ${signature.length} bytes, expected 64`);
  if (number(signature.subarray(32)) >= L) refuse("S is not below the order");
  checkPoint("key", publicKey);
  checkPoint("R", signature.subarray(0, 32));
  let isRight = false;
  try {
    const key = await crypto.subtle.importKey("raw", publicKey, { name: "Ed25519" }, false, ["verify"]);
    isRight = await crypto.subtle.verify({ name: "Ed25519" }, key, signature, message);
  } catch (error) {
    if (error?.name === "NotSupportedError") throw new Refused("unverifiable", "this browser has no Ed25519");
    refuse("key is on no curve"); // what importKey and verify say of bytes that are no point
  }
  if (!isRight) refuse("signature does not match the key and the message");
}
