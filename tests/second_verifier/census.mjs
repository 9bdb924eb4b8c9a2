// Census buckets (census.md): the count of a stream, proven against one root.
import { sha256, sha256Hex } from "./bytes.mjs";
import { leafHash, rootFromInclusion } from "./merkle.mjs";
import { refuse } from "./refusal.mjs";

const HEADER = "tallystick/census/v1\n";
const SIZE = 65536n;

export const bucketOf = (name) => sha256(name).readUInt16BE(0);

/** Counts by hash of name. Refuses bytes that are not a bucket, or not this one. */
export function parseBucket(bytes, index) {
  const text = bytes.toString("latin1");
  if (!text.startsWith(HEADER) || !text.endsWith("\n")) {
    refuse("malformed", "bucket does not begin with its line, or does not end");
  }
  const counts = new Map();
  let last = "";
  for (const line of text.slice(HEADER.length).split("\n").slice(0, -1)) {
    const parts = /^([0-9a-f]{64}) ([1-9][0-9]{0,15})$/.exec(line) 
      ?? refuse("malformed", "bucket line is not a hash and a count");
    if (!Number.isSafeInteger(Number(parts[2]))) refuse("malformed", "bucket has a count beyond 2^53-1");
    if (parts[1] <= last) refuse("malformed", "bucket lines are not sorted, each once");
    if (Number.parseInt(parts[1].slice(0, 4), 16) !== index) {
      refuse("malformed", "bucket has a stream of another bucket");
    }
    counts.set(parts[1], Number(parts[2]));
    last = parts[1];
  }
  return counts;
}

/** The proven count of `name` under `root`: 0 where its bucket has no line for it. */
export function provenCount(name, bucket, path, root) {
  const index = bucketOf(name);
  const counts = parseBucket(bucket, index);
  if (path.length !== 16) refuse("malformed", `census path has ${path.length} hashes, expected 16`);
  if (!rootFromInclusion(BigInt(index), SIZE, leafHash(bucket), path).equals(root)) {
    refuse("tampered", "bucket is not in the census");
  }
  return counts.get(sha256Hex(name)) ?? 0;
}
