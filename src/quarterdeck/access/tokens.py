"""One-time tokens: how whoever owns this installation comes in, and lets others in.

Rule 1: a token is good for ten minutes and for one session. It is 32 random bytes; the ledger keeps their SHA-256.
Rule 2: showing it opens nothing but the page on which it can be used: following an address changes nothing.
Rule 3: whoever shows wrong ones again and again is answered slowly. Whoever shows a right one never waits, so that no
        other program of this machine can shut its owner out.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from quarterdeck.access.identity import Claim, Peer, Person, Role
from quarterdeck.access.register import Copy, Register
from quarterdeck.access.sessions import LOCAL, MOST, VALUE, Made, Sessions, digest, value
from quarterdeck.access.steady import Steady
from quarterdeck.store.ledger.people import KeptToken, Token

LIFE: Final = timedelta(minutes=10)
MOST_TOKENS: Final = 16
"""Tokens that may be good at one time; of more, the oldest end."""
WRONG, WRONG_S, SLOW_S = 10, 60.0, 1.0
"""Wrong tokens that one peer may show within some seconds before each further one takes so many seconds to answer."""
PEERS: Final = 1_024
CLAIMS: Final = {Role.OPERATOR: Claim(LOCAL, "owner", "the owner"), Role.VIEWER: Claim(LOCAL, "visitor", "a visitor")}
"""Who those are who came in by a token. Who started a program has no say in it."""

log = logging.getLogger(__name__)


class Offered(NamedTuple):
    """A one-time token that was made."""

    value: str
    """What its holder shows. It is told once, and kept by nobody else."""
    ends_at: datetime


class Tokens:
    """Makes one-time tokens, knows them, and takes them for sessions."""

    def __init__(self, register: Register, steady: Steady, sessions: Sessions) -> None:
        self._register, self._steady, self._sessions = register, steady, sessions
        self._wrong: dict[tuple[str, str], tuple[float, int]] = {}

    def offer(self, role: Role) -> Offered:
        """Make a token for a session of this role.

        Raises:
            LedgerUnavailableError: when it cannot be kept; then there is none.
        """
        shown, now = value(), self._steady.now()
        token = Token(digest(shown), role.value, now, now + LIFE)
        self._register.change(lambda people: people.offer(token, most=MOST_TOKENS))
        return Offered(shown, token.ends_at)

    def guest(self, copy: Copy, shown: str) -> Person | None:
        """Return whoever shows a token that is still good; they may use it, and nothing else."""
        kept = self._good(copy, shown)
        return None if kept is None else Person(LOCAL, f"token {kept.id}", Role.GUEST)

    def role(self, copy: Copy, shown: str) -> Role | None:
        """Return what a token makes of whoever uses it; None when it is not good."""
        kept = self._good(copy, shown)
        return None if kept is None else Role(kept.is_.role)

    def spend(self, shown: str, *, instead_of: Collection[int] = (), uid: int | None = None) -> Made | None:
        """Use a token up for a session; None when it is not good, or another was faster.

        Raises:
            LedgerUnavailableError: when that cannot be kept; then nothing was used up.
        """
        if VALUE.fullmatch(shown) is None:
            return None
        secret = value()
        new = {role.value: self._sessions.new(secret, claim, role, uid) for role, claim in CLAIMS.items()}
        key, now = digest(shown), self._steady.now()
        number = self._register.change(lambda people: people.spend(key, now, new, instead_of=instead_of, most=MOST))
        return None if number is None else Made(number, secret, new[Role.OPERATOR.value].ends_at)

    def wrong(self, peer: Peer) -> float:
        """Note that a peer showed a token that is not good; return for how many seconds the answer has to wait."""
        where, now = (peer.way, peer.address), self._steady.up()
        since, count = self._wrong.get(where, (now, 0))
        since, count = (since, count + 1) if now - since < WRONG_S else (now, 1)
        if len(self._wrong) >= PEERS:
            self._wrong.clear()
        self._wrong[where] = (since, count)
        if count == WRONG + 1:
            log.warning("Many wrong one-time tokens come by way of %s: they are answered slowly.", peer.way)
        return SLOW_S if count > WRONG else 0.0

    def _good(self, copy: Copy, shown: str) -> KeptToken | None:
        if VALUE.fullmatch(shown) is None:
            return None
        kept = copy.tokens.get(digest(shown))
        return None if kept is None or kept.is_.ends_at <= self._steady.now() else kept
