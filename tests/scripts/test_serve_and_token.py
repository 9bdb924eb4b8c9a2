"""`tally serve` and `tally token`, as an operator types them."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TALLY_LEDGER": "sqlite:///audit.db",
        "TALLY_HOME": str(folder / "home"),
        "TALLY_KEY_PASSPHRASE": "correct horse",
    }
    command = [sys.executable, "-m", "cli", "serve", "--bind", "127.0.0.1:0", "--json", *options]
    with (folder / "journal").open("wb") as journal:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=journal, text=True
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, (folder / "journal").read_text()
        yield process, json.loads(line)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.usefixtures("ledger")
def test_serve_tells_where_it_answers_and_ends_well_on_sigterm(tmp_path: Path) -> None:
    # A folder of that name where it is called must not be taken for ours.
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "__main__.py").write_text("raise SystemExit('an impostor')")

    with serving(tmp_path, "--open-on-loopback") as (process, ready):
        with urllib.request.urlopen(f"{ready['url']}/health/ready") as answer:
            assert json.loads(answer.read())["status"] == "ok"
        assert (ready["origin"], ready["open"], ready["pid"]) == ("ledger.example.org/shop", True, process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.mark.usefixtures("ledger")
def test_serve_speaks_tls_with_a_certificate_that_is_named(
    tmp_path: Path, certified: Callable[[Path], tuple[Path, Path]]
) -> None:
    cert, key = certified(tmp_path)
    trusted = ssl.create_default_context(cafile=str(cert))

    with serving(tmp_path, "--tls-cert", cert.name, "--tls-key", key.name) as (_, ready):
        port = ready["url"].rpartition(":")[2]
        assert ready["url"].startswith("https://")
        with urllib.request.urlopen(f"https://localhost:{port}/health/live", context=trusted) as answer:
            assert answer.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--bind", "0.0.0.0:0", "--open-on-loopback"], "whoever reaches it would be an admin"),
        (["--bind", "nowhere"], "--bind 'nowhere' is not HOST:PORT"),
        (["--tls-cert", "x.pem"], "tls-cert and tls-key go together"),
        (["--oidc-issuer", "https://idp.example"], "go together"),
        (["--workers", "0"], "workers:"),
    ],
)
def test_serve_refuses_what_would_not_be_safe_or_makes_no_sense(ledger: Any, options: list[str], says: str) -> None:
    ended = ledger("serve", *options)

    assert ended.returncode == 9
    assert says in ended.stderr
    assert ended.stderr.startswith("tally: ")


def test_serve_says_in_one_sentence_that_there_is_no_ledger(tally: Any) -> None:
    ended = tally("serve", "--bind", "127.0.0.1:0")

    assert ended.returncode == 8
    assert ended.stderr == "tally: no ledger at audit.db\n  hint: create one with `tally init`\n"


def test_a_token_is_shown_once_listed_without_its_secret_and_revoked(ledger: Any) -> None:
    made = json.loads(
        ledger("token", "create", "--role", "emitter", "--source", "urn:a", "--expires", "2d", "--json").stdout
    )
    listed = ledger("token", "list", "--json")
    (row,) = json.loads(listed.stdout)
    assert made["token"].startswith(f"tally_{made['id']}_")
    assert made["token"].split("_", 2)[2] not in listed.stdout
    assert (row["id"], row["roles"], row["sources"], row["state"]) == (made["id"], ["emitter"], ["urn:a"], "holds")

    assert ledger("token", "revoke", made["id"]).returncode == 0
    assert json.loads(ledger("token", "list", "--json").stdout)[0]["state"] == "revoked"
    assert ledger("token", "revoke", made["id"]).returncode == 8


@pytest.mark.parametrize(
    "arguments",
    [["--role", "root"], [], ["--role", "reader", "--expires", "soon"], ["--role", "reader", "--expires", "0d"]],
)
def test_a_token_that_makes_no_sense_is_a_wrong_call(ledger: Any, arguments: list[str]) -> None:
    assert ledger("token", "create", *arguments).returncode == 2
