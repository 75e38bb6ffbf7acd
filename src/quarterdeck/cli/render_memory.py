"""What is remembered, as text for a terminal: alerts that are over, changes, timelines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rich.text import Text

from quarterdeck.truth.episodes import Closed, Ending
from quarterdeck.truth.judgement import words
from quarterdeck.truth.past import Blind
from quarterdeck.views.changes import became
from quarterdeck.views.model import View
from quarterdeck.views.remembered import Diff, Event, Feed, Story
from quarterdeck.views.run_page import RunsPage
from quarterdeck.views.timeline import divided, otherwise

SHOWN = 200


def remembered(view: View) -> Iterator[Text]:
    """Return the lines of what a view tells from memory."""
    if view.feed is not None:
        yield from _feed(view.feed)
    if view.diff is not None:
        yield from _diff(view.diff)
    if view.story is not None:
        yield from _story(view.story)
    if view.runs is not None:
        yield from _runs(view.runs)


def _feed(feed: Feed) -> Iterator[Text]:
    yield Text(f"Over, in the last {feed.span}", style="bold")
    yield from _gaps(feed.blind)
    for closed in feed.closed[:SHOWN]:
        yield _closed(closed, feed)
    if not feed.closed:
        yield Text("none")
    yield from _more(len(feed.closed))


def _closed(closed: Closed, feed: Feed) -> Text:
    lead = closed.lead
    lasted = "" if lead.lasted is None else f" after {'≥' if lead.begun_before else ''}{words(lead.lasted)}"
    ending = "removed" if lead.ending is Ending.REMOVED else "resolved"
    text = Text(f"{_time(closed.ended_at)}  {ending}{lasted}  ", style="dim")
    text.append(feed.names.get(lead.subject, lead.subject), style="bold not dim")
    text.append(f"  was {lead.status}: {lead.reason}")
    if closed.message:
        text.append(f"; {closed.message}")
    return text.append(f"  [{closed.severity}]")


def _diff(diff: Diff) -> Iterator[Text]:
    for line in diff.digest:
        yield Text(line)
    yield Text("")
    for turn in diff.told[:SHOWN]:
        yield (
            Text(f"{turn.what:<14}", style="dim")
            .append(turn.name, style="bold not dim")
            .append(f"  {became(turn)}", style="not dim")
            .append(f"  [{turn.instance}]")
        )
    yield from _more(len(diff.told))
    for pair in diff.figures:
        if pair.then != pair.now:
            yield Text(f"{pair.title}  ", style="dim").append(f"{pair.then} → {pair.now}", style="bold not dim")


def _runs(page: RunsPage) -> Iterator[Text]:
    yield Text(f"{page.summary}, since {_time(page.since)}" if page.remembers else "Nothing is remembered yet.")
    if page.lost:
        yield Text(page.lost)
    for slot in page.slots[:SHOWN]:
        text = Text(f"{_time(slot.at)}  ", style="dim")
        text.append(f"{slot.verdict.value:<16}", style="bold not dim").append(f"  {slot.why}", style="not dim")
        if slot.run is not None and slot.run.result:
            text.append(f"  [{slot.run.result}]")
        yield text
    yield from _more(len(page.slots))


def _story(story: Story) -> Iterator[Text]:
    if story.uptime is not None:
        yield Text(f"{divided(story.uptime)}, since {_time(story.since)}")
    for event in story.events:
        yield _event(event)
    if not story.events:
        yield Text("Nothing changed in this time.")


def _event(event: Event) -> Text:
    text = Text(f"{_time(event.at)}  ", style="dim")
    if event.change is not None:
        before = f"{event.change.before} → " if event.change.before is not None else ""
        text.append(f"{before}{event.change.status}", style="bold not dim").append(
            f"  {event.change.reason}", style="not dim"
        )
    elif event.run is not None:
        text.append(f"ran: {event.run.result or 'no result'}", style="not dim")
    elif event.said is not None:
        text.append(otherwise(event.said), style="not dim").append(f"  ({event.said.reading.origin.source})")
    elif event.blind is not None:
        text.append(f"not looked since {_time(event.blind.began_at)}: {event.blind.why}", style="not dim")
    if event.true_at is not None and event.blind is None:
        text.append(f"  true since {_time(event.true_at)}{', known late' if event.late else ''}")
    return text


def _gaps(blind: tuple[Blind, ...]) -> Iterator[Text]:
    for each in blind[:3]:
        yield Text(f"not looked from {_time(each.began_at)} to {_time(each.ended_at)}: {each.why}", style="dim")


def _more(number: int) -> Iterator[Text]:
    if number > SHOWN:
        yield Text(f"and {number - SHOWN:,} more", style="dim")


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
