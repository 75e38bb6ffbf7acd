"""Sockets that systemd holds for its own proxy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from quarterdeck.sources.command import Answer
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.ways.sockets import Sockets
from quarterdeck.sources.ways.told import NOTHING, Told
from quarterdeck.truth.reading import Reason

SOCKETS = """\
Id=ssh.socket
ActiveState=active
Triggers=ssh.service
Listen=[::]:22 (Stream)

Id=front.socket
ActiveState=active
Triggers=front.service
Listen=0.0.0.0:8443 (Stream)
Listen=[::1]:8444 (Stream)
Listen=/run/front.sock (Stream)
Listen=0.0.0.0:53 (Datagram)

Id=off.socket
ActiveState=inactive
Triggers=front.service
Listen=0.0.0.0:9999 (Stream)

Id=named@.socket
ActiveState=active
Triggers=named.service
Listen=0.0.0.0:81 (Stream)

Id=local.socket
ActiveState=active
Triggers=local.service
Listen=80 (Stream)
"""
PROXY = "/usr/lib/systemd/systemd-socket-proxyd"


def started(name: str, *argv: str) -> str:
    """What systemd says of the program a service starts."""
    line = f"{{ path={argv[0]} ; argv[]={' '.join(argv)} ; ignore_errors=no ; start_time=[n/a] ; pid=0 }}"
    return f"ExecStart={line}\nId={name}.service\n"


SERVICES = "\n".join(
    (
        started("ssh", "/usr/sbin/sshd", "-D"),
        started("front", PROXY, "--exit-idle-time=60", "127.0.0.1:9119"),
        started("named", PROXY, "%i"),
        started("local", PROXY, "/run/app.sock"),
    )
)


class Systemctl:
    """A systemctl that answers from a text and notes what it was asked."""

    def __init__(self, sockets: str = SOCKETS, services: str = SERVICES, code: int = 0) -> None:
        self.sockets, self.services, self.code, self.asked = sockets, services, code, list[Sequence[str]]()

    def __call__(self, argv: Sequence[str], environment: Mapping[str, str], limit_s: float) -> Answer:
        assert environment["LC_ALL"] == "C"
        assert limit_s > 0
        self.asked.append(argv)
        return Answer(self.code, (self.sockets if argv[-1] == "*.socket" else self.services).encode(), b"")


@pytest.fixture
def runtime(tmp_path: Path) -> str:
    (tmp_path / "systemd/system").mkdir(parents=True)
    return str(tmp_path)


def test_the_proxy_of_systemd_is_followed(runtime: str) -> None:
    """Each stream a socket unit holds for it leads to what its service names; other units lead nowhere further."""
    command = Systemctl()
    by = "systemd-socket-proxyd"
    assert Sockets(command=command, runtime=runtime).ask().routes == (
        Told(by, "0.0.0.0:81", [], ["target"]),
        Told(by, "0.0.0.0:8443", ["127.0.0.1:9119"]),
        Told(by, "[::1]:8444", ["127.0.0.1:9119"]),
        Told(by, "[::]:80", ["unix:run/app.sock"]),
        Told(by, "unix:run/front.sock", ["127.0.0.1:9119"]),
    )
    assert {argv[1] for argv in command.asked} == {"show"}


def test_without_systemd_there_is_nothing(tmp_path: Path) -> None:
    """A machine without systemd has no socket units."""
    assert Sockets(command=Systemctl(), runtime=str(tmp_path)).ask() == NOTHING


def test_a_manager_that_refuses_is_unknown(runtime: str) -> None:
    """What systemctl does not say is not nothing."""
    with pytest.raises(SourceError) as lost:
        Sockets(command=Systemctl(code=1), runtime=runtime).ask()
    assert lost.value.reason is Reason.OBSERVER


def test_no_sockets_are_no_routes(runtime: str) -> None:
    """A manager without socket units was asked, and there are none."""
    assert Sockets(command=Systemctl(sockets=""), runtime=runtime).ask().routes == ()
