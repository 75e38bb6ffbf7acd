"""The tables of credentials, row by row: what is wrong with a secret, and what of it is said."""

from __future__ import annotations

from typing import Any

import pytest

from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.fields import FIELDS, Field, field_for, kind_of
from quarterdeck.truth.findings import Severity, find
from quarterdeck.truth.incidents import Setting, incidents
from quarterdeck.truth.instance import ALL, instance_of
from quarterdeck.truth.judgement import Judgement
from quarterdeck.truth.reading import AnyReading, Key, Reason
from quarterdeck.truth.shapes import Bool, Count, Ident, Idents, Instant, Number, Optional, Word
from quarterdeck.truth.tables import judge_subject
from quarterdeck.truth.tables.credentials import FLAWS, too_wide
from quarterdeck.truth.thresholds import Thresholds
from tests.truth.cast import NOW, ORIGIN, ago

World = dict[Field[Any], object]

KEY = "hermes:north/credential/XAI_API_KEY"
OURS = "quarterdeck:deck/credential/forge-token"
DAY = 86_400.0

WELL: World = {
    F.CREDENTIAL_PURPOSE: "calling models",
    F.CREDENTIAL_PROVIDER: "xai",
    F.CREDENTIAL_FORM: "key",
    F.CREDENTIAL_SCOPES: None,
    F.CREDENTIAL_KEPT_IN: ".env",
    F.CREDENTIAL_MODE: "0600",
    F.CREDENTIAL_OWNER: "north",
    F.CREDENTIAL_OPEN_TO: "owner",
    F.CREDENTIAL_MADE_AT: ago(90 * DAY),
    F.CREDENTIAL_MADE_BY: "file changed",
    F.CREDENTIAL_USED_AT: None,
    F.CREDENTIAL_ENDS_AT: None,
    F.CREDENTIAL_COMMITTED: False,
    F.CREDENTIAL_SHARED_WITH: (),
}
NOWHERE: World = {
    F.CREDENTIAL_KEPT_IN: None,
    F.CREDENTIAL_MODE: None,
    F.CREDENTIAL_OWNER: None,
    F.CREDENTIAL_OPEN_TO: None,
    F.CREDENTIAL_MADE_AT: None,
    F.CREDENTIAL_MADE_BY: None,
}


def told(changed: World, name: str = KEY, *, without: tuple[Field[Any], ...] = ()) -> dict[Key, AnyReading]:
    world = {field: value for field, value in (WELL | changed).items() if field not in without}
    return {(name, field.name): field.known(name, ORIGIN, value, NOW) for field, value in world.items()}


def judged(changed: World, name: str = KEY, *, without: tuple[Field[Any], ...] = ()) -> Judgement:
    return judge_subject(name, told(changed, name, without=without), NOW, Thresholds())


