"""The web application: the same views as pages and as ``/api/v1/views/VIEW``. It can only be read.

Rule 1: a request touches no disk and no source. It renders the snapshot that is already in memory.
Rule 2: a rendered page lives for one second at most: a hub whose collector has stopped must show
        readings growing old, not the bytes of the moment when all was well.
Rule 3: until there is a door, the only names this application answers to are those of loopback.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Protocol

import msgspec
from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from quarterdeck.truth.instance import ALL
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.contract import as_json
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import View
from quarterdeck.web.pages import render, render_error, static_files

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
LOOKING = ["GET", "HEAD"]
CACHED = 64
"""Rendered pages kept at once."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}

Next = Callable[[Request], Awaitable[Response]]


class Hub(Protocol):
    """What the pages need of the running program."""

    @property
    def snapshot(self) -> Snapshot:
        """The newest collection."""

    def clock(self) -> datetime:
        """The present moment, with its zone."""


@dataclass(slots=True)
class Screen:
    """Views of the newest snapshot, judged once a second and rendered once for everybody."""

    hub: Hub
    judged: Judged | None = None
    rendered: dict[tuple[object, ...], bytes] = field(default_factory=dict)

    def view(self, name: str, asked: Asked) -> View:
        """Return a view of the newest snapshot now.

        Raises:
            HTTPException: 404 for a view or an instance that does not exist.
        """
        judged = self._judged()
        if name not in VIEWS:
            raise HTTPException(404, f"There is no view called that. Ask for one of: {', '.join(VIEWS)}.")
        if asked.instance != ALL and asked.instance not in judged.instances:
            raise HTTPException(
                404, f"No instance is called that. Ask for {ALL} or one of: {', '.join(judged.instances)}."
            )
        return VIEWS[name].make(judged, asked, None)

    def page(self, name: str, asked: Asked) -> bytes:
        """Return a page, rendered at most once a second."""
        return self._once(("page", name, asked), lambda: render(self.view(name, asked)))

    def data(self, name: str, asked: Asked) -> bytes:
        """Return a view as JSON, rendered at most once a second."""
        return self._once(("data", name, asked), lambda: msgspec.json.encode(as_json(self.view(name, asked))))

    def _judged(self) -> Judged:
        now, snapshot = self.hub.clock(), self.hub.snapshot
        old = self.judged
        if old is None or old.snapshot is not snapshot or not 0 <= (now - old.now).total_seconds() < 1:
            self.judged = Judged(snapshot, now)
            self.rendered = {}
        return self.judged or Judged(snapshot, now)

    def _once(self, key: tuple[object, ...], make: Callable[[], bytes]) -> bytes:
        self._judged()
        found = self.rendered.get(key)
        if found is None:
            found = make()
            if len(self.rendered) < CACHED:
                self.rendered[key] = found
        return found


def create_app(hub: Hub) -> FastAPI:
    """Build the application around a running hub."""
    app = FastAPI(title="Quarterdeck", docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")
    screen, static = Screen(hub), static_files()
    app.middleware("http")(_only_looking)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _failed)

    @app.api_route("/", methods=LOOKING, include_in_schema=False)
    def home() -> Response:
        return RedirectResponse("/brief", 307)

    @app.api_route("/healthz", methods=LOOKING, include_in_schema=False)
    def health() -> Response:
        return Response(b"ok\n", media_type="text/plain")

    @app.api_route("/static/{name}", methods=LOOKING, include_in_schema=False)
    def asset(name: str) -> Response:
        if name not in static:
            raise HTTPException(404, "There is no such file.")
        media = TYPES[name.rpartition(".")[2]]
        return Response(static[name], media_type=media, headers={"Cache-Control": "max-age=31536000, immutable"})

    @app.api_route("/api/v1/views/{name}", methods=LOOKING)
    def api_view(request: Request, name: str, instance: str = ALL) -> Response:
        _known_only(request, {"instance"})
        return _answer(request, screen.data(name, Asked(instance)), "application/json")

    @app.api_route("/{name}", methods=LOOKING, include_in_schema=False)
    def page(
        request: Request,
        name: str,
        instance: str = ALL,
        page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
        open: str | None = None,  # noqa: A002 -- the word in the URL
    ) -> Response:
        _known_only(request, {"instance", "page", "open"})
        return _answer(request, screen.page(name, Asked(instance, page, open)), "text/html; charset=utf-8")

    return app


async def _only_looking(request: Request, call_next: Next) -> Response:
    """Refuse every name but loopback's and every method but GET and HEAD; arm every answer."""
    if _hostname(request.headers.get("host", "")) not in LOOPBACK:
        answer = _error(
            request,
            421,
            "This address is not one Quarterdeck answers to. Open it as http://127.0.0.1 or http://localhost.",
        )
    elif request.method not in LOOKING:
        answer = _error(request, 405, "Quarterdeck can only be looked at here. Use GET.")
    else:
        answer = await call_next(request)
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer


def _known_only(request: Request, known: set[str]) -> None:
    """Refuse what nobody here understands: an answer that ignores half of the question is to another question.

    Raises:
        HTTPException: 400 for a parameter that is not known.
    """
    if unknown := sorted(request.query_params.keys() - known):
        count = "a parameter" if len(unknown) == 1 else f"{len(unknown)} parameters"
        raise HTTPException(400, f"This address carries {count} not known here. Known are: {', '.join(sorted(known))}.")


def _hostname(host: str) -> str:
    """Return the name in a Host header, without its port."""
    return host.partition("]")[0] + "]" if host.startswith("[") else host.rpartition(":")[0] or host


def _answer(request: Request, body: bytes, media: str) -> Response:
    etag = f'"{sha256(body).hexdigest()[:24]}"'
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"ETag": etag})
    return Response(body, media_type=media, headers={"ETag": etag})


async def _refused(request: Request, error: Exception) -> Response:
    status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "")
    return _error(request, status, detail)


async def _invalid(request: Request, error: Exception) -> Response:
    """Name the parameter that is wrong, never its value."""
    wrong = sorted({str(e["loc"][-1]) for e in error.errors()}) if isinstance(error, RequestValidationError) else []
    return _error(request, 400, f"Not a valid value: {', '.join(wrong)}.")


async def _failed(request: Request, error: Exception) -> Response:
    """Say that we failed, by type only: the message of an exception may quote what was read."""
    return _error(request, 500, f"Quarterdeck itself failed here ({type(error).__name__}). Its log names the place.")


def _error(request: Request, status: int, detail: str) -> Response:
    """Answer in the language that was asked for: a page to a person, JSON to everybody else."""
    if "text/html" in request.headers.get("accept", ""):
        return Response(render_error(status, detail), status, media_type="text/html; charset=utf-8")
    return Response(
        msgspec.json.encode({"error": {"status": status, "detail": detail}}), status, media_type="application/json"
    )
