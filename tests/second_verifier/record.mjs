// Steps inclusion, census, streams and bodies: what the entries are, and that they are all (census.md, streams.md, bodies.md).
import { byBytes, sha256Hex, sorted } from "./bytes.mjs";
import { checkPositions, checkRecount, provenCounts } from "./census.mjs";
import { gradeCertificates } from "./closure.mjs";
import { claimsJson, isLedger } from "./entry.mjs";
import { readFile, spansOf } from "./json.mjs";
import { foldLineage } from "./lineage.mjs";
import { cover, rootFromCover, verifyConsistency } from "./merkle.mjs";
import { placed, refuse } from "./refusal.mjs";
import { fileOthers, isStreamName, kindsOf, ownStreams, structure } from "./streams.mjs";
import { checkCommitment, ledgerBody } from "./trust.mjs";

const CENSUS = "tallystick.ledger.census-taken.v1";
const CLOSED = "tallystick.ledger.closed.v1";
const CONTINUED = "tallystick.ledger.continued.v1";
const CERTIFIED = "tallystick.deletion.certified.v1";
const WHOLE_STREAMS = [CLOSED, "tallystick.ledger.key-added.v1", "tallystick.ledger.key-retired.v1"].map((type) => `type:${type}`);
const OBSERVED = /^tallystick\.lineage\.(run|job|dataset)-observed\.v1$/;
const ATTRIBUTES = ["subject", "time", "datacontenttype", "dataschema", "sequence", "traceparent"];
const FULL = 128;

const tampered = (detail, where) => refuse("tampered", detail, where);
const incomplete = (detail, where) => refuse("incomplete", detail, where);

/** Step inclusion: the listed entries and the subtrees between them give the checkpoint's root. */
export function checkInclusion(view) {
  const { entries, proofs } = view.documents;
  view.bySeq = new Map(entries.map((entry) => [entry.seq, entry]));
  entries.forEach((entry, i) => {
    if (i > 0 && entries[i - 1].seq >= entry.seq) refuse("malformed", "entries do not ascend", entry.where);
  });
  entries.forEach((entry) => {
    if (entry.seq >= view.size) tampered("entry stands behind the end of the tree", entry.where);
  });
  const where = "data/proofs.json";
  if (proofs.size !== view.size) tampered("size is not the checkpoint's", where);
  const expected = cover(view.size, entries.map(({ seq }) => seq));
  const given = proofs.subtrees;
  if (expected.length !== given.length || expected.some(([level, index], i) => level !== given[i][0] || index !== given[i][1])) {
    tampered("subtrees are not those between the listed entries", where);
  }
  const root = rootFromCover(view.size, new Map(entries.map(({ seq, leaf }) => [seq, leaf])), given.map(([, , hash]) => hash));
  if (!root.equals(view.root)) tampered("entries and subtrees give another root than the checkpoint's", where);
  entries.forEach((entry, i) => {
    const before = entries[i - 1];
    const prev = entry.seq === 0 ? "0".repeat(64) : before?.seq === entry.seq - 1 ? before.leaf.toString("hex") : entry.prev;
    if (entry.prev !== prev) tampered("prev is not the leaf hash of the entry before", entry.where);
    if (before && entry.at < before.at) tampered("at goes back", entry.where);
    if (entry.type === CLOSED && entry.seq < view.size - 2) tampered("more than a census follows the end of the log", entry.where);
  });
  checkConsistency(view);
}

function checkConsistency(view) {
  const where = "data/consistency.json";
  const heads = view.documents.consistency;
  for (const { size } of heads) {
    if (size < 1 || size >= view.size) refuse("malformed", `head of size ${size} is none before the checkpoint`, where);
  }
  for (const { size, root } of view.handovers) {
    const head = heads.find((one) => BigInt(one.size) === size);
    if (!head) incomplete(`no consistency proof from the handover at ${size}`, where);
    if (!head.root.equals(root)) tampered(`root at ${size} is not the handover's`, where);
  }
  if (heads.length > view.handovers.length + 1) refuse("malformed", "more heads than handovers and one", where);
  for (const { size, root, path } of heads) {
    placed(where, () => verifyConsistency(BigInt(size), BigInt(view.size), root, view.root, path));
  }
}

