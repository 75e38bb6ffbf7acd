"""What an agent is at by the signals of a forge, and what is said of that together with its sessions."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth import forge_fields as G  # noqa: N812
from quarterdeck.truth.fields import Field
from quarterdeck.truth.forge import Claim, card
from quarterdeck.truth.instance import subject
from quarterdeck.truth.judgement import Judgement, Status
from quarterdeck.truth.reading import AnyReading, Key, Reason
from quarterdeck.truth.tables import judge_subject
from quarterdeck.truth.tables.work import WORK
from quarterdeck.truth.thresholds import Thresholds
from quarterdeck.truth.work import Issue, Seen, Sign, account, key, signs_of_card, signs_of_pull, tasks
from tests.truth import pulls
from tests.truth.cards import CARD, DAY, HOUR, NORTH, OPEN_PULL, facts, world
from tests.truth.cast import NOW, ORIGIN, ago, any_reading

World = dict[Field[Any], object]
WIDE: Final = {"suppress_health_check": list(HealthCheck), "deadline": None}

ACCOUNTS: Final = {"north-bot": "north", "south-bot": "south"}
NORTH_IS, SOUTH_IS = "agent north", "agent south"


def an_issue(number: int, *assignees: str, closed: float | None = None) -> Issue:
    closed_at = None if closed is None else ago(closed)
    return Issue(
        card("main", "acme/tools", number), closed is None, f"https://git.example.com/{number}", closed_at, assignees
    )


def sign(number: int, by: str = "claim", who: str = NORTH_IS, seconds: float = 60, *, draft: bool = False) -> Sign:
    return Sign(who, card("main", "acme/tools", number), by, ago(seconds), draft)


def at(*told: Issue | Sign, who: str = NORTH_IS) -> Any:
    issues = {key(one.card): one for one in told if isinstance(one, Issue)}
    return tasks(Seen(issues), [one for one in told if isinstance(one, Sign)])[who]


def ref(number: int) -> str:
    return f"acme/tools#{number}"


# --- whose it is, and by which signal ---------------------------------------------------------------------------------


def test_an_account_is_an_agents_whatever_letters_its_login_is_written_in() -> None:
    """By the settings a login is an agent; any other is somebody we only know by name, and one that is gone nobody."""
    assert account("North-Bot", ACCOUNTS) == NORTH_IS
    assert account("Alice", ACCOUNTS) == "login alice"
    assert account(None, ACCOUNTS) == "login "


def test_a_card_tells_who_is_at_it_by_claim_and_by_label() -> None:
    """A claim is of who made its newest commit; a label is of every agent the card is assigned to."""
    both = world(NORTH, {G.CARD_CLAIM: Claim("claim/7", ago(HOUR), "south-bot"), G.CARD_SAYS: ("in progress",)})
    _, signs = signs_of_card(facts(both), ACCOUNTS)
    assert [(one.who, one.by) for one in signs] == [(SOUTH_IS, "claim"), (NORTH_IS, "in progress")]


@pytest.mark.parametrize(
    ("assignees", "who"), [(("north-bot",), [NORTH_IS]), (("north-bot", "south-bot"), []), (("alice",), []), ((), [])]
)
def test_a_claim_by_nobody_we_know_is_of_the_one_agent_that_has_the_card(
    assignees: tuple[str, ...], who: list[str]
) -> None:
    """Where the author of its newest commit is not told, one assigned agent is who claims it, and several are not."""
    found = world({G.CARD_ASSIGNEES: assignees, G.CARD_CLAIM: Claim("claim/7", ago(HOUR), None)})
    _, signs = signs_of_card(facts(found), ACCOUNTS)
    assert [one.who for one in signs] == who


def test_of_a_card_that_nobody_touched_nothing_is_kept() -> None:
    """A backlog of thousands weighs nothing."""
    assert signs_of_card(facts(world()), ACCOUNTS) == (None, ())
    assert signs_of_card(facts(world({G.CARD_PULLS: (OPEN_PULL,)})), ACCOUNTS)[0] is not None


def test_a_pull_request_tells_which_issues_its_author_is_at() -> None:
    """Each issue it says it closes, once; one that closes nothing tells nothing."""
    told = pulls.readings({G.PULL_CLOSES: ("acme/tools#7", "acme/tools#7", "acme/site#2"), G.PULL_DRAFT: True})
    signs = signs_of_pull(pulls.facts(told), ACCOUNTS)
    assert [(one.who, one.issue, one.draft) for one in signs] == [
        (NORTH_IS, CARD, True),
        (NORTH_IS, "forge:main/card/acme/site/2", True),
    ]
    assert signs_of_pull(pulls.facts(pulls.readings({G.PULL_CLOSES: ()})), ACCOUNTS) == ()


# --- the task ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        (sign(1, "pull"), sign(2, "in progress", seconds=9_000)),
        (sign(1, "in progress"), sign(2, "pull", seconds=9_000, draft=True)),
        (sign(1, "pull", draft=True), sign(2, "claim", seconds=9_000)),
        (sign(1, "claim", seconds=9_000), sign(2, "claim")),
    ],
)
def test_its_task_is_that_with_the_strongest_signal(weaker: Sign, stronger: Sign) -> None:
    """A claim before a draft, a draft before a label, and last what waits for others; then what moved last."""
    task = at(an_issue(1), an_issue(2), weaker, stronger)
    assert task.at == (ref(2), ref(1))
    assert task.sign == stronger
    assert task.link == "https://git.example.com/2"


def test_what_others_may_look_at_is_no_longer_claimed() -> None:
    """Once its pull request is no draft, the issue is at its end for the agent, and what it began next is its task."""
    task = at(an_issue(1), an_issue(2), sign(1), sign(1, "pull"), sign(2, "in progress"))
    assert (task.at, task.sign.by) == ((ref(2), ref(1)), "in progress")


def test_an_agent_that_is_at_nothing_and_has_nothing_has_no_task() -> None:
    """It is not among those who have one; whoever has only been given issues has no task either."""
    assert NORTH_IS not in tasks(Seen({}), [])
    task = at(an_issue(1, NORTH_IS), an_issue(2, NORTH_IS, closed=60))
    assert (task.sign, task.at, task.assigned) == (None, (), 1)


@pytest.mark.parametrize(
    ("signal", "goes_on"),
    [
        (sign(1, "claim", seconds=HOUR), True),
        (sign(1, "claim", seconds=3 * DAY), False),
        (sign(1, "claim")._replace(at=None), True),
        (sign(1, "pull", seconds=3 * DAY), True),
    ],
)
def test_work_on_what_is_closed_is_told_unless_it_ended_before(signal: Sign, goes_on: bool) -> None:
    """A branch that moved after the issue was closed, or an open pull request; a branch left over is no work."""
    task = at(an_issue(1, NORTH_IS, closed=DAY), signal)
    assert task.closed == ((ref(1),) if goes_on else ())
    assert task.at == ()


def test_work_on_what_was_given_to_somebody_else_is_told() -> None:
    """An issue given to others is not its own; one given to nobody, or to it among others, is."""
    told = [an_issue(1, "login alice"), an_issue(2), an_issue(3, "login alice", NORTH_IS)]
    assert at(*told, sign(1), sign(2), sign(3)).others == (ref(1),)


def test_work_that_others_do_as_well_is_told_to_both() -> None:
    """Two agents at one issue, or an agent and a person; two signals of one agent are no company."""
    told: list[Issue | Sign]
    told = [an_issue(1), sign(1), sign(1, "pull", who=SOUTH_IS), an_issue(2), sign(2), sign(2, "pull", who="login bob")]
    assert at(*told).shared == (ref(1), ref(2))
    assert at(*told, who=SOUTH_IS).shared == (ref(1),)
    assert at(an_issue(1), sign(1), sign(1, "pull", draft=True)).shared == ()


def test_an_issue_is_the_same_whatever_letters_its_repository_is_written_in() -> None:
    """People write ``Acme/Tools#1``, and the forge knows what they mean."""
    told = Sign(NORTH_IS, card("main", "Acme/Tools", 1), "pull", ago(60))
    assert at(an_issue(1, closed=DAY), told).closed == (ref(1),)


