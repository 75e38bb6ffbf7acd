"""The secrets that Quarterdeck itself uses.

Rule 1: no file of a secret is opened here, but for files of passwords, which are asked whose they hold. Everything else
        is told by what the kernel says of a file from outside.
Rule 2: what a forge tells of the token that it is asked with stands beside it: what it may do, whose it is, and when it
        was last of use. While the forge does not tell, it is not known.
Rule 3: what this program was told to use is told of also when it cannot be looked at. What it makes for itself at the
        first use is not missing before that.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.own_credentials import passwords
from quarterdeck.sources.permissions import Permissions, permissions
from quarterdeck.truth import fields as F  # noqa: N812 -- as in the judgement tables
from quarterdeck.truth.fields import FIELDS, Field
from quarterdeck.truth.reading import AnyReading, Key, Knowledge, Known, Origin, Reason
from quarterdeck.truth.shapes import Ident, ShapeError
from quarterdeck.truth.snapshot import Snapshot

WITNESS: Final = "own credential"
NOT_NOTED: Final = SourceError(Reason.MISSING, "nobody writes down when it is used")
HANDED_LIMIT: Final = 64
FOLDER: Final = "CREDENTIALS_DIRECTORY"
GIVEN: Final = "given by the service manager"
PERSONS_OWN: Final = "personal token"


class Told(NamedTuple):
    """Where it is told what a secret may do, whether it is a person's, and when it was used."""

    used_at: Key
    scopes: Key | None = None
    of_a_person: Key | None = None


class InFile(NamedTuple):
    """A secret in a file of its own."""

    id: str
    purpose: str
    file: Path | None
    """None where another program keeps it for us, and only that program knows where."""
    form: str = "secrets"
    provider: str | None = None
    made_here: bool = False
    """Whether we make it at the first use, so that before it there is none."""
    used: Path | None = None
    """A file that is written whenever the secret is used; None where there is no such file."""
    told: Told | None = None
    """What somebody else tells of it; None where nobody does."""


class InDatabase(NamedTuple):
    """The password for a database."""

    id: str
    purpose: str
    address: str
    settings: Path | None = None
    """The file that the address stands in."""


Own = InFile | InDatabase


class Found(NamedTuple):
    """What can be seen of a secret."""

    form: str
    file: Path | None
    """None where no file holds it."""


