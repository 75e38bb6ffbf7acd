"""A small fleet in a folder of its own: homes, living gateways, a forge, and the settings that name them.

Rule 1: all of it lies in one folder and nothing outside of it is touched. Who deletes the folder has deleted the demo.
Rule 2: whatever is started here ends with the block, and also when this program is killed: each child ends by itself
        when its standard input does.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from quarterdeck.demo import home, keeper, schema, services, vault
from quarterdeck.demo.characters import Character, cast
from quarterdeck.demo.forge import stories
from quarterdeck.demo.home import Plan
from quarterdeck.demo.present import Run
from quarterdeck.errors import QuarterdeckError

SETTINGS: Final = "quarterdeck.toml"
LOCK: Final = "in-use.lock"
PREFIX: Final = "fleet-"
AGENT: Final = "from quarterdeck.demo.keeper import main\nmain()\n"
GIVE_UP_S: Final = 5.0
GIT: Final = (2, 38)
"""The oldest release of git with which the forge can be kept."""
PUSHED_WITHIN_S: Final = 250_000
"""A little less than lies between two backups: the newest is due."""
SERVED, NOT_SERVED = "qwen4-32b-instruct", "embed-small"
NOT_STARTED: Final = QuarterdeckError("A part of the demo did not start", "Try again; its own words stand above.")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Fleet:
    """Where the fleet lies and who belongs to it."""

    folder: Path
    plan: Plan
    characters: tuple[Character, ...]
    runs: dict[str, dict[str, list[Run]]] = field(default_factory=dict)
    """The runs of every agent's jobs, by job."""

    @property
    def settings(self) -> Path:
        """The settings file that names all of it, and nothing else."""
        return self.folder / SETTINGS

    def home(self, one: Character) -> Path:
        """Where an agent lives."""
        return self.folder / "homes" / one.name


