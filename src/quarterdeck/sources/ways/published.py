"""What an engine's list of containers says of their ports. It is loaded only where an engine answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.ways.told import Told, address, put
from quarterdeck.truth.exposure import INSIDE
from quarterdeck.truth.reading import Reason

NOT_A_LIST: Final = (Reason.CORRUPT, "the engine's answer is not the list of containers it should be")


class Port(msgspec.Struct):
    """One port of a container as the engine tells it."""

    inner: int = msgspec.field(name="PrivatePort")
    kind: str = msgspec.field(name="Type", default="tcp")
    outer: int | None = msgspec.field(name="PublicPort", default=None)
    address: str | None = msgspec.field(name="IP", default=None)


class Container(msgspec.Struct):
    """One container as the engine tells it."""

    names: list[str] | None = msgspec.field(name="Names", default=None)
    ports: list[Port] | None = msgspec.field(name="Ports", default=None)


def published(body: bytes) -> Iterator[Told]:
    """Return a route for every published port in a list of containers.

    Raises:
        SourceError: when it is no such list.
    """
    try:
        containers = msgspec.json.decode(body, type=list[Container])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise SourceError(*NOT_A_LIST) from None
    for container in containers:
        name = (container.names or ["/unnamed"])[0].lstrip("/")[:60] or "unnamed"
        for port in container.ports or ():
            if port.outer and port.kind == "tcp":
                told = Told(f"container:{name}", address(port.address or "", port.outer))
                put(told, [f"{INSIDE}:{port.inner}"])
                yield told
