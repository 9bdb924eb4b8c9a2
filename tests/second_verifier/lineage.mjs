// The fold of OpenLineage events into lineage.json (lineage.md).
import { byBytes } from "./bytes.mjs";
import { print } from "./json.mjs";
import { datasetName, jobName, structure } from "./streams.mjs";

const PAIRS_PER_NAME = 8;
const STATES = ["committed", "open", "attempted", "declared"];
const LISTED = 16;

const isHub = (inputs, outputs) => inputs * outputs > PAIRS_PER_NAME * (inputs + outputs);

// Where the reading looks; a part at, above or below one of these hides something from it.
const LOOKED_AT = ["eventType", "run/runId", ...["job", "inputs/*", "outputs/*", "dataset"].flatMap((at) =>
  [`${at}/namespace`, `${at}/name`, `${at}/facets/lineage`, ...at === "job" ? [] : [`${at}/facets/columnLineage`]])]
  .map((path) => path.split("/"));

/** Whether a part at this pointer hides something that the reading looks at. */
export function isLookedAt(pointer) {
  const [, ...tokens] = pointer.split("/");
  return LOOKED_AT.some((path) => path.every((want, i) => i >= tokens.length || want === "*" || want === tokens[i]));
}

const isObject = (value) => value instanceof Map;
const isName = (value) => typeof value === "string" && value !== "";
/** A member; absent and null are the same. */
const member = (object, name) => object.get(name) ?? undefined;

/** What one event says. Nodes are ids; pairs are [from, to]. */
class Statement {
  inputs = new Set();
  outputs = new Set();
  explicit = [];
  column = [];
  settled = new Set();
  findings = new Set();
  closed = false;
  observed = false;
  end = null;
  job = null;
  runId = null;

  constructor(seq, nodes) {
    this.seq = seq;
    this.nodes = nodes;  // of the whole fold: id → {kind, namespace, name, resolved}
  }

  node(kind, value, resolved = true) {
    const [namespace, name] = isObject(value) ? [value.get("namespace"), value.get("name")] : [];
    if (!isName(namespace) || !isName(name)) return null;
    const id = kind === "job" ? jobName(namespace, name) : datasetName(namespace, name);
    const known = this.nodes.get(id);
    if (!known) this.nodes.set(id, { kind, namespace, name, resolved });
    else if (resolved) known.resolved = true;
    return id;
  }

  read(bytes) {
    const body = structure(bytes);
    if (!isObject(body)) {
      this.findings.add("bad-document");
      return this;
    }
    this.readRun(body);
    for (const [name, set] of [["inputs", this.inputs], ["outputs", this.outputs]]) this.readDatasets(member(body, name), set);
    if (member(body, "dataset") !== undefined) this.readDataset(body.get("dataset"));
    const job = body.get("job");
    if (isObject(job)) this.readFacet(job, "lineage", (facet) => this.readJobLineage(facet));
    return this;
  }

  readRun(body) {
    const [run, job] = [member(body, "run"), member(body, "job")];
    this.observed = run !== undefined;
    if (this.observed || job !== undefined) {
      this.job = this.node("job", job);
      if (!this.job) this.findings.add("bad-job");
    }
    if (!this.observed) return;
    const id = isObject(run) ? run.get("runId") : undefined;
    if (isName(id)) this.runId = id; else this.findings.add("bad-run");
    const type = member(body, "eventType");
    if (type === "COMPLETE") this.end = "committed";
    else if (type === "FAIL" || type === "ABORT") this.end = "attempted";
    else if (![undefined, "START", "RUNNING", "OTHER"].includes(type)) this.findings.add("bad-event-type");
  }

  readDatasets(array, set) {
    if (array === undefined) return;
    if (!Array.isArray(array)) {
      this.findings.add("bad-dataset");
      return;
    }
    for (const element of array) {
      const id = this.readDataset(element);
      if (id) set.add(id);
    }
  }

  readDataset(value) {
    const id = this.node("dataset", value);
    if (!id) {
      this.findings.add("bad-dataset");
      return null;
    }
    this.readFacet(value, "columnLineage", (facet) => this.readColumns(facet, id));
    this.readFacet(value, "lineage", (facet) => this.readEntity(facet, id));
    return id;
  }

