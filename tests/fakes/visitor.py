"""A visitor of a real hub: takes the way in that it printed, once, and has a cookie from then on."""

from __future__ import annotations

import http.client
import re
import urllib.request
from typing import Any, NamedTuple

WAY_IN = re.compile(r"(http://127\.0\.0\.1:\d+)(/enter\?token=[\w-]{43})")
MARK = re.compile(r'name="csrf" value="([0-9a-f]+)"')
LIMIT_S = 30.0


class Visitor(NamedTuple):
    """Somebody who is in."""

    base: str
    """The address of the hub, without a slash at the end."""
    cookie: str
    """What a request carries in its header ``Cookie``."""

    @property
    def port(self) -> int:
        """The port of the hub."""
        return int(self.base.rpartition(":")[2])

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"Cookie": self.cookie}

    def browser_cookie(self) -> Any:
        """Return the cookie as Playwright takes it."""
        name, _, value = self.cookie.partition("=")
        return {
            "name": name, "value": value, "url": self.base.replace("http://", "https://"),
            "secure": True, "httpOnly": True, "sameSite": "Strict",
        }  # fmt: skip


class VisitorError(Exception):
    """The hub did not let the visitor in."""


def come_in(said: str) -> Visitor:
    """Take the way in that a hub printed among other words.

    Raises:
        VisitorError: when it printed none, or does not let the visitor in.
    """
    found = WAY_IN.search(said)
    if found is None:
        raise VisitorError("no way in was printed")
    base, way = found[1], found[2]
    with urllib.request.urlopen(base + way, timeout=LIMIT_S) as page:
        mark = MARK.search(page.read().decode())
    if mark is None:
        raise VisitorError("the page of arrival has no form")
    visit = http.client.HTTPConnection(base.removeprefix("http://"), timeout=LIMIT_S)
    try:
        headers = {"Origin": base, "Content-Type": "application/x-www-form-urlencoded"}
        visit.request("POST", way, f"csrf={mark[1]}", headers)
        answer = visit.getresponse()
        cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
        if answer.status != http.client.SEE_OTHER or not cookie:
            raise VisitorError(f"the hub answered {answer.status} and lets nobody in")
    finally:
        visit.close()
    return Visitor(base, cookie)
