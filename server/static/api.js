// Asking this server: with the reader's bearer token, which stands in sessionStorage and is asked for when one is needed.

import { askForToken } from "./token.js";

const TOKEN = "tally.token";
let waiting = null;

/** What the server refused, in one sentence; `status` 0: it did not answer. */
export class Problem extends Error {
  constructor(status, code, detail, hint = "") {
    super(detail);
    this.name = "Problem";
    this.status = status;
    this.code = code;
    this.hint = hint;
  }
}

/** Keeps a token for this tab, or forgets it (null). */
export function keepToken(token) {
  if (token) sessionStorage.setItem(TOKEN, token);
  else sessionStorage.removeItem(TOKEN);
}

/** True when a token is kept. */
export function hasToken() {
  return sessionStorage.getItem(TOKEN) !== null;
}

/** The address with those parameters that have a value. */
export function address(path, params = {}) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value !== null && value !== undefined && value !== "" && value !== false) query.append(key, String(value));
  }
  return query.size ? `${path}?${query}` : path;
}

/** The JSON that the server answers. Throws Problem; an aborted request throws what the signal says. */
export async function get(path, params = {}, { signal } = {}) {
  const answer = await ask(address(path, params), signal);
  return answer.json();
}

/** The answer itself, for what is not JSON. */
export async function fetchRaw(path, { signal } = {}) {
  return ask(path, signal);
}

async function ask(path, signal) {
  for (;;) {
    const token = sessionStorage.getItem(TOKEN);
    const answer = await send(path, token, signal);
    if (answer.ok) return answer;
    const problem = await problemOf(answer);
    if (answer.status !== 401) throw problem;
    // Many requests are refused at once: one dialog asks for all of them. Whoever closes it sees the refusal.
    if (sessionStorage.getItem(TOKEN) === token) {
      waiting ??= askForToken(token ? problem.message : "").finally(() => (waiting = null));
      const given = await waiting;
      if (!given) throw problem;
      keepToken(given);
    }
  }
}

async function send(path, token, signal) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  try {
    return await fetch(path, { headers, signal, credentials: "omit", redirect: "error" });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, "no-answer", "The server does not answer.", "Is it running, and is the network there?");
  }
}

async function problemOf(answer) {
  try {
    const said = await answer.json();
    return new Problem(answer.status, String(said.code), String(said.detail), said.hint ? String(said.hint) : "");
  } catch {
    return new Problem(answer.status, "no-reason", `The server answered ${answer.status} and gave no reason.`);
  }
}
