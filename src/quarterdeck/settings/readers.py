"""Strict little readers: each takes one value as TOML has it and gives it back as ours, or says what is wrong with it.

Rule: nothing is guessed. "yes" is no boolean, "8" is no number, and a path that depends on where one stands is none.
"""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from quarterdeck.settings import credentials
from quarterdeck.truth.instance import ALL
from quarterdeck.truth.shapes import LINK

T = TypeVar("T")
Reader = Callable[[object], T]

PORTS = range(1, 65536)
TEXT_LIMIT = 80
SECRET_LIMIT = 64 * 1024

ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
USER = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,31}\$?")
UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]{1,255}")
UNIT_PATTERN = re.compile(r"[A-Za-z0-9:_.\\@*?\[\]!-]{1,255}")
ADDRESS = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:/[A-Za-z0-9._~/-]*)?")


HOST_AND_PORT = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\]):\d{1,5}")
SSH = re.compile(r"(?:[A-Za-z_][A-Za-z0-9._-]{0,31}@)?[A-Za-z0-9][A-Za-z0-9.:-]{0,252}")
VERSION = re.compile(r"(?:/[A-Za-z0-9._~-]{1,40}){1,6}|[A-Za-z][A-Za-z0-9-]{0,60}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@+-]{0,119}")
DATABASE = re.compile(r"postgresql://(?:[^\s:/@?]{1,63}@)?[^\s@?]{0,200}/[A-Za-z0-9_-]{1,63}(?:\?[^\s]{0,200})?")
HELPER = re.compile(r"[A-Za-z0-9/][A-Za-z0-9._/ =-]{0,200}")


class Wrong(Exception):  # noqa: N818 -- a value that does not fit; it becomes an error with its line
    """A value that does not fit: what is wrong, and what would be right."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


def boolean(raw: object) -> bool:
    """``true`` or ``false``."""
    if isinstance(raw, bool):
        return raw
    raise Wrong(f"is {_kind(raw)}, not true or false", "Write true or false, without quotes.")


def text(raw: object) -> str:
    """One line of text."""
    if isinstance(raw, str) and raw.strip() and raw.isprintable() and len(raw) <= TEXT_LIMIT:
        return raw
    raise Wrong("is not one line of text", f"Write between 1 and {TEXT_LIMIT} characters in quotes.")


def matching(pattern: re.Pattern[str], what: str, fix: str) -> Reader[str]:
    """Text of a certain form."""

    def read(raw: object) -> str:
        if isinstance(raw, str) and pattern.fullmatch(raw):
            return raw
        raise Wrong(f"is not {what}", fix)

    return read


def identity(raw: object) -> str:
    """An instance's id."""
    if raw == ALL:
        raise Wrong(f'may not be "{ALL}"', "That word stands for all instances. Take another.")
    return matching(
        ID, "an id", "Take small letters, digits, - and _, beginning with a letter or digit, at most 40 of them."
    )(raw)


def path(raw: object) -> Path:
    """A path that does not depend on where one stands: from the root, or from a home folder with ``~``."""
    fix = "Write the whole path from / on, or from your home folder on with ~/."
    if not isinstance(raw, str) or not raw or not raw.isprintable():
        raise Wrong(f"is {_kind(raw)}, not a path" if not isinstance(raw, str) else "is not a path", fix)
    full = Path(os.path.normpath(os.path.expanduser(raw)))  # noqa: PTH111 -- normpath also drops ".." and needs text
    if not full.is_absolute():
        raise Wrong("is a path that depends on where one stands", fix)
    return full


def choice(*words: str) -> Reader[str]:
    """One of a few words."""

    def read(raw: object) -> str:
        if isinstance(raw, str) and raw in words:
            return raw
        quoted = [f'"{word}"' for word in words]
        raise Wrong("is none of the words it may be", f"Write {' or '.join(quoted)}.")

    return read


def whole(least: int, most: int) -> Reader[int]:
    """A whole number within bounds."""

    def read(raw: object) -> int:
        if isinstance(raw, int) and not isinstance(raw, bool) and least <= raw <= most:
            return raw
        raise Wrong(f"is not a whole number from {least} to {most}", "Write such a number, without quotes.")

    return read


