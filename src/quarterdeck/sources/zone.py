"""The zone of this machine's clock.

Rule: a zone has a name, or it is not known. The offset of the moment says nothing about the day when the clocks change.
"""

from __future__ import annotations

import os
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from quarterdeck.sources.files import SourceError
from quarterdeck.truth.reading import Origin, Reason

LOCALTIME = "/etc/localtime"
HOST_CLOCK = Origin("clock of the host", "localtime")
FOLDER = "zoneinfo/"


def host_zone(link: str = LOCALTIME) -> str:
    """Return the name of the zone this machine is set to; a machine that is set to none goes by UTC.

    Raises:
        SourceError: when it is set to something that names no zone.
    """
    try:
        target = os.readlink(link)
    except FileNotFoundError:
        return "UTC"
    except OSError:
        raise SourceError(Reason.MISSING, "is a copy and not a link: which zone it holds cannot be told") from None
    name = target.rpartition(FOLDER)[2].removeprefix("posix/").removeprefix("right/")
    if FOLDER in target and is_zone(name):
        return name
    raise SourceError(Reason.MISSING, "leads to something that names no zone")


def is_zone(name: str) -> bool:
    """Whether there is a zone of this name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
