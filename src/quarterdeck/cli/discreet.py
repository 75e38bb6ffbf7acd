"""What may be said of an error that nobody expected.

Rule: its type and its place, which are ours. Not its text, and not the values around it: they may quote what was read.
"""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType

Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def where(error: BaseException) -> str:
    """Return the type of an error and the line of the module it came up in."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    return f"{type(error).__name__} in {trace.tb_frame.f_globals.get('__name__', '?')}, line {trace.tb_lineno}"


class DiscreetFormatter(logging.Formatter):
    """Writes a log line; of an error that is logged with it, the type and the place."""

    def formatException(self, ei: Raised) -> str:  # noqa: N802 -- the name logging calls
        """Return what may be said of an error."""
        return "" if ei[1] is None else where(ei[1])


def say_when_a_thread_fails() -> None:
    """From now on a thread that fails is reported on standard error, discreetly."""
    threading.excepthook = _thread_failed


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    name = failed.thread.name if failed.thread else "a thread"
    said = where(failed.exc_value) if failed.exc_value else failed.exc_type.__name__
    sys.stderr.write(f"Quarterdeck: {name} has ended by a mistake of its own: {said}.\n")