@contextmanager
def folder_for(wanted: Path | None, parent: Path, *, keep: bool) -> Iterator[Path]:
    """Have an empty folder for the length of the block: the one that was asked for, or a new one below ``parent``.

    Raises:
        QuarterdeckError: when something else lies in the folder that was asked for.
    """
    if wanted is None:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(parent)
        wanted = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    elif wanted.exists() and any(wanted.iterdir()):
        raise QuarterdeckError(f"{wanted} is not empty", "Name an empty folder, or none, with --dir.")
    wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = wanted.resolve()
    with (place / LOCK).open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield place
        finally:
            if not keep:
                shutil.rmtree(place, ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Remove what demos left behind that were killed: nobody holds their lock any more."""
    for left in parent.glob(f"{PREFIX}*"):
        try:
            with (left / LOCK).open("a", encoding="utf-8") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
        except OSError:  # it is in use, or somebody else's: then it is none of ours to remove
            continue


def build(folder: Path, plan: Plan, now: float, say: Say) -> Fleet:
    """Write the homes and the settings of a fleet."""
    fleet = Fleet(folder, plan, tuple(cast(plan.instances, plan.jobs)))
    for number, one in enumerate(fleet.characters, 1):
        say(f"agent {number} of {len(fleet.characters)}: {one.name}")
        fleet.runs[one.name] = home.write(fleet.home(one), one, plan, now)
    for release in schema.RELEASES:
        _install(folder, release)
    say("backup")
    vault.make(folder, now)
    return fleet


def settings(fleet: Fleet, ports: Mapping[str, int], forge: Mapping[str, str] | None = None) -> str:
    """Return the settings file of a fleet; ``ports`` are those of its services, ``forge`` says where its forge is."""
    head = ["# Settings of a demo: nothing in it is real.", "discover = false"]
    history = [f'\n[history]\nfile = "{fleet.folder}/history.db"', f'\n[ledger]\nfile = "{fleet.folder}/ledger.db"']
    services = _services(ports) if ports else ()
    logins = stories.BOTS if forge else {}
    told = (*_instances(fleet, logins), *services, *_repositories(fleet), *(_forge(forge) if forge else ()))
    return "\n".join([*head, *history, *told]) + "\n"


def _instances(fleet: Fleet, logins: Mapping[str, str]) -> Iterator[str]:
    for one in fleet.characters:
        shown = str(one.names_shown).lower()
        yield f'\n[[instances]]\nid = "{one.name}"\nlabel = "{one.name}"\nhome = "{fleet.home(one)}"'
        yield "user_logins = false  # nothing beside the folder of the demo is looked at"
        yield f"policy = {{ job_names = {shown}, session_titles = {shown} }}"
        if one.name in logins:
            yield f'forge_login = "{logins[one.name]}"'


def _services(ports: Mapping[str, int]) -> Iterator[str]:
    for name, port in ports.items():
        kind = "model-server" if name == "models" else "http"
        yield f'\n[[services]]\nid = "{name}"\nkind = "{kind}"\nurl = "http://127.0.0.1:{port}/"'
        if kind == "model-server":
            yield f'instance = "south"\nmodels = ["{SERVED}", "{NOT_SERVED}"]'
    yield '\n[[services]]\nid = "database"\nkind = "tcp"\naddress = "127.0.0.1:9"'
    yield '\n[[services]]\nid = "shop"\nkind = "http"\nurl = "http://127.0.0.1:9/"\ndeployed = false'


def _repositories(fleet: Fleet) -> Iterator[str]:
    if (fleet.folder / "vault").is_dir():
        yield f'\n[[repositories]]\nid = "vault"\npath = "{fleet.folder}/vault"'
        yield 'label = "Vault of the fleet"\ninstance = "north"'
        yield f"push_within_s = {PUSHED_WITHIN_S}\npush_lost_s = {3 * PUSHED_WITHIN_S}"


def _forge(told: Mapping[str, str]) -> Iterator[str]:
    yield f'\n[[forges]]\nid = "main"\nlabel = "Forge of the fleet"\nurl = "{told["url"]}"'
    yield f'token_file = "{told["token_file"]}"\nreviewers = {json.dumps(stories.REVIEWERS)}'
    yield f"sensitive = {json.dumps(stories.SENSITIVE)}"


def _install(folder: Path, release: str) -> None:
    """Make a program by the name of the agent, and the mark by which its release is known."""
    place = folder / "agents" / release
    series = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    mark = place / "lib" / series / "site-packages" / f"hermes_agent-{release}.dist-info"
    mark.mkdir(parents=True)
    (mark / "METADATA").write_text(f"Name: hermes-agent\nVersion: {release}\n", encoding="utf-8")
    (place / "bin").mkdir()
    (place / "bin" / "hermes").write_text(AGENT, encoding="utf-8")


@contextmanager
def living(fleet: Fleet) -> Iterator[None]:
    """Have services, forge and living gateways run for the length of the block; write the settings.

    The forge keeps its repositories with git: where that is missing, or too old, there is none.
    """
    with ExitStack() as stack:
        answering = stack.enter_context(_child([sys.executable, "-m", services.__name__]))
        forge = stack.enter_context(_child(_forge_command(fleet))) if has_git() else None
        begun = [stack.enter_context(_child(_command(fleet, one))) for one in fleet.characters if one.alive]
        for child in begun:
            _ready(child)
        told = None if forge is None else json.loads(_said(forge))
        fleet.settings.write_text(settings(fleet, json.loads(_said(answering)), told), encoding="utf-8")
        yield


def has_git() -> bool:
    """Whether git is here, and new enough to merge without a working tree."""
    if shutil.which("git") is None:
        return False
    said = subprocess.run(["git", "--version"], capture_output=True, text=True, timeout=GIVE_UP_S, check=False).stdout
    found = re.search(r"(\d+)\.(\d+)", said)
    return found is not None and (int(found[1]), int(found[2])) >= GIT


def _forge_command(fleet: Fleet) -> list[str]:
    return [sys.executable, "-m", "quarterdeck.demo.forge", str(fleet.folder / "forge")]


def _command(fleet: Fleet, one: Character) -> list[str]:
    program = fleet.folder / "agents" / one.release / "bin" / "hermes"
    jobs = -1 if fleet.plan.jobs is None else fleet.plan.jobs
    told = [str(fleet.home(one)), one.name, str(fleet.plan.instances), str(jobs)]
    return [sys.executable, str(program), "gateway", "run", *told]


@contextmanager
def _child(command: Sequence[str], env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """Have a program run that ends when its standard input does."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=env or os.environ, text=True) as child:
        try:
            yield child
        finally:
            _close(child.stdin)
            try:
                child.wait(GIVE_UP_S)
            except subprocess.TimeoutExpired:
                child.kill()


def _close(stream: IO[str] | None) -> None:
    if stream is not None:
        stream.close()


def _ready(child: subprocess.Popen[str]) -> None:
    if _said(child) != keeper.READY:
        raise NOT_STARTED


def _said(child: subprocess.Popen[str]) -> str:
    said = child.stdout.readline().strip() if child.stdout else ""
    if not said:
        raise NOT_STARTED
    return said
