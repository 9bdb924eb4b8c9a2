"""The sealed parts of one entry, held to what it commits to: each there and as sealed, or gone by an erasure.

    the vault began an erasure of it       it may be there or gone: the next opening for writing ends what was begun
    finished it, and the log says so       gone; one that is there was put back
    finished it, and the log is closed     the same, for a closed log says nothing more
    finished it, the log does not say so   there: the ledger is an older copy, and the next opening for writing does it again

With the vault every part is opened, and its value held to the commitment; put back into the body they give the event as it
was received. Source: docs/formats/bodies.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ledger.finding import Findings
from ledger.identity import Received
from ledger.recognition import received_data
from ledger.store import BodyRow, PartRow
from ledger.vaultreader import VaultReader
from proofs.digest import SALT_BYTES, commitment
from proofs.entry import Entry
from proofs.errors import MalformedError, MissingError, TamperedError


@dataclass(frozen=True, slots=True)
class Parts:
    """Looks at the parts of entries.

    Attributes:
        is_over: Says of an erasure that the vault finished whether what it destroyed must be gone from this ledger.
    """

    findings: Findings
    vault: VaultReader
    is_over: Callable[[str], bool]

    def look(self, entry: Entry, body: BodyRow | None, rows: Sequence[PartRow], where: str) -> Received:
        """Report what is wrong with the parts of an entry, and return its event as it was received.

        Args:
            body: The one that the entry commits to; None where it is not at hand.
        """
        committed = dict(entry.parts)
        values: dict[str, bytes] = {}
        returned = False
        for part in rows:
            self.findings.counts["parts"] += 1
            if part.pointer not in committed:
                self.findings.add("stray", where, f"there is a part at {part.pointer!r}, and the entry has none there")
            elif part.commitment != committed[part.pointer]:
                self.findings.add(
                    "part",
                    where,
                    f"its part at {part.pointer!r} has the commitment {part.commitment.hex()}, "
                    f"the entry says {committed[part.pointer].hex()}",
                )
            elif any(map(self.is_over, self.vault.finished(part.commitment))):
                returned = True
                what = f"its part at {part.pointer!r} is there, and an erasure that is finished destroyed it: it was put back"
                self.findings.add("part", where, what)
            elif (value := self._open(part, where)) is not None:
                values[part.pointer] = value
        gone = [
            self._miss(pointer, committed[pointer], where)
            for pointer in committed.keys() - {row.pointer for row in rows}
        ]
        data = received_data(body.data, values) if body is not None and len(values) == len(committed) else None
        return Received(data, is_erased=returned or any(gone))

    def _open(self, part: PartRow, where: str) -> bytes | None:
        """The value of a part; None where it cannot be opened here, or is not what was committed to."""
        try:
            plain = self.vault.open(part.commitment, part.sealed)
            if plain is None:
                return None
            found = commitment("part", plain[:SALT_BYTES], plain[SALT_BYTES:])
        except MissingError:
            what = "has no key in the vault, and the vault knows of no erasure that destroyed it"
        except (TamperedError, MalformedError):
            what = "is not what was sealed: it does not open under its key"
        else:
            if found == part.commitment:
                return plain[SALT_BYTES:]
            what = f"opens to a value with the commitment {found.hex()}"
        self.findings.add("part", where, f"its part at {part.pointer!r} {what}")
        return None

    def _miss(self, pointer: str, commitment: bytes, where: str) -> bool:
        """True when an erasure may have destroyed the part."""
        if self.vault.cover(commitment):
            self.findings.counts["erased_parts"] += 1
            return True
        self.findings.counts["missing_parts"] += 1
        if self.vault.is_known:
            what = f"its part at {pointer!r} is missing, and the vault knows of no erasure that destroyed it"
            self.findings.add("part", where, what)
        return not self.vault.is_known
