"""Where a secret lies when the service manager hands it over: in a folder that only this service can see.

Rule 1: a secret comes in a file, never in the environment: that is inherited, listed and logged.
Rule 2: the settings name the file where its owner keeps it. What the service manager read there for us, and put into
        its own folder, is taken instead: so the file itself can belong to root alone.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from quarterdeck.redaction.hashes import blake2s

FOLDER: Final = "CREDENTIALS_DIRECTORY"
PASSWORDS: Final = "pgpass"
"""What the passwords of database servers are called there; in the form of ``~/.pgpass``."""

UNFIT: Final = re.compile(r"[^A-Za-z0-9._-]")
LONGEST: Final = 60


def name_of(file: Path) -> str:
    """Return what the secret in a file is called in that folder: its own name, and which file of that name it is."""
    which = blake2s(os.fsencode(file), digest_size=4).hexdigest()
    return f"{UNFIT.sub('_', file.name)[:LONGEST]}-{which}"


def handed_over(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder in which the service manager hands secrets over; None where it does not."""
    folder = Path(environment.get(FOLDER, ""))
    return folder if folder.is_absolute() else None


def placed(file: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the file as the service manager handed it over, or the file itself where it did not."""
    folder = handed_over(environment)
    handed = None if folder is None else folder / name_of(file)
    return file if handed is None or not handed.is_file() else handed


def open_to_others(file: Path, mode: int, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether others may read a secret, by its mode. In the folder of this service nobody else can.

    There the right to read is given to our user by name, which the mode shows as if it were the group's.
    """
    ours = file.parent == handed_over(environment)
    return bool(mode & (stat.S_IRWXO if ours else stat.S_IRWXG | stat.S_IRWXO))
