"""What hooks are told of what happened, and how: signed, and exactly once, whether or not anybody was there.

Rule 1: the signature is over the bytes that are sent. Without a secret the headers are there all the same, and empty.
Rule 2: it is attempted once. Nobody is told of a delivery that failed.
"""

from __future__ import annotations

import hmac
import http.client
import json
import threading
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

from quarterdeck.demo.forge.state import Forge, Hook, Repo, Thread

LIMIT_S: Final = 5.0
EVENTS: Final = {"push": "push", "status": "status", "reviewed": "pull_request_review", "created": "issue_comment"}


def ring(forge: Forge, repo: Repo, thread: Thread | None, action: str, told: dict[str, Any]) -> None:
    """Note what the hooks of a repository are to be told."""
    if not repo.hooks:
        return
    of_pull = thread is not None and thread.pull is not None
    event = EVENTS.get(action, "pull_request" if of_pull else "issues")
    said: dict[str, Any] = {"action": action, **told}
    if thread is not None:
        said |= {"number": thread.number, "pull_request" if of_pull else "issue": (repo, thread)}
    said["repository"] = repo
    wanted = {event, event.removesuffix("_review")}
    forge.rings.extend((hook, event, said) for hook in repo.hooks if wanted & set(hook.events))


def written(hook: Hook, event: str, document: dict[str, Any], delivery: str) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a delivery."""
    payload = json.dumps(document, ensure_ascii=False, indent=2).encode()
    key = hook.secret.encode()
    signatures = {name: hmac.new(key, payload, name).hexdigest() if key else "" for name in ("sha1", "sha256")}
    formed = hook.content_type == "form"
    body = urlencode({"payload": payload.decode()}).encode() if formed else payload
    kind = "application/x-www-form-urlencoded" if formed else "application/json"
    headers = {
        "Content-Type": kind,
        "X-Hub-Signature": f"sha1={signatures['sha1']}",
        "X-Hub-Signature-256": f"sha256={signatures['sha256']}",
    }
    for brand in ("X-Gitea", "X-Gogs", "X-GitHub"):
        headers |= {f"{brand}-Delivery": delivery, f"{brand}-Event": event, f"{brand}-Event-Type": event}
        headers |= {f"{brand}-Signature": signatures["sha256"]} if brand != "X-GitHub" else {}
    return headers, body


def deliver(hook: Hook, event: str, document: dict[str, Any]) -> None:
    """Tell a hook, once, from a thread of its own; nothing comes of it when nobody is there."""
    headers, body = written(hook, event, document, str(uuid4()))
    threading.Thread(target=_sent, args=(hook.url, headers, body), daemon=True).start()


def _sent(url: str, headers: dict[str, str], body: bytes) -> None:
    parts = urlsplit(url)
    line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=LIMIT_S)
    with suppress(OSError, http.client.HTTPException):
        line.request("POST", parts.path or "/", body, headers)
        line.getresponse().read()
    line.close()
