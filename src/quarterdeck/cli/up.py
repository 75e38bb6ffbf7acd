"""``quarterdeck up``: watch, and serve what is seen on 127.0.0.1.

Rule 1: only loopback is bound, and there is no way to ask for anything else.
Rule 2: looking begins before anything else is imported, so that the first page has something to say.
Rule 3: it ends within two seconds of being told to, whatever a source or a visitor is waiting for.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import pkgutil
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from quarterdeck import __version__, settings, wiring
from quarterdeck.cli.discreet import DiscreetFormatter, say_when_a_thread_fails
from quarterdeck.cli.notify import STOPPING, manager
from quarterdeck.cli.passwords import hand_over
from quarterdeck.cli.pulse import Pulse
from quarterdeck.errors import UsageError
from quarterdeck.settings import Settings

if TYPE_CHECKING:
    import uvicorn

LOOPBACK: Final = "127.0.0.1"
PAGES: Final = "quarterdeck.web.app:create_app"
"""Named, not imported: what is served here is no business of the terminal's."""

GRACE_S: Final = 1
"""Seconds that visitors get to end their requests."""

TURN_S: Final = 0.0005
"""How long a thread that works keeps the interpreter when another one wants it: pages must not wait for the collector.
"""

COLLECTIONS: Final = (10_000, 20, 10)
"""When garbage is collected: seldom, because what is known of a large fleet is a million objects that change all the
time, and going through all of them takes a fifth of a second. But it must be: a rendered template leaves rings."""

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
    log_discreetly()
    with listening(decided.port if port is None else port) as listener:
        deck = wiring.build(decided, log=StandardError(), remember=True)
        with deck.running():
            serve(deck, listener, decided, Pulse(told, deck.collector, missed=logging.getLogger(__name__).warning))
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


def serve(deck: wiring.Deck, listener: socket.socket, decided: Settings, pulse: Pulse | None = None) -> None:
    """Serve pages on a port that was taken, until the process is told to stop."""
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            self.pulse = None if pulse is None else asyncio.create_task(pulse.run())

    create_app = pkgutil.resolve_name(PAGES)
    pages = create_app(deck)
    server = Server(
        uvicorn.Config(
            pages,
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            log_level=logging.WARNING,
            timeout_graceful_shutdown=GRACE_S,
            lifespan="off",
        )
    )
    sys.setswitchinterval(TURN_S)
    gc.set_threshold(*COLLECTIONS)
    sys.stdout.write(greeting(decided, listener.getsockname()[1], deck.banner))
    sys.stdout.flush()
    if pages.note:
        sys.stderr.write(f"{pages.note}\n")
    pages.until(lambda: server.should_exit)
    with stopping(server):
        server.run(sockets=[listener])


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


def greeting(decided: Settings, port: int, banner: str | None = None) -> str:
    """Say where the pages are and what is watched."""
    instances = decided.instances
    lines = [f"Quarterdeck {__version__} on http://{LOOPBACK}:{port}"]
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


class StandardError:
    """A log that writes a line to standard error for each event. It costs nothing before there is one."""

    def info(self, event: str, **fields: object) -> None:
        """Write that something is well again."""
        _logger().info(event, **fields)

    def warning(self, event: str, **fields: object) -> None:
        """Write that something is not well."""
        _logger().warning(event, **fields)


@cache
def _logger() -> Any:  # noqa: ANN401 -- as the library types it
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    return structlog.get_logger()


def log_discreetly() -> None:
    """What libraries and threads have to say of errors must not quote what was read."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(DiscreetFormatter("%(asctime)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    say_when_a_thread_fails()
