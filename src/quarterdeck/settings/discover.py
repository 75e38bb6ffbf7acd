"""Which homes there are, and what to call them.

Rule 1: only folders are listed. Nothing in a home is opened here.
Rule 2: an id follows from the place alone, so the same home bears the same id tomorrow and on every look: a profile
        its own name, a home its folder's name without the dot, and a plain ``.hermes`` the name of its owner.
Rule 3: what cannot be listed is said, not passed over.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from quarterdeck.truth.instance import ALL, Instance

AGENT_FOLDER = ".hermes"
PROFILES = "profiles"
PROFILES_LIMIT = 1_000
ID_LIMIT = 40
MARKS = (
    *("config.yaml", "state.db", "gateway.lock", "gateway_state.json", "gateway.pid", "auth.json", ".env", "SOUL.md"),
    *("cron", "sessions", "skills", "memories", "logs"),
)
"""A folder among the profiles that has any of these is a home."""


def usual_home(env: Mapping[str, str], notes: list[str]) -> Path | None:
    """Return where this user's agent keeps its home, if it is there."""
    named = env.get("HERMES_HOME")
    home = absolute(Path(named)) if named else folder_of_user(env) / AGENT_FOLDER
    if home.is_dir():
        return home
    if named:
        notes.append(f"HERMES_HOME names {home}, and there is no such folder.")
    return None


def absolute(path: Path) -> Path:
    """Return a path from the root on, without following links."""
    return Path(os.path.normpath(path.expanduser().absolute()))


def homes_below(home: Path, notes: list[str]) -> Iterator[Instance]:
    """Return a home and its profiles, each as an instance whose id may still be another's."""
    yield instance_at(home)
    folder = home / PROFILES
    try:
        profiles = sorted(entry for entry in folder.iterdir() if entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError:
        notes.append(f"The profiles in {folder} could not be listed: whether there are further agents is not known.")
        return
    for profile in profiles[:PROFILES_LIMIT]:
        if looks_like_home(profile):
            yield instance_at(profile)
    if len(profiles) > PROFILES_LIMIT:
        notes.append(f"{folder} holds more than {PROFILES_LIMIT} profiles; the others are not watched.")


def looks_like_home(folder: Path) -> bool:
    """Whether an agent lives here; of a folder that may not be entered it is assumed."""
    try:
        names = {entry.name for entry in os.scandir(folder)}
    except OSError:
        return True
    return any(mark in names for mark in MARKS)


def instance_at(home: Path) -> Instance:
    """Describe the home in a folder by where it lies and whose it is."""
    owner = owner_of(home)
    if home.parent.name == PROFILES and looks_like_home(home.parent.parent):
        name = slug(home.name)
        return Instance(name, name, home=home, root=home.parent.parent, profile=home.name, user=owner)
    name = home.name.lstrip(".")
    name = slug(owner or name) if name == AGENT_FOLDER.lstrip(".") else slug(name)
    return Instance(name, name, home=home, user=owner)


def owner_of(folder: Path) -> str | None:
    """Return the name of a folder's owner; None when either is not known."""
    try:
        return pwd.getpwuid(folder.stat().st_uid).pw_name
    except (OSError, KeyError):
        return None


def slug(name: str) -> str:
    """Turn a folder's name into an id."""
    plain = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")[:ID_LIMIT]
    return plain if plain and plain != ALL else "hermes"


def with_ids(found: Iterable[Instance], taken: Collection[str]) -> Sequence[Instance]:
    """Give each instance an id of its own: the first keeps its name, the next is called after its root too."""
    ids, named = set(taken), []
    for instance in found:
        identity = next(choice for choice in _choices(instance) if choice not in ids)
        ids.add(identity)
        named.append(instance if identity == instance.id else replace(instance, id=identity, label=identity))
    return named


def _choices(instance: Instance) -> Iterator[str]:
    yield instance.id
    longer = instance.id
    if instance.root is not None:
        longer = f"{instance_at(Path(instance.root)).id}-{instance.id}"
        yield longer
    number = 2
    while True:
        yield f"{longer}-{number}"
        number += 1


def folder_of_user(env: Mapping[str, str]) -> Path:
    """Return the user's own folder."""
    return Path(env.get("HOME") or pwd.getpwuid(os.geteuid()).pw_dir)
