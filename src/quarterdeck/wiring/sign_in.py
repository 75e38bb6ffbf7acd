"""Those who say who somebody is beside the tailnet, as the settings name them.

What they need is loaded only where somebody named them: signatures take longer to load than the pages.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from quarterdeck.settings import Settings

if TYPE_CHECKING:
    from quarterdeck.access.bearer import Bearer
    from quarterdeck.access.forge_login import ForgeLogin


def bearers(settings: Settings, now: Callable[[], datetime]) -> Bearer | None:
    """Return who knows the bearers of an issuer's tokens."""
    if settings.access.bearer is None:
        return None
    from quarterdeck.access.bearer import Bearer  # noqa: PLC0415 -- see above

    return Bearer(settings.access.bearer, now)


def forge_login(settings: Settings, now: Callable[[], datetime]) -> ForgeLogin | None:
    """Return who signs people in through their forge."""
    if settings.access.forge is None:
        return None
    from quarterdeck.access.forge_login import ForgeLogin  # noqa: PLC0415 -- see above

    return ForgeLogin(settings.access.forge, now)
