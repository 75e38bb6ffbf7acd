"""Findings and what becomes of many of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.truth.fields import kind_of
from quarterdeck.truth.findings import (
    BY_RULE,
    FOLLOWS,
    Finding,
    Severity,
    causes,
    find,
    severity_of,
)
from quarterdeck.truth.incidents import BEHIND, TOGETHER, Incident, Setting, incidents
from quarterdeck.truth.instance import instance_of
from quarterdeck.truth.judgement import Judgement, Status
from quarterdeck.truth.reading import Knowledge, Reason, Unavailable
from quarterdeck.truth.tables import TABLES
from tests.truth.cast import NOW, ORIGIN, ago

SETTINGS = {
    "north": Setting("deck", "somebody", "big", "0.19.0", "north"),
    "south": Setting("deck", "somebody", "small", "0.18.0", "south"),
    "west": Setting("barge", "somebody", "big", "0.17.0", "west"),
    "west-dev": Setting("barge", "another", "tiny", "0.16.0", "west"),
    "alone": Setting("isle", "nobody", "own", "0.13.0", "alone"),
}
RULES = {
    "gateway": ("killed", "rate-limited", "stuck"),
    "scheduler": ("runner absent", "ticks fail"),
    "job": ("failing", "overdue", "runner absent"),
    "model": ("pool exhausted", "rate-limited"),
    "disk": ("full",),
    "unit": ("failed",),
}


def finding(
    subject: str, rule: str, *, status: Status = Status.DOWN, began: float | None = 60, chain: tuple[str, ...] = ()
) -> Finding:
    kind = kind_of(subject)
    return Finding(
        subject,
        kind,
        instance_of(subject),
        rule,
        status,
        severity_of(kind, rule, status),
        Knowledge.FRESH,
        rule,
        None if began is None else ago(began),
        causes=chain,
    )


def judged(subject: str, rule: str, status: Status) -> Judgement:
    return Judgement(subject, rule, status, None, Knowledge.FRESH, rule, None, (), ())


# --- findings ------------------------------------------------------------------------------------------------------


def test_whatever_is_not_ok_is_a_finding() -> None:
    """Each judgement that is not ok is one finding, and no other is."""
    found = find(judged(f"hermes:north/cron/{status}", "failing", status) for status in Status)
    assert [each.status for each in found] == [Status.DEGRADED, Status.DOWN, Status.STALE, Status.UNKNOWN]


def test_the_tables_name_rules_that_exist() -> None:
    """Every rule that a table of this file names is a row of a judgement table."""
    named = {*BY_RULE, *FOLLOWS, *(each for each in BEHIND if isinstance(each, tuple))}
    rows = {(kind, rule.id) for kind, table in TABLES.items() for rule in table}
    assert named <= rows
    assert {each for each in BEHIND if isinstance(each, str)} <= set(TABLES)


@given(st.sampled_from([(kind, rule.id) for kind, table in TABLES.items() for rule in table]), st.sampled_from(Status))
def test_what_is_not_known_is_never_critical(row: tuple[str, str], status: Status) -> None:
    """Unknown and stale weigh at most a warning, whatever the rule; down of a gateway is critical."""
    if status in (Status.UNKNOWN, Status.STALE):
        assert severity_of(*row, status) is not Severity.CRITICAL
    assert severity_of("gateway", "killed", Status.DOWN) is Severity.CRITICAL


def test_a_chain_leads_to_where_it_began() -> None:
    """A job that is overdue because the ticker is dead because nobody runs it names both, the nearest first."""
    trouble = {
        "hermes:north/cron/1": ("overdue", Status.DEGRADED),
        "hermes:north/cron": ("runner absent", Status.DOWN),
        "hermes:north/gateway": ("killed", Status.DOWN),
    }
    assert causes("hermes:north/cron/1", trouble) == ("hermes:north/cron", "hermes:north/gateway")
    assert causes("hermes:north/gateway", trouble) == ()


def test_what_nobody_can_judge_explains_nothing() -> None:
    """A scheduler without a runner stays a line of its own while its gateway is merely unknown."""
    trouble = {
        "hermes:north/cron": ("runner absent", Status.DOWN),
        "hermes:north/gateway": ("doubt", Status.UNKNOWN),
    }
    assert causes("hermes:north/cron", trouble) == ()


def test_two_that_explain_each_other_have_one_beginning() -> None:
    """Readings that contradict each other may blame two parts on each other: the first by name is the root of both."""
    trouble = {
        "hermes:north/cron": ("runner absent", Status.DOWN),
        "hermes:north/cron/1": ("overdue", Status.DEGRADED),
        "hermes:north/gateway": ("ticker dead", Status.DEGRADED),
    }
    assert causes("hermes:north/cron", trouble) == ()
    assert causes("hermes:north/gateway", trouble) == ("hermes:north/cron",)
    assert causes("hermes:north/cron/1", trouble) == ("hermes:north/cron",)


# --- incidents -----------------------------------------------------------------------------------------------------


def group(*findings: Finding) -> dict[str, tuple[str, ...]]:
    return {each.lead.subject: tuple(one.subject for one in each.members) for each in incidents(findings, SETTINGS)}


def test_a_provider_that_refuses_three_agents_is_one_incident() -> None:
    """Three models of one provider that are refused within a minute are one incident, and its message says so."""
    (incident,) = incidents(
        [finding(f"hermes:{one}/model", "rate-limited", began=60 + i) for i, one in enumerate(SETTINGS) if i < 3],
        SETTINGS,
    )
    assert incident.message == "3 models that use the provider somebody went wrong together"
    assert incident.since == ago(62)
    assert incident.lead.subject == "hermes:west/model"


def test_what_follows_goes_with_its_root() -> None:
    """Scheduler and jobs of a dead gateway are in its incident, whenever they began."""
    gateway = "hermes:alone/gateway"
    found = group(
        finding("hermes:alone/cron", "runner absent", began=None, chain=(gateway,)),
        finding("hermes:alone/cron/1", "overdue", began=9_000, chain=("hermes:alone/cron", gateway)),
        finding(gateway, "killed"),
    )
    assert found == {gateway: (gateway, "hermes:alone/cron", "hermes:alone/cron/1")}


def test_hosts_releases_and_parents_tie_too() -> None:
    """Gateways of one host, and those of a home and its profile, go down as one."""
    assert len(group(finding("hermes:north/gateway", "killed"), finding("hermes:south/gateway", "killed"))) == 1
    assert len(group(finding("hermes:west/gateway", "killed"), finding("hermes:west-dev/gateway", "killed"))) == 1
    assert len(group(finding("hermes:north/gateway", "killed"), finding("hermes:west/gateway", "killed"))) == 2
    assert len(group(finding("host:deck/disk//", "full"), finding("hermes:north/gateway", "killed"))) == 1
    assert len(group(finding("systemd:user/a.service", "failed"), finding("systemd:user/b.service", "failed"))) == 1
    assert len(group(finding("systemd:user/a.service", "failed"), finding("systemd:system/b.service", "failed"))) == 2


def test_jobs_of_one_home_that_fail_at_once_are_one() -> None:
    """Fifty jobs that failed in the same minute are one line, not fifty."""
    (incident,) = incidents([finding(f"hermes:north/cron/{n}", "failing", began=60 + n) for n in range(50)], SETTINGS)
    assert (len(incident.members), incident.message) == (50, "50 jobs of north went wrong together")


def test_what_is_not_the_reason_does_not_tie() -> None:
    """A full disk and a refused login of one home in one minute are two matters."""
    assert len(group(finding("host:deck/disk//", "full"), finding("hermes:north/model", "pool exhausted"))) == 2


def test_the_same_host_on_another_day_is_another_incident() -> None:
    """Beyond the window, sharing is not enough."""
    apart = TOGETHER.total_seconds() + 61
    assert (
        len(group(finding("hermes:north/gateway", "killed"), finding("hermes:south/gateway", "killed", began=apart)))
        == 2
    )


def test_what_cannot_be_read_for_one_reason_is_one_line_of_that_home_only() -> None:
    """Parts of a home that are denied are one incident; another home's, and another reason's, are others."""

    def lost(subject: str, reason: Reason) -> Finding:
        reading: Unavailable[object] = Unavailable(subject, "total", ORIGIN, NOW, reason, "not let in")
        return replace(finding(subject, "doubt", status=Status.UNKNOWN, began=None), because=(reading,))

    found = incidents(
        [
            lost("hermes:north/sessions", Reason.DENIED),
            lost("hermes:north/model", Reason.DENIED),
            lost("hermes:north/logs", Reason.CORRUPT),
            lost("hermes:south/sessions", Reason.DENIED),
        ],
        SETTINGS,
    )
    assert sorted(each.message for each in found) == ["", "", "2 things of north are not known: denied"]


def test_what_is_merely_unknown_never_joins_what_is_broken() -> None:
    """Knowledge is an axis of its own: an unknown gateway is no part of another gateway's outage."""
    unknown = finding("hermes:south/gateway", "doubt", status=Status.UNKNOWN)
    assert len(group(finding("hermes:north/gateway", "killed"), unknown)) == 2