# --- what is said of it -----------------------------------------------------------------------------------------------

WORKS, SESSIONS = subject("north", "work"), subject("north", "sessions")
FREE: Final[World] = {
    G.TASK: None, G.TASK_LINK: None, G.TASK_BY: None, G.TASK_SINCE: None, G.TASKS_CLAIMED: (), G.TASKS_ASSIGNED: 0,
    G.TASKS_CLOSED: (), G.TASKS_OTHERS: (), G.TASKS_SHARED: (), G.PULLS_RETURNED: (), G.WORK_WHOLE: True,
    F.OPEN_TURNS: 0, F.SESSIONS_LIVE: 0,
}  # fmt: skip
CLAIMS: Final[World] = {G.TASK: ref(7), G.TASK_BY: "claim", G.TASK_SINCE: ago(1_200), G.TASKS_CLAIMED: (ref(7),)}
LATE: Final[World] = {G.TASK_SINCE: ago(3 * HOUR)}
STILL: Final[World] = {G.TASK_BY: "in progress", G.TASK_SINCE: ago(4 * DAY)}
IN_TURN: Final[World] = {F.OPEN_TURNS: 1}


def told(*spoiled: World) -> dict[Key, AnyReading]:
    wanted: World = dict(FREE)
    for each in spoiled:
        wanted |= each
    found: dict[Key, AnyReading] = {}
    for field, value in wanted.items():
        name = SESSIONS if field.of == "sessions" else WORKS
        found[name, field.name] = (
            field.unavailable(name, ORIGIN, value, "spoiled by the test", NOW)
            if isinstance(value, Reason)
            else field.known(name, ORIGIN, value, NOW)
        )
    return found


