"""The file of a job: which data are held to which contracts, in one go.

    tenant: shop                                  # the namespace of contracts that name none
    connectors: {lake: {type: files, path: data}}
    assets:                                       # or asset: one alone, with data_contract: in it or beside it
      - name: orders
        connector: lake                           # or source_type: files, where one connector is of that type
        object: orders.csv
        data_contract: {enabled: true, contract_path: orders.yaml, enforcement_mode: strict}
        current: current/orders.csv               # or quarantine: or move_blocked: a folder
      - {file: assets/customers.yaml, connector: lake}    # the file of an asset, as dialect (d) has it

An asset without contract_path is a contract by its own schema and inline_checks. Paths are relative to the file and stay in its
folder, unless that is allowed otherwise. A mode or a check that the job adds makes another text of the contract: another hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from contracts import yamlsafe
from contracts.complaint import complaint
from contracts.connectors import KINDS, Connector, Folder, read_connectors
from contracts.dialects import asset as assets
from contracts.dialects import native
from contracts.dialects import read as dialects
from contracts.dialects.draft import DEFAULT_NAMESPACE, Draft
from contracts.dialects.place import Place
from contracts.dialects.sentence import meant
from contracts.document import Document, beside, of_parsed
from contracts.model import Contract
from proofs.errors import MissingError

MAX_ASSETS: Final = 200
_ROOT: Final = frozenset(("tenant", "connectors", "asset", "assets", "data_contract"))
_OWN: Final = frozenset(("connector", "source_type", "object", "hive", "current", "quarantine", "move_blocked", "file"))
_DESCRIBED: Final = frozenset(("name", "schema", "data_contract", "version", "owner", "description", "namespace"))
_ENFORCED: Final = frozenset(("enabled", "contract_path", "enforcement_mode", "inline_checks"))


@dataclass(frozen=True, slots=True)
class Asset:
    """One batch of a job.

    Attributes:
        data: What is held to the contract, as `contracts.sources.named.found` reads it; it may hold a password.
        current, quarantine, move_blocked: As `contracts.gate.Acts` has them.
    """

    name: str
    document: Document
    data: str = field(repr=False)
    hive: bool = False
    current: Path | None = None
    quarantine: Path | None = None
    move_blocked: Path | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job file."""

    tenant: str
    assets: tuple[Asset, ...]
    folder: Folder


def read_job(path: Path, *, environment: Mapping[str, str], anywhere: bool = False) -> Job:
    """Return the job in a file, with every contract that it names.

    Args:
        environment: Where the credentials stand.
        anywhere: Files outside the job file's folder may be named, also by absolute paths.

    Raises:
        MissingError: A file or a variable of the environment is not there.
        MalformedError: Something cannot be read, or leads out of the folder; with its line.
    """
    folder = Folder(path.parent, anywhere)
    root = Place.root(_parsed(path, str(path)), name=str(path))
    for stranger in root.strangers(_ROOT):
        raise stranger.error("is not a key of a job file", hint=meant(stranger.key, _ROOT))
    tenant = root.need("tenant").text()
    connectors = read_connectors(root.need("connectors"))
    reader = _Reader(tenant, connectors, folder, environment, root.get("data_contract"))
    return Job(tenant, tuple(reader.asset(place) for place in _listed(root)), folder)


def _listed(root: Place) -> list[Place]:
    one, several = root.get("asset"), root.get("assets")
    if (one is None) == (several is None):
        raise root.error("a job has asset: or assets:, and not both")
    if several is None:
        return [root.need("asset")]
    if (beside_it := root.get("data_contract")) is not None:
        raise beside_it.error("stands in each of several assets")
    found = list(several.items())
    if not 0 < len(found) <= MAX_ASSETS:
        raise several.error(f"there are {len(found)} assets, expected 1 to {MAX_ASSETS}")
    return found


def _parsed(path: Path, name: str) -> yamlsafe.Parsed:
    try:
        with path.open("rb") as file:
            return yamlsafe.parse(file.read(yamlsafe.MAX_BYTES + 1), name=name)
    except OSError as error:
        raise MissingError(f"file cannot be read: {error.strerror}", where=name) from error


