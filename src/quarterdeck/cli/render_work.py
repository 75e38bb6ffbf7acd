"""Reviews and board as text for a terminal: each line says what it is, who is waited for, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from rich.padding import Padding
from rich.text import Text

from quarterdeck.truth.judgement import Judgement, words
from quarterdeck.truth.reading import AnyReading, Known
from quarterdeck.truth.reviews import Condition
from quarterdeck.views.forge_words import WHY, in_short, waiting
from quarterdeck.views.model import Row, View
from quarterdeck.views.words import sentence
from quarterdeck.views.work_pages import Board, CardTold, PullTold, Queue, Stretch

Status = Callable[[Judgement], Text]
"""How a status is written: shape and word, in its colour."""
INDENT = 12
NOTHING = {
    "partial": "What stands on a forge is not shown to who may see some agents only.",
    "past": "The forge keeps the history of its pull requests and issues, and it is read there.",
    "none": "Name a Gitea or Forgejo in quarterdeck.toml, as a table [[forges]] with id, url and token_file.",
}


def work(view: View, status: Status) -> Iterator[Text | Padding]:
    """Return the lines of a page of work."""
    rows = {row.subject: row for row in view.rows}
    if view.queue is not None:
        yield from _queue(view.queue, rows, view.at, status)
    if view.board is not None:
        yield from _board(view.board, rows, view.at, status)
    page = view.queue or view.board
    for row in view.rows if page is not None else ():
        if page is not None and row.subject not in page.told:
            yield _head(row, row.name, status).append(f"  {row.judgement.reason}")


def _head(row: Row, title: str, status: Status) -> Text:
    text = status(row.judgement)
    text.pad_right(INDENT - len(text.plain))
    return text.append(title, style="bold")


def _under(text: Text) -> Padding:
    return Padding(text, (0, 0, 0, INDENT))


# --- reviews ----------------------------------------------------------------------------------------------------------


def _queue(queue: Queue, rows: dict[str, Row], now: datetime, status: Status) -> Iterator[Text | Padding]:
    yield from _nothing(queue.hidden, queue.refusal)
    for group in queue.groups:
        yield Text(f"{group.title}: {group.total:,}", style="bold").append(f"  {group.note}", style="dim not bold")
        for name in group.subjects:
            yield from _pull(rows[name], queue.told[name], now, status)
        yield Text("")
    yield from _stretch(queue.stretch)


def _pull(row: Row, told: PullTold, now: datetime, status: Status) -> Iterator[Text | Padding]:
    text = _head(row, f"{told.ref} {told.title}", status)
    if told.author is not None:
        text.append(f"  [{told.author.agent or told.author.login}]", style="dim")
    if told.opened_at is not None:
        text.append(f"  open {words(now - told.opened_at)}", style="dim")
    yield text
    yield _under(_line_of(row, told, now))
    for each in told.open_conditions:
        yield from _condition(each, now)
    for path in told.sensitive:
        yield _under(Text(f"sensitive: {path.path}, {WHY[path.why]}: {path.by}", style="yellow"))
    if not told.sensitive_known:
        yield _under(Text("sensitive: not all that it changes could be looked at", style="yellow"))
    for flag in told.flags:
        if flag.id not in ("sensitive", "files not known"):
            yield _under(Text(flag.text))
    if told.checks:
        yield _under(Text("checks: " + ", ".join(in_short(each, now) or "" for each in told.checks), style="dim"))


def _line_of(row: Row, told: PullTold, now: datetime) -> Text:
    if told.was is not None and told.known_at is not None:
        said = f"was {told.was}, as last known {words(now - told.known_at)} ago"
    else:
        said = f"{told.klass}: {row.judgement.reason}"
    waits = waiting(told.waits)
    since = f" since {told.waits.since:%Y-%m-%d %H:%M}, {words(now - told.waits.since)}" if told.waits.since else ""
    return Text(f"{said}; {waits}{since}" if waits else said)


def _condition(condition: Condition, now: datetime) -> Iterator[Padding]:
    mark, style = ("◌ not known", "magenta") if condition.met is None else ("▲ not met", "yellow")
    yield _under(Text(f"{mark}: {condition.text.removeprefix('not known ')}", style=style))
    for reading in condition.readings:
        yield Padding(_reading(reading, now), (0, 0, 0, INDENT + 2))


def _reading(reading: AnyReading, now: datetime) -> Text:
    at = reading.observed_at if isinstance(reading, Known) else reading.attempted_at
    said = f"{sentence(reading, now)}  ({reading.origin.source}, {reading.origin.locator}, {words(now - at)} ago)"
    return Text(said, style="dim")


# --- board ------------------------------------------------------------------------------------------------------------


def _board(board: Board, rows: dict[str, Row], now: datetime, status: Status) -> Iterator[Text | Padding]:
    yield from _nothing(board.hidden, board.refusal)
    for lane in board.lanes if not board.hidden else ():
        needs = f"  {lane.troubled:,} {'needs' if lane.troubled == 1 else 'need'} somebody" if lane.troubled else ""
        yield Text(f"{lane.id.capitalize()}: {lane.total:,}", style="bold").append(needs, style="dim not bold")
        for name in lane.subjects:
            yield from _card(rows[name], board.told[name], now, status)
        if not board.chosen and lane.total > len(lane.subjects):
            yield _under(Text(f"all {lane.total:,}: quarterdeck show board --lane '{lane.id}'", style="dim"))
        yield Text("")
    if board.chosen:
        yield from _stretch(board.stretch)


def _card(row: Row, told: CardTold, now: datetime, status: Status) -> Iterator[Text | Padding]:
    text = _head(row, f"{told.ref} {told.title}", status)
    for who in told.people:
        text.append(f"  [{who.agent or who.login}]", style="dim")
    yield text
    marks = (*(("ambiguous",) if told.ambiguities else ()), *told.marks)
    said = row.judgement.reason
    if told.was is not None and told.known_at is not None:
        said = f"was {told.was}, as last known {words(now - told.known_at)} ago"
    yield _under(Text(f"{', '.join(marks)}: {said}" if marks else said, style="yellow" if marks else ""))
    if told.claim is not None:
        lapsed = ": its lease has run out" if told.lapsed else ""
        yield _under(Text(f"claim {in_short(told.claim, now)}{lapsed}"))
    for linked in told.pulls:
        yield _under(Text(f"pull request {in_short(linked, now)}"))
    if told.next is not None:
        yield _under(Text(f"{told.next.id} lacks {told.next.missing}", style="dim"))


# --- both -------------------------------------------------------------------------------------------------------------


def _nothing(hidden: str, refusal: str) -> Iterator[Text]:
    for said in (NOTHING.get(hidden, ""), refusal):
        if said:
            yield Text(said)


def _stretch(stretch: Stretch) -> Iterator[Text]:
    if stretch.next is not None:
        yield Text(f"{stretch.shown:,} of {stretch.total:,}; the next: --after {stretch.next}", style="dim")
