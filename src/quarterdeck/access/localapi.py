"""The tailnet's daemon, asked at its local socket: the one witness of who is who on the tailnet.

Rule 1: whoever could put another program in the daemon's place could make anybody an operator. So the program that
        answers must run as root or as the owner of the socket's folder, and only root, that user and ours may change
        the folders the socket lies in.
Rule 2: an answer that is late, cut off, too long or not what it should be is no answer. Nothing of it is used.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePath
from typing import Final, TypeVar

import msgspec

from quarterdeck.errors import QuarterdeckError
from quarterdeck.http import Answer, Fault, HttpError, Limits, LocalLooker

T = TypeVar("T")

HOST: Final = "local-tailscaled.sock"
"""The only name under which the daemon answers."""
LIMITS: Final = Limits(connect_s=0.3, silence_s=0.5, total_s=0.5, body=1_000_000)
"""Somebody waits for the answer, and a local socket answers within milliseconds or not at all."""
GOOD, NOT_ALLOWED, NO_MATCH = 200, 403, 404
UNMAPPED: Final = 65534
"""What every user from outside a container looks like from inside."""
OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH

START: Final = "Start it (`systemctl start tailscaled`), or say in [access] `tailscaled` where its socket is."
LET_US: Final = "Run Quarterdeck as a user that may: `tailscale status` must work for it."
LOOK: Final = "See whether `tailscale status` answers, and what the daemon's log says."
MOVE: Final = "Let [access] `tailscaled` name a socket in a folder that only root or the daemon's own user can change."
ADVICE: Final = {Fault.REFUSED: START, Fault.FORBIDDEN: LET_US}


class DaemonError(QuarterdeckError):
    """The tailnet's daemon gave no answer that can be trusted."""


def ask(place: PurePath, target: str, limits: Limits = LIMITS) -> Answer:
    """Ask the daemon whose socket this is; only what it knows (200) or knows nothing of (404) is an answer.

    Raises:
        DaemonError: when there is no answer, or the program that gives it cannot be trusted.
    """
    try:
        answer = LocalLooker(place, HOST, limits).get(target)
    except HttpError as error:
        what = f"The tailnet's daemon gives no answer: {error.detail}"
        raise DaemonError(what, ADVICE.get(error.fault, LOOK)) from None
    check_place(place, answer.uid)
    if answer.status == NOT_ALLOWED:
        raise DaemonError("The tailnet's daemon does not answer this user", LET_US)
    if answer.status not in {GOOD, NO_MATCH}:
        raise DaemonError(f"The tailnet's daemon answers with an error ({answer.status})", LOOK)
    if not answer.whole:
        raise DaemonError("The tailnet's daemon says more than it may", LOOK)
    return answer


def understood(body: bytes, kind: type[T]) -> T:
    """Return an answer as what it should be.

    Raises:
        DaemonError: when it is something else.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise DaemonError("The tailnet's daemon says something that this release does not understand", LOOK) from None


def check_place(place: PurePath, uid: int | None) -> None:
    """Make sure that nobody can have put another program in the daemon's place.

    Raises:
        DaemonError: when somebody could.
    """
    try:
        folder = Path(place).resolve(strict=True).parent
        looks = [each.stat() for each in (folder, *folder.parents)]
    except OSError:
        raise DaemonError("The folder of the tailnet daemon's socket cannot be looked at", LET_US) from None
    if uid is None or uid == UNMAPPED or uid not in {0, looks[0].st_uid}:
        raise DaemonError("What answers at the tailnet daemon's socket runs neither as root nor as its owner", MOVE)
    if any(look.st_uid not in {0, uid, os.geteuid()} for look in looks) or any(map(_others_write, looks)):
        raise DaemonError("Others can change the folder in which the tailnet daemon's socket lies", MOVE)


def _others_write(look: os.stat_result) -> bool:
    """Whether others than its owner can move what lies in a folder: not where it is sticky, as in ``/tmp``."""
    return bool(look.st_mode & OTHERS_WRITE) and not look.st_mode & stat.S_ISVTX