/** Step census: the last entry counts every stream, and the bundle proves the counts that it needs. */
export function checkCensus(view) {
  const { scope } = view.documents;
  const log = { census: view.size - 1, origin: view.origin, root: view.root.toString("hex"), size: view.size };
  if (view.print(log) !== view.print(scope.log)) tampered("log is not what the checkpoint says", "data/scope.json");
  const [{ census: proofs, entries }, where] = [view.documents, "data/census.json"];
  const census = view.bySeq.get(view.size - 1);
  if (!census) tampered("the last entry of the tree is not listed", "data/entries.jsonl");
  if (census.type !== CENSUS) tampered("the last entry of the tree is not a census", census.where);
  const { root } = readTaken(view, census);
  if (proofs.root !== root || proofs.seq !== census.seq) tampered("root or seq is not the census's", where);
  view.taken = checkCensuses(view);

  const names = sorted(new Set([...scope.question.streams.map(({ name }) => name), ...WHOLE_STREAMS,
    ...ownStreams({ type: CENSUS, source: view.origin })]));
  const given = proofs.streams.map(({ name }) => name);
  view.counts = new Map();
  const hashes = new Set(entries.slice(0, -1).flatMap(({ streams }) => [...streams.keys()]).map((name) => sha256Hex(name)));
  for (const { name, bucket, count, path } of proofs.streams) {
    if (!names.includes(name)) tampered(`stream ${name} was not asked for`, where);
    const counts = placed(`${where} ${name}`, () => provenCounts(name, Buffer.from(bucket), path, Buffer.from(root, "hex")));
    const found = counts.get(sha256Hex(name)) ?? 0;
    if (found !== count) tampered(`count of ${name} is ${count}, proven ${found}`, where);
    view.counts.set(name, count);
    for (const hash of counts.keys()) hashes.add(hash);
  }
  for (const name of names) if (!given.includes(name)) incomplete(`stream ${name} has no proof`, where);
  if (view.taken.get(census.seq).streams < hashes.size) {
    tampered(`census counts fewer than the ${hashes.size} streams that are shown`, census.where);
  }
  if (view.info.date !== census.at.slice(0, 10)) tampered("Bagging-Date is not the day of the census", "bag-info.txt");
  if (view.info.origin !== view.origin) tampered("Source-Organization is not the log's origin", "bag-info.txt");
  view.census = census;
}

/** The body of a census, which its extension repeats. */
function readTaken(view, census) {
  const body = ledgerBody(view, census);
  if (census.ext?.size !== 1 || census.ext.get("tallycensus") !== body.root) {
    tampered("ext and body of the census differ", census.where);
  }
  return body;
}

/** What every listed census says, by seq: no root twice, and as many streams as there can be. */
function checkCensuses(view) {
  const [found, roots, shown] = [new Map(), new Set(), new Set()];
  let [streams, before] = [0, 0];
  for (const entry of view.documents.entries) {
    if (entry.type === CENSUS) {
      const taken = readTaken(view, entry);
      if (roots.has(taken.root)) tampered("the root of an earlier census comes again", entry.where);
      const most = streams + FULL * (entry.seq - before);
      if (taken.streams < Math.max(streams, shown.size) || taken.streams > most) {
        tampered(`census counts ${taken.streams} streams, which cannot be`, entry.where);
      }
      roots.add(taken.root);
      found.set(entry.seq, taken);
      [streams, before] = [taken.streams, entry.seq];
    }
    for (const name of entry.streams.keys()) shown.add(name);
  }
  return found;
}

/** Step streams: positions, windows, and exactly the entries that were asked for. */
export function checkStreams(view) {
  const { entries, scope } = view.documents;
  checkPositions(entries, view.counts, view.census);
  const needed = new Set([0, view.census.seq]);
  view.streams = scope.question.streams.map((asked) => {
    const window = windowOf(view, asked);
    window.needed.forEach((seq) => needed.add(seq));
    const open = asked.to === undefined || asked.to > view.census.at;
    const grade = `complete as filed${open ? ", up to the census" : ""}`;
    return { name: asked.name, count: view.counts.get(asked.name), listed: window.listed, grade };
  });
  for (const name of WHOLE_STREAMS) windowOf(view, { name }).needed.forEach((seq) => needed.add(seq));
  view.families = familiesOf(entries);
  const everything = scope.question.kind === "everything";
  if (everything) {
    for (let seq = 0; seq < view.size; seq += 1) {
      if (!view.bySeq.has(seq)) {
        incomplete(`entry ${seq} is not listed, and everything was asked for`, "data/entries.jsonl");
      }
    }
  } else {
    for (const family of view.families) {
      if (family.some(({ seq }) => needed.has(seq))) family.forEach(({ seq }) => needed.add(seq));
      if (family.at(-1).streams.size === FULL && needed.has(family[0].seq)) needed.add(family.at(-1).seq + 1);
    }
    for (const entry of entries) if (!needed.has(entry.seq)) tampered("entry is out of scope", entry.where);
  }
  view.families.forEach(checkHeaders);
  if (everything) checkRecount(entries, view.taken);
  if (view.notBefore !== undefined && view.census.at < view.notBefore) {
    refuse("stale", `census is of ${view.census.at}`, view.census.where);
  }
}

