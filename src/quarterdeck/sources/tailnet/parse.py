"""From what the tailnet's daemon says to values. Pure: each fact is taken by itself, and nothing is quoted.

Rule 1: what is absent is a value only where the daemon leaves it out to say so. Anywhere else it is a fact that this
        release does not find.
Rule 2: while the daemon is not connected, what it leaves out says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from quarterdeck.sources.files import SourceError
from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.addresses import parsed
from quarterdeck.truth.fields import Field
from quarterdeck.truth.reading import Reason

T = TypeVar("T")
Json = Mapping[str, Any]

NOT_JSON: Final = (Reason.CORRUPT, "its answer is not the JSON it should be")
NOT_FOUND: Final = (Reason.SCHEMA, "is not where this release looks for it")
NOT_CONNECTED: Final = (Reason.MISSING, "the daemon does not say while it is not connected")
RUNNING: Final = "Running"
STATES: Final = {
    RUNNING: "running",
    "NoState": "starting",
    "Starting": "starting",
    "Stopped": "stopped",
    "NeedsLogin": "needs login",
    "NeedsMachineAuth": "needs approval",
}
NEVER: Final = "0001-01-01T00:00:00Z"
"""How the daemon writes a moment that there is none of."""


def document(body: bytes) -> Json:
    """Return an answer as the object it should be.

    Raises:
        SourceError: when it is none.
    """
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise SourceError(*NOT_JSON) from None


def part(said: Json, name: str, kind: type[T], absent: T | None = None) -> T:
    """Return a part of an object; where it is not there or null, ``absent`` if that is what it then means.

    Raises:
        SourceError: when it is not there, or something else.
    """
    found = said.get(name)
    found = absent if found is None else found
    if type(found) is not kind:
        raise SourceError(*NOT_FOUND)
    return found


def _own(said: Json) -> Json:
    return part(said, "Self", dict)


def _state(said: Json) -> str:
    state = part(said, "BackendState", str)
    if state not in STATES:
        raise SourceError(Reason.SCHEMA, "is in a state that this release does not know")
    return STATES[state]


def _addresses(said: Json) -> list[Any]:
    own = _own(said)
    if own.get("TailscaleIPs") is None and not _is_connected(said):
        return []
    found = part(own, "TailscaleIPs", list)
    if not all(isinstance(each, str) and parsed(each) for each in found):
        raise SourceError(*NOT_FOUND)
    return found


def _name(said: Json) -> str | None:
    return part(_own(said), "DNSName", str, "").removesuffix(".") or None


def _peers(said: Json) -> Json:
    if not _is_connected(said):
        raise SourceError(*NOT_CONNECTED)
    return part(said, "Peer", dict, {})


def _online(said: Json) -> int:
    peers = _peers(said).values()
    if not all(isinstance(peer, dict) for peer in peers):
        raise SourceError(*NOT_FOUND)
    return sum(part(peer, "Online", bool, absent=False) for peer in peers)


def _key_ends(said: Json) -> str | None:
    ends = part(_own(said), "KeyExpiry", str, "")
    if not ends and not _is_connected(said):
        raise SourceError(*NOT_CONNECTED)
    return None if ends in {"", NEVER} else ends


def _is_connected(said: Json) -> bool:
    return _state(said) == STATES[RUNNING]


STATUS: Final[tuple[tuple[Field[Any], Callable[[Json], object]], ...]] = (
    (F.TAILNET_STATE, _state),
    (F.TAILNET_ADDRESSES, _addresses),
    (F.TAILNET_NAME, _name),
    (F.TAILNET_TUNNEL, lambda said: part(said, "TUN", bool)),
    (F.TAILNET_PEERS, lambda said: len(_peers(said))),
    (F.TAILNET_ONLINE, _online),
    (F.TAILNET_KEY_EXPIRES_AT, _key_ends),
    (F.TAILNET_KEY_EXPIRED, lambda said: part(_own(said), "Expired", bool, absent=False)),
    (F.TAILNET_WARNINGS, lambda said: len(part(said, "Health", list, []))),
    (F.TAILNET_VERSION, lambda said: part(said, "Version", str)),
)
"""Where each fact of the daemon's status stands."""
