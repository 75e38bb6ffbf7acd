"""The part of the vocabulary that is about forges: servers, repositories, pull requests, cards, and who works on what.

Rule 1: it is for the hub alone. No exporter brings any of it, and none of it is about a home.
Rule 2: a list that was cut, or changed while it was read, says so; nothing is counted over it as if it were whole.
"""

from __future__ import annotations

from datetime import timedelta

from quarterdeck.truth.fields import Field, Kind
from quarterdeck.truth.forge import (
    BRANCH_RULE,
    CHECK,
    CHECKS_LIMIT,
    CLAIM,
    CLASSES,
    FEW,
    FILES,
    LABELS_LIMIT,
    LINKED,
    READS,
    REVIEW,
    REVIEWS_LIMIT,
    SAYINGS,
)
from quarterdeck.truth.shapes import (
    Bool,
    Count,
    Ident,
    Idents,
    Instant,
    Link,
    Many,
    Number,
    Optional,
    Table,
    Text,
    Word,
)

OF_FORGE = "forge"
"""The policy of what a forge says: no exporter may."""
LISTED = timedelta(minutes=10)
"""For what one list or search tells, which is asked about once a minute."""
DETAIL = timedelta(minutes=30)
"""For what takes a call for each pull request or card: a tour of all of them takes up to twelve minutes."""
RARE = timedelta(hours=6)
"""For what changes when somebody installs something, or makes a token."""

# --- forge: forge:ID -----------------------------------------------------------------------------------------------

FORGE_LABEL = Field("forge", "label", Text(), "Its name by the settings.", Kind.EVENT, policy=OF_FORGE)
FORGE_LINK = Field("forge", "link", Link(), "Where a person opens it.", Kind.EVENT, policy=OF_FORGE)
FORGE_ANSWERS = Field(
    "forge",
    "answers",
    Word(("yes", "refused", "no answer", "cut off", "tls", "not http", "denied", "failing", "not a forge")),
    "What came of asking it the last time: it answers, or how it does not.",
    fresh_for=LISTED,
)
FORGE_LAST_ANSWER_AT = Field(
    "forge", "last_answer_at", Optional(Instant()), "When it last answered as a forge does.", fresh_for=LISTED
)
FORGE_SAID = Field(
    "forge",
    "said",
    Optional(Text()),
    "What it said to the first question of the last look that failed: method, path, status, and its own words.",
    policy=OF_FORGE,
    fresh_for=LISTED,
)
FORGE_RELEASE = Field("forge", "release", Ident(), "Its release, as it says it.", fresh_for=RARE)
FORGE_FLAVOUR = Field("forge", "flavour", Word(("gitea", "forgejo")), "Which of the two it is.", fresh_for=RARE)
FORGE_KNOWN_RELEASE = Field(
    "forge", "known_release", Bool(), "Whether it is one of the releases this was made for.", fresh_for=RARE
)
FORGE_PAGE_LIMIT = Field("forge", "page_limit", Count(), "How many things it tells of at once.", fresh_for=RARE)
FORGE_CLOCK_AHEAD = Field(
    "forge", "clock_ahead_s", Number("s"), "How far its clock is ahead of ours; less than zero when it is behind.",
    fresh_for=LISTED,
)  # fmt: skip
FORGE_CALLS = Field("forge", "calls", Count(), "Questions of the last look.", fresh_for=LISTED)
FORGE_LOOK_S = Field("forge", "look_s", Number("s"), "How long the last look took.", fresh_for=LISTED)
FORGE_DEBTS = Field(
    "forge", "debts", Count(), "Details that have not been read yet, or have to be read anew.", fresh_for=LISTED
)
FORGE_RESTS_UNTIL = Field(
    "forge", "rests_until", Optional(Instant()), "Until when it asked not to be asked (Retry-After).", fresh_for=LISTED
)
FORGE_REPOS = Field("forge", "repos", Count(), "Repositories that are watched.", fresh_for=LISTED)
FORGE_WHOLE = Field(
    "forge", "whole", Bool(), "Whether all lists of the last look were whole and did not change while they were read.",
    fresh_for=LISTED,
)  # fmt: skip
FORGE_RUNG_AT = Field(
    "forge", "rung_at", Optional(Instant()), "When it last rang: the newest webhook that was rightly signed.",
    Kind.EVENT, fresh_for=LISTED,
)  # fmt: skip
TOKEN_LOGIN = Field(
    "forge", "token_login", Optional(Ident()), "Whose token it is; none when the token may not ask.", fresh_for=RARE
)
TOKEN_ADMIN = Field("forge", "token_admin", Optional(Bool()), "Whether that is an admin of the site.", fresh_for=RARE)
TOKEN_HUMAN = Field(
    "forge", "token_human", Optional(Bool()), "Whether that is a person by the settings; none when it is not told.",
    fresh_for=RARE,
)  # fmt: skip
TOKEN_SCOPES = Field(
    "forge", "token_scopes", Optional(Idents()), "Scopes of the token; none when the forge does not tell.",
    fresh_for=RARE,
)  # fmt: skip
TOKEN_EXCESS = Field(
    "forge", "token_excess", Optional(Idents()),
    "Scopes it has and does not need: each allows what is never done here; none when the forge does not tell.",
    fresh_for=RARE,
)  # fmt: skip
TOKEN_MISSING = Field("forge", "token_missing", Idents(), "Scopes that are needed and that it has not.", fresh_for=RARE)

