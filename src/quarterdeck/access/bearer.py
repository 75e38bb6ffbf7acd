"""People and programs that show a token of an issuer that was named in the settings.

Rule 1: a token says who somebody is. What they may do here is said by the operator's rules, and by nothing in a token.
Rule 2: whatever is wrong with a token, with its issuer or with the way to it, nobody is recognised. Why is said in the
        log, seldom and without anything of the token.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from quarterdeck.access.identity import Claim
from quarterdeck.access.keys import LIMITS, Keys, NotTrustedError
from quarterdeck.access.seldom import Seldom
from quarterdeck.access.signed import Expected, name_in, names_in, verified
from quarterdeck.http import Looker
from quarterdeck.settings.sign_in import BearerIssuer

HOW: Final = "bearer"
log = logging.getLogger(__name__)


class Bearer:
    """Recognises the bearers of one issuer's tokens."""

    def __init__(
        self,
        issuer: BearerIssuer,
        now: Callable[[], datetime],
        *,
        keys: Keys | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``keys`` are asked for where the settings say, unless others are given."""
        looker = Looker(LIMITS, authorities=issuer.authorities)
        self._keys = keys or Keys(issuer.keys, looker.get, monotonic=monotonic)
        self._expected = Expected((issuer.issuer,), issuer.audience)
        self._groups, self._now = issuer.groups, now
        self._refused = Seldom(log, monotonic)

    def claim(self, token: str) -> Claim | None:
        """Return who shows a token; None when nobody can be told from it.

        Blocks for half a second at most, and only where the issuer's keys have to be fetched.
        """
        try:
            return self._claim(token)
        except NotTrustedError as error:
            why = error.why
        except Exception as error:  # noqa: BLE001 -- a token is a stranger's: a mistake of ours must not let it in
            why = f"reading it failed ({type(error).__name__}), which is a mistake in Quarterdeck"
        self._refused.warn("A bearer token was refused: %s.", why)
        return None

    def _claim(self, token: str) -> Claim:
        claims = verified(token, self._keys, self._expected, self._now())
        login = name_in(claims, "sub")
        if not login:
            raise NotTrustedError("it does not say whose it is")
        name = name_in(claims, "name") or name_in(claims, "preferred_username")
        return Claim(HOW, login, name, names_in(claims, self._groups))
