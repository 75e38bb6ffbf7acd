"""The printed units as a real systemd runs them: ready when something can be shown, restarted when the hub hangs."""

from __future__ import annotations

import json
import os
import pwd
import socket
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from quarterdeck.cli.reach import reach_of
from quarterdeck.cli.unit import Order
from quarterdeck.cli.units import HIDDEN, exporter
from quarterdeck.cli.units_hub import hub
from quarterdeck.settings import load
from quarterdeck.settings.credentials import name_of
from quarterdeck.settings.table import SNAPSHOTS
from tests.real.agents import REPOSITORY
from tests.real.homes import wait_until
from tests.real.user_manager import COMMAND_LIMIT_S, ENVIRONMENT, Guest, GuestError

USER: Final = "daemon"
"""Whom the hub and the exporter run as here: every machine has this user, and it may do nothing."""
OWNER: Final = "root"
"""Whose own manager runs it in the user scope: somebody who can surely read this checkout and its interpreter."""
SOON_S: Final = 40.0
QUICK: Final = 3
"""Seconds of the watchdog here; 30 in the units as they are printed."""
STATE: Final = "/var/lib/quarterdeck"
HUB: Final = "quarterdeck.service"
EXPORT: Final = "quarterdeck-export-north.service"

SECRET: Final = b"not" + b"-a-real-secret"
SETTINGS: Final = """discover = false
[server]
port = PORT
[access.forge]
url = "https://203.0.113.8"
client_id = "quarterdeck"
client_secret_file = "SECRET"
"""
AS_HERE: Final = f"""[Service]
User={USER}
Group={USER}
Environment=HOME={STATE}
StandardOutput=append:/run/said
StandardError=append:/run/said
"""
"""What differs from the printed units: a user that this machine has, and a log that can be read."""
WATCHED: Final = f"WatchdogSec={QUICK}\nTimeoutAbortSec=2\n"
AS_USER: Final = "[Service]\nStandardOutput=append:/run/said\nStandardError=append:/run/said\n"
USERS_STATE: Final = "/run/user/0/.local/state/quarterdeck"
"""What the steps beside the units tell its owner to make first; the guest's root is at home in /run/user/0."""