  /** Hand the facet of that name to `read`; one of another shape, or of facets of another shape, is passed over. */
  readFacet(owner, name, read) {
    const facets = member(owner, "facets");
    if (facets === undefined) return;
    if (!isObject(facets)) {
      this.pass();
      return;
    }
    const facet = member(facets, name);
    if (facet === undefined) return;
    if (!isObject(facet)) this.pass();
    else if (facet.get("_deleted") !== true) read(facet);
  }

  pass() {
    this.findings.add("bad-facet");
    return false;
  }

  /** `each` over the elements of an optional array; false where a piece was passed over. */
  elements(array, each) {
    if (array === undefined) return true;
    if (!Array.isArray(array)) return this.pass();
    return array.map(each).every((clean) => clean);
  }

  /** `each` over the arrays `fields.*.<name>`; {clean, there}. */
  fields(facet, name, each) {
    const fields = member(facet, "fields");
    if (fields === undefined) return { clean: true, there: false };
    if (!isObject(fields)) return { clean: this.pass(), there: false };
    let [clean, there] = [true, false];
    for (const field of fields.values()) {
      if (field === null) continue;
      if (!isObject(field)) {
        clean = this.pass();
        continue;
      }
      const array = member(field, name);
      there ||= Array.isArray(array);
      clean = this.elements(array, each) && clean;
    }
    return { clean, there };
  }

  readColumns(facet, target) {
    const each = (element) => {
      const source = this.node("dataset", element, false);
      if (!source) return this.pass();
      this.column.push([source, target]);
      return true;
    };
    this.fields(facet, "inputFields", each);
    this.elements(member(facet, "dataset"), each);
  }

  /** The explicit pairs of a facet or an entry, and whether they settle their target; false where a piece was passed over. */
  readEntity(facet, target) {
    const each = (element) => {
      const { id, clean } = this.entity(element);
      if (id) this.explicit.push([id, target]);
      return clean;
    };
    const inputs = member(facet, "inputs");
    let clean = this.elements(inputs, each);
    const fields = this.fields(facet, "inputs", each);
    clean &&= fields.clean;
    if (clean && (Array.isArray(inputs) || fields.there)) this.settled.add(target);
    return clean;
  }

  entity(value) {
    if (!isObject(value)) return { id: null, clean: this.pass() };
    const type = member(value, "type");
    if (type === "JOB") {
      const own = member(value, "namespace") === undefined && member(value, "name") === undefined;
      const id = own ? this.job : this.node("job", value);
      return { id, clean: id ? true : this.pass() };
    }
    const id = this.node("dataset", value);
    const clean = id && type === "DATASET" ? true : this.pass();
    return { id, clean };
  }

  readJobLineage(facet) {
    const entries = member(facet, "entries");
    const clean = this.elements(entries, (element) => {
      const target = this.entity(element);
      if (!target.id) return false;
      return this.readEntity(element, target.id) && target.clean;
    });
    this.closed = Array.isArray(entries) && clean;
  }
}

/** The smallest of some lists of seqs, ascending, each once: as many as are listed, and one that shows that there are more. */
const first = (...lists) => [...new Set(lists.flat())].sort((a, b) => a - b).slice(0, LISTED + 1);

/** Note that `seq` says `key`. */
function note(heard, key, seq) {
  const known = heard.get(key) ?? [];
  if (known.length <= LISTED || seq < known.at(-1)) heard.set(key, first(known, [seq]));
}

/** Members of lineage.json: the seqs of which these are the first. */
const saidBy = (seqs) => ({ more: seqs.length > LISTED ? true : undefined, seqs: seqs.slice(0, LISTED) });

const pairKey = (pair) => pair.join("\n");
const pairOf = (key) => key.split("\n");

/** Statements of one run and job, united; what they say, with the first seqs that say it. */
class Unit {
  inputs = new Map();
  outputs = new Map();
  explicit = new Map();
  column = new Map();
  ends = new Map();
  settled = new Set();
  closed = false;

  constructor({ job, observed }) {
    this.job = job;
    this.observed = observed;
  }

  add(statement) {
    const { seq } = statement;
    for (const name of ["inputs", "outputs"]) for (const id of statement[name]) note(this[name], id, seq);
    for (const name of ["explicit", "column"]) for (const pair of statement[name]) note(this[name], pairKey(pair), seq);
    for (const id of statement.settled) this.settled.add(id);
    if (statement.end) note(this.ends, statement.end, seq);
    this.closed ||= statement.closed;
  }

