"""Units for systemd: real systemd reads them, judges them, and finds in them what the programs need."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck.cli.reach import NOBODY, Peer, Reach, reach_of
from quarterdeck.cli.unit import EVERYBODYS, Order, Unit
from quarterdeck.cli.units import exporter, run, steps
from quarterdeck.cli.units_hub import hub
from quarterdeck.settings import Settings, load
from quarterdeck.settings.credentials import name_of

EXPOSURE = "20"
"""Tenths of the score of systemd-analyze: 2.0 of 10."""

USER = "daemon"
"""A user every Debian has; units name it, nothing is run as it."""


HOME = Path("/home/somebody/.hermes")
SNAPSHOT = Path("/var/lib/quarterdeck-snapshots/north/snapshot.json")


PYTHON = Path(sys.executable).resolve()
TAILNET = "IPAddressAllow=100.64.0.0/10 fd7a:115c:a1e0::/48"
FULL = Reach(
    tailscaled=True,
    tailnet=True,
    addresses=("203.0.113.7", "2001:db8::1"),
    names=(Peer("git.example.com", "[access.forge]"),),
    secrets=(Path("/etc/quarterdeck/forge secret"),),
    files=(Path("/srv/deck/history.db"), Path("/var/lib/quarterdeck/.local/state/quarterdeck/ledger.db")),
    socket=Path("/run/quarterdeck/serve.sock"),
    servers_database=True,
)
"""Everything that settings can ask of the hub's unit."""


def order(
    scope: str = "system",
    *,
    home: Path = HOME,
    snapshot: Path = SNAPSHOT,
    reach: Reach = NOBODY,
    config: Path | None = None,
    passwords: Path | None = None,
) -> Order:
    return Order(scope, "north", home, USER, PYTHON, snapshot, reach, config, passwords)


def every_unit(wanted: Order) -> list[Unit]:
    return [*exporter(wanted), hub(wanted)]


def put(units: list[Unit], folder: Path) -> list[str]:
    for unit in units:
        (folder / unit.name).write_text(unit.text)
    return [str(folder / unit.name) for unit in units]


