"""What pages are made with beside themselves: one script, one style sheet, one icon; charts only where there are some.

Rule: a file's address changes with its content, so that a browser keeps it for good. Its bytes are put together and
compressed once, when the first page is asked for. Without the scripts of others the pages are whole, but still.
"""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from importlib.resources import files
from typing import Final

from quarterdeck.access.armour import NOT_KEPT
from quarterdeck.web.answers import KEPT_FOR_GOOD, TIGHTLY, Answer, answer

BUNDLES: Final[dict[str, tuple[str, ...]]] = {
    "deck.js": ("vendor/htmx.min.js", "vendor/hx-sse.min.js", "deck.js", "since.js"),
    "deck.css": ("deck.css",),
    "charts.js": ("vendor/uplot.min.js", "charts.js"),
    "charts.css": ("vendor/uplot.min.css",),
    "deck.svg": ("deck.svg",),
}
"""What is served, and of which files it is made, in their order."""
MEDIA: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
FETCH: Final = "python hatch_build.py"


@cache
def bundle(name: str) -> bytes:
    """Return the bytes of what is served under a name. Files that are missing are left out; see ``missing``."""
    folder = files("quarterdeck.web") / "static"
    parts = [file.read_bytes().strip() for each in BUNDLES[name] if (file := folder / each).is_file()]
    return b"\n".join(parts) + b"\n"


@cache
def missing() -> tuple[str, ...]:
    """Name the files that pages use and that were not brought here."""
    folder = files("quarterdeck.web") / "static"
    return tuple(each for parts in BUNDLES.values() for each in parts if not (folder / each).is_file())


def missing_words() -> str | None:
    """Say what to do about missing files, if any are."""
    if not missing():
        return None
    return f"The scripts for live pages and charts are missing; without them pages stand still. Run `{FETCH}`."


@cache
def static_url(name: str) -> str:
    """Return the address of what is served under a name."""
    return f"/static/{name}?v={_version(name)}"


@cache
def _version(name: str) -> str:
    return blake2b(bundle(name), digest_size=6).hexdigest()


@cache
def served(name: str, *, kept: bool) -> Answer:
    """Return the answer that carries a file."""
    media = MEDIA[name.rpartition(".")[2]]
    return answer(bundle(name), media, level=TIGHTLY, kept=KEPT_FOR_GOOD if kept else NOT_KEPT)


def asset(name: str, query: bytes) -> Answer | None:
    """Return what is served under a name; for good only under the address that names its content."""
    return served(name, kept=query == b"v=" + _version(name).encode()) if name in BUNDLES else None