SUBJECTS = [
    *(f"hermes:{one}/{part}" for one in SETTINGS for part in ("gateway", "cron", "model", "cron/1", "cron/2")),
    "host:deck/disk//",
    "host:barge/disk//",
    "systemd:user/a.service",
    "systemd:user/b.service",
]


@st.composite
def anything(draw: st.DrawFn) -> list[Finding]:
    """Some findings, each of another subject, with the causes that follow from their rules."""
    names = draw(st.lists(st.sampled_from(SUBJECTS), unique=True, max_size=20))
    rules = {
        name: (draw(st.sampled_from(RULES[kind_of(name)])), draw(st.sampled_from((Status.DOWN, Status.DEGRADED))))
        for name in names
    }
    moments = st.none() | st.sampled_from((0.0, 60.0, 299.0, 301.0, 700.0, 5_000.0))
    return [
        finding(name, rule, status=status, began=draw(moments), chain=causes(name, rules))
        for name, (rule, status) in rules.items()
    ]


@given(anything())
def test_every_finding_is_in_exactly_one_incident(findings: list[Finding]) -> None:
    """Nothing is lost and nothing is said twice."""
    told = [one.id for each in incidents(findings, SETTINGS) for one in each.members]
    assert sorted(told) == sorted(each.id for each in findings)


