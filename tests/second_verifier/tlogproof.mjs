// The verdict on a c2sp.org/tlog-proof@v1 under a reader's policy.
import { verifyInclusion } from "./merkle.mjs";
import { parseCheckpoint, parseNote, parseProof } from "./note.mjs";
import { refuse } from "./refusal.mjs";

/** Signatures of known keys, a log of the checkpoint's origin, the quorum, then inclusion. */
export function verifyProof(bytes, policy, leaf, foreign) {
  const proof = parseProof(bytes);
  const note = parseNote(Buffer.from(proof.checkpoint));
  const checkpoint = parseCheckpoint(note.text, foreign);
  const { signers, witnesses } = policy.verify(note, checkpoint.origin);
  if (!policy.logsOf(checkpoint.origin).some((log) => signers.includes(log))) {
    refuse("unverifiable", "no known log signed");
  }
  if (!policy.met(new Set(witnesses.keys()))) refuse("unverifiable", "the quorum of the trust file is not met");
  verifyInclusion(proof.index, checkpoint.size, leaf, proof.path, checkpoint.root);
  return { proof, checkpoint, witnesses };
}