def number(most: float = math.inf, *, what: str = "a number above 0") -> Reader[float]:
    """A number above zero."""

    def read(raw: object) -> float:
        fits = isinstance(raw, int | float) and not isinstance(raw, bool) and math.isfinite(raw) and 0 < raw <= most
        if isinstance(raw, int | float) and fits:
            return float(raw)
        raise Wrong(f"is not {what}", "Write such a number, without quotes.")

    return read


def seconds_from(least: float) -> Reader[float]:
    """A number of seconds that is not too small."""

    def read(raw: object) -> float:
        value = seconds(raw)
        if value >= least:
            return value
        raise Wrong(f"is less than {least:g} seconds", f"Write {least:g} or more.")

    return read


def many(read: Reader[T]) -> Reader[tuple[T, ...]]:
    """A list, each entry of one kind."""

    def read_all(raw: object) -> tuple[T, ...]:
        if not isinstance(raw, list):
            raise Wrong(f"is {_kind(raw)}, not a list", 'Write the entries in brackets: ["one", "two"].')
        return tuple(_entry(read, position, item) for position, item in enumerate(raw, start=1))

    return read_all


def _entry(read: Reader[T], position: int, raw: object) -> T:
    try:
        return read(raw)
    except Wrong as wrong:
        raise Wrong(f"has an entry, number {position}, that {wrong.what}", wrong.fix) from None


def secret_file(raw: object) -> Path:
    """The path of a file that holds a secret: there, ours, not empty, and for nobody else to read."""
    file = credentials.placed(path(raw))
    try:
        found = file.stat()
        content = file.read_bytes()[:SECRET_LIMIT] if stat.S_ISREG(found.st_mode) else b""
    except FileNotFoundError:
        raise Wrong("names a file that does not exist", "Make the file, or correct the path.") from None
    except OSError:
        raise Wrong("names a file that cannot be read", "Let the user who runs Quarterdeck own it (chown).") from None
    if not stat.S_ISREG(found.st_mode):
        raise Wrong("names something that is not a file", "Put the secret into a plain file.")
    if credentials.open_to_others(file, found.st_mode):
        raise Wrong("names a secret file that others may read", "Keep it to its owner: chmod 600.")
    if not content.strip():
        raise Wrong("names an empty file", "Put the secret into it.")
    return file


def _kind(raw: object) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list", dict: "a table"}
    return names.get(type(raw), "a date or time")


user = matching(USER, "the name of an OS user", "Write the name as `id -un` shows it.")
unit = matching(UNIT, "the name of a systemd unit", "Write it as `systemctl list-units` shows it.")
unit_pattern = matching(
    UNIT_PATTERN, "the name of a systemd unit or a pattern of names", 'Write it like "backup.timer" or "backup-*".'
)
address = matching(
    ADDRESS,
    "the address of a page",
    "Write it like http://127.0.0.1:9119, without a login and without a question mark.",
)
link = matching(
    LINK, "an address that a browser opens", "Write it like https://example.net/runbook, without a login in it."
)
host_and_port = matching(HOST_AND_PORT, "a host with a port", 'Write it like "127.0.0.1:5432" or "[::1]:5432".')
ssh = matching(SSH, "a host to reach by ssh", 'Write it like "deck" or "me@deck.example", as you would type it.')
version = matching(
    VERSION,
    "a place in an answer",
    'Write the way to it in a JSON answer, like "/build/version", or the name of a head, like "X-Version".',
)
name = matching(NAME, "a plain name", "Take letters, digits and . _ / : @ + -, at most 120 of them.")
database = matching(
    DATABASE,
    "the address of a PostgreSQL database",
    'Write it like "postgresql://me@host/quarterdeck", without a password: that belongs into ~/.pgpass.',
)
helper = matching(HELPER, "a credential helper of git", 'Write it as in git\'s own settings, like "cache".')
http_status = whole(100, 599)
port = whole(PORTS[0], PORTS[-1])
seconds = number(what="a number of seconds above 0")
share = number(1.0, what="a share above 0 and up to 1")
times = whole(1, 1_000_000)
