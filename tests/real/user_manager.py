"""A real systemd, system and users, in namespaces of its own: the machine's own systemd, if it has one, is not touched.

The rule: what is started here cannot outlive the test nor reach the machine. PID 1 of the namespace dies with its
parent, and everything in the namespace with it. Its file system is the machine's, read-only, with fresh memory where
systemd writes. It knows no units but those it is given: the machine's own would set kernel parameters and start
servers.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from quarterdeck.sources.command import Answer, Runner, run
from tests.real.agents import REPOSITORY
from tests.real.homes import wait_until

BOOT_LIMIT_S: Final = 20.0
COMMAND_LIMIT_S: Final = 15.0
UNITS: Final = "/run/units"
ENVIRONMENT: Final = {"PATH": os.defpath + ":/usr/sbin:/sbin", "LC_ALL": "C"}

TARGETS: Final = (
    "basic", "default", "exit", "final", "local-fs", "network-online", "paths", "shutdown", "slices", "sockets",
    "sysinit", "timers", "umount",
)  # fmt: skip
"""What units depend on without saying so. Here they are there and do nothing."""

BUS: Final = {
    "dbus.socket": "[Socket]\nListenStream=/run/dbus/system_bus_socket\n",
    "dbus.service": (
        "[Unit]\nRequires=dbus.socket\n[Service]\nType=notify\n"
        "ExecStart=/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation\n"
    ),
}
"""The bus over which users who are not root reach the system's manager."""

ENTER_GROUP: Final = """
set -e
mount -t tmpfs tmpfs "$PLACE" && mkdir "$PLACE/groups" && mount -t cgroup2 cgroup2 "$PLACE/groups"
mkdir "$PLACE/groups/$GROUP" && echo $$ > "$PLACE/groups/$GROUP/cgroup.procs"
umount -R "$PLACE"
exec unshare --mount --pid --uts --ipc --cgroup --fork --kill-child --mount-proc bash -c "$BOOT"
"""
BOOT: Final = """
set -e
mount --make-rprivate /
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /run
if [ -n "$SHARED" ]; then mkdir /run/shared && mount --bind "$SHARED" /run/shared; fi
mkdir /run/checkout && mount --bind "$CHECKOUT" /run/checkout
for place in /tmp /var/tmp /var/lib/systemd; do mount -t tmpfs tmpfs $place; done
if [ -n "$SHARED" ]; then mkdir -p "$SHARED" && mount --bind /run/shared "$SHARED"; fi
mkdir -p "$CHECKOUT" && mount --bind /run/checkout "$CHECKOUT" && mount -o remount,bind,ro "$CHECKOUT"
mount -o remount,bind,ro /
hostname guest
mkdir -p "$UNITS"
for name in $TARGETS; do printf '[Unit]\\nDescription=%s\\n' $name > "$UNITS/$name.target"; done
exec env -i PATH="$PATH" LC_ALL=C container=test SYSTEMD_UNIT_PATH="$UNITS" \
    /lib/systemd/systemd --system --unit=default.target --log-target=null --show-status=no
"""
USER_MANAGER: Final = """
set -e
mkdir -p -m 700 /run/user/$ID && chown $ID:$ID /run/user/$ID
mkdir -p /sys/fs/cgroup/user-$ID && chown -R $ID:$ID /sys/fs/cgroup/user-$ID
echo $BASHPID > /sys/fs/cgroup/user-$ID/cgroup.procs
exec setpriv --reuid=$ID --regid=$ID --init-groups env XDG_RUNTIME_DIR=/run/user/$ID HOME=/run/user/$ID \
    SYSTEMD_UNIT_PATH="$UNITS" /lib/systemd/systemd --user --unit=default.target --log-target=null
"""
LEAVE_GROUP: Final = """
mount -t tmpfs tmpfs "$PLACE" && mkdir "$PLACE/groups" && mount -t cgroup2 cgroup2 "$PLACE/groups"
find "$PLACE/groups/$GROUP" -depth -type d -exec rmdir {} +
"""


class GuestError(RuntimeError):
    """The guest did not do what the test needs; the text says what it said."""


