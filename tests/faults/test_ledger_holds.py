"""A legal hold refuses erasure until it is released, in the log and in the vault, whatever crashes or is put back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ledger.disclosure import open_part
from ledger.docket import StandingHoldError
from ledger.erasure import ERASED, STARTED, erase_person
from ledger.event import Event
from ledger.fsck import fsck
from ledger.holds import HELD, RELEASED, hold, release
from ledger.log import Ledger
from proofs.errors import ConflictError, MissingError, RefusedError

if TYPE_CHECKING:
    from tests.conftest import Ledgers

Killed = Callable[..., None]
COUNSEL = {"by": "counsel-2", "reason": "matter-closed"}


def household(id: str, name: str, person: str) -> Event:
    return Event.of("com.example.household.v1", "urn:crm", {"who": name}, id=id, parts=("/who",), person=person)


@pytest.fixture
def log(ledgers: Ledgers) -> Ledger:
    made = ledgers.create()
    made.append([household("a", "Ada", "ada"), household("b", "Grace", "grace")])
    return made


def facts(log: Ledger) -> list[tuple[str, Any]]:
    """(type, body) of what the log says of holds and erasures."""
    return [
        (record.type, json.loads(record.body or b""))
        for record in log.read()
        if record.type.startswith("tallystick.subject.")
    ]


@pytest.mark.parametrize("person", [None, "ada"])
def test_a_released_hold_refuses_no_more(log: Ledger, person: str | None) -> None:
    id = hold(log, "R7", person=person)
    with pytest.raises(StandingHoldError):
        erase_person(log, "ada", "R7")

    release(log, id, **COUNSEL)

    assert erase_person(log, "ada", "R7").parts == 1
    assert facts(log)[:2] == [
        (HELD, {"hold": id, "request": "R7"}),
        (RELEASED, {"by": "counsel-2", "hold": id, "reason": "matter-closed", "request": "R7"}),
    ]
    assert [type for type, _ in facts(log)] == [HELD, RELEASED, STARTED, ERASED]
    assert all("request:R7" in record.streams for record in log.read(4))
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_a_hold_placed_twice_is_one_hold_and_ends_at_once(log: Ledger) -> None:
    id = hold(log, "R7")
    assert hold(log, "R7") == id

    release(log, id, **COUNSEL)

    assert erase_person(log, "ada", "R7").parts == 1
    assert [type for type, _ in facts(log)].count(HELD) == 1


def test_each_hold_is_released_for_itself(log: Ledger) -> None:
    first, second = hold(log, "R7"), hold(log, "R7", person="ada")
    release(log, first, **COUNSEL)

    with pytest.raises(StandingHoldError, match=second):
        erase_person(log, "ada", "R7")

    release(log, second, **COUNSEL)
    assert erase_person(log, "ada", "R7").parts == 1


def test_a_hold_that_was_released_can_be_placed_anew_and_is_another(log: Ledger) -> None:
    first = hold(log, "R7")
    release(log, first, **COUNSEL)

    second = hold(log, "R7")

    assert second != first
    with pytest.raises(StandingHoldError, match=second):
        erase_person(log, "ada", "R7")


def test_a_hold_on_a_request_and_a_person_refuses_both(log: Ledger) -> None:
    hold(log, "R7", person="ada")

    for person, request in (("ada", None), ("ada", "R8"), ("grace", "R7")):
        with pytest.raises(StandingHoldError):
            erase_person(log, person, request)

    assert erase_person(log, "grace", "R8").parts == 1


def test_what_is_not_held_cannot_be_released(log: Ledger) -> None:
    size = log.size

    for id in ("", "R7", "01931111-1111-7111-8111-111111111111", "x" * 500):
        with pytest.raises(MissingError, match="there is no legal hold"):
            release(log, id, **COUNSEL)

    assert log.size == size


def test_the_same_release_again_changes_nothing_and_another_one_is_refused(log: Ledger) -> None:
    id = hold(log, "R7")
    release(log, id, **COUNSEL)
    size = log.size

    release(log, id, **COUNSEL)
    with pytest.raises(RefusedError, match="was released before, by counsel-2 for matter-closed"):
        release(log, id, by="counsel-2", reason="mistaken")

    assert log.size == size


@pytest.mark.parametrize(
    ("by", "reason"),
    [
        ("", "expired"),
        ("Ada Lovelace", "expired"),
        ("a\n", "expired"),
        ("x" * 129, "expired"),
        ("counsel", ""),
        ("counsel", "because she asked"),
        ("counsel", "Expired"),
    ],
)
def test_a_release_tells_a_pseudonym_and_a_code_and_no_free_text(log: Ledger, by: str, reason: str) -> None:
    id = hold(log, "R7")

    with pytest.raises(RefusedError):
        release(log, id, by=by, reason=reason)

    with pytest.raises(StandingHoldError):
        erase_person(log, "ada", "R7")
    assert RELEASED not in [type for type, _ in facts(log)]


def test_without_the_vault_nothing_is_released(ledgers: Ledgers) -> None:
    ledgers.create().close()
    log = ledgers.open_without_keyring()

    with pytest.raises(MissingError, match="without the vault"):
        release(log, "any", **COUNSEL)


CRASHING = """
from datetime import UTC, datetime
from pathlib import Path
import ledger, ledger.append, ledger.docket
from ledger.holds import hold, release

url, home, _, act, after, id = sys.argv[1:]
log = ledger.open(url, home=Path(home), passphrase=lambda: b"correct horse",
                  clock=lambda: datetime(2026, 11, 20, 9, 0, 5, tzinfo=UTC))
