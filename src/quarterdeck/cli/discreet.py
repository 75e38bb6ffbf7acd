"""What may be said of an error that nobody expected.

Rule: its type and its place, which are ours. Not its text, and not the values around it: they may quote what was read.
"""

from __future__ import annotations


def where(error: BaseException) -> str:
    """Return the type of an error and the line of the module it came up in."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    return f"{type(error).__name__} in {trace.tb_frame.f_globals.get('__name__', '?')}, line {trace.tb_lineno}"
