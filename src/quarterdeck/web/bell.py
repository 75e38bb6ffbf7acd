"""The bell: a forge rings when something moved, so that it is looked at sooner than at the next turn.

Rule 1: what rings is only a hint of where to look. Nothing of what was sent is kept, shown or believed.
Rule 2: who rings is known by the signature over the bytes that came, and by nothing else. Whatever is not right about
        it, the guard turns it into the strangers' answer; why, the log tells the owner.
Rule 3: nothing is read before the heads are right, and nothing is understood before the signature is.
Rule 4: what rang once does not ring again: neither by the name it was sent under, which is not signed, nor by what it
        says. After a start nothing is remembered; then it wakes a look once more, which is all it can do.
Rule 5: a bell that is drowned out costs a minute: the forge is asked again and again in any case.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from http import HTTPStatus
from pathlib import Path
from typing import Final

import msgspec

from quarterdeck.access.identity import Permission
from quarterdeck.access.seldom import Seldom
from quarterdeck.access.shape import LONGEST_RING, quoted
from quarterdeck.access.signature import delivery, signatures, signed
from quarterdeck.errors import ConfigurationError
from quarterdeck.settings.forges import BELL_LEAST
from quarterdeck.settings.sign_in import read_secret
from quarterdeck.truth.watched import Forge
from quarterdeck.web.address import Refusal
from quarterdeck.web.answers import TEXT, Answer, answer
from quarterdeck.web.app import Ask, Route, Routes, read_body

PATH: Final = "/hooks/forge/"
AT_ONCE: Final = 4
"""Bodies that are read at the same time."""
OFTEN, OFTEN_S, PEERS = 60, 10.0, 1_024
"""How often one peer may ring within some seconds, rightly or not."""
KEPT, KEPT_S = 4_096, 86_400.0
"""How many rings are remembered, and for how long."""
NAME_LIMIT: Final = 300
HEARD: Final = answer(b"", TEXT, status=HTTPStatus.ACCEPTED)

Ring = Callable[[str, str], None]
"""Takes the id of a forge and the full name of a repository; it is quick."""

log = logging.getLogger(__name__)


class _Repository(msgspec.Struct):
    full_name: str


class _Payload(msgspec.Struct):
    """All that is read of a webhook."""

    repository: _Repository


_PAYLOAD: Final = msgspec.json.Decoder(_Payload)


class Bell:
    """Hears the webhooks of forges."""

    def __init__(self, forges: Collection[Forge], ring: Ring, monotonic: Callable[[], float] = time.monotonic) -> None:
        """``ring`` makes a forge be looked at soon."""
        self._forges = {f"{PATH}{one.id}": (one, Path(one.bell_file)) for one in forges if one.bell_file is not None}
        self._ring = ring
        self._reading = 0
        self._pace, self._once = Pace(monotonic), Once(monotonic)
        self._log = Seldom(log, monotonic)

    @property
    def routes(self) -> Routes:
        """What there is: one address for each forge that has a secret."""
        return {path: {"POST": Route(Permission.RING, self._hear)} for path in self._forges}

    async def _hear(self, ask: Ask) -> Answer:
        """Hear one webhook.

        Raises:
            Refusal: when anything about it is not right. Whoever sent it is not told what.
        """
        forge, file = self._forges[ask.path]
        try:
            repo = await self._heard_rightly(ask, forge, file)
        except Refusal as refusal:
            self._log.warn("A webhook was refused: %s", f"[[forges]] {forge.id}: {refusal.detail}")
            raise
        self._ring(forge.id, repo)
        return HEARD

    async def _heard_rightly(self, ask: Ask, forge: Forge, file: Path) -> str:
        """Return about which repository it is."""
        peer = ask.peer
        if not self._pace.allows(None if peer is None else (peer.way, peer.address, peer.uid)):
            raise _wrong("Too many came in a short time.")
        digests, name = signatures(ask.said), delivery(ask.said)
        if not digests or name is None:
            raise _wrong("It is not signed, or has no name. Give the webhook a secret, and its type Gitea or Forgejo.")
        body = await self._read(ask)
        if not signed(_secret(file), body, digests):
            raise _wrong("Its signature is not right. Write the content of bell_file into the secret of the webhook.")
        if not self._once.is_new((forge.id, name), (forge.id, digests[0])):
            raise _wrong("It came before. A second test of the same commit counts as one.")
        repo = _repository(body)
        if not forge.watches(repo):
            raise _wrong(
                f"It is about {quoted(repo.encode(errors='replace'))}, which is not watched. See repos and without."
            )
        return repo

    async def _read(self, ask: Ask) -> bytes:
        if self._reading >= AT_ONCE:
            raise _wrong("Too many came at the same time.")
        self._reading += 1
        try:
            return await read_body(ask.receive, LONGEST_RING)
        finally:
            self._reading -= 1


class Pace:
    """How often each peer may come."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._came: dict[object, tuple[float, int]] = {}

    def allows(self, who: object) -> bool:
        """Count that somebody came; whether that is not too often."""
        now = self._monotonic()
        since, count = self._came.get(who, (now, 0))
        if now - since >= OFTEN_S:
            since, count = now, 0
        if len(self._came) >= PEERS:
            self._came.clear()
        self._came[who] = (since, count + 1)
        return count < OFTEN


class Once:
    """What was heard, by each of its marks, the oldest first."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._heard: OrderedDict[object, float] = OrderedDict()

    def is_new(self, *marks: object) -> bool:
        """Whether nothing with one of these marks was heard; from now on it was."""
        now = self._monotonic()
        while self._heard and now - next(iter(self._heard.values())) >= KEPT_S:
            self._heard.popitem(last=False)
        if any(mark in self._heard for mark in marks):
            return False
        while len(self._heard) > KEPT - len(marks):
            self._heard.popitem(last=False)
        self._heard |= dict.fromkeys(marks, now)
        return True


def _secret(file: Path) -> bytes:
    try:
        secret = read_secret(file)
    except ConfigurationError as error:
        raise _wrong(f"{error}.") from None
    if len(secret) < BELL_LEAST:
        raise _wrong(f"The secret in {file} has fewer than {BELL_LEAST} characters.")
    return secret.encode("ascii")


def _repository(body: bytes) -> str:
    try:
        name = _PAYLOAD.decode(body).repository.full_name
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        name = ""
    if not name or len(name) > NAME_LIMIT:
        raise _wrong("It is not JSON that names a repository. Set its content type to application/json.")
    return name


def _wrong(detail: str) -> Refusal:
    return Refusal(HTTPStatus.FORBIDDEN, detail)
