"""The trusted view: what is believed of a bundle, growing step by step in the order of docs/formats/verification.md.

Each step is a method. It rests on what the steps before it have proven and cannot be called before they passed, so that
no value is used before somebody answers for it. Pure: bytes in, a verdict out; no file, network, clock or database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Final, TypeAlias

from proofs import (
    anchor,
    attestation,
    bag,
    certificates,
    chain,
    completeness,
    counting,
    derived,
    disclosure,
    filing,
    keys,
    merkle,
    positions,
    recount,
    scope,
)
from proofs import bundle as files
from proofs.bundle import Bundle
from proofs.entry import check_at
from proofs.errors import IncompleteError, StaleError, TallyError, TamperedError, UnverifiableError
from proofs.policy import Policy
from proofs.record import place
from proofs.report import STEPS, VERIFIED, Failure, Step, StreamGrade, Verdict, counted

TRUST_FILE: Final = "trust file"


@dataclass(frozen=True, slots=True)
class Reader:
    """What the reader brings: all trust comes from here, none from the bundle (I17).

    Attributes:
        trust: A C2SP tlog-policy; None when there is none, and then nothing can be verified.
        expected_head: A signed checkpoint that the reader kept.
        not_before: The oldest census that will do, as the ledger prints times.
    """

    trust: bytes | None = None
    expected_head: bytes | None = None
    not_before: str | None = None

    def __post_init__(self) -> None:
        if self.not_before is not None:
            check_at(self.not_before)


_Method: TypeAlias = Callable[["TrustedView"], str]


def _step(method: _Method) -> _Method:
    """Let `method` run only when every step before it has passed."""
    name = method.__name__.replace("_", "-")
    at = STEPS.index(name)

    @wraps(method)
    def run(self: TrustedView) -> str:
        if self._passed != at:
            raise RuntimeError(f"step {name} cannot be taken when {self._passed} steps have passed, expected {at}")
        detail = method(self)
        self._passed += 1
        return detail

    return run


class TrustedView:
    """A bundle on its way to being believed; call the methods named in `report.STEPS` in that order.

    Every method returns, as one line for people, what it has proven, and raises a TallyError when it cannot; then none of
    the later ones can be called.

    Raises:
        RuntimeError: A step is called before the one before it passed: a programmer's mistake.
    """

    def __init__(self, data: bytes, reader: Reader) -> None:
        self._data = data
        self._reader = reader
        self._passed = 0
        self._facts: dict[str, str | int] = {}
        self._not_proven: tuple[str, ...] = ()

    @_step
    def archive(self) -> str:
        """Read the files of a canonical archive."""
        self._bundle = Bundle.read(self._data)
        self._facts["bundle"] = self._bundle.name
        return f"canonical: {len(self._bundle.files)} files in {len(self._data)} bytes"

    @_step
    def manifests(self) -> str:
        """Accept exactly the files that the format knows, each with the hash that a manifest gives."""
        self._info = self._bundle.check_files()
        self._not_proven = tuple(path for path in (*files.RENDERINGS, *files.UNCHECKED) if path in self._bundle.files)
        return f"{self._info.payload_files} files of data, every hash right, none besides"

    @_step
    def log_key(self) -> str:
        """Join the checkpoint to the reader's trust file."""
        if self._reader.trust is None:
            raise UnverifiableError(
                "no trust file was given, so that no key is trusted",
                where=TRUST_FILE,
                hint="name one with --trust; nothing inside a bundle can say whom to believe",
            )
        with place(TRUST_FILE):
            policy = Policy.parse(self._reader.trust)
        note, checkpoint = anchor.read_checkpoint(self._bundle.files[files.CHECKPOINT], files.CHECKPOINT)
        anchor.log_keys(policy, checkpoint.origin)  # a stranger's log is said to be one before anything of it is read
        self._key_list = self._bundle.keys()
        self._bodies = disclosure.parse_bodies(self._bundle.files[files.BODIES])
        self._ring = keys.read_ring(
            checkpoint.origin,
            disclosure.open_body(self._bodies, 0),
            [disclosure.open_body(self._bodies, seq) for seq in self._key_list.added],
            [disclosure.open_body(self._bodies, seq) for seq in self._key_list.retired],
        )
        handovers = [(size, path, self._bundle.files[path]) for size, path in self._bundle.handovers()]
        self._anchor = anchor.drop_anchor(policy, note, checkpoint, handovers, self._ring)
        self._checkpoint = checkpoint
        self._facts |= {"origin": checkpoint.origin, "root": checkpoint.root.hex(), "size": checkpoint.size}
        return f"checkpoint of size {checkpoint.size} is signed by a trusted key" + self._witnessed(", ")

    def _witnessed(self, before: str) -> str:
        found = self._anchor
        return f"{before}witnessed {len(found.witnessed)} of {found.witnesses}" if found.witnesses else ""

    @_step
    def expected_head(self) -> str:
        """Hold the checkpoint against the head that the reader kept, if there is one."""
        self._heads = self._bundle.heads()
        self._kept = None
        if self._reader.expected_head is None:
            return "no head was kept"
        self._kept = anchor.check_head(self._reader.expected_head, self._anchor, self._ring, self._heads)
        return f"tree begins with the kept head of size {self._kept.checkpoint.size}"

    @_step
    def inclusion(self) -> str:
        """Find every listed entry in the signed tree, and every link between neighbours."""
        self._entries = self._bundle.entries()
        size, subtrees = self._bundle.subtrees()
        with place(files.PROOFS):
            if size != self._checkpoint.size:
                raise TamperedError(f"size is {size}, the checkpoint says {self._checkpoint.size}")
            leaves = [(listed.entry.seq, listed.leaf) for listed in self._entries]
            root = merkle.root_from_cover(size, leaves, subtrees)
            if root != self._checkpoint.root:
                raise TamperedError(
                    f"listed entries and subtrees give the root {root.hex()}, "
                    f"the checkpoint says {self._checkpoint.root.hex()}"
                )
        chain.check_links(self._entries)
        chain.check_closed(self._entries, size)
        anchor.check_heads(self._heads, self._anchor.handovers, self._checkpoint)
        return f"{counted(len(self._entries), 'entry is', 'entries are')} in the tree of {size}"

    @_step
    def keys(self) -> str:
        """Hold the keys that were believed so far against the entries that added and retired them."""
        self._by_seq = {listed.entry.seq: listed for listed in self._entries}
        filing.check_ledger_source(self._entries, self._checkpoint.origin)
        self._check_key_entries()
        log, evidence = anchor.check_keys_used(self._anchor, self._kept, self._ring)
        with place(files.KEYS):
            for purpose, said, found in (
                ("log", self._key_list.log, log),
                ("evidence", self._key_list.evidence, evidence),
            ):
                if said != found.id:
                    raise TamperedError(f"{purpose} is {said}, the entries say {found.id}")
        self._evidence_key = evidence
        return f"current are the log key {log.id[:16]}… and the evidence key {evidence.id[:16]}…"

    def _check_key_entries(self) -> None:
        if 0 not in self._by_seq:
            raise IncompleteError("entry 0 is not there", where=files.ENTRIES)
        for type_, said in (
            (keys.CREATED, (0,)),
            (keys.KEY_ADDED, self._key_list.added),
            (keys.KEY_RETIRED, self._key_list.retired),
        ):
            found = {listed.entry.seq for listed in self._entries if listed.entry.type == type_}
            for seq in sorted(found ^ set(said)):
                is_or_not = "is" if seq in found else "is not"
                raise TamperedError(
                    f"entry {seq} {is_or_not} of type {type_!r}, keys.json says otherwise", where=files.KEYS
                )
            for seq in said:
                disclosure.check_body(self._by_seq[seq], self._bodies[seq])

    @_step
    def evidence_signature(self) -> str:
        """Accept the seal of the current evidence key over every file."""
        attestation.check_seal(self._bundle.files, self._evidence_key, self._checkpoint)
        return f"sealed by the evidence key {self._evidence_key.id[:16]}…"

    @_step
    def census(self) -> str:
        """Prove how many entries each stream of the question has."""
        self._scope = scope.Scope.parse(self._bundle.files[files.SCOPE], files.SCOPE)
        with place(files.SCOPE):
            self._scope.check_log(
                origin=self._checkpoint.origin, size=self._checkpoint.size, root=self._checkpoint.root
            )
        self._census = self._entries[-1]
        proofs = self._bundle.census()
        counting.check_census(self._census, self._bodies, proofs, size=self._checkpoint.size)
        self._censuses = counting.check_censuses(self._entries, self._bodies)
        self._windows = (*self._scope.windows, *(scope.Window(name) for name in counting.WHOLE_STREAMS))
        always = counting.counted_streams(self._checkpoint.origin)
        self._counts = counting.prove(proofs, always.union(window.name for window in self._scope.windows))
        counting.check_shown(self._censuses[self._census.entry.seq], self._entries, proofs)
        at = self._census.entry.at
        with place(bag.INFO_PATH):
            if (self._info.bagging_date, self._info.source_organization) != (at[:10], self._checkpoint.origin):
                raise TamperedError(
                    f"bag is of {self._info.bagging_date} by {self._info.source_organization!r}, "
                    f"the census of {at[:10]} by {self._checkpoint.origin!r}"
                )
        self._facts["census_at"] = at
        return f"entry {self._census.entry.seq} counts {len(self._counts)} streams, each proven"

    @_step
    def streams(self) -> str:
        """Accept entries that are all of what was asked, nothing besides, each filed as its header says."""
        placed = positions.check_positions(self._entries, self._counts)
        census = self._census.entry
        answers = [
            completeness.answer(window, self._counts[window.name], placed.get(window.name, ()), census)
            for window in self._windows
        ]
        self._answers = tuple(answers[: len(self._scope.windows)])
        self._families = tuple(filing.families(self._entries))
        if self._scope.kind == scope.EVERYTHING:
            completeness.check_everything(self._entries, self._checkpoint.size)
        else:
            required = {0, census.seq}.union(*(answer.required for answer in answers))
            completeness.check_listed(self._entries, completeness.close(required, self._families))
        for family in self._families:
            filing.check_header(family)
        if self._scope.kind == scope.EVERYTHING:
            recount.check_recount(self._entries, self._censuses)
        if self._reader.not_before is not None and census.at < self._reader.not_before:
            raise StaleError(
                f"census is of {census.at}, before {self._reader.not_before}",
                where=self._census.where,
                hint="ask for an export with a newer census",
            )
        if self._scope.kind == scope.EVERYTHING:
            again = counted(len(self._censuses), "census", "censuses")
            return f"all {counted(len(self._entries), 'entry', 'entries')} of the log, {again} counted again"
        listed = sum(answer.listed for answer in self._answers)
        asked = counted(len(self._answers), "stream", "streams")
        # One entry stands in many streams, and is listed in each.
        return f"{counted(listed, 'place', 'places')} in {asked}, none is missing"

    @_step
    def bodies(self) -> str:
        """Hold bodies, parts and everything that is computed from them against the entries."""
        parts = disclosure.parse_parts(self._bundle.files[files.PARTS])
        disclosure.check_bodies(self._entries, self._bodies)
        disclosure.check_parts(self._entries, parts)
        disclosure.check_holes(self._entries, self._bodies)
        for family in self._families:
            filing.check_bodies(family, self._bodies)
        with place(files.SCOPE):
            self._scope.check_control(
                scope.control(
                    (listed.entry for listed in self._entries),
                    (body.state for body in self._bodies.values()),
                    (part.state for part in parts.values()),
                    [(answer.name, answer.count, answer.listed) for answer in self._answers],
                )
            )
        derived.check_lineage(self._bundle, self._entries, self._bodies)
        derived.check_certificates(self._bundle, self._entries, self._bodies)
        self._certificates = certificates.grade(self._families, self._bodies, self._scope.wholes())
        self._not_proven += certificates.unproven(self._certificates, self._bundle.certificates())
        disclosed = sum(body.state == "disclosed" for body in self._bodies.values())
        states = [part.state for part in parts.values()]
        of_parts = ", ".join(f"{states.count(state)} {state}" for state in disclosure.STATES if state in states)
        return (
            f"{disclosed} of {counted(len(self._bodies), 'body', 'bodies')} disclosed, "
            f"{counted(len(parts), 'part', 'parts')}{of_parts and ': '}{of_parts}"
        )

    @_step
    def grades(self) -> str:
        """Grade what was checked, and nothing else (I18)."""
        witnessed = self._witnessed("")
        self._grades = ("chained", "signed", *((witnessed,) if witnessed else ()))
        if self._kept is not None:
            view = f"consistent with the kept head of size {self._kept.checkpoint.size}"
        else:
            view = witnessed if self._anchor.witnessed else "single view"
        self._facts["view"] = view
        return ", ".join(self._grades)

    def verdict(self, steps: Sequence[Step], failure: Failure | None) -> Verdict:
        """Return the verdict on what was seen so far; grades and streams are only told of a bundle that passed whole."""
        if failure:
            return Verdict(failure.word, tuple(steps), failure, self._facts, not_proven=self._not_proven)
        streams = tuple(StreamGrade(each.name, each.count, each.listed, each.grade) for each in self._answers)
        told = (self._grades, streams, self._not_proven, self._certificates)
        return Verdict(VERIFIED, tuple(steps), None, self._facts, *told)


def verify_bundle(
    data: bytes, *, trust: bytes | None = None, expected_head: bytes | None = None, not_before: str | None = None
) -> Verdict:
    """Return the verdict on a bundle; whatever the bytes are, nothing is raised.

    Args:
        data: The archive.
        trust: The reader's trust file, a C2SP tlog-policy.
        expected_head: A signed checkpoint that the reader kept.
        not_before: The oldest census that will do, as the ledger prints times.

    Raises:
        ValueError: `not_before` is no such time.
    """
    view = TrustedView(data, Reader(trust, expected_head, not_before))
    steps: list[Step] = []
    failure = None
    for name in STEPS:
        if failure is not None:
            steps.append(Step(name, "not reached"))
            continue
        take: Callable[[], str] = getattr(view, name.replace("-", "_"))
        try:
            steps.append(Step(name, "passed", take()))
        except TallyError as error:
            failure = Failure.of(error, step=name)
            steps.append(Step(name, "failed", failure.detail))
    return view.verdict(steps, failure)
