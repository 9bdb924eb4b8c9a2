"""A verifier that somebody wrote in JavaScript from docs/formats alone accepts and refuses every vector as ours does.

What ours says of them is held by tests/vectors; here the other one is held to the same.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parents[1]
SCRIPT = HERE / "second_verifier" / "vectors.mjs"
VECTORS = HERE / "vectors"
LARGE = 2**53
# What no reader of bundles looks at.
OTHER_VECTORS = {"registry_changes"}

Operation = tuple[dict[str, Any], dict[str, Any]]


def portable(value: Any) -> Any:
    """Write integers that JavaScript would round as text."""
    if isinstance(value, dict):
        return {name: portable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [portable(item) for item in value]
    return str(value) if type(value) is int and value >= LARGE else value


def vectors(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def operations(op: str, rows: list[Any], expect: Callable[[Any], dict[str, Any]]) -> list[Operation]:
    """Return (operation, expected members of the answer) for each row."""
    return [({**row, "op": op}, expect(row)) for row in rows]


def accepted(value: object = ...) -> dict[str, Any]:
    return {"accept": True} if value is ... else {"accept": True, "value": value}


def refused(verdict: str | None = None) -> dict[str, Any]:
    return {"accept": False} if verdict is None else {"accept": False, "verdict": verdict}


def plain(row: Any) -> dict[str, Any]:
    return accepted() if row["expected"] == "accept" else refused()


def merkle() -> list[Operation]:
    data = vectors("merkle")
    roots = [
        {"entries": tree["entries"][: root["size"]], "root": root["root"]}
        for tree in data["roots"]
        for root in tree["roots"]
    ]
    return [
        *operations("leaf", data["leaves"], lambda row: accepted(row["hash"])),
        *operations("node", data["nodes"], lambda row: accepted(row["hash"])),
        *operations("root", roots, lambda row: accepted(row["root"])),
        *operations("inclusion", data["inclusion"], plain),
        *operations("consistency", data["consistency"], plain),
        *operations("cover", data["cover"], lambda row: accepted(row["subtrees"])),
    ]


def jsonstrict() -> list[Operation]:
    data = vectors("jsonstrict")
    pointers = data["pointers"]
    return [
        *operations("json_ours", data["ours"], plain),
        *operations("json_foreign", data["foreign"], plain),
        *operations("json_canonical", data["canonical"], plain),
        *operations("json_printed", [r for r in data["canonical"] if "printed" in r], lambda r: accepted(r["printed"])),
        *operations("spans", data["spans"], lambda row: {"accept": True, "spans": (row["values"], row["missing"])}),
        *operations("pointer", pointers["accept"], lambda row: accepted()),
        *operations("pointer", [{"pointer": pointer} for pointer in pointers["reject"]], lambda row: refused()),
    ]


def notes() -> list[Operation]:
    def note(row: Any) -> dict[str, Any]:
        if row["result"] != "verified":
            return refused(row["result"])
        return accepted({"signers": row["signers"], "unchecked": row["unchecked"]})

    return operations("note", vectors("note"), note)


def vkeys() -> list[Operation]:
    members = ("key_id", "name", "public_key", "type")
    return operations(
        "vkey",
        vectors("vkey"),
        lambda row: refused("malformed") if "error" in row else accepted({name: row[name] for name in members}),
    )


def checkpoints() -> list[Operation]:
    members = ("extensions", "origin", "root")
    return operations(
        "checkpoint",
        vectors("checkpoint"),
        lambda row: (
            refused("malformed")
            if "error" in row
            else accepted({**{name: row[name] for name in members}, "size": str(row["size"])})
        ),
    )


def cosignatures() -> list[Operation]:
    def cosignature(row: Any) -> dict[str, Any]:
        return accepted(str(row["timestamp"])) if row["result"] == "verified" else refused(row["result"])

    return operations("cosignature", vectors("cosignature"), cosignature)


def octets(names: list[list[str]]) -> list[list[str]]:
    return [[name.encode("utf-8", "surrogateescape").hex() for name in group] for group in names]


def policies() -> list[Operation]:
    def policy(row: Any) -> dict[str, Any]:
        if "error" in row:
            return refused("malformed")
        counted = {"logs": row["logs"], "witnesses": row["witnesses"]}
        quorum = {"met": [True] * len(row["met"]), "unmet": [False] * len(row["unmet"])}
        printed = {"canonical": row["canonical"].encode().hex()} if "canonical" in row else {}
        return {"accept": True, "members": {**counted, **quorum, **printed}}

    rows = vectors("policy")
    for row in rows:
        row |= {name: octets(row[name]) for name in ("met", "unmet") if name in row}
    return operations("policy", rows, policy)


def tlogproofs() -> list[Operation]:
    def verify(row: Any) -> dict[str, Any]:
        if row["result"] != "proven":
            return refused("tampered" if row["result"] == "proof" else row["result"])
        times = {name: str(time) for name, time in row["witnessed"].items()}
        place = {"index": str(row["index"]), "size": str(row["size"])}
        return accepted({**place, "extra": row.get("extra", ""), "witnessed": times})

    def form(row: Any) -> dict[str, Any]:
        members = ("checkpoint", "extra", "path")
        if "error" in row:
            return refused("malformed")
        return accepted({**{name: row[name] for name in members}, "index": str(row["index"])})

    data = vectors("tlogproof")
    return [*operations("proof_verify", data["verify"], verify), *operations("proof_format", data["format"], form)]


def archives() -> list[Operation]:
    return operations(
        "archive", vectors("archive"), lambda row: refused("malformed") if "error" in row else accepted(row["files"])
    )


def bags() -> list[Operation]:
    return operations("bag", vectors("bag"), lambda row: refused(row["code"]) if "error" in row else accepted())


def envelopes() -> list[Operation]:
    rows = vectors("dsse")
    return [
        *operations("pae", [row for row in rows if "pae" in row], lambda row: accepted(row["pae"])),
        *operations("p256", [row for row in rows if "p256" in row], lambda row: accepted()),
        *operations(
            "envelope",
            [row for row in rows if "envelope" in row],
            lambda row: (
                refused(row["code"])
                if "error" in row
                else accepted({"key_id": row["key_id"], "payload": row["payload"]})
            ),
        ),
    ]


def entries() -> list[Operation]:
    data = vectors("entry")
    return [
        *operations("entry", data["good"], lambda row: accepted(row["leaf"])),
        *operations("entry", data["bad"], lambda row: refused("malformed")),
    ]


def filings() -> list[Operation]:
    def filing(row: Any) -> dict[str, Any]:
        hashed = [
            f"{n.partition(':')[0]}:sha256:{hashlib.sha256(n.encode()).hexdigest()}" for n in row.get("hashed", [])
        ]
        return accepted([row.get("others", []) + hashed])

    return operations("filing", vectors("filing")["filing"], filing)


def lineages() -> list[Operation]:
    def events(row: Any) -> dict[str, Any]:
        bodies = [body.encode().hex() for body in row["bodies"]]
        return {"description": row["description"], "events": [[seq, bodies[body]] for seq, body in row["events"]]}

    rows = vectors("lineage")["lineage"]
    return [(events(row) | {"op": "lineage"}, accepted(row["lineage"])) for row in rows]


OPERATIONS: dict[str, Callable[[], list[Operation]]] = {
    "archive": archives,
    "bag": bags,
    "checkpoint": checkpoints,
    "cosignature": cosignatures,
    "dsse": envelopes,
    "ed25519": lambda: operations("ed25519", vectors("ed25519")["vectors"], plain),
    "entry": entries,
    "filing": filings,
    "jsonstrict": jsonstrict,
    "lineage": lineages,
    "merkle": merkle,
    "note": notes,
    "policy": policies,
    "tlogproof": tlogproofs,
    "vkey": vkeys,
}


@pytest.fixture(scope="module")
def answer() -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    """Asks the second verifier; a machine without node fails these tests."""
    node = shutil.which("node")
    assert node is not None, "node is not there; packages.txt names the Debian package"
    command = [node, str(SCRIPT)]

    def ask(asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
        done = subprocess.run(
            command, input=json.dumps(asked).encode(), stdout=subprocess.PIPE, check=True, timeout=300
        )
        answers: list[dict[str, Any]] = json.loads(done.stdout)
        return answers

    return ask


def as_expected(expected: dict[str, Any], given: dict[str, Any]) -> bool:
    """True when the answer has what is expected; `members` and `spans` name parts of the value."""
    if given["accept"] != expected["accept"]:
        return False
    value: Any = given.get("value")
    if "members" in expected:
        return bool({name: value[name] for name in expected["members"]} == expected["members"])
    if "spans" in expected:
        values, missing = expected["spans"]
        return bool(values.items() <= value.items() and value.keys().isdisjoint(missing))
    return all(given[name] == item for name, item in expected.items())


def test_every_file_of_vectors_is_put_to_the_second_verifier() -> None:
    assert {path.stem for path in VECTORS.glob("*.json")} - OTHER_VECTORS == set(OPERATIONS)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_the_second_verifier_answers_every_vector_as_the_first(
    name: str, answer: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
) -> None:
    asked = OPERATIONS[name]()

    given = answer([portable(operation) for operation, _ in asked])

    assert len(given) == len(asked)
    assert [
        (operation.get("description"), expected, one)
        for (operation, expected), one in zip(asked, given, strict=True)
        if not as_expected(portable(expected), one)
    ] == []
