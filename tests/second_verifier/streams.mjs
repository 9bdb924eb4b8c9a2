// Filing (streams.md): which streams an event belongs to, as a function of its header and its body as stored.
import { sha256Hex, sorted } from "./bytes.mjs";
import { claimsJson, isWritable } from "./entry.mjs";
import { readForeign } from "./json.mjs";
import { Refusal } from "./refusal.mjs";

const GROUP = 126;
const OPENLINEAGE = /^tallystick\.lineage\.(run|job|dataset)-observed\.v1$/;
const DOMAIN = /^tallystick\.(lineage|contract|validation|quarantine|schema|slo|source|residency|deletion|subject)\.[a-z-]+\.v1$/;

const node = (kind, value) => {
  const [namespace, name] = value instanceof Map ? [value.get("namespace"), value.get("name")] : [];
  return isText(namespace) && isText(name) ? filed(kind, `${escapeNamespace(namespace)}|${name}`) : null;
};
const isText = (value) => typeof value === "string" && value !== "";
const escapeNamespace = (text) => text.replaceAll("%", "%25").replaceAll("|", "%7C");
const named = (kind, value) => (isText(value) ? filed(kind, value) : null);

/** The name that `<kind>:<rest>` is filed under. */
export function filed(kind, rest) {
  const full = `${kind}:${rest}`;
  const plain = Buffer.byteLength(full) <= 256 && isWritable(full) && !/["\\]/.test(full) && !/^(hmac-)?sha256:/.test(rest);
  return plain ? full : `${kind}:sha256:${sha256Hex(full)}`;
}

export const datasetName = (namespace, name) => node("dataset", new Map([["namespace", namespace], ["name", name]]));
export const jobName = (namespace, name) => node("job", new Map([["namespace", namespace], ["name", name]]));

/** What a pattern such as `/inputs/*` reaches. */
function reach(value, pattern) {
  let found = [value];
  for (const step of pattern.split("/").slice(1)) {
    found = found.flatMap((item) => {
      if (step === "*") return Array.isArray(item) ? item : item instanceof Map ? [...item.values()] : [];
      return item instanceof Map && item.has(step) ? [item.get(step)] : [];
    });
  }
  return found;
}

const isJob = (value) => value instanceof Map && value.get("type") === "JOB";

function openLineage(body) {
  const places = ["/inputs/*", "/outputs/*", "/dataset"];
  const job = "/job/facets/lineage/entries/*";
  const ofAnyType = [...places, ...places.flatMap((d) => [
    `${d}/facets/columnLineage/fields/*/inputFields/*`, `${d}/facets/columnLineage/dataset/*`])];
  const entities = [...places.flatMap((d) => [`${d}/facets/lineage/inputs/*`, `${d}/facets/lineage/fields/*/inputs/*`]),
    job, `${job}/inputs/*`, `${job}/fields/*/inputs/*`];
  return [
    ...ofAnyType.flatMap((pattern) => reach(body, pattern)).map((value) => node("dataset", value)),
    ...entities.flatMap((pattern) => reach(body, pattern)).map((value) => node(isJob(value) ? "job" : "dataset", value)),
    ...reach(body, "/job").map((value) => node("job", value)),
    ...reach(body, "/run/runId").map((value) => named("run", value)),
  ];
}

function domain(body) {
  const datasets = ["/dataset", "/datasets/*", "/targets/*/dataset"].flatMap((pattern) => reach(body, pattern));
  const texts = [["run", "/run"], ["contract", "/contract/name"], ["schema", "/schema/subject"], ["request", "/request"]];
  return [
    ...datasets.map((value) => node("dataset", value)),
    ...reach(body, "/job").map((value) => node("job", value)),
    ...texts.flatMap(([kind, pattern]) => reach(body, pattern).map((value) => named(kind, value))),
  ];
}

/** The kinds of streams, besides type and source, that an entry's row in streams.md knows. */
export function kindsOf(entry) {
  if (!claimsJson(entry)) return [];
  if (OPENLINEAGE.test(entry.type)) return ["dataset", "job", "run"];
  return DOMAIN.test(entry.type) ? ["contract", "dataset", "job", "request", "run", "schema"] : [];
}

const KINDS = ["type", "source", "dataset", "job", "run", "contract", "schema", "request"];

/** True for a name that some event could be filed under. */
export function isStreamName(name) {
  const [, kind, rest] = /^([a-z]+):([^]+)$/.exec(name) ?? [];
  if (!KINDS.includes(kind)) return false;
  if (/^sha256:[0-9a-f]{64}$/.test(rest)) return true;
  const whole = kind === "dataset" || kind === "job" ? /^([^%|]|%25|%7C)+\|[^]+$/.test(rest) : true;
  return whole && filed(kind, rest) === name;
}

/** A body as a document, or undefined where it has no structure. */
export function structure(bytes) {
  try {
    return readForeign(bytes);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

export const ownStreams = (entry) => [filed("type", entry.type), filed("source", entry.source)];

/** Groups of other streams: the first stands in the event's entry, each further one in a continuation. */
export function fileOthers(entry, bytes) {
  const rule = OPENLINEAGE.test(entry.type) ? openLineage : DOMAIN.test(entry.type) ? domain : null;
  const body = rule && claimsJson(entry) ? structure(bytes) : undefined;
  const names = body === undefined ? [] : sorted(new Set(rule(body).filter((name) => name !== null)));
  const groups = [names.slice(0, GROUP)];
  for (let i = GROUP; i < names.length; i += GROUP) groups.push(names.slice(i, i + GROUP));
  return groups;
}
