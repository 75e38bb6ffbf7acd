"""``quarterdeck up``: watch, and serve what is seen on 127.0.0.1, and in the tailnet where that is asked for.

Rule 1: only loopback, a unix socket and the proven address in the tailnet are bound, and there is no way to ask for
        anything else. What is asked for and cannot be proven at the start is an error.
Rule 2: looking begins before anything else is imported, the door and its ledger included, so that the first page has
        something to say.
Rule 3: it ends within two seconds of being told to, whatever a source or a visitor is waiting for.
"""

from __future__ import annotations

import gc
import logging
import os
import pkgutil
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from quarterdeck import __version__, settings, wiring
from quarterdeck.access.identity import Role
from quarterdeck.cli import logs
from quarterdeck.cli.notify import STOPPING, manager
from quarterdeck.cli.passwords import hand_over
from quarterdeck.errors import UsageError
from quarterdeck.redaction.clean import clean
from quarterdeck.settings import Settings

if TYPE_CHECKING:
    import uvicorn

    from quarterdeck.cli.pulse import Pulse

LOOPBACK: Final = "127.0.0.1"
HOUSE: Final = "quarterdeck.web.house:build"
ENTRANCES: Final = "quarterdeck.web.server:Entrances"
UNIX: Final = "quarterdeck.web.sockets:bound_unix"
"""Named, not imported: what is served here is no business of the terminal's."""

TURN_S: Final = 0.0005
"""How long a thread that works keeps the interpreter when another one wants it: pages must not wait for the collector.
"""

COLLECTIONS: Final = (10_000, 20, 10)
"""When garbage is collected: seldom, because what is known of a large fleet is a million objects that change all the
time, and going through all of them takes a fifth of a second. But it must be: a rendered template leaves rings.
What was loaded to begin is no garbage, and is not gone through again."""

NAMED: Final = 8
"""Instances that are named at the start; of more, the number is said."""


def up(homes: Sequence[Path], port: int | None, config: Path | None) -> int:
    """Serve until told to stop; return the exit code.

    Raises:
        QuarterdeckError: when the settings are wrong or the port is taken.
    """
    told = manager()
    hand_over()
    decided = settings.load(config, homes)
    log = logs.configure(clean)
    with listening(decided.port if port is None else port) as listener:
        # The port that was taken, not the one that was asked for, is what nobody else may reach.
        deck = wiring.build(decided._replace(port=listener.getsockname()[1]), log=log, remember=True)
        with deck.running():
            from quarterdeck.cli.pulse import Pulse

            pulse = Pulse(told, deck.collector, missed=logging.getLogger(__name__).warning)
            serve(deck, listener, pulse)
            told.tell(STOPPING)
    return 0


@contextmanager
def listening(port: int) -> Iterator[socket.socket]:
    """Take a port on loopback.

    Raises:
        UsageError: when that cannot be done.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except PermissionError:
            raise UsageError(f"Port {port} is for root alone", "Choose one above 1023 with --port.") from None
        except OSError:
            raise UsageError(
                f"Port {port} on {LOOPBACK} is taken",
                "Perhaps Quarterdeck runs already: open the address. Otherwise choose another port with --port.",
            ) from None
        listener.listen(socket.SOMAXCONN)
        yield listener


def serve(deck: wiring.Deck, listener: socket.socket, pulse: Pulse | None = None) -> None:
    """Serve pages on a port that was taken, until the process is told to stop.

    Raises:
        QuarterdeckError: when a way in that is asked for cannot be proven or taken, or nobody can be let in.
    """
    from quarterdeck.cli.enter import address
    from quarterdeck.cli.heap import give_back
    from quarterdeck.wiring.entrance import entrance
    from quarterdeck.wiring.trust import Trust

    give_back()
    decided, port = deck.settings, listener.getsockname()[1]
    door = entrance(decided)
    with door.kept(), _served(decided.server.socket) as served:
        trust = Trust(decided.access.tailscaled)
        asked = decided.server.tailnet or served is not None
        if asked:
            trust.prove()
        ways = pkgutil.resolve_name(ENTRANCES)(
            listener, port, decided.server.tailnet, served, decided.server.names, trust.prove if asked else None
        )
        build = pkgutil.resolve_name(HOUSE)
        front, server = build(deck, door, trust, ways, () if pulse is None else (pulse.run,))
        sys.setswitchinterval(TURN_S)
        gc.freeze()
        gc.set_threshold(*COLLECTIONS)
        gc.enable()
        way_in = None if logs.is_kept(sys.stdout) else address(port, door.tokens.offer(Role.OPERATOR).value)
        sys.stdout.write(greeting(decided, port, way_in, deck.banner))
        sys.stdout.flush()
        if front.note:
            sys.stderr.write(f"{front.note}\n")
        front.until(lambda: server.should_exit)
        with stopping(server):
            server.run()


@contextmanager
def _served(path: Path | None) -> Iterator[socket.socket | None]:
    """Take the unix socket for ``tailscale serve``, and take it away at the end."""
    if path is None:
        yield None
        return
    try:
        taken: socket.socket = pkgutil.resolve_name(UNIX)(path)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else "its name is too long, or somebody listens there"
        raise UsageError(
            f"The unix socket of [server] cannot be taken: {why.lower()}",
            "Its folder must be there and ours, nobody else may change it (`chmod go-w`), and no other hub may use it.",
        ) from None
    try:
        yield taken
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def stopping(server: uvicorn.Server) -> Iterator[None]:
    """Stop the server when the process is told to, also before and after the time in which it listens by itself.

    The server passes a signal on when it has ended; for us that is no reason to die of it.
    """

    def stop(_signal: int, _frame: object) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def greeting(decided: Settings, port: int, way_in: str | None = None, banner: str | None = None) -> str:
    """Say where the pages are, how to come in, and what is watched."""
    instances = decided.instances
    lines = [f"Quarterdeck {__version__} on http://{LOOPBACK}:{port}"]
    lines.append("`quarterdeck enter` makes a way in." if way_in is None else f"Come in, once: {way_in}")
    if banner is not None:
        lines.append(banner)
    if not instances:
        lines.append("No agent is found. Name a home with --home DIR, or see `quarterdeck doctor`.")
    elif len(instances) <= NAMED:
        lines += [f"  {one.id}: {one.home or one.snapshot}" for one in instances]
    else:
        lines.append(f"  {len(instances)} instances")
    lines += [*decided.notes, "Ctrl-C stops it."]
    return "\n".join(lines) + "\n"
