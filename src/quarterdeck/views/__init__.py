"""Pages as data: pure functions from judged readings and a moment to what is shown.

Page, API and terminal render the same objects, so they cannot disagree.
"""

from __future__ import annotations

from quarterdeck.views import alerts, changes, history, runs, session, sessions, timeline
from quarterdeck.views.agents import agents
from quarterdeck.views.board import PARAMS as OF_BOARD
from quarterdeck.views.board import board
from quarterdeck.views.brief import brief
from quarterdeck.views.coverage import coverage
from quarterdeck.views.credentials import credentials
from quarterdeck.views.cron import cron
from quarterdeck.views.exposure import exposure
from quarterdeck.views.ops import ops
from quarterdeck.views.products import products
from quarterdeck.views.reviews import PARAMS as OF_REVIEWS
from quarterdeck.views.reviews import reviews
from quarterdeck.views.spec import Spec

VIEWS: dict[str, Spec] = {
    "brief": Spec("Brief", brief, "b", template="brief.html"),
    "agents": Spec("Agents", agents, "a", template="table.html"),
    "reviews": Spec("Reviews", reviews, "r", params=OF_REVIEWS, template="reviews.html"),
    "cron": Spec("Cron", cron, "c", template="table.html"),
    "board": Spec("Board", board, "d", params=OF_BOARD, template="board.html"),
    "sessions": Spec("Sessions", sessions.sessions, "s", sessions.recall, sessions.PARAMS, "sessions.html"),
    "products": Spec("Products", products, "p", template="products.html"),
    "ops": Spec("Ops", ops, "o", template="ops.html"),
    "credentials": Spec("Credentials", credentials, "k", template="credentials.html"),
    "exposure": Spec("Exposure", exposure, "e", template="exposure.html"),
    "alerts": Spec("Alerts", alerts.alerts, "l", alerts.recall, alerts.PARAMS, "alerts.html"),
    "history": Spec("History", history.history, "h", history.recall, history.PARAMS, "history.html"),
    "session": Spec("Session", session.session, "", session.recall, session.PARAMS, "session.html"),
    "coverage": Spec("Coverage", coverage, "v", template="coverage.html"),
    "changes": Spec("Changes", changes.changes, "", changes.recall, changes.PARAMS, "changes.html"),
    "runs": Spec("Runs", runs.runs, "", runs.recall, runs.PARAMS, "runs.html"),
    "timeline": Spec("Timeline", timeline.timeline, "", timeline.recall, timeline.PARAMS, "timeline.html"),
}
"""Every view by name, in the order of the navigation."""
