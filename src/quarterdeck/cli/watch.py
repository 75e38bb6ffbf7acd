"""``quarterdeck watch [VIEW]``: a view in the terminal, live, with a collector of its own.

Rule 1: nothing is written to the terminal unless what it shows has changed, or its size has.
Rule 2: however it ends, the terminal is left as it was found.
Rule 3: in a pipe it prints the view once, and then a line for each change. No line is ever taken back.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from quarterdeck.cli.look import Remember, Wanted
    from quarterdeck.views.judged import Judged
    from quarterdeck.views.model import View
    from quarterdeck.views.recall import Recall

ABOUT = (
    "Show a view in the terminal, live. q ends it; j and k, space and b move through it. In a pipe: a line a change."
)
EVERY_S: Final = 2.0
TICK_S: Final = 0.2
"""How soon a key, another size or the end of the time is noticed."""
FIRST_S: Final = 6.0
"""How long to wait for the first look of all sources."""
DOWN, UP, PAGE_DOWN, PAGE_UP, QUIT = ("j", "\x1b[B"), ("k", "\x1b[A"), (" ", "\x1b[6~"), ("b", "\x1b[5~"), ("q", "\x04")

Make = Callable[[], "tuple[View, Judged]"]


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code.

    Raises:
        QuarterdeckError: when the view, the instance, a word or the settings are wrong.
    """
    from quarterdeck.cli.show_command import parsed, view_parser
    from quarterdeck.views import VIEWS

    parser = view_parser("watch", ABOUT, VIEWS, default="brief", past=False)
    parser.add_argument(
        "--every",
        metavar="S",
        type=_seconds,
        default=EVERY_S,
        help=f"seconds between two looks at the view ({EVERY_S:g})",
    )
    given, wanted = parsed(parser, argv, VIEWS)
    return watch(wanted, given.every)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.2 <= value <= 3_600:  # noqa: PLR2004 -- from what an eye notices to an hour
        raise argparse.ArgumentTypeError("is a number of seconds from 0.2 to 3600")
    return value


def watch(wanted: Wanted, every: float = EVERY_S, *, remember: Remember | None = None) -> int:
    """Watch until told to stop; return the exit code.

    Raises:
        QuarterdeckError: when the view, the instance, a word or the settings are wrong.
    """
    from quarterdeck import settings, wiring
    from quarterdeck.cli.look import asked_of, remembered, view_of
    from quarterdeck.views import VIEWS
    from quarterdeck.views.judged import Judged

    asked, decided = asked_of(wanted), settings.load(wanted.config, wanted.homes)
    deck = wiring.build(decided)
    recalling = VIEWS[wanted.view].recall is not None
    opened: AbstractContextManager[Recall | None] = (
        (remember or remembered)(decided) if recalling else nullcontext(None)
    )
    before: list[Judged | None] = [None]
    with opened as memory, deck.running(), _ended_by_signal() as over:
        _first_look(lambda: deck.snapshot.version > 0 or over.is_set())

        def make() -> tuple[View, Judged]:
            judged = before[0] = Judged.after(before[0], deck.snapshot, deck.clock())
            return view_of(wanted.view, asked, judged, memory), judged

        try:
            _on_screen(make, every, over) if sys.stdout.isatty() else _in_pipe(make, every, over)
        except KeyboardInterrupt:
            return 0
    return 0


def _first_look(over: Callable[[], bool]) -> None:
    """Wait until there is something to show, or nobody who wants to see it."""
    until = time.monotonic() + FIRST_S
    while not over() and time.monotonic() < until:
        time.sleep(TICK_S / 4)


