"""Reviews: every open pull request of every forge, in the order in which the operator has to look at them.

Rule 1: first what needs judgement, the longest waiting before the others; then what cannot be classed; then routine,
        what waits for its author, what waits for nobody of ours, and drafts.
Rule 2: each tells by itself what it is and who is waited for since when. Opened, it tells everything that must hold
        before it may be merged: what is not met and not known first, each with the readings it follows from.
Rule 3: what is asked stands in the address. A filter leaves out rows, and never changes what is said of one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from quarterdeck.truth import forge_fields as G  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import Field
from quarterdeck.truth.flags import flags
from quarterdeck.truth.forge import CLASSES, ref_of, repo_of
from quarterdeck.truth.instance import subject
from quarterdeck.truth.judgement import Facts, Judgement, judge, words
from quarterdeck.truth.reviews import NEEDS, UNKNOWN, class_of, conditions, need, waits_for
from quarterdeck.truth.tables import TABLES
from quarterdeck.views import of_forge
from quarterdeck.views.asked import Asked, Param
from quarterdeck.views.frame import Page
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import Column, Link, Row, View
from quarterdeck.views.of_forge import told
from quarterdeck.views.rows import place_of, row
from quarterdeck.views.work_pages import Choices, Group, Person, PullTold, Queue

ROWS: Final = 30
SHORT: Final = 12
"""Characters of a commit by which git finds it."""
DRAFT: Final = "draft"
JUDGEMENT: Final = "judgement"
TITLES: Final[Mapping[str, tuple[str, str]]] = {
    JUDGEMENT: ("Needs your judgement", "longest waiting first"),
    UNKNOWN: ("Cannot be classed now", "until it can, each may need your judgement"),
    "routine": ("Routine", "nothing sensitive, and checked"),
    "author": ("Waits for its author", "longest first"),
    "nobody": ("Waits for something else", "for checks, for what it depends on, for others"),
    DRAFT: ("Drafts", ""),
}
"""The parts of the page, in their order, and what is said of each."""
GROUPS: Final = tuple(TITLES)
PARAMS: Final = {
    "q": Param("Only pull requests whose repository, number or title has these words."),
    "repo": Param("Only those of this repository, such as `acme/tools`."),
    "author": Param("Only those of this account."),
    "class": Param("Only those of this class.", CLASSES),
    "need": Param("Only those that need this.", tuple(dict.fromkeys((*NEEDS, UNKNOWN, DRAFT)))),
    "after": of_forge.AFTER,
}


def _column(title: str, field: Field[Any]) -> Column:
    return Column(field.name, title, {"pull": field})


COLUMNS: Final = (
    _column("Author", G.PULL_AUTHOR),
    _column("Opened", G.PULL_OPENED_AT),
    _column("Moved", G.PULL_MOVED_AT),
    _column("Stirred", G.PULL_STIRRED_AT),
    _column("Pushed", G.PULL_PUSHED_AT),
    Column(G.PULL_HEAD.name, "Head", {"pull": G.PULL_HEAD}, lambda value, _: str(value)[:SHORT]),
    _column("Branch", G.PULL_BRANCH),
    _column("Into", G.PULL_BASE),
    Column("branch_rule", "Its base asks for", {"pull": G.PULL_RULE}),  # in JSON, ``rule`` is that of the judgement
    _column("Its base has moved on", G.PULL_OUTDATED),
    _column("Labels", G.PULL_LABELS),
    _column("Milestone", G.PULL_MILESTONE),
    _column("Assigned to", G.PULL_ASSIGNEES),
    _column("Closes", G.PULL_CLOSES),
    _column("Depends on", G.PULL_BLOCKERS),
    _column("Blocked by a label", G.PULL_BLOCKED_BY_LABEL),
    _column("Draft", G.PULL_DRAFT),
    _column("Mergeable", G.PULL_MERGEABLE),
    _column("Not mergeable", G.PULL_UNMERGEABLE),
    _column("Auto-merge", G.PULL_AUTO_MERGE),
    _column("Files", G.PULL_FILES),
    _column("Reviews", G.PULL_REVIEWS),
    _column("Checks", G.PULL_CHECKS),
)


class Stand(NamedTuple):
    """Where a pull request stands in the queue, and by what it can be found."""

    group: str
    klass: str
    was: str | None
    """Its class as last known, where it cannot be said now."""
    since: datetime | None
    """Since when somebody is waited for."""
    at: datetime | None
    """When it was last known, where it is not now."""
    begun: float
    """When somebody was first waited for, else when it was opened; in seconds, so that it can be put in order."""
    repo: str
    author: str | None
    words: str
    """Its repository, number and title in small letters."""


def stand(f: Facts, judgement: Judgement) -> Stand:
    """Return where a pull request stands; of one that cannot be classed, also where it stood."""
    group, was, at, waits = UNKNOWN, None, None, None
    klass = class_of(judgement)
    if klass != UNKNOWN:
        group, waits = DRAFT if klass == DRAFT else need(f, judgement), waits_for(f, judgement)
    elif (then := of_forge.as_last_known(f)) is not None:
        before = judge(TABLES["pull"], then[0])
        waits = waits_for(then[0], before)
        if class_of(before) != UNKNOWN:
            was, at = class_of(before), then[1]
    since = None if waits is None else waits.since
    begun = since or told(f, G.PULL_OPENED_AT, None)
    ref = ref_of(f.subject)
    return Stand(
        group,
        klass,
        was,
        since,
        at,
        begun.timestamp() if begun else float("inf"),
        repo_of(f.subject),
        told(f, G.PULL_AUTHOR, None),
        f"{ref} {told(f, G.PULL_TITLE, '')}".casefold(),
    )


Stands = Sequence[tuple[str, Stand]]


def reviews(judged: Judged, asked: Asked, _recalled: object = None) -> View:
    """Return the queue over a filter."""
    pulls = [(name, judged.noted(name, stand)) for name in of_forge.there(judged, "pull")]
    found = sorted((each for each in pulls if _matches(each[1], asked)), key=_place)
    shown, refusal = of_forge.stretch(asked, len(found), ROWS)
    on_page = of_forge.part(found, shown)
    details = {name: _told(judged, name, stands) for name, stands in on_page}
    about = [*of_forge.about(judged, "reviews"), *of_forge.unreadable(judged)]
    rows = (*(_row(judged, name, each) for name, each in details.items()), *(row(judged, name) for name in about))
    names = [*(name for name, _ in pulls), *about]
    view = Page(judged, asked).view("reviews", "Reviews", names, rows=rows, columns=COLUMNS)
    why = of_forge.hidden(judged)
    queue = Queue(_groups(found, on_page), details, _choices(pulls), shown, why, refusal)
    if why:
        headline, lede = of_forge.headline_of(why, past=judged.past)
        return replace(view, headline=headline if judged.instances else view.headline, lede=lede, queue=queue)
    whole = of_forge.all_read(judged, G.REVIEWS_WHOLE, G.PULLS_WHOLE)
    return replace(
        view,
        headline=_headline(judged, pulls, whole=whole),
        lede=of_forge.with_filter(_lede(len(found), len(pulls), whole=whole), asked),
        gaps=tuple(of_forge.gaps(judged, G.REVIEWS_WHOLE)),
        queue=queue,
        needing=sum(each.group == JUDGEMENT for _, each in pulls),
    )


def _place(each: tuple[str, Stand]) -> tuple[int, float, str]:
    """Where it stands in the list. What nobody knows the time of stands behind the others."""
    name, stands = each
    return GROUPS.index(stands.group), stands.begun, name


def _matches(one: Stand, asked: Asked) -> bool:
    """Whether it is among those asked for."""
    if not asked.words:
        return True
    word = asked.word
    return (
        word("repo") in ("", one.repo)
        and word("author") in ("", one.author)
        and word("class") in ("", one.klass, one.was)
        and word("need") in ("", one.group)
        and of_forge.has_words(word("q"), one.words)
    )


def _choices(pulls: Stands) -> tuple[Choices, ...]:
    return (
        of_forge.choices("repo", "Repository", (each.repo for _, each in pulls)),
        of_forge.choices("author", "Author", (each.author for _, each in pulls if each.author)),
    )


def _groups(found: Stands, on_page: Stands) -> tuple[Group, ...]:
    totals = Counter(each.group for _, each in found)
    shown: dict[str, list[str]] = {group: [] for group in GROUPS}
    for name, each in on_page:
        shown[each.group].append(name)
    return tuple(
        Group(group, *TITLES[group], tuple(subjects), totals[group]) for group, subjects in shown.items() if subjects
    )


# --- what is said of all of them ------------------------------------------------------------------------------------


def _headline(judged: Judged, pulls: Stands, *, whole: bool) -> str:
    mine = [each for _, each in pulls if each.group == JUDGEMENT]
    vague = sum(each.group == UNKNOWN for _, each in pulls)
    if not pulls:
        return "No pull request is open." if whole else "No open pull request is known."
    if vague == len(pulls):
        return "No pull request can be classed now."
    oldest = min((each.since for each in mine if each.since is not None), default=None)
    long = "" if oldest is None else f", {'the longest ' if len(mine) > 1 else ''}for {words(judged.now - oldest)}"
    needs = f"{_needs(len(mine), certain=whole and not vague)}{long}"
    return of_forge.found_so_far(needs, vague=f"; {vague:,} cannot be classed" if vague else "", whole=whole)


def _needs(mine: int, *, certain: bool) -> str:
    if not mine:
        return f"No pull request {'needs' if certain else 'is known to need'} your judgement"
    if certain:
        return "One pull request needs your judgement" if mine == 1 else f"{mine:,} pull requests need your judgement"
    least = "one pull request needs" if mine == 1 else f"{mine:,} pull requests need"
    return f"At least {least} your judgement"


def _lede(found: int, of_all: int, *, whole: bool) -> str:
    if not of_all:
        return "Open ones come here by themselves."
    of = f"{found:,} of {_open(of_all).lower()}" if found < of_all else _open(of_all)
    more = "" if whole else " There may be others."
    return f"{of}.{more} Times are since when somebody is waited for."


def _open(number: int) -> str:
    return "One open pull request" if number == 1 else f"{number:,} open pull requests"


# --- one of them ------------------------------------------------------------------------------------------------------


def _row(judged: Judged, name: str, one: PullTold) -> Row:
    """Make the row; it leads also to the page of the agent that opened it."""
    made = row(judged, name, COLUMNS)
    agent = one.author.agent if one.author is not None else None
    if agent is None or agent not in judged.instances:
        return made
    place = place_of(subject(agent, "gateway"))
    return replace(made, links=(*made.links, Link("page", f"agents, {agent}", "Agent", place)))


def _told(judged: Judged, name: str, stands: Stand) -> PullTold:
    """Return all that is told of one. What can be classed by nothing but its past tells how it was."""
    facts, judgement = judged.facts(name), judged.judgements[name]
    before = of_forge.as_last_known(facts) if stands.was is not None else None
    if before is not None:
        facts = before[0]
        judgement = judge(TABLES["pull"], facts)
    files = told(facts, G.PULL_FILES, None)
    return PullTold(
        ref=ref_of(name),
        title=told(facts, G.PULL_TITLE, ""),
        klass=stands.klass,
        was=stands.was,
        known_at=stands.at,
        author=None if stands.author is None else Person(stands.author, told(facts, G.PULL_AGENT, None)),
        opened_at=told(facts, G.PULL_OPENED_AT, None),
        waits=waits_for(facts, judgement),
        conditions=conditions(facts),
        flags=flags(facts),
        sensitive=() if files is None else files.sensitive,
        sensitive_known=files is not None and files.whole,
        checks=told(facts, G.PULL_CHECKS, ()),
        reviews=told(facts, G.PULL_REVIEWS, ()),
        closes=told(facts, G.PULL_CLOSES, ()),
        blockers=told(facts, G.PULL_BLOCKERS, ()),
    )
