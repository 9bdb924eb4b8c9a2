"""A small real house: a ledger on SQLite in which a pipeline ran, was checked, and forgot a person."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import ledger
from evidence.question import Question
from evidence.seal import Sealed, export
from evidence.terms import Disclosure, Terms
from evidence.trust import trust_text
from ledger.event import Event
from ledger.log import Ledger
from proofs.report import Verdict
from proofs.view import verify_bundle

ORIGIN = "ledger.example.org/churn"
ASKED = Terms("auditor:7", "2026-11-20T12:00:00.000000Z")
REQUEST = "5f0c5f6e-8a53-4a6e-9b0e-2f1d0a6f9c11"
DATASETS = ("households", "visits", "features", "scores")


class SteppingClock:
    """Every look is one second after the one before."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@dataclass
class House:
    """A ledger, and a folder for what leaves it."""

    log: Ledger
    url: str
    home: Path
    out: Path
    clock: SteppingClock
    seqs: dict[str, int] = field(default_factory=dict)

    def append(self, name: str, type: str, body: Any, **attributes: Any) -> int:
        """Append one event and remember its seq under `name`."""
        event = Event.of(type, attributes.pop("source", "urn:churn:pipeline"), body, id=f"id-{name}", **attributes)
        self.seqs[name] = self.log.append(event).seq
        return self.seqs[name]

    def at(self, name: str) -> str:
        """When the entry of this name was written."""
        return self.log.entry(self.seqs[name]).at

    def export(self, question: Question, terms: Terms = ASKED) -> Sealed:
        """Seal the answer to `question`."""
        return export(self.log, question, terms, out_dir=self.out)

    def judge(self, data: bytes, **options: Any) -> Verdict:
        """What a reader says who trusts this log's key."""
        return verify_bundle(data, trust=trust_text(self.log).encode(), **options)


def dataset(name: str) -> dict[str, str]:
    return {"namespace": "crm", "name": name}


def pipeline(house: House) -> None:
    """Two runs in which features derive from households and visits, and scores from features; checked, one blocked."""
    with house.log.run("churn.features", inputs=["crm|households", "crm|visits"], outputs=["crm|features"]) as run:
        pass
    house.seqs |= {"features-start": run.receipts[0].seq, "features-end": run.receipts[1].seq}
    with house.log.run("churn.score", inputs=["crm|features"], outputs=["crm|scores"]) as run:
        pass
    house.seqs |= {"score-start": run.receipts[0].seq, "score-end": run.receipts[1].seq}
    contract = {"name": "churn.features", "version": "1.2.0", "sha256": "ab" * 32}
    house.append(
        "published",
        "tallystick.contract.published.v1",
        {"contract": contract, "dataset": dataset("features"), "datasets": [dataset("scores")], "definition": "a: b"},
    )
    for name, decision, risk in (
        ("allow", "ALLOW", 12_000),
        ("alert", "ALLOW_WITH_ALERT", 310_500),
        ("block", "BLOCK_AND_ROLLBACK", 999_999),
    ):
        body = {"batch": {"rows": 2500}, "contract": contract, "dataset": dataset("features"), "decision": decision}
        reasons = [{"cause": "RULE_BLOCKS", "rule": "spend_not_null"}] if decision == "BLOCK_AND_ROLLBACK" else []
        house.append(name, "tallystick.validation.decided.v1", {**body, "reasons": reasons, "risk": risk})


def deletion(house: House) -> None:
    """One person's request, from the sealed subject to the certificate; every part of the person is sealed alike."""
    house.append(
        "requested",
        "tallystick.deletion.requested.v1",
        {"channel": "api", "regulation": "gdpr", "request": REQUEST, "subject": {"email": "ada@example.org"}, "v": 1},
        person="person:ada",
    )
    targets = [{"action": "delete", "dataset": dataset(name), "id": f"t{n}"} for n, name in enumerate(DATASETS[1:])]
    house.append(
        "planned",
        "tallystick.deletion.planned.v1",
        {
            "closure": {"count": 3, "hash": "cd" * 32},
            "request": REQUEST,
            "seeds": [dataset("visits")],
            "targets": targets,
        },
    )
    for name in DATASETS[1:]:
        house.append(
            f"executed-{name}",
            "tallystick.deletion.executed.v1",
            {"attempt": 1, "dataset": dataset(name), "outcome": "done", "request": REQUEST, "rows": 3},
        )
    certified = [{**target, "deleted": 3, "level": "L2", "matched_after": 0, "outcome": "erased"} for target in targets]
    body = {"level": "L2", "outcome": "complete", "request": REQUEST, "targets": certified, "v": 1}
    house.append("certified", "tallystick.deletion.certified.v1", body)


def build(folder: Path, *furnish: Callable[[House], None]) -> House:
    """A house in `folder`, furnished."""
    folder.mkdir()
    clock = SteppingClock()
    url = f"sqlite:///{folder}/ledger.db"
    log = ledger.create(url, origin=ORIGIN, home=folder / "home", passphrase=lambda: b"test", clock=clock)
    house = House(log, url, folder / "home", folder / "out", clock)
    for fill in furnish:
        fill(house)
    return house


@pytest.fixture
def make_house(tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Makes houses, each in a folder of its own."""
    made: list[House] = []

    def make(*furnish: Callable[[House], None]) -> House:
        made.append(build(tmp_path / f"house-{len(made)}", *furnish))
        return made[-1]

    yield make
    for house in made:
        house.log.close()


@pytest.fixture(scope="session")
def shared_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house like `house`, of which tests ask and to which they add nothing but what asking adds."""
    house = build(tmp_path_factory.mktemp("shared") / "house", pipeline, deletion)
    yield house
    house.log.close()


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    """A house in which the pipeline ran and the person asked to be deleted."""
    return make_house(pipeline, deletion)


@pytest.fixture
def empty_house(make_house: Callable[..., House]) -> House:
    """A house in which nothing happened yet."""
    return make_house()


@pytest.fixture
def files() -> Callable[[Path | bytes], Mapping[str, bytes]]:
    """Reads path → content of a bundle, paths below its one folder, with the standard library's own reader."""

    def read(bundle: Path | bytes) -> Mapping[str, bytes]:
        from io import BytesIO

        with zipfile.ZipFile(BytesIO(bundle if isinstance(bundle, bytes) else bundle.read_bytes())) as archive:
            return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}

    return read


@pytest.fixture
def lines() -> Callable[[bytes], list[Any]]:
    """Reads the documents of a .jsonl file."""
    return lambda data: [json.loads(line) for line in data.splitlines()]


@pytest.fixture
def asked() -> Terms:
    """Who asked, and when."""
    return ASKED


@pytest.fixture
def opening() -> Callable[..., Terms]:
    """Makes terms under which parts are opened."""

    def terms(*parts: tuple[int, str], **changes: Any) -> Terms:
        disclosure = Disclosure(**{"parts": parts, "reader": "auditor:7", "purpose": "sample-check", **changes})
        return Terms(ASKED.asked_by, ASKED.asked_at, disclosure)

    return terms
