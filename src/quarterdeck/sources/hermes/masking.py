"""What is masked of an agent's texts: by us, by its policy, and by the agent, by what its own files say.

Rule: the agent asks its environment first and its configuration second, and masks credentials unless one of them says
no. What the unit of its gateway adds to the environment is not seen here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError, parse_text
from quarterdeck.sources.hermes import dotenv
from quarterdeck.sources.hermes.answers import Answer, Report, after, attempt, given
from quarterdeck.sources.hermes.credentials import ENV, LIMIT
from quarterdeck.sources.hermes.keys import FILES, Secrets
from quarterdeck.sources.hermes.model import CONFIG
from quarterdeck.sources.hermes.values import if_there
from quarterdeck.truth import fields as F  # noqa: N812 -- as in the judgement tables
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.reading import Origin

if TYPE_CHECKING:
    from quarterdeck.sources.hermes.config import Config

POLICY: Final = Origin("settings of Quarterdeck", "policy")
SWITCH: Final = "HERMES_REDACT_SECRETS"
YES: Final = frozenset({"1", "true", "yes", "on"})


def tell(
    report: Report, instance: Instance, home: Path, *, config: Answer[Config], secrets: Answer[Secrets], taken: int
) -> None:
    """Add what is known of the masking of an instance to the report."""
    about, policy = subject(instance.id, "redaction"), instance.policy
    report.tell(about, POLICY, F.MASKS_SECRETS, policy.redact_secrets)
    report.tell(about, POLICY, F.MASKS_PII, policy.redact_pii)
    report.tell(about, FILES, F.KNOWN_VALUES, after(secrets, _count))
    report.tell(about, FILES, F.WITHHELD, after(secrets, lambda _: taken))
    environment = attempt(_environment, home)
    if isinstance(environment, bool | SourceError):
        report.tell(about, ENV, F.AGENT_MASKS_SECRETS, environment)
    else:
        masks = after(config, lambda found: given(found.masks_secrets))
        report.tell(about, CONFIG, F.AGENT_MASKS_SECRETS, masks)
    report.tell(about, CONFIG, F.AGENT_MASKS_PII, after(config, lambda found: given(found.masks_pii)))


def _count(secrets: Secrets) -> int:
    if secrets.lost is not None:
        raise secrets.lost
    return len(secrets.known)


def _environment(home: Path) -> bool | None:
    """Return what the environment file says; None when it says nothing."""
    found = given(if_there(files.read_bytes, home / ENV.locator, limit=LIMIT))
    if found is None or SWITCH.encode() not in found.data:
        return None
    said = dict(dotenv.settings(parse_text(found.data))).get(SWITCH)
    return None if said is None else said.strip().lower() in YES