class OwnCredentials:
    """Our own secrets, as a source."""

    name = "own-credentials"
    budget_s = 2.0
    every_s = 30.0

    def __init__(
        self, host: str, own: Iterable[Own], environment: Callable[[], Mapping[str, str]] = lambda: os.environ
    ) -> None:
        """Tell of these, and of what the service manager handed over."""
        self._host, self._own, self._environment = host, tuple(own), environment
        self._snapshot: Callable[[], Snapshot | None] = lambda: None

    def follow(self, snapshot: Callable[[], Snapshot]) -> None:
        """Name where the newest snapshot is found."""
        self._snapshot = snapshot

    @property
    def expected(self) -> tuple[Key, ...]:
        """The facts this source brings in any case."""
        always = (one for one in self._own if isinstance(one, InDatabase) or not one.made_here)
        return tuple((self._subject(one.id), field.name) for one in always for field in _fields())

    def watched(self) -> tuple[Path, ...]:
        """Watch nothing: looking often enough is cheap."""
        return ()

    def look(self, now: datetime) -> Iterator[AnyReading]:
        """Look once."""
        for one in (*self._own, *self._handed_over()):
            try:
                told = self._of_database(one) if isinstance(one, InDatabase) else _of_file(one)
                found = None if told is None or told.file is None else self._permissions(told.file)
            except SourceError as error:
                yield from self._lost(one, error, now)
                continue
            if told is not None:
                yield from self._known(one, told, found, now)

    # --- where they lie --------------------------------------------------------------------------------------------

    def _of_database(self, one: InDatabase) -> Found:
        place = passwords.place(one.address, self._environment())
        if place is None:
            return Found("nothing", None)
        if isinstance(place, Path):
            return Found("password", place)
        return Found("password", one.settings if place == passwords.SETTINGS else None)

    def _handed_over(self) -> Iterator[InFile]:
        """Return what the service manager handed over and nothing in the settings stands for."""
        folder = self._folder()
        if folder is None:
            return
        known = {one.file for one in self._own if isinstance(one, InFile)}
        passfile = self._environment().get("PGPASSFILE")
        for entry in files.list_dir(folder, limit=HANDED_LIMIT).entries:
            file = folder / entry.name
            if file not in known and str(file) != passfile:
                yield InFile(f"given/{_shown(entry.name)}", GIVEN, file)

    def _folder(self) -> Path | None:
        folder = Path(self._environment().get(FOLDER) or "")
        return folder if folder.is_absolute() else None

    def _permissions(self, file: Path) -> Permissions:
        """Look at a file. In the folder of this service, the group's right to read is our own, given by name."""
        found = permissions(file)
        ours = file.parent == self._folder() and found.open_to == "group"
        return found._replace(open_to="owner") if ours else found

    # --- readings --------------------------------------------------------------------------------------------------

    def _subject(self, identity: str) -> str:
        return f"quarterdeck:{self._host}/credential/{identity}"

    def _known(self, one: Own, told: Found, found: Permissions | None, now: datetime) -> Iterator[AnyReading]:
        about, origin = (
            self._subject(one.id),
            Origin(WITNESS, "settings" if told.file is None else _shown(told.file.name)),
        )
        values: tuple[tuple[Field[Any], object], ...] = (
            (F.CREDENTIAL_PURPOSE, one.purpose),
            (F.CREDENTIAL_PROVIDER, one.provider if isinstance(one, InFile) else None),
            (F.CREDENTIAL_KEPT_IN, None if told.file is None else _shown(told.file.name)),
            (F.CREDENTIAL_MODE, found and found.mode),
            (F.CREDENTIAL_OWNER, found and found.owner),
            (F.CREDENTIAL_OPEN_TO, found and found.open_to),
            (F.CREDENTIAL_MADE_AT, found and found.changed_at),
            (F.CREDENTIAL_MADE_BY, found and "file changed"),
            (F.CREDENTIAL_ENDS_AT, None),
        )
        for field, value in values:
            yield field.known(about, origin, value, now)
        if isinstance(one, InFile) and one.told is not None:
            yield from self._told(one.told, told.form, about, now)
            return
        yield F.CREDENTIAL_FORM.known(about, origin, told.form, now)
        yield F.CREDENTIAL_SCOPES.known(about, origin, None, now)
        used = _used(one)
        if isinstance(used, SourceError):
            yield F.CREDENTIAL_USED_AT.unavailable(about, origin, used.reason, used.detail, now)
        else:
            yield F.CREDENTIAL_USED_AT.known(about, origin, used, now)

    def _told(self, by: Told, form: str, about: str, now: datetime) -> Iterator[AnyReading]:
        """Pass on what somebody else tells of a secret, with who they are."""
        yield self._passed(F.CREDENTIAL_USED_AT, by.used_at, about, now)
        if by.scopes is None:
            yield F.CREDENTIAL_SCOPES.known(about, Origin(WITNESS, "settings"), None, now)
        else:
            yield self._passed(F.CREDENTIAL_SCOPES, by.scopes, about, now)
        if by.of_a_person is None:
            yield F.CREDENTIAL_FORM.known(about, Origin(WITNESS, "settings"), form, now)
        else:
            yield self._passed(
                F.CREDENTIAL_FORM, by.of_a_person, about, now, lambda whose: PERSONS_OWN if whose is True else form
            )

    def _passed(
        self, field: Field[Any], key: Key, about: str, now: datetime, form: Callable[[Any], Any] = lambda value: value
    ) -> AnyReading:
        snapshot = self._snapshot()
        told = None if snapshot is None else snapshot.readings.get(key)
        if told is None:
            return field.unavailable(about, Origin(WITNESS, key[0]), Reason.NEVER_SEEN, "it has not told yet", now)
        if not isinstance(told, Known):
            return field.unavailable(about, told.origin, told.reason, told.detail, now)
        if told.knowledge(now) is Knowledge.STALE:
            return field.unavailable(about, told.origin, Reason.TIMEOUT, "it has not told for too long", now)
        return field.known(about, told.origin, form(told.value), now)

    def _lost(self, one: Own, error: SourceError, now: datetime) -> Iterator[AnyReading]:
        origin = Origin(WITNESS, "settings")
        for field in _fields():
            yield field.unavailable(self._subject(one.id), origin, error.reason, error.detail, now)


def _of_file(one: InFile) -> Found | None:
    if one.made_here and one.file is not None:
        try:
            files.stat_file(one.file)
        except SourceError as error:
            if error.reason is Reason.MISSING:
                return None
            raise
    return Found(one.form, one.file)


def _used(one: Own) -> datetime | SourceError | None:
    """Return when a secret was last used, where something tells."""
    if isinstance(one, InDatabase) or one.used is None:
        return NOT_NOTED
    try:
        return permissions(one.used).changed_at
    except SourceError as error:
        return None if error.reason is Reason.MISSING else error


def _fields() -> Iterator[Field[Any]]:
    of_homes = (F.CREDENTIAL_COMMITTED, F.CREDENTIAL_SHARED_WITH)
    return (field for field in FIELDS.values() if field.of == F.CREDENTIAL_FORM.of and field not in of_homes)


def _shown(name: str) -> str:
    """Return the name of a file, where it has the form of one."""
    try:
        return Ident().load(name)
    except ShapeError:
        return "unnamed"
