"""``quarterdeck sessions``: who is in, and how to end that.

Rule: it works at the ledger itself, also while no hub runs. A hub that runs lets nobody in by what was ended here two
seconds later. When a session was last used is written once a minute, and shown as it was written.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Final

from quarterdeck import settings
from quarterdeck.access.sessions import Session
from quarterdeck.errors import UsageError
from quarterdeck.truth.judgement import words
from quarterdeck.wiring.entrance import Entrance, opened

HEADS: Final = ("id", "who", "known by", "role", "shown as", "begun", "used", "over in")
NEARLY: Final = timedelta(minutes=1)
"""What began a moment ago lasts for twelve hours, not for eleven."""


def show(config: Path | None, *, as_data: bool) -> int:
    """Print who is in; return the exit code.

    Raises:
        QuarterdeckError: when the settings are wrong or the ledger cannot be read.
    """
    with opened(settings.load(config)) as entrance:
        copy = entrance.register.read()
        every = entrance.sessions.all(copy)
        if as_data:
            sys.stdout.write(json.dumps({"sessions": [_data(one) for one in every], "tokens": len(copy.tokens)}) + "\n")
        else:
            sys.stdout.write(_table(every, entrance))
            if copy.tokens:
                sys.stdout.write(f"One-time addresses that are not used yet: {len(copy.tokens)}\n")
    return 0


def revoke(number: int | None, config: Path | None, *, everything: bool) -> int:
    """End one session or all; return the exit code.

    Raises:
        QuarterdeckError: when there is no such session, or the ledger cannot be written.
    """
    if (number is None) == (not everything):
        raise UsageError("This does not say what to end", "Give the number of one session, or --all.")
    with opened(settings.load(config)) as entrance:
        if number is None:
            ended = entrance.sessions.end_all()
            sys.stdout.write(f"Ended {ended} {'session' if ended == 1 else 'sessions'} and every one-time address.\n")
        elif entrance.sessions.end((number,)):
            sys.stdout.write(f"Ended session {number}.\n")
        else:
            raise UsageError(f"There is no session {number}", "`quarterdeck sessions list` shows which there are.")
    return 0


def _data(one: Session) -> dict[str, object]:
    return {
        "id": one.id,
        "how": one.how,
        "login": one.login,
        "name": one.name,
        "role": one.role,
        "carried": one.carried,
        "made_at": one.made_at.isoformat(),
        "used_at": one.used_at.isoformat(),
        "ends_at": one.ends_at.isoformat(),
    }


def _table(every: Iterable[Session], entrance: Entrance) -> str:
    now = entrance.steady.now()
    rows = [
        (
            str(one.id),
            one.login,
            one.how,
            one.role or "by the rules",
            one.carried,
            f"{words(now - one.made_at)} ago",
            f"{words(now - one.used_at)} ago",
            words(one.ends_at - now + NEARLY),
        )
        for one in every
    ]
    if not rows:
        return "Nobody is in. `quarterdeck enter` makes an address to come in by.\n"
    plain = [tuple(_inert(cell) for cell in row) for row in (HEADS, *rows)]
    widths = [max(len(row[column]) for row in plain) for column in range(len(HEADS))]
    return "".join(
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() + "\n" for row in plain
    )


def _inert(text: str) -> str:
    """Return what a witness called somebody so that it does nothing to a terminal."""
    return "".join(sign if sign.isprintable() else "�" for sign in text)
