"""``quarterdeck show VIEW``: look once, without a server, and print the view.

Rule: the terminal prints what the view says, and nothing of its own. Exit codes: 0 everything ok,
1 something needs attention, 3 nothing worse than unknown or stale. (2 is a usage or settings error.)
"""

from __future__ import annotations

import sys

from quarterdeck.cli.look import Remember, Wanted, look
from quarterdeck.truth.judgement import Status
from quarterdeck.views.model import View

PIPED_WIDTH = 120
EXIT = {Status.OK: 0, Status.STALE: 3, Status.UNKNOWN: 3, Status.DEGRADED: 1, Status.DOWN: 1}


def show(wanted: Wanted, *, as_data: bool = False, remember: Remember | None = None) -> int:
    """Look once, print one view, and return the exit code.

    Raises:
        QuarterdeckError: when the view, the instance, a word, the moment or the settings are wrong.
    """
    view = look(wanted, remember).view
    sys.stdout.write(_data(view) if as_data else _text(view))
    return EXIT[view.rollup.status]


def _data(view: View) -> str:
    import json

    from quarterdeck.views.contract import as_json

    past = {"past": True} if view.past else {}
    return json.dumps(as_json(view) | past, ensure_ascii=False, indent=2) + "\n"


def _text(view: View) -> str:
    from quarterdeck.cli.render import as_text

    terminal = sys.stdout.isatty()
    return as_text(view, width=None if terminal else PIPED_WIDTH, colour=terminal)
