// One way to say no: a word of verification.md, the place, and one sentence.

export const STATUS = { verified: 0, tampered: 3, malformed: 4, incomplete: 5, unverifiable: 6, stale: 7, missing: 8 };

export class Refusal extends Error {
  constructor(verdict, detail, where = "") {
    super(detail);
    this.verdict = verdict;
    this.where = where;
  }

  /** The same refusal, at `where` if it knew no place yet. */
  at(where) {
    return this.where ? this : new Refusal(this.verdict, this.message, where);
  }
}

export const refuse = (verdict, detail, where) => { throw new Refusal(verdict, detail, where); };

/** Pass on what `work` returns; a refusal without a place gets `where`. */
export function placed(where, work) {
  try {
    return work();
  } catch (error) {
    throw error instanceof Refusal ? error.at(where) : error;
  }
}
