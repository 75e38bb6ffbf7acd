"""A hub whose collector hangs in the middle of a turn after some looks, while its event loop goes on answering.

It is what no hub may be: alive to whoever asks whether the process is there, and blind.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from datetime import UTC, datetime

from quarterdeck.cli.notify import manager
from quarterdeck.cli.pulse import Pulse
from quarterdeck.sources.collector import Collector
from tests.fakes.sources import SteadySource

LOOKS = 30


class HangingSource(SteadySource):
    """A source that holds up whoever asks how often it wants to be looked at: the collector itself."""

    def __init__(self) -> None:
        self._every_s = 0.1
        super().__init__("hanging")

    @property
    def every_s(self) -> float:
        if self.looks >= LOOKS:
            threading.Event().wait()
        return self._every_s

    @every_s.setter
    def every_s(self, value: float) -> None:
        """It decides that by itself."""


async def main() -> None:
    collector = Collector((HangingSource(),), (), lambda: datetime.now(UTC))
    threading.Thread(target=collector.run, daemon=True).start()
    await Pulse(manager(), collector, missed=logging.warning).run()


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr)
    asyncio.run(main())