class Guest:
    """A booted systemd. Leaving it ends it."""

    def __init__(self, shared: Path | None = None) -> None:
        """Make a guest; a folder it shares with the machine has the same path in both, and both can write there."""
        if os.geteuid() != 0:
            raise GuestError("a systemd of one's own needs namespaces, and those need root: run these tests as root")
        self._place = tempfile.TemporaryDirectory(prefix="guest-")
        self._shared = "" if shared is None else str(shared)
        self._process: subprocess.Popen[bytes] | None = None
        self._group = f"quarterdeck-{os.getpid()}-{time.monotonic_ns()}"
        self.pid = 0

    def __enter__(self) -> Self:
        words = {
            "PLACE": self._place.name,
            "GROUP": self._group,
            "UNITS": UNITS,
            "TARGETS": " ".join(TARGETS),
            "BOOT": BOOT,
            "SHARED": self._shared,
            "CHECKOUT": str(REPOSITORY),  # the agents live in it, and it may lie among temporary files itself
        }
        command = ["unshare", "--mount", "--propagation=private", "bash", "-c", ENTER_GROUP]
        self._process = subprocess.Popen(
            command, env=ENVIRONMENT | words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        )
        try:
            self.pid = wait_until("the first process of the guest", self._first_process, BOOT_LIMIT_S)
            wait_until("the guest's systemd running", self._is_running, BOOT_LIMIT_S)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(COMMAND_LIMIT_S)
            if self._process.stderr is not None:
                self._process.stderr.close()
        self._leave_group()
        self._place.cleanup()

    @property
    def runtime(self) -> str:
        """Where the guest's /run is, seen from outside."""
        return f"/proc/{self.pid}/root/run"

    @property
    def entry(self) -> tuple[str, ...]:
        """The command that runs another in the guest."""
        return ("nsenter", f"--target={self.pid}", "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--")

    @property
    def runner(self) -> Runner:
        """Runs a program in the guest, as root."""
        return self.runner_as(None)

    def runner_as(self, user: str | None) -> Runner:
        """Return what runs a program in the guest as somebody."""
        become: tuple[str, ...] = ()
        if user is not None:
            account = pwd.getpwnam(user)
            become = ("setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", "--")

        def run_inside(argv: Sequence[str], environment: Mapping[str, str], limit_s: float) -> Answer:
            return run((*self.entry, *become, *argv), environment, limit_s)

        return run_inside

    def write(self, units: Mapping[str, str]) -> None:
        """Put unit files where all managers of the guest look for them; ``name.d/file.conf`` adds to a unit."""
        for name, text in units.items():
            path = Path(f"/proc/{self.pid}/root{UNITS}") / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def systemctl(self, *arguments: str, user: str | None = None) -> str:
        """Let the system's manager, or that of a user, do something."""
        uid = None if user is None else pwd.getpwnam(user).pw_uid
        command = ("systemctl",) if uid is None else ("systemctl", "--user")
        environment = ENVIRONMENT | ({} if uid is None else {"XDG_RUNTIME_DIR": f"/run/user/{uid}"})
        answer = self.runner_as(user)((*command, "--no-pager", *arguments), environment, COMMAND_LIMIT_S)
        if answer.code != 0:
            said = answer.out + answer.err
            raise GuestError(f"systemctl {' '.join(arguments)}: {said.decode(errors='replace')}")
        return answer.out.decode(errors="replace")

    def start_bus(self) -> None:
        """Start the bus over which ordinary users reach the system's manager."""
        self.write(BUS)
        self.systemctl("start", "dbus.socket", "dbus.service")

    def start_user_manager(self, user: str) -> None:
        """Start the manager of a user, as logging in would."""
        uid = str(pwd.getpwnam(user).pw_uid)
        inside = ENVIRONMENT | {"ID": uid, "UNITS": UNITS}
        self.runner(("bash", "-c", f"({USER_MANAGER}) </dev/null >/dev/null 2>&1 &"), inside, COMMAND_LIMIT_S)
        wait_until(f"the manager of {user} running", lambda: self._is_running(user), BOOT_LIMIT_S)

    def _first_process(self) -> int:
        process = self._process
        if process is None or process.poll() is not None:
            said = process.stderr.read() if process is not None and process.stderr is not None else b""
            raise GuestError(f"the guest did not start: {said.decode(errors='replace')}")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        with suppress(OSError):
            for child in children.read_text().split():
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    return int(child)
        return 0

    def _is_running(self, user: str | None = None) -> bool:
        with suppress(GuestError):
            return self.systemctl("is-system-running", user=user).strip() == "running"
        return False

    def _leave_group(self) -> None:
        command = ["unshare", "--mount", "--propagation=private", "bash", "-c", LEAVE_GROUP]
        words = {"PLACE": self._place.name, "GROUP": self._group}
        end = time.monotonic() + COMMAND_LIMIT_S
        while subprocess.run(command, env=ENVIRONMENT | words, capture_output=True, timeout=15, check=False).returncode:
            if time.monotonic() > end:
                raise GuestError(f"the control group {self._group} cannot be removed: something in it still runs")
            time.sleep(0.1)
