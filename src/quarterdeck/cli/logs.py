"""What is logged: our own events and what libraries have to say, all in one form, a line each.

Rule 1: a line is one line. Whatever stands in it, no sign of it can begin another line, paint a terminal or turn the
        direction of writing: what cannot be printed is written as its number.
Rule 2: an error is logged by its type and its place. Its text may quote what was read, and is left out.
Rule 3: redaction comes last, over what was said and then over the whole line. A line that cannot be redacted is not
        logged; that there was one is.
Rule 4: there is one moment, in UTC, and while a request is being answered, its name.

A line is in the form of logfmt: ``timestamp=… level=warning event="source lost" source=north``. Under systemd each one
begins with its weight, as the journal wants it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Protocol, TextIO

from quarterdeck.access import request_id
from quarterdeck.cli.discreet import where

WIDEST: Final = 2_000
"""Signs of one value that are logged; of a longer one the rest is left out, and that is said."""
FIRST: Final = ("timestamp", "level", "event", "request")
WEIGHTS: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
"""What the journal calls a line of each level."""
WITHHELD: Final = "a line is withheld: it could not be redacted"

Fields = MutableMapping[str, Any]
Clean = Callable[[str], str]
"""Takes out of a text what nobody may read."""


class Stream(Protocol):
    """Where lines go."""

    def write(self, text: str, /) -> object:
        """Take a text."""

    def flush(self) -> object:
        """Let it be seen."""


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


class Lines:
    """Turns an event into the line that is logged of it."""

    def __init__(self, clean: Clean, *, now: Callable[[], datetime] = utc_now, journal: bool = False) -> None:
        self._clean, self._now, self._journal = clean, now, journal

    def line(self, level: str, event: str, fields: Mapping[str, object]) -> str:
        """Write one event as one line, whatever is in it."""
        said = {"timestamp": f"{self._now():%Y-%m-%dT%H:%M:%S.%fZ}", "level": level, "event": event}
        if request := request_id.current():
            said["request"] = request
        try:
            told = {name: self._clean(_text(value)) for name, value in {**fields, **said}.items()}
            line = self._clean(logfmt(told))
        except Exception as error:  # noqa: BLE001 -- whatever failed in redaction: what it left open must not get out
            line = logfmt({**said, "event": WITHHELD, "error": where(error)})
        return f"<{WEIGHTS.get(level, 4)}>{line}" if self._journal else line


def logfmt(fields: Mapping[str, str]) -> str:
    """Write names and values, those that everything has first."""
    names = sorted(fields, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    return " ".join(f"{_name(name)}={_value(fields[name])}" for name in names)


def _text(value: object) -> str:
    if isinstance(value, BaseException):
        return where(value)
    return value if isinstance(value, str) else str(value)


def _name(name: str) -> str:
    return "".join(sign if sign.isascii() and (sign.isalnum() or sign in "_.-") else "_" for sign in name) or "_"


def _value(text: str) -> str:
    cut = text if len(text) <= WIDEST else f"{text[:WIDEST]}… ({len(text) - WIDEST} more)"
    plain = cut and not set(cut) & {" ", "=", '"', "\\"} and cut.isprintable()
    return cut if plain else '"' + "".join(map(_sign, cut)) + '"'


def _sign(sign: str) -> str:
    if sign in '"\\':
        return f"\\{sign}"
    if sign.isprintable():
        return sign
    number = ord(sign)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"  # noqa: PLR2004 -- how many digits a number of a sign needs


class Formatter(logging.Formatter):
    """Writes what a library says in the form of everything else."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for a record."""
        fields: dict[str, object] = {"logger": record.name}
        if record.exc_info and record.exc_info[1] is not None:
            fields["error"] = record.exc_info[1]
        return self._lines.line(record.levelname.lower(), _said(record), fields)


def _said(record: logging.LogRecord) -> str:
    """Put a message together; errors among its parts are told as all errors are."""
    args = record.args
    if isinstance(args, tuple):
        args = tuple(where(one) if isinstance(one, BaseException) else one for one in args)
    try:
        return str(record.msg) % args if args else str(record.msg)
    except (TypeError, ValueError, KeyError) as error:
        return f"a message that cannot be put together ({type(error).__name__})"


class Pen:
    """Writes lines, each in one go. A stream that nobody reads any more stops nobody: the line is lost, and counted."""

    def __init__(self, out: Stream) -> None:
        self._out = out
        self.lost = 0

    def write(self, line: str) -> None:
        """Write a line."""
        try:
            self._out.write(f"{line}\n")
            self._out.flush()
        except (OSError, ValueError):  # gone, or closed
            self.lost += 1

    debug = info = warning = error = critical = write


class Events:
    """The log of our own events. It costs nothing before there is one."""

    def __init__(self, lines: Lines, out: Stream) -> None:
        self._lines, self.pen = lines, Pen(out)
        self._logger: Any = None

    def info(self, event: str, **fields: object) -> None:
        """Note that something is well again."""
        self._structured().info(event, **fields)

    def warning(self, event: str, **fields: object) -> None:
        """Note that something is not well."""
        self._structured().warning(event, **fields)

    def _structured(self) -> Any:  # noqa: ANN401 -- as the library types it
        if self._logger is None:
            import structlog

            self._logger = structlog.wrap_logger(self.pen, processors=[self._render], context_class=dict)
        return self._logger

    def _render(self, _logger: object, level: str, fields: Fields) -> str:
        return self._lines.line(level, _text(fields.pop("event", "")), fields)


def configure(clean: Clean, *, out: TextIO | None = None, level: int = logging.WARNING) -> Events:
    """From now on everything that is logged, by us or by a library, goes out in this form; return our own log."""
    stream = sys.stderr if out is None else out
    lines = Lines(clean, journal=is_journal(stream))
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Formatter(lines))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    _say_what_nobody_caught(logging.getLogger("quarterdeck"))
    _say_where_it_was(stream)
    return Events(lines, stream)


def is_journal(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether what is written there goes into the journal of systemd: it says so of the very stream it gave us."""
    try:
        about = os.fstat(stream.fileno())
    except (OSError, ValueError):  # no file at all, as in tests
        return False
    return environment.get("JOURNAL_STREAM") == f"{about.st_dev}:{about.st_ino}"


def is_kept(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether what is written there is kept for others to read: a service manager began this very process."""
    return is_journal(stream, environment) or environment.get("SYSTEMD_EXEC_PID") == str(os.getpid())


def _say_where_it_was(stream: TextIO) -> None:
    """Let a process that is killed for hanging, as a watchdog does, write down where each of its threads stood.

    That is names of our code and lines in it, and quotes nothing.
    """
    import faulthandler

    with suppress(OSError, ValueError):  # no file at all, as in tests
        faulthandler.enable(stream)


def _say_what_nobody_caught(log: logging.Logger) -> None:
    """Let what ends a thread, or fails where nobody can catch it, be logged as discreetly as everything else."""
    import threading

    def thread_failed(failed: threading.ExceptHookArgs) -> None:
        name = failed.thread.name if failed.thread else "a thread"
        log.error("%s has ended by a mistake of its own", name, exc_info=_raised(failed.exc_value))

    def unraisable(failed: sys.UnraisableHookArgs) -> None:
        log.error("something failed where nobody could be told", exc_info=_raised(failed.exc_value))

    threading.excepthook = thread_failed
    sys.unraisablehook = unraisable


def _raised(error: BaseException | None) -> tuple[type[BaseException], BaseException, TracebackType | None] | None:
    return None if error is None else (type(error), error, error.__traceback__)
