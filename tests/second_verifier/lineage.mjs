// The fold of OpenLineage events into lineage.json (lineage.md).
import { byBytes } from "./bytes.mjs";
import { print } from "./json.mjs";
import { datasetName, jobName, structure } from "./streams.mjs";

const PAIRS_PER_NAME = 8;
const STATES = ["committed", "open", "attempted", "declared"];

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

/** Statements of one run and job, united. */
class Unit {
  constructor(statements) {
    const all = (name) => new Set(statements.flatMap((statement) => [...statement[name]]));
    this.statements = statements;
    this.job = statements[0].job;
    this.settled = all("settled");
    this.inputs = all("inputs");
    this.outputs = new Set([...all("outputs")].filter((id) => !this.settled.has(id)));
    this.closed = statements.some((statement) => statement.closed);
    const ends = statements.map((statement) => statement.end);
    this.state = !statements[0].observed ? "declared" : ["committed", "attempted"].find((end) => ends.includes(end)) ?? "open";
    this.deciding = statements.filter(({ end }) => end !== null && end === this.state).map(({ seq }) => seq);
  }

  seqs(test) {
    return [...this.statements.filter(test).map(({ seq }) => seq), ...this.deciding];
  }

  /** [from, to, origin, seqs] of every edge that it gives. */
  * edges() {
    for (const origin of ["explicit", "column"]) {
      const pairs = new Map(this.statements.flatMap((s) => s[origin]).map((pair) => [pair.join("\n"), pair]));
      for (const [from, to] of pairs.values()) {
        if (origin === "column" && this.settled.has(to)) continue;
        yield [from, to, origin, this.seqs((s) => s[origin].some((pair) => pair[0] === from && pair[1] === to))];
      }
    }
    if (!this.job || this.closed) return;
    if (isHub(this.inputs.size, this.outputs.size)) {
      for (const from of this.inputs) yield [from, this.job, "hub", this.seqs((s) => s.inputs.has(from))];
      for (const to of this.outputs) yield [this.job, to, "hub", this.seqs((s) => s.outputs.has(to))];
      return;
    }
    for (const from of this.inputs) {
      for (const to of this.outputs) yield [from, to, "table", this.seqs((s) => s.inputs.has(from) || s.outputs.has(to))];
    }
  }
}

function unite(statements) {
  const groups = new Map();
  for (const statement of statements) {
    const key = statement.runId !== null && statement.job ? print([statement.runId, statement.job]) : Symbol(statement.seq);
    groups.set(key, [...groups.get(key) ?? [], statement]);
  }
  return [...groups.values()].map((group) => new Unit(group));
}

const ascending = (seqs) => [...new Set(seqs)].sort((a, b) => a - b);

function fold(events) {
  const nodes = new Map();
  const statements = events.map(([seq, bytes]) => new Statement(seq, nodes).read(bytes));

  const [edges, findings] = [new Map(), new Map()];
  for (const unit of unite(statements)) {
    for (const [from, to, origin, seqs] of unit.edges()) {
      const key = [from, to, unit.job ?? "", origin].join("\n");
      const edge = edges.get(key) ?? { from, job: unit.job ?? undefined, origin, seqs: [], state: unit.state, to };
      edge.seqs.push(...seqs);
      if (STATES.indexOf(unit.state) < STATES.indexOf(edge.state)) edge.state = unit.state;
      edges.set(key, edge);
    }
  }
  for (const { seq, findings: codes } of statements) {
    for (const code of codes) findings.set(code, [...findings.get(code) ?? [], seq]);
  }
  return { nodes, edges: [...edges.values()], findings };
}

/** id → ids, of everything that events, [seq, bytes of the body], lead to, though another took it back. */
export function leadsTo(events) {
  const next = new Map();
  const lead = (from, to) => (next.has(from) ? next.get(from).add(to) : next.set(from, new Set([to])));
  for (const { statements, job } of unite(events.map(([seq, bytes]) => new Statement(seq, new Map()).read(bytes)))) {
    const all = (name) => new Set(statements.flatMap((statement) => [...statement[name]]));
    const [inputs, outputs] = [all("inputs"), all("outputs")];
    for (const [from, to] of statements.flatMap(({ explicit, column }) => [...explicit, ...column])) lead(from, to);
    if (!job) continue;
    const through = isHub(inputs.size, outputs.size) ? job : Symbol("run");
    for (const from of inputs) lead(from, through);
    for (const to of outputs) lead(through, to);
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
    edges: edges.sort(inOrder).map((edge) => ({ ...edge, seqs: ascending(edge.seqs) })),
    findings: [...findings].sort(([a], [b]) => byBytes(a, b)).map(([code, seqs]) => ({ code, seqs: ascending(seqs) })),
    jobs: listed("job"),
    v: 1,
  })}\n`);
}
