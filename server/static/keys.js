// The keys that pages listen to, as the help shows them.

const groups = new Map([["Everywhere", [["?", "this help"], ["Tab", "to the next control"], ["Esc", "close what is open"]]]]);

/** Adds or replaces what a page listens to: [[key, what it does], …]. */
export function tellKeys(group, list) {
  groups.set(group, list);
}

/** All groups, in the order in which they were told. */
export function keys() {
  return [...groups];
}
