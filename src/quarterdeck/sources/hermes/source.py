"""One Hermes instance, looked at from its home and from the kernel.

Rule 1: each part is asked on its own. A part that fails makes its own facts unknown and leaves the others as they are,
        also when it is our own code that fails.
Rule 2: a look keeps no file open and changes nothing. What it remembers is only ever a saving, except for how long a
        platform has been in trouble, which the agent itself does not note.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, TypeVar

from quarterdeck.redaction import KnownValues
from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes import (
    auth,
    credentials,
    cron,
    dumps,
    facts,
    gateway,
    inventory,
    kanban,
    keys,
    logs,
    masking,
    model,
    sessions,
)
from quarterdeck.sources.hermes.answers import Answer, Report, after, attempt, given
from quarterdeck.sources.hermes.gateway import Around, Evidence
from quarterdeck.sources.hermes.likeness import Likeness
from quarterdeck.sources.hermes.proc import KERNEL, Kernel
from quarterdeck.sources.hermes.release import Releases, beats
from quarterdeck.sources.hermes.runner import Runner
from quarterdeck.sources.hermes.serving import RootHome, Serving, own_serving
from quarterdeck.sources.hermes.values import if_there
from quarterdeck.truth.fields import FIELDS, PART_OF_KIND, UNIT
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.reading import AnyReading, Origin, Reason

if TYPE_CHECKING:
    from quarterdeck.sources.hermes.config import Config

T = TypeVar("T")

AUTH_LIMIT = 5_000_000
WATCHED = (".", "cron", "state", "logs")

KINDS = ("instance", "gateway", "model", "credentials", "inventory", "logs", "sessions", "scheduler", "redaction")
"""Of each of these every instance has one subject."""
OF_SYSTEMD = UNIT.name
"""Fields of a gateway whose names begin so are told by systemd."""


class HermesSource:
    """The readings of one instance."""

    def __init__(
        self,
        instance: Instance,
        roots: Mapping[PurePath, str] | None = None,
        kernel: Kernel = KERNEL,
        likeness: Likeness | None = None,
        secret: keys.Keys | None = None,
    ) -> None:
        """Take the instance to look at; ``roots`` says by which id each watched root home goes.

        With a ``likeness`` that it has in common with other agents, its secrets are compared with theirs. ``secret``
        are its keys where somebody reads them already.
        """
        if instance.home is None:
            raise ValueError("An instance that is read from its home needs one.")
        self._instance, self._kernel = instance, kernel
        self._home = home = Path(instance.home)
        self._root = RootHome.of(instance, roots or {}, kernel)
        self._config = model.ConfigFile(home)
        self._logs = logs.LogFiles(home)
        self._dumps = dumps.DumpFiles(home)
        self._inventory = inventory.Inventory(home)
        self._credentials = credentials.Credentials(instance, home, likeness)
        self._keys = secret or keys.Keys(instance)
        self._secrets = KnownValues()
        self._releases = Releases(kernel)
        self._sessions = sessions.Memory()
        self._cron = cron.Memory()
        self._troubled: Mapping[str, datetime] = {}

    @property
    def name(self) -> str:
        """Unique name of this source."""
        return f"hermes:{self._instance.id}"

    @property
    def budget_s(self) -> float:
        """Seconds one look may take; as a rule it takes a few hundredths."""
        return 5.0

    @property
    def every_s(self) -> float:
        """Seconds between two looks when nothing wakes it earlier."""
        return 5.0

    @property
    def secrets(self) -> KnownValues:
        """What may stand in nothing that is told, as it was at the last look."""
        return self._secrets

    def watched(self) -> tuple[Path, ...]:
        """Return the folders in which a change is a reason to look at once."""
        return tuple(folder for folder in (self._home / name for name in WATCHED) if folder.is_dir())

    def look(self, now: datetime) -> list[AnyReading]:
        """Look once at everything."""
        out_of_reach = attempt(files.list_dir, self._home, limit=1)
        if isinstance(out_of_reach, SourceError):
            return self._unknown(KINDS, out_of_reach, now)
        report = Report(now)
        config = _safely(self._config.read)
        evidence = _safely(gateway.gather, self._home, self._kernel, now)
        serving = _safely(self._serving, evidence, now)
        schema = _safely(self._schema, serving, now)
        self._tell_files(report, config)
        self._part(report, "instance", lambda part: self._tell_instance(part, config, serving))
        self._part(report, "gateway", lambda part: self._tell_gateway(part, given(evidence), given(serving), schema))
        self._tell_work(report, serving, schema, config)
        return self._without_secrets(report, config)

    def _without_secrets(self, report: Report, config: Answer[Config]) -> list[AnyReading]:
        """Take out of all that is told what is secret, and tell that."""
        secrets = _safely(self._keys.read)
        self._secrets = KnownValues() if isinstance(secrets, SourceError) else secrets.known
        readings, taken = keys.withheld(report.readings, self._instance, self._secrets)
        report.readings = []
        self._part(
            report,
            "redaction",
            lambda part: masking.tell(part, self._instance, self._home, config=config, secrets=secrets, taken=taken),
        )
        return readings + report.readings

    # --- parts ---------------------------------------------------------------------------------------------------

    def _serving(self, evidence: Evidence, now: datetime) -> Serving:
        own = own_serving(evidence, self._releases.of(evidence.process))
        if self._root is None or isinstance(evidence.holder, int):
            return own
        return self._root.serving(self._home, own, now)

    def _schema(self, serving: Serving, now: datetime) -> int:
        """Ask the session database for its schema; what else it says meanwhile is kept for its own part."""
        return given(self._sessions.look(self._home / sessions.DATABASE, now, serving.gateway).version)

    def _tell_files(self, report: Report, config: Answer[Config]) -> None:
        """Tell what the files of the home say that do not depend on who runs it."""
        now, name = report.at, self._instance.id
        logins = _safely(_logins, self._home, now)
        errors = _safely(self._logs.read, now)
        failures = _safely(self._dumps.read)
        self._part(
            report,
            "model",
            lambda part: model.tell(part, name, config=config, auth=logins, errors=errors, failures=failures),
        )
        self._part(report, "credentials", lambda part: self._credentials.tell(part, logins))
        self._part(report, "logs", lambda part: logs.tell(part, name, self._home, errors))
        integrations = after(config, lambda found: found.integrations)
        self._part(report, "inventory", lambda part: self._inventory.tell(part, name, integrations, model.CONFIG))

    def _tell_instance(self, part: Report, config: Answer[Config], serving: Answer[Serving]) -> None:
        release = after(serving, lambda found: found.release)
        facts.tell(part, self._instance, self._home, config=config, release=release)

    def _tell_gateway(self, part: Report, evidence: Evidence, serving: Serving, schema: Answer[int]) -> None:
        self._troubled = gateway.troubled(evidence, self._troubled)
        own = self._releases.of(evidence.process)
        around = Around(serving.by, attempt(beats, evidence, own, schema), self._troubled)
        gateway.tell(part, self._instance.id, evidence, around)

    def _tell_work(self, report: Report, serving: Answer[Serving], schema: Answer[int], config: Answer[Config]) -> None:
        """Tell what is being worked on, which only makes sense beside the process that works."""
        known = None if isinstance(schema, SourceError) else schema
        gateway_runner, cron_runner = (replace(each, schema_version=known) for each in _runners(serving))
        at = (self._home, self._instance, report.at)
        self._part(
            report,
            "sessions",
            lambda part: part.readings.extend(sessions.read(*at, gateway_runner, memory=self._sessions)),
        )
        self._part(
            report,
            "scheduler",
            lambda part: part.readings.extend(
                cron.read(
                    *at,
                    cron_runner,
                    kernel=self._kernel,
                    memory=self._cron,
                    timezone=after(config, lambda found: given(found.timezone)),
                )
            ),
        )
        self._part(report, "kanban", lambda part: part.readings.extend(kanban.read(*at, gateway_runner)))

    # --- isolation -----------------------------------------------------------------------------------------------

    def _part(self, report: Report, kind: str, tell: Callable[[Report], None]) -> None:
        """Let one part tell its facts. When it breaks they are unknown, and what it began to say is not used."""
        part = Report(report.at)
        told = _safely(tell, part)
        if isinstance(told, SourceError):
            report.readings += self._unknown((kind,), told, report.at)
        else:
            report.readings += part.readings

    def _unknown(self, kinds: Iterable[str], why: SourceError, now: datetime) -> list[AnyReading]:
        """Say of every fact of some kinds that it is not known."""
        return [
            field.unavailable(about, Origin("home of the agent", "."), why.reason, why.detail, now)
            for kind in kinds
            for field in FIELDS.values()
            if field.of == kind and not field.reckoned
            if not (kind == "gateway" and field.name.startswith(OF_SYSTEMD))
            for about in (subject(self._instance.id, *filter(None, (PART_OF_KIND.get(kind, kind),))),)
        ]


def _logins(home: Path, now: datetime) -> auth.Auth:
    """Read how the logins stand; a home without the file has none."""
    found = if_there(files.read_bytes, home / model.AUTH.locator, limit=AUTH_LIMIT)
    return given(after(found, lambda file: auth.NO_LOGINS if file is None else auth.parse(file.data, now)))


def _runners(serving: Answer[Serving]) -> tuple[Runner, Runner]:
    if isinstance(serving, SourceError):
        unknown = Runner(None, reason=serving.reason, detail=serving.detail)
        return unknown, unknown
    return serving.gateway, serving.cron


def _safely(part: Callable[..., T], *args: object) -> Answer[T]:
    """Ask a part. Whatever happens is an answer: an error of ours, too, is a reason why something is not known."""
    for each in args:
        if isinstance(each, SourceError):
            return each
    try:
        return part(*args)
    except SourceError as error:
        return error
    except Exception as error:  # noqa: BLE001 -- one broken reader must not hide the others; it is said, not swallowed
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {Path(last.filename).name} line {last.lineno}"
        return SourceError(Reason.OBSERVER, f"Quarterdeck itself failed here: {where}; please report it")
