"""From a file, the arguments and the folders that are there to the settings."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from quarterdeck.errors import ConfigurationError, UsageError
from quarterdeck.settings import access, discover, forges, named
from quarterdeck.settings.access import PORT, Ledger
from quarterdeck.settings.exposure import Exposure
from quarterdeck.settings.lines import Path as Place
from quarterdeck.settings.mistakes import SettingsError
from quarterdeck.settings.model import History, Settings, Units
from quarterdeck.settings.parse import Parsed, parse
from quarterdeck.settings.table import ROOT, SNAPSHOTS
from quarterdeck.truth.instance import Instance, Policy
from quarterdeck.truth.thresholds import Thresholds

FILE = Path("quarterdeck") / "quarterdeck.toml"
FILE_LIMIT = 1_000_000
SNAPSHOT = "snapshot.json"
FILES_LIMIT = 1_000
_BESIDE = ("policy", "thresholds", "forge_login")
"""Words of an agent's table that are no words of the agent as the other parts know it."""

Row = Mapping[str, Any]


def load(
    path: Path | None = None,
    homes: Sequence[Path] = (),
    env: Mapping[str, str] | None = None,
    *,
    snapshots: Path = Path(SNAPSHOTS),
) -> Settings:
    """Read the settings and find the homes they are about.

    ``homes`` are homes asked for by name: then no others are shown.

    Raises:
        ConfigurationError: when the file cannot be read or something in it is wrong.
        UsageError: when a home that was asked for is not a folder.
    """
    env = os.environ if env is None else env
    file = path or _usual_file(env)
    parsed = parse(_text(file), ROOT) if file is not None else Parsed()
    rows: Sequence[Row] = parsed.values.get("instances", ())
    limits = replace(Thresholds(), **parsed.values.get("thresholds", {}))
    configured = [_configured(row, limits) for row in rows]
    _check(rows, configured, parsed)
    named.check(parsed)
    access.check(parsed)
    forges.check(parsed)
    _refuse(file, parsed)
    notes: list[str] = []
    found = [replace(instance, thresholds=limits) for instance in _found(parsed.values, homes, env, snapshots, notes)]
    instances = _joined(configured, found, homes)
    if not homes:
        named.check_instances(parsed, instances)
        access.check_instances(parsed, instances)
        forges.check_instances(parsed, instances)
    _refuse(file, parsed)
    return _decided(parsed.values, instances, limits, _state(env))._replace(file=file, notes=tuple(notes))


def _decided(values: Row, instances: tuple[Instance, ...], limits: Thresholds, state: Path) -> Settings:
    """Make the settings of what the file says, of the instances that are shown, and of where things usually lie."""
    return Settings(
        instances=instances,
        services=named.services(values.get("services", ()), instances, limits),
        repositories=named.repositories(values.get("repositories", ()), instances, limits),
        forges=forges.forges(values, instances),
        thresholds=limits,
        port=values.get("server", {}).get("port", PORT),
        server=access.server(values.get("server", {})),
        access=access.access(values.get("access", {})),
        units=Units(**values.get("units", {})),
        history=History(**{"file": state / "history.db", **values.get("history", {})}),
        ledger=Ledger(**{"file": state / "ledger.db", **values.get("ledger", {})}),
        exposure=Exposure(**values.get("exposure", {})),
        state=state,
    )


def _refuse(file: Path | None, parsed: Parsed) -> None:
    """Refuse a file in which mistakes were found.

    Raises:
        SettingsError: with all of them.
    """
    if file is not None and parsed.mistakes:
        raise SettingsError(str(file), parsed.mistakes)


# --- the file ------------------------------------------------------------------------------------------------------


def _usual_file(env: Mapping[str, str]) -> Path | None:
    base = Path(env.get("XDG_CONFIG_HOME") or "")
    if not base.is_absolute():  # as the standard says: a relative one is to be ignored
        base = discover.folder_of_user(env) / ".config"
    file = base / FILE
    return file if os.path.lexists(file) else None


def _text(file: Path) -> str:
    """Return the text of the file.

    Raises:
        ConfigurationError: when there is none.
    """
    shown = str(file)
    try:
        if not file.exists():
            raise ConfigurationError(f"There is no file {shown}", "Correct --config, or leave it out.")
        if not file.is_file():
            raise ConfigurationError(f"{shown} is not a file", "Name the settings file itself.")
        if file.stat().st_size > FILE_LIMIT:
            raise ConfigurationError(f"{shown} is far too large for a settings file", "Name the settings file itself.")
        return file.read_text(encoding="utf-8-sig")
    except OSError:
        raise ConfigurationError(f"{shown} may not be read by this user", "Make it readable: chown or chmod.") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{shown} is not UTF-8 text: byte {error.start} is out of place", "Save it as UTF-8."
        ) from None


# --- what it says --------------------------------------------------------------------------------------------------


