"""What the settings say of forges: where they are, who asks, whose accounts are whose."""

from __future__ import annotations

from pathlib import Path

import pytest

from quarterdeck import settings
from quarterdeck.settings import SettingsError
from quarterdeck.truth.watched import SAYINGS, Forge

MAIN = '[[forges]]\nid = "main"\nurl = "https://git.example.com/"\n'
NORTH = '[[instances]]\nid = "north"\nhome = "/srv/north"\n'
SOUTH = '[[instances]]\nid = "south"\nhome = "/srv/south"\n'


def load(folder: Path, text: str) -> settings.Settings:
    """Read settings; nothing else of this machine is looked at."""
    file = folder / "quarterdeck.toml"
    file.write_text("discover = false\n" + text, encoding="utf-8")
    return settings.load(file, env={"HOME": str(folder)}, snapshots=folder / "none")


def mistake(folder: Path, text: str) -> str:
    """Return the only mistake in settings, without the file."""
    with pytest.raises(SettingsError) as failed:
        load(folder, text)
    (one,) = failed.value.mistakes
    assert one.line
    return f"{one.what}. {one.fix}"


def secret(folder: Path, name: str = "token", content: str = "", mode: int = 0o600) -> Path:
    """Write a secret that is long enough, unless another is asked for."""
    file = folder / name
    file.write_text(content or "5" * 40 + "\n", encoding="utf-8")
    file.chmod(mode)
    return file


def test_no_forge_is_asked_unless_it_is_named(tmp_path: Path) -> None:
    """Without settings there is no forge."""
    assert load(tmp_path, "").forges == ()


def test_an_address_is_enough(tmp_path: Path) -> None:
    """Its name is its id, its address loses the last slash, and everything else is as usual."""
    assert load(tmp_path, MAIN).forges == (Forge("main", "main", "https://git.example.com"),)
    assert load(tmp_path, MAIN).forges[0].sayings == SAYINGS


def test_all_there_is_to_say(tmp_path: Path) -> None:
    """Every word arrives as what it means; accounts and labels are in small letters."""
    token, bell = secret(tmp_path), secret(tmp_path, "bell")
    text = f"""{MAIN}label = "Home"
token_file = "{token}"
authorities = "/etc/own.pem"
repos = ["acme/*", "bolt/tools"]
without = ["acme/old-*"]
labels = {{ "Doing" = "in progress", "Waiting" = "blocked" }}
sensitive = ["deploy/**", "**/auth/*"]
reviewers = ["Alice"]
people = ["Bob"]
bots = ["Renovate"]
agents = {{ North-CI = "north" }}
claim = "agent/{{number}}-work"
drafts = ["Draft:"]
bell_file = "{bell}"
every_s = 30
in_flight = 2
calls = 100
{NORTH}forge_login = "North-Bot"
"""
    assert load(tmp_path, text).forges == (
        Forge(
            "main",
            "Home",
            "https://git.example.com",
            token,
            Path("/etc/own.pem"),
            ("acme/*", "bolt/tools"),
            ("acme/old-*",),
            {"doing": "in progress", "waiting": "blocked"},
            ("deploy/**", "**/auth/*"),
            ("alice",),
            ("alice", "bob"),
            ("renovate",),
            {"north-bot": "north", "north-ci": "north"},
            "agent/{number}-work",
            ("Draft:",),
            bell,
            30.0,
            2,
            100,
        ),
    )


def test_labels_may_stand_in_a_table_of_their_own(tmp_path: Path) -> None:
    """The same words, one on each line."""
    assert load(tmp_path, f'{MAIN}[forges.labels]\n"doing" = "in progress"\n').forges[0].sayings == {
        "doing": "in progress"
    }


def test_an_account_of_an_agent_is_its_at_every_forge(tmp_path: Path) -> None:
    """What an agent is called at forges is said once; a forge may know it by another name beside."""
    other = '[[forges]]\nid = "other"\nurl = "http://127.0.0.1:3000"\nagents = { n = "north" }\n'
    found = load(tmp_path, f'{MAIN}{other}{NORTH}forge_login = "north-bot"').forges
    assert [one.agents for one in found] == [{"north-bot": "north"}, {"north-bot": "north", "n": "north"}]