# --- repo: forge:ID/repo/OWNER/NAME --------------------------------------------------------------------------------

REPO_LINK = Field("repo", "link", Optional(Link()), "Where a person opens it.", policy=OF_FORGE, fresh_for=LISTED)
REPO_STATE = Field(
    "repo", "state", Word(("there", "archived", "gone", "denied", "failing")),
    "Whether it can be read; gone is what the forge says also of what it does not show to this token.",
    fresh_for=LISTED,
)  # fmt: skip
REPO_SAID = Field(
    "repo", "said", Optional(Text()), "What the forge said when it could not be read.", policy=OF_FORGE,
    fresh_for=LISTED,
)  # fmt: skip
OPEN_PULLS = Field("repo", "open_pulls", Count(), "Open pull requests.", fresh_for=LISTED)
OPEN_ISSUES = Field("repo", "open_issues", Count(), "Open issues.", fresh_for=LISTED)
PULLS_WHOLE = Field("repo", "pulls_whole", Bool(), "Whether the list of pull requests is whole.", fresh_for=LISTED)
ISSUES_WHOLE = Field("repo", "issues_whole", Bool(), "Whether the list of issues is whole.", fresh_for=LISTED)

# --- pull: forge:ID/pull/OWNER/NAME/NUMBER -------------------------------------------------------------------------

PULL_TITLE = Field("pull", "title", Text(), "Its title.", policy=OF_FORGE, fresh_for=LISTED)
PULL_LINK = Field("pull", "link", Link(), "Where a person opens it.", policy=OF_FORGE, fresh_for=LISTED)
PULL_AUTHOR = Field("pull", "author", Optional(Ident()), "Who opened it; none for an account that is gone.",
                    policy=OF_FORGE, fresh_for=LISTED)  # fmt: skip
PULL_AGENT = Field(
    "pull", "agent", Optional(Ident()), "Which of our agents that account is, by the settings.", fresh_for=LISTED
)
PULL_OPENED_AT = Field("pull", "opened_at", Instant(), "When it was opened.", fresh_for=LISTED)
PULL_MOVED_AT = Field("pull", "moved_at", Instant(), "When it last moved, by the forge.", fresh_for=LISTED)
PULL_DRAFT = Field("pull", "draft", Bool(), "Whether its title says that it is not done.", fresh_for=LISTED)
PULL_LABELS = Field("pull", "labels", Many(Text(), LABELS_LIMIT), "Its labels.", policy=OF_FORGE, fresh_for=LISTED)
PULL_BLOCKED_BY_LABEL = Field(
    "pull", "blocked_by_label", Bool(), "Whether a label says that it is blocked.", fresh_for=LISTED
)
PULL_ASSIGNEES = Field("pull", "assignees", Idents(), "Who is to see to it.", policy=OF_FORGE, fresh_for=LISTED)
PULL_MILESTONE = Field("pull", "milestone", Optional(Text()), "Its milestone.", policy=OF_FORGE, fresh_for=LISTED)
PULL_HEAD = Field("pull", "head", Ident(), "The commit it ends in.", fresh_for=LISTED)
PULL_BRANCH = Field("pull", "branch", Text(), "Its branch.", policy=OF_FORGE, fresh_for=LISTED)
PULL_BASE = Field("pull", "base", Text(), "The branch it is to be merged into.", policy=OF_FORGE, fresh_for=LISTED)
PULL_OUTDATED = Field("pull", "outdated", Optional(Bool()), "Whether that branch has moved on since.", fresh_for=LISTED)
PULL_CLOSES = Field("pull", "closes", Idents(), "Issues its words say it closes.", fresh_for=LISTED)
PULL_MERGEABLE = Field(
    "pull", "mergeable", Bool(),
    "What the forge says: no is a conflict, a check that is still running, or a draft. It says nothing of approvals.",
    fresh_for=LISTED,
)  # fmt: skip
PULL_UNMERGEABLE = Field(
    "pull", "unmergeable", Optional(READS), "Between which reads of the same head and base it said no.",
    fresh_for=LISTED,
)  # fmt: skip
PULL_REVIEWS = Field(
    "pull", "reviews", Many(REVIEW, REVIEWS_LIMIT), "Its reviews and requests for one, oldest first.",
    policy=OF_FORGE, fresh_for=DETAIL,
)  # fmt: skip
PULL_CHECKS = Field(
    "pull", "checks", Many(CHECK, CHECKS_LIMIT), "The newest status of each context of its head.",
    policy=OF_FORGE, fresh_for=DETAIL,
)  # fmt: skip
PULL_PUSHED_AT = Field(
    "pull", "pushed_at", Optional(Instant()), "When its head was first seen, or made; none when that is not told.",
    fresh_for=DETAIL,
)  # fmt: skip
PULL_RULE = Field("pull", "rule", BRANCH_RULE, "What its base asks of it.", policy=OF_FORGE, fresh_for=DETAIL)
PULL_FILES = Field("pull", "files", FILES, "What it changes.", policy=OF_FORGE, fresh_for=DETAIL)
PULL_BLOCKERS = Field(
    "pull", "blockers", Idents(), "Open issues and pull requests that it depends on.", fresh_for=DETAIL
)
PULL_AUTO_MERGE = Field(
    "pull", "auto_merge", Bool(), "Whether it will be merged by the forge once it may be.", fresh_for=DETAIL
)
PULL_STIRRED_AT = Field(
    "pull", "stirred_at", Optional(Instant()),
    "The newest thing that somebody did to it; what bots of the settings say does not count.",
    fresh_for=DETAIL,
)  # fmt: skip

