// DSSE v1 envelopes in the one spelling of bundle.md.
import { base64, HEX64 } from "./bytes.mjs";
import { verifyEd25519 } from "./ed25519.mjs";
import { readFile } from "./json.mjs";
import { refuse } from "./refusal.mjs";
import { like, list, object, oneOf, anyText } from "./shape.mjs";

const TYPE = "application/vnd.in-toto+json";
const ENVELOPE = object({
  payload: anyText, payloadType: oneOf(TYPE), signatures: list(object({ keyid: like(HEX64), sig: anyText })) });

/** What a DSSE signature is made over. */
export const pae = (type, body) => Buffer.concat([
  Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${body.length} `), body]);

/** {payload, keyId, signature}; the file is printed again and compared. */
export function parseEnvelope(bytes) {
  const { payload, signatures } = ENVELOPE(readFile(bytes));
  if (signatures.length !== 1) refuse("malformed", `envelope has ${signatures.length} signatures, expected 1`);
  const signature = base64(signatures[0].sig, "envelope signature");
  if (signature.length !== 64) refuse("malformed", `envelope signature has ${signature.length} bytes`);
  return { payload: base64(payload, "envelope payload"), keyId: signatures[0].keyid, signature };
}

export function verifyEnvelope(bytes, key) {
  const envelope = parseEnvelope(bytes);
  if (!verifyEd25519(key, pae(TYPE, envelope.payload), envelope.signature)) {
    refuse("tampered", "envelope signature does not match");
  }
  return envelope;
}
