// Steps inclusion, census, streams and bodies: what the entries are, and that they are all (census.md, streams.md, bodies.md).
import { byBytes, sorted } from "./bytes.mjs";
import { provenCount } from "./census.mjs";
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
const KEY_STREAMS = ["type:tallystick.ledger.key-added.v1", "type:tallystick.ledger.key-retired.v1"];
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
  const { census: proofs, scope } = view.documents;
  const where = "data/census.json";
  const census = view.bySeq.get(view.size - 1);
  if (!census) tampered("the last entry of the tree is not listed", "data/entries.jsonl");
  if (census.type !== CENSUS) tampered("the last entry of the tree is not a census", census.where);
  const body = ledgerBody(view, census);
  if (census.ext?.size !== 1 || census.ext.get("tallycensus") !== body.root) {
    tampered("ext and body of the census differ", census.where);
  }
  if (proofs.root !== body.root || proofs.seq !== census.seq) tampered("root or seq is not the census's", where);
  if (view.info.date !== census.at.slice(0, 10)) tampered("Bagging-Date is not the day of the census", "bag-info.txt");
  if (view.info.origin !== view.origin) tampered("Source-Organization is not the log's origin", "bag-info.txt");

  const log = { census: census.seq, origin: view.origin, root: view.root.toString("hex"), size: view.size };
  if (view.print(log) !== view.print(scope.log)) tampered("log is not what the checkpoint says", "data/scope.json");

  const names = sorted(new Set([...scope.question.streams.map(({ name }) => name), ...KEY_STREAMS]));
  const given = proofs.streams.map(({ name }) => name);
  for (const name of given) if (!names.includes(name)) tampered(`stream ${name} was not asked for`, where);
  for (const name of names) if (!given.includes(name)) incomplete(`stream ${name} has no proof`, where);
  view.counts = new Map();
  for (const { name, bucket, count, path } of proofs.streams) {
    const found = placed(`${where} ${name}`, () => provenCount(name, Buffer.from(bucket), path, Buffer.from(body.root, "hex")));
    if (found !== count) tampered(`count of ${name} is ${count}, proven ${found}`, where);
    view.counts.set(name, count);
  }
  view.census = census;
}

/** Step streams: positions, windows, and exactly the entries that were asked for. */
export function checkStreams(view) {
  const { entries, scope } = view.documents;
  checkPositions(view);
  entries.forEach((entry) => checkHeader(view, entry));
  const needed = new Set([0, view.census.seq]);
  for (const name of KEY_STREAMS) windowOf(view, { name }).needed.forEach((seq) => needed.add(seq));
  view.streams = scope.question.streams.map((asked) => {
    const window = windowOf(view, asked);
    window.needed.forEach((seq) => needed.add(seq));
    const open = asked.to === undefined || asked.to > view.census.at;
    const grade = `complete as filed${open ? ", up to the census" : ""}`;
    return { name: asked.name, count: view.counts.get(asked.name), listed: window.listed, grade };
  });
  if (scope.question.kind === "everything") {
    for (let seq = 0; seq < view.size; seq += 1) {
      if (!view.bySeq.has(seq)) {
        incomplete(`entry ${seq} is not listed, and everything was asked for`, "data/entries.jsonl");
      }
      needed.add(seq);
    }
  }
  addContinued(view, needed);
  for (const entry of entries) if (!needed.has(entry.seq)) tampered("entry is out of scope", entry.where);
  if (view.notBefore !== undefined && view.census.at < view.notBefore) {
    refuse("stale", `census is of ${view.census.at}`, view.census.where);
  }
}

