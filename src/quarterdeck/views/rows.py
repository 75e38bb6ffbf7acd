"""From judged subjects to rows: names, cells, links and disputes."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote
from typing import TypeVar, cast

from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- as above
from quarterdeck.truth.fields import Field, field_for, kind_of
from quarterdeck.truth.forge import PASSING, ref_of
from quarterdeck.truth.incidents import Incident
from quarterdeck.truth.instance import ALL, Instance, instance_of, subject
from quarterdeck.truth.reading import Known, Unavailable
from quarterdeck.truth.witnesses import contradictions
from quarterdeck.views.escape import quoted
from quarterdeck.views.judged import Judged
from quarterdeck.views.lazy import Rows
from quarterdeck.views.model import Cell, Column, Link, Row

T = TypeVar("T")

NAMES = {
    "instance": "Home of {owner}",
    "gateway": "Gateway of {owner}",
    "scheduler": "Cron of {owner}",
    "sessions": "Sessions of {owner}",
    "session": "Session {id}",
    "ledger": "Session ledger of {owner}",
    "model": "Model of {owner}",
    "credentials": "Logins of {owner}",
    "credential": "{id}",
    "kanban": "Task board of {owner}",
    "inventory": "Memory and skills of {owner}",
    "logs": "Log of {owner}",
    "redaction": "Redaction of {owner}",
    "job": "Job {id}",
    "host": "Host {owner}",
    "disk": "Disk {id}",
    "listener": "Listener {id}",
    "tailnet": "Tailnet of {owner}",
    "unit": "Unit {id}",
    "timer": "Timer {id}",
    "service": "Service {id}",
    "repository": "Repository {id}",
    "source": "Source {owner}",
    "exposure": "Ways to {owner}",
    "network": "Sockets of {owner}",
    "forwarder": "Ways through {id}",
    "route": "{id}",
    "forge": "Forge {owner}",
    "repo": "{id}",
    "pull": "{id}",
    "card": "{id}",
    "reviews": "Reviews on {owner}",
    "board": "Board of {owner}",
    "work": "Work of {owner}",
}
GIVEN = {
    "job": (F.JOB_NAME, "Job “{}”"),
    "service": (F.SERVICE_LABEL, "{}"),
    "repository": (F.REPOSITORY_LABEL, "{}"),
    "forge": (G.FORGE_LABEL, "{}"),
}
"""Kinds that somebody may have named: which fact says how, and how that is written."""
TITLES = {"pull": G.PULL_TITLE, "card": G.CARD_TITLE}
"""Kinds that are told by repository, number and title; the title stands also when it was read some time ago."""
WAYS_IN = ("exposure", "network", "forwarder", "route")
OF_WORK = {
    **dict.fromkeys(("forge", "repo", "reviews", "pull"), "reviews"),
    **dict.fromkeys(("board", "card"), "board"),
    "work": "agents",
}
"""Where the kinds of a forge have their row."""
PAGES = {
    "gateway": "agents",
    "job": "cron",
    "scheduler": "cron",
    "timer": "cron",
    "source": "coverage",
    "service": "products",
    "credential": "credentials",
    **dict.fromkeys(WAYS_IN, "exposure"),
    **OF_WORK,
}
"""Where a kind of subject has its row; every other has it on ops."""
WAYS = {
    "service": (("Open it", F.SERVICE_LINK), ("Runbook", F.SERVICE_RUNBOOK)),
    "repository": (("Open it", F.REPOSITORY_LINK), ("Runbook", F.REPOSITORY_RUNBOOK)),
    "forge": (("Open it", G.FORGE_LINK),),
    "repo": (("Open it", G.REPO_LINK),),
    "pull": (("Open it", G.PULL_LINK),),
    "card": (("Open it", G.CARD_LINK),),
    "work": (("Open its task", G.TASK_LINK),),
}
"""Addresses elsewhere that the settings, or the forge, give for a kind of subject."""
PATHS = {
    "gateway": "gateway.lock",
    "scheduler": "cron/jobs.json",
    "sessions": "state.db",
    "model": "config.yaml",
    "credentials": "auth.json",
    "kanban": "kanban.db",
    "inventory": "skills",
    "logs": "logs/errors.log",
    "redaction": "config.yaml",
}
"""Where in the home an operator looks next."""


def build(judged: Judged, names: Sequence[str], columns: tuple[Column, ...] = ()) -> Rows:
    """Make a row of each subject, when somebody looks at it."""
    return Rows([judged.judgements[name] for name in names], lambda place: row(judged, names[place], columns))


def build_whole(judged: Judged, names: Sequence[str]) -> Rows:
    """Make a row of each subject with whatever has been reported of it, when somebody looks at it."""
    return Rows([judged.judgements[name] for name in names], lambda place: whole(judged, names[place]))


def row(
    judged: Judged,
    name: str,
    columns: tuple[Column, ...] = (),
    folded: tuple[str, ...] = (),
    matter: Incident | None = None,
) -> Row:
    """Make the row of one subject."""
    kind, facts = kind_of(name), judged.facts(name)
    cells = tuple(Cell(c, facts.reading(c.fields[kind]) if kind in c.fields else None) for c in columns)
    disputes = contradictions(facts) if kind == "gateway" else ()
    title = title_of(judged, name)
    return Row(
        name,
        kind,
        owner_of(judged, name),
        title,
        judged.judgements[name],
        cells,
        links(judged, name),
        disputes,
        folded,
        matter,
    )


def owner_of(judged: Judged, name: str) -> str:
    """Return the instance a subject belongs to: by its id, or, of a listener, by the process that listens."""
    found = instance_of(name)
    if kind_of(name) == "listener":
        said = judged.facts(name).get(F.LISTENER_OF)
        found = said if said in judged.instances else found
    return found or ALL


def whole(judged: Judged, name: str) -> Row:
    """Make a row whose columns are whatever has been reported of its subject."""
    columns = tuple(_column(name, field) for field in sorted(judged.reported.get(name, ())) if field_for(name, field))
    return row(judged, name, columns)


def _column(subject: str, field: str) -> Column:
    declared = field_for(subject, field)
    return Column(field, field.replace("_", " "), {kind_of(subject): declared} if declared else {})


def title_of(judged: Judged, name: str) -> str:
    """Name a subject for people: its given name where the policy lets it through, else its id."""
    kind = kind_of(name)
    if kind in PASSING:
        return f"{ref_of(name)} {last_said(judged, name, TITLES[kind]) or ''}".strip()
    if kind in GIVEN:
        field, form = GIVEN[kind]
        given = judged.fields.get(name, {}).get(field.name)
        if isinstance(given, Known) and f"forge:{given.value}" != name:  # by its id alone a forge is no name
            return form.format(given.value)  # a policy that no longer lets a name through has the last word
    owner, _, path = name.partition(":")[2].partition("/")
    instance = judged.instances.get(owner) if instance_of(name) == owner else None
    last = path.partition("/")[2] or path
    return NAMES.get(kind, "{id}").format(owner=instance.label if instance else _scheme_owner(name), id=last or owner)


def last_said(judged: Judged, name: str, field: Field[T]) -> T | None:
    """Return what was last said of a field, however long ago: for names and ways, never for deciding."""
    reading = judged.fields.get(name, {}).get(field.name)
    last = reading.last if isinstance(reading, Unavailable) else reading
    return None if last is None else cast("T", last.value)


def _scheme_owner(name: str) -> str:
    scheme, _, rest = name.partition(":")
    return "Quarterdeck" if scheme == "quarterdeck" else rest.partition("/")[0]


def links(judged: Judged, name: str) -> tuple[Link, ...]:
    """Return what an operator can follow or paste from this subject."""
    kind, owner = kind_of(name), instance_of(name)
    found = [Link("id", name, "Subject")]
    if kind == "job":
        found += [Link("id", name.rpartition("/")[2], "Job id"), Link("path", "cron/jobs.json", "File")]
    elif kind in ("unit", "timer"):
        found += _unit_links(name)
    elif kind == "listener":
        found += _listener_links(judged, name)
    elif kind in PATHS:
        found.append(Link("path", PATHS[kind], "File"))
    instance = judged.instances.get(owner)
    if kind == "gateway" and instance is not None:
        found += _gateway_links(judged, name, instance)
    for label, field in WAYS.get(kind, ()):
        address = last_said(judged, name, field)
        if address is not None:
            found.append(away(label, address))
    if kind in ("job", "timer"):
        found.append(Link("page", "runs", "Runs", f"/runs?subject={quoted(name)}"))
    if owner != ALL or kind in OF_WORK:
        page = PAGES.get(kind, "ops")
        found.append(Link("page", f"{page}, {owner}", "Page", place_of(name)))
    found.append(Link("page", "timeline", "Timeline", f"/timeline?subject={quoted(name)}"))
    return tuple(found)


def place_of(name: str) -> str:
    """Return the address of a subject's row. One of very many is looked for there by how people write it."""
    kind = kind_of(name)
    asked = f"&q={quoted(ref_of(name))}" if kind in PASSING else ""
    return f"/{PAGES.get(kind, 'ops')}?instance={quoted(instance_of(name))}{asked}#{quoted(name)}"


