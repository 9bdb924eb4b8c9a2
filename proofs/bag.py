"""The bag: which files a bundle has, and the hash of each. BagIt 1.0 in one fixed profile.

    bagit.txt                 two fixed lines
    bag-info.txt              five labels, always the same, always in this order
    manifest-sha256.txt       exactly the files below data/
    tagmanifest-sha256.txt    exactly bagit.txt, bag-info.txt, manifest-sha256.txt and signatures/ but for the one
                              signature that signs this file

A manifest line is `<64 hex>`, two spaces (some tools read no other), path, newline; lines are sorted by path. There is
no file outside those lists: sha256sum alone does not see a file too many, this does.

Source: RFC 8493; docs/formats/bundle.md.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Final, Self

from proofs import limits
from proofs.archive import check_paths
from proofs.errors import IncompleteError, MalformedError, TamperedError

DECLARATION: Final = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
DECLARATION_PATH: Final = "bagit.txt"
INFO_PATH: Final = "bag-info.txt"
MANIFEST_PATH: Final = "manifest-sha256.txt"
TAGMANIFEST_PATH: Final = "tagmanifest-sha256.txt"
SEAL_PATH: Final = "signatures/tagmanifest.ed25519.sig"
PAYLOAD_FOLDER: Final = "data/"
SIGNATURES_FOLDER: Final = "signatures/"

_ALWAYS_TAGGED: Final = frozenset({DECLARATION_PATH, INFO_PATH, MANIFEST_PATH})
SOFTWARE_AGENT: Final = "tallystick"
_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,119}\Z")
_ORIGIN: Final = re.compile(r"[A-Za-z0-9._/-]{1,200}\Z")
_INFO: Final = re.compile(
    "External-Identifier: (.*)\nBagging-Date: (.*)\nPayload-Oxum: (0|[1-9][0-9]{0,15})\\.(0|[1-9][0-9]{0,15})\n"
    f"Source-Organization: (.*)\nBag-Software-Agent: {SOFTWARE_AGENT}\n\\Z"
)
_LINE: Final = re.compile(r"([0-9a-f]{64})  ([^\n]+)\Z")


@dataclass(frozen=True, slots=True)
class BagInfo:
    """The contents of bag-info.txt.

    Attributes:
        external_identifier: Name of the bundle's folder: 1 to 120 bytes of [A-Za-z0-9._-], not beginning with ".".
        bagging_date: A real date, YYYY-MM-DD.
        payload_bytes: Size of all files below data/ together.
        payload_files: Their number.
        source_organization: The log's origin.

    Raises:
        MalformedError: An attribute is outside its form.
    """

    external_identifier: str
    bagging_date: str
    payload_bytes: int
    payload_files: int
    source_organization: str

    def __post_init__(self) -> None:
        if not _NAME.match(self.external_identifier):
            raise MalformedError(
                f"External-Identifier {self.external_identifier[:80]!r} is not a bundle's name", where=INFO_PATH
            )
        if not _ORIGIN.match(self.source_organization):
            raise MalformedError(
                f"Source-Organization {self.source_organization[:80]!r} is not an origin", where=INFO_PATH
            )
        if not _is_date(self.bagging_date):
            raise MalformedError(f"Bagging-Date {self.bagging_date[:40]!r} is not a date", where=INFO_PATH)
        if not (0 <= self.payload_bytes <= limits.MAX_INTEGER and 0 <= self.payload_files <= limits.MAX_INTEGER):
            raise MalformedError(
                f"Payload-Oxum {self.payload_oxum!r} is not a size and a number of files", where=INFO_PATH
            )

    @property
    def payload_oxum(self) -> str:
        """Size and number of the payload files, "<bytes>.<files>"."""
        return f"{self.payload_bytes}.{self.payload_files}"

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Accept exactly the files that `to_bytes` writes.

        Raises:
            MalformedError: The file is anything else.
        """
        matched = _INFO.match(_ascii(data, INFO_PATH))
        if not matched:
            raise MalformedError("file is not the five lines of a bundle's bag-info.txt", where=INFO_PATH)
        name, day, size, count, origin = matched.groups()
        return cls(name, day, int(size), int(count), origin)

    def to_bytes(self) -> bytes:
        """Return bag-info.txt."""
        return (
            f"External-Identifier: {self.external_identifier}\n"
            f"Bagging-Date: {self.bagging_date}\n"
            f"Payload-Oxum: {self.payload_oxum}\n"
            f"Source-Organization: {self.source_organization}\n"
            f"Bag-Software-Agent: {SOFTWARE_AGENT}\n"
        ).encode("ascii")


def print_manifest(files: Mapping[str, bytes]) -> bytes:
    """Return the manifest that lists exactly `files`.

    Args:
        files: Path relative to the bag → content.

    Raises:
        MalformedError: A path cannot stand in a bag.
    """
    check_paths(files)
    return "".join(f"{sha256(files[path]).hexdigest()}  {path}\n" for path in sorted(files)).encode("ascii")