/** The entries of a stream that a window needs, and how many lie in it. */
function windowOf(view, { name, from = "", to = "~" }) {
  const count = view.counts.get(name);
  const own = view.documents.entries.filter((entry) => entry !== view.census && entry.streams.has(name));
  const at = new Map(own.map((entry) => [entry.streams.get(name), entry]));
  const inside = own.filter((entry) => entry.at >= from && entry.at < to).map((entry) => entry.streams.get(name));
  const before = own.filter((entry) => entry.at < from).map((entry) => entry.streams.get(name)).at(-1) ?? -1;
  const after = own.filter((entry) => entry.at >= to).map((entry) => entry.streams.get(name))[0] ?? count;
  const [lo, hi] = inside.length ? [inside[0], inside.at(-1)] : [before + 1, before];
  inside.forEach((position, i) => {
    if (position !== lo + i) incomplete(`position ${lo + i} of ${name} is not listed`, "data/entries.jsonl");
  });
  if (before !== lo - 1) {
    incomplete(`position ${lo - 1} of ${name}, before the window, is not listed`, "data/entries.jsonl");
  }
  if (after !== hi + 1) {
    incomplete(`position ${hi + 1} of ${name}, behind the window, is not listed`, "data/entries.jsonl");
  }
  const needed = [before, ...inside, after].filter((position) => at.has(position)).map((position) => at.get(position).seq);
  return { needed, listed: inside.length };
}

/** Every listed entry with the continuations that follow it at once. */
function familiesOf(entries) {
  const follows = (i) => i < entries.length && entries[i].seq === entries[i - 1].seq + 1;
  const families = [];
  for (let start = 0; start < entries.length;) {
    if (entries[start].type === CONTINUED) {
      incomplete("what is continued is not listed just before it", entries[start].where);
    }
    let stop = start + 1;
    while (follows(stop) && entries[stop].type === CONTINUED) stop += 1;
    if (entries[stop - 1].streams.size === FULL && !follows(stop)) {
      incomplete("the entry after a full one is not listed", entries[stop - 1].where);
    }
    families.push(entries.slice(start, stop));
    checkContinuations(families.at(-1));
    start = stop;
  }
  return families;
}

function checkContinuations(family) {
  const [parent, ...continued] = family;
  continued.forEach((entry, i) => {
    const said = entry.id === `${parent.seq}-${i + 1}` && entry.at === parent.at && entry.ext?.size === 1
      && entry.ext.get("tallyof") === String(parent.seq)
      && ATTRIBUTES.every((name) => entry[name] === undefined) && !entry.parts.length;
    if (!said || family[i].streams.size !== FULL || !othersOf(entry).length) {
      tampered("continuation is not what its parent leaves over", entry.where);
    }
  });
  const others = family.flatMap(othersOf);
  for (let i = 1; i < others.length; i += 1) {
    if (byBytes(others[i - 1], others[i]) >= 0) tampered("continuations are not sorted as one", family.at(-1).where);
  }
}

const othersOf = (entry) => [...entry.streams.keys()].filter((name) => !ownStreams(entry).includes(name));

function checkHeaders(family) {
  const kinds = kindsOf(family[0]);
  for (const entry of family) {
    for (const name of ownStreams(entry)) if (!entry.streams.has(name)) tampered(`entry is not filed in ${name}`, entry.where);
    for (const name of othersOf(entry)) {
      if (!kinds.includes(name.split(":")[0]) || !isStreamName(name)) {
        tampered(`an event of this type is not filed in ${name}`, entry.where);
      }
    }
  }
}

/** Step bodies: commitments, filing, and every document that follows from the entries. */
export function checkBodies(view) {
  const { entries, bodies, parts, scope } = view.documents;
  checkLines(entries, bodies);
  checkParts(entries, parts);
  entries.forEach((entry, i) => checkHoles(entry, bodies[i]));
  const lineOf = new Map(bodies.map((line) => [line.seq, line]));
  view.families.forEach((family) => checkFiling(family, lineOf));
  checkScope(view, scope);

  const lineage = foldLineage(entries.map((entry, i) => [entry, bodies[i].bytes])
    .filter(([entry, bytes]) => OBSERVED.test(entry.type) && bytes)
    .map(([entry, bytes]) => [entry.seq, claimsJson(entry) ? bytes : Buffer.alloc(0)]));
  const where = "data/lineage.json";
  placed(where, () => readFile(view.files.get(where)));
  if (!view.files.get(where).equals(lineage)) tampered("lineage is not what the disclosed events give", where);
  checkCertificates(view);
  view.certificates = gradeCertificates(view);
}

