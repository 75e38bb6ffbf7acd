"""The language of nginx's configuration: directives with words, some with a block of further ones.

Rule 1: what does not have the form of the language is an error. Half of a configuration says nothing of the other half.
Rule 2: what is included is read where it stands, from plain files, up to a limit in number, size and depth.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError
from quarterdeck.truth.reading import Reason

FILE_LIMIT: Final = 1_000_000
FILES_LIMIT: Final = 500
DEPTH_LIMIT: Final = 24

BROKEN: Final = (Reason.CORRUPT, "it is not written as nginx's configuration is; `nginx -t` says where")
TOO_MUCH: Final = (Reason.CORRUPT, f"it includes more than {FILES_LIMIT} files, or files within files without end")
SCRIPT: Final = re.compile(r"\w+_by_lua_block")
"""Directives whose block is a program in another language."""

_TOKEN: Final = re.compile(
    r"""(?P<blank>\s+|\#[^\n]*)
      | "(?P<double>(?:[^"\\]|\\.)*)" | '(?P<single>(?:[^'\\]|\\.)*)'
      | (?P<mark>[{};])
      | (?P<word>(?:\\.|\$\{[^}\s]*\}|[^\s{};"'\\])(?:\\.|\$\{[^}\s]*\}|[^\s{};\\])*)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


@dataclass(slots=True)
class Directive:
    """One directive; ``block`` is None where it ends with a semicolon."""

    name: str
    words: tuple[str, ...]
    block: list[Directive] | None = None

    def all(self, name: str) -> Iterator[Directive]:
        """Return the directives of a name directly in its block."""
        return (each for each in self.block or () if each.name == name)

    def every(self) -> Iterator[Directive]:
        """Return every directive below it."""
        for each in self.block or ():
            yield each
            yield from each.every()


@dataclass(slots=True)
class Reader:
    """Reads a configuration with all that it includes."""

    base: Path
    """Relative names of included files begin here."""
    list_files: Callable[[Path, str], list[Path]]
    read: Callable[[Path], str]
    left: int = FILES_LIMIT
    depth: int = 0
    trail: list[Path] = field(default_factory=list)

    def file(self, path: Path) -> list[Directive]:
        """Read one file.

        Raises:
            SourceError: when it cannot be read or understood.
        """
        self.left -= 1
        if self.left < 0 or path in self.trail or len(self.trail) > DEPTH_LIMIT:
            raise SourceError(*TOO_MUCH)
        self.trail.append(path)
        tokens = _tokens(self.read(path))
        found = self._block(tokens, top=True)
        self.trail.pop()
        return found

    def _block(self, tokens: Iterator[tuple[str, bool]], *, top: bool) -> list[Directive]:
        self.depth += 1
        if self.depth > DEPTH_LIMIT * 4:
            raise SourceError(*TOO_MUCH)
        found: list[Directive] = []
        words: list[str] = []
        for token, is_mark in tokens:
            if not is_mark:
                words.append(token)
                continue
            if token == "}":  # noqa: S105 -- a brace is no password
                if top or words:
                    raise SourceError(*BROKEN)
                self.depth -= 1
                return found
            if not words:
                raise SourceError(*BROKEN)
            found.extend(self._directive(words, tokens if token == "{" else None))  # noqa: S105 -- nor is this one
            words = []
        if not top or words:
            raise SourceError(*BROKEN)
        self.depth -= 1
        return found

    def _directive(self, words: list[str], block: Iterator[tuple[str, bool]] | None) -> list[Directive]:
        name, *rest = words
        if block is not None:
            return [Directive(name, tuple(rest), self._block(block, top=False))]
        if name == "include" and len(rest) == 1:
            return [each for path in self.list_files(self.base, rest[0]) for each in self.file(path)]
        return [Directive(name, tuple(rest))]


def _tokens(text: str) -> Iterator[tuple[str, bool]]:
    """Return the words and marks of a text; a program in another language is passed over, and leaves an empty block."""
    place, first = 0, True
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise SourceError(*BROKEN)
        place = found.end()
        if found["blank"] is not None:
            continue
        if found["mark"] is not None:
            first = True
            yield found["mark"], True
            continue
        quoted = found["double"] if found["double"] is not None else found["single"]
        word = _ESCAPED.sub(r"\1", quoted) if quoted is not None else found["word"]
        yield word, False
        if first and SCRIPT.fullmatch(word):
            yield from (("{", True), ("}", True))
            place = _after_program(text, place)
            first = True
        else:
            first = False


def _after_program(text: str, place: int) -> int:
    """Return where a block in another language ends; its braces are counted as nginx counts them."""
    depth = 0
    for found in re.finditer(r"[{}]", text[place:]):
        depth += 1 if found[0] == "{" else -1
        if depth == 0:
            return place + found.end()
    raise SourceError(*BROKEN)


def read(path: Path) -> Directive:
    """Read a configuration from its first file on.

    Raises:
        SourceError: when it cannot be read or understood.
    """
    reader = Reader(path.parent, _listed, lambda each: files.read_text(each, limit=FILE_LIMIT).data)
    return Directive("", (), reader.file(path))


def _listed(base: Path, pattern: str) -> list[Path]:
    """Return the files of an include. Files that may not be listed are not passed over."""
    full = Path(pattern) if pattern.startswith("/") else base / pattern
    if not set(pattern) & set("*?["):
        return [full]
    folder = full.parent
    if set(str(folder)) & set("*?["):
        return sorted(Path("/").glob(str(full).lstrip("/")))
    try:
        names = files.list_dir(folder, limit=FILES_LIMIT).entries
    except SourceError as error:
        if error.reason is Reason.MISSING:
            return []
        raise
    return sorted(folder / each.name for each in names if Path(each.name).match(full.name))
