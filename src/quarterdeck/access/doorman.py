"""Recognises people, by what they show and by who says so.

Rule 1: nobody is recognised while the ledger cannot be read, whichever way they come.
Rule 2: whoever shows a bearer token is known by it or not at all. Else a session counts, then the word of the tailnet,
        then a one-time token, which makes nobody more than a guest.
Rule 3: whom a rule shuts out stays out, also with a session. Where the tailnet is asked who somebody is and does not
        answer, that is not known, and so they stay out too.
Rule 4: what was found out is remembered for a second, and the word of a witness for five. What ends here is over at
        once, what another program ends within two seconds.
Rule 5: whatever goes wrong, nobody was recognised. Why stands in the log, seldom and without what was shown.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import blake2b
from typing import Final, NamedTuple, Protocol

from quarterdeck.access import rules, shown
from quarterdeck.access.identity import Claim, Peer, Person, Role, Way
from quarterdeck.access.register import SOON_S, Copy, Register
from quarterdeck.access.seldom import Seldom
from quarterdeck.access.sessions import BEARER, COOKIE, LOCAL, PREFIX, Sessions
from quarterdeck.access.tokens import Tokens
from quarterdeck.settings.access import Rule
from quarterdeck.store.ledger.people import KeptSession

REMEMBERED_S: Final = 1.0
HEARD_S: Final = 5.0
"""Seconds that the word of a witness is good."""
NOT_HEARD_S: Final = 1.0
"""Seconds that a witness who knows nobody is not asked again."""
WITNESS_S: Final = 2.0
"""Seconds that a witness gets to answer."""
WITNESSES: Final = 4
"""How often each witness is asked at one time. They do not share their threads: whoever shows an issuer's tokens that
take long to judge keeps nobody waiting whom the tailnet knows."""
THE_TAILNET, THE_ISSUER = "the tailnet's daemon", "the issuer's keys"
BROUGHT: Final = 443
"""The daemon does not say from which port it brings somebody; whose an address is does not hang on that."""
MOST: Final = 4_096
FUNNEL: Final = b"tailscale-funnel-request"
"""What the daemon says of requests that come from anywhere in the world."""

Said = Mapping[bytes, bytes]
log = logging.getLogger(__name__)


class Tailnet(Protocol):
    """Who says who is at the other end of a connection."""

    def whois(self, address: str, port: int) -> Claim | None:
        """Return who it is; None for who is no person. It may block, and raises where it cannot be told."""


class Bearers(Protocol):
    """Who says whose a token is."""

    def claim(self, token: str) -> Claim | None:
        """Return whose it is; None for nobody's. It may block."""


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Who is asked who somebody is; None where nobody is there to be asked."""

    tailnet: Tailnet | None = None
    bearers: Bearers | None = None
    daemon_uid: Callable[[], int | None] = lambda: None
    """Under which user the tailnet's daemon runs, as long as that is proven."""


class Known(NamedTuple):
    """Somebody who was recognised."""

    person: Person
    until: float
    generation: int


class Heard(NamedTuple):
    """What a witness said."""

    claim: Claim | None
    until: float


class UnknownError(Exception):
    """It cannot be told who somebody is; the reason is for the log."""


