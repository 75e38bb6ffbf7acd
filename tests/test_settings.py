from __future__ import annotations

import os
import pwd
import re
import tomllib
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.errors import ConfigurationError, UsageError
from quarterdeck.settings import Settings, SettingsError, load
from quarterdeck.settings.access import PORT, Access, Ledger, Rule, Server
from quarterdeck.settings.discover import looks_like_home, slug, with_ids
from quarterdeck.settings.entry import Setting, Table
from quarterdeck.settings.lines import line_of, lines
from quarterdeck.settings.model import History
from quarterdeck.settings.parse import parse
from quarterdeck.settings.readers import identity, secret_file
from quarterdeck.settings.reference import limits_help, settings_page
from quarterdeck.settings.table import ROOT
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.thresholds import Thresholds
from tests.architecture.reference import WRITTEN_BY


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A user who has nothing but an empty folder."""
    home = tmp_path / "user"
    home.mkdir()
    return {"HOME": str(home)}


def read(tmp_path: Path, env: dict[str, str], text: str = "", homes: Iterable[Path] = ()) -> Settings:
    """Load settings from a file with this text."""
    file = tmp_path / "quarterdeck.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, tuple(homes), env, snapshots=tmp_path / "snapshots")


def refused(tmp_path: Path, env: dict[str, str], text: str) -> str:
    """Return what is said of a text that is refused, with the file's name left out."""
    with pytest.raises(SettingsError) as error:
        read(tmp_path, env, text)
    return str(error.value).replace(f"{tmp_path}/quarterdeck.toml, ", "")


def make_home(folder: Path, *profiles: str) -> Path:
    """Make a folder that looks like an agent's home, with profiles."""
    for home in (folder, *(folder / "profiles" / profile for profile in profiles)):
        home.mkdir(parents=True, exist_ok=True)
        (home / "config.yaml").write_text("")
    return folder


def ids(settings: Settings) -> list[str]:
    return [instance.id for instance in settings.instances]


OWNER = slug(pwd.getpwuid(os.geteuid()).pw_name)


# --- with nothing decided ------------------------------------------------------------------------------------------


def test_nothing_needs_to_be_decided(env: dict[str, str]) -> None:
    """Without a file and without a home there are settings, and no instance."""
    settings = load(None, (), env, snapshots=Path("/nonexistent"))
    assert (settings.instances, settings.file, settings.port) == ((), None, PORT)
    assert settings.thresholds == Thresholds()


def test_finds_the_usual_home_and_its_profiles(env: dict[str, str]) -> None:
    """The home of this user's agent and every profile of it are found without being named."""
    home = make_home(Path(env["HOME"]) / ".hermes", "coder", "writer")
    root, coder, writer = load(None, (), env).instances
    assert (root.id, root.home, root.profile) == (OWNER, home, None)
    assert (coder.id, coder.profile, coder.root) == ("coder", "coder", home)
    assert (writer.home, writer.user) == (home / "profiles" / "writer", OWNER)


def test_hermes_home_names_another(tmp_path: Path, env: dict[str, str]) -> None:
    """Where the agent is told to live elsewhere by HERMES_HOME, it is looked for there."""
    make_home(Path(env["HOME"]) / ".hermes")
    env["HERMES_HOME"] = str(make_home(tmp_path / "agent"))
    assert ids(load(None, (), env)) == ["agent"]


def test_says_when_hermes_home_is_not_there(tmp_path: Path, env: dict[str, str]) -> None:
    """A HERMES_HOME that leads nowhere is said, not passed over."""
    env["HERMES_HOME"] = str(tmp_path / "nowhere")
    settings = load(None, (), env)
    assert settings.instances == ()
    assert settings.notes == (f"HERMES_HOME names {tmp_path}/nowhere, and there is no such folder.",)


