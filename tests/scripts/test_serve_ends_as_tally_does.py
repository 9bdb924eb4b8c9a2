"""`tally serve` ends with the status that the one table of exits gives its reason, and in one sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ledger

ROOT = Path(__file__).parents[2]


def serve(folder: Path, *options: str, passphrase: str = "x") -> tuple[int, str]:
    command = [
        sys.executable,
        "-P",
        "-m",
        "cli",
        "--ledger",
        f"sqlite:///{folder}/log.db",
        "--home",
        str(folder / "home"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TALLY_KEY_PASSPHRASE": passphrase}
    done = subprocess.run(
        [*command, "serve", "--bind", "127.0.0.1:0", *options],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=60,
    )
    return done.returncode, done.stderr


@pytest.fixture
def made(tmp_path: Path) -> Path:
    url = f"sqlite:///{tmp_path}/log.db"
    ledger.create(url, origin="ledger.example/o", home=tmp_path / "home", passphrase=lambda: b"x").close()
    return tmp_path


def test_a_ledger_that_is_not_there_is_missing(tmp_path: Path) -> None:
    status, said = serve(tmp_path)

    assert (status, said.startswith("tally: no ledger at ")) == (8, True)


@pytest.mark.parametrize(
    ("options", "status", "sentence"),
    [
        (("--workers", "0"), 9, "tally: workers: Input should be greater than or equal to 1"),
        (("--rate", "-1"), 9, "tally: rate: Input should be greater than or equal to 0"),
        (
            ("--oidc-issuer", "a", "--oidc-audience", "b", "--oidc-jwks", "http://x"),
            9,
            "tally: oidc: jwks is a file or an",
        ),
        (("--oidc-issuer", "a"), 9, "tally: --oidc-issuer, --oidc-audience and --oidc-jwks go together"),
        (("--bind", "0.0.0.0:0", "--open-on-loopback"), 9, "tally: open-on-loopback is refused for 0.0.0.0"),
        (("--bind", "127.0.0.1"), 9, "tally: --bind '127.0.0.1' is not HOST:PORT"),
        (
            ("--tls-cert", "no.pem", "--tls-key", "no.pem"),
            8,
            "tally: there is no file that --tls-cert or --tls-key names",
        ),
        (
            ("--tls-cert", "/dev/null", "--tls-key", "/dev/null"),
            9,
            "tally: --tls-cert and --tls-key cannot be used: SSLError",
        ),
        (("--workers", "many"), 2, "Usage:"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_settings_that_make_no_sense_are_refused_in_one_sentence(
    made: Path, options: tuple[str, ...], status: int, sentence: str
) -> None:
    ended, said = serve(made, *options)

    assert ended == status
    assert said.startswith(sentence)
    assert "Traceback" not in said


def test_a_refusal_is_one_object_where_json_is_asked_for(made: Path) -> None:
    status, said = serve(made, "--bind", "nowhere", "--json")

    assert status == 9
    assert json.loads(said) == {
        "error": {
            "code": "refused",
            "hint": "",
            "message": "--bind 'nowhere' is not HOST:PORT",
            "status": 9,
            "where": "",
        }
    }


@pytest.mark.parametrize(
    ("passphrase", "why", "hint"),
    [
        ("y", "the key {key} does not open with this passphrase", "give the right passphrase"),
        ("", "no passphrase for the key", "set TALLY_KEY_PASSPHRASE, or give a file with --passphrase-file"),
    ],
    ids=["a wrong passphrase", "none"],
)
def test_a_server_that_could_not_sign_does_not_start(made: Path, passphrase: str, why: str, hint: str) -> None:
    (key,) = (made / "home").glob("*/log-*.pem")

    status, said = serve(made, passphrase=passphrase)

    assert status == 6
    assert said == (
        f"tally: no checkpoint could be signed: {why.format(key=key)}\n"
        f"  hint: {hint}; --checkpoint-every 0 serves without signing\n"
    )


def test_a_server_that_signs_nothing_needs_no_passphrase(made: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TALLY_KEY_PASSPHRASE": ""}
    command = [sys.executable, "-P", "-m", "cli", "--ledger", f"sqlite:///{made}/log.db", "--home", str(made / "home")]
    process = subprocess.Popen(
        [*command, "serve", "--bind", "127.0.0.1:0", "--checkpoint-every", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("tallystick serves")
    finally:
        process.kill()
        process.communicate()


def test_the_program_alone_says_how_it_is_started() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("TALLY_SERVE", None)
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "server"], capture_output=True, text=True, check=False, env=environment
    )

    assert (ended.returncode, ended.stderr) == (2, "tally: the service is started by `tally serve`\n")


def test_the_address_of_the_ledger_stands_on_no_command_line(made: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TALLY_KEY_PASSPHRASE": "x"}
    environment |= {"TALLY_LEDGER": f"sqlite:///{made}/log.db", "TALLY_HOME": str(made / "home")}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "cli", "serve", "--bind", "127.0.0.1:0", "--open-on-loopback"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("tallystick serves")
        assert "log.db" not in Path(f"/proc/{process.pid}/cmdline").read_text()
    finally:
        process.kill()
        process.communicate()
