"""A fold that somebody wrote from docs/formats/lineage.md alone, in another language, prints the same bytes as ours."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proofs import edges, jsonstrict
from proofs.errors import MalformedError

FOLD = Path(__file__).parents[1] / "second_verifier" / "lineage.mjs"
SCRIPT = """
import { readFileSync } from "node:fs";
const { foldLineage } = await import(process.argv[1]);
for (const line of readFileSync(0, "utf8").split("\\n").filter((line) => line)) {
  const bodies = JSON.parse(line);
  process.stdout.write(foldLineage(bodies.map((body, seq) => [seq, Buffer.from(body, "utf8")])).toString());
}
"""
CASES = 1_000
NAMES = ["a", "b", "c", "d", "e|%", 'q"\\', "x\ty", "sha256:0", "ü" * 130]
UNREADABLE = ["", "[", '{"a":1,"a":2}', '"\\ud800"', "\ufeff{}", "[" * 200 + "]" * 200, '{"x":NaN}']


class Dirt:
    """OpenLineage events as bad producers could send them, drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

    def seldom(self, value: Any, *others: Any, chance: float = 0.05) -> Any:
        return self.draw.choice(others) if self.draw.random() < chance else value

    def some(self, make: Callable[[], Any], most: int = 2) -> Any:
        return self.seldom([make() for _ in range(self.draw.randint(0, most))], None, 5, {}, "x")

    def name(self) -> Any:
        return self.seldom(self.draw.choice(NAMES), "", 5, None)

    def named(self) -> Any:
        named = {"namespace": self.draw.choice(["db", "n%", "p|q"]), "name": self.name()}
        return self.seldom(named, 5, [], None, {})

    def dataset(self) -> Any:
        named = self.named()
        return named | self.maybe(facets=self.facets()) if isinstance(named, dict) else named

    def entity(self) -> Any:
        own_job = {"type": "JOB"} | self.maybe(namespace="j") | self.maybe(name=self.name())
        dataset = {"namespace": "db", "name": self.name(), "type": self.seldom("DATASET", "TABLE", None, 5)}
        return self.seldom(self.draw.choice([own_job, dataset, dataset]), 5, None, [], {})

    def maybe(self, **members: Any) -> dict[str, Any]:
        return {name: value for name, value in members.items() if self.draw.random() < 0.5}

    def fields(self, member: str, make: Callable[[], Any]) -> Any:
        names = self.draw.sample("xyz", self.draw.randint(0, 2))
        stated = {name: self.seldom({member: self.some(make)}, None, 5, {}, {"other": 1}) for name in names}
        return self.seldom(stated, None, 5, [])

    def stated(self) -> dict[str, Any]:
        stated = self.maybe(inputs=self.some(self.entity), fields=self.fields("inputs", self.entity))
        deleted: dict[str, Any] = self.seldom({}, {"_deleted": True}, {"_deleted": 1})
        return stated | deleted

    def facets(self) -> Any:
        columns = self.maybe(fields=self.fields("inputFields", self.named), dataset=self.some(self.named))
        return self.seldom(self.maybe(lineage=self.stated(), columnLineage=columns), None, 5, [], {"lineage": 5})

    def job(self) -> Any:
        job: dict[str, Any] = {"namespace": "n", "name": self.draw.choice("jk")}
        entries = self.some(lambda: self.stated() | entity if isinstance(entity := self.entity(), dict) else entity)
        return self.seldom(job | self.maybe(facets={"lineage": {"entries": entries}}), 5, None, {}, {"namespace": "n"})

    def event(self) -> str:
        run = self.seldom({"runId": self.draw.choice("12")}, {"runId": 5}, {"runId": ""}, 5, None, {}, chance=0.2)
        ends = ["START", "RUNNING", "COMPLETE", "FAIL", "ABORT", "OTHER", None, "DONE", 5]
        sides = {"inputs": self.some(self.dataset), "outputs": self.some(self.dataset)}
        body = sides | {"run": run, "job": self.job(), "eventType": self.draw.choice(ends)}
        body |= self.seldom({}, {"dataset": self.dataset()}, chance=0.2)
        text = json.dumps(self.seldom(body, None, [], 5, "t", {}, chance=0.02), ensure_ascii=self.draw.random() < 0.5)
        return str(self.seldom(text, *UNREADABLE, chance=0.02))


def structure(body: str) -> Any:
    try:
        return jsonstrict.loads_foreign(body.encode())
    except MalformedError:
        return None


@pytest.mark.parametrize("seed", [1, 2])
def test_two_folds_that_share_one_page_print_the_same_bytes(seed: int) -> None:
    dirt = Dirt(seed)
    sizes = [dirt.draw.randint(1, 5) * (1 if case % 50 else 100) for case in range(CASES)]
    cases = [[dirt.event() for _ in range(size)] for size in sizes]
    ours = [edges.to_json(edges.fold((seq, structure(body)) for seq, body in enumerate(bodies))) for bodies in cases]

    theirs = subprocess.run(
        ["node", "--input-type=module", "-e", SCRIPT, str(FOLD)],
        input="".join(f"{json.dumps(bodies)}\n" for bodies in cases).encode(),
        capture_output=True,
        check=True,
    ).stdout.splitlines(keepends=True)

    assert len(theirs) == CASES
    assert [bodies for bodies, our, their in zip(cases, ours, theirs, strict=True) if our != their] == []
    # Else the comparison shows little.
    states = {
        edge for bodies in ours for edge in ("committed", "open", "attempted", "declared") if edge.encode() in bodies
    }
    assert len(states) == 4
    assert sum(b'"more":true,"origin"' in bodies for bodies in ours) > 10
