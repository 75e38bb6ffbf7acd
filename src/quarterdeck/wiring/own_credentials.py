"""Which secrets Quarterdeck itself uses, as its settings name them.

Rule: a secret that a setting makes us use is on this list, so that its page leaves none out. Whoever adds such a
setting adds a line here.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from quarterdeck.settings import Settings
from quarterdeck.sources.own_credentials import InDatabase, InFile, Own, OwnCredentials, Told
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- as the fields of other kinds are written
from quarterdeck.truth.fields import Field
from quarterdeck.truth.reading import Key
from quarterdeck.truth.watched import Forge

EVIDENCE_KEY: Final = "evidence.key"
EVIDENCE_LAST: Final = "evidence.last"
STORE: Final = "store"
"""The helper of git that keeps logins in a file as they are."""


def own_credentials(settings: Settings, host: str) -> OwnCredentials:
    """Return the source that tells of our own secrets."""
    return OwnCredentials(host, _own(settings))


def _own(settings: Settings) -> Iterator[Own]:
    databases = (("history", settings.history.database), ("ledger", settings.ledger.database))
    for what, address in databases:
        if address is not None:
            yield InDatabase(f"{what}-database", f"{what} database", address, settings.file)
    if settings.state is not None:
        key, last = settings.state / EVIDENCE_KEY, settings.state / EVIDENCE_LAST
        yield InFile("evidence-key", "signing evidence", key, "private key", made_here=True, used=last)
    forge = settings.access.forge
    if forge is not None and forge.client_secret_file is not None:
        yield InFile("forge-client-secret", "signing people in", forge.client_secret_file)
    for each in settings.forges:
        yield from _of_forge(each)
    for one in settings.repositories:
        if one.confirm and one.credential_helper is not None:
            yield InFile(f"remote-{one.id}", "asking a remote", _of_helper(one.credential_helper))


def _of_forge(forge: Forge) -> Iterator[InFile]:
    """Return the token and the secret of the webhooks of a forge: both are known by what comes of them."""

    def key(field: Field[Any]) -> Key:
        return forge.subject, field.name

    if forge.token_file is not None:
        told = Told(key(G.FORGE_LAST_ANSWER_AT), key(G.TOKEN_SCOPES), key(G.TOKEN_HUMAN))
        file = Path(forge.token_file)
        yield InFile(f"forge-{forge.id}-token", "reading a forge", file, "token", forge.id, told=told)
    if forge.bell_file is not None:
        told, file = Told(key(G.FORGE_RUNG_AT)), Path(forge.bell_file)
        yield InFile(f"forge-{forge.id}-bell", "hearing a forge", file, provider=forge.id, told=told)


def _of_helper(helper: str) -> Path | None:
    """Return the file in which git's own helper keeps logins; of another helper only it itself knows."""
    words = shlex.split(helper)
    if not words or words[0] != STORE:
        return None
    named = next((word.partition("=")[2] for word in words[1:] if word.startswith("--file=")), None)
    return Path(named or "~/.git-credentials").expanduser()
