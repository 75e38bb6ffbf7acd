"""Whether there is a tailnet to ask of: its daemon is asked where its socket is, or where the settings count on it.

Rule: what asks it is loaded when it is asked. Most machines have none, and on the others looking begins before that.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from quarterdeck.settings import Settings
from quarterdeck.settings.access import TAILSCALED

if TYPE_CHECKING:
    from quarterdeck.sources.tailnet import TailnetSource


def tailnet(settings: Settings, host: str) -> Iterator[TailnetSource]:
    """Return the source that asks the tailnet's daemon, where there is one to ask."""
    place, server = settings.access.tailscaled, settings.server
    counted_on = server.tailnet or server.socket is not None or place != Path(TAILSCALED)
    if counted_on or os.path.exists(place):  # noqa: PTH110 -- a folder that may not be entered is no error to it
        from quarterdeck.sources.tailnet import TailnetSource  # noqa: PLC0415 -- the rule

        def proven() -> Collection[str]:
            from quarterdeck.access.proof import prove  # noqa: PLC0415 -- the rule

            return prove(place).addresses

        yield TailnetSource(host, place, proven)
