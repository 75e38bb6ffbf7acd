"""What is wrong now, grouped into incidents: the same for the brief, the alerts and everything that counts them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import Field
from quarterdeck.truth.findings import find
from quarterdeck.truth.forge import PARTS
from quarterdeck.truth.incidents import Incident, Setting, incidents
from quarterdeck.truth.instance import Instance, instance_of, subject
from quarterdeck.truth.reading import Known, Unavailable
from quarterdeck.views.judged import Judged, needs_somebody
from quarterdeck.views.model import Row
from quarterdeck.views.rows import row

TELLS_NOTHING = frozenset({"silent", "denied", "resting", "token lacks scopes"})
"""What may be said of a forge that leaves what it should tell unknown."""


def open_incidents(judged: Judged, instance: str) -> tuple[Incident, ...]:
    """Return what is wrong over a filter, the most severe first."""
    verdicts = (judged.judgements[name] for name in judged.of(*kinds(judged), instance=instance))
    trouble = filter(needs_somebody, verdicts)
    return incidents(find(trouble, owners_of(judged)), settings_of(judged))


def incident_row(judged: Judged, incident: Incident) -> Row:
    """Make the row of an incident: that of its lead, with the others folded under it."""
    folded = tuple(each.subject for each in incident.members[1:])
    return row(judged, incident.lead.subject, folded=folded, matter=incident)


def owners_of(judged: Judged) -> Mapping[str, str]:
    """Return the gateway that each unit runs, as systemd's word on the gateway names it, where listeners lead, and
    which forge it is that does not tell of work.

    What an exporter says of a unit is of its own user's systemd, whose units have no subject here.
    """
    found = {}
    for name in judged.of("gateway"):
        reading = judged.fields.get(name, {}).get(F.UNIT.name)
        manager = reading.origin.source.removeprefix("systemd (").removesuffix(")") if reading is not None else ""
        exported = _said(judged, subject(instance_of(name)), F.LEARNT_BY) == "exporter"
        if isinstance(reading, Known) and reading.value is not None and not exported:
            found[f"systemd:{manager}/{reading.value}"] = name
    return found | dict(_ways_from(judged)) | dict(_untold(judged))


def _untold(judged: Judged) -> Iterator[tuple[str, str]]:
    """Return what is made of what a forge tells, each with the forge that does not."""
    lost = [name for name in judged.of("forge") if judged.judgements[name].rule in TELLS_NOTHING]
    for name in lost:
        yield from ((f"{name}/{queue}", name) for queue in ("reviews", "board"))
    for name in judged.of("work") if lost else ():
        yield name, lost[0]


def _ways_from(judged: Judged) -> Iterator[tuple[str, str]]:
    """Return the listeners at which a way in begins, each with what it leads to."""
    hosts = judged.of("host")
    for name in judged.of("exposure"):
        for chain in _said(judged, name, F.EXPOSED) or ():
            yield from ((f"{host}/listener/{chain[0]}", name) for host in hosts)


def settings_of(judged: Judged) -> Mapping[str, Setting]:
    """Return where each instance lives and what it runs on, also when that was read some time ago."""
    hosts, homes = _hosts(judged), {one.home: one.id for one in judged.instances.values() if one.home is not None}
    return {one.id: _setting(judged, one, hosts, homes) for one in judged.instances.values()}


def _setting(judged: Judged, one: Instance, hosts: Mapping[str, str], homes: Mapping[Any, str]) -> Setting:
    return Setting(
        hosts.get(one.id),
        _said(judged, subject(one.id, "model"), F.PROVIDER),
        _said(judged, subject(one.id, "model"), F.MODEL),
        _said(judged, subject(one.id), F.AGENT_VERSION),
        homes.get(one.root, one.id),
    )


def _hosts(judged: Judged) -> dict[str, str]:
    """The host of each instance: the one on whose file system its home lies."""
    found: dict[str, str] = {}
    for name in judged.of("disk"):
        host = name.partition(":")[2].partition("/")[0]
        found |= dict.fromkeys(_said(judged, name, F.DISK_OF) or (), host)
    return found


def _said(judged: Judged, name: str, field: Field[Any]) -> Any:  # noqa: ANN401 -- whatever the field holds
    """What was last said of a field. What an instance shares with others does not end when nobody can read it."""
    reading = judged.fields.get(name, {}).get(field.name)
    last = reading.last if isinstance(reading, Unavailable) else reading
    return None if last is None else last.value


def kinds(judged: Judged) -> frozenset[str]:
    """Return the kinds of everything that is told of by itself: not those that others say all of at once."""
    return judged.places.kinds - PARTS
