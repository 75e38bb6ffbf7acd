"""What can go wrong with the ledger, in words that say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from quarterdeck.errors import LedgerUnavailableError
from quarterdeck.store.trouble import Kind, StoreError

WORDS: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.FULL: ("The disk of the ledger is full", "Make room on it: nothing else has to be done."),
    Kind.CORRUPT: (
        "The ledger is damaged",
        "Put a copy in its place, or move it away: then it is begun anew, and everybody comes in anew.",
    ),
    Kind.GONE: ("There is no ledger", "`quarterdeck up` and `quarterdeck enter` begin it."),
    Kind.BUSY: ("Somebody else holds the ledger", "Try again in a moment."),
    Kind.DENIED: (
        "The ledger may not be opened",
        "Run this as the user whose it is, or name another file under [ledger] in the settings.",
    ),
    Kind.NEWER: ("A newer release wrote the ledger", "Run that release, or name another file under [ledger]."),
    Kind.OLDER: ("An older release wrote the ledger", "Run `quarterdeck up`: it brings the ledger to this release."),
    Kind.FOREIGN: (
        "What lies in the ledger's place is none of ours",
        "Name another file under [ledger] in the settings. This one is left as it is.",
    ),
    Kind.UNREACHABLE: (
        "The database server of the ledger cannot be reached",
        "See whether it runs, and whether `database` under [ledger] is right.",
    ),
    Kind.TAKEN: ("Somebody else holds the ledger", "Try again in a moment."),
    Kind.FAILED: ("The ledger cannot be used", "See `quarterdeck doctor`."),
}


class LedgerError(LedgerUnavailableError):
    """The ledger cannot be used, and of which kind that is."""

    def __init__(self, kind: Kind, what: str | None = None, fix: str | None = None) -> None:
        said, way_out = WORDS[kind]
        super().__init__(what or said, fix or way_out)
        self.kind = kind


def of_the_ledger(trouble: StoreError) -> LedgerError:
    """Tell trouble of a database as what it means here."""
    return LedgerError(trouble.kind)