def analyze(*arguments: str, runtime: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"XDG_RUNTIME_DIR": str(runtime)}
    command = ["systemd-analyze", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


def settings(unit: Unit) -> Iterator[str]:
    return (line for line in unit.text.splitlines() if line and not line.startswith(("#", "[")))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    place = tmp_path / ".hermes"
    place.mkdir()
    return place


AWKWARD = {
    "plain": Path("/home/somebody/.hermes"),
    "spaces": Path("/home/some body/my agent"),
    "percent": Path("/srv/100%/home"),
    "dollar": Path("/srv/$HOME/agent"),
    "quotes": Path('/srv/it\'s "quoted"/agent'),
    "backslash": Path("/srv/back\\slash"),
    "hash": Path("/srv/#1;2"),
    "other letters": Path("/srv/größe/エージェント"),
}


@pytest.mark.parametrize("scope", ["user", "system"])
@pytest.mark.parametrize("place", AWKWARD.values(), ids=AWKWARD.keys())
def test_systemd_understands_every_line(tmp_path: Path, scope: str, place: Path) -> None:
    """Systemd reads the units of both scopes without a word of complaint, whatever the home is called."""
    files = put(every_unit(order(scope, home=place)), tmp_path)
    found = analyze("verify", "--man=no", *(["--user"] if scope == "user" else []), *files, runtime=tmp_path)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@pytest.mark.parametrize("scope", ["user", "system"])
@pytest.mark.parametrize("place", AWKWARD.values(), ids=AWKWARD.keys())
def test_systemd_understands_a_hub_with_every_setting(tmp_path: Path, scope: str, place: Path) -> None:
    """So it does with a hub that serves the tailnet, is handed secrets and writes elsewhere, of any name."""
    reach = FULL._replace(secrets=(place / "secret",), files=(place / "history.db",), socket=place / "serve.sock")
    wanted = order(scope, reach=reach, config=place / "quarterdeck.toml", passwords=place / "pgpass")
    files = put([hub(wanted)], tmp_path)
    found = analyze("verify", "--man=no", *(["--user"] if scope == "user" else []), *files, runtime=tmp_path)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_systemd_would_complain_of_a_line_it_does_not_know(tmp_path: Path) -> None:
    """The silence of the test above means something: one unknown setting and systemd says so."""
    unit = exporter(order())[0]
    (path,) = put([Unit(unit.name, unit.text.replace("TasksMax=", "TasksMost="))], tmp_path)
    assert "TasksMost" in analyze("verify", "--man=no", path, runtime=tmp_path).stderr


def test_system_units_are_hardened_by_the_measure_of_systemd(tmp_path: Path) -> None:
    """The exposure of exporter and hub in the system scope is 2.0 of 10 or less, also of a hub with every setting."""
    service, _, deck = every_unit(order())
    full = hub(order(reach=FULL, config=Path("/etc/quarterdeck/quarterdeck.toml"), passwords=Path("/etc/pgpass")))
    for path in put([service, deck, Unit("full.service", full.text)], tmp_path):
        found = analyze("security", "--offline=yes", f"--threshold={EXPOSURE}", "--no-pager", path, runtime=tmp_path)
        assert found.returncode == 0, found.stdout


def test_the_exporter_writes_in_its_own_folder_and_nowhere_else() -> None:
    """The file system is read-only but for the folder of the snapshot; the home is named as read-only."""
    lines = list(settings(exporter(order())[0]))
    assert "ProtectSystem=strict" in lines
    assert "ReadOnlyPaths=/home/somebody/.hermes" in lines
    assert "StateDirectory=quarterdeck-snapshots/north" in lines
    assert not [line for line in lines if line.startswith("ReadWritePaths")]
    elsewhere = list(settings(exporter(order(snapshot=Path("/srv/out/north.json")))[0]))
    assert "ReadWritePaths=-/srv/out" in elsewhere
    assert not [line for line in elsewhere if line.startswith("StateDirectory")]


def test_the_exporter_reaches_no_network() -> None:
    """No address may be talked to and no socket opened but a local one."""
    lines = list(settings(exporter(order())[0]))
    assert {"IPAddressDeny=any", "RestrictAddressFamilies=AF_UNIX", "PrivateNetwork=yes"} <= set(lines)


def test_what_the_witnesses_need_stays_visible() -> None:
    """The kernel's list of locks and the gateway's process can be seen from inside the unit."""
    for unit in (exporter(order())[0], hub(order())):
        assert {"ProcSubset=all", "ProtectProc=default"} <= set(settings(unit))


def test_a_home_among_temporary_files_is_not_hidden() -> None:
    """Where the home or the snapshot lies in a folder that PrivateTmp= would empty, there is no PrivateTmp=."""
    for place in EVERYBODYS:
        for wanted in (order(home=place / "home"), order(snapshot=place / "out" / "snapshot.json")):
            assert "PrivateTmp=yes" not in settings(exporter(wanted)[0])
    assert "PrivateTmp=yes" in settings(exporter(order())[0])


def test_a_users_own_manager_is_asked_only_for_what_it_can_do() -> None:
    """Units for the user scope name no user and drop no capability: both would keep them from starting."""
    for unit in every_unit(order("user")):
        names = {line.partition("=")[0] for line in settings(unit)}
        assert not names & {"User", "Group", "CapabilityBoundingSet", "PrivateDevices", "ProtectKernelModules"}


def test_the_timer_beats_three_times_in_the_life_of_a_fact() -> None:
    """Facts live for 90 seconds and the exporter runs every 30; runs that were missed are not repeated."""
    timer = exporter(order())[1]
    found = configparser.ConfigParser(interpolation=None)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read_string(timer.text)
    assert found["Timer"]["OnUnitActiveSec"] == "30s"
    assert found["Timer"]["Persistent"] == "no"
    assert found["Install"]["WantedBy"] == "timers.target"


def test_printed_units_say_what_to_do_with_them(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Printed to the terminal, all three units come with the lines that put them in place."""
    assert run(["--home", str(home), "--id", "north"]) == 0
    printed = capsys.readouterr().out
    names = re.findall(r"^# ---- (\S+) ----$", printed, re.MULTILINE)
    assert names == ["quarterdeck-export-north.service", "quarterdeck-export-north.timer", "quarterdeck.service"]
    assert "systemctl --user enable --now quarterdeck-export-north.timer" in printed
    assert "install -d -m 2750" in printed


def test_the_steps_of_the_system_scope_make_group_and_user_first() -> None:
    """What the units name exists before they are started."""
    told = steps(order())
    assert [line.split()[1] for line in told[:2]] == ["groupadd", "useradd"]
    assert "--scope system" in told[2]


def test_units_are_put_into_a_folder(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --out the files are written there, and again over themselves."""
    folder = tmp_path / "units"
    folder.mkdir()
    for _ in range(2):
        assert run(["--home", str(home), "--id", "north", "--part", "exporter", "--out", str(folder)]) == 0
    written = {"quarterdeck-export-north.service", "quarterdeck-export-north.timer"}
    assert {path.name for path in folder.iterdir()} == written
    assert f"--home {home} --id north" in (folder / "quarterdeck-export-north.service").read_text()


def test_what_somebody_else_wrote_is_not_replaced(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A unit of that name which is not ours stays, and nothing else is written either."""
    (tmp_path / "quarterdeck.service").write_text("[Service]\nExecStart=/bin/true\n")
    assert run(["--home", str(home), "--id", "north", "--out", str(tmp_path)]) == 2
    assert "written by somebody else" in capsys.readouterr().err
    assert (tmp_path / "quarterdeck.service").read_text() == "[Service]\nExecStart=/bin/true\n"
    assert not list(tmp_path.glob("*.timer"))


WRONG = {
    "no such home": (["--home", "/nowhere/at/all"], "There is no folder"),
    "not an id": (["--id", "North Pole"], "is not an id"),
    "an id that leads elsewhere": (["--id", "../north"], "is not an id"),
    "a line break in the snapshot": (["--id", "north", "--snapshot", "/srv/a\nExecStart=/bin/sh"], "line break"),
    "no such folder": (["--id", "north", "--out", "/nowhere/at/all"], "cannot be put into"),
}


@pytest.mark.parametrize(("arguments", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_done_is_said(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """A wrong argument ends with exit code 2, says what is wrong, and prints no unit."""
    assert run([*([] if "--home" in arguments else ["--home", str(home)]), *arguments]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""


# --- the hub ---------------------------------------------------------------------------------------------------------


def test_the_hub_must_prove_that_it_lives() -> None:
    """The hub counts as started when it says that it is ready, and is restarted when it is not heard for 30 seconds."""
    lines = set(settings(hub(order())))
    assert {"Type=notify", "NotifyAccess=main", "WatchdogSec=30", "Restart=on-failure"} <= lines


def test_the_tailnet_is_let_through_only_where_it_is_served() -> None:
    """Without the setting nobody but this host may be talked to; with it the tailnet's ranges, and its daemon first."""
    plain, served = hub(order()), hub(order(reach=Reach(tailscaled=True, tailnet=True)))
    assert [line for line in settings(plain) if line.startswith("IPAddress")] == [
        "IPAddressDeny=any",
        "IPAddressAllow=localhost",
    ]
    assert "tailscaled" not in plain.text
    assert TAILNET in settings(served)
    assert "After=network.target tailscaled.service" in settings(served)


def test_no_secret_is_in_the_environment() -> None:
    """Secrets are handed over as files; no unit sets a variable, and each file is named as the program looks for it."""
    unit = hub(order(reach=FULL, passwords=Path("/etc/quarterdeck/pgpass")))
    assert not [line for line in settings(unit) if line.startswith(("Environment", "PassEnvironment", "SetCredential"))]
    assert {line for line in settings(unit) if line.startswith("LoadCredential")} == {
        f"LoadCredential={name_of(FULL.secrets[0])}:/etc/quarterdeck/forge secret",
        "LoadCredential=pgpass:/etc/quarterdeck/pgpass",
    }


def test_the_hub_writes_where_the_settings_say() -> None:
    """Beside its own folder the hub may write where a database or a socket of the settings lies, and nowhere else."""
    written = {"StateDirectory=quarterdeck", "RuntimeDirectory=quarterdeck", "ReadWritePaths=-/srv/deck"}
    found = {line for line in settings(hub(order(reach=FULL))) if re.match("State.*y=|Runtime.*y=|ReadWrite", line)}
    assert found == written
    elsewhere = FULL._replace(socket=Path("/srv/sockets/serve.sock"))
    lines = set(settings(hub(order(reach=elsewhere))))
    assert "ReadWritePaths=-/srv/sockets" in lines
    assert "RuntimeDirectory=quarterdeck" not in lines


TOML = """
[server]
tailnet = {tailnet}
[history]
database = "postgresql://me@203.0.113.9/quarterdeck"
[access.bearer]
issuer = "https://id.example.com"
audience = "quarterdeck"
[[services]]
id = "near"
kind = "http"
url = "http://127.0.0.1:8080/"
[[services]]
id = "mesh"
kind = "tcp"
address = "100.101.102.103:5432"
[[services]]
id = "far"
kind = "http"
url = "https://wiki.example.com/"
[[services]]
id = "later"
kind = "http"
url = "https://later.example.com/"
deployed = false
[[repositories]]
id = "backup"
path = "/srv/backup"
confirm = true
"""


def read(folder: Path, text: str) -> Settings:
    file = folder / "quarterdeck.toml"
    file.write_text(text)
    return load(file, env={"HOME": str(folder)}, snapshots=folder / "none")


def test_whom_the_hub_reaches_is_read_from_the_settings(tmp_path: Path) -> None:
    """Addresses of the settings are let through; names, which no unit takes, are told; what is near needs nothing."""
    found = reach_of(read(tmp_path, TOML.format(tailnet="false")))
    assert found.addresses == ("203.0.113.9",)
    assert found.names == (
        Peer("wiki.example.com", "[[services]] far"),
        Peer("id.example.com", "[access.bearer]"),
        Peer("the remote origin", "[[repositories]] backup"),
    )
    assert (found.tailnet, found.tailscaled, found.servers_database) == (True, False, True), "a service is in it"
    assert reach_of(read(tmp_path, TOML.format(tailnet="true"))).tailscaled
    none = reach_of(read(tmp_path, "discover = false\n"))
    assert (none.tailnet, none.addresses, none.names, none.secrets) == (False, (), (), ())


def test_who_cannot_be_let_through_is_told(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that the settings hold is named in the unit and on standard error, with what to do."""
    (tmp_path / "quarterdeck.toml").write_text(TOML.format(tailnet="false"))
    words = ["--home", str(home), "--id", "north", "--part", "hub", "--config", str(tmp_path / "quarterdeck.toml")]
    assert run(words) == 0
    printed = capsys.readouterr()
    told = "wiki.example.com of [[services]] far: add IPAddressAllow= with its address"
    assert f"quarterdeck units: not allowed yet: {told}" in printed.err
    assert f"# NOT ALLOWED YET: {told}" in printed.out
    assert f"-m quarterdeck up --config {tmp_path / 'quarterdeck.toml'}" in printed.out
    assert f"--config {tmp_path / 'quarterdeck.toml'} --out" in printed.out, "the steps repeat what was asked for"


def test_a_secret_of_the_settings_is_handed_over(tmp_path: Path) -> None:
    """The client secret of the forge is a file of the settings, and so one that the service manager hands over."""
    secret = tmp_path / "forge-secret"
    secret.write_text("not" + "-real")
    secret.chmod(0o600)
    forge = f'[access.forge]\nurl = "https://203.0.113.8"\nclient_id = "a"\nclient_secret_file = "{secret}"\n'
    found = reach_of(read(tmp_path, forge))
    assert found.secrets == (secret,)
    assert found.addresses == ("203.0.113.8",)


def test_a_forge_is_reached_and_its_secrets_are_handed_over(tmp_path: Path) -> None:
    """Its address is let through or told, and the token and the secret of its webhooks come as files."""
    files = [tmp_path / "token", tmp_path / "bell"]
    for file in files:
        file.write_text("not-real" * 4)
        file.chmod(0o600)
    main = (
        f'[[forges]]\nid = "main"\nurl = "https://203.0.113.8"\ntoken_file = "{files[0]}"\nbell_file = "{files[1]}"\n'
    )
    found = reach_of(read(tmp_path, f'{main}[[forges]]\nid = "two"\nurl = "https://git.example.com"\n'))
    assert found.secrets == tuple(files)
    assert found.addresses == ("203.0.113.8",)
    assert found.names == (Peer("git.example.com", "[[forges]] two"),)


def test_a_service_of_the_system_takes_nothing_out_of_homes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What lies in a home is hidden from the system's hub: that is said at once, and where to put it instead."""
    words = ["--scope", "system", "--home", str(home), "--id", "north", "--user", USER]
    assert run([*words, "--passwords", "/home/me/pgpass"]) == 2
    assert "/home/me/pgpass lies in a home" in capsys.readouterr().err
    assert run([*words, "--passwords", "/home/me/pgpass", "--part", "exporter"]) == 0
