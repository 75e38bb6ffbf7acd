"""What the API says of itself, and what little of it is not a view.

Loaded only when somebody asks: describing takes the framework, and showing does not.
"""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from quarterdeck.web.answers import ARMOUR, JSON, NOT_KEPT, error_json


def create_api() -> FastAPI:
    """Build what stands behind the finished answers."""
    api = FastAPI(title="Quarterdeck", docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")
    api.add_exception_handler(HTTPException, _refused)
    api.add_exception_handler(RequestValidationError, _invalid)
    return api


async def _refused(request: Request, error: Exception) -> Response:  # noqa: ARG001 -- as the framework calls it
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _error(status, "There is nothing here. What there is, is described in /api/v1/openapi.json.")


async def _invalid(request: Request, error: Exception) -> Response:  # noqa: ARG001 -- as the framework calls it
    """Name the parameter that is wrong, never its value."""
    wrong = sorted({str(e["loc"][-1]) for e in error.errors()}) if isinstance(error, RequestValidationError) else []
    return _error(400, f"Not a valid value: {', '.join(wrong)}.")


def _error(status: int, detail: str) -> Response:
    headers = {name.decode(): value.decode() for name, value in (*ARMOUR, NOT_KEPT)}
    return Response(error_json(status, detail), status, media_type=JSON, headers=headers)
