"""The bundle: from the archive's bytes to files, and from files to what they say, each read by exactly its page.

Reading proves nothing. Whether what a file says is true, `proofs.view` asks, step by step; this module answers with
values or with the place where a file is not what docs/formats/bundle.md says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

from proofs import archive, bag, limits, readme
from proofs.digest import leaf_hash
from proofs.entry import Entry, parse_entry
from proofs.errors import IncompleteError, MalformedError
from proofs.limits import CENSUS_LEVELS
from proofs.record import digest, document, integer, lines, place, record

README: Final = "data/README.txt"
SCOPE: Final = "data/scope.json"
CHECKPOINT: Final = "data/checkpoint"
CONSISTENCY: Final = "data/consistency.json"
KEYS: Final = "data/keys.json"
CENSUS: Final = "data/census.json"
ENTRIES: Final = "data/entries.jsonl"
BODIES: Final = "data/bodies.jsonl"
PARTS: Final = "data/parts.jsonl"
PROOFS: Final = "data/proofs.json"
LINEAGE: Final = "data/lineage.json"
HANDOVERS: Final = "data/handovers/"
CERTIFICATES: Final = "data/certificates/"
STATEMENT: Final = "data/statement.json"
ENVELOPE: Final = "signatures/statement.dsse.json"
# The issuer's rendering, and signatures that the standard library cannot check: no word is said for them.
RENDERINGS: Final = ("data/lineage.svg", "data/prov.json", "data/report.html")
UNCHECKED: Final = ("data/checkpoint.tsr", "signatures/manifest.p256.sig", "signatures/manifest.tsr")

REQUIRED: Final = (
    bag.DECLARATION_PATH,
    bag.INFO_PATH,
    bag.MANIFEST_PATH,
    bag.TAGMANIFEST_PATH,
    ENVELOPE,
    bag.SEAL_PATH,
    README,
    SCOPE,
    CHECKPOINT,
    CONSISTENCY,
    KEYS,
    CENSUS,
    ENTRIES,
    BODIES,
    PARTS,
    PROOFS,
    LINEAGE,
    *RENDERINGS,
    STATEMENT,
)
_HANDOVER: Final = re.compile(r"data/handovers/([0-9]{16})\Z")
_CERTIFICATE: Final = re.compile(r"data/certificates/(0|[1-9][0-9]{0,15})\.json\Z")
_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,119}\Z")


@dataclass(frozen=True, slots=True)
class Head:
    """A smaller tree and the path that proves it to be the beginning of the bundle's."""

    size: int
    root: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class KeyList:
    """What keys.json says: which entries added and retired keys, and the ids of the keys that are current."""

    added: tuple[int, ...]
    retired: tuple[int, ...]
    log: str
    evidence: str


