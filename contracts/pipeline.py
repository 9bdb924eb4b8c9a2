"""A gate in a pipeline of Python: what a function returns, or what a block writes, goes on only when its contract lets it.

    gate = Gate(log, read(Path("orders.yaml")), job="clean_orders", inputs=("raw_orders",))

    @gate
    def clean() -> pl.DataFrame: ...          # the frame; or BlockedError, and nobody downstream sees it

    with gate.writing(Path("versions/29")) as folder:
        frame.write_parquet(folder / "part.parquet")

Where a job is named, each of these is a run of it in the ledger, which the decision names: START before, COMPLETE after, FAIL
when it is blocked or breaks.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from contracts.document import Document
from contracts.gate import Acts, Batch, Passed, let_through
from contracts.history import ReadableLog
from contracts.policyfile import PolicyDocument
from contracts.scan.beside import Given
from contracts.source import CsvFile, ParquetFile, Source, Table
from contracts.sources.frames import Frame
from contracts.sources.named import named_source
from contracts.swap import real_version
from ledger.run import Run
from proofs.errors import BlockedError, ConflictError, RefusedError

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Gate:
    """Holds batches to one contract and writes down what became of each.

    Attributes:
        log: An open ledger.
        acts: What is done with a batch once it is decided; of `move_blocked` and `current`, with one that is a path.
        job: The job whose runs these are; None where they are none, or somebody else tells of them.
        inputs: What it reads, as "namespace|name"; a name alone is in the namespace of the contract's dataset.
        given: What a batch is measured against beside the contract.
        policy: In the place of the one that rules the dataset.
    """

    log: ReadableLog
    document: Document
    acts: Acts = field(default_factory=Acts)
    job: str | None = None
    inputs: tuple[str, ...] = ()
    given: Given = field(default_factory=Given)
    policy: PolicyDocument | None = None

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return `function`, which then returns what it makes only when that is let through.

        Raises:
            TypeError: It is a coroutine or a generator, of which nobody has the whole batch when it returns.
        """
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            raise TypeError(f"{function.__name__} does not return its batch at once; call `hold` on what it made")

        @wraps(function)
        def held(*given: P.args, **named: P.kwargs) -> R:
            with self._running() as run:
                made = function(*given, **named)
                _stop_where_blocked(self.hold(made, run=run))
            return made

        return held

    @contextmanager
    def writing(self, path: Path) -> Iterator[Path]:
        """Hand over a path where nothing lies yet, and hold what lies there when the block ends.

        A path without a suffix is a folder, which is made. What is not let through stays there unless `acts` move it.

        Raises:
            ConflictError: Something lies there.
            RefusedError: Nothing can be written there.
            BlockedError: The batch may not be used as it is.
            TallyError: It could not be decided.
        """
        with self._running() as run:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch(exist_ok=False) if path.suffix else path.mkdir()
            except FileExistsError as error:
                raise ConflictError("something lies where the batch is to be written", where=str(path)) from error
            except OSError as error:
                raise RefusedError(f"the batch cannot be written here: {error.strerror}", where=str(path)) from error
            yield path
            _stop_where_blocked(self.hold(path, run=run))

    def hold(self, batch: Any, *, run: str | None = None) -> Passed:
        """Hold a batch to the contract, and return what became of it; nothing is raised because it is blocked.

        Args:
            batch: A path, a frame of pandas, Polars or Arrow, a DuckDB `Table` or another source.
            run: The run that made it.

        Raises:
            TallyError: It could not be decided, or what was decided could not be done.
        """
        source, path = _source(batch, is_version=self.acts.current is not None)
        return let_through(self.log, Batch(self.document, source, path, self.given, self.policy), self.acts, run=run)

    @contextmanager
    def _running(self) -> Iterator[str | None]:
        if self.job is None:
            yield None
            return
        dataset = self.document.contract.dataset
        run = Run(
            self.log,
            self.job,
            inputs=self.inputs,
            outputs=(f"{dataset.namespace}|{dataset.name}",),
            namespace=dataset.namespace,
            source=f"{self.log.origin}/pipeline",
        )
        with run:
            yield run.id


def _source(batch: Any, *, is_version: bool) -> tuple[Source, Path | None]:
    if isinstance(batch, str | Path):
        path = real_version(Path(batch)) if is_version else Path(batch)
        return named_source(str(path)), path
    if isinstance(batch, ParquetFile | CsvFile):
        return batch, batch.path
    if isinstance(batch, Table) or hasattr(batch, "opened"):
        source: Source = batch
        return source, None
    return Frame(batch), None


def _stop_where_blocked(passed: Passed) -> None:
    """Raise unless the whole batch may be used.

    Raises:
        BlockedError: It may not; where the good rows lie, a note says.
    """
    error: BlockedError | None = passed.outcome.error()
    if error is None:
        return
    if passed.kept is not None:
        error.add_note(f"the good rows are in {passed.kept[0] / 'good.parquet'}")
    raise error
