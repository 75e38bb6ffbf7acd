"""Two agents and a forge with every class of pull request and every lane, for whoever looks at pages of work.

Rule: it is what the source of a forge would report, and nothing that follows from it; that is judged by the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from quarterdeck.truth import forge_fields as G  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import Field
from quarterdeck.truth.forge import (
    BranchRule,
    Check,
    Claim,
    Files,
    Linked,
    Reads,
    Review,
    Sensitive,
    card,
    pull,
    repo,
)
from quarterdeck.truth.grouped import Grouped
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import AnyReading, Known, Origin, Reason, Unavailable
from quarterdeck.truth.snapshot import Look, Snapshot

Facts = dict[Field[Any], Any]
World = dict[str, Facts]

FORGE: Final = "forge:main"
BASE: Final = "https://git.example.com"
TOOLS: Final = "acme/tools"
SITE: Final = "acme/site"
INSTANCES: Final = (Instance("north", "north"), Instance("south", "south"))
AGENTS: Final = {"north-bot": "north", "south-bot": "south"}
SAID: Final = "GET /api/v1/repos/search answered 502: bad gateway"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def origin(name: str) -> Origin:
    """Who says what is told of a subject."""
    return Origin("forge main", name.partition("/")[2] or "api")


class Lost:
    """What cannot be read now."""

    def __init__(self, reason: Reason = Reason.TIMEOUT, detail: str = "the forge did not answer within 10 s") -> None:
        self.reason, self.detail = reason, detail


def rule(approvals: int = 1, checks: tuple[str, ...] | None = ("ci/*",), **parts: bool | None) -> BranchRule:
    """What a protected branch asks for."""
    told: dict[str, bool | None] = {
        "rejections_block": True, "requests_block": False, "outdated_blocks": False, "stale_approvals_ignored": True,
    }  # fmt: skip
    return BranchRule(True, approvals, checks, **{**told, **parts})


def review(who: str, state: str, at: datetime, **parts: Any) -> Review:
    """One review."""
    told: dict[str, Any] = {
        "official": state in ("approved", "changes requested"), "stale": False, "dismissed": False, "commit": None,
        "is_team": who.startswith("team "), "is_bot": who.endswith("-bot"), "is_ours": who == "alice",
    }  # fmt: skip
    return Review(who=who, state=state, at=at, **{**told, **parts})


def a_pull(now: datetime, number: int, title: str, author: str | None = "north-bot", **parts: Any) -> Facts:
    """A pull request that may be merged, unless its parts say otherwise."""
    full, opened = parts.pop("repo", TOOLS), parts.pop("opened", DAY)
    ago = now - opened
    well: Facts = {
        G.PULL_TITLE: title, G.PULL_LINK: f"{BASE}/{full}/pulls/{number}", G.PULL_AUTHOR: author,
        G.PULL_AGENT: AGENTS.get(author or ""), G.PULL_OPENED_AT: ago, G.PULL_MOVED_AT: ago + opened / 2,
        G.PULL_DRAFT: False, G.PULL_LABELS: (), G.PULL_BLOCKED_BY_LABEL: False, G.PULL_ASSIGNEES: (),
        G.PULL_MILESTONE: None, G.PULL_HEAD: f"{number:07x}", G.PULL_BRANCH: f"work/{number}", G.PULL_BASE: "main",
        G.PULL_OUTDATED: False, G.PULL_CLOSES: (), G.PULL_MERGEABLE: True, G.PULL_UNMERGEABLE: None,
        G.PULL_REVIEWS: (review("alice", "approved", ago + opened / 2),),
        G.PULL_CHECKS: (Check("ci/test", "success", ago + HOUR), Check("ci/lint", "success", ago + HOUR)),
        G.PULL_PUSHED_AT: ago, G.PULL_RULE: rule(), G.PULL_FILES: Files(3, True, ()), G.PULL_BLOCKERS: (),
        G.PULL_AUTO_MERGE: False, G.PULL_STIRRED_AT: ago + opened / 2,
    }  # fmt: skip
    named = {field.name: field for field in well}
    return well | {named[name]: value for name, value in parts.items()}


def pulls(now: datetime) -> World:
    """One of every class."""
    ago = now - DAY
    asked = (review("alice", "requested", now - 30 * HOUR), review("team keepers", "requested", now - 2 * HOUR))
    failing = (Check("ci/test", "failure", now - HOUR), Check("ci/lint", "success", now - HOUR))
    running = (Check("ci/test", "pending", now - timedelta(minutes=4)), Check("ci/lint", "success", now - HOUR))
    stuck = (Check("ci/test", "pending", now - 5 * HOUR),)
    path = "deploy/production/secrets-and-certificates/rotate-everything-at-once.yaml"
    sensitive = (Sensitive(path, "setting", "deploy/**"), Sensitive("src/auth/token.py", "owned", "src/auth/.*"))
    no = (review("alice", "changes requested", now - 3 * HOUR),)
    told = {
        1: a_pull(now, 1, "Read the clock once for each look", reviews=(), opened=3 * HOUR),
        2: a_pull(now, 2, "Rotate the certificates of production", reviews=asked, opened=2 * DAY,
                  files=Files(14, True, sensitive), closes=(f"{TOOLS}#102",), labels=("ops", "urgent")),
        3: a_pull(now, 3, "Say what was asked for", "bob", opened=5 * HOUR),
        4: a_pull(now, 4, "Try a faster parser", checks=failing, opened=4 * HOUR, author="south-bot"),
        5: a_pull(now, 5, "Move the ledger", checks=running, opened=HOUR, author="south-bot"),
        6: a_pull(now, 6, "Move the ledger again", checks=stuck, opened=6 * HOUR),
        7: a_pull(now, 7, "Keep the answers of last week", mergeable=False,
                  unmergeable=Reads(now - 2 * HOUR, now - timedelta(minutes=1))),
        8: a_pull(now, 8, "Keep the answers of this week", mergeable=False,
                  unmergeable=Reads(now - timedelta(seconds=20), now)),
        9: a_pull(now, 9, "Sort by what is worst", reviews=no, pushed_at=now - 6 * HOUR),
        10: a_pull(now, 10, "Sort by what is oldest", reviews=(no[0]._replace(stale=True),), pushed_at=now - HOUR),
        11: a_pull(now, 11, "WIP: Sort by what is newest", "carol", draft=True, mergeable=False, repo=SITE),
        12: a_pull(now, 12, "Wait for the ledger", blocked_by_label=True, blockers=(f"{TOOLS}#5",), labels=("blocked",),
                   repo=SITE),
        13: a_pull(now, 13, "An old branch", outdated=True, rule=rule(outdated_blocks=True), repo=SITE),
        14: a_pull(now, 14, "Merge me when you may", None, auto_merge=True, repo=SITE),
        15: a_pull(now, 15, "Change what nobody may list", "bob", files=Files(4_100, False, ()), repo=SITE,
                   opened=9 * HOUR, reviews=(), rule=rule(1, None, rejections_block=None)),
        16: a_pull(now, 16, "Nobody knows how its checks are", checks=Lost(), repo=SITE),
    }  # fmt: skip
    return {pull("main", SITE if number > 10 else TOOLS, number): facts for number, facts in told.items()} | {
        pull("main", TOOLS, 17): a_pull(now, 17, "<b>Bold</b> & “quoted” " + "long " * 30, opened=40 * DAY,
                                        reviews=(review("bob", "approved", ago, stale=True),)),
    }  # fmt: skip


def a_card(now: datetime, number: int, title: str, **parts: Any) -> Facts:
    """A card nobody has touched, unless its parts say otherwise."""
    full, opened = parts.pop("repo", TOOLS), parts.pop("opened", 3 * DAY)
    well: Facts = {
        G.CARD_TITLE: title, G.CARD_LINK: f"{BASE}/{full}/issues/{number}", G.CARD_AUTHOR: "carol", G.CARD_OPEN: True,
        G.CARD_OPENED_AT: now - opened, G.CARD_MOVED_AT: now - opened / 2, G.CARD_CLOSED_AT: None, G.CARD_LABELS: (),
        G.CARD_SAYS: (), G.CARD_TRIAGED: False, G.CARD_ASSIGNEES: (), G.CARD_ABSENT: (), G.CARD_AGENTS: (),
        G.CARD_MILESTONE: None, G.CARD_EXPLAINED: False, G.CARD_PULLS: (), G.CARD_PULLS_WHOLE: True,
        G.CARD_CLAIM: None,
    }  # fmt: skip
    named = {field.name: field for field in (*well, G.CARD_BLOCKERS)}
    facts = well | {named[name]: value for name, value in parts.items()}
    touched = facts[G.CARD_ASSIGNEES] or facts[G.CARD_SAYS] or facts[G.CARD_CLAIM] or facts[G.CARD_PULLS]
    return {G.CARD_BLOCKERS: (), **facts} if touched else facts


def cards(now: datetime) -> World:
    """Some in every lane, and one of everything that can be wrong with a card."""
    north: dict[str, Any] = {"assignees": ("north-bot",), "agents": ("north",), "triaged": True, "labels": ("bug",)}
    south: dict[str, Any] = {"assignees": ("south-bot",), "agents": ("south",), "triaged": True, "labels": ("bug",)}
    doing: dict[str, Any] = {"says": ("in progress",), "labels": ("bug", "in progress")}
    linked = (Linked(f"{TOOLS}#2", draft=False, author="north-bot"),)
    two = (*linked, Linked(f"{TOOLS}#4", draft=False, author="south-bot"))
    claim = Claim("claim/103", now - timedelta(minutes=20), "north-bot")
    dead = Claim("claim/104", now - 9 * HOUR, "south-bot")
    ready: dict[str, Any] = {"says": ("ready",), "labels": ("ready",), "triaged": True}
    blocked: dict[str, Any] = {"says": ("blocked",), "labels": ("blocked", "bug")}
    told = {
        101: a_card(now, 101, "Say when the clock was set"),
        102: a_card(now, 102, "Rotate the certificates", **north, pulls=linked, milestone="1.4", claim=claim),
        103: a_card(now, 103, "Read the clock once", **{**north, **doing}, claim=claim, milestone="1.4"),
        104: a_card(now, 104, "Write the ledger twice", **{**south, **doing}, claim=dead, opened=9 * DAY),
        105: a_card(now, 105, "Blocked by the ledger", **{**south, **blocked}, blockers=(f"{TOOLS}#104",)),
        106: a_card(now, 106, "Blocked, and nobody says by what", **{**north, **blocked}, milestone="1.4"),
        107: a_card(now, 107, "Somebody should do this", **south),
        108: a_card(now, 108, "Ready to begin", **ready),
        109: a_card(now, 109, "Ready, and cannot be begun", **ready, blockers=(f"{TOOLS}#104",)),
        110: a_card(now, 110, "Two want to close this", **{**north, **doing}, pulls=two),
        111: a_card(now, 111, "In progress with nobody", **doing),
        112: a_card(now, 112, "Given to somebody who has left", assignees=("dave",), absent=("dave",), triaged=True),
        113: a_card(now, 113, "Done last week", open=False, closed_at=now - 5 * DAY, **north),
        114: a_card(now, 114, "In review by its label alone", says=("in review",), labels=("in review",),
                    assignees=("alice",)),
    }  # fmt: skip
    backlog = {
        n: a_card(now, n, f"An idea of long ago, number {n}", repo=SITE, opened=n * HOUR) for n in range(200, 214)
    }
    return {card("main", TOOLS, number): facts for number, facts in told.items()} | {
        card("main", SITE, number): facts for number, facts in backlog.items()
    }


def forge(now: datetime) -> World:
    """The forge itself, and its repositories."""
    there: Facts = {
        G.REPO_LINK: f"{BASE}/{TOOLS}", G.REPO_STATE: "there", G.REPO_SAID: None, G.OPEN_PULLS: 11, G.OPEN_ISSUES: 13,
        G.PULLS_WHOLE: True, G.ISSUES_WHOLE: True,
    }  # fmt: skip
    return {
        FORGE: {
            G.FORGE_LABEL: "main", G.FORGE_LINK: BASE, G.FORGE_ANSWERS: "yes", G.FORGE_LAST_ANSWER_AT: now,
            G.FORGE_SAID: None, G.FORGE_RELEASE: "1.25.3", G.FORGE_FLAVOUR: "gitea", G.FORGE_KNOWN_RELEASE: True,
            G.FORGE_PAGE_LIMIT: 50, G.FORGE_CLOCK_AHEAD: 0.1, G.FORGE_CALLS: 7, G.FORGE_LOOK_S: 0.4,
            G.FORGE_DEBTS: 0, G.FORGE_RESTS_UNTIL: None, G.FORGE_REPOS: 2, G.FORGE_WHOLE: True, G.FORGE_RUNG_AT: now,
            G.TOKEN_LOGIN: "deck-bot", G.TOKEN_ADMIN: False, G.TOKEN_HUMAN: False,
            G.TOKEN_SCOPES: ("read:issue", "read:repository", "read:organization"), G.TOKEN_EXCESS: (),
            G.TOKEN_MISSING: (),
        },
        repo("main", TOOLS): there,
        repo("main", SITE): {**there, G.REPO_LINK: f"{BASE}/{SITE}", G.OPEN_PULLS: 6, G.OPEN_ISSUES: 14},
    }  # fmt: skip


def world(now: datetime) -> World:
    """Everything that a forge tells."""
    return forge(now) | pulls(now) | cards(now)


def readings(told: Mapping[str, Facts], at: datetime) -> Grouped:
    """Readings of what is told, seen at a moment."""
    return Grouped(
        {name: {f.name: reading(f, name, value, at) for f, value in facts.items()} for name, facts in told.items()}
    )


def reading(field: Field[Any], name: str, value: object, at: datetime) -> AnyReading:
    """One reading."""
    if isinstance(value, Lost):
        return field.unavailable(name, origin(name), value.reason, value.detail, at)
    return field.known(name, origin(name), value, at)


def snapshot(now: datetime, told: Mapping[str, Facts] | None = None, **more: Any) -> Snapshot:
    """Everything as it was seen a moment ago."""
    seen = readings(world(now) if told is None else told, now - timedelta(seconds=20))
    look = Look("forge:main", now - timedelta(seconds=20), 412.0, answered=True)
    return Snapshot(3, now, more.pop("instances", INSTANCES), seen, {look.source: look}, **more)


def unanswered(before: Snapshot, now: datetime) -> Snapshot:
    """The same when the forge answers no more: of itself it is known, everything else is what it was."""
    detail = "the forge did not answer"
    told: dict[str, dict[str, AnyReading]] = {}
    for name, fields in Grouped.of(before.readings).subjects.items():
        told[name] = {
            field: Unavailable(
                name, field, each.origin, now, Reason.TIMEOUT, detail, each if isinstance(each, Known) else each.last
            )
            for field, each in fields.items()
        }
    told[FORGE] |= {
        field.name: reading(field, FORGE, value, now)
        for field, value in {
            G.FORGE_LABEL: "main", G.FORGE_LINK: BASE, G.FORGE_ANSWERS: "no answer", G.FORGE_SAID: SAID,
            G.FORGE_LAST_ANSWER_AT: before.generated_at,
        }.items()
    }  # fmt: skip
    return replace(before, version=before.version + 1, generated_at=now, readings=Grouped(told))
