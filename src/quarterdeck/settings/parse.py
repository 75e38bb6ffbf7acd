"""From the text of a settings file to values, or to everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from quarterdeck.settings.entry import Table
from quarterdeck.settings.lines import Path, line_of, lines
from quarterdeck.settings.mistakes import Mistake
from quarterdeck.settings.readers import Wrong

_WHERE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


class Parsed:
    """What a file says as far as it can be understood, and what cannot."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.found: Mapping[Path, int] = {}
        self.mistakes: list[Mistake] = []
        self.faulty: frozenset[Path] = frozenset()

    def line(self, path: Path) -> int:
        """Return the line a setting stands in."""
        return line_of(path, self.found) if self.found else 0

    def add(self, path: Path, what: str, fix: str) -> None:
        """Note a mistake at a setting."""
        self.mistakes.append(Mistake(self.line(path), what, fix))
        self.faulty |= {path}

    def is_faulty(self, *paths: Path) -> bool:
        """Whether a mistake was noted at one of these settings."""
        return not self.faulty.isdisjoint(paths)


def parse(text: str, table: Table) -> Parsed:
    """Read a text by a table of settings."""
    import tomllib  # noqa: PLC0415 -- most people have no file

    parsed = Parsed()
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = _WHERE.search(str(error))
        line = int(where[1]) if where and where[1] else text.count("\n") + 1
        what = _WHERE.sub("", str(error))
        parsed.mistakes.append(Mistake(line, f"This is not TOML: {what}", "See https://toml.io for how it is written."))
        return parsed
    parsed.found = lines(text)
    parsed.values = _table(raw, table, (), parsed)
    return parsed


def _table(raw: Mapping[str, object], table: Table, path: Path, parsed: Parsed) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in raw.items():
        try:
            values[key] = _value(value, table, (*path, key), parsed)
        except Wrong as wrong:
            parsed.add((*path, key), f'"{key}"{_in(path)} {wrong.what}', wrong.fix)
    for key, setting in table.settings.items():
        if setting.required and key not in raw:
            parsed.add(path, f'"{key}" is missing{_in(path)}', f"Add {key} = {setting.example}.")
    return values


def _value(raw: object, table: Table, path: Path, parsed: Parsed) -> object:
    key = str(path[-1])
    if key in table.settings:
        return table.settings[key].read(raw)
    if key not in table.tables:
        raise Wrong("is not a setting", _advice(key, table))
    below = table.tables[key]
    if below.many and isinstance(raw, list) and all(isinstance(row, dict) for row in raw):
        return [_table(row, below, (*path, number), parsed) for number, row in enumerate(raw)]
    if not below.many and isinstance(raw, dict):
        return _table(raw, below, path, parsed)
    name = ".".join(part for part in path if isinstance(part, str))
    head = f"[[{name}]]" if below.many else f"[{name}]"
    raise Wrong("is a table, and is something else here", f"Begin it with {head} on a line of its own.")


def _in(path: Path) -> str:
    names = [part for part in path if isinstance(part, str)]
    if not names:
        return ""
    name = ".".join(names)
    return f" in [[{name}]]" if isinstance(path[-1], int) else f" in [{name}]"


def _advice(key: str, table: Table) -> str:
    import difflib  # noqa: PLC0415 -- only for those who mistyped

    if key in table.hints:
        return table.hints[key]
    names: Iterable[str] = (*table.settings, *table.tables)
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.6)
    return f'Did you mean "{near[0]}"?' if near else f"There are: {', '.join(names)}."
