"""A log begins once: no second one under its name, nothing left by a creation that failed, nothing in the way of the next."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import ledger
from ledger.clock import system_clock
from ledger.event import Event
from ledger.fsck import fsck
from ledger.keyring import Keyring
from ledger.restored import OtherLogError
from ledger.tip import Tip
from proofs.errors import ConflictError, MalformedError, MissingError, RefusedError
from proofs.merkle import leaf_hash

if TYPE_CHECKING:
    from tests.conftest import Ledgers

ORIGIN = "ledger.example/test"


def thing(n: int) -> Event:
    return Event.of("com.example.thing.v1", "urn:things", {"n": n}, id=str(n))


def keyring_of(ledgers: Ledgers) -> Keyring:
    return Keyring(ORIGIN, ledgers.home, lambda: b"correct horse")


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_I3_a_second_log_of_one_origin_is_not_created_with_its_keyring(ledgers: Ledgers) -> None:
    ledgers.create("one")
    before = left(ledgers.home)

    with pytest.raises(ConflictError, match=r"a log of ledger\.example/test was created with the keys in"):
        ledgers.create("other")

    assert not ledgers.path("other").exists()
    assert left(ledgers.home) == before


def test_I3_a_log_that_begins_otherwise_is_not_written_and_readers_are_warned(ledgers: Ledgers, tmp_path: Path) -> None:
    ledgers.create()
    ledgers.close()
    first = keyring_of(ledgers).first()
    ledgers.path().unlink()
    stranger = ledger.create(ledgers.url(), origin=ORIGIN, home=tmp_path / "elsewhere", passphrase=lambda: b"p")
    theirs = leaf_hash(stranger.entry(0).header)
    stranger.close()

    assert first is not None
    said = f"entry 0 has the leaf hash {theirs.hex()}, and the log of {ORIGIN} began with {first.hex()}"
    with pytest.raises(OtherLogError) as caught:
        ledgers.open()
    assert (caught.value.code, caught.value.where, caught.value.what) == ("other-log", "entry 0", said)
    with pytest.raises(OtherLogError):
        ledgers.accept_restored()
    reader = ledgers.open(read_only=True)
    assert [(each.code, each.where) for each in reader.warnings] == [("other-log", "entry 0"), ("restored", "tip")]
    assert reader.warnings[0].what == said


def test_a_keyring_that_does_not_say_which_log_it_is_of_is_not_guessed(ledgers: Ledgers) -> None:
    ledgers.create()
    ledgers.close()
    (keyring_of(ledgers).folder / "first").write_bytes(b"tallystick/first/v1 00\n")

    with pytest.raises(MalformedError, match=r"the 23 bytes of .* do not name the first entry of a log"):
        ledgers.open()
    assert [each.code for each in ledgers.open(read_only=True).warnings] == ["malformed", "malformed"]


def test_an_empty_folder_is_no_keyring(ledgers: Ledgers) -> None:
    """As a creation that was killed leaves it; a fresh vault in it would know of no erasure."""
    ledgers.create()
    ledgers.close()
    keyring = keyring_of(ledgers)
    shutil.rmtree(keyring.folder)
    keyring.create()

    with pytest.raises(MissingError, match=r"does not hold the log key [0-9a-f]{16} of entry 0"):
        ledgers.open()

    assert left(keyring.folder) == ["lock"]


def test_a_keyring_of_an_older_version_is_taken_on_when_the_ledger_is_next_written(ledgers: Ledgers) -> None:
    log = ledgers.create()
    log.append(thing(1))
    log.checkpoint()
    first = leaf_hash(log.entry(0).header)
    ledgers.close()
    keyring = keyring_of(ledgers)
    for name in ("first", "tip"):
        (keyring.folder / name).unlink()

    assert ledgers.open(read_only=True).warnings == ()
    assert keyring.first() is None
    log = ledgers.open()

    assert keyring.first() == first
    assert keyring.tip.read() == Tip(3, leaf_hash(log.entry(2).header))
    assert fsck(log.store, keyring=log.keyring).findings == ()


@pytest.mark.parametrize("name", ["log", "absent/log"], ids=["no passphrase", "no folder"])
def test_a_creation_that_fails_leaves_nothing(ledgers: Ledgers, name: str) -> None:
    secret = b"" if name == "log" else b"correct horse"

    with pytest.raises(RefusedError):
        ledger.create(ledgers.url(name), origin=ORIGIN, home=ledgers.home, passphrase=lambda: secret)

    assert left(ledgers.folder) == []
    assert not keyring_of(ledgers).exists
    ledgers.create()


def test_a_creation_over_something_leaves_that_and_nothing_else(ledgers: Ledgers) -> None:
    ledgers.path().write_bytes(b"somebody else's")

    with pytest.raises(ConflictError, match="exists already"):
        ledgers.create()

    assert left(ledgers.folder) == ["log.db"]
    assert ledgers.path().read_bytes() == b"somebody else's"


def test_a_creation_that_fails_takes_back_what_it_made_and_nothing_else(ledgers: Ledgers) -> None:
    keyring_of(ledgers).generate("log")
    before = left(ledgers.home)

    with pytest.raises(RefusedError):
        ledger.create(ledgers.url("absent/log"), origin=ORIGIN, home=ledgers.home, passphrase=lambda: b"p")

    assert left(ledgers.home) == before


KILLED = """
from pathlib import Path
import ledger, ledger.connect, ledger.keyring, ledger.log, ledger.restored, ledger.signer, ledger.stores.sqlite, ledger.tip

