"""How a forge begins: accounts, organisations, tokens, labels and repositories."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

from quarterdeck.demo.forge import acts
from quarterdeck.demo.forge.state import READING, Account, Forge, Label, Repo, Token
from quarterdeck.demo.forge.trees import Trees

FIRST: Final[Mapping[str, str]] = {"README.md": "# A repository\n\nNothing in it is real.\n"}


def account(forge: Forge, login: str, full_name: str = "", *, admin: bool = False) -> Account:
    """Make an account."""
    made = Account(next(forge.ids), login, full_name, admin)
    forge.accounts[login] = made
    return made


def org(forge: Forge, name: str) -> Account:
    """Make an organisation."""
    made = Account(next(forge.ids), name)
    forge.orgs[name] = made
    return made


def token(forge: Forge, who: Account, scopes: tuple[str, ...] = READING) -> Token:
    """Make a token; its word is another each time."""
    made = Token(secrets.token_hex(20), who, scopes)
    forge.tokens[made.word] = made
    return made


def label(forge: Forge, where: list[Label], name: str, color: str = "70c24a", *, exclusive: bool = False) -> Label:
    """Make a label of a repository or an organisation."""
    made = Label(next(forge.ids), name, color, "", exclusive)
    where.append(made)
    return made


def repo(
    forge: Forge,
    owner: Account,
    name: str,
    files: Mapping[str, str] = FIRST,
    *,
    writers: tuple[Account, ...] = (),
    private: bool = False,
) -> Repo:
    """Make a repository with a first commit."""
    place = forge.folder / owner.login / f"{name}.git"
    place.parent.mkdir(parents=True, exist_ok=True)
    made = Repo(next(forge.ids), owner, name, Trees(place), forge.now(), private=private, writers=list(writers))
    made.trees.make()
    forge.repos[made.full_name.lower()] = made
    who = writers[0] if writers else owner
    acts.By(forge, made, who).push("main", files, "First commit")
    return made
