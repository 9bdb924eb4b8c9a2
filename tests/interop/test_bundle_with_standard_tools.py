"""A bundle that a real ledger exported, in the hands of tools that are not ours: unzip, openssl, sha256sum, bagit and
securesystemslib; and of our own verifier, packed into one file and run with the standard library alone.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import bagit  # type: ignore[import-untyped]
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]

import ledger
from evidence.question import about_dataset
from evidence.seal import Sealed, export
from evidence.terms import Terms
from evidence.trust import evidence_pem, trust_text
from ledger.event import Event
from ledger.log import Ledger

ROOT = Path(__file__).resolve().parents[2]
BY_HAND = "BY HAND, WITH unzip, openssl AND sha256sum"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A ledger in which a pipeline ran."""
    folder = tmp_path_factory.mktemp("ledger")
    made = ledger.create(
        f"sqlite:///{folder}/ledger.db", origin="ledger.example.org/churn", home=folder, passphrase=lambda: b"test"
    )
    for n in range(3):
        with made.run("churn.features", inputs=["crm|households"], outputs=["crm|features"]) as run:
            run.emit("RUNNING", attempt={"_producer": "urn:x", "_schemaURL": "urn:y", "n": n})
        made.append(Event.of("org.example.noise.v1", "urn:x", {"n": n}, id=str(n)))
    yield made
    made.close()


@pytest.fixture(scope="module")
def sealed(log: Ledger, tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    """The evidence about one dataset."""
    terms = Terms("auditor:7", "2026-11-20T12:00:00.000000Z")
    return export(log, about_dataset("crm", "features"), terms, out_dir=tmp_path_factory.mktemp("out"))


@pytest.fixture
def desk(log: Ledger, sealed: Sealed, tmp_path: Path) -> Path:
    """An auditor's folder: the archive, and what came by another way."""
    (tmp_path / sealed.path.name).write_bytes(sealed.path.read_bytes())
    (tmp_path / "evidence.pem").write_text(evidence_pem(log))
    (tmp_path / "trust.txt").write_text(trust_text(log))
    return tmp_path


@pytest.fixture
def unpacked(desk: Path, sealed: Sealed) -> Path:
    """The bundle as unzip unpacks it."""
    subprocess.run(["unzip", "-q", sealed.path.name], cwd=desk, check=True)
    return desk / sealed.name


def printed_commands(desk: Path, name: str) -> str:
    """What the README inside the archive tells the reader to type, from "BY HAND" on."""
    text = subprocess.run(
        ["unzip", "-p", f"{name}.zip", f"{name}/data/README.txt"], cwd=desk, check=True, capture_output=True, text=True
    ).stdout
    lines = text.partition(BY_HAND)[2].splitlines()
    return "\n".join(line.removeprefix("    ") for line in lines if line.startswith("    ")).replace("BUNDLE", name)


def bash(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-e", "-o", "pipefail", "-c", script]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_readme_s_own_commands_check_the_bundle(desk: Path, sealed: Sealed) -> None:
    done = bash(printed_commands(desk, sealed.name), desk)

    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines.count("Signature Verified Successfully") == 2
    files = sum(path.is_file() for path in (desk / sealed.name).rglob("*"))
    assert len([line for line in lines if line.endswith(": OK")]) == files - 2
    hashes = [line for line in lines if re.fullmatch("[0-9a-f]{64}", line)]
    assert len(lines) == 2 + files - 2 + 6
    assert hashes[::2] == hashes[1::2]
    assert len(set(hashes)) == 3


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("printf x >> {name}/data/report.html", "data/report.html: FAILED"),
        ("rm {name}/data/prov.json", "data/prov.json"),
        ("printf x > {name}/data/more.txt", "> data/more.txt"),
        ("sed -i 's/auditor:7/auditor:8/' {name}/data/scope.json", "data/scope.json: FAILED"),
        ("printf x >> {name}/bag-info.txt", "bag-info.txt: FAILED"),
        ("printf x >> {name}/tagmanifest-sha256.txt", "Signature Verification Failure"),
    ],
)
def test_the_readme_s_own_commands_find_the_damage(desk: Path, sealed: Sealed, damage: str, told: str) -> None:
    unpack, _, checks = printed_commands(desk, sealed.name).partition(f"cd {sealed.name}\n")
    script = f"{unpack}\n{damage.format(name=sealed.name)}\ncd {sealed.name}\n{checks}"

    done = bash(script, desk)

    assert done.returncode != 0
    assert told.lstrip("> ") in done.stdout + done.stderr


def test_another_evidence_key_did_not_seal_the_bundle(desk: Path, sealed: Sealed) -> None:
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", "other.key"], cwd=desk, check=True)
    subprocess.run(["openssl", "pkey", "-in", "other.key", "-pubout", "-out", "evidence.pem"], cwd=desk, check=True)

    done = bash(printed_commands(desk, sealed.name), desk)

    assert done.returncode != 0
    assert "Signature Verification Failure" in done.stdout
    assert "Signature Verified Successfully" not in done.stdout


def test_unzip_finds_the_archive_whole(sealed: Sealed) -> None:
    done = subprocess.run(["unzip", "-tqq", str(sealed.path)], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_bagit_validates_the_unpacked_bag(unpacked: Path, sealed: Sealed) -> None:
    found = bagit.Bag(str(unpacked))

    assert found.validate()
    assert found.info["External-Identifier"] == sealed.name
    assert found.info["Source-Organization"] == "ledger.example.org/churn"


def test_securesystemslib_accepts_the_statement_s_envelope(unpacked: Path, log: Ledger) -> None:
    raw = (unpacked / "signatures/statement.dsse.json").read_bytes()
    envelope = Envelope.from_dict(json.loads(raw))
    public_key = Ed25519PublicKey.from_public_bytes(log.signer("evidence").public_key)
    key = SSlibKey.from_crypto(public_key, keyid=json.loads(raw)["signatures"][0]["keyid"])

    assert list(envelope.verify([key], threshold=1)) == [key.keyid]
    assert envelope.payload == (unpacked / "data/statement.json").read_bytes()
    names = {subject["name"] for subject in json.loads(envelope.payload)["subject"]}
    assert names == {
        path.relative_to(unpacked).as_posix() for path in (unpacked / "data").rglob("*") if path.is_file()
    } - {"data/statement.json"}


@pytest.mark.parametrize("packed", [True, False])
def test_I17_the_verifier_needs_the_standard_library_alone(desk: Path, sealed: Sealed, packed: bool) -> None:
    program = ["-S", "-m", "proofs"]
    if packed:
        command = [sys.executable, str(ROOT / "tools/pack_verifier.py"), str(desk / "verify.pyz")]
        subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
        program = ["-I", "-S", str(desk / "verify.pyz")]
    arguments = ["--trust", str(desk / "trust.txt"), "--json", str(desk / sealed.path.name)]

    done = subprocess.run([sys.executable, *program, *arguments], cwd=ROOT, capture_output=True, check=False)

    verdict = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (verdict["verdict"], verdict["bundle"]) == ("verified", sealed.name)
    assert [(stream["count"], stream["listed"]) for stream in verdict["streams"]] == [(9, 9)]
