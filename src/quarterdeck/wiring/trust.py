"""What is proven of the tailnet, and until when: whoever relies on it asks here.

Rule: a proof is worth as much as the last try. One that fails takes the place of every one before it.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quarterdeck.access.proof import Proof


class Trust:
    """Proves, and knows what the last try has proven."""

    def __init__(self, place: PurePath) -> None:
        self._place = place
        self._proof: Proof | None = None

    def prove(self) -> Proof:
        """Prove anew which addresses are the tailnet's.

        Raises:
            TrustError: when there is any doubt.
        """
        from quarterdeck.access.proof import prove  # noqa: PLC0415 -- who serves no tailnet need not load it

        self._proof = None
        self._proof = prove(self._place)
        return self._proof

    def daemon_uid(self) -> int | None:
        """Return under which user the tailnet's daemon runs; None where that is not proven."""
        return None if self._proof is None else self._proof.daemon_uid
