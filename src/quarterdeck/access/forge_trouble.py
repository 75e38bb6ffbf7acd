"""Why nobody was signed in through the forge, in words for whoever owns this installation."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from quarterdeck.errors import QuarterdeckError


class Trouble(StrEnum):
    """The kinds of it."""

    NOT_BEGUN = "not begun here"
    """This browser did not begin it, or not like this."""
    TOO_LATE = "too late"
    USED = "used before"
    DECLINED = "declined"
    """The person or the forge said no before there was a code."""
    REFUSED = "refused"
    """The forge did not take the code, or us."""
    SECRET = "no secret"  # noqa: S105 -- it says that there is none
    UNREACHABLE = "not reachable"
    UNREADABLE = "not understood"
    NOT_TRUSTED = "not trusted"


class ForgeLoginError(QuarterdeckError):
    """Nobody is signed in: why, and what to do."""

    def __init__(self, trouble: Trouble, what: str, fix: str) -> None:
        super().__init__(what, fix)
        self.trouble = trouble


ANEW: Final = "Sign in anew."
COMPARE: Final = (
    "Sign in anew. If it happens each time, compare client_id, the secret and the redirect address (…/signed-in) with "
    "the application at the forge."
)
SETTINGS: Final = "Compare [access.forge] in the settings with the forge."
SIGNATURE: Final = (
    "It must be the forge at `url`, with its own ROOT_URL written like that, the same time of day, and signatures by "
    "key (JWT_SIGNING_ALGORITHM in [oauth2] of its app.ini, RS256 unless changed)."
)
GRANTED: Final = (
    "If it goes on, take back what was granted to this application at the forge, under Settings, Applications: older "
    "forges cannot change what they granted before."
)
DECLINED: Final[Mapping[str, tuple[str, str]]] = {
    "access_denied": ("The forge says that the sign-in was declined there", ANEW),
    "server_error": ("The forge failed", GRANTED),
    "temporarily_unavailable": ("The forge is busy", "Try again later."),
}
"""What the errors mean with which a forge sends somebody back."""
ELSE_DECLINED: Final = ("The forge does not sign anybody in for this application", COMPARE)
