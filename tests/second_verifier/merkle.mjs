// RFC 6962 trees with SHA-256, and RFC 9162's ways to check proofs (entry.md, bundle.md).
import { sha256 } from "./bytes.mjs";
import { refuse } from "./refusal.mjs";

export const leafHash = (entry) => sha256(Buffer.of(0), entry);
export const nodeHash = (left, right) => sha256(Buffer.of(1), left, right);
export const EMPTY_ROOT = sha256();

const fail = (detail) => refuse("tampered", detail);
const need32 = (hashes) => hashes.every((hash) => hash.length === 32) || fail("a hash has not 32 bytes");

/** The root over leaf hashes: a loop over levels gives the same tree as the recursive definition. */
export function rootOf(leaves) {
  if (leaves.length === 0) return EMPTY_ROOT;
  let level = leaves;
  while (level.length > 1) {
    const above = [];
    for (let i = 0; i + 1 < level.length; i += 2) above.push(nodeHash(level[i], level[i + 1]));
    if (level.length % 2) above.push(level.at(-1));
    level = above;
  }
  return level[0];
}

/** RFC 9162 section 2.1.3.2. Index and size are BigInts. */
export function rootFromInclusion(index, size, leaf, path) {
  need32([leaf, ...path]);
  if (index < 0n || index >= size) fail(`index ${index} is not in a tree of ${size}`);
  let [fn, sn, root] = [index, size - 1n, leaf];
  for (const hash of path) {
    if (sn === 0n) fail("inclusion path is too long");
    if (fn & 1n || fn === sn) {
      root = nodeHash(hash, root);
      while (!(fn & 1n) && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      root = nodeHash(root, hash);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  if (sn !== 0n) fail("inclusion path is too short");
  return root;
}

export function verifyInclusion(index, size, leaf, path, root) {
  if (!rootFromInclusion(index, size, leaf, path).equals(root)) fail("inclusion path gives another root");
}

/** RFC 9162 section 2.1.4.2. Sizes are BigInts. */
export function verifyConsistency(size1, size2, root1, root2, path) {
  if (size1 !== size2) need32([root1, root2, ...path]);
  if (size1 < 0n || size1 > size2) fail(`a tree of ${size2} cannot continue one of ${size1}`);
  if (size1 === size2 || size1 === 0n) {
    if (path.length) fail("consistency path should be empty");
    if (size1 === size2 && !root1.equals(root2)) fail("one size has two roots");
    if (size1 === 0n && !root1.equals(EMPTY_ROOT)) fail("root of the empty tree is another");
    return;
  }
  const hashes = size1 & (size1 - 1n) ? path : [root1, ...path];
  let [fn, sn] = [size1 - 1n, size2 - 1n];
  while (fn & 1n) [fn, sn] = [fn >> 1n, sn >> 1n];
  if (!hashes.length) fail("consistency path is too short");
  let [first, second] = [hashes[0], hashes[0]];
  for (const hash of hashes.slice(1)) {
    if (sn === 0n) fail("consistency path is too long");
    if (fn & 1n || fn === sn) {
      [first, second] = [nodeHash(hash, first), nodeHash(hash, second)];
      while (!(fn & 1n) && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      second = nodeHash(second, hash);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  if (sn !== 0n) fail("consistency path is too short");
  if (!first.equals(root1) || !second.equals(root2)) fail("consistency path gives other roots");
}

/** Visit the tree over [0, size): `free(level, index)` where nothing is listed, `leaf(i)` where one is, `join` above. */
function walk(size, listed, { free, leaf, join }) {
  const below = (bound) => {  // how many listed are smaller than bound
    let [low, high] = [0, listed.length];
    while (low < high) {
      const mid = (low + high) >> 1;
      if (listed[mid] < bound) low = mid + 1; else high = mid;
    }
    return low;
  };
  const visit = (start, count) => {
    const level = Math.round(Math.log2(count));
    if (2 ** level === count && below(start) === below(start + count)) return free(level, start / count);
    if (count === 1) return leaf(start);
    const left = 2 ** (2 ** level >= count ? level - 1 : level);
    return join(visit(start, left), visit(start + left, count - left));
  };
  return size ? visit(0, size) : EMPTY_ROOT;
}

/** [level, index] of the maximal aligned perfect subtrees of [0, size) that hold none of the sorted `listed`. */
export function cover(size, listed) {
  const found = [];
  walk(size, listed, { free: (level, index) => found.push([level, index]), leaf: () => 0, join: () => 0 });
  return found;
}

/** The root from leaf hashes (a Map by sorted index) and the hashes of cover(), in its order. */
export function rootFromCover(size, leaves, hashes) {
  let next = 0;
  return walk(size, [...leaves.keys()], {
    free: () => hashes[next++], leaf: (index) => leaves.get(index), join: nodeHash,
  });
}
