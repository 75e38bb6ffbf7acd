"""The settings of an environment file, as the agent itself takes them from it.

Rule: a value in quotes may go on over several lines, and what stands inside it is no setting. What stands in the place
of a name and has not the form that names of the environment have, may be a piece of a secret: it is no name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from quarterdeck.sources.hermes.held import is_plain

SETTING: Final = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?([^\s=\#'"]{1,200})[ \t]*=[ \t]*"""
    r"""(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^\r\n]*))""",
    re.MULTILINE | re.DOTALL,
)
NAME: Final = re.compile(r"[A-Z]{2,12}|[A-Z][A-Z0-9]{0,23}(?:_[A-Z0-9]{1,24}){1,8}")
COMMENT: Final = re.compile(r"(?:^|[ \t])#.*$")


def is_name(text: str) -> bool:
    """Whether a text has the form of a name of the environment."""
    return NAME.fullmatch(text) is not None and is_plain(text)


def settings(text: str) -> Iterator[tuple[str, str]]:
    """Return the settings in their order: what stands in the place of a name, whatever it is, and the value."""
    for found in SETTING.finditer(text):
        name, single, double, bare = found.groups()
        quoted = single if single is not None else double
        yield name, COMMENT.sub("", bare).strip() if quoted is None else quoted
