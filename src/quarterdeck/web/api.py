"""What the API says of itself, and what little of it is not a view.

Loaded only when somebody asks: describing takes the framework, and showing does not. The guard stands before it.
"""

from __future__ import annotations

import msgspec
from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from quarterdeck.access.armour import ARMOUR, NOT_KEPT
from quarterdeck.web.answers import JSON, error_json
from quarterdeck.web.described import document, entries

HEADERS = {name.decode(): value.decode() for name, value in (*ARMOUR, NOT_KEPT)}


def create_api() -> FastAPI:
    """Build what stands behind the finished answers."""
    api = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    api.add_exception_handler(HTTPException, _refused)
    described, listed = msgspec.json.encode(document()), msgspec.json.encode(entries())

    @api.api_route("/api/v1/openapi.json", methods=["GET", "HEAD"])
    def description(request: Request) -> Response:
        return _sent(request, described)

    @api.api_route("/api/v1/views", methods=["GET", "HEAD"])
    def views(request: Request) -> Response:
        return _sent(request, listed)

    return api


def _sent(request: Request, body: bytes) -> Response:
    if request.query_params:
        return _error(400, "Nothing can be asked of this; leave out what follows the question mark.")
    return Response(body, media_type=JSON, headers=HEADERS)


async def _refused(request: Request, error: Exception) -> Response:  # noqa: ARG001 -- as the framework calls it
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _error(status, "There is nothing here. What there is, is described in /api/v1/openapi.json.")


def _error(status: int, detail: str) -> Response:
    return Response(error_json(status, detail), status, media_type=JSON, headers=HEADERS)
