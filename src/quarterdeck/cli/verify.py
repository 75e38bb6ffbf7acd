"""``quarterdeck verify FILE``: say whether evidence is as it was signed. It takes the file, and nothing else.

Ends with 0 when it is, with 1 when it is not. (2 is a file that cannot be read, or a wrong key.)
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from quarterdeck import __version__
from quarterdeck.errors import UsageError

ABOUT = "Say without a network whether a file of evidence is as it was signed."
ENDS = "Ends with 0 when nothing was changed, with 1 when something was, or when another key signed it."
LARGEST = 512 << 20
"""Bytes of a file that is looked at."""


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code.

    Raises:
        QuarterdeckError: when the file cannot be read, or the key is none.
    """
    parser = argparse.ArgumentParser(prog="quarterdeck verify", description=ABOUT, epilog=ENDS, allow_abbrev=False)
    parser.add_argument("file", metavar="FILE", type=Path, help="the file that quarterdeck evidence wrote")
    parser.add_argument("--key", metavar="KEY", help="the public key it must be signed by, as its maker published it")
    given = parser.parse_args(argv)
    return verify(given.file, given.key)


def verify(file: Path, key: str | None = None) -> int:
    """Check a file, say what is proven and what is not, and return the exit code.

    Raises:
        UsageError: when the file cannot be read, or the key is none.
    """
    from quarterdeck.cli import evidence_key
    from quarterdeck.cli.evidence_file import Broken, check

    wanted = None if key is None else evidence_key.named(key)
    try:
        proven = check(_read(file), evidence_key.verify, __version__)
    except Broken as broken:
        sys.stdout.write(f"Not proven: {broken}\n")
        return 1
    if wanted is not None and proven.key != wanted:
        sys.stdout.write(f"Not proven: it is signed by another key, {proven.key}\n")
        return 1
    about, whose = proven.about, "the key you named" if wanted else proven.key
    page = (
        "The page was made again from the data and is the same."
        if proven.rendered
        else f"The page shows the figures of the data; release {about['release']} can make it again and compare all."
    )
    sys.stdout.write(
        f"Proven: nothing in this file was changed since it was signed by {whose}.\n{page}\n"
        f"It says of itself: {about['title']}, what was known at {about['at']}, made at {about['made_at']}"
        f" by Quarterdeck {about['release']}.\nIts chain ends in {proven.chain};"
        f" before it came {about['previous'] or 'nothing, it is the first'}.\n"
        "Not proven: that the clock of the machine was right, that its sources told the truth"
        f"{'' if wanted else ', and whose key that is: compare it, or name it with --key'}.\n"
    )
    return 0


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as found:
            content = found.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read ({os.strerror(error.errno or 0)})", "Name a file of evidence."
        ) from None
    if len(content) > LARGEST:
        raise UsageError(f"{file} is larger than any evidence", "Name a file of evidence.")
    return content
