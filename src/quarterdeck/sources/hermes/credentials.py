"""Which secrets an agent holds, when they end, and who could read the files that hold them.

Rule 1: a file of secrets is opened only to learn their names, their times and their scopes. A value is left behind
        where it is parsed (``secret_files``), and what this module knows has no place for one.
Rule 2: a file that can no longer be read takes nothing away: what it held is unknown, not gone.
Rule 3: what a person keeps in the home folder of the user whom the agent runs as, is in the agent's reach and counts as
        its own, unless the settings say not to look there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from quarterdeck.sources import files
from quarterdeck.sources.files import Listing, SourceError, Stat
from quarterdeck.sources.hermes import secret_files
from quarterdeck.sources.hermes.answers import Answer, Report, after, attempt, given, past
from quarterdeck.sources.hermes.auth import Auth
from quarterdeck.sources.hermes.held import Held, Mark, is_plain
from quarterdeck.sources.hermes.likeness import Likeness
from quarterdeck.sources.hermes.model import AUTH
from quarterdeck.sources.hermes.secret_files import Parse, document
from quarterdeck.sources.hermes.tracked import Committed, Tracked
from quarterdeck.sources.hermes.values import if_there, is_settled, is_there
from quarterdeck.sources.permissions import Permissions, permissions
from quarterdeck.truth import fields as F  # noqa: N812 -- as in the judgement tables
from quarterdeck.truth.fields import FIELDS
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.reading import Origin, Reason

ENV = Origin("environment file of the agent", ".env")
MODES = Origin("modes of the secret files", ".env")
INDEX = Origin("git's list of files", ".git/index")
REFERENCE = Origin("logins of the agent", "auth.json")

COMPARED = Origin("comparison of secrets in memory", "agents read by this program")
NOT_OURS = SourceError(Reason.MISSING, "nobody writes down when a person's own login is used")

LIMIT: Final = 1_000_000
LIMITS: Final = {"auth.json": 5_000_000}
"""Files that may be larger, because the agent lets them grow."""
FOLDER_LIMIT: Final = 64
OF_HOME: Final = "secret file of the agent"
OF_USER: Final = "home folder of the agent's user"
MCP_TOKENS: Final = "mcp-tokens"


def _configuration(data: bytes, mark: Mark) -> tuple[Held, ...]:
    from quarterdeck.sources.hermes.secret_config import configuration  # noqa: PLC0415 -- YAML is dear to import

    return configuration(data, mark)


HOLDERS: Final[dict[str, Parse]] = {
    ".env": secret_files.environment,
    "auth.json": secret_files.logins,
    "config.yaml": _configuration,
    ".anthropic_oauth.json": document("calling models", "anthropic"),
    "auth/google_oauth.json": document("calling models", "google"),
    "google_token.json": document("tool or skill", "google"),
    "google_client_secret.json": document("tool or skill", "google"),
    "slack_tokens.json": document("chat platform", "slack"),
    "honcho.json": document("tool or skill", "honcho"),
    "mem0.json": document("tool or skill", "mem0"),
    "webhook_subscriptions.json": document("letting callers in", None),
}
"""Files of a home that hold secrets, and how each is understood."""

PERSONAL: Final[dict[str, tuple[str, str | None, bytes]]] = {
    ".git-credentials": ("source code", None, b"://"),
    ".config/git/credentials": ("source code", None, b"://"),
    ".config/gh/hosts.yml": ("source code", "github", b"oauth_token"),
    ".config/glab-cli/config.yml": ("source code", "gitlab", b"token:"),
    ".config/tea/config.yml": ("source code", "gitea", b"token:"),
    ".netrc": ("not known", None, b"password"),
    ".claude/.credentials.json": ("calling models", "anthropic", b"oken"),
    ".codex/auth.json": ("calling models", "openai", b"oken"),
}
"""Files in a user's home folder that hold a person's own logins: what for, whose, and by which word one is seen."""


class Holder:
    """One file that may hold secrets, understood anew only when it changed."""

    def __init__(self, path: Path, parse: Parse, mark: Mark) -> None:
        self.path = path
        self._parse, self._mark = parse, mark
        self._state: Stat | None = None
        self._held: Answer[tuple[Held, ...]] = ()
        self.last: tuple[Held, ...] = ()
        """What it held when it could last be read."""

    def read(self) -> tuple[Held, ...]:
        """Return what it holds; nothing when it is not there.

        Raises:
            SourceError: when that cannot be told.
        """
        state = given(if_there(files.stat_file, self.path))
        if state is None:
            self._state, self.last = None, ()
            return ()
        if state != self._state or not is_settled(self._held):
            self._state, self._held = state, attempt(self._understood)
        self.last = given(self._held)
        return self.last

    def _understood(self) -> tuple[Held, ...]:
        return self._parse(files.read_bytes(self.path, limit=LIMITS.get(self.path.name, LIMIT)).data, self._mark)


class Found(NamedTuple):
    """A secret and where it lies."""

    held: Held
    origin: Origin
    path: Path | None
    """Its file; None where no file holds it."""
    lost: SourceError | None = None
    """Why its file cannot be read any more."""


class Credentials:
    """The secrets of one instance."""

    def __init__(self, instance: Instance, home: Path, likeness: Likeness | None = None) -> None:
        """Read ``home``; secrets are compared with those of other agents only when a common ``likeness`` is given."""
        self._instance, self._home = instance.id, home
        self._likeness, self._compares = likeness or Likeness(), likeness is not None
        self._tracked = Tracked(home)
        self._user = (
            Path(os.path.expanduser("~")) if instance.user_logins else None
        )  # as the shell has it; never raises
        self._holders: dict[str, Holder] = {name: self._holder(name) for name in HOLDERS}

    def tell(self, report: Report, auth: Answer[Auth]) -> None:
        """Add what is known of the instance's credentials to the report."""
        about, home = subject(self._instance, "credentials"), self._home
        tracked = attempt(self._tracked.look)
        report.tell(about, AUTH, F.CRED_PROVIDERS, after(auth, lambda found: found.providers))
        report.tell(about, AUTH, F.CRED_EXPIRES_AT, after(auth, lambda found: found.expires_at))
        report.tell(about, ENV, F.ENV_FILE, attempt(is_there, home / ENV.locator))
        report.tell(about, MODES, F.WORLD_READABLE, attempt(self._readable_by_others))
        committed = after(tracked, lambda held: tuple(name for name in HOLDERS if held.has(home / name)))
        report.tell(about, INDEX, F.SECRETS_COMMITTED, committed)
        self._tell_each(report, tracked)

    def _tell_each(self, report: Report, tracked: Answer[Committed]) -> None:
        told: dict[str, Held] = {}
        seen: dict[Path, Answer[Permissions | None]] = {}
        for held, origin, path, lost in (*self._of_home(), *self._of_user()):
            if held.name in told:
                continue  # what the home only names, or names again, is told by the file that holds it
            told[held.name] = held
            about = subject(self._instance, "credential", held.name)
            if lost is not None:
                _tell_lost(report, about, origin, lost)
                continue
            if path is not None and path not in seen:
                seen[path] = attempt(permissions, path)
            committed = False if path is None else after(tracked, partial(_is_in, path))
            _tell(report, about, held, origin, Around(None if path is None else seen[path], committed))
        self._compare(report, told)

    def _compare(self, report: Report, told: Mapping[str, Held]) -> None:
        """Say who else has the same secrets, where that can be said."""
        self._likeness.hold(self._instance, {name: held.marks for name, held in told.items()})
        if self._compares:
            for name, held in told.items():
                others = self._likeness.others(self._instance, held.marks)
                about = subject(self._instance, "credential", name)
                report.tell(about, COMPARED, F.CREDENTIAL_SHARED_WITH, others)

    # --- where they lie --------------------------------------------------------------------------------------------

    def _of_home(self) -> Iterator[Found]:
        listing = if_there(files.list_dir, self._home / MCP_TOKENS, limit=FOLDER_LIMIT)
        if isinstance(listing, SourceError):
            yield Found(Held(MCP_TOKENS), Origin(OF_HOME, MCP_TOKENS), None, lost=listing)
        for name in (*HOLDERS, *self._of_servers(listing)):
            holder = self._holders.get(name) or self._holders.setdefault(name, self._holder(name))
            found = attempt(holder.read)
            lost = found if isinstance(found, SourceError) else None
            for held in holder.last if lost is None else holder.last or (Held(name),):
                origin, path = (Origin(OF_HOME, name), holder.path) if held.in_file else (REFERENCE, None)
                yield Found(held._replace(name=held.name or name), origin, path, lost=lost)

    def _of_servers(self, listing: Answer[Listing | None]) -> tuple[str, ...]:
        """Return the files of the logins at tool servers, those that were seen before too."""
        entries = () if listing is None or isinstance(listing, SourceError) else listing.entries
        names = (each.name for each in entries if each.name.endswith(".json") and each.kind == "file")
        now = (f"{MCP_TOKENS}/{name}" for name in names if is_plain(name))
        return tuple(dict.fromkeys([*now, *(name for name in self._holders if name not in HOLDERS)]))

    def _holder(self, name: str) -> Holder:
        parse = HOLDERS.get(name) or document("tool or skill", None)
        return Holder(self._home / name, parse, self._likeness.marks)

    def _of_user(self) -> Iterator[Found]:
        if self._user is None or self._user == self._home:
            return
        for name, (purpose, provider, sign) in PERSONAL.items():
            found = attempt(_holds, self._user / name, sign)
            lost = found if isinstance(found, SourceError) else None
            if lost is not None or found:
                held = Held(name, purpose, provider, "login", used_at=NOT_OURS)
                yield Found(held, Origin(OF_USER, name), self._user / name, lost=lost)

    def _readable_by_others(self) -> tuple[str, ...]:
        modes = {name: given(if_there(permissions, self._home / name)) for name in HOLDERS}
        return tuple(name for name, found in modes.items() if found is not None and found.open_to != "owner")