dying(ledger.signer.FileSigner, "_private")
dying(ledger.keyring.Keyring, "generate")
dying(ledger.log.Ledger, "record")
dying(ledger.stores.sqlite.SqliteStore, "scrub")
dying(ledger.connect, "put_in_place")
dying(ledger.connect, "remove")
dying(ledger.tip.TipFile, "put")
dying(ledger.keyring.Keyring, "keep_first")
ledger.create(sys.argv[1], origin="ledger.example/test", home=Path(sys.argv[2]), passphrase=lambda: b"correct horse").close()
print(calls)
"""


def test_a_creation_without_a_kill_takes_fourteen_steps(ledgers: Ledgers, dying: str) -> None:
    done = ledgers.run(dying + KILLED, 0)

    assert done.stdout == "14\n", done.stderr


@pytest.mark.parametrize("step", range(1, 15))
def test_a_creation_that_is_killed_at_any_step_does_not_stand_in_the_way(
    ledgers: Ledgers, dying: str, step: int
) -> None:
    done = ledgers.run(dying + KILLED, step)
    assert (done.returncode, done.stderr) == (9, "")

    if ledgers.path().exists():  # then it is whole, and only has to be opened
        with pytest.raises(ConflictError):
            ledgers.create()
        log = ledgers.open(clock=system_clock)
    else:
        log = ledgers.create()

    receipt = log.append(thing(1))
    assert log.checkpoint().checkpoint.size == 3
    assert fsck(log.store, keyring=log.keyring).findings == ()
    assert keyring_of(ledgers).first() == leaf_hash(log.entry(0).header)
    assert keyring_of(ledgers).tip.read() == Tip(3, receipt.leaf)
    with pytest.raises(ConflictError):
        ledgers.create("other")


CREATING = """
import sys
from pathlib import Path
import ledger
from proofs.errors import ConflictError

url = sys.argv[1].replace("log.db", f"log-{sys.argv[3]}.db")
try:
    ledger.create(url, origin="ledger.example/test", home=Path(sys.argv[2]), passphrase=lambda: b"correct horse").close()
except ConflictError:
    print("refused")
else:
    print("created")
"""


def test_of_four_that_create_one_log_at_the_same_time_one_does(ledgers: Ledgers) -> None:
    creating = [ledgers.start(CREATING, n) for n in range(4)]
    said = [process.communicate() for process in creating]

    assert sorted(out for out, _ in said) == ["created\n", "refused\n", "refused\n", "refused\n"], said
    (path,) = ledgers.folder.glob("log-*")
    log = ledgers.open(path.stem, clock=system_clock)
    log.append(thing(1))
    assert log.checkpoint().checkpoint.size == 3


GENERATING = """
import sys
from pathlib import Path
from ledger.keyring import Keyring
from ledger.signer import key_id

keyring = Keyring("ledger.example/test", Path(sys.argv[2]), lambda: b"correct horse")
for _ in range(5):
    print(key_id(keyring.generate("evidence").public_key)[:16])
"""


def test_keys_that_are_drawn_at_the_same_time_are_all_kept(ledgers: Ledgers) -> None:
    said = [process.communicate() for process in [ledgers.start(GENERATING) for _ in range(3)]]

    drawn = {f"evidence-{id}.pem" for out, _ in said for id in out.split()}
    assert len(drawn) == 15, said
    assert set(left(keyring_of(ledgers).folder)) == {*drawn, "lock"}


def test_what_a_kill_left_of_a_key_is_gone_with_the_next_one(ledgers: Ledgers) -> None:
    keyring = keyring_of(ledgers)
    keyring.create()
    (keyring.folder / "log-0123456789abcdef.pem.new").write_bytes(b"half a k")

    keyring.generate("log")

    assert [path.name for path in keyring.folder.glob("*.new")] == []
    assert len(list(keyring.folder.glob("log-*.pem"))) == 1
