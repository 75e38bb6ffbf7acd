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
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Param
from quarterdeck.web.described import ERRORS
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


API: Final = """\
Everything that a page shows can be asked for as JSON, on the same address and under the same guard. It can only be
looked at: `GET` and `HEAD` are answered, nothing else. `/api/v1/openapi.json` describes it for programs (OpenAPI 3.1),
and `/api/v1/views` lists the views with their parameters. Answers carry an `ETag`, and come as gzip to those who take
it.

Parameters of every view:

| parameter | meaning |
|---|---|
| `instance` | One instance by its id, or `all`. What belongs to no instance is always there. |
| `at` | What was known at a moment that is over (RFC 3339, with its zone). Then `past` is true, and `learnt_late` \
tells what was true at that moment and became known after it. |

A parameter that is not known, is given twice, or has a value that is none, is refused: an answer that ignores half of
the question is an answer to another question."""
STREAMS: Final = """\
## Streams

`/live/VIEW` with the question of a page is a stream of server-sent events that tells what changes on that page. The id
of an event names the rendering it leads to. Who comes back with it in `Last-Event-ID` is told the difference, once; who
brings none, or one that is no longer remembered, is told the whole page. A `beat` event every ten seconds carries the
hub's clock. An event begins with a comment that renews moments (`expires`, `seen`, …: old to new, in milliseconds since
1970) and goes on with the parts of the page that changed."""


def api_page() -> str:
    """Describe the API: what every view takes, what each takes of its own, and how errors look."""
    rows = [
        f"| `{name}` | `{key}` | {param.help} | {', '.join(f'`{each}`' for each in param.among)} | {default(param)} |"
        for name, spec in VIEWS.items()
        for key, param in spec.params.items()
    ]
    views = [f"| `/api/v1/views/{name}` | {spec.title} |" for name, spec in VIEWS.items()]
    errors = [f"| {status} | {words} |" for status, words in ERRORS.items()]
    parts = [
        *("# API", WRITTEN_BY, API, "## Views", "\n".join(["| address | view |", "|---|---|", *views])),
        "Parameters of their own:",
        "\n".join(["| view | parameter | meaning | values | default |", "|---|---|---|---|---|", *rows]),
        "## Errors",
        'Every error has one shape: `{"error": {"status": 404, "detail": "what happened, and what to do"}}`.',
        "\n".join(["| status | when |", "|---|---|", *errors]),
        STREAMS,
    ]
    return "\n\n".join(parts) + "\n"


def default(param: Param) -> str:
    return f"`{param.default}`" if param.default else ""


PAGES: Final[dict[str, Callable[[], str]]] = {
    "api.md": api_page,
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
