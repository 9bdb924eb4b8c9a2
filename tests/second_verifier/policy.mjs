// The trust file: C2SP tlog-policy. Octets, not characters: names are compared as Latin-1 text of the same octets.
import { utf8 } from "./bytes.mjs";
import { NOTE_BYTES, TYPE, checkSignatures, parseVkey } from "./note.mjs";
import { placed, refuse } from "./refusal.mjs";

const malformed = (detail) => refuse("malformed", detail);
const LOG_TYPES = [TYPE.log, TYPE.ecdsa, TYPE.rfc6962, TYPE.mlDsa];
const WITNESS_TYPES = [TYPE.witness, TYPE.mlDsa];

const ITEMS = new Map([["log", [1, 2]], ["witness", [2, 3]], ["group", [2, Infinity]], ["quorum", [1, 1]]]);

class Policy {
  logs = [];
  witnesses = new Map();
  groups = new Map();
  members = new Set();
  chosen = null;  // the quorum's name

  take(items) {
    const [keyword, ...rest] = items;
    const [least, most] = ITEMS.get(keyword)
      ?? malformed(`keyword ${keyword} is not log, witness, group or quorum`);
    if (rest.length < least || rest.length > most) malformed(`${keyword} line has ${rest.length} items`);
    this[keyword](rest);
  }

  key(text, types, others) {
    const vkey = parseVkey(utf8(Buffer.from(text, "latin1"), "verifier key"));
    if (!types.includes(vkey.type)) malformed(`verifier key has the type ${vkey.type}, which is none for this line`);
    if (others.some((other) => other.key.equals(vkey.key))) malformed("verifier key stands on another line as well");
    return vkey;
  }

  log([vkey]) {
    this.logs.push(this.key(vkey, LOG_TYPES, this.logs));
  }

  define(name) {
    if (name === "none") malformed("name none is reserved");
    if (this.defined(name)) malformed(`name ${name} is defined twice`);
  }

  defined(name) {
    return this.witnesses.has(name) || this.groups.has(name);
  }

  witness([name, vkey]) {
    this.define(name);
    this.witnesses.set(name, this.key(vkey, WITNESS_TYPES, [...this.witnesses.values()]));
  }

  group([name, threshold, ...members]) {
    this.define(name);
    if (!members.length) malformed(`group ${name} has no members`);
    for (const member of members) {
      if (!this.defined(member)) malformed(`member ${member} is not defined above`);
      if (this.members.has(member)) malformed(`name ${member} is a group's member twice`);
      this.members.add(member);
    }
    const number = threshold === "all" ? members.length : threshold === "any" ? 1
      : /^[1-9][0-9]{0,8}$/.test(threshold) ? Number(threshold) : 0;
    if (number < 1 || number > members.length) {
      malformed(`threshold ${threshold} is not all, any or 1 to ${members.length}`);
    }
    this.groups.set(name, { number, members });
  }

  quorum([name]) {
    if (this.chosen !== null) malformed("trust file has a second quorum line");
    if (name !== "none" && !this.defined(name)) malformed(`quorum ${name} is not defined above`);
    this.chosen = name;
  }

  /** True when these witnesses, by their names in the file, meet the quorum. */
  met(names) {
    const holds = (name) => (this.witnesses.has(name) ? names.has(name)
      : this.groups.get(name).members.filter(holds).length >= this.groups.get(name).number);
    return this.chosen === "none" || holds(this.chosen);
  }

  logsOf(origin) {
    return this.logs.filter((vkey) => vkey.name === origin && vkey.type === TYPE.log);
  }

  /** The witnesses, by their names in the file, that cosigned, and when; a key in `own` is no witness, nor is the origin. */
  witnessed(note, origin, own) {
    const foreign = [...this.witnesses].filter(([, vkey]) => vkey.name !== origin && !own.some((key) => key.equals(vkey.key)));
    const { signers } = checkSignatures(note, foreign.map(([, vkey]) => vkey));
    return new Map(foreign.filter(([, vkey]) => signers.has(vkey)).map(([name, vkey]) => [name, signers.get(vkey)]));
  }

  /** Check every line of a key of the file. */
  verify(note, origin) {
    const { signers, unchecked } = checkSignatures(note, [...this.logs, ...this.witnesses.values()]);
    const witnesses = this.witnessed(note, origin, this.logsOf(origin).map(({ key }) => key));
    return { signers: [...signers.keys()], unchecked, witnesses };
  }
}

export function parsePolicy(bytes) {
  if (bytes.length > NOTE_BYTES) malformed(`trust file has ${bytes.length} bytes`);
  const policy = new Policy();
  const lines = Buffer.from(bytes).toString("latin1").split("\n");
  const kept = [];
  lines.forEach((line, i) => placed(`trust file line ${i + 1}`, () => {
    if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(line)) malformed("an octet is not allowed");
    const items = line.split(/[ \t]+/).filter((item) => item !== "");
    if (!items.length || items[0].startsWith("#")) return;
    policy.take(items);
    kept.push(`${items.join(" ")}\n`);
  }));
  if (policy.chosen === null) malformed("trust file has no quorum line");
  return Object.assign(policy, { canonical: kept.join("") });
}
