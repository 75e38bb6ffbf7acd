"""Products: what should answer and whether it does, what is planned, and what runs that nobody named.

Rule 1: what the settings name comes first, as it was found. What is not deployed yet is listed and labelled so, and is
        never well.
Rule 2: a listener or a unit that no setting and no agent claims is shown too: what nobody named, nobody watches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.instance import ALL
from quarterdeck.truth.reading import Knowledge
from quarterdeck.views.asked import Asked
from quarterdeck.views.frame import Page
from quarterdeck.views.judged import Judged
from quarterdeck.views.lazy import Rows
from quarterdeck.views.model import Column, Row, View
from quarterdeck.views.rows import owner_of, row
from quarterdeck.views.trouble import owners_of

ANY_HOST = ("0.0.0.0", "[::]")  # noqa: S104 -- what a listener says, not what we bind
HERE = ("127.0.0.1", "[::1]", "localhost", *ANY_HOST)


def _latency(value: object, _: object) -> str:
    return f"{value:,.0f} ms" if isinstance(value, float) else "none"


COLUMNS = (
    Column("address", "Address", {"service": F.SERVICE_ADDRESS}),
    Column("version", "Release", {"service": F.SERVICE_VERSION}),
    Column("latency_ms", "Answered in", {"service": F.LATENCY}, _latency),
    Column("http_status", "HTTP", {"service": F.HTTP_STATUS}),
    Column("tls_expires_at", "Certificate ends", {"service": F.TLS_EXPIRES_AT}),
    Column("last_answer_at", "Last answer", {"service": F.LAST_ANSWER_AT}),
    Column("models_present", "Models", {"service": F.MODELS_PRESENT}),
    Column("models_running", "In memory", {"service": F.MODELS_RUNNING}),
    Column("model_load", "Loading a model", {"service": F.MODEL_LOAD}),
    Column("model_load_s", "Load took", {"service": F.MODEL_LOAD_S}),
    Column("model_loaded_at", "Last loaded", {"service": F.MODEL_LOADED_AT}),
    Column("role", "Usually there", {"listener": F.LISTENER_ROLE}),
    Column("pid", "Process", {"listener": F.LISTENER_PID, "unit": F.MAIN_PID}),
    Column("restarts", "Restarts", {"unit": F.RESTARTS}),
)


def products(judged: Judged, asked: Asked, _recalled: object = None) -> View:
    """Return the products view over a filter: what is named, what is planned, what was found beside."""
    named = sorted(judged.of("service", instance=asked.instance), key=lambda name: _place(judged, name))
    names = [*named, *_unclaimed(judged, asked.instance)]
    return Page(judged, asked).view("products", "Products", names, rows=_rows(judged, names), columns=COLUMNS)


def _rows(judged: Judged, names: Sequence[str]) -> Rows:
    return Rows([judged.judgements[name] for name in names], lambda place: _row(judged, names[place]))


def _row(judged: Judged, name: str) -> Row:
    """Make a row of what is told: what a port has not, such as a release, is not missing from it."""
    made, told = row(judged, name, COLUMNS), judged.fields.get(name, {})
    cells = tuple(
        cell if cell.reading is not None and cell.reading.field in told else replace(cell, reading=None)
        for cell in made.cells
    )
    return replace(made, cells=cells)


def _place(judged: Judged, name: str) -> tuple[bool, int, str]:
    judgement = judged.judgements[name]
    planned = judgement.knowledge is Knowledge.RETIRED
    return planned, -judgement.status.rank, name


def _unclaimed(judged: Judged, instance: str) -> list[str]:
    """Return the listeners and units that stand for nothing that is named."""
    services = [judged.facts(name) for name in judged.of("service")]
    addresses = [address for facts in services if (address := facts.get(F.SERVICE_ADDRESS))]
    units = {unit for facts in services if (unit := facts.get(F.SERVICE_UNIT))} | owners_of(judged).keys()
    listeners = [
        name
        for name in judged.of("listener")
        if owner_of(judged, name) in (instance, ALL) or instance == ALL
        if not any(_is_at(address, name.partition("/listener/")[2]) for address in addresses)
    ]
    alone = [
        name for name in judged.of("unit") if name not in units and judged.facts(name).get(F.TRIGGERED) is not True
    ]
    return [*listeners, *alone]


def _is_at(address: str, listener: str) -> bool:
    """Whether what is asked at an address is what listens there."""
    (host, _, port), (own, _, own_port) = address.rpartition(":"), listener.rpartition(":")
    return port == own_port and (host == own or own in ANY_HOST or (host in HERE and own in HERE))
