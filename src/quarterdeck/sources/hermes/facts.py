"""What there is to know of an instance as a whole.

Rule: a marker counts by being there, whatever it holds; that is how the agent reads its own markers. The pause sentinel
of a root home pauses its profiles as well.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING

from quarterdeck.sources import files
from quarterdeck.sources.hermes.answers import Answer, Report, after, attempt
from quarterdeck.sources.hermes.model import CONFIG
from quarterdeck.sources.hermes.release import Release, version
from quarterdeck.sources.hermes.values import is_there
from quarterdeck.truth import fields as F  # noqa: N812 -- as in the judgement tables
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.reading import Origin

if TYPE_CHECKING:
    from quarterdeck.sources.hermes.config import Config

OWNER = Origin("file system", ".")
SENTINEL = Origin("pause sentinel", "ESTOP")
UPDATE = Origin("markers of an update", ".update_pending.json")
RELEASE = Origin("release installed beside the gateway", "hermes_agent dist-info")
WAY = Origin("Quarterdeck", ".")

UPDATE_BEGUN = (".update_pending.json", ".update_pending.claimed.json")
UPDATE_DONE = ".update_exit_code"


def tell(
    report: Report,
    instance: Instance,
    home: Path,
    *,
    config: Answer[Config],
    release: Answer[Release | None],
) -> None:
    """Add what is known of an instance as a whole to the report."""
    whole = subject(instance.id)
    homes = [home, *([Path(instance.root)] if instance.root else [])]
    report.tell(whole, OWNER, F.OS_USER, attempt(_owner, home))
    report.tell(whole, SENTINEL, F.HALTED, attempt(lambda: any(is_there(each / SENTINEL.locator) for each in homes)))
    report.tell(whole, UPDATE, F.UPDATING, attempt(_updating, home))
    report.tell(whole, RELEASE, F.AGENT_VERSION, after(release, version))
    report.tell(whole, CONFIG, F.CONFIG_VERSION, after(config, lambda found: found.version))
    report.tell(whole, WAY, F.LEARNT_BY, "home")


def _owner(home: Path) -> str:
    with files.translated():
        uid = os.stat(home).st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # an owner without a name, as in containers
        return str(uid)


def _updating(home: Path) -> bool:
    """An update notes its exit code when it is done; the gateway clears its notes away later."""
    return any(is_there(home / name) for name in UPDATE_BEGUN) and not is_there(home / UPDATE_DONE)
