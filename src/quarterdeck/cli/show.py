"""``quarterdeck show VIEW``: look once, without a server, and print the view.

Rule: the terminal prints what the view says, and nothing of its own. Exit codes: 0 everything ok,
1 something needs attention, 3 nothing worse than unknown or stale. (2 is a usage or settings error.)
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from quarterdeck.errors import UsageError
from quarterdeck.truth.instance import ALL
from quarterdeck.truth.judgement import Status
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import View

PIPED_WIDTH = 120
DEADLINE_S = 6.0
"""Seconds to wait for the slowest source; whatever has not answered by then is unknown for that reason."""
EXIT = {Status.OK: 0, Status.STALE: 3, Status.UNKNOWN: 3, Status.DEGRADED: 1, Status.DOWN: 1}


def show(
    name: str,
    *,
    homes: Sequence[Path] = (),
    instance: str | None = None,
    as_data: bool = False,
    config: Path | None = None,
) -> int:
    """Collect once, print one view, and return the exit code.

    Raises:
        QuarterdeckError: when the view, the instance or the settings are wrong.
    """
    from quarterdeck import settings, wiring

    if name not in VIEWS:
        raise UsageError(f"There is no view called {name}", f"Ask for one of: {', '.join(VIEWS)}.")
    deck = wiring.build(settings.load(config, homes))
    snapshot = deck.collector.collect(DEADLINE_S)
    judged = Judged(snapshot, deck.clock())
    chosen = ALL if instance is None else instance
    if chosen != ALL and chosen not in judged.instances:
        raise UsageError(f"No instance is called {chosen}", f"Ask for {ALL} or one of: {', '.join(judged.instances)}.")
    view = VIEWS[name].make(judged, Asked(chosen), None)
    sys.stdout.write(_data(view) if as_data else _text(view))
    return EXIT[view.rollup.status]


def _data(view: View) -> str:
    import json

    from quarterdeck.views.contract import as_json

    return json.dumps(as_json(view), ensure_ascii=False, indent=2) + "\n"


def _text(view: View) -> str:
    from quarterdeck.cli.render import as_text

    terminal = sys.stdout.isatty()
    return as_text(view, width=None if terminal else PIPED_WIDTH, colour=terminal)
