"""The secrets of a home: told by name, file, mode, age and scope, and by nothing of what they are."""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes import auth
from quarterdeck.sources.hermes.answers import Report
from quarterdeck.sources.hermes.credentials import LIMIT, PERSONAL, Credentials
from quarterdeck.sources.hermes.likeness import Likeness
from quarterdeck.sources.hermes.secret_config import configuration
from quarterdeck.sources.hermes.secret_files import ENDS, SCOPES, VALUES, Parse, document, environment, logins
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import AnyReading, Known, Reason, Unavailable
from quarterdeck.truth.shapes import LOCATOR
from quarterdeck.truth.tables import judge_subject
from quarterdeck.truth.thresholds import Thresholds
from tests.sources.hermes import canaries
from tests.sources.hermes.canaries import made_up

NOW: Final = datetime.now(UTC) + timedelta(hours=1)  # later than whatever a test writes


class Homes:
    """Agents whose homes one program reads."""

    def __init__(self, folder: Path, *, compares: bool = True) -> None:
        self.folder = folder
        self.likeness = Likeness() if compares else None
        self.readers: dict[str, Credentials] = {}

    def home(self, name: str = "north") -> Path:
        place = self.folder / name
        place.mkdir(mode=0o700, exist_ok=True)
        return place

    def write(self, file: str, content: object, name: str = "north", mode: int = 0o600) -> Path:
        """Write a file of a home, as text or as JSON."""
        path = self.home(name) / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        path.chmod(mode)
        return path

    def reader(self, name: str = "north", *, user_logins: bool = False) -> Credentials:
        if name not in self.readers:
            one = Instance(name, name, home=self.home(name), user_logins=user_logins)
            self.readers[name] = Credentials(one, self.home(name), self.likeness)
        return self.readers[name]

    def look(self, name: str = "north", at: datetime = NOW) -> list[AnyReading]:
        report = Report(at)
        self.reader(name).tell(report, auth.NO_LOGINS)
        return report.readings

    def told(self, name: str = "north", at: datetime = NOW) -> dict[str, dict[str, Any]]:
        """What is told of each secret: the value of a field, or why there is none."""
        found: dict[str, dict[str, Any]] = {}
        for reading in self.look(name, at):
            _, _, secret = reading.subject.partition("/credential/")
            if secret:
                said = reading.value if isinstance(reading, Known) else reading.reason
                found.setdefault(secret, {})[reading.field] = said
        return found

    def verdict(self, secret: str, name: str = "north", at: datetime = NOW) -> tuple[str, str]:
        """By which rule a secret is judged, and in which words."""
        readings = {(each.subject, each.field): each for each in self.look(name, at)}
        found = judge_subject(f"hermes:{name}/credential/{secret}", readings, at, Thresholds())
        return found.rule, found.reason


@pytest.fixture
def homes(tmp_path: Path) -> Homes:
    return Homes(tmp_path)


# --- the environment file ------------------------------------------------------------------------------------------


def test_a_key_of_the_environment_file(homes: Homes) -> None:
    """A key is told by its name, what it is for, where it lies, who may read it and when its file last changed."""
    path = homes.write(".env", f"OPENROUTER_API_KEY={made_up()}\n")
    told = homes.told()["OPENROUTER_API_KEY"]
    changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    assert told == {
        "purpose": "calling models", "provider": "openrouter", "form": "key", "scopes": None, "kept_in": ".env",
        "mode": "0600", "owner": path.owner(), "open_to": "owner", "made_at": changed, "made_by": "file changed",
        "used_at": Reason.MISSING, "ends_at": None, "committed": False, "shared_with": (),
    }  # fmt: skip
    assert homes.verdict("OPENROUTER_API_KEY") == (
        "kept", "key that only its owner can read",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("TELEGRAM_BOT_TOKEN='{}' # the bot", {"TELEGRAM_BOT_TOKEN"}),
        ('export GROQ_API_KEY = "{}"', {"GROQ_API_KEY"}),
        ("SMTP_PASS={}", {"SMTP_PASS"}),
        ("TERMINAL_ENV=local", set()),
        ("OPENAI_BASE_URL=http://127.0.0.1:9/v1", set()),
        ("LANGFUSE_PUBLIC_KEY={}", set()),
        ("VERTEX_CREDENTIALS_PATH=/etc/x.json", set()),
        ("XAI_API_KEY=", set()),
        ("XAI_API_KEY=${{OTHER}}", set()),
        ("XAI_API_KEY=your_key_here", set()),
        ("# XAI_API_KEY={}", set()),
        ("DATABASE_URL=postgresql://me:{}@db/x", {"DATABASE_URL"}),
        ("some_lower_token={}", {"unnamed"}),
    ],
)
def test_which_settings_are_secrets(homes: Homes, line: str, names: set[str]) -> None:
    """A setting is a secret by its name or its looks; one that is empty or points elsewhere is none."""
    homes.write(".env", line.format(made_up()) + "\n")
    assert homes.told().keys() == names


