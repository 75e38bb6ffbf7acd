"""Where the parts are put together: see ``deck``."""

from __future__ import annotations

from quarterdeck.wiring.deck import Deck, Holders, build, user_name, utc_now

__all__ = ["Deck", "Holders", "build", "user_name", "utc_now"]