def test_of_agents_that_are_not_shown_no_account_is_known(tmp_path: Path) -> None:
    """With homes asked for by name, only the accounts of their agents are taken for agents; none becomes a person."""
    home = tmp_path / "home"
    home.mkdir()
    text = f'{MAIN}[[instances]]\nid = "north"\nhome = "{home}"\nforge_login = "n"\n{SOUTH}forge_login = "s"\n'
    file = tmp_path / "quarterdeck.toml"
    file.write_text(text, encoding="utf-8")
    (found,) = settings.load(file, [home], env={"HOME": str(tmp_path)}).forges
    assert (found.agents, found.people) == ({"n": "north"}, ())


def test_whoever_signs_in_with_the_forge_is_a_person(tmp_path: Path) -> None:
    """Rules about accounts at the forge name persons, unless the same account is said to be a program."""
    rules = "".join(f'[[access.people]]\nforge = "{name}"\nrole = "viewer"\n' for name in ("Carol", "north-bot"))
    found = load(tmp_path, f'{MAIN}{NORTH}forge_login = "north-bot"\n{rules}').forges[0]
    assert found.people == ("carol",)


@pytest.mark.parametrize("words", [["*"], ["acme/tools"], ["a?me/*.js"], ["a_b/c-d.e"]])
def test_names_of_repositories(tmp_path: Path, words: list[str]) -> None:
    """Names and patterns of names."""
    assert load(tmp_path, f"{MAIN}repos = {words}").forges[0].repos == tuple(words)


@pytest.mark.parametrize(
    ("repos", "without", "name", "watched"),
    [
        (("*",), (), "acme/tools", True),
        (("acme/*",), (), "Acme/Tools", True),
        (("acme/*",), (), "bolt/tools", False),
        (("acme/*",), (), "xacme/tools", False),
        (("acme/*",), ("acme/Old-*",), "acme/old-site", False),
        (("acme/tools",), (), "acme/tools2", False),
        (("acme/tool?",), (), "acme/tools", True),
        ((), (), "acme/tools", False),
    ],
)
def test_which_repositories_are_watched(
    repos: tuple[str, ...], without: tuple[str, ...], name: str, *, watched: bool
) -> None:
    """Those that are named and not left out, whatever letters they are written with."""
    assert Forge("main", "main", "https://a", repos=repos, without=without).watches(name) is watched


MISTAKES = [
    ("url = 'https://a'", '"id" is missing in [[forges]]'),
    ("id = 'a'", '"url" is missing in [[forges]]. Add url = '),
    ("id = 'a'\nurl = 'http://git.example.com'", '"url" in [[forges]] leads over a line on which somebody else'),
    ("id = 'a'\nurl = 'https://me:word@git.example.com'", '"url" in [[forges]] is not the address of a page'),
    ("id = 'a'\nurl = 'https://git.example.com/api/v1/'", '"url" in [[forges]] leads to the API. Write the address'),
    ("id = 'A'\nurl = 'https://a'", '"id" in [[forges]] is not an id'),
]
WORDS = [
    ("token_file = '/nowhere/at/all'", '"token_file" in [[forges]] names a file that does not exist'),
    ("token = 'x'", '"token" in [[forges]] is not a setting. A secret does not stand among the settings'),
    ("secret = 'x'", '"secret" in [[forges]] is not a setting. A secret does not stand among the settings'),
    ("client_id = 'x'", '"client_id" in [[forges]] is not a setting. People sign in by [access.forge]'),
    ("users = ['x']", '"users" in [[forges]] is not a setting. Did you mean "people"?'),
    ("repos = ['tools']", '"repos" in [[forges]] has an entry, number 1, that is not the name of a repository'),
    ("without = ['a/b/c']", '"without" in [[forges]] has an entry, number 1, that is not the name of a repository'),
    ("labels = ['doing']", '"labels" in [[forges]] is no table of labels. Write it like'),
    ("labels = { a = 'doing' }", '"labels" in [[forges]] has the label "a", which means none of the words it may'),
    ("labels = { a = ['done'] }", '"labels" in [[forges]] has the label "a", which means none of the words it may'),
    ("labels = { a = 'done', A = 'ready' }", '"labels" in [[forges]] has the label "A" twice'),
    ("labels = { ' ' = 'done' }", '"labels" in [[forges]] has a label that is not one line of text'),
    ("sensitive = ['/etc/**']", '"sensitive" in [[forges]] has an entry, number 1, that is not a path in a repository'),
    ("sensitive = ['a/../b']", '"sensitive" in [[forges]] has an entry, number 1, that is not a path in a repository'),
    ("reviewers = ['a b']", '"reviewers" in [[forges]] has an entry, number 1, that is not the name of an account'),
    ("people = 'alice'", '"people" in [[forges]] is text, not a list'),
    ("bots = ['@renovate']", '"bots" in [[forges]] has an entry, number 1, that is not the name of an account'),
    ("agents = ['north']", '"agents" in [[forges]] is no table of accounts'),
    ("agents = { bot = 'west' }", '"agents" in [[forges]] names an agent there is none of: "west"'),
    ("claim = 'claim/'", '"claim" in [[forges]] is not the name of a branch with {number} in it'),
    ("claim = '{number}{number}'", '"claim" in [[forges]] is not the name of a branch with {number} in it'),
    ("drafts = ['']", '"drafts" in [[forges]] has an entry, number 1, that is not one line of text'),
    ("every_s = 1", '"every_s" in [[forges]] is less than 15 seconds'),
    ("every_s = 201", '"every_s" in [[forges]] is more than 200 seconds. Write 200 or less'),
    ("in_flight = 0", '"in_flight" in [[forges]] is not a whole number from 1 to 16'),
    ("calls = 1", '"calls" in [[forges]] is not a whole number from 20 to 5000'),
    ("people = ['renovate']\nbots = ['Renovate']", '"renovate" stands in "people" of [[forges]], and in "bots"'),
    ("reviewers = ['n']\nagents = { n = 'north' }\n" + NORTH, '"n" stands in "reviewers" of [[forges]], and in "agen'),
    (
        f"reviewers = ['n']\n{NORTH}forge_login = 'N'",
        '"n" stands in "reviewers" of [[forges]], and in "forge_login"',
    ),
    (f"{MAIN.replace('git.', 'two.')}", 'Two of [[forges]] have the same id "main"'),
    (f"{MAIN.replace('main', 'two')}", 'Two of [[forges]] have the same url "https://git.example.com"'),
    (f"{NORTH}forge_login = 'a b'", '"forge_login" in [[instances]] is not the name of an account. Write it as'),
    (f"{NORTH}forge_login = 'b'\n{SOUTH}forge_login = 'B'", 'Two instances have the same forge_login "b"'),
]