def _configured(row: Row, limits: Thresholds) -> Instance | None:
    """Make an instance of a table that is complete; what is missing has been said already."""
    if "id" not in row:
        return None
    plain = {key: value for key, value in row.items() if key not in _BESIDE}
    given: dict[str, Any] = {"label": row["id"], **plain}
    home = row.get("home")
    if home is not None:
        place = discover.instance_at(home)
        given = {"root": place.root, "profile": place.profile, "user": place.user, **given}
    return Instance(
        **given,
        policy=Policy(**row.get("policy", {})),
        thresholds=replace(limits, **row.get("thresholds", {})),
    )


def _check(rows: Sequence[Row], configured: Sequence[Instance | None], parsed: Parsed) -> None:
    """Find what is wrong between settings that are right each by itself."""
    seen: dict[tuple[str, str], int] = {}
    for number, (row, instance) in enumerate(zip(rows, configured, strict=True)):
        place: Place = ("instances", number)
        if "home" not in row and "snapshot" not in row and not parsed.is_faulty((*place, "home"), (*place, "snapshot")):
            parsed.add(place, "An instance has neither a home nor a snapshot", 'Add home = "..." to it.')
        if instance is None:
            continue
        for key, value in _unique(instance):
            first = seen.setdefault((key, value), number)
            if first != number:
                line = parsed.line(("instances", first, key))
                what = f'Two instances have the same {key} "{value}": this one and the one in line {line}'
                parsed.add((*place, key), what, "Give each its own, or remove one.")


def _unique(instance: Instance) -> Iterator[tuple[str, str]]:
    yield "id", instance.id
    if instance.home is not None:
        yield "home", os.path.realpath(instance.home)
    if instance.snapshot is not None:
        yield "snapshot", os.path.realpath(instance.snapshot)


def _state(env: Mapping[str, str]) -> Path:
    """Return the folder for what a program remembers, where nobody named another."""
    base = Path(env.get("XDG_STATE_HOME") or "")
    if not base.is_absolute():  # as the standard says: a relative one is to be ignored
        base = discover.folder_of_user(env) / ".local" / "state"
    return base / "quarterdeck"


# --- what is there -------------------------------------------------------------------------------------------------


def _found(
    values: Row, homes: Sequence[Path], env: Mapping[str, str], snapshots: Path, notes: list[str]
) -> Iterator[Instance]:
    """Return every instance that can be found, under the name that its place suggests."""
    for home in homes:
        yield from discover.homes_below(_asked_for(home), notes)
    if homes:
        return
    usual = discover.usual_home(env, notes) if values.get("discover", True) else None
    if usual is not None:
        yield from discover.homes_below(usual, notes)
    for table in values.get("exporters", ()):
        for pattern in table.get("files", ()):
            yield from _exported(pattern, notes)
    if values.get("discover", True) and snapshots.is_dir():
        if not os.access(snapshots, os.R_OK | os.X_OK):
            notes.append(f"{snapshots} may not be listed by this user: what exporters write there is not seen.")
        yield from _exported(snapshots / "*" / SNAPSHOT, [])


def _asked_for(home: Path) -> Path:
    full = discover.absolute(home)
    if not full.is_dir():
        raise UsageError(f"There is no folder {home}", "Name the agent's home with --home, such as ~/.hermes.")
    return full


def _exported(pattern: Path, notes: list[str]) -> Iterator[Instance]:
    """Return an instance for each snapshot; one that is named outright need not be there yet."""
    parts = pattern.parts[1:]
    if not any(set(part) & set("*?[") for part in parts):
        files = [pattern]
    else:
        files = sorted(Path(pattern.anchor).glob("/".join(parts)))[: FILES_LIMIT + 1]
    if not files:
        notes.append(f"No exporter's snapshot is found at {pattern}.")
    if len(files) > FILES_LIMIT:
        notes.append(f"More than {FILES_LIMIT} snapshots match {pattern}; the others are not watched.")
    for file in files[:FILES_LIMIT]:
        name = discover.slug(file.parent.name if file.name == SNAPSHOT else file.stem)
        yield Instance(name, name, snapshot=file)


def _joined(
    configured: Iterable[Instance | None], found: Iterable[Instance], homes: Sequence[Path]
) -> tuple[Instance, ...]:
    """Put together what was set and what was found: what was set has the word on its own home or snapshot.

    A snapshot that was found for an instance that is known already is another way to read it, not another instance.
    """
    known = [instance for instance in configured if instance is not None]
    others: list[Instance] = []
    found = list(found)
    for instance in found:
        same = next((one for one in (*known, *others) if _is_same(one, instance)), None)
        if same is None:
            others.append(instance)
        elif same.snapshot is None and instance.snapshot is not None:
            rows = known if same in known else others
            rows[rows.index(same)] = replace(same, snapshot=instance.snapshot)
    if homes:
        known = [one for one in known if any(_is_same(one, instance) for instance in found)]
    return (*known, *discover.with_ids(others, {one.id for one in known}))


def _is_same(one: Instance, other: Instance) -> bool:
    if other.snapshot is not None:
        return one.id == other.id or (one.snapshot is not None and _place(one.snapshot) == _place(other.snapshot))
    return one.home is not None and other.home is not None and _place(one.home) == _place(other.home)


def _place(path: os.PathLike[str]) -> str:
    return os.path.realpath(path)