def test_pieces_of_a_key_over_several_lines_are_no_names(homes: Homes) -> None:
    """What stands inside quotes is no setting, and what is in a name's place without its form is not told."""
    inner = "\n".join(f"{made_up(length=40)}=={made_up('AB_', 8)}={made_up()}" for _ in range(3))
    loose = "\n".join(f"{base64.b64encode(secrets.token_bytes(30)).decode()}=x" for _ in range(3))
    key = f"-----BEGIN {'PRIVATE'} KEY-----"
    homes.write(
        ".env", f'SIGNING_KEY="{key}\n{inner}\n"\nOTHER_KEY={key}\n{loose}\n{made_up("SK_").upper()}KEY=value1\n'
    )
    assert homes.told().keys() <= {"SIGNING_KEY", "OTHER_KEY", "unnamed"}
    assert homes.told()["SIGNING_KEY"]["form"] == "private key"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GITHUB_TOKEN", "ghp" + "_", ("personal token", "github", "of a person")),
        ("GITHUB_TOKEN", "ghs" + "_", ("token", "github", "kept")),
        ("SLACK_USER_TOKEN", "xox" + "p-", ("personal token", "slack", "of a person")),
        ("SLACK_BOT_TOKEN", "xox" + "b-", ("token", "slack", "kept")),
        ("ANTHROPIC_TOKEN", "sk-" + "ant-oat01-", ("login", "anthropic", "of a person")),
        ("MY_TOKEN", "glp" + "at-", ("personal token", "gitlab", "of a person")),
        ("IMAP_PASSWORD", "", ("password", "email", "kept")),
    ],
)
def test_whose_a_token_is(homes: Homes, name: str, value: str, said: tuple[str, str, str]) -> None:
    """The beginning of a token tells who issued it and whether a person got it; a person's own is a finding."""
    homes.write(".env", f"{name}={made_up(value)}\n")
    told = homes.told()[name]
    assert (told["form"], told["provider"], homes.verdict(name)[0]) == said


def test_a_password_for_root_reaches_too_far(homes: Homes) -> None:
    """The password with which the agent becomes root gives it everything."""
    homes.write(".env", f"SUDO_PASSWORD={made_up()}\n")
    assert homes.verdict("SUDO_PASSWORD") == ("too wide", "it reaches further than it needs to: root")


def test_a_signed_token_says_when_it_ends(homes: Homes) -> None:
    """A token that carries its own end and scope is told by them."""
    ends = NOW + timedelta(days=3)
    body = {"iat": (NOW - timedelta(days=300)).timestamp(), "exp": ends.timestamp(), "scope": "read write:all"}
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "x"}, body))
    homes.write(".env", f"HASS_TOKEN={'.'.join(parts)}.{made_up()}\n")
    told = homes.told()["HASS_TOKEN"]
    assert (told["made_by"], told["scopes"]) == ("issued", ("read", "write:all"))
    assert abs(told["ends_at"] - ends) < timedelta(seconds=1)
    rule, words = homes.verdict("HASS_TOKEN")
    assert rule == "too wide"
    assert "write:all" in words
    assert "expires in " in words


# --- the agent's own logins ----------------------------------------------------------------------------------------


