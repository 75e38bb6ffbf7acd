"""What ``quarterdeck show`` takes.

Rule: this is the command that people type again and again and that scripts run every minute. It has a parser of its
own, because the one of the other commands takes as long to begin as the whole look.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

ABOUT = "Look once, without a server, and print a view."
ENDS = "Ends with 0 when all is well, 1 when something needs attention, 3 when nothing is worse than unknown or stale."


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code.

    Raises:
        QuarterdeckError: when the view, the instance or the settings are wrong.
    """
    from quarterdeck.cli.show import show
    from quarterdeck.views import VIEWS

    wanted = _parser(VIEWS).parse_args(argv)
    return show(wanted.view, homes=wanted.home, instance=wanted.instance, as_data=wanted.json, config=wanted.config)


def _folder(name: str) -> Path:
    """Take the name of a folder. An empty one is a variable that was never set, not the folder one happens to be in."""
    if not name:
        raise argparse.ArgumentTypeError("is empty; name a home")
    return Path(name)


def _parser(views: Iterable[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="quarterdeck show", description=ABOUT, epilog=ENDS, allow_abbrev=False)
    parser.add_argument("view", help=", ".join(views))
    parser.add_argument(
        "--home",
        metavar="DIR",
        type=_folder,
        action="append",
        default=[],
        help="a home to look at, and no others; may be given several times",
    )
    parser.add_argument("--instance", metavar="ID", help="show one instance (else all)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--config", metavar="FILE", type=Path, help="the settings file")
    return parser
