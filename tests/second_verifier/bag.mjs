// Tag files and manifests of a bundle (bundle.md), exactly as they are printed.
import { isDay, sha256Hex } from "./bytes.mjs";
import { checkPaths } from "./archive.mjs";
import { lines } from "./json.mjs";
import { placed, refuse } from "./refusal.mjs";

const DECLARATION = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";
const INFO = new RegExp([
  "^External-Identifier: ([^\\n]*)", "Bagging-Date: ([^\\n]*)", "Payload-Oxum: (0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)",
  "Source-Organization: ([^\\n]*)", "Bag-Software-Agent: tallystick\\n$"].join("\\n"));
const SEAL = "signatures/tagmanifest.ed25519.sig";
const [MANIFEST, TAG_MANIFEST] = ["manifest-sha256.txt", "tagmanifest-sha256.txt"];

export const NAME = /^(?!\.)[A-Za-z0-9._-]{1,120}$/;
export const ORIGIN = /^[A-Za-z0-9._/-]{1,200}$/;

const inManifest = (path) => path.startsWith("data/");
const inTagManifest = (path) => ["bagit.txt", "bag-info.txt", MANIFEST].includes(path)
  || (path.startsWith("signatures/") && path !== SEAL);

function ascii(bytes, where) {
  const at = bytes.findIndex((byte) => byte > 0x7f);
  if (at >= 0) refuse("malformed", `byte ${at} is not ASCII`, where);
  return bytes.toString("latin1");
}

/** Hash by path, of exactly the lines that the printer writes. */
function parseManifest(bytes, where, belongs) {
  ascii(bytes, where);
  const hashes = new Map();
  const paths = [];
  lines(bytes, where).forEach((line, i) => {
    const place = `${where} line ${i + 1}`;
    const parts = /^([0-9a-f]{64}) {2}([^]+)$/.exec(line.toString("latin1"))
      ?? refuse("malformed", "line is not a hash, two spaces and a path", place);
    if (!belongs(parts[2])) refuse("malformed", `${parts[2]} is listed, which has no place in this manifest`, where);
    if (parts[2] <= (paths.at(-1) ?? "")) refuse("malformed", "paths are not sorted, each once", place);
    hashes.set(parts[2], parts[1]);
    paths.push(parts[2]);
  });
  checkPaths(paths, where);
  return hashes;
}

function parseInfo(bytes) {
  const parts = INFO.exec(ascii(bytes, "bag-info.txt")) ?? refuse("malformed", "file is not the five lines of a bundle");
  const [name, date, octets, count, origin] = parts.slice(1);
  const day = /^(\d{4})-(\d\d)-(\d\d)$/.exec(date);
  if (!day || !isDay(...day.slice(1).map(Number))) refuse("malformed", "Bagging-Date is not a date");
  if (!Number.isSafeInteger(Number(octets)) || !Number.isSafeInteger(Number(count))) {
    refuse("malformed", "Payload-Oxum is no size");
  }
  if (!NAME.test(name)) refuse("malformed", "External-Identifier is not a bundle's name");
  if (!ORIGIN.test(origin)) refuse("malformed", "Source-Organization is not an origin");
  return { name, date, origin, oxum: `${octets}.${count}` };
}

/** Accept exactly the files that a manifest lists, with the hashes that it tells. */
function checkListed(files, where, hashes, belongs) {
  for (const path of hashes.keys()) {
    if (!files.has(path)) refuse("incomplete", `file is listed in ${where} and is not there`, path);
  }
  for (const [path, bytes] of files) {
    if (!belongs(path)) continue;
    if (!hashes.has(path)) refuse("tampered", `file is not listed in ${where}`, path);
    if (hashes.get(path) !== sha256Hex(bytes)) refuse("tampered", "file has another hash than its manifest says", path);
  }
}

/** Check a bag's files (a Map from path to bytes), each by its hash before it is read; returns what bag-info.txt says. */
export function checkBag(files) {
  checkPaths(files.keys());
  for (const path of ["bagit.txt", "bag-info.txt", MANIFEST, TAG_MANIFEST, SEAL]) {
    if (!files.has(path)) refuse("incomplete", "file is not there", path);
  }
  checkListed(files, TAG_MANIFEST, parseManifest(files.get(TAG_MANIFEST), TAG_MANIFEST, inTagManifest), inTagManifest);
  if (files.get("bagit.txt").toString("latin1") !== DECLARATION) {
    refuse("malformed", "file is not the declaration of BagIt 1.0", "bagit.txt");
  }
  const info = placed("bag-info.txt", () => parseInfo(files.get("bag-info.txt")));
  checkListed(files, MANIFEST, parseManifest(files.get(MANIFEST), MANIFEST, inManifest), inManifest);
  for (const path of files.keys()) {
    if (!inManifest(path) && !inTagManifest(path) && ![TAG_MANIFEST, SEAL].includes(path)) {
      refuse("tampered", "file is in no manifest", path);
    }
  }
  const payload = [...files].filter(([path]) => inManifest(path));
  const counted = `${payload.reduce((sum, [, bytes]) => sum + bytes.length, 0)}.${payload.length}`;
  if (info.oxum !== counted) refuse("tampered", `Payload-Oxum is ${info.oxum}, counted ${counted}`, "bag-info.txt");
  return info;
}
