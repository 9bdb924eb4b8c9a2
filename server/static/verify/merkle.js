// The Merkle tree of RFC 6962 and RFC 9162: does a path lead from a leaf to a root, from one root to a later one?
// Sizes and indices are BigInt: a note may name up to 2^63 - 1 of them.

import { equal, hex, nodeHash, Refused } from "./bytes.js";

const refuse = (why) => {
  throw new Refused("proof", why);
};

const MOST = 2n ** 64n;
const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

function checkSize(what, value) {
  if (typeof value !== "bigint" || value < 0n || value >= MOST) refuse(`${what} is not within 0 and 2^64 - 1`);
}

function checkPath(path) {
  path.forEach((node, place) => node.length === 32 || refuse(`hash ${place} has ${node.length} bytes, expected 32`));
}

const bits = (value) => value.toString(2).length * (value > 0n ? 1 : 0);
const ones = (value) => value.toString(2).replaceAll("0", "").length;

function shape(index, size) {
  const inner = bits(index ^ (size - 1n));
  return { inner, border: ones(index >> BigInt(inner)) };
}

async function climb(node, path, index, inner) {
  let found = node;
  for (const [level, sibling] of path.entries()) {
    const isRight = level >= inner || (index >> BigInt(level)) & 1n;
    found = isRight ? await nodeHash(sibling, found) : await nodeHash(found, sibling);
  }
  return found;
}

/** Accepts when `path` proves that the leaf stands at `index` of the tree of `size` and `root`; throws Refused (proof). */
export async function verifyInclusion(index, size, leaf, path, root) {
  checkSize("leaf index", index);
  checkSize("tree size", size);
  if (index >= size) refuse(`leaf ${index} is outside a tree of ${size}`);
  if (leaf.length !== 32 || root.length !== 32) refuse("leaf and root have 32 bytes");
  checkPath(path);
  const { inner, border } = shape(index, size);
  if (path.length !== inner + border) refuse(`inclusion path has ${path.length} hashes, expected ${inner + border}`);
  const found = await climb(leaf, path, index, inner);
  if (!equal(found, root)) refuse(`inclusion path of leaf ${index} leads to root ${hex(found)}, not to ${hex(root)}`);
}

/** Accepts when `path` proves that the tree of `size2` begins with the tree of `size1` (RFC 9162 section 2.1.4.2). */
export async function verifyConsistency(size1, size2, root1, root2, path) {
  checkSize("first size", size1);
  checkSize("second size", size2);
  checkPath(path);
  if (size1 > size2) refuse(`first size ${size1} is larger than second size ${size2}`);
  if (size1 === 0n && hex(root1) !== EMPTY) refuse("first root is not the root of the empty tree");
  if ((size1 === size2 || size1 === 0n) && path.length) refuse(`consistency path has ${path.length} hashes, expected 0`);
  if (size1 === size2 && !equal(root1, root2)) refuse(`two different roots of one size ${size1}`);
  if (size1 === size2) return;
  if (root1.length !== 32 || root2.length !== 32) refuse("roots have 32 bytes");
  if (size1 === 0n) return;
  await verifyGrowth(size1, size2, root1, root2, path);
}

async function verifyGrowth(size1, size2, root1, root2, path) {
  const whole = (size1 & (size1 - 1n)) === 0n;
  const nodes = whole ? [root1, ...path] : path;
  if (!nodes.length) refuse("consistency path has 0 hashes");
  let [from, to] = [size1 - 1n, size2 - 1n];
  while (from & 1n) [from, to] = [from >> 1n, to >> 1n];
  let [first, second] = [nodes[0], nodes[0]];
  for (const node of nodes.slice(1)) {
    if (to === 0n) refuse("consistency path has a hash too many");
    if (from & 1n || from === to) {
      first = await nodeHash(node, first);
      second = await nodeHash(node, second);
      while (!(from & 1n) && from !== 0n) [from, to] = [from >> 1n, to >> 1n];
    } else second = await nodeHash(second, node);
    [from, to] = [from >> 1n, to >> 1n];
  }
  if (to !== 0n) refuse("consistency path ends too early");
  if (!equal(first, root1)) refuse("consistency path does not lead to the first root");
  if (!equal(second, root2)) refuse("consistency path does not lead to the second root");
}
