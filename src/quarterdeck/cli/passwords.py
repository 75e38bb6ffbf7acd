"""The passwords of database servers, where the service manager hands them over.

Rule: the library that speaks to the server is told where the file is, never what is in it. It wants a file that is its
      owner's alone; where the manager gave us the right to read by name, and the file shows more, we make one that is.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

from quarterdeck.errors import ConfigurationError
from quarterdeck.settings.credentials import PASSWORDS, handed_over, open_to_others

PASSFILE: Final = "PGPASSFILE"
RUNTIME: Final = "RUNTIME_DIRECTORY"
LIMIT: Final = 64 * 1024


def hand_over(environment: MutableMapping[str, str] = os.environ) -> None:
    """Tell the database library where the passwords are, if the service manager handed any over.

    Raises:
        ConfigurationError: when they cannot be put where the library accepts them.
    """
    folder = handed_over(environment)
    if folder is None or not (folder / PASSWORDS).is_file():
        return
    given = folder / PASSWORDS
    if open_to_others(given, given.stat().st_mode, {}):
        given = _own(given, Path(environment.get(RUNTIME, "").partition(":")[0]))
    environment[PASSFILE] = str(given)


def _own(given: Path, runtime: Path) -> Path:
    """Put a copy that nobody else may read into the folder that lasts as long as we do, in memory."""
    if not runtime.is_absolute():
        raise ConfigurationError(
            "The passwords of the database were handed over in a file that its library does not accept",
            "Give the unit RuntimeDirectory=quarterdeck, as `quarterdeck units --passwords` does.",
        )
    own = runtime / PASSWORDS
    own.unlink(missing_ok=True)
    descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(given.read_bytes()[:LIMIT])
    return own