# --- card: forge:ID/card/OWNER/NAME/NUMBER -------------------------------------------------------------------------

CARD_TITLE = Field("card", "title", Text(), "Its title.", policy=OF_FORGE, fresh_for=LISTED)
CARD_LINK = Field("card", "link", Link(), "Where a person opens it.", policy=OF_FORGE, fresh_for=LISTED)
CARD_AUTHOR = Field("card", "author", Optional(Ident()), "Who opened it; none for an account that is gone.",
                    policy=OF_FORGE, fresh_for=LISTED)  # fmt: skip
CARD_OPEN = Field("card", "open", Bool(), "Whether it is open.", fresh_for=LISTED)
CARD_OPENED_AT = Field("card", "opened_at", Instant(), "When it was opened.", fresh_for=LISTED)
CARD_MOVED_AT = Field("card", "moved_at", Instant(), "When it last moved, by the forge.", fresh_for=LISTED)
CARD_CLOSED_AT = Field("card", "closed_at", Optional(Instant()), "When it was closed.", fresh_for=LISTED)
CARD_LABELS = Field("card", "labels", Many(Text(), LABELS_LIMIT), "Its labels.", policy=OF_FORGE, fresh_for=LISTED)
CARD_SAYS = Field(
    "card", "says", Many(Word(SAYINGS), LABELS_LIMIT),
    "What its labels say of its lane, one word for each label that says something.",
    fresh_for=LISTED,
)  # fmt: skip
CARD_TRIAGED = Field(
    "card", "triaged", Bool(), "Whether somebody has sorted it: a milestone, or a label that says no lane.",
    fresh_for=LISTED,
)  # fmt: skip
CARD_ASSIGNEES = Field("card", "assignees", Idents(), "Who is to do it.", policy=OF_FORGE, fresh_for=LISTED)
CARD_ABSENT = Field(
    "card", "absent", Idents(), "Those of them whose account is gone or not active.", policy=OF_FORGE, fresh_for=LISTED
)
CARD_AGENTS = Field("card", "agents", Idents(), "Those of them that are our agents, by the settings.", fresh_for=LISTED)
CARD_MILESTONE = Field("card", "milestone", Optional(Text()), "Its milestone.", policy=OF_FORGE, fresh_for=LISTED)
CARD_EXPLAINED = Field("card", "explained", Bool(), "Whether its text says what blocks it.", fresh_for=LISTED)
CARD_PULLS = Field(
    "card", "pulls", Many(LINKED, FEW), "Open pull requests that say they close it.", policy=OF_FORGE, fresh_for=LISTED
)
CARD_PULLS_WHOLE = Field(
    "card", "pulls_whole", Bool(), "Whether all open pull requests that may close it could be read.", fresh_for=LISTED
)
CARD_BLOCKERS = Field(
    "card", "blockers", Idents(), "Open issues and pull requests that it depends on.", fresh_for=DETAIL
)
CARD_CLAIM = Field(
    "card", "claim", Optional(CLAIM), "The branch by which somebody claims it.", policy=OF_FORGE, fresh_for=DETAIL
)

