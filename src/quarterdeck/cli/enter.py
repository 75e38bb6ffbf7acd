"""``quarterdeck enter``: how whoever owns this installation comes in, lets somebody else in, or a program.

Rule 1: what opens the door is printed once, on standard output, alone on its line; words about it go to standard error.
Rule 2: it is written straight into the ledger. Whoever may write there could let themselves in anyhow, so there is
        nothing to prove; and it works while the hub does not.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

from quarterdeck import settings
from quarterdeck.access.identity import Role
from quarterdeck.access.sessions import LONGEST_DAYS
from quarterdeck.access.tokens import CLAIMS, LIFE
from quarterdeck.errors import UsageError
from quarterdeck.wiring.entrance import opened

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
DAYS: Final = 90
MAY: Final = {Role.OPERATOR: "an operator, who may look and act", Role.VIEWER: "a viewer, who may look"}


def enter(role: str | None, port: int | None, config: Path | None) -> int:
    """Make a one-time address for a browser; return the exit code.

    Raises:
        QuarterdeckError: when the settings are wrong or the ledger cannot be written.
    """
    decided, wanted = settings.load(config), Role(role or Role.OPERATOR)
    with opened(decided) as entrance:
        offered = entrance.tokens.offer(wanted)
    sys.stderr.write(
        f"Open this address once, within {int(LIFE.total_seconds()) // 60} minutes. "
        f"It lets one browser in as {MAY[wanted]}.\n"
    )
    sys.stdout.write(f"{address(port or decided.port, offered.value)}\n")
    return 0


def address(port: int, token: str) -> str:
    """Return the address at which a token is used."""
    return f"http://127.0.0.1:{port}/enter?token={token}"


def bearer(name: str | None, days: int | None, role: str | None, config: Path | None) -> int:
    """Make a bearer token for a program; return the exit code.

    Raises:
        QuarterdeckError: when the name is none, the settings are wrong, or the ledger cannot be written.
    """
    if name is None:
        raise UsageError("A bearer token needs a name", "Say whom it is for, like --name prometheus.")
    taken = {claim.login for claim in CLAIMS.values()}
    if NAME.fullmatch(name) is None or name in taken:
        raise UsageError(f"{name[:80]!a} cannot be its name", "Take letters, digits and . _ -, like prometheus.")
    lasts = DAYS if days is None else days
    if not 1 <= lasts <= LONGEST_DAYS:
        raise UsageError(f"It cannot last for {lasts} days", f"Choose between 1 and {LONGEST_DAYS} with --days.")
    wanted = Role(role or Role.VIEWER)
    with opened(settings.load(config)) as entrance:
        made = entrance.sessions.begin_bearer(name, wanted, lasts)
    sys.stderr.write(
        f"It makes {name} {MAY[wanted]}, for {lasts} days, and is told this once. "
        f"Show it as `Authorization: Bearer …`; `quarterdeck sessions revoke {made.id}` ends it.\n"
    )
    sys.stdout.write(f"{made.value}\n")
    return 0


def run(
    role: str | None, port: int | None, config: Path | None, *, as_bearer: bool, name: str | None, days: int | None
) -> int:
    """Make what was asked for; return the exit code.

    Raises:
        UsageError: when words were given that do not belong together.
    """
    if as_bearer and port is not None:
        raise UsageError("--port is for an address, and --bearer makes none", "Leave one of the two out.")
    if as_bearer:
        return bearer(name, days, role, config)
    if name is not None or days is not None:
        raise UsageError("--name and --days are for --bearer", "Add --bearer, or leave them out.")
    return enter(role, port, config)
