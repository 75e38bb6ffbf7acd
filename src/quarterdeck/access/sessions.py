"""The sessions of people: how one begins, by what it is known, and when it is over.

Rule 1: a session is known by 32 random bytes that its holder alone has. The ledger keeps their SHA-256.
Rule 2: it ends when it was not used for so long, when it began so long ago, or when somebody ends it; the first of them
        counts. A shorter span in the settings counts for those who are in already.
Rule 3: a request never writes. When a session was last used is remembered, and written once a minute.
Rule 4: a browser shows its cookies to every port of its machine. One that came in over loopback is therefore bound to
        the user it runs as: the same words from a program of another user, or by another way, are nobody's.
Rule 5: what is shown as a cookie opens nothing as a bearer token, and the other way round.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, NamedTuple

from quarterdeck.access.identity import Claim, Peer, Role, bound_to
from quarterdeck.access.register import Copy, Register
from quarterdeck.access.steady import Steady
from quarterdeck.store.ledger.people import KeptSession, NewSession

COOKIE: Final = "cookie"
BEARER: Final = "bearer"
LOCAL: Final = "local"
"""The witness of those who were let in by whoever owns this installation."""
PREFIX: Final = "qd_"
"""How the value of a bearer session begins, so that it is never taken for a token of an issuer."""
VALUE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
MOST: Final = 32
"""Sessions that one person may have; of more, those end that were not used for the longest."""
LONGEST_DAYS: Final = 400


class Life(NamedTuple):
    """How long a session may be idle, and last."""

    idle: timedelta
    whole: timedelta


class Made(NamedTuple):
    """A session that was made."""

    id: int
    value: str
    """What its holder shows. It is told once, and kept by nobody else."""
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A session, for whoever wants to know which there are."""

    id: int
    carried: str
    how: str
    login: str
    name: str
    role: Role | None
    """What its holder is where that was decided with it; None where the rules decide."""
    made_at: datetime
    used_at: datetime
    ends_at: datetime
    """When it is over, if nobody uses it."""
    latest_at: datetime
    """When it is over, however often it is used."""


def digest(value: str) -> str:
    """Return by what the ledger knows what somebody shows."""
    return sha256(value.encode()).hexdigest()


def value() -> str:
    """Return something nobody can guess."""
    return secrets.token_urlsafe(32)


