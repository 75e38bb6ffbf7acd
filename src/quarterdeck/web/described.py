"""The API in the form in which programs read it: one schema for all views, and an entry for each with its parameters.

Rule: what is described is what is sent. Tests hold every answer against this, and a fuzzer asks everything it allows.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from quarterdeck import __version__
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Param
from quarterdeck.views.spec import Spec
from quarterdeck.web.address import RFC_3339, TEXT_MAX

Json = dict[str, Any]
Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
REFERENCE: Final = "#/components/schemas/{name}"
VISIBLE: Final = r"^[^\x00-\x1f\x7f-\x9f]*$"


class Unavailable(Struct):
    """Why a fact is not known, in our words."""

    reason: str
    detail: str


class Reading(Struct, forbid_unknown_fields=True):
    """One fact from one source: known, with its value, or unavailable, with the reason and what was known last."""

    subject: str
    field: str
    source: str
    locator: str
    observed_at: Moment
    fresh_for_s: float
    value: Any = None
    unavailable: Unavailable | UnsetType = UNSET
    last: Reading | UnsetType | None = UNSET


class Link(Struct):
    """Where to go, or what to paste."""

    kind: str
    label: str
    text: str
    href: str | None


class Because(Struct):
    """A reading that led to the judgement, in words."""

    text: str
    subject: str
    field: str
    source: str
    locator: str


class Witness(Struct):
    """What one witness answers."""

    witness: str
    says: str | None
    reading: Reading


class Contradiction(Struct):
    """A question to which witnesses give different answers."""

    question: str
    answers: list[Witness]


class Row(Struct):
    """One subject, judged. Beside these, a row has a member for each column of its view: the value, or null."""

    subject: str
    instance: str
    name: str
    status: str
    activity: str | None
    knowledge: str
    rule: str
    reason: str
    since: Moment | None
    expires_at: Moment | None
    links: list[Link]
    why: list[Because]
    contradictions: list[Contradiction]
    folded: list[str]
    readings: list[Reading]


class Figure(Struct):
    """One figure over the filter; without a known source its value is null."""

    figure: str
    title: str
    value: float | None
    text: str
    at_least: bool
    note: str
    readings: list[Reading]


class SideCell(Struct):
    """What is known of one instance: a status, or a value with its state and source."""

    text: str
    status: str | UnsetType = UNSET
    state: str | UnsetType = UNSET
    source: str | UnsetType = UNSET


class Side(Struct):
    """One line of the roll-up that shows the instances side by side."""

    title: str
    instances: dict[str, SideCell]


class Gap(Struct):
    """Something that is not seen, why, and what to do about it."""

    instance: str
    place: str
    why: str
    fix: str
    readings: list[Reading]


class Look(Struct):
    """One look of one source."""

    source: str
    at: Moment
    took_ms: float
    answered: bool
    detail: str


class Filter(Struct):
    """What the view was asked for."""

    instance: str


class InstanceName(Struct):
    """An instance that the filter offers."""

    id: str
    label: str


class Late(Struct):
    """A fact that was true at the moment asked for, and was learnt after it."""

    true_at: Moment
    known_at: Moment
    reading: Reading


class View(Struct):
    """A page as data. Beside these, a view has members of its own, such as ``changes`` or ``timeline``."""

    view: str
    generated_at: Moment
    at: Moment
    version: int
    filter: Filter
    status: str
    knowledge: dict[str, int]
    headline: str
    instances: list[InstanceName]
    rows: list[Row]
    figures: list[Figure]
    side_by_side: list[Side]
    gaps: list[Gap]
    sources: list[Look]
    past: Annotated[bool, Meta(description="True when a moment that is over was asked for.")] = False
    learnt_late: list[Late] | UnsetType = UNSET
    demo: Annotated[bool, Meta(description="True when what is shown is invented.")] = False


class Problem(Struct, forbid_unknown_fields=True):
    """What happened, and what to do about it. It never repeats what was sent."""

    status: int
    detail: str


class Error(Struct, forbid_unknown_fields=True):
    """The one shape of every error."""

    error: Problem


class Parameter(Struct):
    """A parameter of a view."""

    name: str
    help: str
    among: list[str]
    default: str


class Entry(Struct):
    """A view there is."""

    view: str
    title: str
    href: str
    parameters: list[Parameter]


class Entries(Struct):
    """Every view, in the order of the navigation."""

    views: list[Entry]


ERRORS: Final = {
    "400": "The question is not understood: an unknown parameter, or a value that is none.",
    "403": "Whoever is not known gets a page that says nothing; whoever is known and may not do this is told so.",
    "404": "There is no such instance, or nothing is known of that moment: it is yet to come, or memory begins later.",
    "405": "Everything here can only be looked at.",
    "414": "The question is longer than any of ours.",
    "500": "A fault of the program; its log names the place.",
    "503": "Memory cannot answer now.",
}


KNOWN_BY: Final[Json] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token that `quarterdeck enter --bearer` made, or a JWT of the issuer that the settings name.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-quarterdeck",
        "description": "The session of a browser. In the tailnet nothing has to be shown: the tailnet says who it is.",
    },
}


def entries() -> Entries:
    """Return what views there are."""
    return Entries(
        [Entry(name, spec.title, f"/api/v1/views/{name}", _parameters(spec)) for name, spec in VIEWS.items()]
    )


def document() -> Json:
    """Return the description as OpenAPI 3.1."""
    (_, _, _), components = msgspec.json.schema_components((View, Error, Entries), ref_template=REFERENCE)
    paths = {f"/api/v1/views/{name}": {"get": _operation(name, spec)} for name, spec in VIEWS.items()}
    paths["/api/v1/views"] = {
        "get": {
            "operationId": "views",
            "summary": "Every view there is, with its parameters",
            "parameters": [],
            "responses": _responses("Entries", "400", "403", "405", "414", "500"),
        }
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Quarterdeck",
            "version": __version__,
            "description": "The truth about your own AI agents, each fact with its source and its age. Read only.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": KNOWN_BY},
        "security": [{name: []} for name in KNOWN_BY],
    }


def _operation(name: str, spec: Spec) -> Json:
    common = [
        _parameter("instance", "The instance to show, or `all`.", {"type": "string", "default": "all"}),
        _parameter(
            "at",
            "Show what was known at this moment, which must be over (RFC 3339, with its zone).",
            {"type": "string", "format": "date-time", "pattern": f"^{RFC_3339.pattern}$"},
        ),
    ]
    own = [_parameter(key, param.help, _schema(param)) for key, param in spec.params.items()]
    return {
        "operationId": name,
        "summary": spec.title,
        "parameters": [*common, *own],
        "responses": _responses("View", *ERRORS),
    }


def _schema(param: Param) -> Json:
    if param.among:
        values = list(dict.fromkeys(("", param.default, *param.among)))  # nothing means the default, as in a form
        return {"type": "string", "enum": values, "default": param.default}
    return {"type": "string", "maxLength": TEXT_MAX, "pattern": VISIBLE, "default": param.default}


def _parameter(name: str, help_: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "required": False, "description": help_, "schema": schema}


def _responses(good: str, *errors: str) -> Json:
    told = {"200": ("What is known.", good)} | {status: (ERRORS[status], "Error") for status in errors}
    found: Json = {
        status: {
            "description": words,
            "content": {"application/json": {"schema": {"$ref": REFERENCE.format(name=name)}}},
        }
        for status, (words, name) in told.items()
    }
    found["403"]["content"]["text/html"] = {"schema": {"type": "string"}}
    return found


def _parameters(spec: Spec) -> list[Parameter]:
    return [Parameter(name, param.help, list(param.among), param.default) for name, param in spec.params.items()]