def a_login(**more: object) -> dict[str, object]:
    return {"access_token": made_up(length=40), "refresh_token": made_up(length=40), **more}


def test_a_login_that_renews_itself_has_no_end(homes: Homes) -> None:
    """Of a login it is told since when it is and what it may do; with a way to renew itself it does not end."""
    issued = NOW - timedelta(days=40)
    ends = {"obtained_at": issued.isoformat(), "expires_at": (NOW + timedelta(hours=1)).isoformat()}
    homes.write("auth.json", {"providers": {"nous": a_login(scope="inference:invoke", **ends)}})
    told = homes.told()["nous"]
    assert (told["made_at"], told["made_by"], told["ends_at"]) == (issued, "issued", None)
    assert (told["scopes"], told["form"]) == (("inference:invoke",), "login")
    assert homes.verdict("nous")[0] == "of a person"


@pytest.mark.parametrize(
    ("made_days", "ends_days", "rule"),
    [
        (300, 30, "of a person"),
        (300, 3, "expires soon"),
        (1, 3, "of a person"),
        (300, -0.5, "expires soon"),
        (300, -2, "expired"),
    ],
)
def test_when_a_login_ends(homes: Homes, made_days: float, ends_days: float, rule: str) -> None:
    """What ends within a week is a finding, unless it never lives longer; what ended a day ago has expired."""
    made, ends = (NOW - timedelta(days=made_days)).isoformat(), (NOW + timedelta(days=ends_days)).timestamp()
    state = {"access_token": made_up(), "obtained_at": made, "expires_at": ends}
    homes.write("auth.json", {"providers": {"nous": state}})
    assert homes.verdict("nous")[0] == rule


def test_the_keys_of_a_pool(homes: Homes) -> None:
    """Each key of the pool has the name of its provider and its id; when it was tried is told where it is noted."""
    tried = NOW - timedelta(minutes=7)
    entries = [
        {"id": "a1b2c3", "auth_type": "api_key", "source": "manual", "access_token": made_up("sk-" + "or-")},
        {"id": "d4e5f6", "auth_type": "oauth", "last_status_at": tried.timestamp(), **a_login()},
        {"id": made_up(), "auth_type": "api_key", "access_token": made_up()},
    ]
    homes.write("auth.json", {"credential_pool": {"openrouter": entries}})
    told = homes.told()
    assert told.keys() == {"openrouter/a1b2c3", "openrouter/d4e5f6", "openrouter/unnamed"}
    assert told["openrouter/d4e5f6"]["form"] == "login"
    assert abs(told["openrouter/d4e5f6"]["used_at"] - tried) < timedelta(seconds=1)
    assert told["openrouter/a1b2c3"]["used_at"] is Reason.MISSING


def test_the_same_secret_twice_in_a_file_is_one(homes: Homes) -> None:
    """A login that the agent keeps as a state and in its pool is one secret."""
    state = a_login()
    homes.write("auth.json", {"providers": {"nous": state}, "credential_pool": {"nous": [{"id": "ab", **state}]}})
    assert homes.told().keys() == {"nous"}


def test_a_key_that_is_only_named(homes: Homes) -> None:
    """A key from the environment is told by the file that holds it; one that no file holds, as in no file."""
    pool = {
        "openrouter": [{"id": "ab", "source": "env:OPENROUTER_API_KEY", "secret_fingerprint": "sha256:" + made_up()}]
    }
    homes.write("auth.json", {"credential_pool": pool})
    assert homes.told()["OPENROUTER_API_KEY"]["kept_in"] is None
    assert homes.verdict("OPENROUTER_API_KEY")[0] == "in no file"
    homes.write(".env", f"OPENROUTER_API_KEY={made_up()}\n")
    assert homes.told()["OPENROUTER_API_KEY"]["kept_in"] == ".env"


@pytest.mark.parametrize(
    "scope", ["all", "read admin:org", ["https://www.googleapis.com/auth/drive"], "*", "repo,user"]
)
def test_a_scope_that_reaches_too_far(homes: Homes, scope: object) -> None:
    """Everything, administration and whole accounts are more than an agent needs."""
    homes.write("auth.json", {"providers": {"x": a_login(scope=scope)}})
    rule, words = homes.verdict("x")
    assert rule == "too wide"
    assert "a person's own login" in words  # all that is wrong is said at once