/** One line for each entry, each body that is disclosed as committed to, and those of the ledger disclosed. */
function checkLines(entries, bodies) {
  const lineOf = new Map(bodies.map((line) => [line.seq, line]));
  for (const entry of entries) {
    const line = lineOf.get(entry.seq) ?? incomplete(`entry ${entry.seq} has no line for its body`, "data/bodies.jsonl");
    if (!line.bytes && isLedger(entry)) incomplete("the body of an event of the ledger is not disclosed", line.where);
    if (line.bytes) checkCommitment("body", line, entry.body);
  }
  const listed = new Set(entries.map(({ seq }) => seq));
  for (const { seq, where } of bodies) if (!listed.has(seq)) tampered("a body belongs to no listed entry", where);
}

/** One line for each part of each entry; what is disclosed is one JSON value with nothing around it. */
function checkParts(entries, parts) {
  const key = (seq, pointer) => `${seq} ${pointer}`;
  const wanted = new Map(entries.flatMap(({ seq, parts: own }) => own.map(([pointer, hash]) => [key(seq, pointer), hash])));
  const given = new Set(parts.map(({ seq, pointer }) => key(seq, pointer)));
  for (const part of wanted.keys()) if (!given.has(part)) incomplete(`the line of part ${part} is missing`, "data/parts.jsonl");
  for (const part of parts) {
    const commitment = wanted.get(key(part.seq, part.pointer)) ?? tampered("a part belongs to no listed entry", part.where);
    if (!part.bytes) continue;
    checkCommitment("part", part, commitment);
    const whole = structure(part.bytes) === undefined ? undefined : spansOf(part.bytes).get("");
    if (whole === undefined || Buffer.byteLength(whole) !== part.bytes.length) {
      tampered("part is not one JSON value with nothing around it", part.where);
    }
  }
}

/** The streams of an event whose body is disclosed are those that header and body give. */
function checkFiling(family, lineOf) {
  const [entry, ...continued] = family;
  for (const { seq } of continued) {
    if (lineOf.get(seq).bytes.length) tampered("a continuation has a body", lineOf.get(seq).where);
  }
  const { bytes } = lineOf.get(entry.seq);
  if (bytes && String(fileOthers(entry, bytes).map(String)) !== String(family.map((one) => String(othersOf(one))))) {
    tampered("event is filed in other streams than its body says", entry.where);
  }
}

/** A part's place in the body is `null`. */
function checkHoles(entry, { bytes, where }) {
  if (!entry.parts.length || !bytes) return;
  const spans = claimsJson(entry) && structure(bytes) !== undefined ? spansOf(bytes) : new Map();
  for (const [pointer] of entry.parts) {
    if (spans.get(pointer) !== "null") tampered(`body does not show null at ${pointer}`, where);
  }
}

function tally(lines) {
  const count = (state) => lines.filter((line) => (line.state ?? "disclosed") === state).length;
  return { destroyed: count("destroyed"), disclosed: count("disclosed"), withheld: count("withheld") };
}

function checkScope(view, scope) {
  const { entries, bodies, parts } = view.documents;
  const types = new Map();
  for (const { type } of entries) types.set(type, (types.get(type) ?? 0) + 1);
  const facts = {
    bodies: tally(bodies), entries: entries.length, parts: tally(parts), types,
    streams: view.streams.map(({ count, listed, name }) => ({ count, listed, name })),
  };
  if (view.print(facts) !== view.print(scope.control)) {
    tampered("control has other numbers than were counted", "data/scope.json");
  }
}

function checkCertificates(view) {
  const { entries, bodies } = view.documents;
  const expected = new Map(entries.map((entry, i) => [entry, bodies[i].bytes])
    .filter(([entry, bytes]) => entry.type === CERTIFIED && bytes)
    .map(([entry, bytes]) => [`data/certificates/${entry.seq}.json`, bytes]));
  for (const [path, bytes] of expected) {
    if (!view.files.has(path)) incomplete("certificate is not there", path);
    if (!view.files.get(path).equals(bytes)) tampered("certificate is not the body of its entry", path);
  }
  for (const path of view.files.keys()) {
    if (path.startsWith("data/certificates/") && !expected.has(path)) {
      tampered("certificate belongs to no disclosed entry", path);
    }
  }
}
