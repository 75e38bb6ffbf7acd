"""Services and repositories in the settings, and the sources they become."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from quarterdeck import settings, wiring
from quarterdeck.settings import Settings, SettingsError
from quarterdeck.sources.git import GitSource
from quarterdeck.sources.services import ServiceSource
from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.reading import Origin
from quarterdeck.views.judged import Judged
from quarterdeck.wiring.named import Units

FULL = """
discover = false
[thresholds]
service_slow_s = 1.5
[[instances]]
id = "north"
home = "{home}"
ssh = "me@deck.example"
runbook = "https://deck.example/north?page=1"
[instances.thresholds]
backup_late_s = 600
[[instances]]
id = "south"
home = "{home}/profiles/south"
user = "daemon"
[[services]]
id = "models"
kind = "model-server"
url = "http://127.0.0.1:11434"
models = ["llama3:8b", "hf.co/org/name:Q4"]
load = "llama3:8b"
load_every_s = 600
[[services]]
id = "proxy"
kind = "unit"
unit = "caddy"
scope = "system"
[[services]]
id = "helper"
kind = "unit"
unit = "helper.service"
instance = "south"
[[services]]
id = "later"
kind = "http"
deployed = false
[[repositories]]
id = "north-backup"
path = "{home}/backup"
instance = "north"
timer = "hermes-backup"
confirm = true
[[repositories]]
id = "site"
path = "{home}/site"
backup = false
"""


def load(folder: Path, text: str) -> Settings:
    """Read settings; nothing else of this machine is looked at."""
    file = folder / "quarterdeck.toml"
    file.write_text(text.replace("{home}", str(folder / "home")), encoding="utf-8")
    return settings.load(file, env={"HOME": str(folder)})


def test_all_there_is_to_say(tmp_path: Path) -> None:
    """Services and repositories are read with their limits: their own, their agent's, those of the file, the usual."""
    decided = load(tmp_path, FULL)
    models, proxy, _, later = decided.services
    assert (models.subject, models.slow_s, models.load_within_s) == ("service:models", 1.5, 60.0)
    assert (models.models, models.load_every_s) == (("llama3:8b", "hf.co/org/name:Q4"), 600.0)
    assert (proxy.label, later.deployed) == ("proxy", False)
    backup, site = decided.repositories
    assert (backup.subject, site.subject) == ("hermes:north/repository/north-backup", "repository:site")
    assert (backup.push_within_s, backup.push_lost_s, site.push_within_s) == (600.0, 7200.0, 1800.0)
    north = decided.instances[0]
    assert (north.ssh, north.runbook) == ("me@deck.example", "https://deck.example/north?page=1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[services]]\nid = "a"\nkind = "http"', 'needs "url"'),
        ('[[services]]\nid = "a"\nkind = "tcp"\nurl = "http://x"', 'needs "address"'),
        ('[[services]]\nid = "a"\nkind = "unit"', 'needs "unit"'),
        ('[[services]]\nid = "a"\nkind = "ping"', "none of the words"),
        ('[[services]]\nkind = "http"\nurl = "http://x"', '"id" is missing'),
        ('[[services]]\nid = "a"\nkind = "http"\nurl = "http://me:word@x/"', "not an address"),
        ('[[services]]\nid = "a"\nkind = "http"\nurl = "javascript:alert(1)"', "not an address"),
        ('[[services]]\nid = "a"\nkind = "http"\nurl = "http://x"\nlink = "file:///x"', "not an address"),
        ('[[services]]\nid = "a"\nkind = "http"\nurl = "http://x"\nload = "m"', "means nothing"),
        ('[[services]]\nid = "a"\nkind = "tcp"\naddress = "x"', "not a host with a port"),
        ('[[services]]\nid = "a"\nkind = "tcp"\naddress = "x:1"\nevery_s = 1', "less than 5 seconds"),
        ('[[services]]\nid = "a"\nkind = "model-server"\nurl = "http://x"\nload_every_s = 60', "less than 600 seconds"),
        ('[[services]]\nid = "a"\nkind = "tcp"\naddress = "x:1"\ninstance = "west"', 'none of: "west"'),
        (
            '[[services]]\nid = "a"\nkind = "unit"\nunit = "x"\n[[services]]\nid = "a"\nkind = "unit"\nunit = "y"',
            "have the same id",
        ),
        ('[[repositories]]\nid = "a"', '"path" is missing'),
        ('[[repositories]]\nid = "a"\npath = "relative"', "depends on where one stands"),
        ('[[repositories]]\nid = "a"\npath = "/x"\nremote = "--upload-pack=x"', "not a plain name"),
        ('[[repositories]]\nid = "a"\npath = "/x"\ninstance = "west"', 'none of: "west"'),
        ('[[instances]]\nid = "n"\nhome = "/x"\nssh = "-oProxyCommand=x"', "not a host to reach by ssh"),
        ('[[instances]]\nid = "n"\nhome = "/x"\nrunbook = "data:text/html,x"', "not an address"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    """What is missing, does not fit, stands twice or belongs to nobody is said with its line and the way out."""
    with pytest.raises(SettingsError) as failed:
        load(tmp_path, text)
    assert words in str(failed.value)
    assert "line " in str(failed.value)


def test_what_they_become(tmp_path: Path) -> None:
    """Each becomes a source of its own, and the units they name are asked of the manager that knows them, once."""
    decided = load(tmp_path, FULL)
    deck = wiring.build(decided)
    named = {source.name: source for source in deck.sources if isinstance(source, ServiceSource | GitSource)}
    assert list(named) == [
        "service:models",
        "service:proxy",
        "service:helper",
        "service:later",
        "git:north-backup",
        "git:site",
    ]
    units = Units(decided, wiring.user_name())
    assert units.of("system") == ("caddy.service",)
    assert units.of("user") == ("hermes-backup.timer",)
    assert units.of("user@daemon") == ("helper.service",)
    assert units.subject(decided.services[1]) == "systemd:system/caddy.service"
    assert units.subject(decided.repositories[0]) == "systemd:user/hermes-backup.timer"
    assert units.subject(decided.repositories[1]) is None


def test_with_homes_asked_for_by_name_only_what_is_theirs_or_shared_is_shown(tmp_path: Path) -> None:
    """Services and repositories of agents that are not shown are left out, and are no mistake."""
    home = tmp_path / "home"
    home.mkdir()
    file = tmp_path / "quarterdeck.toml"
    file.write_text(FULL.replace("{home}", str(home)), encoding="utf-8")
    decided = settings.load(file, [home], env={"HOME": str(tmp_path)})
    assert [one.id for one in decided.instances] == ["north"]
    assert [one.id for one in decided.services] == ["models", "proxy", "later"]


def test_the_limits_of_the_file_hold_for_what_is_shared(tmp_path: Path) -> None:
    """A disk, a host or a service of no single agent is judged by the limits of the file."""
    deck = wiring.build(load(tmp_path, "discover = false\n[thresholds]\ndisk_share = 0.5\n"))
    name, now = "host:deck/disk//", deck.clock()
    told = {F.DISK_TOTAL: 10.0, F.DISK_FREE: 4.0, F.INODES_FREE_SHARE: None}
    origin = Origin("file system", "/")
    readings = {(name, field.name): field.known(name, origin, value, now) for field, value in told.items()}
    judged = Judged(replace(deck.snapshot, readings=readings), now)
    assert judged.judgements[name].rule == "filling"