class Doorman:
    """Recognises people."""

    def __init__(
        self,
        register: Register,
        sessions: Sessions,
        tokens: Tokens,
        people: tuple[Rule, ...],
        witnesses: Witnesses,
        *,
        up: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._register, self._sessions, self._tokens, self._people = register, sessions, tokens, people
        self._witnesses, self._up, self._sleep = witnesses, up, sleep
        self._known: dict[tuple[object, ...], Known] = {}
        self._heard: dict[tuple[object, ...], Heard] = {}
        self._secret = secrets.token_bytes(32)
        self._threads = {
            who: ThreadPoolExecutor(WITNESSES, thread_name_prefix="Witness") for who in (THE_TAILNET, THE_ISSUER)
        }
        self._log = Seldom(log, up)

    def remembered(self, peer: Peer, said: Said, query: bytes) -> Person | None:
        """Return who was recognised by the same words on the same way a moment ago; None where that is over."""
        known = self._known.get(self._key(peer, said, query))
        if known is None or known.generation != self._register.generation:
            return None
        now = self._up()
        if now >= known.until:
            return None
        if known.person.session is not None:
            self._sessions.used(known.person.session, now)
        return known.person

    async def ask(self, peer: Peer, said: Said, query: bytes) -> Person | None:
        """Find out who it is; None for a stranger."""
        try:
            return await self._asked(peer, said, query)
        except UnknownError as unknown:
            self._log.warn("Somebody was turned away: %s.", str(unknown))
        except Exception as error:  # noqa: BLE001 -- whatever it is, nobody was recognised
            self._log.warn("Somebody was turned away, because recognising them failed (%s).", type(error).__name__)
        return None

    def close(self) -> None:
        """Ask nobody any more."""
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)

    # --- recognising -------------------------------------------------------------------------------------------------

    async def _asked(self, peer: Peer, said: Said, query: bytes) -> Person | None:
        if FUNNEL in said or not self._is_right_daemon(peer):
            return None
        claim = await self._claim_of_way(peer, said)
        if claim is not None and rules.is_shut_out(claim, self._people):
            return None
        copy = await self._register.current()  # after the witness: what ended while one thought is over
        found = None if copy is None else await self._found(copy, claim, peer, said, query)
        if copy is None or found is not None or not shown.is_ours(said, query, peer.way):
            return found
        newer = await self._register.current(SOON_S)
        if newer is not None and newer is not copy:
            found = await self._found(newer, claim, peer, said, query)
        if found is None and shown.one_time_token(query) is not None and (wait := self._tokens.wrong(peer)):
            await self._sleep(wait)
        return found

    async def _found(self, copy: Copy, claim: Claim | None, peer: Peer, said: Said, query: bytes) -> Person | None:
        token = shown.bearer(said)
        if token != "":
            return None if token is None else await self._bearer(copy, peer, said, query, token)
        value = shown.cookie(said, peer.way)
        kept = None if value is None else self._sessions.find(copy, value, COOKIE)
        if kept is not None and not self._sessions.is_shown_by_its_own(kept, peer):
            self._log.warn("The session of another user was shown over %s: end it, it was taken.", peer.way)
            return None
        found = None if kept is None else self._of_session(kept)
        if kept is not None and found is not None:
            return self._remember(peer, said, query, found, self._sessions.left(kept))
        found = None if claim is None else rules.person(claim, self._people)
        if found is None:
            one_time = shown.one_time_token(query)
            found = None if one_time is None else self._tokens.guest(copy, one_time)
        return None if found is None else self._remember(peer, said, query, found)

    def _is_right_daemon(self, peer: Peer) -> bool:
        """Whether whoever is at the other end of our socket is the daemon for which it is there."""
        if peer.way is not Way.SERVE:
            return True
        daemon = self._witnesses.daemon_uid()
        return daemon is not None and peer.uid == daemon

    async def _claim_of_way(self, peer: Peer, said: Said) -> Claim | None:
        """Return who the tailnet says it is, where they come from there."""
        if peer.way is Way.SERVE:
            return await self._brought(said)
        return await self._whois(peer.address, peer.port) if peer.way is Way.TAILNET else None

    async def _brought(self, said: Said) -> Claim | None:
        """Return whom the daemon brings over our socket, where it says the same when it is asked about their address.

        What it says with a request is not enough: it brings the programs of this very machine under the name of the
        machine's owner, an agent too.
        """
        login, address = shown.served(said)
        claim = await self._whois(address, BROUGHT) if login else None
        return claim if claim is not None and claim.login == login else None

    async def _whois(self, address: str, port: int) -> Claim | None:
        tailnet, where = self._witnesses.tailnet, (address, port)
        if tailnet is None:
            raise UnknownError("there is nobody who says who comes by way of the tailnet")
        return await self._word(where, lambda: tailnet.whois(*where), THE_TAILNET)

    async def _bearer(self, copy: Copy, peer: Peer, said: Said, query: bytes, token: str) -> Person | None:
        if token.startswith(PREFIX):
            kept = self._sessions.find(copy, token, BEARER)
            found = None if kept is None else self._of_session(kept)
            if kept is None or found is None:
                return None
            return self._remember(peer, said, query, found, self._sessions.left(kept))
        bearers = self._witnesses.bearers
        if bearers is None:
            return None
        key = ("bearer", blake2b(token.encode(), digest_size=16, key=self._secret).digest())
        claim = await self._word(key, lambda: bearers.claim(token), THE_ISSUER)
        found = None if claim is None else rules.person(claim, self._people)
        return None if found is None else self._remember(peer, said, query, found)

    def _of_session(self, kept: KeptSession) -> Person | None:
        new = kept.is_
        if new.role is not None:
            found = Person(new.how, new.login, Role(new.role), new.name) if new.how == LOCAL else None
        else:
            found = rules.person(Claim(new.how, new.login, new.name, new.groups), self._people)
        if found is None:
            return None
        self._sessions.used(kept.id, self._up())
        return replace(found, session=kept.id)

    # --- witnesses ---------------------------------------------------------------------------------------------------

    async def _word(self, about: tuple[object, ...], ask: Callable[[], Claim | None], who: str) -> Claim | None:
        """Return what a witness says, now or a moment ago."""
        heard = self._heard.get(about)
        if heard is not None and self._up() < heard.until:
            return heard.claim
        asked = asyncio.get_running_loop().run_in_executor(self._threads[who], ask)
        try:
            claim = await asyncio.wait_for(asked, WITNESS_S)
        except TimeoutError:
            raise UnknownError(f"{who} did not answer within {WITNESS_S:g} s") from None
        except Exception as error:  # noqa: BLE001 -- whatever a witness raises, it is not known who it is
            raise UnknownError(f"asking {who} failed ({type(error).__name__})") from None
        now = self._up()
        _make_room(self._heard, now)
        self._heard[about] = Heard(claim, now + (NOT_HEARD_S if claim is None else HEARD_S))
        return claim

    # --- remembering -------------------------------------------------------------------------------------------------

    def _remember(
        self, peer: Peer, said: Said, query: bytes, person: Person, left: timedelta = timedelta.max
    ) -> Person:
        now = self._up()
        _make_room(self._known, now)
        until = now + min(REMEMBERED_S, left.total_seconds())
        self._known[self._key(peer, said, query)] = Known(person, until, self._register.generation)
        return person

    def _key(self, peer: Peer, said: Said, query: bytes) -> tuple[object, ...]:
        """Return what was shown, in a form that tells nobody what it was."""
        words = (
            said.get(b"cookie", b""),
            said.get(b"authorization", b"-"),
            said.get(b"tailscale-user-login", b""),
            said.get(shown.FROM, b"") if peer.way is Way.SERVE else b"",
            b"funnel" if FUNNEL in said else b"",
            query if shown.TOKEN in query else b"",
        )
        mark = blake2b(b"\0".join(words), digest_size=16, key=self._secret).digest()
        return peer.way, peer.address, peer.port if peer.way is Way.TAILNET else 0, peer.uid, mark


def _make_room(remembered: dict[tuple[object, ...], Known] | dict[tuple[object, ...], Heard], now: float) -> None:
    """Forget what is over when there is too much; when that is not enough, forget everything."""
    if len(remembered) < MOST:
        return
    for key in [key for key, one in remembered.items() if one.until <= now]:
        del remembered[key]
    if len(remembered) >= MOST:
        remembered.clear()
