"""The source: one service, asked once a look.

Rule 1: the settings' words about a service are told at every look, whether it answers or not.
Rule 2: not to answer is an outcome, and known. Not to have been able to ask is not: then the outcome is unknown.
Rule 3: a question that fails takes no other with it: a list of models that makes no sense leaves the server
        answering.
Rule 4: asking changes nothing. Loading a model is the one exception: it is done only where the operator named the
        model, at most once in ten minutes, and not at all while the model is in memory anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from quarterdeck.http import PORTS, Answer, Fault, HttpError, Limits, Looker, Prompter
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.services import parse
from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.fields import Field
from quarterdeck.truth.reading import AnyReading, Key, Origin, Reason
from quarterdeck.truth.watched import Service

SETTINGS: Final = "settings"
PROBE: Final = "our own asking"
OUTCOMES: Final = {
    Fault.REFUSED: "refused",
    Fault.SILENT: "no answer",
    Fault.CUT: "cut off",
    Fault.TLS: "tls",
    Fault.NOT_HTTP: "not http",
}
"""Failures that say something of the service. Every other says something of us."""
TAGS, RUNNING, RELEASE, GENERATE = "/api/tags", "/api/ps", "/api/version", "/api/generate"
GOOD: Final = 200


class ServiceSource:
    """One service that somebody named."""

    def __init__(
        self,
        service: Service,
        *,
        unit: str | None = None,
        looker: Looker | None = None,
        prompter: Callable[[Limits], Prompter] = Prompter,
    ) -> None:
        """Watch a service. ``unit`` is the subject of the systemd unit that stands for it."""
        self._service, self._unit = service, unit
        self._looker = looker or Looker(authorities=service.authorities)
        patience = service.load_within_s + 1
        self._prompter = prompter(Limits(silence_s=patience, total_s=patience))
        self._last_answer_at: datetime | None = None
        self._load: tuple[str | None, float | None, datetime | None] = (None, None, None)

    @property
    def name(self) -> str:
        """``service:ID``."""
        return f"service:{self._service.id}"

    @property
    def every_s(self) -> float:
        """As the settings say."""
        return self._service.every_s

    @property
    def budget_s(self) -> float:
        """Three questions, each perhaps asked twice, and the time a model takes to load where one is loaded."""
        return 40.0 + (self._service.load_within_s if self._service.load else 0.0)

    @property
    def expected(self) -> tuple[Key, ...]:
        """The facts this source brings in any case."""
        fields = [F.DEPLOYED, F.SERVICE_KIND, *([F.OUTCOME] if self._is_asked else [])]
        return tuple((self._service.subject, field.name) for field in fields)

    @property
    def _is_asked(self) -> bool:
        return self._service.deployed and self._service.kind != "unit"

    def watched(self) -> tuple[Path, ...]:
        """Return nothing: the network does not say when it changes."""
        return ()

    def look(self, now: datetime) -> Iterator[AnyReading]:
        """Ask once."""
        yield from self._settings(now)
        if self._is_asked:
            yield from self._tcp(now) if self._service.kind == "tcp" else self._http(now)

    # --- what the settings say -------------------------------------------------------------------------------------

    def _settings(self, now: datetime) -> Iterator[AnyReading]:
        one, origin = self._service, Origin(SETTINGS, f"services.{self._service.id}")
        said: tuple[tuple[Field[Any], object], ...] = (
            (F.SERVICE_LABEL, one.label),
            (F.SERVICE_KIND, one.kind),
            (F.DEPLOYED, one.deployed),
            *(((F.SERVICE_UNIT, self._unit),) if one.kind == "unit" else ((F.SERVICE_ADDRESS, _address(one)),)),
            (F.SERVICE_LINK, one.link),
            (F.SERVICE_RUNBOOK, one.runbook),
            (F.EXPECTS, one.expect),
            (F.SLOW_AFTER, one.slow_s * 1000),
        )
        return (field.known(one.subject, origin, value, now) for field, value in said)

    # --- asking ----------------------------------------------------------------------------------------------------

    def _tcp(self, now: datetime) -> Iterator[AnyReading]:
        host, _, port = (self._service.address or "").rpartition(":")
        try:
            took = self._looker.reach(host.strip("[]"), int(port))
        except HttpError as error:
            yield from self._failed(error, now)
        else:
            yield from self._answered(now, took)

    def _http(self, now: datetime) -> Iterator[AnyReading]:
        url = self._service.url or ""
        try:
            answer = self._looker.get(url.rstrip("/") + TAGS if self._is_model_server else url)
        except HttpError as error:
            yield from self._failed(error, now)
            return
        yield from self._answered(now, answer.took_s, answer)
        if self._is_model_server:
            yield from self._models(url.rstrip("/"), answer, now)
        elif self._service.version is not None:
            where = self._service.version
            read = lambda: parse.version(where, answer)  # noqa: E731 -- once
            yield self._read(F.SERVICE_VERSION, where, read, now)

    @property
    def _is_model_server(self) -> bool:
        return self._service.kind == "model-server"

    def _failed(self, error: HttpError, now: datetime) -> Iterator[AnyReading]:
        subject, origin = self._service.subject, self._origin()
        outcome = OUTCOMES.get(error.fault)
        if outcome is None:
            yield F.OUTCOME.unavailable(subject, origin, error.reason, error.detail, now)
        else:
            yield F.OUTCOME.known(subject, origin, outcome, now)
        if error.fault is Fault.TLS:
            yield F.TLS_FAULT.known(subject, origin, error.detail, now)
        yield F.LAST_ANSWER_AT.known(subject, origin, self._last_answer_at, now)
        for field in self._told_by_answers():
            yield field.unavailable(subject, origin, error.reason, error.detail, now)

    def _told_by_answers(self) -> tuple[Field[Any], ...]:
        """Return what only an answer tells, beside its outcome."""
        if self._service.kind == "tcp":
            return (F.LATENCY,)
        http = (F.LATENCY, F.HTTP_STATUS, F.STATUS_EXPECTED, F.TLS_EXPIRES_AT)
        if self._is_model_server:
            return (*http, F.SERVICE_VERSION, F.MODELS_PRESENT, F.MODELS_RUNNING, F.MODELS_MISSING)
        return (*http, F.SERVICE_VERSION) if self._service.version is not None else http

    def _answered(self, now: datetime, took_s: float, answer: Answer | None = None) -> Iterator[AnyReading]:
        subject, origin = self._service.subject, self._origin()
        self._last_answer_at = now
        yield F.OUTCOME.known(subject, origin, "answered", now)
        yield F.LAST_ANSWER_AT.known(subject, origin, now, now)
        yield F.LATENCY.known(subject, origin, round(took_s * 1000, 1), now)
        if answer is not None:
            right = parse.is_expected(answer.status, self._service.expect)
            yield F.HTTP_STATUS.known(subject, origin, answer.status, now)
            yield F.STATUS_EXPECTED.known(subject, origin, right, now)
            yield F.TLS_EXPIRES_AT.known(subject, origin, answer.certificate_ends, now)

    # --- model servers ---------------------------------------------------------------------------------------------

    def _models(self, base: str, tags: Answer, now: datetime) -> Iterator[AnyReading]:
        subject = self._service.subject
        if tags.status != GOOD:
            for field in (F.MODELS_PRESENT, F.MODELS_MISSING, F.MODELS_RUNNING, F.SERVICE_VERSION):
                detail = f"answers {tags.status}"
                yield field.unavailable(subject, self._origin(TAGS), Reason.MISSING, detail, now)
            return
        present = self._read(F.MODELS_PRESENT, TAGS, lambda: parse.models(parse.complete(tags)), now)
        yield present
        wanted = self._service.models
        yield self._read(F.MODELS_MISSING, TAGS, lambda: parse.missing(wanted, parse.models(parse.complete(tags))), now)
        yield self._read(F.SERVICE_VERSION, RELEASE, lambda: parse.server_version(self._asked(base + RELEASE)), now)
        running = self._read(F.MODELS_RUNNING, RUNNING, lambda: parse.models(self._asked(base + RUNNING)), now)
        yield running
        yield from self._loading(base, getattr(running, "value", None), now)

    def _asked(self, url: str) -> bytes:
        answer = self._looker.get(url)
        if answer.status != GOOD:
            raise SourceError(Reason.MISSING, f"answers {answer.status}")
        return parse.complete(answer)

    def _loading(self, base: str, running: tuple[str, ...] | None, now: datetime) -> Iterator[AnyReading]:
        """Load the model the operator named, when it is time, and tell what came of it the last time."""
        subject, origin = self._service.subject, self._origin(GENERATE)
        if self._service.load is not None:
            self._load_when_due(base, self._service.load, running, now)
        for field, value in zip((F.MODEL_LOAD, F.MODEL_LOAD_S, F.MODEL_LOADED_AT), self._load, strict=True):
            yield field.known(subject, origin, value, now)

    def _load_when_due(self, base: str, model: str, running: tuple[str, ...] | None, now: datetime) -> None:
        _, took, at = self._load
        if running is not None and parse.full_name(model) in map(parse.full_name, running):
            self._load = ("in memory", took, at)
        elif running is not None and (at is None or now - at >= timedelta(seconds=self._service.load_every_s)):
            self._load = (*self._loaded(base, model), now)

    def _loaded(self, base: str, model: str) -> tuple[str, float | None]:
        """Make the server load a model: that is what it does when it is given no prompt."""
        try:
            answer = self._prompter.post(base + GENERATE, {"model": model, "stream": False})
        except HttpError as error:
            return ("slow" if error.fault is Fault.SILENT else "fails"), None
        if answer.status != GOOD:
            return "fails", None
        return ("loads" if answer.took_s <= self._service.load_within_s else "slow"), round(answer.took_s, 2)

    # --- readings --------------------------------------------------------------------------------------------------

    def _origin(self, path: str = "") -> Origin:
        return Origin(PROBE, f"{_address(self._service) or self._service.id}{path if path.startswith('/api') else ''}")

    def _read(self, field: Field[Any], path: str, read: Callable[[], object], now: datetime) -> AnyReading:
        subject, origin = self._service.subject, self._origin(path)
        try:
            return field.known(subject, origin, read(), now)
        except (SourceError, HttpError) as error:
            return field.unavailable(subject, origin, error.reason, error.detail, now)


def _address(service: Service) -> str | None:
    """Return host and port that are asked: never the path, which may hold a secret."""
    if service.address is not None or service.url is None:
        return service.address
    parts = urlsplit(service.url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port or PORTS[parts.scheme]}"