@pytest.mark.parametrize(
    ("text", "said"), [("[[forges]]\n" + text, said) for text, said in MISTAKES] + [(MAIN + t, s) for t, s in WORDS]
)
def test_a_mistake_is_said_with_its_line_and_the_way_out(tmp_path: Path, text: str, said: str) -> None:
    """What is missing, does not fit, stands twice or belongs to nobody is named with what to do."""
    assert mistake(tmp_path, text).startswith(said)


def test_an_account_means_nothing_without_a_forge(tmp_path: Path) -> None:
    """An agent's account at no forge would seem to be of use and is not."""
    said = mistake(tmp_path, f"{NORTH}forge_login = 'north-bot'")
    assert said.startswith('"forge_login" in [[instances]] means nothing while there is no forge. Add [[forges]]')


@pytest.mark.parametrize(
    ("word", "mode", "content", "said"),
    [
        ("token_file", 0o644, "", "names a secret file that others may read"),
        ("token_file", 0o600, " \n", "names an empty file"),
        ("token_file", 0o600, "a\nb", "names a file that holds more than one line of plain characters"),
        ("bell_file", 0o640, "", "names a secret file that others may read"),
        ("bell_file", 0o600, " \n", "names an empty file"),
        ("bell_file", 0o600, "x" * 15, "names a secret of fewer than 16 characters. Make one that nobody guesses"),
        ("bell_file", 0o600, "ä" * 20, "names a file that holds more than one line of plain characters"),
    ],
)
def test_a_secret_that_is_none_starts_nothing(tmp_path: Path, word: str, mode: int, content: str, said: str) -> None:
    """A secret that others may read, that is empty or can be guessed is refused, and never quoted."""
    file = secret(tmp_path, content=content, mode=mode)
    found = mistake(tmp_path, f'{MAIN}{word} = "{file}"')
    assert found.startswith(f'"{word}" in [[forges]] {said}')
    assert "xxx" not in found


def test_no_secret_is_used_twice(tmp_path: Path) -> None:
    """Whoever knows the secret of a webhook must not hold the token, and one forge's must not ring another's bell."""
    file = secret(tmp_path)
    said = mistake(tmp_path, f'{MAIN}token_file = "{file}"\nbell_file = "{file}"')
    assert said.startswith("The token of a forge is also the secret of its webhooks. Make a file of its own")
    two = '[[forges]]\nid = "two"\nurl = "https://two.example.com"\n'
    said = mistake(tmp_path, f'{MAIN}bell_file = "{file}"\n{two}bell_file = "{file}"')
    assert said.startswith(f'Two of [[forges]] have the same bell_file "{file}"')
