"""Quarterdeck as it is started: real processes, with a home directory and settings of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from quarterdeck.views import VIEWS
from tests.fakes.visitor import Visitor, come_in

ROOT: Final = Path(__file__).resolve().parents[2]
LIMIT_S: Final = 60.0
ROUTES: Final = (
    *(f"/{view}" for view in VIEWS),
    *(f"/api/v1/views/{view}" for view in VIEWS),
    *(
        "/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/you",
        "/enter",
        "/static/deck.css",
        "/static/deck.js",
        "/static/deck.svg",
        "/api/v1/openapi.json",
    ),
    *("/nowhere", "/api/v1/views/nothing", "/brief?instance=nobody", "/brief?page=0"),
)
"""Every route, and every way to be refused."""

# Many commands in one process, so that a test may run many: each is begun as the shell begins it.
BATCH: Final = """
import json, sys
from quarterdeck.cli.main import run
codes = []
for command in json.loads(sys.argv[1]):
    try:
        codes.append(run(command))
    except SystemExit as ended:
        codes.append(ended.code)
    sys.stdout.flush()
print(json.dumps({"codes": codes}))
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What a program printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def everything(self) -> str:
        """Both streams."""
        return self.out + self.err


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where commands are typed."""

    place: Path

    @property
    def environment(self) -> dict[str, str]:
        """What every command runs with: nothing of the machine's user."""
        return {
            "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.place), "PYTHONDONTWRITEBYTECODE": "1",
            "XDG_CONFIG_HOME": str(self.place / "config"), "PYTHONPATH": str(ROOT / "src"),
        }  # fmt: skip

    def run(self, *arguments: str, through: Sequence[str] = ()) -> Said:
        """Run one command."""
        return self._end([*through, sys.executable, "-m", "quarterdeck", *arguments])

    def run_all(self, commands: Sequence[Sequence[str]]) -> tuple[Said, list[int]]:
        """Run commands one after the other; return what they said and the exit code of each."""
        said = self._end([sys.executable, "-c", BATCH, json.dumps(commands)])
        assert said.code == 0, said.err
        return said, json.loads(said.out.splitlines()[-1])["codes"]

    def _end(self, command: Sequence[str]) -> Said:
        done = subprocess.run(
            command, capture_output=True, text=True, env=self.environment, cwd=self.place, timeout=LIMIT_S, check=False
        )  # fmt: skip
        return Said(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def up(self, *homes: Path) -> Iterator[Up]:
        """Serve homes; the process is ended with the block, and what it said is kept."""
        out, err = self.place / "up.out", self.place / "up.err"
        options = [part for home in homes for part in ("--home", str(home))]
        with out.open("wb") as to_out, err.open("wb") as to_err:
            process = subprocess.Popen(
                [sys.executable, "-m", "quarterdeck", "up", "--port", "0", *options],
                stdout=to_out, stderr=to_err, stdin=subprocess.DEVNULL, env=self.environment, cwd=self.place,
            )  # fmt: skip
        up = Up(process, out, err)
        try:
            up.wait_for_address()
            yield up
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@dataclass(slots=True)
class Up:
    """A hub that runs."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path
    visitor: Visitor = field(init=False)

    @property
    def base(self) -> str:
        """Where its pages are."""
        return self.visitor.base

    def wait_for_address(self) -> None:
        """Wait until it says where its pages are."""
        deadline = time.monotonic() + LIMIT_S
        while "Ctrl-C" not in (said := self.out.read_text(encoding="utf-8")):
            assert self.process.poll() is None, self.err.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, f"no address within {LIMIT_S:.0f} s"
            time.sleep(0.05)
        self.visitor = come_in(said)

    def get(self, path: str) -> bytes:
        """Return headers and body of an answer, whatever its status."""
        request = urllib.request.Request(
            self.base + path, headers=self.visitor.headers | {"Accept": "text/html, application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
                return str(answer.headers).encode() + bytes(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return str(error.headers).encode() + error.read()

    def view(self, name: str) -> dict[str, Any]:
        """Return a view as its JSON says it."""
        request = urllib.request.Request(f"{self.base}/api/v1/views/{name}", headers=self.visitor.headers)
        with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def wait_for_looks(self, looks: int, sources: str = "") -> None:
        """Wait until every source whose name begins so has been looked at so many times more."""
        seen: dict[str, set[str]] = {}
        deadline = time.monotonic() + LIMIT_S
        while not seen or min(map(len, seen.values())) < looks:
            assert time.monotonic() < deadline, f"not every source was looked at {looks} times: {seen}"
            for source in self.view("coverage")["sources"]:
                if source["source"].startswith(sources):
                    seen.setdefault(source["source"], set()).add(source["at"])
            time.sleep(0.2)
