"""``quarterdeck demo``: a small fleet that does not exist, in a folder of its own, served under a banner that says so.

Rule 1: nothing is shown that could be taken for real: every page, every document of the API and the terminal say demo.
Rule 2: no settings of this machine are read and nothing but its folder is written; the folder is gone at the end.
Rule 3: its forge answers from this moment on: it has no past in the history, because a forge keeps its own.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from quarterdeck import settings, wiring
from quarterdeck.cli import logs
from quarterdeck.cli.up import listening, serve
from quarterdeck.demo import fleet, past
from quarterdeck.demo.home import Plan
from quarterdeck.redaction.clean import clean
from quarterdeck.settings import Settings
from quarterdeck.wiring.remembering import observers

BANNER: Final = "Demo: an invented fleet. Nothing on this page is real."
ANY_PORT: Final = 0
LOOK_S: Final = 6.0


class Wanted(NamedTuple):
    """What was asked for on the command line."""

    plan: Plan
    port: int = ANY_PORT
    folder: Path | None = None
    keep: bool = False


def demo(wanted: Wanted) -> int:
    """Make a fleet, serve it until told to stop, and remove it; return the exit code.

    Raises:
        QuarterdeckError: when the folder is in use, the port is taken or the fleet cannot be made.
    """
    log = logs.configure(clean)
    with (
        listening(wanted.port) as listener,
        fleet.folder_for(wanted.folder, cache(), keep=wanted.keep) as place,
        progress() as say,
    ):
        made = fleet.build(place, wanted.plan, time.time(), say)
        with fleet.living(made):
            decided = settings.load(made.settings, ())._replace(state=place)
            if not decided.forges:
                say("without a forge, which takes git 2.38 or newer")
            say("history")
            _remember(decided, made, say)
            taken = decided._replace(port=listener.getsockname()[1])
            deck = wiring.build(taken, log=log, remember=True)._replace(banner=BANNER)
            with deck.running():
                say("")
                serve(deck, listener)
    return 0


def _remember(decided: Settings, made: fleet.Fleet, say: fleet.Say) -> None:
    """Look at the fleet once, and record the month that led to what is seen."""
    seen = wiring.build(decided._replace(forges=())).collector.collect(LOOK_S)
    past.write(decided.history.place, observers, seen, made, say)


def cache() -> Path:
    """Return where demos are made."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "quarterdeck" / "demo"


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Say what is being made: on one line in a terminal, on a line for each step elsewhere. Nothing ends the line."""
    terminal = sys.stderr.isatty()

    def say(words: str) -> None:
        if terminal:
            sys.stderr.write(f"\r\x1b[K{words}")
        elif words:
            sys.stderr.write(f"{words}\n")
        sys.stderr.flush()

    try:
        yield say
    finally:
        say("")
