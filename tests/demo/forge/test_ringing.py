"""What hooks of the forge of the demo are told, and how."""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from typing_extensions import override

from quarterdeck.access import signature
from tests.demo.forge.talking import talk
from tests.fakes.forge import FakeForge

TOOLS = "/repos/acme/tools"
EVENTS = ["issues", "issue_comment", "pull_request", "pull_request_review", "push"]
Heard = queue.Queue[tuple[dict[str, str], bytes]]


@contextmanager
def listening(status: int = 202) -> Iterator[tuple[str, Heard]]:
    """Listen at an address; return it, and what is heard there."""
    heard: Heard = queue.Queue()

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.put((dict(self.headers.items()), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        @override
        def log_message(self, format: str, *args: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def hang(fake: FakeForge, url: str, **config: Any) -> str:
    """Hang a bell up; return a token by which things are done."""
    fake.tools.admins.append(fake.alice)
    by = fake.login(fake.alice)
    told = {"url": url, "content_type": "json", **config}
    made = talk(
        fake,
        f"{TOOLS}/hooks",
        "POST",
        by,
        type="gitea",
        config=told,
        events=["issues", "issue_comment", "pull_request", "pull_request_review", "push"],
    )
    assert (made.status, "secret" in made.json["config"]) == (201, False)
    return by


@pytest.mark.parametrize("secret", ["bell" * 4, ""])
def test_what_is_told_is_signed(fake: FakeForge, secret: str) -> None:
    """The signature is over the bytes; without a secret there are empty ones, which prove nothing."""
    with listening() as (url, heard):
        by = hang(fake, url, secret=secret)
        talk(fake, f"{TOOLS}/issues", "POST", by, title="Count")
        headers, body = heard.get(timeout=5)
    right = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() if secret else ""
    assert (headers["X-Gitea-Signature"], headers["X-Hub-Signature-256"]) == (right, f"sha256={right}")
    assert (headers["X-Gitea-Event"], len(headers["X-Gitea-Delivery"])) == ("issues", 36)
    document = json.loads(body)
    assert (document["action"], document["issue"]["title"], document["repository"]["full_name"]) == (
        *("opened", "Count"),
        "acme/tools",
    )


def test_the_deck_takes_it_for_what_it_is(fake: FakeForge, forgejo: FakeForge) -> None:
    """What either flavour sends is, by the deck's own check, from who has the secret, and from nobody else."""
    secret = b"bell" * 4
    for each in (fake, forgejo):
        with listening() as (url, heard):
            by = hang(each, url, secret=secret.decode())
            talk(each, f"{TOOLS}/issues", "POST", by, title="Count")
            headers, body = heard.get(timeout=5)
        said = {name.lower().encode(): value.encode() for name, value in headers.items()}
        assert signature.delivery(said)
        assert len(signature.signatures(said)) == (3 if each is forgejo else 2)
        assert signature.signed(secret, body, signature.signatures(said))
        assert not signature.signed(secret[1:], body, signature.signatures(said))


def test_a_form_is_signed_over_what_is_in_it(fake: FakeForge) -> None:
    """Sent as a form, the signature is not over the body that arrives."""
    with listening() as (url, heard):
        by = hang(fake, url, content_type="form", secret="bell" * 4)
        talk(fake, f"{TOOLS}/issues", "POST", by, title="Count")
        headers, body = heard.get(timeout=5)
    (payload,) = parse_qs(body.decode())["payload"]
    assert headers["X-Gitea-Signature"] == hmac.new(b"bell" * 4, payload.encode(), hashlib.sha256).hexdigest()
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_it_is_told_once(fake: FakeForge) -> None:
    """A bell that fails is not rung again, and nobody is told that it failed."""
    with listening(500) as (url, heard):
        by = hang(fake, url, secret="bell" * 4)
        assert talk(fake, f"{TOOLS}/issues", "POST", by, title="Count").status == 201
        heard.get(timeout=5)
        with pytest.raises(queue.Empty):
            heard.get(timeout=0.3)


def test_each_thing_that_happens_has_its_name(fake: FakeForge) -> None:
    """Reviews, pushes and pull requests are told under the names that real ones have."""
    with listening() as (url, heard):
        by = hang(fake, url, secret="bell" * 4)
        thread = fake.pull("Count twice")
        fake.by(fake.bob).review(thread, "REQUEST_CHANGES", "No.")
        talk(fake, f"{TOOLS}/issues/1/comments", "POST", by, body="Here.")
        talk(fake, f"{TOOLS}/issues/1", "PATCH", by, assignees=["bob"])
        said = [heard.get(timeout=5) for _ in range(5)]
    told = {headers["X-Gitea-Event-Type"]: (headers["X-Gitea-Event"], json.loads(body)) for headers, body in said}
    assert {name: event for name, (event, _) in told.items()} == {
        "push": "push",
        "pull_request": "pull_request",
        "pull_request_review_rejected": "pull_request_rejected",
        "issue_comment": "issue_comment",
        "pull_request_assign": "pull_request",
    }
    assert told["pull_request_review_rejected"][1]["review"]["type"] == "pull_request_review_rejected"
    assert told["push"][1]["ref"] == "refs/heads/work-1"


def test_nobody_there_is_no_trouble(fake: FakeForge) -> None:
    """Where nobody listens, what was asked for is done all the same."""
    by = hang(fake, "http://127.0.0.1:9/hook", secret="bell" * 4)
    assert talk(fake, f"{TOOLS}/issues", "POST", by, title="Count").status == 201


@pytest.mark.parametrize("config", [{"url": "gopher://x"}, {"content_type": "xml"}])
def test_a_bell_must_be_one(fake: FakeForge, config: dict[str, str]) -> None:
    """An address or a form that a forge would not have is refused."""
    fake.tools.admins.append(fake.alice)
    told = {"url": "http://127.0.0.1:9/", "content_type": "json", **config}
    assert talk(fake, f"{TOOLS}/hooks", "POST", fake.login(fake.alice), type="gitea", config=told).status == 422
