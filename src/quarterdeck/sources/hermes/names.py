"""Names that may leave a home: those that the agent makes, and none that a person may have made.

Rule: a name leaves when it has the form in which the agent makes such names, and is replaced or left out when it has
not. A session or a job can be called anything by who calls the agent's API or edits its files; a model may be a path.
"""

from __future__ import annotations

import re
from functools import lru_cache

from quarterdeck.redaction import holds_secret
from quarterdeck.redaction.hashes import blake2b

REMEMBERED = 4_096

JOB = re.compile(r"[A-Za-z0-9_-]{1,64}")
SESSION = re.compile(r"(?:cron_[0-9a-f]{12}_)?\d{8}_\d{6}(?:_[0-9a-f]{6,8})?|api-[0-9a-f]{16}|run_[0-9a-f]{32}")
OTHER_SESSION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,119}")
PLATFORM = re.compile(r"[a-z][a-z0-9_]{0,31}")
TOOL = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,119}")
WORD = re.compile(r"[a-z][a-z0-9_]{0,39}")

OTHER = "other"


def job_id(raw: object) -> str:
    """Return the id of a job, or a short hash in place of something that is none."""
    return raw if isinstance(raw, str) and JOB.fullmatch(raw) and not holds_secret(raw) else _hashed(raw)


def session_id(raw: object) -> str:
    """Return the id of a session, or a short hash in place of something that is none."""
    if isinstance(raw, str) and (SESSION.fullmatch(raw) or _fits(OTHER_SESSION, raw)):
        return raw
    return _hashed(("session", raw))


def platform(raw: object) -> str:
    """Return where a session came from, in the agent's word for it."""
    return raw if isinstance(raw, str) and _fits(PLATFORM, raw) else OTHER


def tool(raw: object) -> str | None:
    """Return the name of a tool; models call tools by any name that occurs to them."""
    return raw if isinstance(raw, str) and _fits(TOOL, raw) else None


def model(raw: object) -> str | None:
    """Return the name of a model; one that is a path on this machine is left out."""
    return raw if isinstance(raw, str) and _fits(MODEL, raw) else None


def word(raw: object) -> str | None:
    """Return one of the agent's own words."""
    return raw if isinstance(raw, str) and _fits(WORD, raw) else None


@lru_cache(maxsize=REMEMBERED)
def _fits(form: re.Pattern[str], raw: str) -> bool:
    """Say whether a name has a form, and is no credential: to see that is dear, and names repeat."""
    return form.fullmatch(raw) is not None and not holds_secret(raw)


def _hashed(raw: object) -> str:
    return "x" + blake2b(repr(raw).encode(errors="surrogatepass"), digest_size=6).hexdigest()
