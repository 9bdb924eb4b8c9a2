"""The counts of a batch from those of its files: what is known is taken from its state, the other files are read once.

What stands once in each of two files may stand twice in both. So of every rule that tells values apart the 64-bit hashes are
kept, and where one of them is found in two files, the values of the files that have such a one are counted together. Equal
values have equal hashes: where none is found twice, the files have no value in common, and their counts are added.
"""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from contracts.compile import Scan, compile_scan
from contracts.engine import confined, literal
from contracts.metric import Metric
from contracts.rules import Rule
from contracts.scan.query import HASHED, Part
from contracts.source import Opened
from contracts.states.merge import DISTINCT, merged, ways_of
from contracts.states.parted import Parted
from contracts.states.store import ContractStates, State
from contracts.structure import Structure
from contracts.terms import Kind
from proofs import jsonstrict

FORMAT: Final = "tallystick/state/v1"


@dataclass(frozen=True, slots=True)
class ByFile:
    """A batch, and the states of its contract.

    Attributes:
        check: Raises RefusedError where a file is not as it was before it was hashed.
    """

    parted: Parted
    states: ContractStates
    check: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of each file.

    Attributes:
        rules: Those that are merged, and the presence of fields that they need.
        scan: Compiled for no file in particular.
        key: Of the question, without the file.
    """

    rules: tuple[Rule, ...]
    shape: Structure
    clock: datetime
    scan: Scan
    key: str

    @property
    def apart(self) -> tuple[int, ...]:
        """The places of the parts that tell values apart."""
        return tuple(place for place, part in enumerate(self.scan.parts) if part.rule.kind in DISTINCT)


def scan_by_file(
    by_file: ByFile, rules: Sequence[Rule], shape: Structure, batch: Opened, clock: datetime
) -> tuple[int, dict[str, Metric], tuple[Rule, ...]] | None:
    """Return the number of rows, the metrics that files make together, and the rules that are still to be asked of all.

    None where the engine cannot tell the files apart.

    Raises:
        duckdb.Error: It could not answer; nothing was kept that is not right.
        OSError: A state could not be written.
        MalformedError: A file holds what the engine would drop.
    """
    question = _asked(rules, shape, batch, clock)
    states = by_file.states
    keys = [hashlib.sha256(f"{question.key} {key}".encode()).hexdigest() for key in by_file.parted.keys]
    known = {number: state for number, key in enumerate(keys) if (state := states.load(key)) is not None}
    missing = [number for number in range(len(keys)) if number not in known]
    if missing:
        by_file.parted.check(missing)
        counted = _count(question, by_file.parted, batch, missing)
        if counted is None:
            return None
        sets = _write_sets(question, by_file, batch, {number: keys[number] for number in missing})
        by_file.check()  # what was counted is what was hashed; else bad rows would be known by the counts of good ones
        for number in missing:
            known[number] = states.keep(keys[number], counted[number], sets)
    states.forget_all_but(keys)
    of_all = [known[number] for number in range(len(keys))]
    sharing = _compared(states, keys, of_all, len(question.apart))
    answers = _together(question, by_file.parted, batch, of_all, sharing)
    metrics = question.scan.read(answers)
    return int(answers[0]), metrics, tuple(rule for rule in rules if rule.id not in metrics)


def _asked(rules: Sequence[Rule], shape: Structure, batch: Opened, clock: datetime) -> _Question:
    import duckdb

    scan = compile_scan(rules, shape, "batch", clock)
    good = {part.rule.id for part in scan.parts if _is_merged(part, scan)} | set(scan.unfit)
    kept = tuple(rule for rule in rules if rule.kind is Kind.PRESENT or rule.id in good)
    scan = compile_scan(kept, shape, "batch", clock)
    columns = [
        [column.name, column.type, column.precision, column.scale, int(column.as_text)] for column in batch.columns
    ]
    said = [FORMAT, duckdb.__version__, batch.kind, scan.sql, [str(value) for value in scan.parameters], columns]
    return _Question(kept, shape, clock, scan, hashlib.sha256(jsonstrict.dumps(said)).hexdigest())


def _is_merged(part: Part, scan: Scan) -> bool:
    if ways_of(part) is None:
        return False
    told_apart = part.rule.kind in DISTINCT
    return not told_apart or all(scan.values[name].column.type in HASHED for name in part.rule.columns)


def _count(
    question: _Question, parted: Parted, batch: Opened, numbers: Sequence[int]
) -> dict[int, Sequence[Any]] | None:
    """The answers for each of these files, all read at once."""
    chosen = parted.chosen(batch, numbers)
    if chosen is None:
        return None
    scan = compile_scan(question.rules, question.shape, chosen.relation, question.clock, by_file=chosen.file)
    rows = batch.connection.execute(scan.sql, scan.parameters).fetchall()
    found: dict[int, Sequence[Any]] = {chosen.numbers[int(file)]: answers for file, *answers in rows}
    if len(found) < len(numbers):  # a file without rows is in no group
        none = compile_scan(question.rules, question.shape, f"{batch.relation} LIMIT 0", question.clock)
        [nothing] = batch.connection.execute(none.sql, none.parameters).fetchall()
        found |= {number: nothing for number in numbers if number not in found}
    return found


def _write_sets(question: _Question, by_file: ByFile, batch: Opened, keys: Mapping[int, str]) -> int:
    """Write the hashes of what each file tells apart, and return how many rules do."""
    if not question.apart:
        return 0
    chosen = by_file.parted.chosen(batch, list(keys))
    assert chosen is not None, "they were counted"
    scan = compile_scan(question.rules, question.shape, chosen.relation, question.clock, by_file=chosen.file)
    back = {number: file for file, number in chosen.numbers.items()}
    connection = batch.connection
    for place, part in enumerate(question.apart):
        names = [scan.values[name].typed for name in scan.parts[part].rule.columns]
        whole = " AND ".join(f"{name} IS NOT NULL" for name in names)
        select = f"SELECT DISTINCT file, hash({', '.join(names)}) AS h FROM ({scan.rows}) WHERE {whole}"  # noqa: S608 quoted
        connection.execute(f"CREATE OR REPLACE TEMP TABLE told_apart AS {select}")
        for number, key in keys.items():
            path = by_file.states.set_path(key, place)
            made = path.with_name(f".new-{uuid.uuid4().hex}")
            hashes = f"SELECT h FROM told_apart WHERE file = {back[number]}"  # noqa: S608 a number
            connection.execute(
                f"COPY ({hashes}) TO {literal(str(made))} (FORMAT parquet, COMPRESSION uncompressed)"
            ).fetchall()
            made.replace(path)
        connection.execute("DROP TABLE told_apart")
    return len(question.apart)


def _compared(states: ContractStates, keys: Sequence[str], of_all: Sequence[State], count: int) -> list[frozenset[int]]:
    """Which files share a hash with another one, for each rule that tells values apart; who does not is written down."""
    if not count:
        return []
    before = states.apart()
    found, known = [], []
    for place in range(count):
        apart = before[place] if len(before) == count else frozenset()
        known.append(frozenset(number for number, key in enumerate(keys) if key in apart))
        found.append(_sharing([state.sets[place] for state in of_all], known[-1]))
    safe = [frozenset(range(len(keys))) - (sharing - apart) for sharing, apart in zip(found, known, strict=True)]
    states.keep_apart([keys[number] for number in sorted(numbers)] for numbers in safe)
    return found


def _sharing(sets: Sequence[Path], apart: frozenset[int]) -> frozenset[int]:
    """Which files have a hash that another one has, too.

    Args:
        apart: Files that are known to have none in common among themselves.
    """
    others = [path for number, path in enumerate(sets) if number not in apart]
    if len(sets) < 2 or not others:
        return frozenset()
    read, new = _read_sets(sets), _read_sets(others)
    twice = f"SELECT h FROM {new} GROUP BY h HAVING count(*) > 1"  # noqa: S608 quoted
    if apart:
        old = _read_sets([sets[number] for number in sorted(apart)])
        twice += f" UNION SELECT h FROM {old} WHERE h IN (SELECT h FROM {new})"  # noqa: S608 quoted
    with (
        tempfile.TemporaryDirectory(prefix="tallystick-") as spill,
        closing(confined(sets, spill)) as connection,
    ):
        connection.execute(f"CREATE TEMP TABLE twice AS {twice}")
        if not connection.execute("FROM twice LIMIT 1").fetchall():
            return frozenset()
        rows = connection.execute(f"SELECT DISTINCT file_index FROM {read} WHERE h IN (FROM twice)").fetchall()  # noqa: S608 quoted
    return frozenset(int(number) for (number,) in rows)


def _read_sets(sets: Sequence[Path]) -> str:
    return f"read_parquet([{', '.join(literal(str(path)) for path in sets)}])"


def _together(
    question: _Question,
    parted: Parted,
    batch: Opened,
    states: Sequence[State],
    sharing: Sequence[frozenset[int]],
) -> list[Any]:
    """The answers for all files, in the order of the question."""
    answers = [merged("add", [state.answers[0] for state in states])]
    place, common = 1, iter(sharing)
    for part in question.scan.parts:
        ways = ways_of(part) or ()
        columns = [[state.answers[place + offset] for state in states] for offset in range(len(ways))]
        if part.rule.kind in DISTINCT and (numbers := next(common)):
            alone = [answer for number, answer in enumerate(columns[0]) if number not in numbers]
            columns = [[_counted_together(question, parted, batch, part.rule, numbers), *alone]]
        answers += [merged(way, column) for way, column in zip(ways, columns, strict=True)]
        place += len(part.sql)
    return answers


def _counted_together(question: _Question, parted: Parted, batch: Opened, rule: Rule, numbers: frozenset[int]) -> Any:
    """What a rule comes to by value over some of the files, which are read again for its columns alone."""
    chosen = parted.chosen(batch, sorted(numbers))
    assert chosen is not None, "they were counted"
    rules = [one for one in question.rules if one.kind is Kind.PRESENT or one.id == rule.id]
    scan = compile_scan(rules, question.shape, chosen.relation, question.clock)
    [row] = batch.connection.execute(scan.sql, scan.parameters).fetchall()
    return row[1]
