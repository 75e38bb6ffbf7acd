"""Pages as data: pure functions from judged readings and a moment to what is shown.

Page, API and terminal render the same objects, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable

from quarterdeck.views.agents import agents
from quarterdeck.views.brief import brief
from quarterdeck.views.coverage import coverage
from quarterdeck.views.cron import cron
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import View
from quarterdeck.views.ops import ops

VIEWS: dict[str, Callable[[Judged, str], View]] = {
    "brief": brief,
    "agents": agents,
    "cron": cron,
    "ops": ops,
    "coverage": coverage,
}
"""Every view by name; each takes what was judged and the instance filter (an id, or ``all``)."""
