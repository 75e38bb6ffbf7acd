"""Secrets that nobody has, put wherever a home of the agent can hold one, and looked for afterwards.

Rule: a canary is found by its middle, in letters of any size: neither cutting nor changing the case of a secret makes
it fit to be shown.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

NAMES: Final = ("K", "PRIVATE_KEY", "GITHUB_TOKEN", "A_SECRET", "PASSWORD", "URL", "lower")
BEGINS: Final = "Canary"
MIDDLE: Final = slice(len(BEGINS), 20)
JSON_FILES: Final = (".anthropic_oauth.json", "google_token.json", "webhook_subscriptions.json", "mcp-tokens/a.json")


def made_up(before: str = "", length: int = 24) -> str:
    """A secret that nobody has."""
    return before + secrets.token_hex(length)[:length]


def found_in(text: str | bytes, canaries: Iterable[str]) -> list[str]:
    """Return the canaries that a text holds, or a middle of."""
    said = (text if isinstance(text, str) else text.decode("utf-8", "replace")).lower()
    return [canary for canary in canaries if canary.lower()[MIDDLE] in said]


def fill(home: Path) -> list[str]:
    """Put a canary into every place of a home where a secret, or a piece of one, can stand; return them all."""
    made: list[str] = []

    def canary(before: str = "") -> str:
        made.append(made_up(BEGINS))
        return before + made[-1]

    lines = [f"{name}={canary()}" for name in NAMES] + [f"{canary()}={canary()}", canary(), f"A_KEY='{canary()}"]
    _write(home / ".env", "\n".join(lines))
    state: dict[str, object] = {
        key: canary() for key in ("access_token", "refresh_token", "agent_key", "client_id", "label", "scope", "id")
    }
    state |= {"tokens": {"access_token": canary(), "id_token": canary()}, "last_error_message": canary()}
    broken = {"obtained_at": canary(), "expires_at": canary(), "last_status_at": canary()}
    pool = [{**state}, {"source": f"env:{canary()}"}, {**broken, "access_token": canary()}]
    logins = {"providers": {"nous": state, "x": broken}, "credential_pool": {"nous": pool}}
    _write(home / "auth.json", json.dumps(logins))
    _write(
        home / "config.yaml",
        f"model: {{api_key: {canary()}}}\n{canary()}: {{token: {canary()}}}\nmcp_servers: {{{canary()}: {{env: "
        f"{{{canary().upper()}: {canary()}, TOKEN: {canary()}}}, args: [--key, 'Bearer {canary()}']}}}}\n"
        f"x: {{password: &p {canary()}, secret: *p, url: 'https://me:{canary()}@host/'}}\n",
    )
    for name in JSON_FILES:
        content = {canary(): {"secret": canary()}, "refresh_token": canary(), "scope": canary(), "x": canary()}
        _write(home / name, json.dumps(content))
    _write(home / "mcp-tokens" / f"{canary()}.json", json.dumps({"token": canary()}))
    return made


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