def reachable() -> str:
    """Let the unit see the interpreter and the checkout also where these lie in a home."""
    needed = [Path(sys.base_prefix), REPOSITORY]
    hidden = [path for path in needed if any(path.is_relative_to(place) for place in HIDDEN)]
    binds = "".join(f"BindReadOnlyPaths={path}\n" for path in hidden)
    return f"ProtectHome=tmpfs\n{binds}" if binds else ""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the guest sees too, with a home in it that its user owns."""
    folder = tmp_path_factory.mktemp("shared")
    account = pwd.getpwnam(USER)
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    home = folder / "home"
    home.mkdir()
    (home / "config.yaml").write_text("model: {}\n")
    for path in (home, home / "config.yaml"):
        os.chown(path, account.pw_uid, account.pw_gid)
    secret = folder / "forge secret"
    secret.write_bytes(SECRET)
    secret.chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = SETTINGS.replace("PORT", str(port)).replace("SECRET", str(secret))
    (folder / "quarterdeck.toml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def guest(shared: Path) -> Iterator[Guest]:
    with Guest(shared) as machine:
        for words in (
            ("-t", "tmpfs", "tmpfs", "/var/lib"),
            ("--make-rshared", "/"),
        ):  # secrets are handed over by mounts
            machine.runner(("mount", *words), ENVIRONMENT, COMMAND_LIMIT_S)
        yield machine


def order(shared: Path, scope: str = "system") -> Order:
    """Return what `quarterdeck units` makes of a settings file with a secret that only root may read."""
    config = shared / "quarterdeck.toml"
    reach = reach_of(load(config, env={"HOME": str(shared)}, snapshots=shared / "none"))
    snapshot = Path(SNAPSHOTS, "north", "snapshot.json")
    return Order(scope, "north", shared / "home", USER, Path(sys.executable), snapshot, reach, config)


def said(guest: Guest, name: str, unit: str = HUB, user: str | None = None) -> str:
    """Return what systemd says of a unit."""
    return guest.systemctl("show", f"--property={name}", "--value", unit, user=user).strip()


def log(guest: Guest) -> str:
    return guest.runner(("cat", "/run/said"), ENVIRONMENT, COMMAND_LIMIT_S).out.decode()


def start(guest: Guest, user: str | None = None) -> None:
    """Start the hub; when that fails, say what it said."""
    try:
        guest.systemctl("start", HUB, user=user)
    except GuestError as error:
        why = guest.systemctl("show", "--property=Result,ExecMainStatus", HUB, user=user)
        raise GuestError(f"{error}\n{why}\n{log(guest)}") from None


def install(guest: Guest, name: str, text: str, *more: str) -> None:
    guest.write({name: text, f"{name}.d/here.conf": AS_HERE + reachable() + "".join(more)})
    guest.systemctl("daemon-reload")


@pytest.fixture
def running(guest: Guest, shared: Path) -> Iterator[Guest]:
    """A guest in which the hub was started as its unit says, and counts as started."""
    install(guest, HUB, hub(order(shared)).text, WATCHED)
    start(guest)
    yield guest
    guest.systemctl("stop", HUB)


def test_the_hub_starts_when_it_can_show_something(running: Guest, shared: Path) -> None:
    """Shut in as printed, the hub starts; that it did is its own word, given after a first collection; it says how it
    stands, has read a secret that its user may not read, and keeps what it remembers where nobody else sees it.
    """
    assert said(running, "ActiveState") == "active", log(running)
    assert said(running, "Type") == "notify"
    assert "sources asked" in said(running, "StatusText")
    secret = shared / "forge secret"
    answer = running.runner_as(USER)(("cat", str(secret)), ENVIRONMENT, COMMAND_LIMIT_S)
    assert answer.code != 0
    handed = f"/run/credentials/{HUB}/{name_of(secret)}"
    assert running.runner(("cat", handed), ENVIRONMENT, COMMAND_LIMIT_S).out == SECRET
    assert running.runner_as("games")(("cat", handed), ENVIRONMENT, COMMAND_LIMIT_S).code != 0
    wait_until("the history begun", partial(exists, running, f"{STATE}/.local/state/quarterdeck/history.db"), SOON_S)
    state = running.runner(("stat", "--format=%a %U", STATE), ENVIRONMENT, COMMAND_LIMIT_S).out
    assert state.split() == [b"700", USER.encode()]
    environment = Path(f"/proc/{running.pid}/root/proc/{said(running, 'MainPID')}/environ").read_bytes()
    assert SECRET not in environment
    assert b"token=" not in log(running).encode(), "a way in is printed to people, not into a log"


def exists(guest: Guest, path: str) -> bool:
    return guest.runner(("test", "-s", path), ENVIRONMENT, COMMAND_LIMIT_S).code == 0


def test_a_hub_that_works_is_left_alone(running: Guest) -> None:
    """Through three times the life that the watchdog gives it, a hub that works is not restarted."""
    before = said(running, "MainPID")
    time.sleep(3 * QUICK)
    assert (said(running, "MainPID"), said(running, "NRestarts")) == (before, "0"), log(running)
    assert said(running, "WatchdogUSec") == f"{QUICK}s"


def test_a_hub_that_stands_still_is_restarted(running: Guest) -> None:
    """A hub that is stopped from outside, and so tells nobody that it lives, is ended and started anew."""
    before = said(running, "MainPID")
    running.systemctl("kill", "--signal=SIGSTOP", HUB)
    wait_until("the hub started anew", lambda: restarted(running, before), SOON_S)


def restarted(guest: Guest, before: str) -> bool:
    return said(guest, "MainPID") not in {before, "0"} and said(guest, "ActiveState") == "active"


def test_a_hub_whose_collector_hangs_is_restarted(guest: Guest, shared: Path) -> None:
    """A hub that answers, but has stopped to look, is ended by the watchdog and started anew; the log says why."""
    program = f"ExecStart=\nExecStart={sys.executable} -m tests.fakes.hung_hub\nWorkingDirectory={REPOSITORY}\n"
    install(guest, HUB, hub(order(shared)).text, WATCHED, program)
    start(guest)
    before = said(guest, "MainPID")
    wait_until("the hub started anew", lambda: restarted(guest, before), SOON_S)
    guest.systemctl("stop", HUB)
    assert "the collector does not finish its turn" in log(guest)


def test_the_hub_is_shut_in(guest: Guest, shared: Path) -> None:
    """Whatever runs in the hub's unit can write its own folder, talk to this host and to the address that the settings
    name, and nothing else: not a home, not another address, not the tailnet, no secret of root, no memory it wrote.
    """
    home, secret = shared / "home", shared / "forge secret"
    words = f'-m tests.fakes.curious {home} "{secret}" 127.0.0.1 203.0.113.8 203.0.113.1 100.64.0.1'
    program = f"ExecStart=\nExecStart={sys.executable} {words}\nWorkingDirectory={REPOSITORY}\nType=oneshot\n"
    install(
        guest, HUB, hub(order(shared)).text, program, "WatchdogSec=0\nStandardOutput=truncate:/run/tried\nRestart=no\n"
    )
    start(guest)
    tried = json.loads(guest.runner(("cat", "/run/tried"), ENVIRONMENT, COMMAND_LIMIT_S).out)
    done = [what for what, came in tried.items() if came == "done"]
    assert done == ["write its state", "talk to 127.0.0.1", "talk to 203.0.113.8"], tried
    assert tried["write in a home"] == "EROFS"
    assert tried["talk to 203.0.113.1"] == tried["talk to 100.64.0.1"] == "EPERM"


def test_the_timer_runs_the_exporter(guest: Guest, shared: Path) -> None:
    """The exporter's timer runs its service, which writes a snapshot that its group may read, and ends well."""
    service, timer = exporter(order(shared))
    install(guest, service.name, service.text)
    guest.write({timer.name: timer.text})
    guest.systemctl("daemon-reload")
    guest.systemctl("start", timer.name)
    written = partial(written_by, guest)
    wait_until("the snapshot written", lambda: bool(written()), SOON_S)
    wait_until("the exporter ended", lambda: said(guest, "Result", EXPORT) == "success", SOON_S)
    assert said(guest, "ActiveState", timer.name) == "active"
    document = json.loads(written())
    assert document["instance"]["id"] == "north"
    assert said(guest, "ExecMainStatus", EXPORT) == "0"


def written_by(guest: Guest) -> bytes:
    return guest.runner(("cat", f"{SNAPSHOTS}/north/snapshot.json"), ENVIRONMENT, COMMAND_LIMIT_S).out


def test_a_users_own_manager_runs_the_hub_too(guest: Guest, shared: Path) -> None:
    """The unit for the user scope is started by a user's own manager, on the hub's own word as well."""
    guest.start_user_manager(OWNER)
    guest.runner(("mkdir", "--parents", "--mode=700", USERS_STATE), ENVIRONMENT, COMMAND_LIMIT_S)
    guest.write({HUB: hub(order(shared, "user")).text, f"{HUB}.d/here.conf": AS_USER})
    guest.systemctl("daemon-reload", user=OWNER)
    start(guest, OWNER)
    assert said(guest, "ActiveState", user=OWNER) == "active"
    assert "sources asked" in said(guest, "StatusText", user=OWNER)
    wait_until("the history begun", partial(exists, guest, f"{USERS_STATE}/history.db"), SOON_S)
    guest.systemctl("stop", HUB, user=OWNER)
