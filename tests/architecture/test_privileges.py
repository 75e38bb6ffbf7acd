"""The page of privileges is complete: it names all that the code runs, opens, listens on and may be told to touch."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from quarterdeck.settings import readers
from quarterdeck.settings.access import PORT
from quarterdeck.settings.entry import Table
from quarterdeck.settings.exposure import admin
from quarterdeck.settings.forges import FORGES
from quarterdeck.settings.sign_in import FORGE, sure
from quarterdeck.settings.table import ROOT
from tests.architecture.code import DOCS, PACKAGE, imports, modules

PAGE: Final = (DOCS / "privileges.md").read_text(encoding="utf-8")
SAID: Final = frozenset(re.findall(r"`([^`\n]+)`", PAGE))

DOORS: Final = frozenset(
    (
        *("subprocess", "socket", "asyncio.subprocess", "apsw", "sqlite3", "sqlalchemy.create_engine", "psycopg"),
        *("httpcore2", "watchfiles", "fcntl", "tempfile", "asyncssh", "os.exec", "pty", "ctypes", "mmap", "shutil"),
    )
)
"""What a module imports that opens something: another program, the network, the kernel, a database."""

PROGRAM: Final = re.compile(r"[a-z][a-z0-9._-]*")
ABSOLUTE: Final = re.compile(r"/(?:run|var|etc|proc|sys|dev|tmp|opt|srv|usr)\b(?:/[^\s`{}*]+)*")
PLACES: Final = (
    *(readers.path, readers.secret_file, readers.database, readers.port, readers.address, readers.host_and_port),
    *(readers.helper, admin, sure, FORGE.settings["url"].read),
    *(FORGES.settings[word].read for word in ("url", "token_file", "bell_file")),
)
"""Readers of settings that name a place: something to read, to write, to ask or to listen on."""
POINTS: Final = frozenset({"link", "runbook", "dashboard"})
"""Settings that are shown as links, and asked by nobody."""


def short(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def is_named(module: str) -> bool:
    return module in SAID or f"{module.partition('/')[0]}/" in SAID


def opening() -> Iterator[str]:
    """Name every module that imports what opens something."""
    for path, module in modules(PACKAGE):
        found = set(imports(module))
        if any(name == door or name.startswith(f"{door}.") for name in found for door in DOORS):
            yield short(path)


def test_every_module_that_opens_something_is_named() -> None:
    """Each module that can start a program, reach the network or open a database stands on the page."""
    assert [module for module in opening() if not is_named(module)] == []


def test_only_what_is_there_is_named() -> None:
    """No module stands on the page that is not in the code."""
    named = {name for name in SAID if re.fullmatch(r"[a-z_]+/(?:[a-z_/]+\.py)?", name)}
    assert [name for name in sorted(named) if not (PACKAGE / name).exists()] == []


def programs() -> dict[str, str]:
    """Return every program that a literal command line begins with, and a module that runs it."""
    found: dict[str, str] = {}
    for path, module in modules(PACKAGE):
        if not any(name.startswith(("subprocess", "quarterdeck.sources.command")) for name in imports(module)):
            continue
        words = constants(module)
        for line in literals(module):
            if (program := first_word(line, words)) is not None:
                found.setdefault(program, short(path))
    return found


def constants(module: ast.Module) -> dict[str, str]:
    """Return the texts that a module gives names to."""
    found = {}
    for node in module.body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(text))):
                found[name] = text
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                found[name] = text
    return found


def literals(module: ast.Module) -> Iterator[list[ast.expr]]:
    """Return the parts of everything that may be a command line: a row of words, or one that is passed on alone.

    A row that has a name and is put into others is the end of a command line, not one.
    """
    put_in = [node.value for node in ast.walk(module) if isinstance(node, ast.Starred)]
    names = {node.id for node in put_in if isinstance(node, ast.Name)}
    given = [node for node in module.body if isinstance(node, ast.AnnAssign | ast.Assign) and named(node) & names]
    given += [node for node in ast.walk(module) if isinstance(node, ast.Assign) and named(node) & behind(module)]
    ends = {id(node) for node in (*put_in, *(node.value for node in given))}
    for node in ast.walk(module):
        if isinstance(node, ast.Tuple | ast.List) and len(node.elts) > 1 and id(node) not in ends:
            yield node.elts
        if isinstance(node, ast.Call):
            yield from (one.elts for one in node.args if isinstance(one, ast.Tuple | ast.List) and len(one.elts) == 1)


def behind(module: ast.Module) -> set[str]:
    """Return the names that are put into a call behind something else: what they stand for begins no command line."""
    calls = (node for node in ast.walk(module) if isinstance(node, ast.Call))
    later = (word for call in calls for word in call.args[1:])
    return {word.value.id for word in later if isinstance(word, ast.Starred) and isinstance(word.value, ast.Name)}


def named(node: ast.AnnAssign | ast.Assign) -> set[str]:
    targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
    return {target.id for target in targets if isinstance(target, ast.Name)}


def first_word(line: list[ast.expr], words: dict[str, str]) -> str | None:
    """Return the program of a command line; None where it is none: a command line has options, or more to come."""
    head, rest = line[0], line[1:]
    text = head.value if isinstance(head, ast.Constant) else words.get(head.id) if isinstance(head, ast.Name) else None
    if not isinstance(text, str) or not PROGRAM.fullmatch(text):
        return None
    is_line = not rest or any(isinstance(one, ast.Starred) or begins_with_a_dash(one) for one in rest)
    return text if is_line else None


def begins_with_a_dash(word: ast.expr) -> bool:
    if isinstance(word, ast.JoinedStr) and word.values:
        word = word.values[0]
    return isinstance(word, ast.Constant) and isinstance(word.value, str) and word.value.startswith("-")


def test_every_program_that_is_run_is_named() -> None:
    """Whatever a command line in the code begins with stands in the table of programs."""
    table = PAGE.partition("## Programs that are run")[2].partition("## ")[0]
    named = set(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE))
    assert set(programs()) == named, "what is run, and what the page says is run"


def test_the_search_for_programs_finds_them() -> None:
    """The test above means something: command lines of every form that the code has are found."""
    assert {"systemctl", "setpriv", "git"} <= set(programs())
    module = ast.parse('NAME = "caddy"\nrun((NAME, "adapt", "--config", x))\nWay(("ls",), {})\n("a", Reason.X, "b")')
    words = constants(module)
    assert [first_word(line, words) for line in literals(module)].count(None) == 1
    assert {first_word(line, words) for line in literals(module)} == {"caddy", "ls", None}


def absolute_paths() -> dict[str, str]:
    found: dict[str, str] = {}
    for path, module in modules(PACKAGE):
        texts = [node.value for node in ast.walk(module) if isinstance(node, ast.Constant)]
        documented = {
            ast.get_docstring(node, clean=False)
            for node in ast.walk(module)
            if hasattr(node, "body")
            and isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        }
        for text in texts:
            if isinstance(text, str) and text not in documented and (match := ABSOLUTE.match(text)):
                found.setdefault(match[0].rstrip("/."), short(path))
    return {name: where for name, where in found.items() if not where.startswith("demo/")}


def test_every_absolute_path_is_named() -> None:
    """Each place outside of homes that stands in the code stands on the page, or lies in one that does."""
    places = [Path(said) for said in SAID if said.startswith("/")]
    lost = {
        name: where
        for name, where in absolute_paths().items()
        if not any(Path(name).is_relative_to(place) or place.is_relative_to(name) for place in places)
    }
    assert lost == {}


def settings_that_name_places() -> Iterator[tuple[str, str]]:
    def below(name: str, table: Table) -> Iterator[tuple[str, str]]:
        for word, setting in table.settings.items():
            if word not in POINTS and (setting.read in PLACES or word == "files"):
                yield (f"[[{name}]]" if table.many else f"[{name}]"), word
        for inner, more in table.tables.items():
            yield from below(f"{name}.{inner}" if name else inner, more)

    return below("", ROOT)


def test_every_setting_that_names_a_place_is_named() -> None:
    """Each setting that makes the program read, write, ask or listen elsewhere stands on the page, with its table."""
    table = PAGE.partition("## Settings that widen it")[2].partition("## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `[")]
    found = list(settings_that_name_places())
    assert len(found) > 15
    assert [
        f"{name} {word}" for name, word in found if not any(f"`{name}`" in r and f"`{word}`" in r for r in rows)
    ] == []


def test_the_port_is_named() -> None:
    """The port that is listened on when nobody says otherwise stands on the page."""
    assert f"127.0.0.1:{PORT}" in SAID


SOURCE: Final = "\n".join(path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py")))
OF_OTHERS: Final = ("channel ", "bind [", "code=exited", "Main process", "Result: ", "502 ")
"""What ssh, systemd and tailscale say."""


@pytest.mark.parametrize("recipe", ["one-machine", "tailnet", "ssh-tunnel"])
def test_recipes_quote_errors_as_they_are_said(recipe: str) -> None:
    """What a recipe says that an error says is what the code says, so that searching for it finds it."""
    text = (DOCS / "howto" / f"{recipe}.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \|", text.partition("## What each error means")[2], re.MULTILINE)
    said = [span for row in rows for span in re.findall(r"`([^`]{12,})`", row) if not span.startswith(OF_OTHERS)]
    assert said
    assert [words for words in said if not any(part in SOURCE for part in spoken(words))] == []


def spoken(words: str) -> tuple[str, ...]:
    """Return in which pieces the code may say it: numbers and reasons are put in when it is said."""
    plain = words.removeprefix("... ")
    return (
        plain,
        re.sub(r"^The \w+ way", "The {way} way", plain),
        plain.partition(": ")[0],
        re.sub(r"\d{4,}", "{port}", plain).replace("127.0.0.1", "{LOOPBACK}"),
        plain.partition(" (")[0],
    )
