// The order of verification (verification.md): a step is reached only when those before it passed.
import { readFileSync } from "node:fs";
import { readArchive } from "./archive.mjs";
import { checkBag } from "./bag.mjs";
import { sha256Hex } from "./bytes.mjs";
import { unprovenCertificates } from "./closure.mjs";
import { Documents, UNPROVEN, checkKnown, checkRequired, openFolder } from "./documents.mjs";
import { verifyEnvelope } from "./dsse.mjs";
import { verifyEd25519 } from "./ed25519.mjs";
import { print } from "./json.mjs";
import { parsePolicy } from "./policy.mjs";
import { checkBodies, checkCensus, checkInclusion, checkStreams } from "./record.mjs";
import { Refusal, STATUS, placed, refuse } from "./refusal.mjs";
import { checkExpectedHead, checkKeys, checkLogKey } from "./trust.mjs";

const README = readFileSync(new URL("bundle-readme.txt", import.meta.url));

const STEPS = {
  archive(view) {
    view.archive = readArchive(view.bundle);
  },

  manifests(view) {
    const { name, files } = openFolder(view.archive);
    Object.assign(view, { name, files, documents: new Documents(files) });
    checkRequired(files);
    view.info = checkBag(files);
    checkKnown(files);
    if (!files.get("data/README.txt").equals(README)) {
      refuse("malformed", "text is not the verifier's copy", "data/README.txt");
    }
    if (view.info.name !== name) refuse("malformed", "External-Identifier is not the folder's name", "bag-info.txt");
    view.unproven = [...files.keys()].filter((path) => UNPROVEN.test(path));
  },

  "log-key"(view) {
    if (view.trust !== undefined) view.policy = placed("trust file", () => parsePolicy(view.trust));
    checkLogKey(view);
  },

  "expected-head": checkExpectedHead,
  inclusion: checkInclusion,
  keys: checkKeys,

  "evidence-signature"(view) {
    const { files, evidenceKey: { id, key }, documents } = view;
    const seal = "signatures/tagmanifest.ed25519.sig";
    if (files.get(seal).length !== 64) refuse("malformed", "signature has not 64 bytes", seal);
    if (!verifyEd25519(key, files.get("tagmanifest-sha256.txt"), files.get(seal))) {
      refuse("tampered", "signature does not match", seal);
    }
    const path = "signatures/statement.dsse.json";
    const envelope = placed(path, () => verifyEnvelope(files.get(path), key));
    if (envelope.keyId !== id) refuse("tampered", "envelope names another key", path);
    if (!envelope.payload.equals(files.get("data/statement.json"))) {
      refuse("tampered", "payload is not data/statement.json", path);
    }
    checkStatement(view, documents.statement);
  },

  census: checkCensus,
  streams: checkStreams,
  bodies: checkBodies,
  grades: () => {},
};

function checkStatement(view, { predicate, subject }) {
  const where = "data/statement.json";
  const expected = { census: view.size - 1, origin: view.origin, root: view.root.toString("hex"), size: view.size };
  if (print(predicate) !== print(expected)) refuse("tampered", "predicate is not of this checkpoint", where);
  const files = [...view.files].filter(([path]) => path.startsWith("data/") && path !== where)
    .sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, bytes]) => ({ digest: { sha256: sha256Hex(bytes) }, name }));
  if (print(subject) !== print(files)) refuse("tampered", "subjects are not the files below data/", where);
}

function read(path) {
  try {
    return path === undefined ? undefined : readFileSync(path);
  } catch {
    return refuse("missing", "no such file", path);
  }
}

/** Run the steps up to the first that refuses; returns what is known, the refusal or null, and what became of each step. */
function judge(request) {
  const [view, steps] = [{ print, notBefore: request.not_before }, []];
  let refusal = null;
  try {
    Object.assign(view, { bundle: read(request.bundle), trust: read(request.trust), expectedHead: read(request.expect_head) });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    refusal = error;
  }
  for (const [step, run] of Object.entries(STEPS)) {
    try {
      if (!refusal) run(view);
      steps.push({ detail: "", outcome: refusal ? "not reached" : "passed", step });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refusal = error;
      steps.push({ detail: error.message, outcome: "failed", step });
    }
  }
  return { view, refusal, steps };
}

/** The verdict as verification.md's JSON. `request` names files, bundle and maybe trust and expect_head, and maybe not_before. */
export function verifyBundle(request) {
  const { view, refusal, steps } = judge(request);
  const verdict = refusal?.verdict ?? "verified";
  return {
    bundle: view.name, certificates: refusal ? [] : view.certificates, census_at: view.census?.at, code: refusal ? verdict : undefined, detail: refusal?.message,
    failed_step: refusal ? steps.find(({ outcome }) => outcome === "failed")?.step ?? "" : undefined,
    grades: refusal ? [] : gradesOf(view),
    not_proven: [...view.unproven ?? [], ...refusal ? [] : unprovenCertificates(view)],
    origin: view.origin, root: view.root?.toString("hex"), size: view.size, status: STATUS[verdict], steps,
    streams: refusal ? [] : view.streams, v: 1, verdict, view: refusal ? undefined : viewOf(view), where: refusal?.where,
  };
}

const gradesOf = ({ policy, witnesses }) => ["chained", "signed",
  ...(policy.witnesses.size ? [`witnessed ${witnesses.size} of ${policy.witnesses.size}`] : [])];

function viewOf({ head, policy, witnesses }) {
  if (head) return `consistent with the kept head of size ${head.size}`;
  return witnesses.size ? `witnessed ${witnesses.size} of ${policy.witnesses.size}` : "single view";
}
