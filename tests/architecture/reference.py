"""Writes docs/reference out of the program itself, so that it cannot say anything else: `make docs`.

A page is a function without arguments that returns its text; `PAGES` names them. A test compares each with its file.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any, Final

from quarterdeck.settings.reference import settings_page
from quarterdeck.sources.exporter.reference import page as snapshot_page
from quarterdeck.sources.exporter.schema import schema_text
from quarterdeck.truth.fields import FIELDS, Field
from tests.architecture.code import DOCS

WRITTEN_BY: Final = "<!-- Written by `make docs` out of the program. Change the program instead. -->"
INTRODUCTION: Final = """\
Every fact that Quarterdeck can know. What is not in these tables cannot be reported by a source, cannot leave a home
through an exporter, and is not taken in by a hub. *Policy* names what the owner of an instance must allow before the
field is read at all. [Concepts](../concepts.md) explains how the kinds of facts age."""


def fields_page() -> str:
    """Describe the vocabulary, one table per kind of subject."""
    parts = [
        "# Fields",
        WRITTEN_BY,
        INTRODUCTION,
    ]
    for subject, fields in groupby(FIELDS.values(), key=lambda field: field.of):
        rows = [field_row(field) for field in fields]
        head = ["| field | shape | ages as | fresh for | policy | meaning |", "|---|---|---|---|---|---|"]
        parts += [f"## {subject}", "\n".join(head + rows)]
    return "\n\n".join(parts) + "\n"


def field_row(field: Field[Any]) -> str:
    cells = (
        f"`{field.name}`",
        field.shape.name,
        str(field.kind),
        f"{field.fresh_for.total_seconds():g} s",
        f"`{field.policy}`" if field.policy else "",
        field.help,
    )
    return f"| {' | '.join(cells)} |"


def commands_page() -> str:
    """Let every command explain itself."""
    parts = ["# Commands", WRITTEN_BY, "`qd` is short for `quarterdeck`."]
    for words, text in explained(()):
        title = " ".join(("quarterdeck", *words))
        parts += [f"## {title}", f"```\n{text.rstrip()}\n```"]
    return "\n\n".join(parts) + "\n"


def explained(words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Return what a command says with --help, and then what each command under it says."""
    command = [sys.executable, "-m", "quarterdeck", *words, "--help"]
    environment = os.environ | {"TYPER_USE_RICH": "0", "COLUMNS": "80", "NO_COLOR": "1"}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=30)
    text = done.stdout.replace("python -m quarterdeck", "quarterdeck")
    yield words, text
    _, _, listed = text.partition("\nCommands:\n")
    for name in re.findall(r"^  (\w[\w-]*)", listed, re.MULTILINE):
        yield from explained((*words, name))


PAGES: Final[dict[str, Callable[[], str]]] = {
    "cli.md": commands_page,
    "fields.md": fields_page,
    "settings.md": lambda: settings_page(WRITTEN_BY),
    "snapshot.md": lambda: snapshot_page(WRITTEN_BY),
    "snapshot.schema.json": schema_text,
}


def write() -> None:
    for name, page in PAGES.items():
        (DOCS / "reference" / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write()
