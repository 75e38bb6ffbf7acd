"""The settings of those who say who somebody is, and the secret they need."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quarterdeck import settings
from quarterdeck.errors import ConfigurationError
from quarterdeck.settings import SettingsError
from quarterdeck.settings.sign_in import BearerIssuer, ForgeSignIn, read_secret, sure

FORGE = """
[access.forge]
url = "https://git.example.com/forge/"
client_id = "1f0c"
"""
BEARER = """
[access.bearer]
issuer = "https://id.example.com/realms/home/"
audience = "quarterdeck"
"""


def secret_file(folder: Path, mode: int = 0o600, content: str = "a secret\n") -> Path:
    """Write a secret."""
    file = folder / "secret"
    file.write_text(content, encoding="utf-8")
    file.chmod(mode)
    return file


def load(folder: Path, text: str) -> settings.Settings:
    """Read settings; nothing else of this machine is looked at."""
    file = folder / "quarterdeck.toml"
    file.write_text("discover = false\n" + text, encoding="utf-8")
    return settings.load(file, env={"HOME": str(folder)})


def mistake(folder: Path, text: str) -> str:
    """Return the only mistake in settings, without the file."""
    with pytest.raises(SettingsError) as failed:
        load(folder, text)
    (one,) = failed.value.mistakes
    return f"{one.what}. {one.fix}"


def test_neither_is_there_unless_it_is_named(tmp_path: Path) -> None:
    """Without settings nobody else says who somebody is."""
    found = load(tmp_path, "").access
    assert (found.forge, found.bearer) == (None, None)


def test_a_forge_with_a_secret(tmp_path: Path) -> None:
    """The address loses its last slash; groups are not asked for while no rule is about one."""
    file = secret_file(tmp_path)
    found = load(tmp_path, f'{FORGE}client_secret_file = "{file}"').access.forge
    assert found == ForgeSignIn("https://git.example.com/forge", "1f0c", file)


def test_a_public_forge_that_is_asked_for_groups(tmp_path: Path) -> None:
    """A rule about a team makes the forge be asked for groups."""
    rule = '[[access.people]]\nforge_group = "org/team"\nrole = "viewer"\n'
    found = load(tmp_path, f'{FORGE}public = true\nauthorities = "/etc/own.pem"\n{rule}').access.forge
    assert found == ForgeSignIn(
        "https://git.example.com/forge", "1f0c", None, groups=True, authorities=Path("/etc/own.pem")
    )


def test_an_issuer(tmp_path: Path) -> None:
    """The issuer stays exactly as written; its keys are where its kind has them, unless the settings say where."""
    usual = load(tmp_path, BEARER).access.bearer
    keys = "https://id.example.com/realms/home/.well-known/jwks.json"
    assert usual == BearerIssuer("https://id.example.com/realms/home/", "quarterdeck", keys)
    own = load(tmp_path, f'{BEARER}keys = "http://127.0.0.1:3000/login/oauth/keys"\ngroups = "roles"').access.bearer
    assert own is not None
    assert (own.keys, own.groups) == ("http://127.0.0.1:3000/login/oauth/keys", "roles")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (FORGE, "[access.forge] has no secret. Add client_secret_file"),
        (
            f"{FORGE}client_secret = 'x'\npublic = true",
            '"client_secret" in [access.forge] is not a setting. A secret does',
        ),
        (f"{FORGE}client_secret_file = '/nowhere/at/all'", '"client_secret_file" in [access.forge] names a file that'),
        ("[access.forge]\nurl = 'https://a'\npublic = true", '"client_id" is missing in [access.forge]'),
        ("[access.bearer]\nissuer = 'https://a'", '"audience" is missing in [access.bearer]'),
        (f"{BEARER}groups = 'a b'", '"groups" in [access.bearer] is not the name of a claim'),
        (f"{BEARER}secret = 'x'", '"secret" in [access.bearer] is not a setting. Tokens that are signed with a shared'),
        (
            f"{BEARER}keys = 'http://id.example.com/keys'",
            '"keys" in [access.bearer] leads over a line on which somebody',
        ),
        (f"{BEARER}jwks_uri = 'https://a'", '"jwks_uri" in [access.bearer] is not a setting. Did you mean "keys"?'),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(tmp_path: Path, text: str, said: str) -> None:
    """Each mistake is named with the way out of it."""
    assert mistake(tmp_path, text).startswith(said)


def test_a_secret_that_others_may_read_starts_nothing(tmp_path: Path) -> None:
    """A secret is for nobody else: neither the group nor others may read its file."""
    for mode in (0o640, 0o604, 0o644):
        said = mistake(tmp_path, f'{FORGE}client_secret_file = "{secret_file(tmp_path, mode)}"')
        assert said.endswith("names a secret file that others may read. Keep it to its owner: chmod 600.")


def test_a_public_application_has_no_secret(tmp_path: Path) -> None:
    """To have a secret and to be public is one too many."""
    said = mistake(tmp_path, f'{FORGE}public = true\nclient_secret_file = "{secret_file(tmp_path)}"')
    assert said.startswith("[access.forge] has a secret, and is said to be public. Remove")


@pytest.mark.parametrize(
    "address",
    [
        "https://git.example.com",
        "https://git.example.com:8443/forge",
        "http://127.0.0.1:3000",
        "http://localhost:3000/forge",
        "http://[::1]:3000",
        "http://100.101.102.103:3000",
        "http://[fd7a:115c:a1e0::1]:3000",
        "http://forge.tail1234.ts.net:3000",
    ],
)
def test_a_line_on_which_nobody_else_can_answer(address: str) -> None:
    """Encrypted, or inside the machine or the tailnet."""
    assert sure(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "http://git.example.com",
        "http://192.168.1.2:3000",
        "http://10.0.0.1",
        "http://100.63.255.255",
        "http://localhost.example.com",
        "http://ts.net.example.com",
        "http://127.0.0.1.example.com",
        "https://me:word@git.example.com",
        "https://git.example.com?x=1",
        "https://git.example.com/#x",
        "ftp://git.example.com",
        "git.example.com",
        "",
        7,
    ],
)
def test_a_line_on_which_somebody_else_could_answer(address: object) -> None:
    """Plain HTTP through a network, or what is no address at all, is refused."""
    with pytest.raises(settings.readers.Wrong):
        sure(address)


def test_a_secret_is_read_as_it_is_now(tmp_path: Path) -> None:
    """Each reading looks at the file anew, so that a secret can be changed while we run."""
    file = secret_file(tmp_path, content="  one\n")
    assert read_secret(file) == "one"
    file.write_text("two", encoding="utf-8")
    assert read_secret(file) == "two"


@pytest.mark.parametrize("content", ["", " \n", "a\nb", "ä", "x" * 5_000])
def test_a_secret_that_is_none(tmp_path: Path, content: str) -> None:
    """An empty secret, or one that is no line of plain characters, is an error that does not quote it."""
    with pytest.raises(ConfigurationError, match="is not one line of plain characters") as failed:
        read_secret(secret_file(tmp_path, content=content))
    assert content.strip() not in str(failed.value) or not content.strip()


def test_a_secret_that_changed_its_place_or_its_mode(tmp_path: Path) -> None:
    """What was right when we started must be right when it is used."""
    file = secret_file(tmp_path, 0o640)
    with pytest.raises(ConfigurationError, match="may be read by others, or is in no plain file"):
        read_secret(file)
    file.unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_secret(file)
    os.mkfifo(file, 0o600)
    with pytest.raises(ConfigurationError, match="is in no plain file"):
        read_secret(file)


def test_a_rule_about_the_forge_knows_no_capitals(tmp_path: Path) -> None:
    """To a forge large and small letters are the same in a name, so they are in rules about it, and in no others."""
    words = {"forge": "Ada", "forge_group": "Org/Night-Shift", "bearer": "CI", "tailnet": "Me@example.com"}
    rules = "".join(f'[[access.people]]\n{word} = "{name}"\nrole = "viewer"\n' for word, name in words.items())
    found = load(tmp_path, rules).access.people
    assert [rule.word for rule in found] == ["ada", "org/night-shift", "CI", "Me@example.com"]
