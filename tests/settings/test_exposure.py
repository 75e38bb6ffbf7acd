"""What the settings say of ways in."""

from __future__ import annotations

from pathlib import Path

import pytest

from quarterdeck.settings import SettingsError, load
from quarterdeck.settings.exposure import Exposure


def read(folder: Path, text: str) -> Exposure:
    file = folder / "quarterdeck.toml"
    file.write_text(f"discover = false\n{text}")
    return load(file, env={"HOME": str(folder)}, snapshots=folder / "none").exposure


def test_nothing_needs_to_be_decided(tmp_path: Path) -> None:
    """Everything is looked for in its usual place, and only webhooks are there to be reached."""
    assert read(tmp_path, "") == Exposure()
    assert (Exposure().containers, Exposure().public, Exposure().protect) == (True, (8644,), ())


def test_everything_can_be_named(tmp_path: Path) -> None:
    """Files, the admin API as an address or a socket, ports and programs."""
    text = """
[exposure]
caddyfile = "/srv/Caddyfile"
caddy_admin = "/run/caddy/admin.sock"
nginx_conf = "/srv/nginx.conf"
containers = false
protect = [5432, 6379]
public = []
accepted = ["haproxy"]
"""
    assert read(tmp_path, text) == Exposure(
        Path("/srv/Caddyfile"),
        "/run/caddy/admin.sock",
        Path("/srv/nginx.conf"),
        containers=False,
        protect=(5432, 6379),
        public=(),
        accepted=("haproxy",),
    )
    assert read(tmp_path, '[exposure]\ncaddy_admin = "127.0.0.1:2020"').caddy_admin == "127.0.0.1:2020"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('caddy_admin = "2019"', "neither a host with a port nor the path of a socket"),
        ("caddy_admin = 2019", "neither a host with a port nor the path of a socket"),
        ('caddyfile = "Caddyfile"', "depends on where one stands"),
        ("protect = [0]", "number 1"),
        ("public = 8644", "not a list"),
        ('accepted = ["ha proxy"]', "number 1"),
        ('containers = "no"', "not true or false"),
        ('caddy = "/etc/caddy/Caddyfile"', "is not a setting"),
    ],
)
def test_mistakes_are_said_with_their_line(tmp_path: Path, line: str, said: str) -> None:
    """Each mistake names its line, what is wrong and the way out."""
    with pytest.raises(SettingsError) as wrong:
        read(tmp_path, f"[exposure]\n{line}\n")
    mistake = wrong.value.mistakes[0]
    assert mistake.line == 3
    assert said in mistake.what
    assert mistake.fix
