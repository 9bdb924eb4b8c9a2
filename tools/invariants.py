"""Write docs/invariants.md: what always holds, which modules see to it, and which tests name it.

`.venv/bin/python tools/invariants.py` writes the page; tests/docs/test_invariants_page.py holds it to the tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "invariants.md"
_TEST: Final = re.compile(r"^ *(?:async )?def (test_\w+)\(", re.MULTILINE)
_NAMED: Final = re.compile(r"(?:^|_)I([1-9][0-9]?)(?=_)")


@dataclass(frozen=True, slots=True)
class Invariant:
    """One rule.

    Attributes:
        sentence: What always holds.
        modules: Paths of the modules that see to it, the deciding one first.
    """

    sentence: str
    modules: tuple[str, ...]


INVARIANTS: Final = (
    Invariant(
        "Entry and body bytes are written once and never serialised again: what is hashed, proven, exported and verified is "
        "what is stored.",
        ("ledger/append.py", "ledger/stores/schema.py", "evidence/assemble.py"),
    ),
    Invariant(
        "Leaves, nodes and the empty tree are hashed as in RFC 6962, and one hash per entry serves the chain and the tree.",
        ("proofs/digest.py", "proofs/merkle.py", "proofs/chain.py", "ledger/tree.py"),
    ),
    Invariant(
        "Entry 0 says version, hash, origin, first log key and predecessor, and they hold for the log's life; logs split and "
        "never merge.",
        ("ledger/keys.py", "proofs/keys.py", "ledger/connect.py"),
    ),
    Invariant(
        "(source, id) is unique in a log: the same event again returns the first receipt, other content is a conflict of which "
        "a record stays.",
        ("ledger/intake.py", "ledger/identity.py", "ledger/append.py", "ledger/client/outbox.py"),
    ),
    Invariant(
        "An append of n events is one transaction or nothing, durable before it is acknowledged; the receipt lets the sender "
        "check it.",
        ("ledger/append.py", "ledger/stores/sqlite.py"),
    ),
    Invariant(
        "No personal data and no free text stands in an entry; people are pseudonyms.",
        ("ledger/vault.py", "ledger/disclosure.py", "lineage/deletion/request.py"),
    ),
    Invariant("Readers accept exactly the grammar of an entry; anything else is malformed.", ("proofs/entry.py",)),
    Invariant(
        "Sequence and hashes are assigned inside the writer's lock, and nothing in the log is ordered by a timestamp.",
        ("ledger/append.py", "ledger/clock.py"),
    ),
    Invariant(
        "Only the ledger writes `tallystick.ledger.*`, with its origin as source.",
        ("ledger/intake.py", "proofs/view.py"),
    ),
    Invariant(
        "An erasure destroys key, part, mapping and retry hashes, survives a crash, changes no entry and breaks no proof.",
        ("ledger/erasure.py", "ledger/vaultfile.py", "ledger/replay.py", "ledger/client/upkeep.py"),
    ),
    Invariant(
        "A disclosed body or part that does not match its commitment, or to which no entry refers, is tampering.",
        ("proofs/disclosure.py", "ledger/disclosure.py"),
    ),
    Invariant(
        "Positions in a stream are 0, 1, 2 … in log order; two entries at one position convict the operator.",
        ("ledger/append.py", "proofs/completeness.py", "ledger/recount.py"),
    ),
    Invariant(
        "For each disclosed entry the verifier computes its streams again; a difference is tampering.",
        ("proofs/filing.py",),
    ),
    Invariant(
        "A checkpoint is signed only over entries that were read back and hashed again, and that continue the last signed "
        "head, which is kept beside the key; what was acknowledged and is gone is accepted in so many words, or nothing is "
        "written.",
        ("ledger/checkpoint.py", "ledger/keyring.py", "ledger/restored.py", "ledger/tip.py"),
    ),
    Invariant(
        "A parser accepts exactly what its printer writes.",
        ("proofs/jsonstrict.py", "proofs/note.py", "proofs/checkpoint.py", "proofs/bag.py", "proofs/archive.py"),
    ),
    Invariant(
        "Any flipped bit, and any removed or added file, entry, proof or line, makes verification fail and name the place.",
        ("proofs/view.py", "proofs/bag.py", "proofs/archive.py"),
    ),
    Invariant(
        "Verification needs no network, database or clock, and of this project only `proofs`; trust comes from the reader.",
        ("proofs/__main__.py", "proofs/anchor.py", "proofs/policy.py"),
    ),
    Invariant(
        "The verdict is computed and graded; malformed, tampered, incomplete, unverifiable, stale and missing are different "
        "words with different exit statuses.",
        ("proofs/report.py", "proofs/exits.py"),
    ),
    Invariant(
        "Drop any projection and replay the log: the same bytes come out.",
        ("ledger/projection.py", "lineage/graph.py", "lineage/claims.py"),
    ),
    Invariant(
        "Any permutation and any duplication of the same lineage events gives the same graph.",
        ("proofs/edges.py", "lineage/graph.py", "lineage/claims.py"),
    ),
)

_HEAD: Final = """# Invariants

What always holds, whatever else changes: the numbered rules of [the formats](formats/README.md). Whoever breaks one on
purpose writes a decision record and a new version of the format first.

Written by `.venv/bin/python tools/invariants.py`, which knows the sentences and the modules, and finds the tests by their names
(`test_I7_…`); a test in `tests/docs` holds the page to the tree.

| | what holds | who sees to it | tests that name it |
| --- | --- | --- | --- |
"""


def naming(number: int) -> Iterator[str]:
    """Yield the path of each test file that has a test with `I<number>` in its name, sorted."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        names = _TEST.findall(path.read_text(encoding="utf-8"))
        if any(str(number) in _NAMED.findall(name) for name in names):
            yield path.relative_to(ROOT).as_posix()


def page() -> str:
    """Return the page as the tree has it."""
    return _HEAD + "".join(_row(number, invariant) for number, invariant in enumerate(INVARIANTS, 1))


def _row(number: int, invariant: Invariant) -> str:
    modules, tests = (
        ", ".join(f"[{path.removeprefix('tests/')}](../{path})" for path in paths)
        for paths in (invariant.modules, tuple(naming(number)))
    )
    return f"| I{number} | {invariant.sentence} | {modules} | {tests} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
