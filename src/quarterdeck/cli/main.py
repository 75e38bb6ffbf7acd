"""Where every command begins.

Rule 1: a command imports what it needs, when it runs. The exporter runs every few seconds on somebody's machine: it
        is begun before anything is imported that only people at a terminal need.
Rule 2: an error that Quarterdeck raises on purpose says what happened and what to do, on one line or two, and ends
        with 2. Anything else is a mistake of ours: its type is said, its text is not, for it may quote what was read.
"""

from __future__ import annotations

import gc
import importlib
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

from quarterdeck.errors import QuarterdeckError

SMALL: Final = {
    "export": "quarterdeck.cli.export",
    "show": "quarterdeck.cli.show_command",
    "units": "quarterdeck.cli.units",
    "up": "quarterdeck.cli.up_command",
}
"""Commands that must begin at once, each with a parser of its own: a module with ``run(argv)``."""

WRONG, OUR_MISTAKE, INTERRUPTED = 2, 70, 130
"""Exit codes beside those of the commands. None of them may be taken for the answer of ``show``: 0, 1 or 3."""

DEBUG: Final = "--debug"
SERVERS: Final = ("up", "demo")


def main() -> NoReturn:
    """Run the command line and end the process."""
    argv = sys.argv[1:]
    if not any(server in argv for server in SERVERS):
        # Whoever reads our output may leave early, as `head` does. That ends us as it ends any program; it is neither
        # an error nor an answer. A server must not end because one of its visitors left.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if argv and argv[0] in SMALL:
        # What ends soon ends before there is much to collect, and looking for it takes a tenth of its time. A server
        # turns it on again when it has begun.
        gc.disable()
    sys.exit(run(argv))


def run(argv: Sequence[str], small: Mapping[str, str] = SMALL) -> int:
    """Run a command; return its exit code."""
    debug = DEBUG in argv
    try:
        return _command([word for word in argv if word != DEBUG], small)
    except QuarterdeckError as error:
        return _say(str(error), WRONG)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # the outermost place: whatever it is, it ends here
        if debug:
            raise
        from quarterdeck.cli.discreet import where

        return _say(
            f"Quarterdeck failed, and that is its own mistake: {where(error)}. Please report this line.\n"
            f"With {DEBUG} it says more; look through that before you pass it on, it may quote what was read.",
            OUR_MISTAKE,
        )


def _command(argv: Sequence[str], small: Mapping[str, str]) -> int:
    if argv and argv[0] in small:
        code = importlib.import_module(small[argv[0]]).run(argv[1:])
        return int(code)
    from quarterdeck.cli.app import run as run_app

    return run_app(argv)


def _say(words: str, code: int) -> int:
    """Say what went wrong; a credential in it is masked, wherever it came from."""
    from quarterdeck.redaction import clean

    sys.stderr.write(f"{clean(words)}\n")
    return code