def parse_manifest(data: bytes, where: str) -> dict[str, str]:
    """Return path → hash in hex of exactly the manifests that `print_manifest` writes.

    Args:
        data: The manifest's bytes.
        where: Its path, for messages.

    Raises:
        MalformedError: The bytes are anything else.
    """
    *lines, rest = _ascii(data, where).split("\n")
    if rest:
        raise MalformedError("last line has no newline", where=where)
    hashes: dict[str, str] = {}
    last = ""
    for number, line in enumerate(lines, 1):
        place = f"{where} line {number}"
        matched = _LINE.match(line)
        if not matched:
            raise MalformedError("line is not a hash, two spaces and a path", where=place)
        digest, path = matched.groups()
        if path <= last:
            raise MalformedError(f"{path!r} stands below {last!r}, expected the order of paths", where=place)
        hashes[path] = digest
        last = path
    try:
        check_paths(hashes)
    except MalformedError as error:
        raise MalformedError(error.what, where=where) from error
    return hashes


def seal_manifests(payload: Mapping[str, bytes], tags: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return both manifests, path → content.

    Args:
        payload: The files below data/, with that folder in their paths.
        tags: bagit.txt, bag-info.txt and what stands in signatures/ but for the seal. Signatures over the manifest
            are made from `print_manifest(payload)` first.

    Raises:
        ValueError: A file stands in the wrong mapping, or a tag file is missing.
    """
    for path in payload:
        if not _is_payload(path):
            raise ValueError(f"{path!r} is not below {PAYLOAD_FOLDER}")
    manifest = print_manifest(payload)
    tagged = {**tags, MANIFEST_PATH: manifest}
    for path in tagged:
        if not _is_tag(path):
            raise ValueError(f"{path!r} is no file of the tag manifest")
    if missing := _ALWAYS_TAGGED - tagged.keys():
        raise ValueError(f"tag file {min(missing)!r} is missing")
    return {MANIFEST_PATH: manifest, TAGMANIFEST_PATH: print_manifest(tagged)}


def check(files: Mapping[str, bytes]) -> BagInfo:
    """Return what bag-info.txt says, after accepting a bag of exactly the files that its manifests list.

    Who sealed it is not looked at: that is the signature in `SEAL_PATH`.

    Args:
        files: Path relative to the bag → content.

    Raises:
        MalformedError: A tag file is not written as it must be, or a manifest lists what it must not.
        IncompleteError: A file that the profile or a manifest names is not there.
        TamperedError: A file is not listed, does not have its hash, or the payload does not have its size.
    """
    check_paths(files)
    for path in (DECLARATION_PATH, INFO_PATH, MANIFEST_PATH, TAGMANIFEST_PATH, SEAL_PATH):
        if path not in files:
            raise IncompleteError("file is not there", where=path)
    # The seal covers the tag manifest, that one the manifest, that one the data: checked in this order, the place
    # named is the one nearest to the seal.
    tagged = {path for path in files if _is_tag(path)}
    _compare(files, tagged, parse_manifest(files[TAGMANIFEST_PATH], TAGMANIFEST_PATH), TAGMANIFEST_PATH)
    if files[DECLARATION_PATH] != DECLARATION:
        raise MalformedError("file is not the declaration of BagIt 1.0 in UTF-8", where=DECLARATION_PATH)
    info = BagInfo.parse(files[INFO_PATH])
    payload = {path for path in files if _is_payload(path)}
    _compare(files, payload, parse_manifest(files[MANIFEST_PATH], MANIFEST_PATH), MANIFEST_PATH)
    if strangers := files.keys() - tagged - payload - {TAGMANIFEST_PATH, SEAL_PATH}:
        raise TamperedError("file is in no manifest", where=min(strangers))
    size = sum(len(files[path]) for path in payload)
    if (size, len(payload)) != (info.payload_bytes, info.payload_files):
        raise TamperedError(f"Payload-Oxum is {info.payload_oxum}, counted {size}.{len(payload)}", where=INFO_PATH)
    return info


def _compare(files: Mapping[str, bytes], present: Collection[str], listed: Mapping[str, str], manifest: str) -> None:
    is_ours = _is_payload if manifest == MANIFEST_PATH else _is_tag
    for path in listed:
        if not is_ours(path):
            raise MalformedError(f"file {path!r} is listed, which has no place in this manifest", where=manifest)
    for path in listed:
        if path not in files:
            raise IncompleteError(f"file is listed in {manifest} and is not there", where=path)
    for path in sorted(present):
        if path not in listed:
            raise TamperedError(f"file is not listed in {manifest}", where=path)
        digest = sha256(files[path]).hexdigest()
        if digest != listed[path]:
            raise TamperedError(f"file has the hash {digest}, {manifest} says {listed[path]}", where=path)


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_payload(path: str) -> bool:
    return path.startswith(PAYLOAD_FOLDER)


def _is_tag(path: str) -> bool:
    return path in _ALWAYS_TAGGED or (path.startswith(SIGNATURES_FOLDER) and path != SEAL_PATH)


def _ascii(data: bytes, where: str) -> str:
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        raise MalformedError(f"byte {error.start} is not ASCII", where=where) from error