def test_only_what_looks_like_a_home_is_a_profile(env: dict[str, str]) -> None:
    """Files, empty folders and folders of something else among the profiles are no agents."""
    home = make_home(Path(env["HOME"]) / ".hermes", "coder")
    (home / "profiles" / "empty").mkdir()
    (home / "profiles" / "notes.txt").write_text("")
    (home / "profiles" / "other").mkdir()
    (home / "profiles" / "other" / "README").write_text("")
    assert ids(load(None, (), env)) == [OWNER, "coder"]


def test_profiles_that_cannot_be_listed_are_said(env: dict[str, str]) -> None:
    """When the profiles of a home cannot be listed there may be agents nobody sees: that is noted."""
    home = make_home(Path(env["HOME"]) / ".hermes")
    (home / "profiles").symlink_to(home / "profiles")
    settings = load(None, (), env)
    assert ids(settings) == [OWNER]
    assert settings.notes == (
        f"The profiles in {home}/profiles could not be listed: whether there are further agents is not known.",
    )


def test_what_may_not_be_entered_is_taken_for_a_home(tmp_path: Path) -> None:
    """A folder that cannot be looked into may well be a home: its reader will say what is wrong with it."""
    assert looks_like_home(tmp_path / "closed")
    assert not looks_like_home(tmp_path)


def test_homes_asked_for_are_the_only_ones(tmp_path: Path, env: dict[str, str]) -> None:
    """Homes named on the command line are shown with their profiles, and no others."""
    make_home(Path(env["HOME"]) / ".hermes")
    one, two = make_home(tmp_path / ".north"), make_home(tmp_path / "south", "coder")
    assert ids(load(None, (one, two), env)) == ["north", "south", "coder"]


def test_a_home_asked_for_twice_is_one(tmp_path: Path, env: dict[str, str]) -> None:
    """The same home, named twice or through a link, is one instance."""
    home = make_home(tmp_path / "north")
    (tmp_path / "link").symlink_to(home)
    assert ids(load(None, (home, tmp_path / "link", home / "..")[:2], env)) == ["north"]


def test_a_home_that_is_not_there_is_a_mistake(tmp_path: Path, env: dict[str, str]) -> None:
    """A home named on the command line that is no folder is refused with a way out."""
    with pytest.raises(UsageError, match=r"There is no folder .*nowhere\. Name the agent's home with --home"):
        load(None, (tmp_path / "nowhere",), env)


def test_ids_are_unique_and_stay(tmp_path: Path, env: dict[str, str]) -> None:
    """Profiles of the same name in two homes get ids of their own, and the same ones every time."""
    homes = [make_home(tmp_path / name / ".hermes-x", "coder") for name in ("a", "b", "c")]
    expected = ["hermes-x", "coder", "hermes-x-2", "hermes-x-coder", "hermes-x-3", "hermes-x-coder-2"]
    assert ids(load(None, homes, env)) == expected
    assert ids(load(None, homes, env)) == expected


@given(st.lists(st.text(st.sampled_from("aB .-_/ä√\n"), min_size=1, max_size=50), max_size=6))
def test_any_name_gives_an_id(names: list[str]) -> None:
    """Whatever a folder is called, its instance gets an id that may stand in an address, and no two get the same."""
    named = with_ids([Instance(slug(name), name) for name in names], ["a"])
    found = [identity(instance.id) for instance in named]
    assert len(set(found)) == len(names)
    assert "a" not in found


# --- with a file ---------------------------------------------------------------------------------------------------


def test_the_file_is_looked_for_in_its_usual_place(env: dict[str, str], tmp_path: Path) -> None:
    """The settings are read from XDG_CONFIG_HOME, or from .config, without being named."""
    for base in (Path(env["HOME"]) / ".config", tmp_path / "xdg"):
        file = base / "quarterdeck" / "quarterdeck.toml"
        file.parent.mkdir(parents=True)
        file.write_text("[server]\nport = 9000\n")
        settings = load(None, (), env)
        assert (settings.port, settings.file) == (9000, file)
        env["XDG_CONFIG_HOME"] = str(tmp_path / "xdg")


