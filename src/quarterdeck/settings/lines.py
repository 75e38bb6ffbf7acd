"""In which line of a TOML file each setting stands.

The standard library reads TOML but does not say where it found what. The text is known to be valid when this module
sees it, so finding the keys takes no more than telling values apart from what follows them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

Path = tuple[str | int, ...]
"""Keys from the top, with a number for each entry of an array of tables: ``("instances", 0, "label")``."""

_PART = r"""(?:"(?:\\.|[^"\\\n])*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_KEY = re.compile(rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*")
_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)+")
_VALUE = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|(?P<open>[\[{])|(?P<close>[\]}])|(?P<end>\n)|.",
    re.DOTALL,
)


def lines(text: str) -> dict[Path, int]:
    """Return the line of every table and every key of a valid TOML text; keys inside a value are its key's."""
    found: dict[Path, int] = {(): 1}
    tables: dict[Path, int] = {}
    base: Path = ()
    for position, token, is_table in _statements(text):
        line = text.count("\n", 0, position) + 1
        if is_table:
            base = _resolved(_parts(token), tables, another=token.startswith("[["))
            path = base
        else:
            path = (*base, *_parts(token))
        for depth in range(1, len(path) + 1):
            found.setdefault(path[:depth], line)
    return found


def line_of(path: Path, found: Mapping[Path, int]) -> int:
    """Return the line of a setting; of one that is not written down, that of the table it would stand in."""
    while path not in found:
        path = path[:-1]
    return found[path]


def _statements(text: str) -> Iterator[tuple[int, str, bool]]:
    """Yield where each header or key begins, its words, and whether it is a header."""
    position = 0
    while position < len(text):
        if blank := _BLANK.match(text, position):
            position = blank.end()
        elif text[position] == "[":
            end = position + len(text[position:].partition("\n")[0])
            yield position, text[position:end], True
            position = end
        elif key := _KEY.match(text, position):
            yield position, key.group(), False
            position = _after_value(text, key.end())
        else:
            position += 1


def _after_value(text: str, position: int) -> int:
    """Return where the value that begins here has ended: at the first line end outside of all brackets."""
    depth = 0
    while position < len(text) and (token := _VALUE.match(text, position)):
        position = token.end()
        depth += bool(token["open"]) - bool(token["close"])
        if token["end"] and depth == 0:
            break
    return position


def _parts(token: str) -> tuple[str, ...]:
    key = _KEY.search(token)
    return tuple(_unquoted(part) for part in re.findall(_PART, key.group())) if key else ()


def _unquoted(part: str) -> str:
    if part.startswith('"'):
        return re.sub(r"\\(.)", r"\1", part[1:-1])
    return part[1:-1] if part.startswith("'") else part


def _resolved(parts: tuple[str, ...], tables: dict[Path, int], *, another: bool) -> Path:
    """Return the path of a header: of an array of tables that stands in it, the last entry is meant."""
    path: Path = ()
    for part in parts[:-1]:
        path = (*path, part)
        if path in tables:
            path = (*path, tables[path])
    path = (*path, *parts[-1:])
    if another:
        tables[path] = tables.get(path, -1) + 1
        path = (*path, tables[path])
    return path
