"""``quarterdeck exposure``: look once, and say whether anything that should be private can be reached from beyond.

Exit codes: 0 everything is private, 1 something can be reached from beyond, 3 it cannot be told. (2 is a usage or
settings error.)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from quarterdeck.cli.look import Wanted, look
from quarterdeck.cli.render import as_text
from quarterdeck.truth.judgement import Status
from quarterdeck.views.contract import as_json
from quarterdeck.views.model import View

NAME: Final = "exposure"
PIPED_WIDTH: Final = 100
CODES: Final = {Status.OK: 0, Status.DEGRADED: 1, Status.DOWN: 1, Status.UNKNOWN: 3, Status.STALE: 3}


def exposure(config: Path | None, *, as_data: bool) -> int:
    """Look once and print what was found; return the exit code.

    Raises:
        QuarterdeckError: when the settings are wrong.
    """
    view = look(Wanted(NAME, config=config)).view
    if as_data:
        sys.stdout.write(json.dumps(as_json(view), ensure_ascii=False, indent=2) + "\n")
    else:
        terminal = sys.stdout.isatty()
        sys.stdout.write(as_text(view, width=None if terminal else PIPED_WIDTH, colour=terminal))
    return exit_code(view)


def exit_code(view: View) -> int:
    """Return the code of the worst that is said of anything protected; nothing is private that nobody looked at."""
    found = [row.judgement.status for row in view.rows if row.kind == NAME]
    return CODES[max(found, key=lambda status: status.rank, default=Status.UNKNOWN)]
