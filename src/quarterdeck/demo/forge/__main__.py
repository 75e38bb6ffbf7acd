"""The forge of the demo as a program: tell its story in a folder, say where it is, and serve until the input ends.

Rule: it ends when whoever began it ends, however that happened: its standard input is a pipe that nobody writes to.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from quarterdeck.demo.forge import scenario
from quarterdeck.demo.forge.server import ForgeServer

TOKEN: Final = "token"  # noqa: S105 -- the name of a file
FLAVOURS: Final = ("gitea", "forgejo")


def main() -> None:
    """Serve; the first line says the address, and the file that has the token."""
    asked = argparse.ArgumentParser(prog="forge", description="A forge of a demo: nothing in it is real.")
    asked.add_argument("folder", type=Path)
    asked.add_argument("--port", type=int, default=0)
    asked.add_argument("--flavour", choices=FLAVOURS, default="gitea")
    told = asked.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    told.folder.mkdir(parents=True, exist_ok=True)
    forge, word = scenario.build(told.folder, datetime.now(UTC), told.flavour)
    place = told.folder / TOKEN
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(word + "\n")
    with ForgeServer(forge, told.port) as server:
        sys.stdout.write(json.dumps({"url": server.url, "token_file": str(place)}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