def judged(found: dict[Key, AnyReading]) -> Judgement:
    return judge_subject(WORKS, found, NOW, Thresholds())


CASES: dict[str, tuple[tuple[World, ...], str, str, str]] = {
    "nothing to do": ((), "ok", "free", "no task"),
    "given something": (({G.TASKS_ASSIGNED: 3},), "ok", "assigned", "no task; 3 issues assigned to it"),
    "at it": ((CLAIMS, IN_TURN), "ok", "working", "on acme/tools#7 by its claim, a session moves"),
    "at it, by a session that just moved": ((CLAIMS, LATE, {F.SESSIONS_LIVE: 2}), "ok", "working", "a session moves"),
    "claimed just now": ((CLAIMS,), "ok", "on a task", "on acme/tools#7 by its claim, moved 20 min ago"),
    "something came back": (
        (CLAIMS, {G.PULLS_RETURNED: (ref(12),)}), "ok", "on a task", "acme/tools#12 waits for it",
    ),
    "two came back": (
        (CLAIMS, IN_TURN, {G.PULLS_RETURNED: (ref(12), ref(13))}), "ok", "working",
        "acme/tools#12, acme/tools#13 wait for it",
    ),
    "claimed, and nobody is at it": (
        (CLAIMS, LATE), "degraded", "claimed and left", "moved 3 h ago, and no session moves",
    ),
    "claimed, nobody knows when": ((CLAIMS, {G.TASK_SINCE: None}), "degraded", "claimed and left", "an unknown time"),
    "in progress, and nobody is at it": ((CLAIMS, STILL), "degraded", "begun and left", "has acme/tools#7 in progress"),
    "in review for long": (
        (CLAIMS, STILL, {G.TASK_BY: "pull"}), "ok", "on a task", "by its pull request, moved 4 d ago",
    ),
    "at what is closed": (
        (CLAIMS, IN_TURN, {G.TASKS_CLOSED: (ref(3),)}), "degraded", "on what is closed",
        "still works on acme/tools#3, closed meanwhile",
    ),
    "at what is another's": (
        (CLAIMS, IN_TURN, {G.TASKS_OTHERS: (ref(7),)}), "degraded", "on what is another's", "assigned to somebody else",
    ),
    "not alone": ((CLAIMS, IN_TURN, {G.TASKS_SHARED: (ref(7),)}), "degraded", "not alone", "and so do others"),
    "late, and its sessions cannot be read": (
        (CLAIMS, LATE, {F.OPEN_TURNS: Reason.CORRUPT}), "unknown", "doubt", "corrupt",
    ),
    "in time, and its sessions cannot be read": (
        (CLAIMS, {F.OPEN_TURNS: Reason.CORRUPT}), "ok", "on a task", "by its claim",
    ),
    "the forge cannot be read": (
        (dict.fromkeys((G.TASK, G.TASKS_CLOSED, G.TASKS_SHARED), Reason.TIMEOUT), {G.WORK_WHOLE: False}),
        "unknown", "doubt", "timeout",
    ),
    "only a part of the forge can be read": (
        (CLAIMS, IN_TURN, {G.WORK_WHOLE: False, G.TASKS_CLOSED: Reason.MISSING}), "unknown", "doubt", "missing",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_said_of_an_agents_work(case: str) -> None:
    """Every row of the table, with its words."""
    spoiled, status, rule, said = CASES[case]
    found = judged(told(*spoiled))
    assert (found.status, found.rule) == (status, rule)
    assert said in found.reason


def test_every_row_of_the_table_has_a_case() -> None:
    """No row is left out above."""
    assert {rule.id for rule in WORK} <= {rule for _, _, rule, _ in CASES.values()}


OF_WORK: Final = [field for field in FREE if field not in {G.TASK_LINK, G.TASKS_CLAIMED}]


@settings(max_examples=400, **WIDE)  # type: ignore[arg-type]  # settings by their names
@given(st.data())
def test_what_can_no_longer_be_read_makes_no_work_ok_and_nobody_free(data: st.DataObject) -> None:
    """Whatever is known of its work and its sessions: less of it makes nothing better, and never means no task."""
    found = told()
    for field in data.draw(st.lists(st.sampled_from(OF_WORK), max_size=6)):
        name = SESSIONS if field.of == "sessions" else WORKS
        found[name, field.name] = data.draw(any_reading(field, name))
    lost = data.draw(st.sampled_from(OF_WORK))
    name = SESSIONS if lost.of == "sessions" else WORKS
    before = judged(found)
    after = judged({**found, (name, lost.name): lost.unavailable(name, ORIGIN, Reason.TIMEOUT, "lost", NOW)})
    if before.status is not Status.OK:
        assert after.status is not Status.OK
    if after.rule in {"free", "assigned"}:
        assert before.rule == after.rule