def _unit_links(name: str) -> list[Link]:
    scope, _, unit = name.partition(":")[2].partition("/")
    flag = "--user " if scope.startswith("user") else ""
    return [Link("id", unit, "Unit"), Link("command", f"systemctl {flag}status {unit}", "Look at it")]


def _gateway_links(judged: Judged, name: str, instance: Instance) -> list[Link]:
    """How to bring it back, and where its turn is.

    A gateway under systemd is restarted by systemd and by nothing else: the agent's own stop and restart may end the
    gateways of other homes.
    """
    facts = judged.facts(name)
    unit, found = facts.get(F.UNIT) or instance.unit, []
    if unit:
        flag = "--user " if instance.scope == "user" else ""
        found.append(Link("command", f"systemctl {flag}restart {unit}", "Restart"))
    elif instance.home is not None and facts.get(F.LOCK_HOLDER) is None:
        found.append(Link("command", f"HERMES_HOME={quote(str(instance.home))} hermes gateway run", "Start"))
    session = facts.get(F.OPEN_TURN_SESSION)
    if session:
        found.append(Link("id", session, "Session"))
    task = last_said(judged, subject(instance.id, "work"), G.TASK_LINK)
    if task is not None:
        found.append(away("Open its task", task))
    if instance.runbook is not None:
        found.append(away("Runbook", instance.runbook))
    return found


def away(label: str, address: str) -> Link:
    """Return a way to a page of somebody else's."""
    return Link("away", address, label, address)


def _listener_links(judged: Judged, name: str) -> list[Link]:
    """How to reach a loopback listener of a far host from here."""
    if judged.facts(name).get(F.LISTENER_PUBLIC) is not False:
        return []
    instance = judged.instances.get(owner_of(judged, name))
    return [tunnel(instance.ssh if instance and instance.ssh else _scheme_owner(name), name.rpartition(":")[2])]


def tunnel(host: str, port: str) -> Link:
    """Return the command that brings a loopback port of a far host here."""
    return Link("command", f"ssh -N -L {port}:127.0.0.1:{port} {quote(host)}", "Tunnel")
