"""The reference page of the settings, written from the table they are read by."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Mapping

from quarterdeck.settings.entry import Setting, Table
from quarterdeck.settings.table import DEFAULT_FILE, ROOT, THRESHOLDS
from quarterdeck.truth import thresholds

_LITERAL = re.compile(r'true|false|[\d.]+|"[^"]*"')

INTRODUCTION = f"""\
Quarterdeck needs no settings: it finds the agents of the user who starts it. What you decide goes into
`{DEFAULT_FILE}` (or under `$XDG_CONFIG_HOME`), or into a file that you name with
`--config`. It is [TOML](https://toml.io). An unknown word or a value that does not fit is an error that names the line;
all of them are said at once, and nothing starts until they are mended. [How to configure](../howto/configure.md) has
examples."""


def settings_page(written_by: str = "") -> str:
    """Describe every setting, table by table."""
    parts = ["# Settings", *([written_by] if written_by else []), INTRODUCTION]
    parts += ["## Top of the file", ROOT.help, _rows(ROOT.settings)]
    for name, table in ROOT.tables.items():
        parts += _sections(name, table)
    return "\n\n".join(part for part in parts if part) + "\n"


def _sections(name: str, table: Table) -> Iterator[str]:
    yield f"## [[{name}]]" if table.many else f"## [{name}]"
    yield f"{table.help}{' May be given several times.' if table.many else ''}"
    yield _rows(table.settings)
    for word, below in table.tables.items():
        yield f"### [[{name}.{word}]]" if below.many else f"### {name}.{word}"
        yield f"{below.help}{' May be given several times.' if below.many else ''}"
        if below.settings is not THRESHOLDS:
            yield _rows(below.settings)


def _rows(settings: Mapping[str, Setting]) -> str:
    meant = limits_help() if settings is THRESHOLDS else {}
    rows = [_row(name, setting, meant.get(name, setting.help)) for name, setting in settings.items()]
    return "\n".join(("| setting | default | meaning |", "|---|---|---|", *rows)) if rows else ""


def _row(name: str, setting: Setting, meaning: str) -> str:
    default = "needed" if setting.required else setting.default
    shown = f"`{default}`" if _LITERAL.fullmatch(default) else default
    example = f" Example: `{setting.example}`." if setting.example else ""
    return f"| `{name}` | {shown} | {meaning}{example} |"


def limits_help() -> dict[str, str]:
    """Return what each limit means, as it stands below its declaration."""
    tree = ast.parse(inspect.getsource(thresholds.Thresholds))
    (declared,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
    found: dict[str, str] = {}
    for before, after in zip(declared.body, declared.body[1:], strict=False):
        if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name) and isinstance(after, ast.Expr):
            found[before.target.id] = inspect.cleandoc(str(ast.literal_eval(after.value)))
    return found
