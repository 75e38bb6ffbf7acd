"""What the table of settings is made of."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from quarterdeck.settings.readers import Reader

NONE: Mapping[str, Any] = MappingProxyType({})


class Setting(NamedTuple):
    """One word of the file."""

    read: Reader[Any]
    help: str
    default: str = ""
    """What holds when the word is not there, for the reference."""
    required: bool = False
    example: str = ""


class Table(NamedTuple):
    """A table of the file, or, with ``many``, one of several of its name."""

    help: str
    settings: Mapping[str, Setting] = NONE
    tables: Mapping[str, Table] = NONE
    many: bool = False
    hints: Mapping[str, str] = NONE
    """Words that are often looked for here, and what to say of them."""
