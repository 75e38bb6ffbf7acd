"""Sessions: the work ledger. Every session of every instance, searched, filtered, sorted, page by page.

Rule 1: what is asked stands in the address and nowhere else; a word that is not understood is said, never guessed.
Rule 2: a total over a ledger that is incomplete is a lower bound, and which instance is missing from when on is said.
Rule 3: a figure that another page tells too is the same there, or it is said why it is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from quarterdeck.errors import UsageError
from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.instance import ALL, subject
from quarterdeck.truth.judgement import Status
from quarterdeck.truth.past import Facets, SessionPage, SessionQuery
from quarterdeck.truth.reading import AnyReading, Knowledge, Known, Origin
from quarterdeck.truth.rollup import total
from quarterdeck.views.asked import Asked, Param
from quarterdeck.views.frame import Page
from quarterdeck.views.judged import Judged
from quarterdeck.views.ledger import LedgerPage
from quarterdeck.views.model import Figure, Gap, View
from quarterdeck.views.recall import Recall
from quarterdeck.views.session_rows import COLUMNS, row
from quarterdeck.views.when import moment_of
from quarterdeck.views.words import count, money

ROWS = 50
NOTED = Origin("session ledger", "session_streams")
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
SORTS = {
    "started_at": "Started",
    "ended_at": "Ended",
    "duration": "Duration",
    "messages": "Messages",
    "tool_calls": "Tools",
    "tokens": "Tokens",
    "cost": "Cost",
}
NEWEST, DESCENDING = "started_at", "desc"
PARAMS = {
    "q": Param("Only sessions whose id begins so, or whose title has words that do."),
    "source": Param("Only sessions of this platform."),
    "model": Param("Only sessions of this model."),
    "outcome": Param("Only sessions that ended so; `open` for those without an end."),
    "since": Param("Only sessions that began since: a day, a moment (RFC 3339), or how long ago, such as 24h."),
    "until": Param("Only sessions that began before: a day (that day included), a moment, or how long ago."),
    "sort": Param("The order.", tuple(SORTS), NEWEST),
    "order": Param("Largest first, or smallest first.", (DESCENDING, "asc"), DESCENDING),
    "after": Param("Where the page before ended, as that page tells it."),
}
FILTERS = ("q", "source", "model", "outcome", "since", "until")


class Recalled(NamedTuple):
    """What memory says, or why it was not asked."""

    page: SessionPage | None
    refusal: str = ""


def query_of(asked: Asked, now: datetime) -> SessionQuery:
    """Read what is asked of the ledger.

    Raises:
        UsageError: when a moment is none.
    """
    word = asked.word
    return SessionQuery(
        instance=None if asked.instance == ALL else asked.instance,
        source=word("source") or None,
        model=word("model") or None,
        outcome=word("outcome") or None,
        search=word("q") or None,
        since=_moment("since", word("since"), now),
        until=_moment("until", word("until"), now),
        sort=word("sort", NEWEST),
        descending=word("order", DESCENDING) == DESCENDING,
        after=word("after") or None,
        limit=ROWS,
        known_by=now if asked.past else None,
    )


def _moment(name: str, written: str, now: datetime) -> datetime | None:
    if not written:
        return None
    found = moment_of(written, now)
    if found is None and DAY.fullmatch(written):
        try:
            day = datetime.fromisoformat(written).replace(tzinfo=UTC)
            found = day + timedelta(days=1) if name == "until" else day
        except (ValueError, OverflowError):
            found = None
    if found is None:
        raise UsageError(f"`{name}` is no moment.", "Write a day as 2026-11-21, or how long ago, such as 24h or 7d.")
    return found


def recall(memory: Recall, asked: Asked, now: datetime) -> Recalled:
    """Fetch the page that is asked for."""
    try:
        return Recalled(memory.sessions(query_of(asked, now)))
    except UsageError as error:
        return Recalled(None, str(error))


def sessions(judged: Judged, asked: Asked, recalled: Recalled | None = None) -> View:
    """Return a page of the ledger over a filter."""
    page = recalled.page if recalled is not None else None
    ledgers = _ledgers(judged, asked.instance, {} if page is None else page.read_at)
    read_at = {} if page is None else _read_at(page, ledgers)
    rows = tuple(row(judged, entry, read_at.get(entry.instance)) for entry in page.entries) if page else ()
    names = judged.of("ledger", "sessions", instance=asked.instance)
    view = Page(judged, asked).view("sessions", "Sessions", names, rows=rows, columns=COLUMNS)
    if not judged.instances:
        return view
    refusal = recalled.refusal if recalled is not None else ""
    if page is None:
        return replace(view, headline=refusal or "Nothing is remembered yet.", ledger=_carried(asked, None, refusal))
    gaps = tuple(_gaps(judged, asked.instance, page))
    return replace(
        view,
        headline=_headline(page, complete=not gaps, filtered=_filtered(asked)),
        lede=_lede(judged, asked, page, ledgers),
        figures=tuple(_figures(judged, page, ledgers, complete=not gaps)),
        gaps=gaps,
        ledger=_carried(asked, page, refusal),
    )


def _filtered(asked: Asked) -> bool:
    return any(asked.word(name) for name in FILTERS)


def _carried(asked: Asked, page: SessionPage | None, refusal: str) -> LedgerPage:
    order = (asked.word("sort", NEWEST), asked.word("order", DESCENDING) == DESCENDING)
    if page is None:
        return LedgerPage(Facets(), *order, None, None, 0, exact=False, refusal=refusal)
    return LedgerPage(page.facets, *order, page.next, page.previous, page.total, page.total_is_exact, refusal)


def _ledgers(judged: Judged, instance: str, read_at: Mapping[str, datetime]) -> dict[str, AnyReading]:
    """Return up to when the ledger of each instance is known: as its source told, or as the ledger itself notes."""
    found = {}
    for one in judged.instances:
        name = subject(one, "ledger")
        reading: AnyReading | None = judged.readings.get((name, F.LEDGER_UNTIL.name))
        if reading is None and one in read_at:
            reading = F.LEDGER_UNTIL.known(name, NOTED, read_at[one], read_at[one])
        if instance in (ALL, one) and reading is not None:
            found[one] = reading
    return found


def _read_at(page: SessionPage, ledgers: Mapping[str, AnyReading]) -> dict[str, datetime]:
    """Return when the stream of each instance was last read, by whoever knows it best."""
    found = dict(page.read_at)
    for instance, reading in ledgers.items():
        if isinstance(reading, Known) and isinstance(reading.value, datetime):
            found[instance] = max(reading.value, found.get(instance, reading.value))
    return found


def _gaps(judged: Judged, instance: str, page: SessionPage) -> Iterator[Gap]:
    """Say of which instances the ledger is not complete, and why."""
    for one in judged.instances:
        if instance not in (ALL, one):
            continue
        name = subject(one, "ledger")
        judgement = judged.judgements.get(name)
        if judgement is None:
            if not judged.past and one not in page.read_at:
                yield Gap(one, "ledger", "its sessions have not been taken in yet", "", ())
        elif judgement.status is not Status.OK or judgement.rule == "taking in":
            until = judged.readings.get((name, F.LEDGER_UNTIL.name))
            yield Gap(one, "ledger", judgement.reason, "", (until,) if until is not None else ())


def _bounded(text: str, *, at_least: bool) -> str:
    return f"≥{text}" if at_least else text


def _headline(page: SessionPage, *, complete: bool, filtered: bool) -> str:
    exact = page.total_is_exact and complete
    if page.total == 0:
        said = "No session matches" if filtered else "The ledger holds no session"
        return f"{said}." if exact else f"{said} among those known so far."
    number = _bounded(f"{page.total:,}", at_least=not exact)
    return f"{number} {'session' if page.total == 1 and exact else 'sessions'}{' match' if filtered else ''}."


def _lede(judged: Judged, asked: Asked, page: SessionPage, ledgers: Mapping[str, AnyReading]) -> str:
    """Say in which order, and how the total stands to the count that other pages tell."""
    order = "largest first" if asked.word("order", DESCENDING) == DESCENDING else "smallest first"
    said = f"By {SORTS[asked.word('sort', NEWEST)].lower()}, {order}. Times are when a session began."
    if asked.word("sort", NEWEST) == NEWEST:
        said = "Newest first." if order == "largest first" else "Oldest first."
    beside = _beside(judged, asked, page) if ledgers else ""
    return f"{said} {beside}".strip()


def _beside(judged: Judged, asked: Asked, page: SessionPage) -> str:
    """Compare with the brief's count of a day, where the same is asked."""
    if asked.word("since") != "24h" or any(asked.word(name) for name in FILTERS if name != "since"):
        return ""
    names = judged.of("sessions", instance=asked.instance)
    counted = total([judged.facts(name).reading(F.SESSIONS_24H) for name in names], judged.now)
    if counted.nothing or not page.total_is_exact or counted.value == page.total:
        return ""
    told = _bounded(f"{counted.value:,.0f}", at_least=not counted.complete)
    return (
        f"The brief counts {told}: it asks the homes, which forget what the agent deletes, and asks at another moment."
    )


