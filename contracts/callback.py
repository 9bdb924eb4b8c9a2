"""A function of the caller's that carries a decision out, and whose outcome is what is recorded.

    def roll_back(call: Call) -> bool | None: ...

    returns None or True      done
    returns False             failed
    raises UnknownOutcomeError, or whatever is no TallyError: nobody knows how far it came, so it is unknown
    raises another TallyError failed, by its code

It is called once, after the decision is durable, and never for one that was not recorded.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from contracts.allowed import Allowed, allowed_versions
from contracts.decision import Decision
from contracts.facts import Decided
from contracts.history import ReadableLog
from contracts.model import Dataset
from contracts.record import Action, Evaluated, Receipt
from proofs.errors import RefusedError, TallyError, UnknownOutcomeError

_NAMED: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Call:
    """What a callback is told.

    Attributes:
        risk: In basis points.
        decided: The decision's entry.
        sha256: The fingerprint of the batch; None where it has none.
        last_allowed: The last version that was allowed before, which is not this batch; None where none was.
    """

    decision: Decision
    contract: str
    version: str
    dataset: Dataset
    risk: int
    decided: Decided
    sha256: str | None
    last_allowed: Allowed | None


Function = Callable[[Call], bool | None]


@dataclass(frozen=True, slots=True)
class CallBack:
    """Calls a function with what was decided, whatever that is."""

    function: Function
    call: Call
    on_release: ClassVar[Action] = "called-back"
    on_withhold: ClassVar[Action] = "called-back"

    def release(self) -> None:
        """Call it.

        Raises:
            UnknownOutcomeError: Nobody knows what it did.
            TallyError: It says that it failed.
        """
        # Somebody else's code: whatever it raises, the pool keeps for us to look at.
        with ThreadPoolExecutor(max_workers=1) as pool:
            called = pool.submit(self.function, self.call)
        failure = called.exception()
        if isinstance(failure, TallyError):
            raise failure
        if failure is not None:
            what = f"the callback ended with {type(failure).__name__}; what it did is not known"
            raise UnknownOutcomeError(what) from failure
        answer: Any = called.result()
        if answer is False:
            raise RefusedError("the callback says that it did not do it")
        if answer is not None and answer is not True:
            raise UnknownOutcomeError(
                f"the callback answers with {type(answer).__name__}, expected true, false or nothing"
            )

    def withhold(self) -> None:
        """Call it; raises as `release`."""
        self.release()


def calling(log: ReadableLog, evaluated: Evaluated, function: Function) -> Callable[[Receipt], CallBack]:
    """Return what makes the callback of a decision, as `contracts.enforce.carry_out` takes it."""
    contract, found = evaluated.document.contract, evaluated.measurement.file
    sha256 = None if found is None else found.sha256
    versions = allowed_versions(log, contract.dataset)  # as they are before the decision: it changes nothing of them
    last = next((each for each in versions if sha256 is None or each.sha256 != sha256), None)

    def make(receipt: Receipt) -> CallBack:
        decided = Decided(seq=receipt.seq, leaf=receipt.leaf.hex())
        verdict = evaluated.verdict
        call = Call(
            verdict.decision,
            contract.name,
            contract.version,
            contract.dataset,
            verdict.risk.basis_points,
            decided,
            sha256,
            last,
        )
        return CallBack(function, call)

    return make


def named_function(name: str) -> Function:
    """Return the function that "package.module:function" names; importing a module runs it, so name none that is not yours.

    Raises:
        RefusedError: There is no such function.
    """
    if not _NAMED.fullmatch(name):
        raise RefusedError(f"{name[:128]!r} is not written package.module:function")
    module, _, attribute = name.partition(":")
    with ThreadPoolExecutor(max_workers=1) as pool:
        imported = pool.submit(importlib.import_module, module)
    if (failure := imported.exception()) is not None:
        raise RefusedError(f"{module} cannot be imported: {type(failure).__name__}") from failure
    function: Any = getattr(imported.result(), attribute, None)
    if not callable(function):
        raise RefusedError(f"{module} has no function {attribute}")
    found: Function = function
    return found
