"""A ledger and an issuer of bundles in the plainest way, straight from docs/formats, that can lie at every layer.

Shares no code with the project but the text of README.txt and the fold of lineage: what it builds is an oracle for the
verifier, and what it damages is sealed again with the genuine keys, as a dishonest operator would.

Tests get it through the fixture `issuer` of tests/conftest.py.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proofs import edges, readme

ORIGIN = "ledger.example/churn"
SPKI = bytes.fromhex("302a300506032b6570032100")
START = datetime(2026, 11, 20, 9, tzinfo=UTC)
LINEAGE_TYPES = tuple(f"tallystick.lineage.{kind}-observed.v1" for kind in ("run", "job", "dataset"))
KEY_STREAMS = ("type:tallystick.ledger.key-added.v1", "type:tallystick.ledger.key-retired.v1")
WHOLE_STREAMS = (*KEY_STREAMS, "type:tallystick.ledger.closed.v1")

Edit = Callable[[Any], object]


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def at(seconds: int) -> str:
    """The ledger's clock: one second for every entry."""
    return (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def leaf(entry: bytes) -> bytes:
    return sha(b"\0" + entry)


def node(left: bytes, right: bytes) -> bytes:
    return sha(b"\1" + left + right)


def split(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1


def root_of(leaves: list[bytes]) -> bytes:
    if len(leaves) < 2:
        return leaves[0] if leaves else sha(b"")
    k = split(len(leaves))
    return node(root_of(leaves[:k]), root_of(leaves[k:]))


def consistency(size: int, leaves: list[bytes], *, known: bool = True) -> list[bytes]:
    if size == len(leaves):
        return [] if known else [root_of(leaves)]
    k = split(len(leaves))
    if size <= k:
        return [*consistency(size, leaves[:k], known=known), root_of(leaves[k:])]
    return [*consistency(size - k, leaves[k:], known=False), root_of(leaves[:k])]


def subtrees(leaves: list[bytes], listed: set[int]) -> list[list[Any]]:
    """Every largest aligned perfect subtree without a listed leaf, by looking from the top down."""
    found: list[list[Any]] = []

    def look(level: int, index: int) -> None:
        start, stop = index << level, index + 1 << level
        if start >= len(leaves):
            return
        if stop <= len(leaves) and not any(start <= seq < stop for seq in listed):
            found.append([level, index, root_of(leaves[start:stop]).hex()])
        elif level:
            look(level - 1, 2 * index)
            look(level - 1, 2 * index + 1)

    look(len(leaves).bit_length(), 0)
    return found


class Key:
    """One Ed25519 key, the same for the same name always."""

    def __init__(self, name: str) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(sha(name.encode()))
        self.public = self.private.public_key().public_bytes_raw()
        self.id = sha(SPKI + self.public).hex()
        self.spki = b64(SPKI + self.public)

    def vkey(self, name: str, kind: int = 1) -> str:
        return f"{name}+{self.hint(name, kind).hex()}+{b64(bytes([kind]) + self.public)}"

    def hint(self, name: str, kind: int = 1) -> bytes:
        return sha(name.encode() + b"\n" + bytes([kind]) + self.public)[:4]

    def line(self, text: str, name: str) -> str:
        return f"— {name} {b64(self.hint(name) + self.private.sign(text.encode()))}\n"

    def cosign(self, text: str, name: str, time: int = 1_800_000_000) -> str:
        signature = self.private.sign(f"cosignature/v1\ntime {time}\n{text}".encode())
        return f"— {name} {b64(self.hint(name, 4) + time.to_bytes(8, 'big') + signature)}\n"

    def pem(self) -> bytes:
        return f"-----BEGIN PUBLIC KEY-----\n{self.spki}\n-----END PUBLIC KEY-----\n".encode()


class Census:
    """The buckets over some counts, as a sparse tree of 65,536 leaves."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self.buckets: dict[int, bytes] = {}
        for digest, count in sorted((sha(name.encode()), count) for name, count in counts.items()):
            self.buckets.setdefault(int.from_bytes(digest[:2], "big"), b"tallystick/census/v1\n")
            self.buckets[int.from_bytes(digest[:2], "big")] += f"{digest.hex()} {count}\n".encode()
        self.streams = len(counts)
        self.empty = [leaf(b"tallystick/census/v1\n")]
        self.levels = [{index: leaf(bucket) for index, bucket in self.buckets.items()}]
        for level in range(16):
            below, blank = self.levels[-1], self.empty[-1]
            self.levels.append(
                {i: node(below.get(2 * i, blank), below.get(2 * i + 1, blank)) for i in {i // 2 for i in below}}
            )
            self.empty.append(node(self.empty[level], self.empty[level]))
        self.root = self.levels[16].get(0, self.empty[16])

    def proof(self, name: str) -> dict[str, Any]:
        digest = sha(name.encode())
        index = int.from_bytes(digest[:2], "big")
        bucket = self.buckets.get(index, b"tallystick/census/v1\n").decode()
        lines = dict(line.split(" ") for line in bucket.splitlines()[1:])
        path = [self.levels[i].get((index >> i) ^ 1, self.empty[i]).hex() for i in range(16)]
        return {"bucket": bucket, "count": int(lines.get(digest.hex(), 0)), "name": name, "path": path}


@dataclass
class Ledger:
    """A log in memory. Whatever a test puts into an entry stands there, true or not."""

    origin: str = ORIGIN
    entries: list[bytes] = field(default_factory=list)
    headers: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[tuple[bytes, bytes]] = field(default_factory=list)
    parts: dict[tuple[int, str], tuple[bytes, bytes]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    log_key: str = "log-1"
    evidence_key: str = "evidence-1"
    handovers: list[tuple[int, bytes]] = field(default_factory=list)
    censuses: dict[int, Census] = field(default_factory=dict)

    def salt(self, what: str) -> bytes:
        return sha(f"{what} of {len(self.entries)}".encode())

    def append(
        self,
        type: str,
        body: object = b"",
        /,
        *others: str,
        source: str = "/pipelines",
        parts: Mapping[str, bytes] | None = None,
        **members: Any,
    ) -> int:
        """Append an entry that is filed in `others` beside its type and source; `members` overrule any header member."""
        seq = len(self.entries)
        data = body if isinstance(body, bytes) else dump(body)
        for name in (f"type:{type}", f"source:{source}", *others):
            self.counts.setdefault(name, 0)
        header: dict[str, Any] = {
            "seq": seq,
            "prev": leaf(self.entries[-1]).hex() if seq else "0" * 64,
            "at": at(seq),
            "id": f"event-{seq}",
            "source": source,
            "type": type,
        }
        ordered = ("subject", "time", "datacontenttype", "dataschema", "sequence", "traceparent", "ext")
        header |= {name: members.pop(name) for name in ordered if name in members}
        names = sorted({f"type:{type}", f"source:{source}", *others})
        header["streams"] = {name: self.counts[name] for name in names}
        header["body"] = sha(b"tallystick/body/v1\0" + self.salt("body") + data).hex()
        if parts:
            listed = []
            for pointer, value in sorted(parts.items()):
                salt = self.salt(f"part {pointer}")
                self.parts[seq, pointer] = (salt, value)
                listed.append([pointer, sha(b"tallystick/part/v1\0" + salt + value).hex()])
            header["parts"] = listed
        header |= members
        for name in header["streams"]:
            self.counts[name] = self.counts.get(name, 0) + 1
        self.bodies.append((self.salt("body"), data))
        self.headers.append(header)
        self.entries.append(json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode())
        return seq

    def record(self, fact: str, body: object = b"", /, *others: str, **members: Any) -> int:
        """Append an entry of the ledger's own."""
        return self.append(f"tallystick.ledger.{fact}.v1", body, *others, **{"source": self.origin, **members})

    def create(self, **members: Any) -> None:
        vkey = Key(self.log_key).vkey(self.origin)
        self.record("created", {"format": 1, "hash": "sha256", "log_key": vkey, "origin": self.origin, **members})
        self.add_key("evidence", self.evidence_key)

    def add_key(self, purpose: str, name: str) -> int:
        body = {"id": Key(name).id, "purpose": purpose, "spki": Key(name).spki}
        if purpose == "log":
            body["vkey"] = Key(name).vkey(self.origin)
        return self.record("key-added", body)

    def retire_key(self, purpose: str, name: str, reason: str = "rotated") -> int:
        return self.record("key-retired", {"id": Key(name).id, "purpose": purpose, "reason": reason})

    def rotate_evidence(self, name: str) -> None:
        self.add_key("evidence", name)
        self.retire_key("evidence", self.evidence_key)
        self.evidence_key = name

    def rotate_log(self, name: str, *, reason: str = "rotated", signers: Iterable[str] | None = None) -> None:
        old, self.log_key = self.log_key, name
        self.add_key("log", name)
        self.retire_key("log", old, reason)
        self.handovers.append((len(self.entries), self.checkpoint(*(signers or (old, name)))))

    def continue_(self, parent: int, *others: str, **members: Any) -> int:
        """Append the entry that continues the one before it."""
        seq = len(self.entries)
        told = {"id": f"{parent}-{seq - parent}", "at": self.headers[parent]["at"], "ext": {"tallyof": str(parent)}}
        return self.record("continued", b"", *others, **(told | members))

    def take_census(
        self,
        lie: Mapping[str, int] | None = None,
        *,
        again: int | None = None,
        number: int | None = None,
        **members: Any,
    ) -> int:
        """Append a census: with other counts, the one of entry `again` once more, or that tells another `number` of streams."""
        census = Census({**self.counts, **(lie or {})}) if again is None else self.censuses[again]
        self.censuses[len(self.entries)] = census
        body = {"root": census.root.hex(), "streams": census.streams if number is None else number}
        return self.record("census-taken", body, **({"ext": {"tallycensus": census.root.hex()}} | members))

    @property
    def leaves(self) -> list[bytes]:
        return [leaf(entry) for entry in self.entries]

    def text(self, size: int | None = None) -> str:
        leaves = self.leaves[:size]
        return f"{self.origin}\n{len(leaves)}\n{b64(root_of(leaves))}\n"

    def checkpoint(self, *signers: str, size: int | None = None, below: str = "") -> bytes:
        """The signed note of the first `size` entries; `below` are further lines."""
        text = self.text(size)
        lines = "".join(Key(name).line(text, self.origin) for name in signers or (self.log_key,))
        return f"{text}\n{lines}{below}".encode()

    def trust(self, *keys: str) -> bytes:
        lines = [f"log {Key(name).vkey(self.origin)}" for name in keys or (self.log_key,)]
        return "\n".join([*lines, "quorum none", ""]).encode()

    def stream(self, name: str) -> list[dict[str, Any]]:
        return [header for header in self.headers if name in header["streams"]]


@dataclass
class Documents:
    """Everything below data/ that is computed, before it is printed."""

    scope: dict[str, Any]
    consistency: dict[str, Any]
    keys: dict[str, Any]
    census: dict[str, Any]
    entries: list[bytes]
    bodies: list[dict[str, Any]]
    parts: list[dict[str, Any]]
    proofs: dict[str, Any]
    lineage: bytes
    checkpoint: bytes
    handovers: dict[int, bytes]
    certificates: dict[int, bytes]


@dataclass
class Lies:
    """Where an issuer can lie: each edits in place what it is given, or returns another of the same type instead.

    Attributes:
        select: The set of listed seqs, before anything is made of it.
        documents: The `Documents`.
        files: Path → bytes of everything below data/ but the statement; statement, manifests and seal are made after it.
        statement: The statement's bytes.
        tags: Path → bytes of all but tag manifest and seal.
        sealed: Path → bytes of everything, when it is too late to seal again.
        seal: Name of the key that seals; the current evidence key when None.
    """

    select: Edit | None = None
    documents: Edit | None = None
    files: Edit | None = None
    statement: Edit | None = None
    tags: Edit | None = None
    sealed: Edit | None = None
    seal: str | None = None


@dataclass
class Question:
    """What is asked: (name, from, to) of each stream, and what is hidden."""

    streams: list[tuple[str, str | None, str | None]]
    kind: str = "stream"
    subject: str | None = None
    since: int | None = None
    withheld: frozenset[int] = frozenset()
    destroyed: frozenset[int] = frozenset()
    withheld_parts: frozenset[int] = frozenset()
    extra: dict[str, bytes] = field(default_factory=dict)


def edited(edit: Edit | None, value: Any) -> Any:
    if edit is None:
        return value
    changed = edit(value)  # what a method like `pop` returns by the way is not meant
    return changed if isinstance(changed, type(value)) else value


def select(ledger: Ledger, question: Question) -> set[int]:
    """The seqs that a bundle lists, by docs/formats/bundle.md, entries.jsonl."""
    census = len(ledger.entries) - 1
    seqs = {0, census}
    if question.kind == "everything":
        return set(range(census + 1))
    for name, start, stop in [*question.streams, *((name, None, None) for name in WHOLE_STREAMS)]:
        stream = [header for header in ledger.stream(name) if header["seq"] < census]
        inside = [i for i, h in enumerate(stream) if (not start or h["at"] >= start) and (not stop or h["at"] < stop)]
        before = [i for i, h in enumerate(stream) if start and h["at"] < start]
        behind = [i for i, h in enumerate(stream) if stop and h["at"] >= stop]
        seqs.update(stream[i]["seq"] for i in [*inside, *before[-1:], *behind[:1]])
    while True:
        more = {seq + 1 for seq in seqs if len(ledger.headers[seq]["streams"]) == 128}
        continued = [seq for seq in seqs if ledger.headers[seq]["type"] == "tallystick.ledger.continued.v1"]
        more |= {i for seq in continued for i in range(int(ledger.headers[seq]["ext"]["tallyof"]), seq)}
        if more <= seqs:
            return seqs
        seqs |= more


def compose(ledger: Ledger, question: Question, listed: set[int]) -> Documents:
    """Everything below data/, honest about `listed`."""
    size = len(ledger.entries)
    census = size - 1
    seqs = sorted(listed)
    headers = [ledger.headers[seq] for seq in seqs]
    own = ("type:tallystick.ledger.census-taken.v1", f"source:{ledger.origin}")
    names = sorted({name for name, _, _ in question.streams} | {*WHOLE_STREAMS, *own})
    taken = ledger.censuses[max(ledger.censuses)]
    proofs = [taken.proof(name) for name in names]
    counts = {proof["name"]: proof["count"] for proof in proofs}
    bodies = [_body(ledger, question, seq) for seq in seqs]
    parts = [_part(ledger, question, *key) for key in sorted(ledger.parts) if key[0] in listed]
    streams = []
    for name, start, stop in question.streams:
        inside = [h for h in headers if name in h["streams"] and h["seq"] < census]
        inside = [h for h in inside if (not start or h["at"] >= start) and (not stop or h["at"] < stop)]
        streams.append({"count": counts[name], "listed": len(inside), "name": name})
    types: dict[str, int] = {}
    for header in headers:
        types[header["type"]] = types.get(header["type"], 0) + 1
    root = root_of(ledger.leaves)
    asked = [
        {"name": name} | ({"from": start} if start else {}) | ({"to": stop} if stop else {})
        for name, start, stop in question.streams
    ]
    subject = {"subject": question.subject} if question.subject is not None else {}
    heads = {handover for handover, _ in ledger.handovers if handover < size} | (
        {question.since} if question.since else set()
    )
    return Documents(
        scope={
            "asked": {"at": "2026-11-21T08:00:00.000000Z", "by": "auditor-7"},
            "control": {
                "bodies": _tally(bodies),
                "entries": len(seqs),
                "parts": _tally(parts),
                "streams": streams,
                "types": types,
            },
            "log": {"census": census, "origin": ledger.origin, "root": root.hex(), "size": size},
            "question": {"kind": question.kind, "streams": asked, **subject},
            "v": 1,
        },
        consistency={"heads": [_head(ledger, head) for head in sorted(heads - {size})], "v": 1},
        keys={
            "added": [h["seq"] for h in headers if KEY_STREAMS[0] in h["streams"]],
            "evidence": Key(ledger.evidence_key).id,
            "log": Key(ledger.log_key).id,
            "retired": [h["seq"] for h in headers if KEY_STREAMS[1] in h["streams"]],
            "v": 1,
        },
        census={"root": taken.root.hex(), "seq": census, "streams": proofs, "v": 1},
        entries=[ledger.entries[seq] for seq in seqs],
        bodies=bodies,
        parts=parts,
        proofs={"size": size, "subtrees": subtrees(ledger.leaves, listed), "v": 1},
        lineage=_lineage(headers, bodies),
        checkpoint=ledger.checkpoint(),
        handovers={handover: note for handover, note in ledger.handovers if handover < size},
        certificates={
            body["seq"]: base64.b64decode(body["bytes"])
            for header, body in zip(headers, bodies, strict=True)
            if header["type"] == "tallystick.deletion.certified.v1" and "bytes" in body
        },
    )


def _body(ledger: Ledger, question: Question, seq: int) -> dict[str, Any]:
    if seq in question.withheld:
        return {"seq": seq, "state": "withheld"}
    if seq in question.destroyed:
        return {"seq": seq, "state": "destroyed"}
    salt, data = ledger.bodies[seq]
    return {"bytes": b64(data), "salt": b64(salt), "seq": seq}


def _part(ledger: Ledger, question: Question, seq: int, pointer: str) -> dict[str, Any]:
    if seq in question.withheld_parts:
        return {"pointer": pointer, "seq": seq, "state": "withheld"}
    salt, data = ledger.parts[seq, pointer]
    return {"bytes": b64(data), "pointer": pointer, "salt": b64(salt), "seq": seq}


def _tally(lines: list[dict[str, Any]]) -> dict[str, int]:
    states = [line.get("state", "disclosed") for line in lines]
    return {state: states.count(state) for state in ("destroyed", "disclosed", "withheld")}


def _head(ledger: Ledger, size: int) -> dict[str, Any]:
    path = consistency(size, ledger.leaves)
    return {"path": [step.hex() for step in path], "root": root_of(ledger.leaves[:size]).hex(), "size": size}


def _lineage(headers: list[dict[str, Any]], bodies: list[dict[str, Any]]) -> bytes:
    def structure(header: dict[str, Any], data: bytes) -> Any:
        try:
            return json.loads(data) if header.get("datacontenttype", "application/json") == "application/json" else None
        except ValueError:
            return None

    return edges.to_json(
        edges.fold(
            (body["seq"], structure(header, base64.b64decode(body["bytes"])))
            for header, body in zip(headers, bodies, strict=True)
            if header["type"] in LINEAGE_TYPES and "bytes" in body
        )
    )


def print_documents(documents: Documents) -> dict[str, bytes]:
    """Path → bytes of everything below data/ but the statement."""

    def lines(values: list[dict[str, Any]]) -> bytes:
        return b"".join(dump(value) + b"\n" for value in values)

    return {
        "data/README.txt": readme.TEXT.encode(),
        "data/scope.json": dump(documents.scope) + b"\n",
        "data/checkpoint": documents.checkpoint,
        "data/consistency.json": dump(documents.consistency) + b"\n",
        "data/keys.json": dump(documents.keys) + b"\n",
        "data/census.json": dump(documents.census) + b"\n",
        "data/entries.jsonl": b"".join(entry + b"\n" for entry in documents.entries),
        "data/bodies.jsonl": lines(documents.bodies),
        "data/parts.jsonl": lines(documents.parts),
        "data/proofs.json": dump(documents.proofs) + b"\n",
        "data/lineage.json": documents.lineage,
        "data/lineage.svg": b"<svg/>\n",
        "data/prov.json": b"{}\n",
        "data/report.html": b"<p>report\n",
        **{f"data/handovers/{size:016d}": note for size, note in documents.handovers.items()},
        **{f"data/certificates/{seq}.json": body for seq, body in documents.certificates.items()},
    }


def manifest(files: Mapping[str, bytes]) -> bytes:
    return "".join(f"{sha(files[path]).hex()}  {path}\n" for path in sorted(files)).encode()


def seal(ledger: Ledger, files: dict[str, bytes], name: str, lies: Lies) -> dict[str, bytes]:
    """Everything below the bundle's folder: statement, tag files and signatures around `files`."""
    key = Key(lies.seal or ledger.evidence_key)
    size, census = len(ledger.entries), ledger.headers[-1]
    statement: Any = {
        "_type": "https://in-toto.io/Statement/v1",
        "predicate": {"census": size - 1, "origin": ledger.origin, "root": root_of(ledger.leaves).hex(), "size": size},
        "predicateType": "urn:tallystick:evidence:v1",
        "subject": [{"digest": {"sha256": sha(files[path]).hex()}, "name": path} for path in sorted(files)],
    }
    payload = edited(lies.statement, dump(statement) + b"\n")
    files = {**files, "data/statement.json": payload}
    kind = "application/vnd.in-toto+json"
    pae = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    signature = {"keyid": key.id, "sig": b64(key.private.sign(pae))}
    oxum = f"{sum(map(len, files.values()))}.{len(files)}"
    tags = {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "bag-info.txt": (
            f"External-Identifier: {name}\nBagging-Date: {census['at'][:10]}\nPayload-Oxum: {oxum}\n"
            f"Source-Organization: {ledger.origin}\nBag-Software-Agent: tallystick\n"
        ).encode(),
        "manifest-sha256.txt": manifest(files),
        "signatures/statement.dsse.json": dump(
            {"payload": b64(payload), "payloadType": kind, "signatures": [signature]}
        )
        + b"\n",
    }
    sealed: dict[str, bytes] = edited(lies.tags, {**files, **tags})
    tagged = {path: data for path, data in sealed.items() if not path.startswith("data/")}
    sealed["tagmanifest-sha256.txt"] = manifest(tagged)
    sealed["signatures/tagmanifest.ed25519.sig"] = key.private.sign(sealed["tagmanifest-sha256.txt"])
    return dict(edited(lies.sealed, sealed))


def pack(files: Mapping[str, bytes], name: str) -> bytes:
    """The canonical ZIP, as the standard library writes it when it is told every field."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(f"{name}/{path}" for path in files):
            member = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            member.create_system, member.create_version, member.extract_version = 3, 20, 10
            member.external_attr = 0o100644 << 16
            archive.writestr(member, files[path.removeprefix(f"{name}/")])
    return packed.getvalue()


def issue(ledger: Ledger, question: Question, lies: Lies | None = None, *, name: str = "bundle") -> bytes:
    """Return a bundle about a ledger whose last entry is a census."""
    return pack(issue_files(ledger, question, lies, name=name), name)


def issue_files(
    ledger: Ledger, question: Question, lies: Lies | None = None, *, name: str = "bundle"
) -> dict[str, bytes]:
    """Return the files of a bundle, path below its folder → bytes."""
    lies = lies or Lies()
    listed = edited(lies.select, select(ledger, question))
    documents = edited(lies.documents, compose(ledger, question, listed))
    files = edited(lies.files, {**print_documents(documents), **question.extra})
    return seal(ledger, files, name, lies)


CLICKS = "dataset:db|clicks"
SCORES = "dataset:db|scores"


def observe(ledger: Ledger, inputs: list[str], outputs: list[str], **members: Any) -> int:
    """Append what an OpenLineage producer says of one run."""

    def datasets(names: list[str]) -> list[dict[str, str]]:
        return [{"name": name, "namespace": "db"} for name in names]

    run = f"run-{len(ledger.entries)}"
    body = {
        "eventType": "COMPLETE",
        "inputs": datasets(inputs),
        "job": {"name": "score", "namespace": "air"},
        "outputs": datasets(outputs),
        "run": {"runId": run},
    }
    others = [f"dataset:db|{name}" for name in (*inputs, *outputs)]
    return ledger.append(LINEAGE_TYPES[0], body, *others, "job:air|score", f"run:{run}", **members)


def small() -> tuple[Ledger, Question]:
    """The smallest honest answer: a stream of one event."""
    ledger = Ledger()
    ledger.create()
    ledger.append("com.example.tick.v1", b"tick", datacontenttype="text/plain")
    ledger.take_census()
    return ledger, Question([("type:com.example.tick.v1", None, None)])


def churn() -> tuple[Ledger, Question]:
    """A pipeline's ledger, asked for one dataset in a window that has neighbours on both sides.

    Entries 2 and 8 lie outside the window [at(4), at(8)), 4 and 6 in it, 3, 5 and 7 in other streams; 9 to 11 delete.
    """
    ledger = Ledger()
    ledger.create()
    observe(ledger, ["raw"], ["clicks"])  # 2
    ledger.append("com.example.tick.v1", b"tick", datacontenttype="text/plain")
    observe(ledger, ["clicks"], ["scores"])
    ledger.append("com.example.tick.v1", b"tock", datacontenttype="text/plain")
    decided = {"dataset": {"name": "clicks", "namespace": "db"}, "decision": "ALLOW"}
    ledger.append("tallystick.validation.decided.v1", decided, CLICKS)  # 6
    ledger.append("com.example.tick.v1")
    observe(ledger, ["clicks"], ["audience"])  # 8
    parts = {"/subject": b'{"household":"2375"}', "/why": b'"asked"'}
    ledger.append(
        "tallystick.deletion.requested.v1", b'{"request":"r-1","subject":null,"why":null}', "request:r-1", parts=parts
    )
    ledger.append("tallystick.deletion.certified.v1", {"outcome": "complete", "request": "r-1"}, "request:r-1")
    ledger.append("tallystick.deletion.certified.v1", {"outcome": "complete", "request": "r-2"}, "request:r-2")
    ledger.take_census()
    return ledger, Question([(CLICKS, at(4), at(8)), ("request:r-1", None, None)])


def rotated() -> tuple[Ledger, Question]:
    """A ledger that changed its evidence key once and its log key twice."""
    ledger = Ledger()
    ledger.create()
    observe(ledger, ["raw"], ["clicks"])  # 2
    ledger.rotate_log("log-2")  # 3, 4
    ledger.rotate_evidence("evidence-2")  # 5, 6
    observe(ledger, ["clicks"], ["scores"])
    ledger.rotate_log("log-3")  # 8, 9
    ledger.take_census()
    return ledger, Question([(CLICKS, None, None)])


def wide(streams: int = 300) -> tuple[Ledger, Question]:
    """A ledger with an event that is filed in more streams than one entry holds."""
    ledger = Ledger()
    ledger.create()
    names = sorted(f"t{number:03}" for number in range(streams))
    body = {"inputs": [{"name": name, "namespace": "db"} for name in names]}
    others = [f"dataset:db|{name}" for name in names]
    ledger.append(LINEAGE_TYPES[0], body, *others[:126])  # 2
    for start in range(126, len(others), 126):
        ledger.continue_(2, *others[start : start + 126])
    ledger.append("com.example.tick.v1")
    ledger.take_census()
    return ledger, Question([(others[-1], None, None)])
