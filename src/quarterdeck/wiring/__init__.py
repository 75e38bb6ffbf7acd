"""Where the parts are put together: see ``deck``."""

from __future__ import annotations

from quarterdeck.wiring.deck import Deck, Holders, build, user_name, utc_now
from quarterdeck.wiring.memory import Found, Memory, find_history, looking_back

__all__ = ["Deck", "Found", "Holders", "Memory", "build", "find_history", "looking_back", "user_name", "utc_now"]
