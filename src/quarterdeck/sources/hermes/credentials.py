"""Which logins there are, when they expire, and who could read the files that hold them.

Rule 1: the files are asked about, not opened. What is known of ``auth.json`` itself comes from ``auth``; of every
        other one only the mode is looked at.
Rule 2: a file can be read by whoever may read it and may walk all the way to it. A group with the number of the owner
        is the owner's own, as distributions make them, and lets nobody else in.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes.answers import Answer, Report, after, attempt
from quarterdeck.sources.hermes.auth import Auth
from quarterdeck.sources.hermes.model import AUTH
from quarterdeck.sources.hermes.values import if_there, is_there
from quarterdeck.truth import fields as F  # noqa: N812 -- as in the judgement tables
from quarterdeck.truth.instance import subject
from quarterdeck.truth.reading import Origin

ENV = Origin("environment file of the agent", ".env")
MODES = Origin("modes of the secret files", ".env")

SECRETS = (
    ".env",
    "auth.json",
    "config.yaml",
    ".anthropic_oauth.json",
    "auth/google_oauth.json",
    "webhook_subscriptions.json",
)
"""Files of a home that hold keys."""


def tell(report: Report, instance: str, home: Path, auth: Answer[Auth]) -> None:
    """Add what is known of an instance's credentials to the report."""
    credentials = subject(instance, "credentials")
    report.tell(credentials, AUTH, F.CRED_PROVIDERS, after(auth, lambda found: found.providers))
    report.tell(credentials, AUTH, F.CRED_EXPIRES_AT, after(auth, lambda found: found.expires_at))
    report.tell(credentials, ENV, F.ENV_FILE, attempt(is_there, home / ENV.locator))
    report.tell(credentials, MODES, F.WORLD_READABLE, attempt(_readable_by_others, home))


def _readable_by_others(home: Path) -> tuple[str, ...]:
    modes = {name: if_there(_status, home / name) for name in SECRETS}
    for found in modes.values():
        if isinstance(found, SourceError):
            raise found
    return tuple(
        name for name, found in modes.items() if isinstance(found, os.stat_result) and _open(home / name, found)
    )


def _open(path: Path, found: os.stat_result) -> bool:
    """Say whether anybody but the owner can read this file."""
    if not found.st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return False
    above = [_status(folder) for folder in path.parents]
    own_group = found.st_gid == found.st_uid
    for_group = found.st_mode & stat.S_IRGRP and not own_group and all(_lets(folder, found.st_gid) for folder in above)
    for_all = found.st_mode & stat.S_IROTH and all(folder.st_mode & stat.S_IXOTH for folder in above)
    return bool(for_group or for_all)


def _lets(folder: os.stat_result, group: int) -> bool:
    """Say whether members of a group may walk through a folder."""
    return bool(folder.st_mode & (stat.S_IXGRP if folder.st_gid == group else stat.S_IXOTH))


def _status(path: Path) -> os.stat_result:
    with files.translated():
        return os.stat(path)