@contextmanager
def _ended_by_signal() -> Iterator[threading.Event]:
    """Let what ends a program end it in order: SIGTERM and SIGHUP come as Ctrl-C does.

    The first one is only noted: what is raised out of nowhere may be raised where nobody hears it, in a finalizer.
    """
    over = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        if over.is_set():
            raise KeyboardInterrupt
        over.set()

    if threading.current_thread() is not threading.main_thread():
        yield over
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield over
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# --- in a terminal -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Window:
    """The part of a view that a terminal has room for."""

    lines: list[str] = field(default_factory=list)
    top: int = 0

    def move(self, key: str, height: int) -> bool:
        """Move by a key; return whether that was one that moves."""
        step = {**dict.fromkeys(DOWN, 1), **dict.fromkeys(UP, -1)}
        step |= {**dict.fromkeys(PAGE_DOWN, height - 2), **dict.fromkeys(PAGE_UP, 2 - height)}
        if key not in step:
            return False
        self.top = max(0, min(self.top + step[key], len(self.lines) - height + 1))
        return True

    def shown(self, height: int) -> list[str]:
        """Return the lines there is room for, the last of which says what is left out."""
        if len(self.lines) <= height:
            self.top = 0
            return self.lines
        self.top = max(0, min(self.top, len(self.lines) - height + 1))
        below = len(self.lines) - self.top - height + 1
        said = f"{below} more below" if below > 0 else "the end"
        return [*self.lines[self.top : self.top + height - 1], f"{said}; j k space b move, q ends"]


def _on_screen(make: Make, every: float, over: threading.Event) -> None:
    from rich.console import Console
    from rich.live import Live

    console = Console(highlight=False, markup=False, emoji=False)
    window, shown, due, size = Window(), "", 0.0, console.size
    with _keys() as key, Live(console=console, screen=True, auto_refresh=False) as live:
        while not over.is_set():
            now, moved = time.monotonic(), console.size != size
            if now >= due or moved:
                due, size = now + every, console.size
                window.lines = _lines(make, console)
            text = "\n".join(window.shown(size.height))
            if text != shown or moved:
                shown = text
                live.update(_drawn(text), refresh=True)
            pressed = key(min(TICK_S, max(0.0, due - time.monotonic())))
            if pressed in QUIT:
                return
            window.move(pressed, size.height)


def _lines(make: Make, console: Console) -> list[str]:
    from quarterdeck.cli.render import as_text

    view, _ = make()
    return as_text(view, width=console.width, colour=not console.no_color).rstrip("\n").split("\n")


def _drawn(text: str) -> Text:
    from rich.text import Text

    drawn = Text.from_ansi(text)
    drawn.no_wrap = True
    drawn.overflow = "crop"
    return drawn


@contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """Read keys without waiting for a line, and without showing them; without a terminal to read from, just wait."""
    if not sys.stdin.isatty():
        yield _wait
        return
    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)
    tty.setcbreak(handle)
    try:
        yield lambda seconds: _key(handle, seconds)
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)


def _wait(seconds: float) -> str:
    time.sleep(seconds)
    return ""


def _key(handle: int, seconds: float) -> str:
    ready, _, _ = select.select([handle], [], [], seconds)
    if not ready:
        return ""
    pressed = os.read(handle, 16)
    return pressed.decode("utf-8", "replace") if pressed else QUIT[0]


# --- in a pipe -----------------------------------------------------------------------------------------------------


def _in_pipe(make: Make, every: float, over: threading.Event) -> None:
    from quarterdeck.cli.render import as_text
    from quarterdeck.cli.show import PIPED_WIDTH

    view, judged = make()
    _say(as_text(view, width=PIPED_WIDTH, colour=False))
    said = _said(view)
    while not over.wait(every):
        view, judged = make()
        now = _said(view)
        for line in changed(said, now, view, judged):
            _say(f"{line}\n")
        said = now


def _said(view: View) -> dict[str, tuple[str, str]]:
    """What counts as having changed: the status of each row and the rule it follows from."""
    return {row.subject: (row.judgement.status.value, row.judgement.rule) for row in view.rows}


def changed(
    before: Mapping[str, tuple[str, str]], now: Mapping[str, tuple[str, str]], view: View, judged: Judged
) -> Iterator[str]:
    """Return a line for each row that is another than before, or that is no longer there."""
    rows = {row.subject: row for row in view.rows}
    for subject in sorted({*before, *now}):
        if before.get(subject) == now.get(subject):
            continue
        judgement = judged.judgements.get(subject)
        name = rows[subject].name if subject in rows else subject
        status = "gone" if judgement is None else judgement.status.value
        reason = "no longer watched" if judgement is None else judgement.reason
        was = f"{before[subject][0]} → " if subject in before else ""
        yield f"{view.at:%H:%M:%S}  {was}{status}  {name}  {reason}"


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
