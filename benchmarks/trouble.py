"""What the soak lays hands on: the line to the server, the disk that its ledger stands on, and the server itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import ledger
from ledger.log import Ledger

ROOT = Path(__file__).parents[1]
SECRET = b"soak"
_CHUNK = 1 << 16


class Network:
    """A line between producers and server that somebody pulls at: it passes, cuts, stalls or slows what goes through."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.mood = "pass"
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self._listening.accept()
            if self.mood == "cut":
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._port), timeout=5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                if self.mood == "cut":
                    break
                while self.mood == "stall":
                    time.sleep(0.05)
                if self.mood == "slow":
                    time.sleep(0.05)
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Disk:
    """Where the ledger and its keys stand: a file system of its own, so that it can be filled without harm to others.

    Making one needs root. Elsewhere they stand in a plain folder, no disk is filled, and the tally says so.
    """

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self.folder = folder / "disk"
        self.folder.mkdir()
        self.is_own = os.geteuid() == 0
        if self.is_own:
            image = folder / "disk.img"
            with image.open("wb") as file:
                file.truncate(size_bytes)
            subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
            subprocess.run(["mount", "-o", "loop", str(image), str(self.folder)], check=True)
        self._balloon = self.folder / "balloon"

    def fill(self) -> None:
        """Leave not one block."""
        with self._balloon.open("wb") as balloon:
            size = 1 << 24
            while size:
                try:
                    os.write(balloon.fileno(), bytes(size))
                except OSError:
                    size >>= 1

    def free(self) -> None:
        """Give the room back."""
        self._balloon.unlink()

    def close(self) -> None:
        """Take it away."""
        if self.is_own:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


class Service:
    """The server, killed and started again on one port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder / 'ledger.db'}"

    def start(self) -> None:
        """Start it, and return when it answers."""
        command = [
            sys.executable,
            "-P",
            "-m",
            "cli",
            "--ledger",
            self.url,
            "--home",
            str(self.folder / "home"),
            "serve",
        ]
        command += ["--bind", f"127.0.0.1:{self.port}", "--open-on-loopback"]
        with (self.folder / "journal").open("ab") as journal:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=journal, text=True, env=environment()
            )
        assert self._process.stdout is not None
        assert self._process.stdout.readline(), f"the server did not start; see {self.folder / 'journal'}"

    def turned_away(self) -> int:
        """Requests with events that it answered with 503 since it was started."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        asked = 'tally_requests_total{endpoint="events",status="503"} '
        return sum(int(float(line.removeprefix(asked))) for line in lines if line.startswith(asked))

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def open(self) -> Ledger:
        return ledger.open(self.url, home=self.folder / "home", passphrase=lambda: SECRET)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "TALLY_KEY_PASSPHRASE": SECRET.decode()}
