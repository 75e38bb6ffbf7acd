"""Reviews: every open pull request of every forge, in the order in which the operator has to look at them.

Rule 1: first what needs judgement, the longest waiting before the others; then what cannot be classed; then routine,
        what waits for its author, what waits for nobody of ours, and drafts.
Rule 2: each tells by itself what it is and who is waited for since when. Opened, it tells everything that must hold
        before it may be merged: what is not met and not known first, each with the readings it follows from.
Rule 3: what is asked stands in the address. A filter leaves out rows, and never changes what is said of one.
"""

from __future__ import annotations

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
from quarterdeck.views.judged import Judged, needs_somebody
from quarterdeck.views.model import Column, Link, Row, View
from quarterdeck.views.of_forge import said
from quarterdeck.views.rows import place_of, row
from quarterdeck.views.work_pages import Choices, Group, PullTold, Queue

ROWS: Final = 50
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
    _column("Head", G.PULL_HEAD),
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
    """Where a pull request stands in the queue."""

    group: str
    klass: str
    was: str | None
    """Its class as last known, where it cannot be said now."""
    since: datetime | None
    """Since when somebody is waited for."""
    at: datetime | None
    """When it was last known, where it is not now."""


def stand(f: Facts, judgement: Judgement) -> Stand:
    """Return where a pull request stands; of one that cannot be classed, also where it stood."""
    klass = class_of(judgement)
    if klass != UNKNOWN:
        group = DRAFT if klass == DRAFT else need(f, judgement)
        return Stand(group, klass, None, waits_for(f, judgement).since, None)
    then = of_forge.as_last_known(f)
    if then is None:
        return Stand(UNKNOWN, klass, None, None, None)
    before = judge(TABLES["pull"], then[0])
    was = class_of(before)
    since = waits_for(then[0], before).since
    return Stand(UNKNOWN, klass, was if was != UNKNOWN else None, since, then[1])


def reviews(judged: Judged, asked: Asked, _recalled: object = None) -> View:
    """Return the queue over a filter."""
    why = of_forge.hidden(judged)
    names = of_forge.there(judged, "pull")
    found = [name for name in names if _matches(judged, name, asked)]
    found.sort(key=lambda name: _place(judged, name))
    shown, refusal = of_forge.stretch(asked, len(found), ROWS)
    on_page = of_forge.part(found, shown)
    about = [*of_forge.there(judged, "forge"), *_repos(judged)]
    pulls, told = _rows(judged, on_page)
    rows = (*pulls, *(row(judged, name) for name in about))
    view = Page(judged, asked).view("reviews", "Reviews", [*names, *about], rows=rows, columns=COLUMNS)
    queue = Queue(_groups(judged, found, on_page), told, _choices(judged, names), shown, why, refusal)
    if why:
        headline, lede = of_forge.headline_of(why, past=judged.past)
        return replace(view, headline=headline if judged.instances else view.headline, lede=lede, queue=queue)
    return replace(
        view,
        headline=_headline(judged, names),
        lede=_lede(found, names),
        gaps=tuple(of_forge.gaps(judged, G.REVIEWS_WHOLE)),
        queue=queue,
        needing=sum(judged.noted(name, stand).group == JUDGEMENT for name in names),
    )


def _repos(judged: Judged) -> list[str]:
    """Return the repositories about which there is something to say."""
    return [name for name in of_forge.there(judged, "repo") if needs_somebody(judged.judgements[name])]


def _place(judged: Judged, name: str) -> tuple[int, float, str]:
    """Where it stands in the list. What nobody knows the time of stands behind the others."""
    stands = judged.noted(name, stand)
    since = stands.since or said(judged, name, G.PULL_OPENED_AT, None)
    return GROUPS.index(stands.group), float("inf") if since is None else since.timestamp(), name


def _matches(judged: Judged, name: str, asked: Asked) -> bool:
    """Whether it is among those asked for. What costs least is looked at first."""
    word, wanted = asked.word, asked.word("repo")
    if wanted and repo_of(name) != wanted:
        return False
    if (author := word("author")) and said(judged, name, G.PULL_AUTHOR, None) != author:
        return False
    if (words_ := word("q")) and not of_forge.has_words(words_, ref_of(name), said(judged, name, G.PULL_TITLE, "")):
        return False
    if not word("class") and not word("need"):
        return True
    stands = judged.noted(name, stand)
    return word("class") in ("", stands.klass, stands.was) and word("need") in ("", stands.group)