@pytest.mark.parametrize(
    "scope", ["inference:invoke", "openid profile email", "user-read-playback-state", "channels:read"]
)
def test_a_scope_that_does_not(homes: Homes, scope: str) -> None:
    """What an agent is there to do is not too much."""
    homes.write("auth.json", {"providers": {"x": a_login(scope=scope)}})
    assert homes.verdict("x")[0] == "of a person"


def test_a_scope_that_is_none(homes: Homes) -> None:
    """What has not the form of a scope is not told; what is no list of them is a reason not to know."""
    homes.write("auth.json", {"providers": {"x": a_login(scope=[made_up(), "a b", 7]), "y": a_login(scope={"a": 1})}})
    told = homes.told()
    assert (told["x"]["scopes"], told["y"]["scopes"]) == (("unnamed",), Reason.SCHEMA)


# --- other files ---------------------------------------------------------------------------------------------------


def test_secrets_in_the_configuration(homes: Homes) -> None:
    """A secret in the configuration is told by the way to it, in the configuration's own words."""
    key, server = made_up(), made_up("server")
    homes.write(
        "config.yaml",
        f"model: {{api_key: {key}, default: m, max_tokens: 4096}}\n"
        f"platforms:\n  telegram: {{token: '{key}'}}\n  api_server: {{extra: {{key: {key}, port: 8642}}}}\n"
        f"mcp_servers:\n  {server}:\n    env: {{GITHUB_TOKEN: {'gh' + 'p_'}{key}}}\n    args: [-y, x, 'Bearer {key}']\n"
        f"voice: {{record_key: ctrl+shift+b}}\nproviders:\n  {server}: {{api_key: '${{NAMED}}'}}\n",
    )
    told = homes.told()
    assert {name: (each["purpose"], each["provider"]) for name, each in told.items()} == {
        "config.yaml/model.api_key": ("calling models", None),
        "config.yaml/platforms.telegram.token": ("chat platform", "telegram"),
        "config.yaml/platforms.api_server.extra.key": ("letting callers in", None),
        "config.yaml/mcp_servers.*.env.GITHUB_TOKEN": ("tool or skill", "github"),
        "config.yaml/mcp_servers.*.args": ("tool or skill", None),
    }


@pytest.mark.parametrize("text", ["? {a: b}\n: secret\n", "? [a]\n: secret\n", "a: [\n", "a: &x {b: c}\n*x : d\n"])
def test_a_configuration_that_cannot_be_told(homes: Homes, text: str) -> None:
    """A configuration that is broken, or whose names are none, is one unknown, not none."""
    homes.write("config.yaml", text)
    told = homes.told()["config.yaml"]
    assert told["form"] in (Reason.SCHEMA, Reason.CORRUPT)
    readings = {(each.subject, each.field): each for each in homes.look()}
    assert judge_subject("hermes:north/credential/config.yaml", readings, NOW, Thresholds()).status == "unknown"


@pytest.mark.parametrize(
    ("file", "content", "form", "purpose"),
    [
        (".anthropic_oauth.json", {"accessToken": "@", "refreshToken": "@", "expiresAt": 9}, "login", "calling models"),
        ("auth/google_oauth.json", {"refresh": "@", "access": "@"}, "login", "calling models"),
        ("google_token.json", {"token": "@", "refresh_token": "@", "scopes": ["a"]}, "login", "tool or skill"),
        ("google_client_secret.json", {"installed": {"client_secret": "@"}}, "secrets", "tool or skill"),
        ("webhook_subscriptions.json", {"a": {"secret": "@"}, "b": {"secret": "@"}}, "secrets", "letting callers in"),
        ("mcp-tokens/linear.json", {"access_token": "@", "expires_at": 4e9, "scope": "read"}, "login", "tool or skill"),
    ],
)  # fmt: skip
def test_files_of_one_login(homes: Homes, file: str, content: object, form: str, purpose: str) -> None:
    """A file that holds one login, or a few secrets, is told under its own name."""
    homes.write(file, json.dumps(content).replace("@", made_up(length=30)))
    told = homes.told()[file]
    assert (told["form"], told["purpose"], told["kept_in"]) == (form, purpose, file)
    homes.write(file, "{}")
    assert file not in homes.told()