function checkPositions(view) {
  const last = new Map();
  for (const entry of view.documents.entries) {
    for (const [name, position] of entry.streams) {
      if (last.has(name) && last.get(name) >= position) {
        tampered(`position ${position} of ${name} does not follow ${last.get(name)}`, entry.where);
      }
      last.set(name, position);
      const count = view.counts.get(name);
      if (count === undefined) continue;
      const fits = entry === view.census ? position === count : position < count;
      if (!fits) tampered(`position ${position} of ${name}, of which there are ${count}`, entry.where);
    }
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

/** What streams.md adds: the entry after one that is full, and the parent and everything between of a continuation. */
function addContinued(view, needed) {
  const queue = [...needed];
  const need = (seq) => {
    if (!view.bySeq.has(seq)) {
      incomplete(`entry ${seq} belongs to a continued event and is not listed`, "data/entries.jsonl");
    }
    if (!needed.has(seq)) { needed.add(seq); queue.push(seq); }
  };
  while (queue.length) {
    const entry = view.bySeq.get(queue.pop());
    if (entry.streams.size === FULL && entry.seq + 1 < view.size) need(entry.seq + 1);
    if (entry.type === CONTINUED) for (let seq = parentOf(entry); seq < entry.seq; seq += 1) need(seq);
  }
}

function parentOf(entry) {
  const parent = entry.ext?.size === 1 ? entry.ext.get("tallyof") : undefined;
  if (typeof parent !== "string" || !/^(0|[1-9][0-9]*)$/.test(parent)) {
    tampered("continuation names no parent", entry.where);
  }
  if (Number(parent) >= entry.seq) incomplete("continuation stands before its parent", entry.where);
  return Number(parent);
}

const othersOf = (entry) => [...entry.streams.keys()].filter((name) => !ownStreams(entry).includes(name));

function checkHeader(view, entry) {
  for (const name of ownStreams(entry)) if (!entry.streams.has(name)) tampered(`entry is not filed in ${name}`, entry.where);
  const parent = entry.type === CONTINUED ? checkContinuation(view, entry) : entry;
  const kinds = kindsOf(parent);
  for (const name of othersOf(entry)) {
    if (!kinds.includes(name.split(":")[0]) || !isStreamName(name)) {
      tampered(`an event of this type is not filed in ${name}`, entry.where);
    }
  }
}

function checkContinuation(view, entry) {
  const seq = parentOf(entry);
  for (let between = seq; between < entry.seq; between += 1) {
    if (!view.bySeq.has(between)) {
      incomplete(`entry ${between} belongs to a continued event and is not listed`, entry.where);
    }
  }
  const [parent, before] = [view.bySeq.get(seq), view.bySeq.get(entry.seq - 1)];
  const follows = before === parent ? parent.type !== CONTINUED : before.type === CONTINUED && parentOf(before) === seq;
  if (!follows || before.streams.size !== FULL) {
    tampered("continuation does not follow a full entry of its event", entry.where);
  }
  const said = entry.id === `${seq}-${entry.seq - seq}` && entry.at === parent.at
    && ATTRIBUTES.every((name) => entry[name] === undefined) && !entry.parts.length;
  const others = othersOf(entry);
  const last = othersOf(before).at(-1);
  if (!said || !others.length || byBytes(last, others[0]) >= 0) {
    tampered("continuation is not what its parent leaves over", entry.where);
  }
  return parent;
}

/** Step bodies: commitments, filing, and every document that follows from the entries. */
export function checkBodies(view) {
  const { entries, bodies, parts, scope } = view.documents;
  const wanted = entries.flatMap(({ seq, parts: own }) => own.map(([pointer, commitment]) => ({ seq, pointer, commitment })));
  matchLines(bodies, entries, ({ seq }) => seq, "data/bodies.jsonl");
  matchLines(parts, wanted, ({ seq, pointer }) => `${seq} ${pointer}`, "data/parts.jsonl");
  wanted.forEach(({ commitment }, i) => {
    if (parts[i].bytes) checkCommitment("part", parts[i], commitment);
  });
  entries.forEach((entry, i) => checkBody(view, entry, bodies[i]));
  checkScope(view, scope);

  const lineage = foldLineage(entries.map((entry, i) => [entry, bodies[i].bytes])
    .filter(([entry, bytes]) => OBSERVED.test(entry.type) && bytes)
    .map(([entry, bytes]) => [entry.seq, claimsJson(entry) ? bytes : Buffer.alloc(0)]));
  const where = "data/lineage.json";
  placed(where, () => readFile(view.files.get(where)));
  if (!view.files.get(where).equals(lineage)) tampered("lineage is not what the disclosed events give", where);
  checkCertificates(view);
}

/** A line for each of `wanted`, and none besides; `keyOf` gives the same key for a line and for what it belongs to. */
function matchLines(lines, wanted, keyOf, where) {
  const [have, need] = [new Set(lines.map(keyOf)), new Set(wanted.map(keyOf))];
  const missing = wanted.find((item) => !have.has(keyOf(item)));
  if (missing) incomplete(`the line of entry ${missing.seq} is missing`, where);
  const stray = lines.find((line) => !need.has(keyOf(line)));
  if (stray) tampered("a line belongs to no listed entry", stray.where);
}

function checkBody(view, entry, line) {
  if (!line.bytes) {
    if (isLedger(entry)) incomplete("the body of an event of the ledger is not disclosed", line.where);
    return;
  }
  checkCommitment("body", line, entry.body);
  if (entry.type === CONTINUED) {
    if (line.bytes.length) tampered("a continuation has a body", line.where);
    return;
  }
  const groups = fileOthers(entry, line.bytes);
  groups.forEach((group, n) => {
    const filed = n === 0 ? entry : view.bySeq.get(entry.seq + n);
    if (!filed || (n > 0 && filed.type !== CONTINUED) || String(othersOf(filed)) !== String(group)) {
      tampered("event is filed in other streams than its body says", (filed ?? entry).where);
    }
  });
  const next = view.bySeq.get(entry.seq + groups.length);
  if (next?.type === CONTINUED && parentOf(next) === entry.seq) tampered("event is continued without need", next.where);
  checkHoles(entry, line);
}

/** A part's place in the body is `null`. */
function checkHoles(entry, { bytes, where }) {
  if (!entry.parts.length) return;
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