@given(anything(), st.randoms())
def test_the_order_of_findings_does_not_matter(findings: list[Finding], chance: object) -> None:
    """The same findings in any order are the same incidents."""
    shuffled = list(findings)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert incidents(findings, SETTINGS) == incidents(shuffled, SETTINGS)


def roots_of(incident: Incident) -> Sequence[Finding]:
    return [each for each in incident.members if not each.causes]


@given(anything())
def test_the_unrelated_are_never_merged(findings: list[Finding]) -> None:
    """Roots of an incident share what its tie names, and began within the window or under one rule."""
    for incident in incidents(findings, SETTINGS):
        roots = roots_of(incident)
        assert (incident.tie is None) == (len(roots) == 1)
        known = [each.since for each in roots if each.since is not None]
        assert not known or max(known) - min(known) <= TOGETHER
        assert len(known) in (0, len(roots))
        assert known or len({each.rule for each in roots}) == 1
        if incident.tie is not None and incident.tie.share not in ("parent", "host"):
            assert {getattr(SETTINGS[each.instance], incident.tie.share) for each in roots} == {incident.tie.value}
        for each in incident.members:
            assert not each.causes or each.causes[-1] in {root.subject for root in roots}


@given(anything())
def test_what_shares_nothing_changes_nothing(findings: list[Finding]) -> None:
    """A finding on a host of its own, of a home of its own, leaves all other incidents as they are."""
    other = finding("hermes:island/gateway", "killed")
    settings = {**SETTINGS, "island": Setting("far", "elsewhere", "strange", "0.1", "island")}
    before, after = incidents(findings, settings), incidents([*findings, other], settings)
    assert [each for each in after if each.lead != other] == list(before)
    assert [each.members for each in after if each.lead == other] == [(other,)]


@given(anything())
def test_ids_are_unique_and_stay(findings: list[Finding]) -> None:
    """No two incidents have one id, and time that passes without a change changes none."""
    ids = [each.id for each in incidents(findings, SETTINGS)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("shape", ["all at once", "each alone", "a thousand homes"])
def test_ten_thousand_findings_are_grouped(shape: str) -> None:
    """A fleet that goes down in one minute is one incident; one that goes down over weeks is many."""
    settings = {str(n): Setting(f"host{n % 50}", f"p{n % 5}", "big", "0.19.0", str(n)) for n in range(10_000)}
    apart = {"all at once": 0.001, "each alone": 400.0, "a thousand homes": 1.0}[shape]
    homes = 1_000 if shape == "a thousand homes" else 10_000
    found = [
        replace(
            finding(f"hermes:{n % homes}/cron/{n}", "failing", status=Status.DEGRADED),
            since=NOW - timedelta(seconds=n * apart),
        )
        for n in range(10_000)
    ]
    grouped = incidents(found, settings)
    assert len(grouped) == 1 if shape == "all at once" else len(grouped) > 1