  get state() {
    return !this.observed ? "declared" : ["committed", "attempted"].find((end) => this.ends.has(end)) ?? "open";
  }

  /** [from, to, origin, seqs] of every edge that it gives. */
  * edges() {
    const deciding = this.ends.get(this.state) ?? [];
    for (const origin of ["explicit", "column"]) {
      for (const [key, seqs] of this[origin]) {
        const [from, to] = pairOf(key);
        if (origin === "explicit" || !this.settled.has(to)) yield [from, to, origin, first(seqs, deciding)];
      }
    }
    if (!this.job || this.closed) return;
    const free = [...this.outputs].filter(([id]) => !this.settled.has(id));
    if (isHub(this.inputs.size, this.outputs.size)) {
      for (const [from, seqs] of this.inputs) yield [from, this.job, "hub", first(seqs, deciding)];
      for (const [to, seqs] of free) yield [this.job, to, "hub", first(seqs, deciding)];
      return;
    }
    for (const [from, reading] of this.inputs) {
      for (const [to, writing] of free) yield [from, to, "table", first(reading, writing, deciding)];
    }
  }
}

function unite(statements) {
  const units = new Map();
  for (const statement of statements) {
    const key = statement.runId !== null && statement.job ? print([statement.runId, statement.job]) : Symbol(statement.seq);
    if (!units.has(key)) units.set(key, new Unit(statement));
    units.get(key).add(statement);
  }
  return [...units.values()];
}

function fold(events) {
  const nodes = new Map();
  const statements = events.map(([seq, bytes]) => new Statement(seq, nodes).read(bytes));

  const [edges, findings] = [new Map(), new Map()];
  for (const unit of unite(statements)) {
    const { state } = unit;
    for (const [from, to, origin, seqs] of unit.edges()) {
      const key = [from, to, unit.job ?? "", origin].join("\n");
      const edge = edges.get(key) ?? { from, job: unit.job ?? undefined, origin, seqs: [], state, to };
      edge.seqs = first(edge.seqs, seqs);
      if (STATES.indexOf(state) < STATES.indexOf(edge.state)) edge.state = state;
      edges.set(key, edge);
    }
  }
  for (const { seq, findings: codes } of statements) {
    for (const code of codes) note(findings, code, seq);
  }
  return { nodes, edges: [...edges.values()], findings };
}

/** id → ids, of everything that events, [seq, bytes of the body], lead to, though another took it back. */
export function leadsTo(events) {
  const next = new Map();
  const lead = (from, to) => (next.has(from) ? next.get(from).add(to) : next.set(from, new Set([to])));
  for (const unit of unite(events.map(([seq, bytes]) => new Statement(seq, new Map()).read(bytes)))) {
    const { inputs, job, outputs } = unit;
    for (const key of [...unit.explicit.keys(), ...unit.column.keys()]) lead(...pairOf(key));
    if (!job) continue;
    const through = isHub(inputs.size, outputs.size) ? job : Symbol("run");
    for (const from of inputs.keys()) lead(from, through);
    for (const to of outputs.keys()) lead(through, to);
  }
  return next;
}

/** lineage.json of events, [seq, bytes of the body]. */
export function foldLineage(events) {
  const { nodes, edges, findings } = fold(events);
  const inOrder = (a, b) => ["from", "to", "job", "origin"].reduce((order, name) => order || byBytes(a[name] ?? "", b[name] ?? ""), 0);
  const listed = (kind) => [...nodes].filter(([, node]) => node.kind === kind).sort(([a], [b]) => byBytes(a, b))
    .map(([id, { namespace, name, resolved }]) => ({ id, name, namespace, unresolved: resolved ? undefined : true }));
  return Buffer.from(`${print({
    datasets: listed("dataset"),
    edges: edges.sort(inOrder).map((edge) => ({ ...edge, ...saidBy(edge.seqs) })),
    findings: [...findings].sort(([a], [b]) => byBytes(a, b)).map(([code, seqs]) => ({ code, ...saidBy(seqs) })),
    jobs: listed("job"),
    v: 1,
  })}\n`);
}