def _figures(
    judged: Judged, page: SessionPage, ledgers: Mapping[str, AnyReading], *, complete: bool
) -> Iterator[Figure]:
    """Add up what the sessions of the filter come to."""
    readings = tuple(ledgers.values())
    if not readings:
        return
    exact = page.total_is_exact and complete
    note = _note(judged, ledgers)
    expires = min((r.expires_at for r in readings if isinstance(r, Known)), default=None)

    def figure(key: str, title: str, value: float, said: str, *, sure: bool) -> Figure:
        text = _bounded(said, at_least=not sure)
        return Figure(key, title, value, text, note, not sure, readings, "/sessions", expires)

    yield figure("sessions", "Sessions", page.total, count(page.total), sure=exact)
    if page.sums is not None:
        sums = page.sums
        yield figure("tokens", "Tokens", sums.tokens, count(sums.tokens), sure=exact and not sums.tokens_unknown)
        yield figure("cost_usd", "Cost", sums.cost_usd, money(sums.cost_usd), sure=exact and not sums.unpriced)
        yield figure("unpriced", "Without a price", sums.unpriced, count(sums.unpriced), sure=exact)


def _note(judged: Judged, ledgers: Mapping[str, AnyReading]) -> str:
    lost = sum(one.knowledge(judged.now) in (Knowledge.UNKNOWN, Knowledge.STALE) for one in ledgers.values())
    return f"session ledger · {lost} of {len(ledgers)} behind" if lost else "session ledger"