@dataclass(frozen=True, slots=True)
class StreamProof:
    """The bucket of one stream and its 16 hashes."""

    name: str
    count: int
    bucket: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class CensusProofs:
    """What census.json says."""

    seq: int
    root: bytes
    streams: tuple[StreamProof, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of entries.jsonl: the entry, its leaf hash and its place."""

    entry: Entry
    leaf: bytes
    where: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """The files of one bundle.

    Attributes:
        name: Of its one top folder.
        files: Path below that folder → content.
    """

    name: str
    files: Mapping[str, bytes]

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Return the bundle in a canonical ZIP.

        Raises:
            MalformedError: The archive is not canonical, or has not one top folder.
        """
        files = archive.read(data)
        tops = sorted({path.partition("/")[0] for path in files})
        if len(tops) != 1:
            raise MalformedError(f"archive has {len(tops)} top folders, expected 1", where="archive header")
        name = tops[0]
        if not _NAME.match(name):
            raise MalformedError(f"folder {name[:80]!r} is not a bundle's name", where=name)
        if name in files:
            raise MalformedError("top folder is a file", where=name)
        return cls(name, {path[len(name) + 1 :]: content for path, content in files.items()})

    def check_files(self) -> bag.BagInfo:
        """Return what bag-info.txt says when exactly the right files are there, each with its hash.

        Raises:
            IncompleteError: A file is missing.
            TamperedError: A file is in no manifest or does not have its hash.
            MalformedError: A file that no page names, or a tag file that is not printed as its page says.
        """
        for path in REQUIRED:
            if path not in self.files:
                raise IncompleteError("file is not there", where=path)
        info = bag.check(self.files)
        for path in sorted(self.files):
            if (
                path not in REQUIRED
                and path not in UNCHECKED
                and not _HANDOVER.match(path)
                and not _CERTIFICATE.match(path)
            ):
                raise MalformedError("no page names this file", where=path)
        if self.files[README] != readme.TEXT.encode():
            raise MalformedError("text is not the one that every bundle carries", where=README)
        if info.external_identifier != self.name:
            raise MalformedError(
                f"External-Identifier is {info.external_identifier!r}, the folder {self.name!r}", where=bag.INFO_PATH
            )
        return info

    def handovers(self) -> list[tuple[int, str]]:
        """Return size and path of each handover, in the order of size."""
        found = ((_HANDOVER.match(path), path) for path in self.files)
        handovers = sorted((int(match[1]), path) for match, path in found if match)
        if len(handovers) > limits.LOG_KEYS:
            raise MalformedError(f"{len(handovers)} handovers, at most {limits.LOG_KEYS} are allowed", where=HANDOVERS)
        return handovers

    def certificates(self) -> dict[int, str]:
        """Return seq → path of each deletion certificate."""
        found = ((_CERTIFICATE.match(path), path) for path in self.files)
        return {int(match[1]): path for match, path in found if match}

    def keys(self) -> KeyList:
        """Return what keys.json says."""
        with place(KEYS):
            # Held small before anything is believed: every key is tried on every handover.
            if len(self.files[KEYS]) > limits.KEYS_FILE_BYTES:
                raise MalformedError(
                    f"file has {len(self.files[KEYS])} bytes, at most {limits.KEYS_FILE_BYTES} are allowed"
                )
            keys = record(document(self.files[KEYS]), "added evidence log retired v")
            keys.constant("v", 1)
            added, retired = tuple(keys.integers("added")), tuple(keys.integers("retired"))
            if len(added) > limits.LOG_KEYS:
                raise MalformedError(f"{len(added)} keys were added, at most {limits.LOG_KEYS} are allowed")
            return KeyList(
                added=added,
                retired=retired,
                log=keys.digest("log").hex(),
                evidence=keys.digest("evidence").hex(),
            )

    def heads(self) -> tuple[Head, ...]:
        """Return what consistency.json says, in the order of size."""
        with place(CONSISTENCY):
            consistency = record(document(self.files[CONSISTENCY]), "heads v")
            consistency.constant("v", 1)
            heads = tuple(
                Head(head.integer("size"), head.digest("root"), tuple(head.digests("path")))
                for head in consistency.records("heads", "path root size")
            )
            if any(before.size >= after.size for before, after in pairwise(heads)):
                raise MalformedError("heads are not sorted by size, each size once")
            return heads

    def entries(self) -> tuple[Listed, ...]:
        """Return the listed entries, strictly ascending in seq."""
        listed: list[Listed] = []
        for where, line in lines(self.files[ENTRIES], ENTRIES):
            with place(where):
                entry = parse_entry(line)
                if listed and entry.seq <= listed[-1].entry.seq:
                    raise MalformedError(f"entry {entry.seq} stands behind entry {listed[-1].entry.seq}")
            listed.append(Listed(entry, leaf_hash(line), where))
        return tuple(listed)

    def subtrees(self) -> tuple[int, list[tuple[int, int, bytes]]]:
        """Return the size and the (level, index, hash) of proofs.json."""
        with place(PROOFS):
            proofs = record(document(self.files[PROOFS]), "size subtrees v")
            proofs.constant("v", 1)
            subtrees = []
            for at, subtree in enumerate(proofs.array("subtrees")):
                if not isinstance(subtree, list) or len(subtree) != 3:
                    raise MalformedError(f"subtrees[{at}] is not a level, an index and a hash")
                level, index = (integer(number, f"subtrees[{at}]") for number in subtree[:2])
                subtrees.append((level, index, digest(subtree[2], f"subtrees[{at}]")))
            return proofs.integer("size"), subtrees

    def census(self) -> CensusProofs:
        """Return what census.json says, the streams sorted by name."""
        with place(CENSUS):
            census = record(document(self.files[CENSUS]), "root seq streams v")
            census.constant("v", 1)
            streams = tuple(
                StreamProof(
                    name=stream.text("name"),
                    count=stream.integer("count"),
                    bucket=_bucket(stream.members["bucket"], stream.path("bucket")),
                    path=tuple(stream.digests("path")),
                )
                for stream in census.records("streams", "bucket count name path")
            )
            if any(before.name >= after.name for before, after in pairwise(streams)):
                raise MalformedError("streams are not sorted by name, each once")
            for stream in streams:
                if len(stream.path) != CENSUS_LEVELS:
                    raise MalformedError(f"path of a stream has {len(stream.path)} hashes, expected {CENSUS_LEVELS}")
            return CensusProofs(census.integer("seq"), census.digest("root"), streams)


def _bucket(value: object, name: str) -> bytes:
    if not isinstance(value, str):
        raise MalformedError(f"{name} is not text")
    return value.encode()
