"""Containers: the ports that Docker and Podman publish.

Rule 1: the engine is asked, not the listeners: without its helper process a published port has none, and goes past a
        firewall that somebody trusts.
Rule 2: it is only ever asked for its list, by ``GET`` on its socket. Nothing is started and nothing is changed.
Rule 3: an engine that is here and does not answer leaves the machine in doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.ways.told import NOTHING, Seen, merged
from quarterdeck.truth.reading import Reason

NAME: Final = "containers"
LIST: Final = "/containers/json"
BODY_LIMIT: Final = 16_000_000
GOOD: Final = 200
ENGINES: Final = ("dockerd", "containerd-shim", "containerd-shim-runc-v2", "conmon")
"""Processes that tell that containers run."""
NO_SOCKET: Final = (
    Reason.MISSING,
    "containers run, and no engine's socket is there to ask; `systemctl start podman.socket`",
)


class Containers:
    """What Docker and Podman publish."""

    name = NAME
    locator = "containers/json"

    def __init__(self, sockets: Sequence[Path], *, running: Callable[..., bool] = lambda *_: False) -> None:
        """Ask the engines at these sockets, as far as they are there; ``running`` tells whether one of several runs."""
        self._sockets, self._running = sockets, running

    def ask(self) -> Seen:
        """Ask every engine.

        Raises:
            SourceError: when one that is here cannot be asked.
        """
        answers = [found for path in self._sockets if (found := _list(path)) is not None]
        if not answers:
            if self._running(*ENGINES):
                raise SourceError(*NO_SOCKET)
            return NOTHING
        from quarterdeck.sources.ways.published import published  # noqa: PLC0415 -- most have no engine

        return Seen("routes", merged(told for body in answers for told in published(body)))


def _list(path: Path) -> bytes | None:
    """Return what an engine answers; None where there is none."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        raise SourceError(Reason.DENIED, f"whether there is a {path.name} may not be seen by this user") from None
    from quarterdeck.http import Fault, HttpError, Limits, LocalLooker  # noqa: PLC0415 -- most have no engine

    limits = Limits(connect_s=1.0, silence_s=4.0, total_s=6.0, body=BODY_LIMIT)
    try:
        answer = LocalLooker(path, "localhost", limits).get(LIST)
    except HttpError as error:
        if error.fault is Fault.REFUSED:
            return None
        raise SourceError(error.reason, f"{path.name}: {error.detail}") from None
    if answer.status != GOOD or not answer.whole:
        raise SourceError(Reason.CORRUPT, f"{path.name} answers {answer.status}, or more than it may")
    return answer.body
