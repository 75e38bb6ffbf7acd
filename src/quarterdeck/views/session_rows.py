"""Sessions as rows: each entry of the ledger becomes the readings of a subject, judged like every other.

Rule 1: what has ended does not change any more, so its facts do not grow old. Those of an open session are as old as
        the last look at its instance's stream.
Rule 2: where a count is missing in the agent's record it is unknown, with that reason. A cost whose price is not known
        for all tokens is a lower bound, and where nothing is known of it, unknown.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import Field
from quarterdeck.truth.instance import subject
from quarterdeck.truth.judgement import Facts, judge, words
from quarterdeck.truth.past import Entry
from quarterdeck.truth.reading import AnyReading, Key, Known, Reason
from quarterdeck.truth.tables import TABLES
from quarterdeck.truth.thresholds import Thresholds
from quarterdeck.views.escape import quoted
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import Cell, Column, Link, Row
from quarterdeck.views.words import count, money

KIND = "session"
FOR_GOOD = timedelta(days=36_500)
NOT_WRITTEN = "the agent's record holds nothing usable there"
NO_PRICE = "the agent knows no price for what it used"
SMALL = 0.1


def cents(value: object, _now: datetime | None = None) -> str:
    """Say an amount of US dollars; small ones with two places more."""
    amount = float(value) if isinstance(value, int | float) else 0.0
    return f"${amount:,.4f}" if 0 < abs(amount) < SMALL else money(amount)


def _at_least(value: object, now: datetime) -> str:
    return f"≥{cents(value, now)}"


def _span(value: object, _now: datetime) -> str:
    return words(value) if isinstance(value, float) else "not ended"


def _number(value: object, _now: datetime) -> str:
    return count(value) if isinstance(value, int) else "none"


def _moment_or_open(value: object, now: datetime) -> str:
    if not isinstance(value, datetime):
        return "not ended"
    return f"{words(now - value)} ago"


def _column(key: str, title: str, field: Field[Any], how: Any = None) -> Column:  # noqa: ANN401 -- as Column
    return Column(key, title, {KIND: field}, how)


COST = _column("cost_usd", "Cost", F.SESSION_COST, cents)
COST_AT_LEAST = replace(COST, how=_at_least)
COLUMNS = (
    _column("source", "Platform", F.SESSION_SOURCE),
    _column("started_at", "Started", F.SESSION_STARTED_AT),
    _column("duration_s", "Duration", F.SESSION_DURATION, _span),
    _column("model", "Model", F.SESSION_MODEL),
    _column("messages", "Messages", F.SESSION_MESSAGES, _number),
    _column("tool_calls", "Tools", F.SESSION_TOOL_CALLS, _number),
    _column("tokens", "Tokens", F.SESSION_TOKENS, _number),
    COST,
)
"""What one looks down a page of sessions."""
MORE = (
    _column("ended_at", "Ended", F.SESSION_ENDED_AT, _moment_or_open),
    _column("outcome", "Outcome", F.SESSION_OUTCOME),
    _column("changed_at", "Changed", F.SESSION_CHANGED_AT),
    _column("api_calls", "Model calls", F.SESSION_API_CALLS, _number),
    _column("parent", "Came from", F.SESSION_PARENT),
    _column("priced", "Price known", F.SESSION_PRICED),
)
"""What else is known of one."""


def row(judged: Judged, entry: Entry, read_at: datetime | None, columns: tuple[Column, ...] = COLUMNS) -> Row:
    """Make the row of one session; ``read_at`` is when its instance's stream was last read."""
    name = subject(entry.instance, KIND, entry.id)
    own: dict[Key, AnyReading] = {(name, one.field): one for one in _readings(judged, name, entry, read_at)}
    thresholds = judged.instances[entry.instance].thresholds if entry.instance in judged.instances else Thresholds()
    facts = Facts(name, ChainMap(own, _there(judged)), judged.now, thresholds)
    judgement = judge(TABLES[KIND], facts)
    cells = tuple(_cell(facts, column, entry) for column in columns)
    return Row(name, KIND, entry.instance, title_of(judged, entry), judgement, cells, _links(entry))


def _there(judged: Judged) -> dict[Key, AnyReading]:
    """Return what else is known, in the form a chain can hold. It is only read."""
    return judged.readings  # type: ignore[return-value]


def title_of(judged: Judged, entry: Entry) -> str:
    """Name a session: by its title where the policy of its instance lets titles through, else by its id."""
    instance = judged.instances.get(entry.instance)
    shown = entry.title if instance is not None and instance.policy.session_titles else None
    return shown or entry.id


def place_of(instance: str, identity: str) -> str:
    """Return the address of a session's own page."""
    return f"/session?instance={quoted(instance)}&id={quoted(identity)}"


def _cell(facts: Facts, column: Column, entry: Entry) -> Cell:
    chosen = COST_AT_LEAST if column is COST and not entry.priced else column
    return Cell(chosen, facts.reading(column.fields[KIND]))


def _links(entry: Entry) -> tuple[Link, ...]:
    return (
        Link("id", entry.id, "Session id"),
        Link("path", entry.origin.locator, "File"),
        Link("page", f"session, {entry.instance}", "Page", place_of(entry.instance, entry.id)),
    )


def _readings(judged: Judged, name: str, entry: Entry, read_at: datetime | None) -> Iterator[AnyReading]:
    seen = max(entry.known_at, read_at or entry.known_at)
    if judged.past:
        seen = min(seen, judged.now)
    lasting = FOR_GOOD if entry.outcome != "open" else None
    for field, value in _facts(entry).items():
        needed = field in NEEDED and value is None
        made: AnyReading = (
            field.unavailable(name, entry.origin, Reason.MISSING, NEEDED[field], seen)
            if needed
            else field.known(name, entry.origin, value, seen)
        )
        yield replace(made, fresh_for=lasting) if lasting and isinstance(made, Known) else made


NEEDED: Mapping[Field[Any], str] = {
    F.SESSION_STARTED_AT: NOT_WRITTEN,
    F.SESSION_MESSAGES: NOT_WRITTEN,
    F.SESSION_TOOL_CALLS: NOT_WRITTEN,
    F.SESSION_API_CALLS: NOT_WRITTEN,
    F.SESSION_TOKENS: NOT_WRITTEN,
    F.SESSION_COST: NO_PRICE,
}
"""What is unknown where the record does not hold it, and why. Of the others, none is an answer."""


def _facts(entry: Entry) -> dict[Field[Any], object]:
    unknown_cost = entry.cost is None or (not entry.priced and entry.cost == 0)
    return {
        F.SESSION_SOURCE: entry.source,
        F.SESSION_MODEL: entry.model,
        F.SESSION_PARENT: entry.parent,
        F.SESSION_STARTED_AT: entry.started_at,
        F.SESSION_ENDED_AT: entry.ended_at,
        F.SESSION_DURATION: None if entry.duration is None else entry.duration.total_seconds(),
        F.SESSION_OUTCOME: entry.outcome,
        F.SESSION_CHANGED_AT: entry.known_at if entry.known_at > entry.first_known_at else None,
        F.SESSION_MESSAGES: entry.messages,
        F.SESSION_TOOL_CALLS: entry.tool_calls,
        F.SESSION_API_CALLS: entry.api_calls,
        F.SESSION_TOKENS: entry.tokens,
        F.SESSION_COST: None if unknown_cost else entry.cost,
        F.SESSION_PRICED: entry.priced,
    }
