"""What the service manager is told of us, by its own protocol: one datagram of words to the socket it named.

Rule 1: it is told only what is so. Who calls this has seen it.
Rule 2: telling delays nobody: a manager that does not take a word at once does not get it.
Rule 3: the socket's address is taken out of the environment, so that no program that is started here can speak for us.
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from typing import Final, NamedTuple

from quarterdeck.redaction import inert

ADDRESS, WATCHDOG_US, WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
STATUS_LIMIT: Final = 200
READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"
ALIVE: Final = "WATCHDOG=1"


class Manager(NamedTuple):
    """The service manager that started us."""

    address: str | None = None
    """Where it listens: a path, or a name in the abstract namespace after ``@``; None when nobody listens."""
    watchdog_s: float | None = None
    """It restarts us when it hears nothing for this long; None when it does not."""

    def __bool__(self) -> bool:
        """Whether there is anybody to be told."""
        return self.address is not None

    def tell(self, *words: str, status: str = "") -> bool:
        """Tell it something; return whether it took it."""
        if self.address is None:
            return False
        lines = [*words, f"STATUS={one_line(status)}"] if status else words
        where = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            try:
                out.sendto("\n".join(lines).encode(), socket.MSG_DONTWAIT, where)
            except OSError:
                return False
        return True


def one_line(text: str) -> str:
    """Return text as one line that no reader of it can take for another word."""
    return inert(text)[:STATUS_LIMIT]


def manager(environment: MutableMapping[str, str] = os.environ) -> Manager:
    """Find the service manager that started us, and keep its address from those that we start."""
    address = environment.pop(ADDRESS, "")
    us, pid = environment.pop(WATCHDOG_US, ""), environment.pop(WATCHDOG_PID, "")
    if not address.startswith(("/", "@")) or len(address) < len("/x"):
        return Manager()
    meant = pid in {"", str(os.getpid())}
    return Manager(address, int(us) / 1e6 if meant and us.isascii() and us.isdigit() and int(us) > 0 else None)