class Sessions:
    """Begins sessions, knows them, and ends them."""

    def __init__(self, register: Register, steady: Steady, life: Life) -> None:
        self._register, self._steady, self.life = register, steady, life
        self._used: dict[int, float] = {}
        """By session, how long the machine had been up when it was last used."""

    # --- beginning and ending one ------------------------------------------------------------------------------------

    def begin(
        self, claim: Claim, role: Role | None = None, *, instead_of: Collection[int] = (), uid: int | None = None
    ) -> Made:
        """Begin a session, with a value nobody had before; those it takes the place of end.

        With ``uid`` it is bound to programs of that user on this machine.

        Raises:
            LedgerUnavailableError: when it cannot be kept; then there is none.
        """
        shown = value()
        new = self.new(shown, claim, role, uid)
        number = self._register.change(lambda people: people.admit(new, instead_of=instead_of, most=MOST))
        return Made(number, shown, new.ends_at)

    def begin_bearer(self, name: str, role: Role, days: int) -> Made:
        """Begin a session for a program, which shows it as a bearer token. It may be idle for as long as it lasts.

        Raises:
            LedgerUnavailableError: when it cannot be kept; then there is none.
        """
        shown, now = PREFIX + value(), self._steady.now()
        new = NewSession(
            digest(shown), BEARER, LOCAL, name, "", frozenset(), role.value, now, now + timedelta(days=days), None
        )
        number = self._register.change(lambda people: people.admit(new, most=MOST))
        return Made(number, shown, new.ends_at)

    def new(self, shown: str, claim: Claim, role: Role | None, uid: int | None = None) -> NewSession:
        """Return the session that somebody would get now."""
        now = self._steady.now()
        given = None if role is None else role.value
        return NewSession(
            digest(shown),
            COOKIE,
            claim.how,
            claim.login,
            claim.name,
            claim.groups,
            given,
            now,
            now + self.life.whole,
            self.life.idle,
            uid,
        )

    def end(self, numbers: Iterable[int]) -> int:
        """End sessions; return how many of them there were.

        Raises:
            LedgerUnavailableError: when that cannot be written.
        """
        wanted = list(numbers)
        return self._register.change(lambda people: people.end(wanted))

    def end_all(self, *, but: Collection[int] = ()) -> int:
        """End all but some, and withdraw all one-time tokens; return how many sessions there were.

        Raises:
            LedgerUnavailableError: when that cannot be written.
        """
        return self._register.change(lambda people: people.end_all(but=but))

    # --- knowing one -------------------------------------------------------------------------------------------------

    def find(self, copy: Copy, shown: str, carried: str) -> KeptSession | None:
        """Return the session that somebody shows; None when there is none, or none any more."""
        plain = shown.removeprefix(PREFIX) if carried == BEARER else shown
        if VALUE.fullmatch(plain) is None:
            return None
        kept = copy.sessions.get(digest(shown))
        if kept is None or kept.is_.carried != carried or self.left(kept) <= timedelta():
            return None
        return kept

    @staticmethod
    def is_shown_by_its_own(kept: KeptSession, peer: Peer) -> bool:
        """Whether it comes from where it is bound to."""
        bound = kept.is_.uid
        return bound is None or bound_to(peer) == bound

    def left(self, kept: KeptSession) -> timedelta:
        """Return how long a session lasts yet, if nobody uses it."""
        return self._ends_at(kept) - self._steady.now()

    def used(self, number: int, up: float) -> None:
        """Remember that a session was used when the machine had been up for so long."""
        self._used[number] = up

    def all(self, copy: Copy) -> tuple[Session, ...]:
        """Return all there are, those that were used last first."""
        alive = [kept for kept in copy.sessions.values() if self.left(kept) > timedelta()]
        found = [
            Session(
                kept.id,
                kept.is_.carried,
                kept.is_.how,
                kept.is_.login,
                kept.is_.name,
                None if kept.is_.role is None else Role(kept.is_.role),
                kept.is_.made_at,
                self._used_at(kept),
                self._ends_at(kept),
                self._latest_at(kept),
            )
            for kept in alive
        ]
        return tuple(sorted(found, key=lambda one: (one.used_at, one.id), reverse=True))

    def keep(self) -> None:
        """Write when sessions were last used and how far the clock has come, and clear away what is over.

        Raises:
            LedgerUnavailableError: when that cannot be written; it is remembered for the next time.
        """
        used = self._used.copy()
        moments = {number: self._when(up) for number, up in used.items()}
        tick = self._steady.tick()
        self._register.change(lambda people: people.keep(moments, tick))
        for number, up in used.items():
            if self._used.get(number) == up:
                del self._used[number]

    # --- when --------------------------------------------------------------------------------------------------------

    def _ends_at(self, kept: KeptSession) -> datetime:
        idle = kept.is_.idle
        latest = self._latest_at(kept)
        return latest if idle is None else min(latest, self._used_at(kept) + min(idle, self.life.idle))

    def _latest_at(self, kept: KeptSession) -> datetime:
        new = kept.is_
        return new.ends_at if new.idle is None else min(new.ends_at, new.made_at + self.life.whole)

    def _used_at(self, kept: KeptSession) -> datetime:
        up = self._used.get(kept.id)
        return kept.used_at if up is None else max(kept.used_at, self._when(up))

    def _when(self, up: float) -> datetime:
        """Return the moment at which the machine had been up for so long."""
        return self._steady.now() - timedelta(seconds=max(self._steady.up() - up, 0.0))
