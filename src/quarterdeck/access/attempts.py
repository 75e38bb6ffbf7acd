"""Sign-ins that lead through somebody else's pages: what binds the end of one to its beginning.

Rule 1: an attempt belongs to the browser and the origin it was begun in, lasts ten minutes and ends once.
Rule 2: all that is remembered of it is in the browser's cookie. What has to be unguessable is derived from that with a
        key which never leaves this process: whoever begins and never comes back leaves nothing here, and whoever
        sees a cookie or an address knows nothing else.
Rule 3: only what was ended is remembered, and only until it would be over in any case. Of too many, those that would be
        over first are forgotten: strangers who end what they began themselves must keep nobody else out, and what
        is forgotten here the forge still takes only once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from quarterdeck.access.forge_trouble import ANEW, ForgeLoginError, Trouble

LIFE_S: Final = 600
"""How long somebody may take."""
MOST_ENDED: Final = 4_096

_ORIGIN: Final = re.compile(r"https?://(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?")
_COOKIE: Final = re.compile(r"([0-9]{1,12})\.[A-Za-z0-9_-]{43}")


class Attempt(NamedTuple):
    """What belongs to one sign-in."""

    cookie: str
    state: str
    """What comes back with the browser."""
    nonce: str
    """What comes back in what is signed."""
    verifier: str
    """What only we know until the end (PKCE)."""

    @property
    def challenge(self) -> str:
        """What may be known of the verifier before."""
        return text_of(hashlib.sha256(self.verifier.encode()).digest())


class Attempts:
    """Begins and ends them."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._ended: dict[str, int] = {}

    def begin(self, origin: str) -> Attempt:
        """Begin one for a browser that looks at our pages under this origin.

        Raises:
            ForgeLoginError: when that is no origin.
        """
        if not _ORIGIN.fullmatch(origin):
            raise ForgeLoginError(Trouble.NOT_BEGUN, "This is no origin of ours", ANEW)
        return self._attempt(f"{int(self._monotonic()) + LIFE_S}.{secrets.token_urlsafe(32)}", origin)

    def end(self, state: str, cookie: str, origin: str) -> Attempt:
        """Return what was begun in this browser, once.

        Raises:
            ForgeLoginError: when it was not begun here, is over, or was ended before.
        """
        written = _COOKIE.fullmatch(cookie)
        attempt = self._attempt(cookie, origin)
        if written is None or not hmac.compare_digest(attempt.state.encode(), state.encode("utf-8", "replace")):
            what = "This sign-in was not begun in this browser, or under another address"
            raise ForgeLoginError(Trouble.NOT_BEGUN, what, ANEW)
        ends, now = int(written[1]), self._monotonic()
        if ends <= now:
            raise ForgeLoginError(Trouble.TOO_LATE, f"The sign-in took longer than {LIFE_S // 60} minutes", ANEW)
        with self._lock:
            self._ended = {each: until for each, until in self._ended.items() if until > now}
            if cookie in self._ended:
                raise ForgeLoginError(Trouble.USED, "This sign-in was used before", ANEW)
            if len(self._ended) >= MOST_ENDED:
                del self._ended[min(self._ended, key=self._ended.__getitem__)]
            self._ended[cookie] = ends
        return attempt

    def _attempt(self, cookie: str, origin: str) -> Attempt:
        return Attempt(cookie, *(self._derived(purpose, cookie, origin) for purpose in ("state", "nonce", "verifier")))

    def _derived(self, purpose: str, cookie: str, origin: str) -> str:
        # No purpose, origin or cookie that is taken holds a line break, so no two of these are written alike.
        return text_of(hmac.digest(self._key, f"{purpose}\n{origin}\n{cookie}".encode("utf-8", "replace"), "sha256"))


def text_of(raw: bytes) -> str:
    """Write bytes as addresses and cookies can hold them."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
