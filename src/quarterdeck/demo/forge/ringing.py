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
BRANDS: Final = {
    "gitea": ("X-Gitea", "X-Gogs", "X-GitHub"),
    "forgejo": ("X-Forgejo", "X-Gitea", "X-Gogs", "X-GitHub"),
}
"""Under which names the same is said, so that programs for older forges hear it too."""
EVENTS: Final = {"push": "push", "status": "status", "created": "issue_comment"}
KINDS: Final = {
    "assigned": "assign",
    "unassigned": "assign",
    "label_updated": "label",
    "label_cleared": "label",
    "synchronized": "sync",
    "review_requested": "review_request",
}
"""What is told under a general name and under an exact one, by action."""


def ring(forge: Forge, repo: Repo, thread: Thread | None, action: str, told: dict[str, Any]) -> None:
    """Note what the hooks of a repository are to be told."""
    if not repo.hooks:
        return
    of_pull = thread is not None and thread.pull is not None
    asked, called = _named(action, told, of_pull=of_pull)
    said: dict[str, Any] = {"action": action, **told}
    if thread is not None:
        said |= {"number": thread.number, "pull_request" if of_pull else "issue": (repo, thread)}
    said["repository"] = repo
    forge.rings.extend((hook, called, said) for hook in repo.hooks if asked in hook.events)


def _named(action: str, told: dict[str, Any], *, of_pull: bool) -> tuple[str, tuple[str, str]]:
    """Return by which name a hook asks for something that happens, and by which two names it is told."""
    if action == "reviewed":
        exact = str(told["review"]["type"])
        return "pull_request_review", (exact.replace("_review", ""), exact)
    event = EVENTS.get(action, "pull_request" if of_pull else "issues")
    kind = f"{'pull_request' if of_pull else 'issue'}_{KINDS[action]}" if action in KINDS else event
    return event, (event, kind)


def written(
    forge: Forge, hook: Hook, called: tuple[str, str], document: dict[str, Any]
) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a delivery."""
    delivery = str(uuid4())
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
    for brand in BRANDS[forge.flavour]:
        headers |= {f"{brand}-Delivery": delivery, f"{brand}-Event": called[0], f"{brand}-Event-Type": called[1]}
        headers |= {f"{brand}-Signature": signatures["sha256"]} if brand != "X-GitHub" else {}
    return headers, body


def deliver(forge: Forge, hook: Hook, called: tuple[str, str], document: dict[str, Any]) -> None:
    """Tell a hook, once, from a thread of its own; nothing comes of it when nobody is there."""
    headers, body = written(forge, hook, called, document)
    threading.Thread(target=_sent, args=(hook.url, headers, body), daemon=True).start()


def _sent(url: str, headers: dict[str, str], body: bytes) -> None:
    parts = urlsplit(url)
    line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=LIMIT_S)
    with suppress(OSError, http.client.HTTPException):
        line.request("POST", parts.path or "/", body, headers)
        line.getresponse().read()
    line.close()
