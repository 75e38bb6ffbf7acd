"""Which model the agent uses, and how its provider takes it.

Rule 1: the configuration says what is wanted, the logins and the log say what is.
Rule 2: a refusal is believed from any witness. That there was none is believed from the log alone, because nothing
        else tells of every call.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError, Stat
from quarterdeck.sources.hermes.answers import Answer, Report, after, attempt, given, past
from quarterdeck.sources.hermes.auth import TOO_MANY_REQUESTS, Auth, Login, refused
from quarterdeck.sources.hermes.classes import RATE_LIMITED
from quarterdeck.sources.hermes.dumps import Failure
from quarterdeck.sources.hermes.logs import ERROR_LOG, Errors, newest_of
from quarterdeck.sources.hermes.values import is_settled
from quarterdeck.truth import fields as F  # noqa: N812 -- as in the judgement tables
from quarterdeck.truth.fields import Field
from quarterdeck.truth.instance import subject
from quarterdeck.truth.reading import Origin, Reason

if TYPE_CHECKING:
    from quarterdeck.sources.hermes.config import Config

CONFIG = Origin("configuration of the agent", "config.yaml")
AUTH = Origin("logins of the agent", "auth.json")
DUMPS = Origin("dumps of failed calls", "sessions")

CONFIG_LIMIT = 1_000_000

RECENT = timedelta(minutes=5)
"""A refusal this young says what is now, whatever the log would say."""


class ConfigFile:
    """The configuration of one home, understood anew only when it changed."""

    def __init__(self, home: Path) -> None:
        self._path = home / CONFIG.locator
        self._state: Stat | None = None
        self._config: Answer[Config] = SourceError(Reason.MISSING, "not read yet")

    def read(self) -> Answer[Config]:
        """Return what the configuration says now."""
        state = attempt(files.stat_file, self._path)
        if isinstance(state, SourceError):
            self._state = None
            return state
        if state != self._state or not is_settled(self._config):
            self._config = attempt(self._read)
            self._state = state
        return self._config

    def _read(self) -> Config:
        from quarterdeck.sources.hermes.config import parse  # noqa: PLC0415 -- YAML is dear to import and seldom needed

        return parse(files.read_bytes(self._path, limit=CONFIG_LIMIT).data)


def tell(
    report: Report,
    instance: str,
    *,
    config: Answer[Config],
    auth: Answer[Auth],
    errors: Answer[Errors],
    failures: Answer[Sequence[Failure]],
) -> None:
    """Add what is known of an instance's model to the report."""
    model = subject(instance, "model")
    for field, get in (
        (F.MODEL, lambda found: found.model),
        (F.PROVIDER, lambda found: found.provider),
        (F.FALLBACKS, lambda found: found.fallbacks),
        (F.TOOLSETS, lambda found: found.toolsets),
        (F.PLATFORMS_ENABLED, lambda found: found.platforms),
        (F.TIMEZONE, lambda found: found.timezone),
    ):
        report.tell(model, CONFIG, field, after(config, get))
    pool = after(auth, lambda found: found.pool)
    out = after(pool, lambda logins: refused(logins, report.at))
    report.tell(model, AUTH, F.POOL, after(pool, len))
    report.tell(model, AUTH, F.EXHAUSTED, after(out, len))
    report.tell(model, AUTH, F.RATE_LIMIT_RESET_AT, after(out, _first_reset))
    report.tell(model, AUTH, F.REFUSAL_CODE, after(out, _last_code))
    report.tell(model, *_rate_limited(pool, errors, failures, report.at))


def _first_reset(out: Sequence[Login]) -> datetime | None:
    return min((login.reset_at for login in out if login.reset_at), default=None)


def _last_code(out: Sequence[Login]) -> int | None:
    """Return the status of the newest refusal that still holds."""
    dated = [(since, login.code) for login in out if (since := given(login.since))]
    return max(dated, key=lambda pair: pair[0])[1] if dated else next((login.code for login in out), None)


def _rate_limited(
    pool: Answer[Sequence[Login]], errors: Answer[Errors], failures: Answer[Sequence[Failure]], now: datetime
) -> tuple[Origin, Field[datetime | None], Answer[datetime | None]]:
    """Return when the provider last refused for too many requests, and who says so."""
    log = after(errors, lambda each: newest_of(each, RATE_LIMITED))
    said = (
        (ERROR_LOG, log),
        (AUTH, after(pool, lambda logins: _newest((given(each.since), each.code) for each in logins))),
        (DUMPS, after(failures, lambda calls: _newest((past(each.at, now), each.status) for each in calls))),
    )
    known = [(at, origin) for origin, at in said if isinstance(at, datetime)]
    at, origin = max(known, key=lambda pair: pair[0], default=(log, ERROR_LOG))
    if isinstance(log, SourceError) and isinstance(at, datetime) and now - at > RECENT:
        at, origin = log, ERROR_LOG
    return origin, F.RATE_LIMITED_AT, at


def _newest(refusals: Iterable[tuple[datetime | None, int | None]]) -> datetime | None:
    return max((at for at, code in refusals if at and code == TOO_MANY_REQUESTS), default=None)