def test_what_a_person_keeps_is_in_reach(homes: Homes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logins in the home folder of the agent's user are told as a person's own, unless the settings say not to look."""
    user = homes.folder / "user"
    monkeypatch.setenv("HOME", str(user))
    for name, (_, _, sign) in PERSONAL.items():
        (user / name).parent.mkdir(parents=True, exist_ok=True)
        (user / name).write_bytes(b"x " + sign + b" " + made_up().encode())
    (user / ".config/gh/hosts.yml").write_text("github.com:\n    user: me\n")  # the token is in a keyring
    seeing, blind = homes.reader("seeing", user_logins=True), homes.reader("blind")
    assert seeing is not blind
    assert homes.told("seeing").keys() == PERSONAL.keys() - {".config/gh/hosts.yml"}
    assert homes.verdict(".git-credentials", "seeing")[0] in ("of a person", "readable by others")
    assert homes.told("blind") == {}


# --- who may read them, and who holds them too -----------------------------------------------------------------------


def test_a_file_that_anybody_may_read(homes: Homes) -> None:
    """A secret in a file that others can walk to and read is a finding, and so is the home as a whole."""
    for folder in (homes.home(), *(above for above in homes.home().parents if above.owner() == homes.home().owner())):
        folder.chmod(folder.stat().st_mode | 0o055)
    homes.write(".env", f"XAI_API_KEY={made_up()}\n", mode=0o644)
    told = homes.told()["XAI_API_KEY"]
    assert (told["mode"], told["open_to"]) == ("0644", "anyone")
    assert homes.verdict("XAI_API_KEY") == ("readable by others", "anybody on its machine may read .env")
    homes.home().chmod(0o700)
    assert homes.told()["XAI_API_KEY"]["open_to"] == "owner"


def test_a_secret_that_two_agents_hold(homes: Homes) -> None:
    """The very same secret in two homes names the other; what is too short, or stands for one, does not."""
    shared = made_up()
    homes.write(".env", f"XAI_API_KEY={shared}\nA_PASSWORD=short\nB_TOKEN=insecure_no_auth\n")
    homes.write("auth.json", {"credential_pool": {"xai": [{"id": "ab", "access_token": shared}]}}, "south")
    homes.write(".env", f"XAI_API_KEY={made_up()}\nA_PASSWORD=short\n", "east")
    for name in ("north", "south", "east"):
        homes.look(name)
    assert homes.told()["XAI_API_KEY"]["shared_with"] == ("south",)
    assert homes.told("south")["xai/ab"]["shared_with"] == ("north",)
    assert homes.told("east")["XAI_API_KEY"]["shared_with"] == ()
    assert homes.told()["A_PASSWORD"]["shared_with"] == ()
    assert homes.verdict("XAI_API_KEY") == ("shared", "the very same secret is also in south")
    homes.write(".env", f"XAI_API_KEY={made_up()}\n")
    homes.look()
    assert homes.told("south")["xai/ab"]["shared_with"] == ()


def test_who_reads_one_home_compares_with_nobody(tmp_path: Path) -> None:
    """A program that reads one home alone says nothing of others, and a secret is well without that."""
    homes = Homes(tmp_path, compares=False)
    homes.write(".env", f"XAI_API_KEY={made_up()}\n")
    assert "shared_with" not in homes.told()["XAI_API_KEY"]
    assert homes.verdict("XAI_API_KEY")[0] == "kept"


def test_marks_are_of_this_program_alone() -> None:
    """Another program, or the same one started again, makes another mark of the same secret."""
    secret = made_up()
    assert Likeness().marks((secret,)).isdisjoint(Likeness().marks((secret,)))


# --- git -----------------------------------------------------------------------------------------------------------


def git(folder: Path, *words: str) -> None:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *words], cwd=folder, env=environment, check=True, capture_output=True)


@pytest.mark.parametrize("version", ["2", "4"])
@pytest.mark.parametrize("where", [".", ".."])
def test_a_secret_in_the_repository_of_the_home(homes: Homes, version: str, where: str) -> None:
    """A file that git holds is a finding, whether the repository is the home or lies around it."""
    homes.write(".env", f"XAI_API_KEY={made_up()}\n")
    homes.write("auth.json", {"providers": {"nous": a_login()}})
    for number in range(30):
        homes.write(f"notes/some-note-{number}.md", "x")
    top = (homes.home() / where).resolve()
    git(top, "init", "--quiet")
    git(top, "config", "index.version", version)
    assert homes.told()["XAI_API_KEY"]["committed"] is False
    git(homes.home(), "add", ".env", "notes")
    git(homes.home(), "add", "--intent-to-add", "auth.json")
    git(top, "update-index", "--index-version", version)
    assert homes.told()["XAI_API_KEY"]["committed"] is True
    assert homes.verdict("XAI_API_KEY") == ("committed", "the git repository of the home holds .env")
    git(homes.home(), "rm", "--quiet", "--cached", ".env")
    assert homes.told()["XAI_API_KEY"]["committed"] is False


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        (b"", Reason.SCHEMA),
        (b"DIRC" + (9).to_bytes(4) + bytes(4), Reason.SCHEMA),
        (b"DIRC" + (2).to_bytes(4) + (5).to_bytes(4), Reason.CORRUPT),
        (b"DIRC" + (4).to_bytes(4) + (1).to_bytes(4) + bytes(62) + b"\xff\xff", Reason.CORRUPT),
        (b"DIRC" + (2).to_bytes(4) + bytes(4) + b"link" + bytes(30), Reason.SCHEMA),
    ],
)
def test_a_list_of_git_that_is_not_understood(homes: Homes, index: bytes, reason: Reason) -> None:
    """Where git's list cannot be read it is not known whether a secret is in it, and nobody calls that well."""
    homes.write(".env", f"XAI_API_KEY={made_up()}\n")
    (homes.home() / ".git").mkdir()
    (homes.home() / ".git" / "index").write_bytes(index)
    assert homes.told()["XAI_API_KEY"]["committed"] is reason
    assert homes.verdict("XAI_API_KEY")[0] == "doubt"


def test_a_list_with_longer_hashes_is_not_guessed(homes: Homes) -> None:
    """A repository of another form of hash is a reason not to know."""
    homes.write(".env", f"XAI_API_KEY={made_up()}\n")
    git(homes.home(), "init", "--quiet", "--object-format=sha256")
    git(homes.home(), "add", ".env")
    assert homes.told()["XAI_API_KEY"]["committed"] is Reason.SCHEMA


# --- what breaks ---------------------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_read_takes_nothing_away(homes: Homes) -> None:
    """When a file breaks, what it held is unknown, not gone; when it is removed, it is gone."""
    path = homes.write("auth.json", {"providers": {"nous": a_login()}})
    assert homes.told()["nous"]["form"] == "login"
    path.write_text('{"providers": {"nous"')
    os.utime(path, (1_000_000_000, 1_000_000_000))
    assert homes.told()["nous"]["form"] is Reason.CORRUPT
    path.unlink()
    assert homes.told() == {}


def test_a_file_that_was_never_read_is_unknown(homes: Homes) -> None:
    """A file of secrets that is there and cannot be understood is one unknown, under its own name."""
    homes.write("auth.json", "[]")
    (homes.home() / ".env").mkdir()
    told = homes.told()
    assert {name: each["form"] for name, each in told.items()} == {".env": Reason.CORRUPT, "auth.json": Reason.SCHEMA}


def test_times_that_cannot_be(homes: Homes) -> None:
    """An age from the future, or one that is no time, is not believed."""
    later = (NOW + timedelta(days=1)).isoformat()
    states = {
        "a": a_login(obtained_at=later),
        "b": a_login(obtained_at=["x"]),
        "c": {"access_token": made_up(), "expires_at": {}},
    }
    homes.write("auth.json", {"providers": states})
    told = homes.told()
    assert (told["a"]["made_at"], told["b"]["made_at"], told["c"]["ends_at"]) == (Reason.CORRUPT,) * 3


def test_more_than_a_file_can_hold(homes: Homes) -> None:
    """A file with more secrets than an agent can have is not understood."""
    homes.write(".env", "".join(f"KEY_{number}_TOKEN={made_up()}\n" for number in range(400)))
    assert homes.told()[".env"]["form"] is Reason.SCHEMA


# --- never a value -------------------------------------------------------------------------------------------------


@pytest.fixture
def full(homes: Homes) -> tuple[Homes, list[str]]:
    """A home with a canary in every place where a secret, or a piece of one, can stand."""
    return homes, canaries.fill(homes.home())


def held_by(thing: object, depth: int = 6) -> list[object]:
    """Everything an object keeps, however deep."""
    if isinstance(thing, dict):
        inner = [*thing.keys(), *thing.values()]
    elif isinstance(thing, list | tuple | set | frozenset):
        inner = list(thing)
    else:
        inner = list(vars(thing).values()) if hasattr(thing, "__dict__") else []
    return [thing, *(each for one in inner if depth for each in held_by(one, depth - 1))]


def test_no_value_comes_out(full: tuple[Homes, list[str]]) -> None:
    """Of a home full of canaries, none and no half of one is in anything a look says or keeps."""
    homes, marks = full
    said = repr(homes.look()) + repr(homes.look())
    kept = repr(held_by(homes.reader()))
    assert len(homes.told()) > 12
    assert canaries.found_in(said + kept, marks) == []


@pytest.mark.parametrize("tenth", range(1, 10))
def test_no_value_comes_out_of_what_is_broken(full: tuple[Homes, list[str]], tenth: int) -> None:
    """Also where each file breaks off in the middle, nothing of it is quoted."""
    homes, marks = full
    for path in filter(Path.is_file, homes.home().rglob("*")):
        path.write_bytes(path.read_bytes()[: path.stat().st_size * tenth // 10])
    assert canaries.found_in(repr(homes.look()), marks) == []


def test_every_reading_is_fit_to_be_told(full: tuple[Homes, list[str]]) -> None:
    """No name or scope of a secret is refused by the shape of its field."""
    homes, _ = full
    misfits = [
        each for each in homes.look() if isinstance(each, Unavailable) and "this release understands" in each.detail
    ]
    assert misfits == []


# --- whatever the bytes -------------------------------------------------------------------------------------------

PARSERS: Final = (environment, logins, configuration, document("tool or skill", None))
LINES: Final = st.lists(
    st.sampled_from(
        ["A_KEY=", "export ", "'", '"', "\\", "\n", "=", "#", "x" * 20, "é", "\x00", "{", "}", ":", "- ", "&a ", "*a"]
    )
)


@pytest.mark.parametrize("parse", PARSERS)
@given(st.one_of(st.binary(max_size=200), LINES.map("".join).map(str.encode)))
def test_any_bytes_are_understood_or_refused(parse: Parse, data: bytes) -> None:
    """Whatever a file of secrets holds, it is understood or there is a reason; every name has the form of one."""
    try:
        found = parse(data, Likeness().marks)
    except SourceError:
        return
    for held in found:
        assert LOCATOR.fullmatch(held.name or "x")


@pytest.mark.parametrize("parse", PARSERS)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["providers", "credential_pool", "nous", *VALUES, *SCOPES, *ENDS]), inner, max_size=4
            )
        ),
        max_leaves=20,
    )
)
def test_any_document_is_understood_or_refused(parse: Parse, said: object) -> None:
    """Whatever stands in a document where the agent keeps its logins, nothing breaks but the facts it stands for."""
    with suppress(SourceError):
        parse(json.dumps(said).encode(), Likeness().marks)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("unit", ["A='", "A=\\'", 'A="\\"\n', "=", "export ", "\n A_KEY='x", "a"])
def test_a_long_file_is_no_trap(unit: str) -> None:
    """A file of one repeated piece, as long as one may be, is understood like any other: it leads nobody astray."""
    data = (unit * (LIMIT // len(unit))).encode()
    assert len(environment(data, Likeness().marks)) < 3
