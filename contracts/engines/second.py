"""Another engine asked about its own checks, on the very data that we measured: the two answers are one, or an error.

    request   on its standard input: {"v":1,"clock":"…","data":"<Parquet file>","checks":[…]}
    answer    in the file that its argument names: the engine's own result, without what is drawn anew and without values

It runs in a process of its own, by the interpreter that has it, in an empty folder, with little of our environment, and no longer
than is given to it. Its answer is read by the reader that takes in every other result of that engine.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from contracts.checks import Foreign as ForeignRule
from contracts.engines import expectations as gx_result
from contracts.engines import soda3, worded
from contracts.engines.foreign import Foreign, ForeignCheck, Outcome
from contracts.engines.measured import stated
from contracts.engines.reading import MAX_BYTES
from contracts.metric import Found, Metric, Told
from contracts.model import Contract
from contracts.rules import Rule
from contracts.source import Fingerprint
from contracts.terms import Kind
from proofs.errors import MalformedError, RefusedError

SECONDS: Final = 600.0
_MISSING: Final = 3  # how the script ends where the engine is not there
# Whose counts of rows are by definition ours; of others the outcome alone is compared.
_COUNTED: Final = frozenset((Kind.REQUIRED, Kind.RANGE, Kind.ENUM, Kind.PATTERN, Kind.LENGTH))
_SILENT: Final = {"GX_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1", "SODA_CORE_TELEMETRY_ENABLED": "false"}
_KEPT: Final = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT")
_INSTALLED_BY: Final = {"gx": "pip install great-expectations pyarrow", "soda": "pip install soda-core-duckdb"}


@dataclass(frozen=True, slots=True)
class Second:
    """An engine that is asked beside ours.

    Attributes:
        engine: "gx" or "soda".
        python: The interpreter that has it.
        seconds: How long it may take.
    """

    engine: str
    python: Path
    seconds: float = SECONDS

    def __post_init__(self) -> None:
        if self.engine not in _INSTALLED_BY:
            raise RefusedError(
                f"no engine {self.engine[:40]!r} can be asked", hint=f"one of {', '.join(_INSTALLED_BY)}"
            )


@dataclass(frozen=True, slots=True)
class Answered:
    """What is known after an engine was asked: metrics by rule, and whose result it was; None where there was nothing to ask."""

    metrics: dict[str, Metric]
    told: Told | None


def asked(
    second: Second,
    contract: Contract,
    known: Mapping[str, Metric],
    export: Callable[[Path], None],
    clock: datetime,
) -> Answered:
    """Ask an engine about each check of its own, and hold its answers against ours.

    Args:
        known: Our metrics, by rule.
        export: Writes the data, in the contract's types, to a Parquet file.

    Raises:
        RefusedError: The engine is not there, did not end well or in time, or answered something else.
    """
    rules = {name: metric.rule for name, metric in known.items()}
    pairs = list(
        worded.expectations(contract, rules, clock) if second.engine == "gx" else worded.sodacl(contract, rules)
    )
    if not pairs:
        return Answered({}, None)
    body = _run(second, [_request(second, rule, said) for rule, said in pairs], export, clock)
    found = _read(second, body, len(pairs))
    told = Told(found.name, Fingerprint(hashlib.sha256(body).hexdigest(), len(body)))
    both = zip(pairs, found.checks, strict=True)
    return Answered({rule.id: _compared(known[rule.id], check, found.name) for (rule, _), check in both}, told)


def _request(second: Second, rule: Rule, said: dict[str, Any]) -> dict[str, Any]:
    return said if second.engine == "gx" else {"id": rule.id, "said": said}


def _read(second: Second, body: bytes, count: int) -> Foreign:
    try:
        found = gx_result.read(body) if second.engine == "gx" else soda3.read(body)
    except MalformedError as error:
        raise RefusedError(f"{second.engine} answered what is no result of it: {error.what}") from error
    checks = found.checks
    if checks[-1].kind == "run":  # the engine says that not all was well, and not of which check
        checks = tuple(replace(each, outcome=Outcome.ERROR) for each in checks[:-1])
    if len(checks) != count:
        raise RefusedError(f"{second.engine} answered {len(checks)} checks, {count} were asked")
    return replace(found, checks=checks)


def _compared(ours: Metric, theirs: ForeignCheck, engine: str) -> Metric:
    """Our metric, where both say the same; that of the engine, where the check is none of ours; else no answer at all."""
    if isinstance(ours.rule.check, ForeignRule):
        return stated(ours.rule, theirs)
    if ours.found is _found(theirs) and not _counts_differ(ours, theirs):
        return ours
    told = f"{_told(ours)} here, {_said(theirs)} by {engine}"
    return Metric(ours.rule, 0, 0, structural=True, unmeasured=True, hint=told, why=f"the engines differ: {told}")


def _found(check: ForeignCheck) -> Found:
    if check.outcome is Outcome.ERROR:
        return Found.UNMEASURED
    return Found.PASSED if check.outcome is Outcome.PASS else Found.FAILED


def _counts_differ(ours: Metric, theirs: ForeignCheck) -> bool:
    is_counted = ours.rule.kind in _COUNTED and not ours.structural and not ours.unmeasured
    return is_counted and theirs.failed is not None and theirs.failed != ours.failed


def _told(metric: Metric) -> str:
    is_counted = metric.rule.kind in _COUNTED and not metric.unmeasured
    return f"{metric.found.value} ({metric.failed} of {metric.total})" if is_counted else metric.found.value


def _said(check: ForeignCheck) -> str:
    found = _found(check).value
    if check.failed is None:
        return found
    return f"{found} ({check.failed})" if check.total is None else f"{found} ({check.failed} of {check.total})"


def _run(second: Second, checks: Sequence[dict[str, Any]], export: Callable[[Path], None], clock: datetime) -> bytes:
    with tempfile.TemporaryDirectory(prefix="tallystick-engine-") as folder:
        place = Path(folder).resolve()
        path, answer = place / "data.parquet", place / "answer.json"
        export(path)
        request = {"v": 1, "clock": clock.isoformat(), "data": str(path), "checks": list(checks)}
        _process(second, place, json.dumps(request).encode(), answer)
        try:
            with answer.open("rb") as file:
                return file.read(MAX_BYTES + 1)
        except OSError as error:
            raise RefusedError(f"{second.engine} left no answer") from error


def _process(second: Second, place: Path, request: bytes, answer: Path) -> None:
    script = Path(__file__).with_name(f"run_{second.engine}.py")
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment = {**kept, **_SILENT, "HOME": str(place), "TMPDIR": str(place)}
    try:
        running = subprocess.Popen(  # noqa: S603 - the interpreter is the user's own choice, the script is ours
            [str(second.python), "-I", str(script), str(answer)],
            cwd=place,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # an engine's messages quote rows
            start_new_session=True,
        )
    except OSError as error:
        raise RefusedError(f"{second.python} cannot be run: {error.strerror}") from error
    try:
        running.communicate(request, timeout=second.seconds)
    except subprocess.TimeoutExpired as error:
        raise RefusedError(f"{second.engine} took longer than {second.seconds:g} seconds") from error
    finally:
        _end(running)
    if running.returncode == _MISSING:
        what = f"{second.engine} is not installed for {second.python}"
        raise RefusedError(what, hint=_INSTALLED_BY[second.engine])
    if running.returncode:
        raise RefusedError(f"{second.engine} ended with status {running.returncode}")


def _end(running: subprocess.Popen[bytes]) -> None:
    """Leave no process behind, whatever the engine started."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(running.pid, signal.SIGKILL)
    else:
        running.kill()
    running.wait()
