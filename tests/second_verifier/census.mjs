// Census buckets (census.md): the count of a stream, proven against one root.
import { sha256, sha256Hex } from "./bytes.mjs";
import { leafHash, nodeHash, rootFromInclusion } from "./merkle.mjs";
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

/** The counts of the bucket of `name`, by hash of name, once it is proven to be under `root`. */
export function provenCounts(name, bucket, path, root) {
  const index = bucketOf(name);
  const counts = parseBucket(bucket, index);
  if (path.length !== 16) refuse("malformed", `census path has ${path.length} hashes, expected 16`);
  if (!rootFromInclusion(BigInt(index), SIZE, leafHash(bucket), path).equals(root)) {
    refuse("tampered", "bucket is not in the census");
  }
  return counts;
}

/** The proven count of `name` under `root`: 0 where its bucket has no line for it. */
export const provenCount = (name, ...proof) => provenCounts(name, ...proof).get(sha256Hex(name)) ?? 0;

/** Positions of the listed entries: they rise, leave room for what is not listed, and fit the counts that are proven. */
export function checkPositions(entries, counts, census) {
  const last = new Map();
  const none = { position: -1, hidden: 0 };
  entries.forEach((entry, i) => {
    const hidden = entry.seq - i;  // entries before it that are not listed
    for (const [name, position] of entry.streams) {
      const before = last.get(name) ?? none;
      if (position <= before.position || position - before.position - 1 > hidden - before.hidden) {
        refuse("tampered", `position ${position} of ${name} cannot follow ${before.position}`, entry.where);
      }
      const count = counts.get(name);
      if (count !== undefined && (entry === census ? position !== count : position >= count)) {
        refuse("tampered", `position ${position} of ${name}, of which there are ${count}`, entry.where);
      }
      last.set(name, { position, hidden });
    }
  });
  const hidden = census.seq + 1 - entries.length;
  for (const [name, count] of counts) {
    const before = last.get(name) ?? none;
    if (count - before.position - 1 > hidden - before.hidden) {
      refuse("tampered", `there is no room for ${count} of ${name}`, "data/census.json");
    }
  }
}

/** Where every entry is listed: each census says what the entries before it give. `taken` maps its seq to its body. */
export function checkRecount(entries, taken) {
  const [counts, buckets, changed, tree] = [new Map(), new Map(), new Set(), new Tree()];
  for (const entry of entries) {
    const said = taken.get(entry.seq);
    if (said !== undefined) {
      for (const name of changed) {
        const index = bucketOf(name);
        if (!buckets.has(index)) buckets.set(index, new Map());
        buckets.get(index).set(sha256Hex(name), counts.get(name));
      }
      const leaves = new Set([...changed].map(bucketOf));
      const root = tree.update(new Map([...leaves].map((index) => [index, leafHash(printBucket(buckets.get(index)))])));
      changed.clear();
      if (said.root !== root.toString("hex") || said.streams !== counts.size) {
        refuse("tampered", "census does not say what the entries before it give", entry.where);
      }
    }
    for (const name of entry.streams.keys()) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
      changed.add(name);
    }
  }
}

const printBucket = (counts) => Buffer.from(HEADER + [...counts].sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([hash, count]) => `${hash} ${count}\n`).join(""));

/** The tree over 65,536 buckets: level by level what is not as in the tree of empty buckets. */
class Tree {
  constructor() {
    this.levels = [{ blank: leafHash(Buffer.from(HEADER)), known: new Map() }];
    for (let i = 0; i < 16; i += 1) {
      const { blank } = this.levels[i];
      this.levels.push({ blank: nodeHash(blank, blank), known: new Map() });
    }
  }

  /** Replace some leaves; returns the root. */
  update(leaves) {
    let changed = leaves;
    this.levels.forEach(({ known, blank }, i) => {
      for (const [index, hash] of changed) known.set(index, hash);
      const at = (index) => known.get(index) ?? blank;
      if (i < 16) {
        changed = new Map([...new Set([...changed.keys()].map((index) => index >> 1))]
          .map((index) => [index, nodeHash(at(2 * index), at(2 * index + 1))]));
      }
    });
    const { known, blank } = this.levels[16];
    return known.get(0) ?? blank;
  }
}
