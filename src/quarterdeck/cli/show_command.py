"""What ``quarterdeck show`` takes, and what other commands that look at a view take like it.

Rule: this is the command that people type again and again and that scripts run every minute. It has a parser of its
own, because the one of the other commands takes as long to begin as the whole look.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quarterdeck.cli.look import Wanted
    from quarterdeck.views.spec import Spec

ABOUT = "Look once, without a server, and print a view."
ENDS = "Ends with 0 when all is well, 1 when something needs attention, 3 when nothing is worse than unknown or stale."


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code.

    Raises:
        QuarterdeckError: when the view, the instance, a word, the moment or the settings are wrong.
    """
    from quarterdeck.cli.show import show
    from quarterdeck.views import VIEWS

    parser = view_parser("show", f"{ABOUT} {ENDS}", VIEWS)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    given, wanted = parsed(parser, argv, VIEWS)
    return show(wanted, as_data=given.json)


def view_parser(
    command: str, about: str, views: Mapping[str, Spec], *, default: str | None = None, past: bool = True
) -> argparse.ArgumentParser:
    """Return a parser of what names a view: its name, the instance, the moment, and where to look."""
    parser = argparse.ArgumentParser(
        prog=f"quarterdeck {command}",
        description=about,
        epilog=_words(views),
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    named = ", ".join(views)
    if default is None:
        parser.add_argument("view", metavar="VIEW", help=named)
    else:
        parser.add_argument("view", metavar="VIEW", nargs="?", default=default, help=f"{named} ({default})")
    parser.add_argument(
        "--home",
        metavar="DIR",
        type=folder,
        action="append",
        default=[],
        help="a home to look at, and no others; may be given several times",
    )
    parser.add_argument("--instance", metavar="ID", help="show one instance (else all)")
    parser.set_defaults(at=None)
    if past:
        parser.add_argument(
            "--at", metavar="MOMENT", help="show what was known then: RFC 3339, or how long ago, such as 90m, 8h, 7d"
        )
    parser.add_argument("--config", metavar="FILE", type=Path, help="the settings file")
    return parser


def parsed(
    parser: argparse.ArgumentParser, argv: Sequence[str], views: Mapping[str, Spec]
) -> tuple[argparse.Namespace, Wanted]:
    """Read the command line: first what every view understands, then the words of the view that is asked for."""
    from quarterdeck.cli.look import Wanted

    given, rest = parser.parse_known_args(argv)
    spec = views.get(given.view)
    words = {}
    if spec is not None:
        own = argparse.ArgumentParser(
            prog=parser.prog, usage=parser.format_usage().removeprefix("usage: "), allow_abbrev=False, add_help=False
        )
        for name in spec.params:
            own.add_argument(f"--{name}", metavar="VALUE")
        found = vars(own.parse_args(rest))
        words = {name: value for name, value in found.items() if value is not None}
    return given, Wanted(given.view, given.instance, given.at, words, given.home, given.config)


def _words(views: Mapping[str, Spec]) -> str:
    """Name the words of each view that has some."""
    lines = ["words of the views:"]
    for view, spec in views.items():
        for name, param in spec.params.items():
            among = f" ({', '.join(param.among)})" if param.among else ""
            lines.append(f"  {view:<10} --{name:<10} {param.help.rstrip('.')}{among}")
    return "\n".join(lines)


def folder(name: str) -> Path:
    """Take the name of a folder. An empty one is a variable that was never set, not the folder one happens to be in."""
    if not name:
        raise argparse.ArgumentTypeError("is empty; name a home")
    return Path(name)