def test_everything_that_can_be_decided(tmp_path: Path, env: dict[str, str]) -> None:
    """A file with every kind of setting is understood as it is meant."""
    settings = read(
        tmp_path,
        env,
        f"""
        [server]
        port = 9000
        [units]
        user = ["backup.timer", "mail-*"]
        [thresholds]
        stuck_tool_s = 1200
        crash_starts = 5
        [[instances]]
        id = "north"
        label = "North"
        home = "{tmp_path}/north"
        user = "alice"
        unit = "agent.service"
        scope = "system"
        dashboard = "http://127.0.0.1:9119"
        policy = {{ job_names = true }}
        thresholds.stuck_tool_s = 60
        [[instances]]
        id = "south"
        snapshot = "/var/lib/south.json"
        """,
    )
    north, south = settings.instances
    assert (north.label, north.user, north.unit, north.scope) == ("North", "alice", "agent.service", "system")
    assert (north.home, north.dashboard) == (tmp_path / "north", "http://127.0.0.1:9119")
    assert (north.policy.job_names, north.policy.session_titles) == (True, False)
    assert (north.thresholds.stuck_tool_s, north.thresholds.crash_starts) == (60, 5)
    assert (south.thresholds.stuck_tool_s, south.snapshot, south.label) == (1200, Path("/var/lib/south.json"), "south")
    assert settings.units.user == ("backup.timer", "mail-*")


def test_what_was_set_has_the_word_on_its_home(env: dict[str, str], tmp_path: Path) -> None:
    """An instance that is set and found is one instance, under the name and with the limits that were set."""
    home = make_home(Path(env["HOME"]) / ".hermes", "coder")
    text = f'[[instances]]\nid = "mine"\nhome = "{home}"\npolicy.job_names = true\n'
    mine, coder = read(tmp_path, env, text).instances
    assert (mine.id, mine.policy.job_names, coder.id, coder.policy.job_names) == ("mine", True, "coder", False)
    (asked,) = read(tmp_path, env, text, [home / "profiles" / "coder"]).instances
    assert asked.id == "coder"
    assert ids(read(tmp_path, env, text, [home])) == ["mine", "coder"]


def test_looking_for_homes_can_be_switched_off(env: dict[str, str], tmp_path: Path) -> None:
    """Who wants to see only what is named, says so."""
    make_home(Path(env["HOME"]) / ".hermes")
    assert ids(read(tmp_path, env, "discover = false")) == []


