// The mark beside an entry: what checking it in this browser came to, and on a click every step of it.

import { openDialog } from "../dialog.js";
import { fill, h, name, say, when } from "../dom.js";
import { badge, facts, json, problemBox } from "../parts.js";
import { checkEntry, NEVER, WORDS } from "./check.js";
import { fingerprint, forget, kept, log, offered, paste, trust } from "./trust.js";

const LOOKS = {
  verified: ["✓ verified", "good", "Checked in this browser: every step passed"],
  refused: ["✗ refused", "bad", "Checked in this browser: a step failed"],
  partly: ["? not verified", "warn", "A step could not be checked"],
  unsigned: ["… not signed yet", "note", "No signed checkpoint covers the entry yet"],
  waiting: ["checking", "plain", "Being checked in this browser"],
  failed: ["? not checked", "warn", "It could not be asked for"],
};

// A page shows the same entry in several places; it is asked for once, as long as nothing changes what it came to.
const known = new Map();

function result(seq) {
  if (!known.has(seq)) {
    const asked = checkEntry(seq, log(), trust);
    known.set(seq, asked);
    asked.then(({ verdict }) => verdict === "verified" || known.delete(seq), () => known.delete(seq));
  }
  return known.get(seq);
}

/**
 * A button that checks entry `seq` at once, shows the verdict and opens the steps. `onVerdict(result)` hears what it came to. Entries are
 * checked when they come into view.
 */
export function entryMark(seq, { onVerdict = null } = {}) {
  const place = h("button", { type: "button", class: "mark", data: { seq: String(seq), verdict: "waiting" }, on: { click: () => explain(seq) } });
  look(place, seq, "waiting");
  const check = async () => {
    try {
      const found = await result(seq);
      look(place, seq, found.verdict);
      onVerdict?.(found);
    } catch (error) {
      look(place, seq, "failed", error?.message);
    }
  };
  whenSeen(place, check);
  return place;
}

function look(place, seq, verdict, why = "") {
  const [words, tone, title] = LOOKS[verdict];
  place.dataset.verdict = verdict;
  place.setAttribute("aria-label", `Entry ${seq}: ${words.replace(/^\W+/, "")}. Show the steps.`);
  fill(place, badge(words, tone, why || title));
}

function whenSeen(place, act) {
  const watch = new IntersectionObserver((seen) => {
    if (!seen.some((one) => one.isIntersecting)) return;
    watch.disconnect();
    act();
  });
  watch.observe(place);
}

async function explain(seq) {
  const { dialog } = openDialog(`Entry ${seq}`, () => h("p", { class: "empty" }, "Checking…"));
  const body = dialog.querySelector(".body");
  try {
    fill(body, ...steps(await result(seq)));
  } catch (error) {
    fill(body, problemBox(error));
  }
}

const TONES = { passed: ["✓ passed", "good"], failed: ["✗ failed", "bad"], "not checked": ["not checked", "warn"] };

function steps(found) {
  const [words, tone] = LOOKS[found.verdict];
  const said = found.said;
  return [
    h("p", {}, badge(words, tone), " in this browser, from what the server sent."),
    h("ol", { class: "steps" }, found.steps.map((one) => h("li", {}, h("p", {}, badge(...TONES[one.outcome]), " ", WORDS[one.step]), h("p", { class: "help mono" }, one.says)))),
    h("p", { class: "help" }, "Not checked here: ", NEVER.join("; "), "."),
    said && h("h3", {}, "What it says"),
    said && facts([["Recorded", when(said.at)], ["Type", name(said.type)], ["Source", name(said.source)], ["Id", name(said.id)], ["Streams", h("ul", { class: "plain" }, Object.entries(said.streams).map(([stream, position]) => h("li", {}, name(stream), ` at ${position}`)))]]),
    found.body && h("details", {}, h("summary", {}, "Body"), bodyOf(found.body)),
    h("p", { class: "actions" }, h("button", { type: "button", on: { click: () => trustDialog() } }, "Which key do I trust?")),
  ];
}

function bodyOf(bytes) {
  try {
    return json(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)), { open: 2 });
  } catch {
    return h("p", { class: "help" }, `${bytes.length} bytes that are no JSON.`);
  }
}

/** Opens the dialog of the key that this browser trusts: its fingerprint, since when, another to paste. */
export async function trustDialog() {
  const { dialog } = openDialog("The key that this browser trusts", () => h("p", { class: "empty" }, "Looking…"));
  const body = dialog.querySelector(".body");
  try {
    fill(body, ...(await trustBody(() => dialog.close())));
  } catch (error) {
    fill(body, problemBox(error));
  }
}

async function trustBody(close) {
  const trusted = kept();
  const server = await offered().catch(() => null);
  const current = server?.keys.filter((key) => key.retired === null).at(-1);
  const differs = trusted && current && current.vkey !== trusted.vkey;
  const input = h("input", { "aria-label": "Key or line of a trust file", placeholder: "log ledger.example.org/…+1a2b3c4d+A…", spellcheck: "false" });
  const wrong = h("p", { role: "alert" });
  const give = async (event) => {
    event.preventDefault();
    try {
      await paste(input.value);
      known.clear();
      close();
      say("The key is trusted from now on.");
    } catch (error) {
      fill(wrong, `That is no key: ${error.message}.`);
    }
  };
  const drop = () => {
    forget();
    known.clear();
    close();
    say("The key is forgotten; the next check takes the one that the server names.");
  };
  return [
    trusted ? facts([["Log", name(trusted.origin)], ["Fingerprint", h("code", {}, await fingerprint(trusted.vkey))], ["Key", h("code", {}, trusted.vkey)], ["Trusted", trusted.how === "pasted" ? "because you pasted it" : "on first use: the server named it"], ["Since", when(trusted.since)], ["Last seen", trusted.head ? `${trusted.head.size} entries` : null]]) : h("p", {}, "None yet: the first check will take the key that the server names."),
    differs && h("p", { class: "problem" }, "The server now names another key: ", h("code", {}, await fingerprint(current.vkey)), ". Rotation is one reason. Compare it with the log's operator by other means before you trust it."),
    h("form", { class: "stack", on: { submit: give } }, h("p", { class: "help" }, "A key that you were given by other means, for example in a trust file, is better than the server's word. Paste it:"), input, wrong, h("p", { class: "actions" }, h("button", { type: "submit", class: "main" }, "Trust this key"), trusted && h("button", { type: "button", on: { click: drop } }, "Forget the key"))),
  ];
}
