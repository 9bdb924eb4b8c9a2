// What a deletion certificate is worth (deletion-certificate.md, "Checking one"): its closure, walked again (lineage.md, "Closure").
import { sha256Hex, sorted } from "./bytes.mjs";
import { claimsJson } from "./entry.mjs";
import { readCanonical, readFile } from "./json.mjs";
import { isLookedAt, leadsTo } from "./lineage.mjs";
import { Refusal } from "./refusal.mjs";
import { hash, int, list, object, oneOf, text } from "./shape.mjs";
import { datasetName, filed, structure } from "./streams.mjs";
import { shortWord, version } from "./documents.mjs";

const CERTIFIED = "tallystick.deletion.certified.v1";
const STEPS = { plan: "tallystick.deletion.planned.v1", request: "tallystick.deletion.requested.v1" };
const PLANNER = "urn:tallystick:deletion:planner";
const CERTIFIER = "urn:tallystick:deletion:certifier";
const OBSERVED = /^tallystick\.lineage\.(run|job|dataset)-observed\.v1$/;
const CONTINUED = "tallystick.ledger.continued.v1";

const MAX_STEPS = 4_194_304;
const NAMED = 100;
const TOO_LARGE = "the certificates of this bundle take more steps to walk than a verifier takes";
const DONE = ["erased", "not_found", "not_applicable"];  // of a target, where the whole is complete

const any = (value) => value;
const unread = (names) => Object.fromEntries(names.split(" ").map((name) => [name, any]));
const datasetId = ({ namespace, name }) => datasetName(namespace, name);
const dataset = (value) => datasetId(object({ name: text, namespace: text })(value));
const seeds = (value) => (value.length ? list(dataset)(value) : text(""));

const LINEAGE = { closure: object({ count: int, hash }), lineage: object({ root: hash, size: int }), seeds };
const NOTED = unread("findings only_in_contract only_in_lineage");
const CERTIFICATE = object(
  {
    ...unread("certificate channel deadlines issued on_time received regulation remarks residuals"), v: version, request: shortWord,
    requested: int, outcome: oneOf("complete", "complete_with_residuals", "partial", "refused"),
    targets: list(object({ ...unread("action id outcome residuals seqs"), dataset }, unread(
      "code control deleted executor level matched_after matched_before method place query reason verifier"))),
  },
  { ...unread("basis erased level supersedes"), plan: object({ ...LINEAGE, ...NOTED, seq: int }) });
const PLAN = object({
  ...LINEAGE, ...NOTED, at: any, request: shortWord, v: version,
  targets: list(object({ ...unread("action id residuals"), dataset }, unread("before place reason"))) });

