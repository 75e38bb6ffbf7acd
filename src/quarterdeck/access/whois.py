"""Who somebody on the tailnet is, asked of the tailnet's own daemon.

Rule 1: the raw address of the connection is asked about, and nothing that the request says.
Rule 2: a person is who has a login. A tagged machine is nobody, nor is one whose key has expired.
Rule 3: an address of this machine itself is nobody: every program here can come from it, an agent too. Its owner comes
        in over loopback, with a one-time token.
Rule 4: the answer must be about the address that was asked about. Whatever is odd is an error, and whoever meets one
        recognises nobody.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from quarterdeck.access import interfaces as kernel
from quarterdeck.access.identity import Claim
from quarterdeck.access.interfaces import Interfaces
from quarterdeck.access.localapi import LIMITS, LOOK, NO_MATCH, DaemonError, ask, understood
from quarterdeck.errors import QuarterdeckError
from quarterdeck.http import Limits
from quarterdeck.redaction import inert
from quarterdeck.truth.addresses import Address, is_tailnet_range, parsed

TAILNET: Final = "tailnet"
TAGGED: Final = "tagged-devices"
"""The login that the daemon puts where a machine belongs to nobody."""
LOGIN: Final = re.compile(r"[!-~]{1,200}")
NAME_LIMIT: Final = 100
PORTS: Final = range(1, 1 << 16)


class WhoisError(QuarterdeckError):
    """It cannot be told who somebody is: then they are nobody."""


class _Node(msgspec.Struct, rename="pascal"):
    addresses: list[str]
    tags: list[str] | None = None
    expired: bool = False


class _Profile(msgspec.Struct, rename="pascal"):
    login_name: str
    display_name: str = ""
    groups: list[str] | None = None


class _Whois(msgspec.Struct, rename="pascal"):
    node: _Node
    user_profile: _Profile
    cap_map: dict[str, Any] | None = None


class Tailscaled:
    """The daemon that says who somebody is."""

    def __init__(self, place: PurePath, *, limits: Limits = LIMITS, interfaces: Interfaces = kernel.interfaces) -> None:
        """Ask the daemon whose socket this is."""
        self._place, self._limits, self._interfaces = place, limits, interfaces

    def whois(self, address: str, port: int) -> Claim | None:
        """Return who is at the other end of a connection; None for who is no person of the tailnet.

        Raises:
            WhoisError: when that cannot be told.
        """
        asked = parsed(address)
        if asked is None or port not in PORTS:
            raise WhoisError("This is not an address somebody can come from", LOOK)
        if not is_tailnet_range(asked) or self._is_ours(asked):
            return None
        where = f"[{asked}]:{port}" if asked.version == 6 else f"{asked}:{port}"  # noqa: PLR2004 -- as in IPv6
        try:
            answer = ask(self._place, f"/localapi/v0/whois?{urlencode({'addr': where, 'proto': 'tcp'})}", self._limits)
            return None if answer.status == NO_MATCH else _claim(understood(answer.body, _Whois), asked)
        except DaemonError as error:
            raise WhoisError(error.what, error.fix) from None

    def _is_ours(self, address: Address) -> bool:
        try:
            return any(parsed(each.address) == address for each in self._interfaces())
        except (OSError, ValueError):
            raise WhoisError("The kernel does not tell which addresses this machine has", LOOK) from None


def _claim(said: _Whois, asked: Address) -> Claim | None:
    if not any(parsed(each.partition("/")[0]) == asked for each in said.node.addresses):
        raise WhoisError("The tailnet's daemon speaks of another address than the one it was asked about", LOOK)
    profile = said.user_profile
    if said.node.tags or said.node.expired or profile.login_name == TAGGED:
        return None
    if LOGIN.fullmatch(profile.login_name) is None:
        raise WhoisError("The tailnet's daemon says a login that cannot be one", LOOK)
    name = inert(profile.display_name[:NAME_LIMIT]).strip()
    groups, capabilities = frozenset(profile.groups or ()), frozenset(said.cap_map or ())
    return Claim(TAILNET, profile.login_name, name, groups, capabilities)
