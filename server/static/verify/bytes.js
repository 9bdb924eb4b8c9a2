// Bytes in and out of text, each value with one spelling, and SHA-256 by WebCrypto.

/** Why something is not accepted. `code`: malformed, tampered, proof or unverifiable, as the command line has them. */
export class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.name = "Refused";
    this.code = code;
  }
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const utf8 = (text) => new TextEncoder().encode(text);

/** The text of these bytes; refused where they are no UTF-8. */
export function textOf(bytes, what) {
  try {
    return strict.decode(bytes);
  } catch {
    throw new Refused("malformed", `${what} is not UTF-8`);
  }
}

export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The bytes of lower-case hex digits. */
export function fromHex(text, what = "hex") {
  if (typeof text !== "string" || !/^(?:[0-9a-f]{2})*$/.test(text)) throw new Refused("malformed", `${what} is not lower-case hex`);
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export function base64(bytes) {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** The bytes of which `text` is the base64, in the encoder's own spelling (RFC 4648 section 4). */
export function fromBase64(text, what) {
  let bytes;
  try {
    bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    throw new Refused("malformed", `${what} is not base64`);
  }
  if (base64(bytes) !== text) throw new Refused("malformed", `${what} is base64 in another spelling than the encoder's`);
  return bytes;
}

export function concat(...pieces) {
  const joined = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

export function equal(a, b) {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** True where the browser lets this page compute: over https, or from this machine. */
export function canCompute() {
  return globalThis.crypto?.subtle !== undefined;
}

export async function sha256(...pieces) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", concat(...pieces)));
}

/** SHA-256(0x00 || entry) (RFC 6962 section 2.1). */
export const leafHash = (entry) => sha256(Uint8Array.of(0), entry);

/** SHA-256(0x01 || left || right). */
export const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);

/** What an entry says of a body (docs/formats/bodies.md). */
export async function commitment(salt, data) {
  if (salt.length !== 32) throw new Refused("malformed", `salt has ${salt.length} bytes, expected 32`);
  return sha256(utf8("tallystick/body/v1\0"), salt, data);
}