/** What `read` gives, or undefined where it refuses. */
function attempt(read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** The streams of an entry and of those that continue it. */
function familyStreams(view, entry) {
  const streams = new Set(entry.streams.keys());
  for (let next = view.bySeq.get(entry.seq + 1); next?.type === CONTINUED; next = view.bySeq.get(next.seq + 1)) {
    for (const name of next.streams.keys()) streams.add(name);
  }
  return streams;
}

/** Every lineage event that is listed, with the streams of its whole family. */
function eventsOf(view) {
  const { entries, bodies } = view.documents;
  return entries.map((entry, i) => ({ entry, bytes: bodies[i].bytes })).filter(({ entry }) => OBSERVED.test(entry.type))
    .map(({ entry, bytes }) => {
      const streams = familyStreams(view, entry);
      const isSealed = entry.parts.some(([pointer]) => isLookedAt(pointer));
      return { seq: entry.seq, streams, isSealed, bytes: isSealed ? undefined : bytes && (claimsJson(entry) ? bytes : Buffer.alloc(0)) };
    });
}

const add = (lists, key, item) => (lists.has(key) ? lists.get(key).push(item) : lists.set(key, [item]));

/** What derives from `start` in the first `size` entries, as far as the streams that are whole and open show it, and in how many steps. */
function walk(events, isWhole, start, size) {
  const looked = new Set();  // events
  const below = events.filter(({ seq }) => seq < size);
  const inStream = new Map();
  for (const event of below) for (const name of event.streams) add(inStream, name, event);
  const next = leadsTo(below.filter(({ bytes }) => bytes).map(({ seq, bytes }) => [seq, bytes]));
  const bodies = new Set(below.filter(({ isSealed }) => isSealed).map(({ seq }) => seq));
  const [nodes, streams] = [new Set(start), new Set()];
  for (const node of nodes) {  // grows while it is walked
    if (typeof node === "symbol") {  // a run, on the way from its inputs to its outputs
      next.get(node)?.forEach((to) => nodes.add(to));
      continue;
    }
    const lacking = lackingAt(node, inStream, isWhole, looked);
    lacking.streams.forEach((name) => streams.add(name));
    lacking.bodies.forEach((seq) => bodies.add(seq));
    if (!lacking.streams.length && !lacking.bodies.length) (next.get(node) ?? []).forEach((to) => nodes.add(to));
  }
  const ids = [...nodes].filter((id) => typeof id === "string");
  const sealed = below.filter(({ isSealed }) => isSealed).length;
  const steps = sealed + ids.length + [...looked].reduce((sum, event) => sum + event.streams.size, 0);
  return { datasets: ids.filter((id) => id.startsWith("dataset:")), streams, bodies, steps };
}

function lackingAt(node, inStream, isWhole, looked) {
  if (!isWhole(node)) return { streams: [node], bodies: [] };
  const own = inStream.get(node) ?? [];
  const runs = new Set(own.flatMap((event) => [...event.streams]).filter((name) => name.startsWith("run:")));
  const whole = [node, ...runs].filter(isWhole);
  whole.forEach((name) => (inStream.get(name) ?? []).forEach((event) => looked.add(event)));
  return {
    streams: [...runs].filter((run) => !isWhole(run)),
    bodies: whole.flatMap((name) => inStream.get(name) ?? []).filter(({ bytes }) => !bytes).map(({ seq }) => seq) };
}

const isAskedAt = (pointer) => pointer === "" || ["datasets", "request"].includes(pointer.split("/")[1]);

const closureHash = (ids) => sha256Hex(`tallystick/closure/v1\n${sorted(ids).map((id) => `${id}\n`).join("")}`);

/** The body of the step `seq` of a request; undefined, and noted, where it is none or not at hand. */
function step(view, isWhole, request, seq, what, found) {
  const entry = view.bySeq.get(seq);
  const stream = filed("request", request);
  const bytes = view.documents.bodies.find((body) => body.seq === seq)?.bytes;
  if (!entry && !isWhole(stream)) found.streams.add(stream);
  else if (!entry || entry.type !== STEPS[what]) found.differs.add(what);
  else if (!bytes || (what === "request" && entry.parts.some(([pointer]) => isAskedAt(pointer)))) found.bodies.add(seq);
  else if (!claimsJson(entry) || structure(bytes) === undefined) found.differs.add(what);
  else return bytes;
  return undefined;
}

/** Whether findings say that one plan does not hold all targets; of what is no list of findings nothing is read. */
const leavesOut = ({ findings }) => Array.isArray(findings)
  && findings.some((finding) => finding instanceof Map && finding.get("code") === "targets-left-out");

function checkPlan(view, isWhole, { outcome, request, plan, targets }, found) {
  const bytes = step(view, isWhole, request, plan.seq, "plan", found);
  if (!bytes) return;
  const stated = attempt(() => PLAN(readCanonical(bytes)));
  const facts = (one, of) => view.print([one.closure, one.lineage, one.seeds, sorted(new Set(of.map((target) => target.dataset)))]);
  const same = stated && stated.request === request && facts(stated, stated.targets) === facts(plan, targets);
  const isPlanners = view.bySeq.get(plan.seq).source === PLANNER;
  if (!same || !isPlanners) found.differs.add("plan");
  if (stated && isPlanners && outcome !== "partial" && leavesOut(stated)) found.differs.add("outcome");
}

/** The datasets that the request itself names. */
function askedFor(view, isWhole, { request, requested }, found) {
  const bytes = step(view, isWhole, request, requested, "request", found);
  if (!bytes) return [];
  const body = structure(bytes);
  if (!(body instanceof Map) || body.get("request") !== request) {
    found.differs.add("request");
    return [];
  }
  const named = body.get("datasets");
  return (Array.isArray(named) ? named : []).filter((value) => value instanceof Map)
    .map((value) => datasetName(value.get("namespace"), value.get("name"))).filter((id) => id !== null);
}

/** The first of them, and how many there are. */
function named(lists) {
  const counts = Object.fromEntries(Object.entries(lists).map(([name, all]) => [name, all.length]));
  return { counts, ...Object.fromEntries(Object.entries(lists).map(([name, all]) => [name, all.slice(0, NAMED)])) };
}

/** One walk for all that ask for the same, until together they take too many steps. */
function walker(events, isWhole) {
  const made = new Map();
  let left = MAX_STEPS;
  return (seeds, asked, size) => {
    const key = JSON.stringify([sorted(new Set(seeds)), sorted(new Set(asked)), events.filter(({ seq }) => seq < size).length]);
    if (made.has(key)) return made.get(key);
    if (left < 0) return undefined;
    const walked = walk(events, isWhole, [...seeds, ...asked], size);
    left = walked.steps > left ? -1 : left - walked.steps;
    if (left < 0) return undefined;
    made.set(key, walked);
    return walked;
  };
}

/** What was planned for each request, ascending, by the stream of the request; of one that cannot be read, that there is one. */
function plansOf(view) {
  const { entries, bodies } = view.documents;
  const plans = new Map();
  entries.forEach((entry, i) => {
    if (entry.type !== STEPS.plan || entry.source !== PLANNER) return;
    const { bytes } = bodies[i];
    const isHere = bytes && claimsJson(entry) && structure(bytes) !== undefined;
    const stated = isHere ? attempt(() => PLAN(readCanonical(bytes))) : undefined;
    if (!stated) for (const name of familyStreams(view, entry)) add(plans, name, { seq: entry.seq });
    else add(plans, filed("request", stated.request), { seq: entry.seq, targets: new Set(stated.targets.map((target) => target.dataset)) });
  });
  return plans;
}

/** The targets of the request's other plans; undefined once all of them together are too many. */
function planner(view, isWhole) {
  const plans = plansOf(view);
  let left = MAX_STEPS;
  return (seq, { plan, request }, found) => {
    const stream = filed("request", request);
    if (!isWhole(stream)) found.streams.add(stream);
    const besides = new Set();
    for (const other of plans.get(stream) ?? []) {
      if (other.seq >= seq) break;
      left = Math.max(-1, left - 1 - (other.targets?.size ?? 0));
      if (left < 0) return undefined;
      if (other.seq === plan.seq) continue;
      if (!other.targets) found.bodies.add(other.seq);
      else other.targets.forEach((id) => besides.add(id));
    }
    return besides;
  };
}

function hold(view, walked, planned, isWhole, seq, claim) {
  const { plan, request, requested } = claim;
  const found = { streams: new Set(), bodies: new Set(), differs: new Set() };
  checkPlan(view, isWhole, claim, found);
  const asked = askedFor(view, isWhole, claim, found);
  const besides = planned(seq, claim, found);
  const targets = new Set(claim.targets.map((target) => target.dataset));
  const forgottenAmong = (ids) => sorted([...new Set(ids)].filter((id) => !targets.has(id)));
  if (!(requested < plan.seq && plan.seq < seq) || plan.lineage.size > plan.seq) found.differs.add("order");
  const outcomes = claim.targets.map(({ outcome }) => outcome);
  const isDone = outcomes.includes("erased") && outcomes.every((outcome) => DONE.includes(outcome));
  if (claim.outcome !== "partial" && (!isDone || leavesOut(plan))) found.differs.add("outcome");
  const told = { grade: "closure not proven", lineage: plan.lineage.size, plan: plan.seq, request, seq, targets: claim.targets.length };
  const lists = (forgotten) => named({ bodies: [...found.bodies].sort((a, b) => a - b), forgotten, streams: sorted(found.streams) });
  const way = besides && walked(plan.seeds, asked, walkedSize(claim, seq));
  if (!way) {
    const left = forgottenAmong(besides ?? []);
    if (found.differs.size) told.grade = "closure contradicted";
    if (left.length) told.grade = "a target was forgotten";
    return { ...told, ...lists(left), differs: sorted(found.differs), reason: TOO_LARGE };
  }
  const { datasets, streams, bodies } = way;
  const isComplete = !streams.size && !bodies.size;
  const isClosure = datasets.length === plan.closure.count && closureHash(datasets) === plan.closure.hash;
  if (isComplete && !isClosure) found.differs.add("closure");
  streams.forEach((name) => found.streams.add(name));
  bodies.forEach((one) => found.bodies.add(one));
  const forgotten = forgottenAmong([...datasets, ...besides]);
  told.grade = `closure recomputed, relative to the lineage in the first ${plan.lineage.size} entries`;
  if (found.streams.size || found.bodies.size) told.grade = "closure not proven";
  if (found.differs.size) told.grade = "closure contradicted";
  if (forgotten.length) told.grade = "a target was forgotten";
  return { ...told, ...lists(forgotten), derived: datasets.length, differs: sorted(found.differs) };
}

const walkedSize = (claim, seq) => Math.min(claim.plan.lineage.size, seq);

/** The member `certificates` of the verdict: what each listed certificate is worth. */
export function gradeCertificates(view) {
  const { entries, bodies, scope: { question } } = view.documents;
  const unbounded = question.streams.filter(({ from, to }) => from === undefined && to === undefined).map(({ name }) => name);
  const whole = new Set(unbounded);
  const isWhole = (name) => question.kind === "everything" || whole.has(name);
  const [walked, planned] = [walker(eventsOf(view), isWhole), planner(view, isWhole)];
  const held = [];  // in the order in which walks are counted: by the lineage that they need
  const certificates = entries.flatMap((entry, i) => {
    if (entry.type !== CERTIFIED) return [];
    const nothing = { ...named({ bodies: [], forgotten: [], streams: [] }), differs: [], seq: entry.seq };
    const { bytes } = bodies[i];
    if (entry.source !== CERTIFIER) return [{ ...nothing, grade: "no certificate" }];
    if (!bytes) return [{ ...nothing, ...named({ bodies: [entry.seq] }), counts: { bodies: 1, forgotten: 0, streams: 0 }, grade: "closure not proven" }];
    const isStep = claimsJson(entry) && structure(bytes) !== undefined;
    const claim = isStep ? attempt(() => CERTIFICATE(readFile(bytes))) : undefined;
    if (!claim || (claim.outcome === "refused") === (claim.plan !== undefined)) return [{ ...nothing, grade: "no certificate" }];
    if (!claim.plan) return [{ ...nothing, grade: "refused, without a plan", request: claim.request, targets: claim.targets.length }];
    held.push({ claim, seq: entry.seq });
    return [{ seq: entry.seq }];
  });
  held.sort((a, b) => walkedSize(a.claim, a.seq) - walkedSize(b.claim, b.seq) || a.seq - b.seq);
  const graded = new Map(held.map(({ claim, seq }) => [seq, hold(view, walked, planned, isWhole, seq, claim)]));
  return certificates.map((each) => graded.get(each.seq) ?? each);
}

const PROVEN = /^(closure recomputed, |refused, )/;

/** The certificates in the bundle of which something is left to prove. */
export const unprovenCertificates = (view) => view.certificates.filter(({ grade }) => !PROVEN.test(grade))
  .map(({ seq }) => `data/certificates/${seq}.json`).filter((path) => view.files.has(path));