@dataclass(frozen=True, slots=True)
class _Reader:
    tenant: str
    connectors: Mapping[str, Connector]
    folder: Folder
    environment: Mapping[str, str]
    enforced: Place | None  # the data_contract that stands beside the one asset

    def asset(self, place: Place) -> Asset:
        for stranger in place.strangers(_DESCRIBED | _OWN):
            raise stranger.error("is not a key of a job's asset", hint=meant(stranger.key, _DESCRIBED | _OWN))
        described, file = place, place.get("file")
        if file is not None:
            path = self.folder.below(file.text(), file)
            described = assets.described(_parsed(path, str(path)), name=str(path))
        item = place.get("object") or described.need("object")
        hive = place.get("hive")
        data = self._connector(place, described).data(item, self.folder, self.environment)
        ways = {key: self._path(place, key) for key in ("current", "quarantine", "move_blocked")}
        return Asset(
            name=described.need("name").text(),
            document=self._document(described, self._enforced(place, described)),
            data=data,
            hive=hive is not None and hive.boolean(),
            **ways,
        )

    def _path(self, place: Place, key: str) -> Path | None:
        found = place.get(key)
        if found is None:
            return None
        if key != "current":
            return self.folder.below(found.text(), found)
        link = Path(found.text())  # of which its folder counts, and not where it leads
        return self.folder.below(str(link.parent), found) / link.name

    def _connector(self, place: Place, described: Place) -> Connector:
        if (named := place.get("connector")) is not None:
            if named.text() not in self.connectors:
                raise named.error("is no connector here", hint=meant(named.text(), self.connectors))
            found = self.connectors[named.text()]
        else:
            type = place.get("source_type") or described.need("source_type")
            of_kind = [each for each in self.connectors.values() if each.kind == type.word(KINDS)]
            if len(of_kind) != 1:
                raise type.error(f"{len(of_kind)} connectors are of that type", hint="name one: connector: NAME")
            found = of_kind[0]
        stated = place.get("source_type") or described.get("source_type")
        if stated is not None and stated.word(KINDS) != found.kind:
            raise stated.error(f"the connector is of type {found.kind}")
        return found

    def _enforced(self, place: Place, described: Place) -> list[Place]:
        """Whatever says how the contract is enforced; each thing is said once."""
        stated = [place.get("data_contract"), described.get("data_contract") if described is not place else None]
        found = [each for each in (self.enforced, *stated) if each is not None]
        said: set[str] = set()
        for each in found:
            for member in each.members():
                if member.key not in _ENFORCED:
                    raise member.error("is not a key of data_contract", hint=meant(member.key, _ENFORCED))
                if member.key in said:
                    raise member.error("is said in another place, too")
                said.add(member.key)
        return found

    def _document(self, described: Place, enforced: list[Place]) -> Document:
        named = next((found for each in enforced if (found := each.get("contract_path")) is not None), None)
        if named is None:
            return _changed(Place.root(self._alone(described), name=described.name), enforced)
        if (schema := described.get("schema")) is not None:
            raise schema.error("stands in the contract that contract_path names")
        path = self.folder.below(named.text(), named, start=Path(named.name).parent)
        data = _bytes(path, named)
        parsed = yamlsafe.parse(data, name=str(path))
        wanted = dialects.Wanted(beside=self._beside(path))
        document = of_parsed(parsed, data.decode(), name=str(path), wanted=wanted)
        if document.contract.dataset.namespace == DEFAULT_NAMESPACE:
            wanted = replace(wanted, namespace=self.tenant)
            document = of_parsed(parsed, data.decode(), name=str(path), wanted=wanted)
        read = dialects.read(parsed, name=str(path), wanted=wanted)
        changed = _changed(Place.root(read.parsed, name=str(path)), enforced)
        return document if changed.contract == document.contract else changed

    def _beside(self, path: Path) -> dialects.Beside:
        find = beside(path)

        def confined(name: str) -> tuple[bytes, str] | None:
            if "\x00" in name or not self.folder.holds(path.parent / name):
                return None
            return find(name)

        return confined

    def _alone(self, described: Place) -> yamlsafe.Parsed:
        """An asset that is a contract by itself, without what only the job knows."""
        own, depth = described.mapping(), len(described.path)
        value = {key: own[key] for key in own if key in _DESCRIBED - {"data_contract"}}
        lines: yamlsafe.Lines = {(): described.line}
        for path, line in described.parsed.lines.items():
            if path[:depth] == described.path:
                lines["asset", *path[depth:]] = line
        parsed = yamlsafe.Parsed({"asset": value}, lines)
        return assets.read(parsed, name=described.name, namespace=self.tenant)


def _changed(root: Place, enforced: list[Place]) -> Document:
    """The contract with what the job says of its enforcement."""
    draft = Draft(root)
    for member in root.members():
        draft.copy((member.key,), member)
    for each in enforced:
        assets.put_enforced(draft, each)
    parsed = draft.parsed()
    try:
        contract = Contract.model_validate(parsed.value)
    except ValidationError as error:
        raise complaint(error, parsed, name=root.name) from error
    return Document(contract, native.document(contract), "tally", parsed.lines, root.name, parsed.files)


def _bytes(path: Path, named: Place) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(yamlsafe.MAX_BYTES + 1)
    except OSError as error:
        what = f"contract cannot be read: {error.strerror}"
        raise MissingError(what, where=f"{named.name} line {named.line}", hint=str(path)) from error
