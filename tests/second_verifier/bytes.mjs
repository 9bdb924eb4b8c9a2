// Hashes, base64 and text, each in one spelling only (README.md, conventions).
import { createHash } from "node:crypto";
import { refuse } from "./refusal.mjs";

export const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
export const sha256Hex = (...parts) => sha256(...parts).toString("hex");

export const HEX64 = /^[0-9a-f]{64}$/;

/** Order by the bytes of the UTF-8 text; JavaScript's own order is that of UTF-16. */
export const byBytes = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));
export const sorted = (names) => [...names].sort(byBytes);

/** Decode standard base64 with padding, refusing every spelling but the encoder's. */
export function base64(text, what) {
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text) refuse("malformed", `${what} is not base64 as an encoder prints it`);
  return bytes;
}

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Decode UTF-8; a byte order mark stays a character, and overlong or cut forms are refused. */
export function utf8(bytes, what) {
  try {
    return DECODER.decode(bytes);
  } catch {
    return refuse("malformed", `${what} is not UTF-8`);
  }
}

/** True for `at` of entry.md: RFC 3339 UTC with six decimals, a real date of the years 0001 to 9999. */
export function isAt(text) {
  const parts = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.\d{6}Z$/.exec(text);
  if (!parts) return false;
  const [year, month, day, hour, minute, second] = parts.slice(1).map(Number);
  return isDay(year, month, day) && hour <= 23 && minute <= 59 && second <= 59;
}

export function isDay(year, month, day) {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1];
}
