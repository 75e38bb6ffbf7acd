"""What a witness tells of connections that are passed on, in one form for all witnesses.

Rule 1: an address is written as the kernel writes it: ``127.0.0.1:9119``, ``[::]:443``; a unix socket as ``unix:`` and
        its path without the first slash.
Rule 2: what cannot be written as an address is no address: it is told as a part that is not understood.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from quarterdeck.truth.addresses import parsed
from quarterdeck.truth.exposure import UNIX
from quarterdeck.truth.shapes import Ident, ShapeError

ANY: Final = "[::]"
PORTS: Final = range(1, 65536)
RANGE_LIMIT: Final = 100
"""So many ports of one range are told one by one."""


@dataclass(slots=True)
class Told:
    """What comes in at one entry, and where it is passed on to."""

    by: str
    entry: str
    upstreams: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    """What of it is not understood."""
    open: bool | None = True
    """Whether it is known to take connections; None where only a listener can tell."""


class Seen(NamedTuple):
    """What a witness saw: nothing of its kind on this machine, or routes."""

    found: str
    """``routes`` or ``nothing``."""
    routes: tuple[Told, ...] = ()


NOTHING: Final = Seen("nothing")


class Witness(Protocol):
    """Somebody who can tell what is passed on."""

    @property
    def name(self) -> str:
        """Its name, an identifier: ``caddy``."""

    @property
    def locator(self) -> str:
        """Where it looks, as a person would look there."""

    def ask(self) -> Seen:
        """Look once.

        Raises:
            SourceError: when it cannot tell.
        """


def address(host: str, port: int) -> str:
    """Write host and port as one address; no host is every address of the machine."""
    plain = host.strip("[]")
    if not plain or plain == "*":
        return f"{ANY}:{port}"
    found = parsed(plain)
    if found is None:
        return f"{plain.lower()}:{port}"
    return f"[{found}]:{port}" if found.version == 6 else f"{found}:{port}"  # noqa: PLR2004 -- IPv6


def unix(path: str) -> str:
    """Write a unix socket as an address."""
    return f"{UNIX}{path.lstrip('/')}"


def is_told(text: str) -> bool:
    """Whether a text can be told as an address or a name."""
    try:
        Ident().load(text)
    except ShapeError:
        return False
    return True


def put(told: Told, upstreams: Iterable[str], unread: Iterable[str] = ()) -> None:
    """Add upstreams to a route; those that cannot be told are parts that are not understood."""
    for each in upstreams:
        if is_told(each):
            told.upstreams.append(each)
        else:
            told.unread.append("upstream")
    told.unread.extend(each if is_told(each) else "part" for each in unread)


def merged(routes: Iterable[Told]) -> tuple[Told, ...]:
    """Put together what comes in at one entry of one witness, each thing once, in a stable order."""
    found: dict[tuple[str, str], Told] = {}
    for each in routes:
        one = found.setdefault((each.by, each.entry), Told(each.by, each.entry, open=each.open))
        one.upstreams.extend(each.upstreams)
        one.unread.extend(each.unread)
    for one in found.values():
        one.upstreams, one.unread = sorted(set(one.upstreams)), sorted(set(one.unread))
    return tuple(found[key] for key in sorted(found))
