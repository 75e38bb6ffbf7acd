"""How one of systemd's managers is asked: the system's, one's own, or that of another user.

Rule 1: the only verb is ``show``. It changes nothing, and is allowed to everybody who may reach the manager.
Rule 2: another user's manager answers nobody but that user. Root asks as that user, without opening a session: each
        session would leave two lines in the log of logins.
Rule 3: a manager that does not run is missing, one that refuses is denied. Neither is a unit that is off.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

from quarterdeck.sources.command import Answer, Runner
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.systemd.show import PROPERTIES
from quarterdeck.truth.reading import Reason

Scope = Literal["user", "system"]

NO_SYSTEMD: Final = (Reason.MISSING, "no systemd on this host")
SHOW: Final = ("show", "--all", "--no-pager", "--no-ask-password", f"--property={','.join(PROPERTIES)}", "--")
"""``--all`` also finds units that are loaded and off when they are asked for by a pattern."""

FAILURES: Final = (
    ("not been booted with systemd", *NO_SYSTEMD),
    ("host is down", *NO_SYSTEMD),
    ("timed out", Reason.TIMEOUT, "the manager does not answer"),
    ("permission denied", Reason.DENIED, "the manager may not be asked by this user"),
    ("not permitted", Reason.DENIED, "the manager may not be asked by this user"),
    ("access denied", Reason.DENIED, "the manager may not be asked by this user"),
    ("failed to connect", Reason.MISSING, "the manager is not running"),
    ("setpriv", Reason.OBSERVER, "setpriv could not become that user"),
)
"""What systemctl says when it fails, in the order in which to look for it, and what that means."""


class Manager(NamedTuple):
    """One manager, and as whom it is asked."""

    scope: Scope
    user: str | None = None
    """The OS user whose manager it is; None for one's own."""

    @property
    def name(self) -> str:
        """As in the ids of its units: ``system``, ``user``, ``user@alice``."""
        return self.scope if self.user is None or self.scope == "system" else f"user@{self.user}"

    def way(self, runtime: str, me: int) -> Way:
        """Find out how to ask it from here, as the user with the number ``me``.

        Raises:
            SourceError: when it is not there, or cannot be asked by this user.
        """
        if not os.path.isdir(f"{runtime}/systemd/system"):
            raise SourceError(*NO_SYSTEMD)
        if self.scope == "system":
            return Way(("systemctl",), {}, f"systemd-system/{_name_of(me)}")
        if self.user is None or self.user == _name_of(me):
            _require_running(runtime, me, _name_of(me))
            return Way(("systemctl", "--user"), _runtime_of(me), f"systemd-user/{_name_of(me)}")
        return _as_another(self.user, me, runtime)


class Way(NamedTuple):
    """The command that asks a manager, up to its verb."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    asked_as: str

    def show(self, names: Iterable[str], run: Runner, limit_s: float) -> bytes:
        """Ask for units by name or pattern, in one call.

        Raises:
            SourceError: when there is no complete answer.
        """
        # In UTC and in the language of programs: what is read must not depend on where it is read.
        plain = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC0"}
        answer = run((*self.command, *SHOW, *names), plain | dict(self.environment), limit_s)
        if answer.code != 0:
            raise _failure(answer)
        return answer.out


def _as_another(user: str, me: int, runtime: str) -> Way:
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        raise SourceError(Reason.MISSING, "this host has no such user; correct the instance's user") from None
    if me != 0:
        detail = f"only {user} and root may ask; run the exporter as {user} (`quarterdeck units` shows how)"
        raise SourceError(Reason.DENIED, detail)
    _require_running(runtime, account.pw_uid, user)
    become = ("setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--init-groups", "--no-new-privs")
    command = (*become, "--", "systemctl", "--user")
    return Way(command, _runtime_of(account.pw_uid), f"systemd-user/{user}-via-setpriv")


def _require_running(runtime: str, uid: int, user: str) -> None:
    """A user's manager runs while the user is logged in, or always when told to linger."""
    if not os.path.isdir(f"{runtime}/user/{uid}"):
        detail = f"the manager of {user} is not running; `loginctl enable-linger {user}` keeps it running"
        raise SourceError(Reason.MISSING, detail)


def _runtime_of(uid: int) -> Mapping[str, str]:
    # Never taken from our own environment: under sudo it names somebody else's manager.
    return {"XDG_RUNTIME_DIR": f"/run/user/{uid}"}


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _failure(answer: Answer) -> SourceError:
    said = answer.err.decode("utf-8", "replace").lower()
    for words, reason, detail in FAILURES:
        if words in said:
            return SourceError(reason, detail)
    return SourceError(Reason.OBSERVER, f"systemctl failed with code {answer.code}")