def test_snapshots_become_instances(tmp_path: Path, env: dict[str, str]) -> None:
    """Each file an exporter writes is an instance, called after its folder or after itself."""
    for file in ("snapshots/bob/snapshot.json", "more/carol.json", "more/dave.json"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("")
    text = f'[[exporters]]\nfiles = ["{tmp_path}/more/*.json", "{tmp_path}/later/snapshot.json"]'
    settings = read(tmp_path, env, text)
    assert ids(settings) == ["carol", "dave", "later", "bob"]
    assert all(instance.home is None and instance.snapshot is not None for instance in settings.instances)
    assert settings.notes == ()


def test_a_pattern_that_finds_nothing_is_said(tmp_path: Path, env: dict[str, str]) -> None:
    """A pattern of snapshots that matches no file is noted: an agent may be missing from the pages."""
    settings = read(tmp_path, env, f'[[exporters]]\nfiles = ["{tmp_path}/none/*.json"]')
    assert settings.notes == (f"No exporter's snapshot is found at {tmp_path}/none/*.json.",)


def test_a_snapshot_of_a_known_instance_is_another_way_to_read_it(tmp_path: Path, env: dict[str, str]) -> None:
    """A snapshot that bears the id of an instance that is known belongs to it."""
    home = make_home(Path(env["HOME"]) / ".hermes")
    snapshot = tmp_path / "snapshots" / OWNER / "snapshot.json"
    snapshot.parent.mkdir(parents=True)
    snapshot.write_text("")
    (one,) = read(tmp_path, env).instances
    assert (one.home, one.snapshot) == (home, snapshot)


def test_the_history_has_its_usual_place(tmp_path: Path, env: dict[str, str]) -> None:
    """The history lies where a program's memory lies by the standard; a relative folder is no answer to where."""
    usual = Path("quarterdeck") / "history.db"
    assert read(tmp_path, env).history.place == Path(env["HOME"]) / ".local" / "state" / usual
    assert read(tmp_path, env | {"XDG_STATE_HOME": str(tmp_path)}).history.place == tmp_path / usual
    assert read(tmp_path, env | {"XDG_STATE_HOME": "here"}).history.place == Path(env["HOME"]) / ".local/state" / usual


def test_the_history_may_lie_elsewhere(tmp_path: Path, env: dict[str, str]) -> None:
    """The history lies in the file or in the database that the settings name, and is kept as long as they say."""
    text = '[history]\nfile = "/srv/h.db"\nexact_days = 2\nkeep_days = 30\nmost_mb = 100\nrecord = false'
    assert read(tmp_path, env, text).history == History(False, Path("/srv/h.db"), None, 2, 30, 100)
    asked = read(tmp_path, env, '[history]\ndatabase = "postgresql://me@db:5433/deck"').history
    assert (asked.place, asked.name) == ("postgresql://me@db:5433/deck", "PostgreSQL")


def test_nobody_is_let_in_unless_it_is_decided(tmp_path: Path, env: dict[str, str]) -> None:
    """Without a word about it there is no rule, no way but loopback, and the ledger lies beside the history."""
    found = read(tmp_path, env)
    assert (found.server, found.access) == (Server(), Access())
    assert (found.access.people, found.server.tailnet, found.server.socket, found.server.names) == ((), False, None, ())
    assert found.ledger.place == tmp_path / "user/.local/state/quarterdeck/ledger.db"
    assert found.ledger.place.parent == found.history.file.parent


def test_everything_that_can_be_decided_about_the_door(tmp_path: Path, env: dict[str, str]) -> None:
    """Ways, names, spans, rules and the place of the ledger are what the file says."""
    text = """
[server]
tailnet = true
socket = "/run/deck/serve.sock"
names = ["deck.example.ts.net"]
[access]
tailscaled = "/run/other.sock"
idle_s = 600
life_s = 3600
[[access.people]]
tailnet = "me@example.com"
role = "operator"
[[access.people]]
forge_group = "org/team"
role = "viewer"
instances = ["north"]
[[access.people]]
capability = "example.com/cap/quarterdeck"
role = "none"
[ledger]
database = "postgresql://deck@db/deck"
[[instances]]
id = "north"
home = "/srv/north"
"""
    found = read(tmp_path, env, text)
    assert found.server == Server(True, Path("/run/deck/serve.sock"), ("deck.example.ts.net",))
    assert found.access == Access(
        Path("/run/other.sock"),
        600,
        3600,
        (
            Rule("tailnet", "me@example.com", "operator"),
            Rule("forge_group", "org/team", "viewer", frozenset({"north"})),
            Rule("capability", "example.com/cap/quarterdeck", "none"),
        ),
    )
    assert found.ledger == Ledger(tmp_path / "user/.local/state/quarterdeck/ledger.db", "postgresql://deck@db/deck")
    assert found.ledger.place == "postgresql://deck@db/deck"


# --- with mistakes -------------------------------------------------------------------------------------------------

WORD = "pass" + "word"
MISTAKES = {
    "[server]\nprot = 1": 'line 2: "prot" in [server] is not a setting. Did you mean "port"?',
    '[server]\nhost = "0.0.0.0"': 'line 2: "host" in [server] is not a setting. Only 127.0.0.1, a unix socket '
    "(`socket`) and the proven address in the tailnet (`tailnet = true`) are bound, and nothing else can be asked for.",
    "\n\nprot = 1": 'line 3: "prot" is not a setting. There are: discover, server, access, units, history, '
    "ledger, exposure, thresholds, instances, services, repositories, forges, exporters.",
    "[server]\nport = '8000'": 'line 2: "port" in [server] is not a whole number from 1 to 65535. Write such a number, '
    "without quotes.",
    "[server]\nport = true": 'line 2: "port" in [server] is not a whole number from 1 to 65535. Write such a number, '
    "without quotes.",
    'discover = "yes"': 'line 1: "discover" is text, not true or false. Write true or false, without quotes.',
    "[thresholds]\ndisk_share = 90": 'line 2: "disk_share" in [thresholds] is not a share above 0 and up to 1. Write '
    "such a number, without quotes.",
    "[thresholds]\nstuck_tool_s = -1": 'line 2: "stuck_tool_s" in [thresholds] is not a number of seconds above 0. '
    "Write such a number, without quotes.",
    "[thresholds]\nstuck_tool_s = nan": 'line 2: "stuck_tool_s" in [thresholds] is not a number of seconds above 0. '
    "Write such a number, without quotes.",
    '[units]\nuser = "a.timer"': 'line 2: "user" in [units] is text, not a list. Write the entries in brackets: '
    '["one", "two"].',
    '[units]\nuser = ["a.timer", "b c"]': 'line 2: "user" in [units] has an entry, number 2, that is not the name of a '
    'systemd unit or a pattern of names. Write it like "backup.timer" or "backup-*".',
    "server = 8000": 'line 1: "server" is a table, and is something else here. Begin it with [server] on a line of '
    "its own.",
    '[instances]\nid = "a"': 'line 1: "instances" is a table, and is something else here. Begin it with '
    "[[instances]] on a line of its own.",
    '[[instances]]\nhome = "/a"': 'line 1: "id" is missing in [[instances]]. Add id = "north".',
    '[[instances]]\nid = "a"': 'line 1: An instance has neither a home nor a snapshot. Add home = "..." to it.',
    '[[instances]]\nid = "all"\nhome = "/a"': 'line 2: "id" in [[instances]] may not be "all". That word stands for '
    "all instances. Take another.",
    '[[instances]]\nid = "A b"\nhome = "/a"': 'line 2: "id" in [[instances]] is not an id. Take small letters, digits, '
    "- and _, beginning with a letter or digit, at most 40 of them.",
    '[[instances]]\nid = "a"\nhome = "agent"': 'line 3: "home" in [[instances]] is a path that depends on where one '
    "stands. Write the whole path from / on, or from your home folder on with ~/.",
    '[[instances]]\nid = "a"\nhome = "/a"\nscope = "root"': 'line 4: "scope" in [[instances]] is none of the words it '
    'may be. Write "user" or "system".',
    '[[instances]]\nid = "a"\nhome = "/a"\ndashboard = "http://me:' + WORD + '@there/"': 'line 4: "dashboard" in '
    "[[instances]] is not the address of a page. Write it like http://127.0.0.1:9119, without a login and without a "
    "question mark.",
    '[[instances]]\nid = "a"\nhome = "/a"\npolicy = { job_name = true }': 'line 4: "job_name" in [instances.policy] is '
    'not a setting. Did you mean "job_names"?',
    '[[instances]]\nid = "a"\nhome = "/a"\n[instances.thresholds]\nticker_s = 0': 'line 5: "ticker_s" in '
    "[instances.thresholds] is not a number of seconds above 0. Write such a number, without quotes.",
    f'[history]\ndatabase = "postgresql://me:{WORD}@db/deck"': 'line 2: "database" in [history] is not the address of '
    'a PostgreSQL database. Write it like "postgresql://me@host/quarterdeck", without a password: that belongs into '
    "~/.pgpass.",
    "[access]\npeople = 1": 'line 2: "people" in [access] is a table, and is something else here. Begin it with '
    "[[access.people]] on a line of its own.",
    f"[access]\n{WORD} = '1'": f'line 2: "{WORD}" in [access] is not a setting. There are no {WORD}s here. Name people '
    "in [[access.people]], or run `quarterdeck enter`.",
    "[access]\nidle_s = 5": 'line 2: "idle_s" in [access] is less than 300 seconds. Write 300 or more.',
    "[access]\nlife_s = 1e9": 'line 2: "life_s" in [access] is more than 7776000 seconds, which are 90 days. Write '
    "less: people can come in anew.",
    '[[access.people]]\nrole = "viewer"': "line 1: A rule in [[access.people]] does not say whom it is about. Add one "
    'word to it, like tailnet = "me@example.com".',
    '[[access.people]]\ntailnet = "me@example.com"': 'line 1: "role" is missing in [[access.people]]. Add role = '
    '"viewer".',
    '[[access.people]]\ntailnet = "a"\nforge = "a"\nrole = "viewer"': "line 1: A rule in [[access.people]] names 2 "
    "witnesses: tailnet, forge. Write a rule for each.",
    '[[access.people]]\nforge = "a"\nrole = "root"': 'line 3: "role" in [[access.people]] is none of the words it may '
    'be. Write "viewer" or "operator" or "none".',
    '[[access.people]]\nforge = "a b"\nrole = "viewer"': 'line 2: "forge" in [[access.people]] is not a name without '
    'spaces. Write it as the forge shows it, like "me".',
    '[[access.people]]\nforge = "a"\nrole = "none"\n[[access.people]]\nforge = "a"\nrole = "viewer"': "line 5: Two of "
    '[[access.people]] are about the same "forge": this one and the one in line 2. Remove one.',
    '[[access.people]]\nforge = "a"\nrole = "viewer"\ninstances = []': 'line 4: "instances" in [[access.people]] names '
    'no agent. Name some, or write role = "none".',
    '[[access.people]]\nforge = "a"\nrole = "viewer"\ninstances = ["x"]': 'line 4: "instances" in [[access.people]] '
    'names an agent there is none of: "x". Name one in [[instances]] first.',
    '[server]\nnames = ["Deck:8710"]': 'line 2: "names" in [server] has an entry, number 1, that is not a host name. '
    'Write it in small letters and without a port, like "deck.example.ts.net".',
    "[server]\nport 1": "line 2: This is not TOML: Expected '=' after a key in a key/value pair. See https://toml.io "
    "for how it is written.",
    "[server]\nport = ": "line 2: This is not TOML: Invalid value. See https://toml.io for how it is written.",
    "[[exporters]]": 'line 1: "files" is missing in [[exporters]]. Add files = '
    '["/var/lib/quarterdeck-snapshots/*/snapshot.json"].',
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_names_its_line_and_the_way_out(tmp_path: Path, env: dict[str, str], text: str) -> None:
    """Whatever is wrong in the file, the error names the file, the line and what to do."""
    assert refused(tmp_path, env, text) == MISTAKES[text]


def test_all_mistakes_are_said_at_once(tmp_path: Path, env: dict[str, str]) -> None:
    """Who made three mistakes is told of three, in the order of the lines, each with file and line."""
    text = '[[instances]]\nid = "a"\nhom = "/a"\n[server]\nport = 0\n[thresholds]\nticker = 1\n'
    with pytest.raises(SettingsError) as error:
        read(tmp_path, env, text)
    said = str(error.value).splitlines()
    assert [line.partition(": ")[0] for line in said] == [
        f"{tmp_path}/quarterdeck.toml, line {number}" for number in (1, 3, 5, 7)
    ]
    assert 'Did you mean "home"?' in said[1]
    assert 'Did you mean "ticker_s"?' in said[3]


@pytest.mark.parametrize(("key", "value"), [("id", '"a"'), ("home", '"/srv/a/"'), ("snapshot", '"/srv/../srv/a.json"')])
def test_no_two_instances_are_the_same(tmp_path: Path, env: dict[str, str], key: str, value: str) -> None:
    """Two instances with one id, one home or one snapshot are refused; both lines are named."""
    first = {"id": '"a"', "home": '"/srv/a"', "snapshot": '"/srv/a.json"'}
    second = {"id": '"b"', "home": '"/srv/b"', "snapshot": '"/srv/b.json"'} | {key: value}
    text = "".join("[[instances]]\n" + "".join(f"{name} = {row[name]}\n" for name in row) for row in (first, second))
    line = list(first).index(key) + 2
    said = refused(tmp_path, env, text)
    assert said.startswith(f"line {line + 4}: Two instances have the same {key} ")
    assert f"the one in line {line}." in said


FILES = {
    "missing": ("There is no file", "Correct --config"),
    "folder": ("is not a file", "Name the settings file itself"),
    "binary": ("is not UTF-8 text: byte 0 is out of place", "Save it as UTF-8"),
    "huge": ("far too large", "Name the settings file itself"),
    "loop": ("There is no file", "Correct --config"),
    "pipe": ("is not a file", "Name the settings file itself"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, env: dict[str, str], kind: str) -> None:
    """A settings file that is not there, or is not what it should be, is an error that says what to do."""
    file = tmp_path / kind
    match kind:
        case "folder":
            file.mkdir()
        case "binary" | "huge":
            file.write_bytes(b"\xff\xfe\x00" if kind == "binary" else b"#" * 1_000_001)
        case "loop":
            file.symlink_to(file)
        case "pipe":
            os.mkfifo(file)
    with pytest.raises(ConfigurationError) as error:
        load(file, (), env)
    assert all(words in str(error.value) for words in FILES[kind])


def test_an_empty_file_decides_nothing(tmp_path: Path, env: dict[str, str]) -> None:
    """A file with nothing but comments and a byte order mark is as good as none."""
    assert read(tmp_path, env, "\ufeff# later\n").thresholds == Thresholds()


SECRETS = {
    "missing": "names a file that does not exist",
    "folder": "names something that is not a file",
    "open": "names a secret file that others may read",
    "empty": "names an empty file",
}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_file_is_there_and_nobody_elses(tmp_path: Path, kind: str) -> None:
    """A secret file that is missing, empty, no file, or open to others is an error at its line."""
    file = tmp_path / "token"
    if kind == "folder":
        file.mkdir()
    elif kind != "missing":
        file.write_text("" if kind == "empty" else "x" * 8)
        file.chmod(0o640 if kind == "open" else 0o600)
    table = Table("", {"token_file": Setting(secret_file, "")})
    (mistake,) = parse(f'\ntoken_file = "{file}"\n', table).mistakes
    assert (mistake.line, mistake.what) == (2, f'"token_file" {SECRETS[kind]}')


def test_a_secret_file_that_is_right_is_named(tmp_path: Path) -> None:
    """A secret file of its owner alone is taken, and its content is not."""
    file = tmp_path / "token"
    file.write_text("x" * 8)
    file.chmod(0o600)
    parsed = parse(f'token_file = "{file}"', Table("", {"token_file": Setting(secret_file, "")}))
    assert (parsed.values, parsed.mistakes) == ({"token_file": file}, [])


# --- in which line -------------------------------------------------------------------------------------------------

TRICKY = '''\
# a comment with [a.table] and key = 1
top = """
not = "a key"
[nor.a.table]
""" # key = 2
"quoted.key" . 'other' = [ # [[
  "]", '}', { deep = "x" },
]
[ one . "two" ]   # header
multi = \'\'\'
three = 3
\'\'\'
inline = { a = 1, b = { c = 2 } }
[[ rows ]]
a = "\\"]["
[rows.below]
b = 2
[[rows]]
[[rows.deep]]
c = 1979-05-27T07:32:00Z
[[rows.deep]]
c = 1
'''


def test_lines_are_found_in_any_toml() -> None:
    """Keys are found in their lines whatever the values before them look like."""
    tomllib.loads(TRICKY)
    assert lines(TRICKY) == {
        (): 1,
        ("top",): 2,
        ("quoted.key",): 6,
        ("quoted.key", "other"): 6,
        ("one",): 9,
        ("one", "two"): 9,
        ("one", "two", "multi"): 10,
        ("one", "two", "inline"): 13,
        ("rows",): 14,
        ("rows", 0): 14,
        ("rows", 0, "a"): 15,
        ("rows", 0, "below"): 16,
        ("rows", 0, "below", "b"): 17,
        ("rows", 1): 18,
        ("rows", 1, "deep"): 19,
        ("rows", 1, "deep", 0): 19,
        ("rows", 1, "deep", 0, "c"): 20,
        ("rows", 1, "deep", 1): 21,
        ("rows", 1, "deep", 1, "c"): 22,
    }
    assert line_of(("rows", 1, "deep", 1, "missing"), lines(TRICKY)) == 21


values = st.sampled_from(
    ["1", '"x # [y]"', "'[['", "true", '["a", # ]\n "b"]', "{ a = 1 }", '"""\na = 1\n[b]\n"""', "'''\n]]'''", "[]"]
)
blanks = st.sampled_from(["", "\n", "# c = [\n", "\n  \t\n"])


@given(st.lists(st.tuples(blanks, st.booleans(), values), max_size=12))
def test_every_key_is_found_where_it_was_written(entries: list[tuple[str, bool, str]]) -> None:
    """Whatever stands before and between them, tables and keys are found in the lines they were written to."""
    text, tables, expected = "", 0, dict[tuple[str | int, ...], int]()
    for number, (blank, is_table, value) in enumerate(entries):
        text += blank
        line = text.count("\n") + 1
        if is_table:
            text += "[[t]]\n"
            expected["t", tables] = line
            tables += 1
        else:
            base: tuple[str | int, ...] = ("t", tables - 1) if tables else ()
            text += f"k{number} = {value}\n"
            expected[*base, f"k{number}"] = line
    tomllib.loads(text)
    found = lines(text)
    assert {path: line for path, line in found.items() if path not in ((), ("t",))} == expected


@given(st.text(st.sampled_from("[]{}=.\"'#\n a1-"), max_size=60))
def test_no_text_is_too_strange(text: str) -> None:
    """Any text gives values or mistakes with a line of the text; the reader never fails and never hangs."""
    parsed = parse(text, ROOT)
    assert all(0 < mistake.line <= text.count("\n") + 1 for mistake in parsed.mistakes)


# --- in the reference ----------------------------------------------------------------------------------------------


def test_the_reference_is_up_to_date() -> None:
    """The page on settings in the documentation is what the table of settings says."""
    page = Path(__file__).parent.parent / "docs" / "reference" / "settings.md"
    assert page.read_text(encoding="utf-8") == settings_page(WRITTEN_BY)


def test_every_setting_is_explained() -> None:
    """No setting is without a sentence that says what it is for."""
    meant = limits_help()
    assert list(meant) == [limit.name for limit in fields(Thresholds)]

    def unexplained(table: Table) -> list[str]:
        found = [name for name, setting in table.settings.items() if not (setting.help or meant.get(name))]
        return found + [name for below in table.tables.values() for name in unexplained(below)]

    assert unexplained(ROOT) == []


def test_the_examples_in_the_documentation_work(tmp_path: Path, env: dict[str, str]) -> None:
    """Every example of how to configure is a file that is understood."""
    page = (Path(__file__).parent.parent / "docs" / "howto" / "configure.md").read_text(encoding="utf-8")
    examples = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(examples) >= 7
    name, more, *others = examples
    for text in (name + more, *others):
        assert read(tmp_path, env, text).file