# --- reviews and board: forge:ID/reviews, forge:ID/board --------------------------------------------------------------

REVIEWS_OPEN = Field("reviews", "open", Count(), "Open pull requests.", fresh_for=LISTED)
REVIEWS_YOURS = Field(
    "reviews", "yours", Idents(), "Those that wait for your judgement, longest first.", policy=OF_FORGE,
    fresh_for=LISTED,
)  # fmt: skip
REVIEWS_LONG = Field(
    "reviews", "long", Idents(), "Those of them that have waited too long.", policy=OF_FORGE, fresh_for=LISTED
)
REVIEWS_OLDEST_AT = Field(
    "reviews", "oldest_at", Optional(Instant()), "Since when the first of them waits.", fresh_for=LISTED
)
REVIEWS_BY_CLASS = Field(
    "reviews", "by_class", Table(Count(), Word(CLASSES)), "Open pull requests by class.", fresh_for=LISTED
)
REVIEWS_UNKNOWN = Field("reviews", "unknown", Count(), "Those that cannot be judged now.", fresh_for=LISTED)
REVIEWS_WHOLE = Field("reviews", "whole", Bool(), "Whether all lists it is made of are whole.", fresh_for=LISTED)
BOARD_LANES = Field("board", "lanes", Table(Count(), Word()), "Cards by lane.", fresh_for=LISTED)
BOARD_AMBIGUOUS = Field("board", "ambiguous", Count(), "Cards whose signals do not agree.", fresh_for=LISTED)
BOARD_SILENT = Field(
    "board", "blocked_silent", Idents(), "Cards that are blocked, and nothing says by what.", policy=OF_FORGE,
    fresh_for=LISTED,
)  # fmt: skip
BOARD_STUCK = Field(
    "board", "ready_stuck", Idents(), "Cards that are ready by their label, and cannot be begun.", policy=OF_FORGE,
    fresh_for=LISTED,
)  # fmt: skip
BOARD_STILL = Field(
    "board", "still", Idents(), "Cards in progress that nobody has moved for too long.", policy=OF_FORGE,
    fresh_for=LISTED,
)  # fmt: skip
BOARD_UNKNOWN = Field("board", "unknown", Count(), "Cards that cannot be placed now.", fresh_for=LISTED)
BOARD_WHOLE = Field("board", "whole", Bool(), "Whether all lists it is made of are whole.", fresh_for=LISTED)

# --- work: hermes:ID/work ------------------------------------------------------------------------------------------

TASK = Field("work", "task", Optional(Ident()), "The issue it works on by the forge; none when it has claimed none.",
             policy=OF_FORGE, fresh_for=LISTED)  # fmt: skip
TASK_LINK = Field("work", "task_link", Optional(Link()), "Where a person opens it.", policy=OF_FORGE, fresh_for=LISTED)
TASK_BY = Field(
    "work", "task_by", Optional(Word(("claim", "pull", "in progress"))),
    "By which signal: a claim branch, an open pull request, or its assignment and a label.",
    fresh_for=LISTED,
)  # fmt: skip
TASK_SINCE = Field("work", "task_since", Optional(Instant()), "When that signal last moved.", fresh_for=LISTED)
TASKS_CLAIMED = Field(
    "work", "tasks", Idents(), "All issues it works on by the forge.", policy=OF_FORGE, fresh_for=LISTED
)
TASKS_ASSIGNED = Field("work", "assigned", Count(), "Open issues that are assigned to it.", fresh_for=LISTED)
TASKS_CLOSED = Field(
    "work", "closed", Idents(), "Issues it still works on though they are closed.", policy=OF_FORGE, fresh_for=LISTED
)
TASKS_OTHERS = Field(
    "work", "others", Idents(), "Issues it works on that are assigned to somebody else.", policy=OF_FORGE,
    fresh_for=LISTED,
)  # fmt: skip
TASKS_SHARED = Field(
    "work", "shared", Idents(), "Issues that others work on as well.", policy=OF_FORGE, fresh_for=LISTED
)
WORK_WHOLE = Field(
    "work", "whole", Bool(),
    "Whether all that its forges hold could be read; else it may be at more than what is found, and at something else.",
    fresh_for=LISTED,
)  # fmt: skip
PULLS_RETURNED = Field(
    "work", "returned", Idents(), "Its pull requests that wait for it: changes were asked for, or checks fail.",
    policy=OF_FORGE, fresh_for=LISTED,
)  # fmt: skip
