from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.access import rules
from quarterdeck.access.identity import Claim, Role
from quarterdeck.settings.access import WITNESSES, Rule

WORDS = st.sampled_from(["me", "Me", "ME", "you", "org/team", "tagged-devices"])
ROLES = st.sampled_from(["viewer", "operator", "none"])
SOME = st.one_of(st.none(), st.frozensets(st.sampled_from(["north", "south"]), min_size=1))
RULES = st.lists(st.builds(Rule, st.sampled_from(WITNESSES), WORDS, ROLES, SOME), max_size=6)
CLAIMS = st.builds(
    Claim,
    st.sampled_from(["tailnet", "forge", "bearer", "local", "other"]),
    st.one_of(WORDS, st.just("")),
    st.just(""),
    st.frozensets(WORDS, max_size=2),
    st.frozensets(WORDS, max_size=2),
)
ME = Claim("tailnet", "me@example.com", "Me", frozenset({"team"}), frozenset({"example.com/cap/deck"}))
THE_ME = Rule("tailnet", "me@example.com", "operator")


@given(CLAIMS)
def test_without_a_rule_everybody_is_a_stranger(claim: Claim) -> None:
    """Nobody is somebody by default."""
    assert rules.person(claim, ()) is None


@given(CLAIMS, RULES)
def test_none_beats_all_others(claim: Claim, some: list[Rule]) -> None:
    """Whoever a rule shuts out is a stranger, whatever the other rules say, and wherever it stands among them."""
    out = Rule("tailnet", claim.login.swapcase(), "none")
    tailnet = Claim("tailnet", claim.login, groups=claim.groups, capabilities=claim.capabilities)
    for every in ([*some, out], [out, *some]):
        assert rules.person(tailnet, every) is None
        assert rules.is_shut_out(tailnet, every)


@given(CLAIMS, RULES.flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_the_order_of_rules_never_matters(claim: Claim, both: tuple[list[Rule], list[Rule]]) -> None:
    """The same rules in another order make the same of everybody."""
    some, other = both
    assert rules.person(claim, some) == rules.person(claim, other)


@given(CLAIMS, RULES)
def test_another_none_never_lets_anybody_in(claim: Claim, some: list[Rule]) -> None:
    """A rule that shuts somebody out makes nobody more than they were."""
    before = rules.person(claim, some)
    after = rules.person(claim, [*some, Rule("forge", "you", "none")])
    assert after in {None, before}


@given(CLAIMS, RULES)
def test_somebody_is_what_one_of_the_rules_says(claim: Claim, some: list[Rule]) -> None:
    """Whoever comes in has the witness, the login, and a role and agents that fitting rules name, the strongest."""
    found = rules.person(claim, some)
    if found is None:
        return
    assert (found.how, found.login, found.session) == (claim.how, claim.login, None)
    giving = [rule for rule in some if rule.role == found.role.value]
    assert giving
    if found.instances is not None:
        assert found.instances <= frozenset[str]().union(*(rule.instances or frozenset() for rule in giving))
    assert found.role is not Role.GUEST


@given(RULES)
def test_a_machine_is_nobody(some: list[Rule]) -> None:
    """Neither a tagged machine nor whoever has no name is let in by any rule."""
    for login in ("tagged-devices", ""):
        assert rules.person(Claim("tailnet", login, capabilities=frozenset({"me", "org/team"})), some) is None


def test_one_witness_does_not_speak_for_another() -> None:
    """The same name from another witness is another name."""
    every = [Rule(witness, "me@example.com", "operator") for witness in WITNESSES if witness != "tailnet"]
    assert rules.person(ME, every) is None
    assert rules.person(Claim("forge", "me@example.com"), [THE_ME]) is None


def test_a_login_fits_to_the_letter() -> None:
    """Capitals make another name where somebody is let in, and the same one where somebody is shut out."""
    assert rules.person(ME, [Rule("tailnet", "Me@Example.com", "operator")]) is None
    assert rules.person(ME, [THE_ME, Rule("tailnet", "ME@EXAMPLE.COM", "none")]) is None


def test_capabilities_and_groups_let_in() -> None:
    """What the tailnet's policy grants, and which team or group a witness names, counts like a name."""
    assert rules.person(ME, [Rule("capability", "example.com/cap/deck", "viewer")]) is not None
    assert rules.person(ME, [Rule("forge_group", "team", "viewer")]) is None
    forge = Claim("forge", "me", groups=frozenset({"org/team"}))
    assert rules.person(forge, [Rule("forge_group", "org/team", "viewer")]) is not None
    bearer = Claim("bearer", "ci", groups=frozenset({"ops"}))
    assert rules.person(bearer, [Rule("bearer_group", "ops", "viewer")]) is not None


def test_the_strongest_role_counts_with_its_agents() -> None:
    """Of several rules the strongest role holds, for all agents that rules with that role name."""
    viewer = Rule("capability", "example.com/cap/deck", "viewer")
    north = Rule("tailnet", "me@example.com", "operator", frozenset({"north"}))
    south = Rule("capability", "example.com/cap/deck", "operator", frozenset({"south"}))
    found = rules.person(ME, [viewer, north])
    assert found is not None
    assert (found.role, found.instances) == (Role.OPERATOR, frozenset({"north"}))
    both = rules.person(ME, [north, south])
    assert both is not None
    assert both.instances == frozenset({"north", "south"})
    every = rules.person(ME, [north, Rule("capability", "example.com/cap/deck", "operator")])
    assert every is not None
    assert every.instances is None