dying(*{"event": (ledger.append.Appender, "append"), "docket": (ledger.docket.Docket, act)}[after])
hold(log, "R7", person="ada") if act == "hold" else release(log, id, by="counsel-2", reason="matter-closed")
"""


@pytest.fixture
def killed(ledgers: Ledgers, dying: str) -> Killed:
    """Kill another process that does `act`, at once after its event was recorded, or after the vault kept it."""

    def kill(act: str, after: str, id: str = "") -> None:
        done = ledgers.run(dying + CRASHING, 1, act, after, id)
        assert done.returncode == 9, done.stderr

    return kill


@pytest.mark.parametrize("after", ["event", "docket"])
def test_a_hold_whose_process_was_killed_stands_and_the_log_says_so(
    ledgers: Ledgers, log: Ledger, killed: Killed, after: str
) -> None:
    ledgers.close()
    killed("hold", after)

    log = ledgers.open()

    ((type, body),) = facts(log)
    assert (type, body["request"]) == (HELD, "R7")
    with pytest.raises(StandingHoldError, match=body["hold"]):
        erase_person(log, "ada")
    assert open_part(log, 2, "/who", reader="r", purpose="p") == b'"Ada"'


@pytest.mark.parametrize("after", ["event", "docket"])
def test_a_release_whose_process_was_killed_holds_and_the_log_says_it_once(
    ledgers: Ledgers, log: Ledger, killed: Killed, after: str
) -> None:
    id = hold(log, "R7")
    ledgers.close()
    killed("release", after, id)

    log = ledgers.open()

    assert [type for type, _ in facts(log)] == [HELD, RELEASED]
    assert erase_person(log, "ada", "R7").parts == 1
    release(log, id, **COUNSEL)  # whoever does not know how it ended asks again


def test_until_the_vault_heard_of_a_release_nothing_is_erased(
    ledgers: Ledgers, log: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = hold(log, "R7")
    from ledger.docket import Docket

    monkeypatch.setattr(Docket, "release", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        release(log, id, **COUNSEL)
    monkeypatch.undo()

    with pytest.raises(StandingHoldError):
        erase_person(log, "ada", "R7")
    with pytest.raises(ConflictError):  # and nobody else can give another reason in between
        release(log, id, by="somebody", reason="mistaken")

    ledgers.close()
    log = ledgers.open()
    assert erase_person(log, "ada", "R7").parts == 1


def restored(ledgers: Ledgers, copy: Path) -> Ledger:
    ledgers.close()
    shutil.copy(copy, ledgers.path())
    return ledgers.accept_restored()


def kept(ledgers: Ledgers, log: Ledger) -> Path:
    """A copy of the ledger as it is now."""
    log.store.scrub()
    return Path(shutil.copy(ledgers.path(), ledgers.folder / f"copy-{log.size}.db"))


def test_a_restored_ledger_is_told_again_of_the_hold_and_its_end_before_the_erasure(
    ledgers: Ledgers, log: Ledger
) -> None:
    copy = kept(ledgers, log)
    id = hold(log, "R7", person="ada")
    release(log, id, **COUNSEL)
    erase_person(log, "ada", "R7")

    log = restored(ledgers, copy)

    assert [type for type, _ in facts(log)] == [HELD, RELEASED, STARTED, ERASED]
    assert [row.seq for row in log.store.parts.among(range(log.size))] == [3]
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_a_hold_that_was_placed_again_stands_after_a_restore(ledgers: Ledgers, log: Ledger) -> None:
    first = hold(log, "R7")
    copy = kept(ledgers, log)
    release(log, first, **COUNSEL)
    second = hold(log, "R7")

    log = restored(ledgers, copy)

    assert [(type, body["hold"]) for type, body in facts(log)] == [(HELD, first), (RELEASED, first), (HELD, second)]
    with pytest.raises(StandingHoldError, match=second):
        erase_person(log, "ada", "R7")


def test_a_release_in_the_log_ends_the_hold_of_a_vault_that_was_put_back(ledgers: Ledgers, log: Ledger) -> None:
    assert log.vault is not None
    folder, copy = log.vault.folder, ledgers.folder / "older"
    id = hold(log, "R7")
    ledgers.close()
    shutil.copytree(folder, copy)
    log = ledgers.open()
    release(log, id, **COUNSEL)
    ledgers.close()
    shutil.copy(copy / "vault.db", folder / "vault.db")

    log = ledgers.open()

    assert erase_person(log, "ada", "R7").parts == 1
    assert [type for type, _ in facts(log)].count(RELEASED) == 1


def test_a_hold_in_the_log_stands_though_the_vault_was_put_back_to_before_it(ledgers: Ledgers, log: Ledger) -> None:
    assert log.vault is not None
    folder, copy = log.vault.folder, ledgers.folder / "older"
    ledgers.close()
    shutil.copytree(folder, copy)
    log = ledgers.open()
    id, over = hold(log, "R7"), hold(log, "R8")
    release(log, over, **COUNSEL)
    ledgers.close()
    for path in copy.glob("vault.db*"):
        shutil.copy(path, folder / path.name)

    log = ledgers.open()

    with pytest.raises(StandingHoldError, match=id):
        erase_person(log, "ada", "R7")
    assert erase_person(log, "grace", "R8").parts == 1
    release(log, id, **COUNSEL)
    assert erase_person(log, "ada", "R7").parts == 1


def test_what_is_to_be_said_waits_while_the_clock_jumped(ledgers: Ledgers, log: Ledger, killed: Killed) -> None:
    ledgers.close()
    killed("hold", "docket")
    ledgers.now -= timedelta(hours=1)
    log = ledgers.open()
    assert facts(log) == []

    log.confirm_clock()

    assert [type for type, _ in facts(log)] == [HELD]
