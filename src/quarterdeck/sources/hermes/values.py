"""What may stand where in the agent's own documents.

Rule: a value of another type than the agent writes is not bent into one. It makes the fact it stands for unknown.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ParamSpec, TypeVar

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes.answers import Answer, attempt
from quarterdeck.truth.reading import Reason

T = TypeVar("T")
P = ParamSpec("P")


def table(value: object) -> Mapping[str, object]:
    """Take a JSON object; its keys are text by JSON's own rule."""
    if isinstance(value, dict):
        return value
    raise SourceError(Reason.SCHEMA, "holds something else where a table of names and values should be")


def entry(values: Mapping[str, object], key: str) -> object:
    """Take what stands under a key that the agent always writes."""
    if key in values:
        return values[key]
    raise SourceError(Reason.SCHEMA, f"does not say {key}")


def text(value: object) -> str:
    """Take a text."""
    if isinstance(value, str):
        return value
    raise SourceError(Reason.SCHEMA, "holds something else where a text should be")


def whole(value: object) -> int:
    """Take a whole number that is not negative."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise SourceError(Reason.SCHEMA, "holds something else where a whole number should be")


def texts(value: object) -> tuple[str, ...]:
    """Take a list of texts."""
    if isinstance(value, list):
        return tuple(text(item) for item in value)
    raise SourceError(Reason.SCHEMA, "holds something else where a list should be")


def if_there(part: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Answer[T | None]:
    """Ask a part whose file need not be there: that it is not, is then an answer."""
    answer = attempt(part, *args, **kwargs)
    return None if isinstance(answer, SourceError) and answer.reason is Reason.MISSING else answer


def is_there(path: Path) -> bool:
    """Say whether there is anything of that name, as the agent asks for its own markers."""
    found = if_there(_mode, path)
    if isinstance(found, SourceError):
        raise found
    return found is not None


def _mode(path: Path) -> int:
    with files.translated():
        return os.stat(path).st_mode


def is_settled(answer: object) -> bool:
    """Say whether the same file would give the same answer again: one that was busy or out of reach would not."""
    return not isinstance(answer, SourceError) or answer.reason in {Reason.CORRUPT, Reason.SCHEMA}
