"""What kind of error a text speaks of, in one word of ours.

Rule: an error's text never leaves a home, for it may quote a prompt, an address or a key. What leaves is its class. The
table is read from the top and the first pattern that is found decides, so what names a cause exactly stands above what
merely hints at one. A text that fits no row is ``other``: it is an error all the same.
"""

from __future__ import annotations

import re

LIMIT = 4_000
"""Characters looked at: an error says what it is at its beginning, and a traceback can be long."""

STATUS = re.compile(
    r"\b(?:HTTP(?:/[\d.]{1,3})?[ :]{1,2}|status[_ ]?(?:code)?['\"]?[ :=]{1,3}|error code[ :=]{1,3})([45]\d\d)\b",
    re.IGNORECASE,
)
"""A status of HTTP by any of the names it goes by; an address is not one."""
EXIT = re.compile(r"\bexit(?:ed|s)?(?: with)?(?: exit)? (?:code|status)[ :=]{1,2}(-?\d{1,3})\b", re.IGNORECASE)

OTHER = "other"
RATE_LIMITED = "rate-limited"

STATUSES = {
    401: "unauthorized",
    402: "billing",
    403: "unauthorized",
    404: "not found",
    408: "timeout",
    429: RATE_LIMITED,
}

BILLING = re.compile(
    r"insufficient[_ ](?:quota|credits?|balance)|payment[_ ]required|credit balance|credits? (?:have been )?exhausted"
    r"|balance_depleted|billing|spending.limit|exceeded your current quota|out of (?:funds|extra usage)",
    re.IGNORECASE,
)

WORDS = (
    ("restart", ("restart requested",)),
    ("disk full", ("no space left", "disk is full", "errno 28")),
    (RATE_LIMITED, ("rate[_ -]?limit", "too many requests", "throttl", "resource_exhausted", "quota exceeded")),
    ("empty", (r"\bempty (?:response|output|result|reply)", r"\bno (?:response|output)\b")),
    ("timeout", ("timed?[ _-]?out", "deadline exceeded", r"\bidle for \d+")),
    (
        "conflict",
        ("already (?:in use|running)", "in use by", "polling conflict", "lock[_ ]conflict", "other getUpdates"),
    ),
    (
        "unauthorized",
        ("unauthori[sz]ed", "authenticat", "permission ?denied", "forbidden", "invalid (?:api[_ ]?key|token)"),
    ),
    (
        "network",
        ("connection ?(?:refused|reset|error|aborted|closed|lost)", "connecterror", "failed to (?:re)?connect"),
    ),
    ("network", ("disconnected", "unreachable", "network", "broken pipe")),
    ("network", ("name resolution", "getaddrinfo", r"\bdns\b", r"\bssl\b", "certificate")),
    ("server error", ("internal ?server ?error", "bad gateway", "service unavailable", "overloaded")),
    ("not configured", ("not (?:configured|enabled|installed)", "no api key", "no delivery target", "invalid config")),
    (
        "not configured",
        ("missing (?:api|token|credential|dependenc|environment|required)", "dm_policy", "group_policy"),
    ),
    ("killed", (r"\bkilled\b", r"\bsig(?:kill|term|int|hup)\b", "out of memory", r"\boom\b")),
    ("not found", ("not found", "no such file", "does not exist")),
)
"""Words by which a cause is known, exact ones first."""

PATTERNS = tuple((name, re.compile("|".join(words), re.IGNORECASE)) for name, words in WORDS)


def classify_error(text: str) -> str:
    """Return the class of an error text: ``timeout``, ``rate-limited``, ``script exit 3``, ``other``."""
    start = text[:LIMIT].strip()
    if not start:
        return "empty"
    if BILLING.search(start):
        return "billing"
    if found := STATUS.search(start):
        return classify_status(int(found[1]))
    if found := EXIT.search(start):
        return "killed" if int(found[1]) < 0 else f"script exit {int(found[1])}"
    return next((name for name, pattern in PATTERNS if pattern.search(start)), OTHER)


def classify_status(status: int) -> str:
    """Return the class of an HTTP status."""
    first_server_error = 500
    return STATUSES.get(status, "server error" if status >= first_server_error else OTHER)
