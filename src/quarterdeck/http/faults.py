"""What can go wrong when somebody is asked over the network, and what each means for a reading."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from quarterdeck.truth.reading import Reason


class Fault(StrEnum):
    """How asking somebody over the network can fail."""

    REFUSED = "refused"
    SILENT = "no answer"
    CUT = "cut off"
    TLS = "tls"
    NOT_HTTP = "not http"
    UNRESOLVED = "name not found"
    UNREACHABLE = "unreachable"
    FORBIDDEN = "not allowed"


REASONS: Final[Mapping[Fault, Reason]] = {
    Fault.REFUSED: Reason.MISSING,
    Fault.SILENT: Reason.TIMEOUT,
    Fault.CUT: Reason.CORRUPT,
    Fault.TLS: Reason.DENIED,
    Fault.NOT_HTTP: Reason.CORRUPT,
    Fault.UNRESOLVED: Reason.MISSING,
    Fault.UNREACHABLE: Reason.OBSERVER,
    Fault.FORBIDDEN: Reason.DENIED,
}


class HttpError(Exception):
    """There is no answer: how it failed, the reason as readings have it, and a detail fit for the screen."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(f"{fault}: {detail}")
        self.fault, self.reason, self.detail = fault, REASONS[fault], detail
