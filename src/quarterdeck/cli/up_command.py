"""What ``quarterdeck up`` takes.

Rule: it has a parser of its own, because the one of the other commands takes as long to begin as the first look.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from quarterdeck.cli.show_command import folder

ABOUT: Final = "Watch your agents and serve the pages on 127.0.0.1."
PORTS: Final = range(65_536)


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code.

    Raises:
        QuarterdeckError: when the settings are wrong or the port is taken.
    """
    given = _parser().parse_args(argv)
    from quarterdeck.cli.up import up

    return up(given.home, given.port, given.config)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="quarterdeck up", description=ABOUT, allow_abbrev=False)
    parser.add_argument(
        "--home",
        metavar="DIR",
        type=folder,
        action="append",
        default=[],
        help="a home to look at, and no others; may be given several times",
    )
    parser.add_argument("--port", metavar="N", type=_port, help="the port on 127.0.0.1; 0 takes any that is free")
    parser.add_argument("--config", metavar="FILE", type=Path, help="the settings file")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) not in PORTS:
        raise argparse.ArgumentTypeError(f"is not in the range from 0 to {PORTS[-1]}")
    return int(text)