def _is_in(path: Path, committed: Committed) -> bool:
    return committed.has(path)


def _holds(path: Path, sign: bytes) -> bool:
    """Whether there is a file, and a login in it."""
    found = given(if_there(files.read_bytes, path, limit=LIMIT))
    return found is not None and sign in found.data


# --- one of them ---------------------------------------------------------------------------------------------------


class Around(NamedTuple):
    """What is known of the file that a secret lies in."""

    permissions: Answer[Permissions | None]
    """None where no file of the home holds it."""
    committed: Answer[bool]


def _tell(report: Report, about: str, held: Held, origin: Origin, around: Around) -> None:
    """Tell all that is known of one secret."""
    file = around.permissions
    at_rest = after(file, lambda found: (None, None) if found is None else (found.changed_at, "file changed"))
    made_at: Answer[Any] = held.made_at if held.made_by else after(at_rest, lambda pair: pair[0])
    made_by: Answer[Any] = held.made_by or after(at_rest, lambda pair: pair[1])
    kept_in = origin.locator if held.in_file else None
    for field, answer in (
        (F.CREDENTIAL_PURPOSE, held.purpose),
        (F.CREDENTIAL_PROVIDER, held.provider),
        (F.CREDENTIAL_FORM, held.form),
        (F.CREDENTIAL_SCOPES, held.scopes),
        (F.CREDENTIAL_KEPT_IN, kept_in),
        (F.CREDENTIAL_MODE, after(file, lambda found: found and found.mode)),
        (F.CREDENTIAL_OWNER, after(file, lambda found: found and found.owner)),
        (F.CREDENTIAL_OPEN_TO, after(file, lambda found: found and found.open_to)),
        (F.CREDENTIAL_MADE_AT, after(made_at, lambda at: at and past(at, report.at))),
        (F.CREDENTIAL_MADE_BY, made_by),
        (F.CREDENTIAL_USED_AT, after(held.used_at, lambda at: at and past(at, report.at))),
        (F.CREDENTIAL_ENDS_AT, held.expires_at),
    ):
        report.tell(about, origin, field, answer)
    report.tell(about, INDEX, F.CREDENTIAL_COMMITTED, around.committed)


def _tell_lost(report: Report, about: str, origin: Origin, lost: SourceError) -> None:
    """Tell of a secret whose file can no longer be read, that nothing is known of it now."""
    for field in FIELDS.values():
        if field.of == F.CREDENTIAL_FORM.of and not field.reckoned:
            report.tell(about, origin, field, lost)
