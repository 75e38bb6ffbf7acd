"""Credentials: every secret that an agent or Quarterdeck itself uses, without the secret.

Rule 1: of each it is said where it lies, who may read it, how old it is, what it may do and until when. A value has no
        field it could stand in.
Rule 2: what is wrong comes first, agent by agent; our own come last.
Rule 3: of an agent that is read by its exporter nobody can say whether another one has the same secrets: a page that
        does not know that says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import Field, kind_of
from quarterdeck.truth.instance import ALL, instance_of, subject
from quarterdeck.truth.reading import Known
from quarterdeck.views.asked import Asked
from quarterdeck.views.frame import Page
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import Column, Gap, View
from quarterdeck.views.rows import build
from quarterdeck.views.words import Show, moment

WHOLE = "credentials"
EACH = "credential"


def _column(title: str, field: Field[object], how: Show | None = None) -> Column:
    return Column(field.name, title, {EACH: field}, how)


def _noted(value: object, _: object) -> str:
    """What a scope column says where nobody wrote one down; ``none`` would read as no right at all."""
    return ", ".join(value) if isinstance(value, tuple) and value else "not noted"


def _ends(value: object, now: datetime) -> str:
    return "not noted" if value is None else moment(value, now)


def _nobody(value: object, _: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) and value else "nobody"


COLUMNS = (
    _column("For", F.CREDENTIAL_PURPOSE),
    _column("Provider", F.CREDENTIAL_PROVIDER),
    _column("Form", F.CREDENTIAL_FORM),
    _column("Scope", F.CREDENTIAL_SCOPES, _noted),
    _column("File", F.CREDENTIAL_KEPT_IN),
    _column("Mode", F.CREDENTIAL_MODE),
    _column("Owner", F.CREDENTIAL_OWNER),
    _column("Readable by", F.CREDENTIAL_OPEN_TO),
    _column("Made", F.CREDENTIAL_MADE_AT),
    _column("Dated by", F.CREDENTIAL_MADE_BY),
    _column("Last use", F.CREDENTIAL_USED_AT),
    _column("Ends", F.CREDENTIAL_ENDS_AT, _ends),
    _column("Same as in", F.CREDENTIAL_SHARED_WITH, _nobody),
)


def credentials(judged: Judged, asked: Asked, _recalled: object = None) -> View:
    """Return the credentials view over a filter: of each agent its logins as a whole, then each, the worst first."""
    rank = {one: place for place, one in enumerate(judged.instances)}  # as in the settings; what is ours comes last

    def place(name: str) -> tuple[int, str, bool, int, str]:
        owner = instance_of(name)
        trouble = judged.judgements[name].status.rank
        return rank.get(owner, len(rank)), owner, kind_of(name) == EACH, -trouble, name

    names = sorted(judged.of(WHOLE, EACH, instance=asked.instance), key=place)
    rows, gaps = build(judged, names, COLUMNS), tuple(_gaps(judged, asked.instance))
    return Page(judged, asked).view("credentials", "Credentials", names, rows=rows, columns=COLUMNS, gaps=gaps)


def _gaps(judged: Judged, instance: str) -> Iterator[Gap]:
    told = {one: judged.facts(subject(one)).reading(F.LEARNT_BY) for one in judged.instances if instance in (ALL, one)}
    exported = [found for found in told.values() if isinstance(found, Known) and found.value == "exporter"]
    if exported and len(judged.instances) > 1:
        of = "It is" if len(exported) == len(told) == 1 else f"{len(exported)} of {len(told)} agents are"
        why = f"{of} read by an exporter, which compares with nobody: whether another has the same secret is not known."
        yield Gap(instance, "shared secrets", why, "", tuple(exported[:1]))
