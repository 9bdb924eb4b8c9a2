// node verify.mjs [--trust FILE] [--expect-head FILE] [--not-before TIME] [--json] BUNDLE
// node verify.mjs --batch: a JSON request {bundle, trust, expect_head, not_before} a line on standard input, a verdict a line.
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { isAt } from "./bytes.mjs";
import { verifyBundle } from "./bundle.mjs";
import { print } from "./json.mjs";

const USAGE = 2;
const OPTIONS = {
  trust: { type: "string" }, "expect-head": { type: "string" }, "not-before": { type: "string" }, json: { type: "boolean" },
  batch: { type: "boolean" } };

function usage(message) {
  console.error(`${message}\nusage: verify.mjs [--trust FILE] [--expect-head FILE] [--not-before TIME] [--json] BUNDLE`);
  process.exit(USAGE);
}

function parse() {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    return usage(error.message);
  }
}

function tell(result) {
  const said = [`${result.verdict}${result.failed_step ? ` at ${result.failed_step}` : ""}`];
  if (result.detail) said.push(`${result.where}: ${result.detail}`);
  return [...said, ...result.grades, result.view].filter(Boolean).join("\n");
}

const { values, positionals } = parse();
if (values.batch) {
  for await (const line of createInterface({ input: process.stdin })) console.log(print(verifyBundle(JSON.parse(line))));
} else {
  if (positionals.length !== 1) usage("one bundle is expected");
  const notBefore = values["not-before"];
  if (notBefore !== undefined && !isAt(notBefore)) {
    usage(`${notBefore} is not a time such as 2026-11-20T09:15:00.123456Z`);
  }
  const [bundle] = positionals;
  const result = verifyBundle({ bundle, trust: values.trust, expect_head: values["expect-head"], not_before: notBefore });
  console.log(values.json ? print(result) : tell(result));
  process.exitCode = result.status;
}
