"""The page of credentials: what is wrong first, agent by agent, and what nobody can know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from quarterdeck.cli.render import as_text
from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.fields import Field
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.reading import AnyReading, Key
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.contract import Json, as_json
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import View
from tests.truth.cast import NOW, ORIGIN, ago, readings
from tests.truth.test_credentials import OURS, WELL

NORTH, SOUTH = Instance("north", "North"), Instance("south", "South")
Facts = Mapping[Field[Any], object]
LOGINS: Facts = {
    F.WORLD_READABLE: (), F.SECRETS_COMMITTED: (), F.CRED_EXPIRES_AT: None, F.CRED_PROVIDERS: ("a",), F.ENV_FILE: True,
}  # fmt: skip


def told(facts: Mapping[str, Facts]) -> dict[Key, AnyReading]:
    """Readings of some subjects."""
    return {
        (name, field.name): field.known(name, ORIGIN, value, NOW)
        for name, each in facts.items()
        for field, value in each.items()
    }


def key(name: str, instance: str = "north") -> str:
    return subject(instance, "credential", name)


FLEET: Mapping[str, Facts] = {
    key("A_KEY"): WELL,
    key("B_KEY"): {**WELL, F.CREDENTIAL_OPEN_TO: "anyone"},
    key("C_KEY"): {**WELL, F.CREDENTIAL_FORM: "login", F.CREDENTIAL_SCOPES: ("inference:invoke", "read")},
    key("D_KEY"): {field: value for field, value in WELL.items() if field is not F.CREDENTIAL_OPEN_TO},
    subject("north", "credentials"): LOGINS,
    key("Z_KEY", "south"): {**WELL, F.CREDENTIAL_SHARED_WITH: ("north",)},
    subject("south", "credentials"): LOGINS,
    OURS: {field: value for field, value in WELL.items() if field.name not in ("committed", "shared_with")},
}


def view(facts: Mapping[str, Facts] = FLEET, instance: str = "all", *, south: str = "home", now: Any = NOW) -> View:
    """The page over two agents and what is known of their secrets."""
    learnt = told({subject("north"): {F.LEARNT_BY: "home"}, subject("south"): {F.LEARNT_BY: south}})
    known = readings() | readings(instance="south") | told(facts) | learnt
    return VIEWS["credentials"].make(Judged(Snapshot(1, NOW, (NORTH, SOUTH), known), now), Asked(instance), None)


def test_the_worst_comes_first_agent_by_agent() -> None:
    """Each agent's logins as a whole come before each of its secrets, the worst first; what is ours comes last."""
    assert [(row.instance, row.name, row.judgement.rule) for row in view().rows] == [
        ("north", "Logins of North", "present"),
        ("north", "B_KEY", "readable by others"),
        ("north", "C_KEY", "of a person"),
        ("north", "D_KEY", "doubt"),
        ("north", "A_KEY", "kept"),
        ("south", "Logins of South", "present"),
        ("south", "Z_KEY", "shared"),
        ("all", "forge-token", "kept"),
    ]


def test_how_many_need_somebody() -> None:
    """The number beside the page counts secrets that need somebody, and the filter holds for it."""
    assert view().trouble["credentials"] == 4
    one = view(instance="south")
    assert (one.trouble["credentials"], [row.name for row in one.rows]) == (
        1,
        ["Logins of South", "Z_KEY", "forge-token"],
    )


def row(made: View, name: str) -> Json:
    found: Json = next(each for each in as_json(made)["rows"] if each["name"] == name)
    return found


def test_what_is_told_of_a_secret() -> None:
    """Name, use, scope, file, mode, age, last use, end: each is a column of the data, with its reading."""
    c_key = row(view(), "C_KEY")
    assert {name: c_key[name] for name in ("purpose", "provider", "scopes", "kept_in", "mode", "owner", "made_by")} == {
        "purpose": "calling models", "provider": "xai", "scopes": ["inference:invoke", "read"], "kept_in": ".env",
        "mode": "0600", "owner": "north", "made_by": "file changed",
    }  # fmt: skip
    assert (c_key["made_at"], c_key["used_at"], c_key["ends_at"]) == ("2026-08-23T03:04:11.000Z", None, None)
    assert {reading["field"] for reading in c_key["readings"]} >= {"scopes", "mode", "used_at", "open_to"}


def test_a_scope_that_nobody_wrote_down_is_not_none() -> None:
    """Where no scope is written down the page says that, not that there is no right."""
    shown = {cell.column.key: cell.shown(NOW) for cell in view().rows[4].cells}
    scopes, shared = shown["scopes"], shown["shared_with"]
    assert scopes is not None
    assert shared is not None
    assert (scopes.text, shared.text) == ("not noted", "nobody")


def test_what_an_exporter_cannot_compare() -> None:
    """Of an agent that is read by its exporter it is said that nobody compared its secrets."""
    assert view().gaps == ()
    (gap,) = view(south="exporter").gaps
    assert gap.why.startswith("1 of 2 agents are read by an exporter, which compares with nobody")
    (gap,) = view(south="exporter", instance="south").gaps
    assert gap.why.startswith("It is read by an exporter")
    assert view(south="exporter", instance="north").gaps == ()


def test_where_a_secret_leads() -> None:
    """From any page a secret leads to its row here."""
    links = {link.text: link.href for link in view().rows[1].links if link.href}
    assert links["credentials, north"] == "/credentials?instance=north#hermes:north/credential/B_KEY"


@pytest.mark.parametrize("width", [60, 120])
def test_the_terminal_tells_the_same(width: int) -> None:
    """The terminal says of each secret what the page says, on any width."""
    said = " ".join(as_text(view(), width=width, colour=False).split())
    for words in ("anybody on its machine may read .env", "Scope inference:invoke, read", "Mode 0600", "File .env"):
        assert words in said


def test_nothing_known_yet() -> None:
    """Before anything is known of any secret there are no rows, and the page can be made."""
    assert [row.name for row in view({}).rows] == []
    assert view({}).headline == "Nothing is watched yet."


def test_old_knowledge_is_not_well() -> None:
    """What is known of a secret grows old like everything else."""
    made = view(now=ago(-600))
    assert {row.judgement.status for row in made.rows} == {"stale", "unknown"}
