// The canonical ZIP (archive.md): walk the local headers, write the archive again, compare every byte.
import { refuse } from "./refusal.mjs";
import { byBytes } from "./bytes.mjs";

const PATH = /^(?!\.{1,2}(\/|$))[A-Za-z0-9._-]+(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._-]+)*$/;
const MAX_PATH = 240;
const MAX_FILES = 65534;
const MAX_BYTES = 2 ** 32 - 1;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit += 1) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});
const crc32 = (bytes) => ~bytes.reduce((crc, byte) => CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8), -1) >>> 0;

const malformed = (detail, where = "archive header") => refuse("malformed", detail, where);

/** Refuse a path, or a path beside another, that no archive may hold; the place is `where`, or else the path. */
export function checkPaths(paths, where) {
  const folded = new Map();
  for (const path of paths) {
    if (!PATH.test(path)) malformed("path is not made of names of [A-Za-z0-9._-] with / between them", where);
    if (path.length > MAX_PATH) malformed(`path has ${path.length} bytes, at most ${MAX_PATH} are allowed`, where);
    if (folded.has(path.toLowerCase())) malformed("path equals another when case is ignored", where ?? path);
    folded.set(path.toLowerCase(), path);
  }
  for (const path of folded.keys()) {
    const names = path.split("/");
    for (let i = 1; i < names.length; i += 1) {
      const file = folded.get(names.slice(0, i).join("/"));
      if (file !== undefined) malformed("path is a file and a folder", where ?? file);
    }
  }
}

const little = (width, values) => {
  const bytes = Buffer.alloc(width * values.length);
  values.forEach((value, i) => bytes.writeUIntLE(value, width * i, width));
  return bytes;
};
const u16 = (...values) => little(2, values);
const u32 = (...values) => little(4, values);

/** The one archive of these files (a Map from path to bytes). */
export function writeArchive(files) {
  checkPaths(files.keys());
  if (files.size > MAX_FILES) malformed(`archive has ${files.size} files`);
  const [locals, centrals] = [[], []];
  let offset = 0;
  for (const path of [...files.keys()].sort(byBytes)) {
    const content = files.get(path);
    const common = Buffer.concat([
      u16(10, 0, 0, 0, 0x21), u32(crc32(content), content.length, content.length), u16(path.length, 0)]);
    locals.push(u32(0x04034b50), common, Buffer.from(path), content);
    centrals.push(u32(0x02014b50), u16(0x0314), common, u16(0, 0, 0), u32(0x81a40000, offset), Buffer.from(path));
    offset += 30 + path.length + content.length;
  }
  const central = Buffer.concat(centrals);
  if (offset + central.length + 22 > MAX_BYTES) malformed("archive has too many bytes");
  const end = [u32(0x06054b50), u16(0, 0, files.size, files.size), u32(central.length, offset), u16(0)];
  return Buffer.concat([...locals, central, ...end]);
}

export function readArchive(bytes) {
  if (bytes.length > MAX_BYTES) malformed("archive has too many bytes");
  const files = new Map();
  let [place, last] = [0, null];
  while (bytes.length >= place + 30 && bytes.readUInt32LE(place) === 0x04034b50) {
    const [size, pathLength] = [bytes.readUInt32LE(place + 18), bytes.readUInt16LE(place + 26)];
    const start = place + 30 + pathLength;
    if (start + size > bytes.length) malformed("member ends behind the archive");
    const path = bytes.toString("latin1", place + 30, start);
    if (last !== null && byBytes(last, path) >= 0) malformed("member does not stand in the order of paths", path);
    files.set(path, bytes.subarray(start, start + size));
    [place, last] = [start + size, path];
  }
  if (!writeArchive(files).equals(bytes)) malformed("archive is not the one that its files give");
  return files;
}
