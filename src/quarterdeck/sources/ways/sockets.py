"""Sockets that systemd holds for a program that passes connections on.

Rule: a socket unit is a listener like any other, and is seen as one. Only where what it starts is systemd's own proxy
does it lead further, and only its unit tells where to: the proxy does not run before the first connection.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Final

from quarterdeck.sources.command import Runner, run
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.ways.told import NOTHING, Seen, Told, address, merged, put, unix
from quarterdeck.truth.reading import Reason

NAME: Final = "socket-units"
LIMIT_S: Final = 8.0
PROXY: Final = "systemd-socket-proxyd"
SHOW: Final = ("systemctl", "show", "--no-pager", "--no-ask-password")
_LISTEN: Final = re.compile(r"(?P<place>.+) \(Stream\)")
_COMMAND: Final = re.compile(r"argv\[\]=(?P<argv>.*?) ;", re.DOTALL)
DEFAULT_PORT: Final = 80

Unit = Mapping[str, list[str]]


class Sockets:
    """The socket units of the system's manager."""

    name = NAME
    locator = "systemctl show"

    def __init__(self, *, command: Runner = run, runtime: str = "/run") -> None:
        self._command, self._runtime = command, runtime

    def ask(self) -> Seen:
        """Ask the manager for its sockets, and for what they start.

        Raises:
            SourceError: when it does not answer.
        """
        if not os.path.isdir(f"{self._runtime}/systemd/system"):
            return NOTHING
        held = [unit for unit in self._show("Id,Listen,Triggers,ActiveState", "*.socket") if "Listen" in unit]
        started = sorted({name for unit in held for line in unit.get("Triggers", ()) for name in line.split()})
        if not started:
            return Seen("routes")
        commands = {_one(unit, "Id"): unit for unit in self._show("Id,ExecStart", *started)}
        return Seen("routes", merged(told for unit in held for told in _routes(unit, commands)))

    def _show(self, properties: str, *names: str) -> list[Unit]:
        plain = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
        argv = (*SHOW, f"--property={properties}", "--", *names)
        answer = self._command(argv, plain, LIMIT_S)
        if answer.code != 0:
            raise SourceError(Reason.OBSERVER, f"systemctl failed with code {answer.code}")
        return list(units(answer.out.decode("utf-8", "replace")))


def units(text: str) -> Iterator[Unit]:
    """Part the answer of ``systemctl show`` into units; a property may stand several times."""
    for block in text.split("\n\n"):
        unit: dict[str, list[str]] = {}
        for line in block.splitlines():
            name, equals, value = line.partition("=")
            if equals:
                unit.setdefault(name, []).append(value)
        if unit:
            yield unit


def _one(unit: Unit, name: str) -> str:
    return next(iter(unit.get(name, ())), "")


def _routes(unit: Unit, commands: Mapping[str, Unit]) -> Iterator[Told]:
    targets = (_target(commands.get(name, {})) for name in _one(unit, "Triggers").split())
    target = next((each for each in targets if each is not None), None)
    if target is None or _one(unit, "ActiveState") != "active":
        return
    for line in unit.get("Listen", ()):
        form = _LISTEN.fullmatch(line)
        if form is None:
            continue
        place = form["place"]
        entry = unix(place) if place.startswith(("/", "@")) else address(*_parts(place))
        told = Told(PROXY, entry)
        put(told, *(([target], ()) if target else ((), ("target",))))
        yield told


def _target(unit: Unit) -> str | None:
    """Return where systemd's proxy passes on to, empty when that cannot be told; None when the unit starts no proxy."""
    for line in unit.get("ExecStart", ()):
        form = _COMMAND.search(line)
        try:
            argv = shlex.split(form["argv"]) if form else []
        except ValueError:
            argv = (form["argv"] if form else "").split()
        if argv and argv[0].rpartition("/")[2] == PROXY:
            plain = [each for each in argv[1:] if not each.startswith("-")]
            place = plain[-1] if plain else ""
            return unix(place) if place.startswith(("/", "@")) else _address(place)
    return None


def _address(place: str) -> str:
    if not place or "%" in place or "$" in place:
        return ""
    return address(*_parts(place))


def _parts(place: str) -> tuple[str, int]:
    host, _, port = place.rpartition(":")
    if not host and place.isdecimal():
        return "", int(place)
    return (host, int(port)) if port.isdecimal() else (place, DEFAULT_PORT)