CASES: dict[str, tuple[World, str, str]] = {
    "well": ({}, "kept", "key that only its owner can read"),
    "of a purpose nobody knows": (
        {F.CREDENTIAL_PURPOSE: "not known", F.CREDENTIAL_PROVIDER: None},
        "kept",
        "key that only its owner can read",
    ),
    "open to anybody": ({F.CREDENTIAL_OPEN_TO: "anyone"}, "readable by others", "anybody on its machine may read .env"),
    "open to a group": ({F.CREDENTIAL_OPEN_TO: "group"}, "readable by others", "the group of its file may read .env"),
    "committed": ({F.CREDENTIAL_COMMITTED: True}, "committed", "the git repository of the home holds .env"),
    "expired": ({F.CREDENTIAL_ENDS_AT: ago(3 * DAY)}, "expired", "it expired 3 d ago"),
    "just over": ({F.CREDENTIAL_ENDS_AT: ago(3_600)}, "expires soon", "it expired 60 min ago"),
    "ends this week": ({F.CREDENTIAL_ENDS_AT: ago(-3 * DAY)}, "expires soon", "it expires in 3 d"),
    "ends later": ({F.CREDENTIAL_ENDS_AT: ago(-30 * DAY)}, "kept", ""),
    "never lasts longer": (
        {F.CREDENTIAL_ENDS_AT: ago(-DAY), F.CREDENTIAL_MADE_AT: ago(DAY), F.CREDENTIAL_MADE_BY: "issued"},
        "kept",
        "",
    ),
    "its file is young, not it": (
        {F.CREDENTIAL_ENDS_AT: ago(-DAY), F.CREDENTIAL_MADE_AT: ago(DAY)},
        "expires soon",
        "it expires in 24 h",
    ),
    "too wide": ({F.CREDENTIAL_SCOPES: ("read", "all")}, "too wide", "it reaches further than it needs to: all"),
    "wide enough": ({F.CREDENTIAL_SCOPES: ("write:repository",)}, "kept", ""),
    "shared": (
        {F.CREDENTIAL_SHARED_WITH: ("east", "south")},
        "shared",
        "the very same secret is also in east, south",
    ),
    "a login": (
        {F.CREDENTIAL_FORM: "login"},
        "of a person",
        "a person's own login, where a machine should have its own",
    ),
    "a personal token": ({F.CREDENTIAL_FORM: "personal token"}, "of a person", "a person's own personal token"),
    "everything at once": (
        {F.CREDENTIAL_OPEN_TO: "anyone", F.CREDENTIAL_SCOPES: ("admin",), F.CREDENTIAL_FORM: "login"},
        "readable by others",
        "anybody on its machine may read .env; it reaches further than it needs to: admin; a person's own login",
    ),
    "in no file": (NOWHERE, "in no file", "the program got it when it was started"),
    "not needed": (NOWHERE | {F.CREDENTIAL_FORM: "nothing"}, "not needed", "no secret is kept for it"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_secret_is_judged(case: str) -> None:
    """Each thing that can be wrong has its rule, and everything that is wrong is said."""
    changed, rule, words = CASES[case]
    found = judged(changed)
    assert (found.rule, found.status == "ok") == (rule, rule in {"kept", "in no file", "not needed"})
    assert words in found.reason


def test_every_rule_has_its_case() -> None:
    """No flaw of a secret goes untested."""
    assert {flaw.id for flaw in FLAWS} <= {rule for _, rule, _ in CASES.values()}


MISSHAPEN: dict[type[Any], object] = {
    Bool: "yes", Word: "Not A Word", Ident: ("a", "b"), Idents: "a", Instant: 12, Count: -1, Number: "1",
}  # fmt: skip


@pytest.mark.parametrize(
    "field", [field for field in FIELDS.values() if field.of == "credential"], ids=lambda each: each.name
)
def test_a_value_of_another_shape_is_not_taken(field: Field[Any]) -> None:
    """A value that has not the shape of its field is unknown, and where a rule needs it nothing is called well."""
    shape = field.shape.of if isinstance(field.shape, Optional) else field.shape
    reading = field.known(KEY, ORIGIN, MISSHAPEN[type(shape)], NOW)
    assert getattr(reading, "reason", None) is Reason.SCHEMA
    found = judge_subject(KEY, told({}) | {(KEY, field.name): reading}, NOW, Thresholds())
    asked = {F.CREDENTIAL_OPEN_TO, F.CREDENTIAL_COMMITTED, F.CREDENTIAL_ENDS_AT, F.CREDENTIAL_SCOPES, F.CREDENTIAL_FORM}
    asked |= {F.CREDENTIAL_KEPT_IN}
    assert found.status == ("unknown" if field in asked else "ok")


@pytest.mark.parametrize("flaw", [flaw for flaw in FLAWS if not flaw.elsewhere], ids=lambda each: each.id)
def test_nothing_is_well_that_could_not_be_asked(flaw: Any) -> None:
    """While what a rule asks for is not known, a secret is unknown."""
    needs = {
        "readable by others": F.CREDENTIAL_OPEN_TO, "committed": F.CREDENTIAL_COMMITTED,
        "expired": F.CREDENTIAL_ENDS_AT, "expires soon": F.CREDENTIAL_ENDS_AT, "too wide": F.CREDENTIAL_SCOPES,
        "of a person": F.CREDENTIAL_FORM,
    }  # fmt: skip
    assert judged({}, without=(needs[flaw.id],)).status == "unknown"


def test_who_cannot_compare_leaves_a_secret_well() -> None:
    """That nobody compared two homes is said on the page, not of every secret."""
    assert judged({}, without=(F.CREDENTIAL_SHARED_WITH,)).rule == "kept"


def test_ours_are_held_to_more() -> None:
    """To look, reading suffices: what may write is too wide for us, and no home's git or neighbour is asked of ours."""
    changed: World = {F.CREDENTIAL_SCOPES: ("read:repository", "write:issue")}
    of_homes = (F.CREDENTIAL_COMMITTED, F.CREDENTIAL_SHARED_WITH)
    found = judged(changed, OURS, without=of_homes)
    assert (found.rule, found.reason) == ("too wide", "it reaches further than it needs to: write:issue")
    reading: World = {F.CREDENTIAL_SCOPES: ("read:repository", "read:issue")}
    assert judged(reading, OURS, without=of_homes).rule == "kept"
    assert {reading.field for reading in judged({}, OURS, without=of_homes).because}.isdisjoint(
        {"committed", "shared_with"}
    )


@pytest.mark.parametrize(
    ("scope", "wide", "wide_for_us"),
    [
        ("all", True, True),
        ("ALL", True, True),
        ("*", True, True),
        ("sudo", True, True),
        ("write:admin", True, True),
        ("repo", True, True),
        ("drive", True, True),
        ("drive.file", False, False),
        ("write:repository", False, True),
        ("channels:manage", False, True),
        ("read:user", False, False),
        ("inference:invoke", False, False),
        ("callers", False, False),
        ("unnamed", False, False),
    ],
)
def test_which_scopes_reach_too_far(scope: str, *, wide: bool, wide_for_us: bool) -> None:
    """Everything and administration are too much for anybody; writing is too much for who only looks."""
    assert (too_wide((scope,), ours=False), too_wide((scope,), ours=True)) == (
        (scope,) if wide else (), (scope,) if wide_for_us else (),
    )  # fmt: skip


def test_where_secrets_belong() -> None:
    """An agent's secret is of its instance, whatever its name; ours are of nobody's."""
    for name in (KEY, "hermes:north/credential/openrouter/a1b2c3", "hermes:north/credential/config.yaml/model.api_key"):
        assert (kind_of(name), instance_of(name)) == ("credential", "north")
    assert (kind_of(OURS), instance_of(OURS)) == ("credential", ALL)
    assert field_for(OURS, "mode") is F.CREDENTIAL_MODE


def test_many_secrets_in_one_open_file_are_one_matter() -> None:
    """What follows from a file that others can read is folded under the logins of its agent."""
    home: World = {F.WORLD_READABLE: (".env",), F.SECRETS_COMMITTED: (), F.CRED_EXPIRES_AT: None, F.ENV_FILE: True}
    whole = "hermes:north/credentials"
    world = {(whole, field.name): field.known(whole, ORIGIN, value, NOW) for field, value in home.items()}
    judgements = [judge_subject(whole, world, NOW, Thresholds())]
    judgements += [judged({F.CREDENTIAL_OPEN_TO: "anyone"}, f"hermes:north/credential/K{n}") for n in range(5)]
    (matter,) = incidents(find(judgements), {})
    assert (matter.lead.subject, len(matter.members)) == (whole, 6)


def test_secrets_that_agents_share_are_one_matter() -> None:
    """Secrets that two agents of one host have in common are one line, and nobody is woken for them."""
    names = {"north": "south", "south": "north"}
    judgements = [
        judged({F.CREDENTIAL_SHARED_WITH: (other,)}, f"hermes:{one}/credential/K{n}")
        for one, other in names.items()
        for n in (1, 2)
    ]
    (matter,) = incidents(find(judgements), {one: Setting(host="deck") for one in names})
    assert (len(matter.members), matter.severity) == (4, Severity.INFO)
    assert matter.message == "4 credentials on host deck went wrong together"


def test_git_that_holds_a_file_of_secrets() -> None:
    """A home whose repository holds a file of secrets is told so as a whole."""
    home: World = {F.WORLD_READABLE: (), F.SECRETS_COMMITTED: (".env", "auth.json"), F.CRED_EXPIRES_AT: None}
    whole = "hermes:north/credentials"
    world = {(whole, field.name): field.known(whole, ORIGIN, value, NOW) for field, value in home.items()}
    found = judge_subject(whole, world, NOW, Thresholds())
    assert (found.rule, found.reason) == ("committed", "the git repository of the home holds .env, auth.json")