def _choices(judged: Judged, names: Sequence[str]) -> tuple[Choices, ...]:
    authors = (said(judged, name, G.PULL_AUTHOR, None) for name in names)
    return (
        of_forge.choices("repo", "Repository", map(repo_of, names)),
        of_forge.choices("author", "Author", filter(None, authors)),
    )


def _groups(judged: Judged, found: Sequence[str], on_page: Sequence[str]) -> tuple[Group, ...]:
    groups: dict[str, list[str]] = {group: [] for group in GROUPS}
    totals = dict.fromkeys(GROUPS, 0)
    for name in found:
        totals[judged.noted(name, stand).group] += 1
    for name in on_page:
        groups[judged.noted(name, stand).group].append(name)
    return tuple(
        Group(group, *TITLES[group], tuple(subjects), totals[group]) for group, subjects in groups.items() if subjects
    )


# --- what is said of all of them ------------------------------------------------------------------------------------


def _headline(judged: Judged, names: Sequence[str]) -> str:
    stands = [judged.noted(name, stand) for name in names]
    mine = [each for each in stands if each.group == JUDGEMENT]
    vague = sum(each.group == UNKNOWN for each in stands)
    if not names:
        return "No pull request is open." if _all_read(judged) else "No open pull request is known."
    if vague == len(names):
        return "No pull request can be classed now."
    oldest = min((each.since for each in mine if each.since is not None), default=None)
    if len(mine) == 1:
        needs = "One pull request needs your judgement"
    else:
        needs = f"{len(mine):,} pull requests need your judgement" if mine else "No pull request needs your judgement"
    long = "" if oldest is None else f", {'the longest ' if len(mine) > 1 else ''}for {words(judged.now - oldest)}"
    cannot = f"; {vague:,} cannot be classed" if vague else ""
    return f"{needs}{long}{cannot}."


def _all_read(judged: Judged) -> bool:
    forges = of_forge.there(judged, "forge")
    return bool(forges) and not any(of_forge.gaps(judged, G.REVIEWS_WHOLE))


def _lede(found: Sequence[str], names: Sequence[str]) -> str:
    if not names:
        return "Open ones come here by themselves."
    of = f"{len(found):,} of {len(names):,} open pull requests" if len(found) < len(names) else _open(len(names))
    return f"{of}. Times are since when somebody is waited for."


def _open(number: int) -> str:
    return "One open pull request" if number == 1 else f"{number:,} open pull requests"


# --- one of them ------------------------------------------------------------------------------------------------------


def _rows(judged: Judged, names: Sequence[str]) -> tuple[list[Row], dict[str, PullTold]]:
    agents = of_forge.accounts(judged) if names else {}
    told = {name: _told(judged, name, agents) for name in names}
    return [_row(judged, name, told[name]) for name in names], told


def _row(judged: Judged, name: str, told: PullTold) -> Row:
    """Make the row; it leads also to the page of the agent that opened it."""
    made = row(judged, name, COLUMNS)
    agent = told.author.agent if told.author is not None else None
    if agent is None or agent not in judged.instances:
        return made
    place = place_of(subject(agent, "gateway"))
    return replace(made, links=(*made.links, Link("page", f"agents, {agent}", "Agent", place)))


def _told(judged: Judged, name: str, agents: Mapping[str, str]) -> PullTold:
    """Return all that is told of one. What can be classed by nothing but its past tells how it was."""
    stands, facts = judged.noted(name, stand), judged.facts(name)
    judgement, before = judged.judgements[name], of_forge.as_last_known(facts)
    if stands.was is not None and before is not None:
        facts = before[0]
        judgement = judge(TABLES["pull"], facts)
    author = said(judged, name, G.PULL_AUTHOR, None)
    files = said(judged, name, G.PULL_FILES, None)
    return PullTold(
        ref=ref_of(name),
        title=said(judged, name, G.PULL_TITLE, ""),
        klass=stands.klass,
        was=stands.was,
        known_at=stands.at if stands.was is not None else None,
        author=None if author is None else of_forge.person(author, agents),
        opened_at=said(judged, name, G.PULL_OPENED_AT, None),
        waits=waits_for(facts, judgement),
        conditions=conditions(facts),
        flags=flags(facts),
        sensitive=() if files is None else files.sensitive,
        sensitive_known=files is not None and files.whole,
        checks=said(judged, name, G.PULL_CHECKS, ()),
        reviews=said(judged, name, G.PULL_REVIEWS, ()),
        closes=said(judged, name, G.PULL_CLOSES, ()),
        blockers=said(judged, name, G.PULL_BLOCKERS, ()),
    )
