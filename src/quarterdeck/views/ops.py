"""Ops: what each instance rests on, side by side; then every part of each with all that is known of it.

Rule 1: the upper part answers at a glance, one line for each thing an operator looks after. A line of which nothing is
        known says so, and what would let it be known.
Rule 2: the lower part leaves nothing out but what has a page of its own: jobs, services and sources.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import Field, kind_of
from quarterdeck.truth.instance import ALL, subject
from quarterdeck.truth.judgement import Judgement, Status
from quarterdeck.views.asked import Asked
from quarterdeck.views.coverage import NOT_WATCHED
from quarterdeck.views.frame import Page
from quarterdeck.views.judged import Judged
from quarterdeck.views.lazy import Cells
from quarterdeck.views.model import Gap, Link, Side, View
from quarterdeck.views.rows import away, build_whole, owner_of, tunnel
from quarterdeck.views.words import Shown, State, show

ORDER = (
    "instance", "gateway", "scheduler", "sessions", "ledger", "model", "credentials", "redaction", "repository",
    "kanban", "inventory", "logs", "listener", "unit", "host", "tailnet", "disk",
)  # fmt: skip
DASHBOARD = "dashboard"

Side_ = Judgement | Shown


def ops(judged: Judged, asked: Asked, _recalled: object = None) -> View:
    """Return the ops view over a filter: side by side, then instances in full, then what they share."""
    names = judged.of(*ORDER, instance=asked.instance)
    owned = {name: owner_of(judged, name) for name in names}
    names = [name for name in names if asked.instance == ALL or owned[name] in (asked.instance, ALL)]
    rank = {one: place for place, one in enumerate(judged.instances)}  # as in the settings; what is shared comes last
    names.sort(key=lambda name: (rank.get(owned[name], len(rank)), owned[name], ORDER.index(kind_of(name)), name))
    gaps = tuple(Gap(ALL, what, why, fix, ()) for what, why, fix in NOT_WATCHED)
    view = Page(judged, asked).view(
        "ops", "Ops", names, rows=build_whole(judged, names), sides=_sides(judged), gaps=gaps
    )
    chosen = {one: each for one, each in judged.instances.items() if asked.instance in (ALL, one)}
    return replace(view, actions=Cells(chosen, partial(actions, judged)))


# --- side by side --------------------------------------------------------------------------------------------------


def _sides(judged: Judged) -> tuple[Side, ...]:
    """Every instance beside every other, whatever the filter says; a cell is made when somebody looks at it."""
    place = Surroundings(judged)
    return tuple(Side(title, Cells(judged.instances, partial(line, place))) for title, line in LINES)


class Surroundings:
    """What belongs to which instance though its id does not say so: listeners, disks, hosts, repositories."""

    def __init__(self, judged: Judged) -> None:
        self.judged = judged
        self.disks = {one: name for name in judged.of("disk") for one in judged.facts(name).get(F.DISK_OF) or ()}
        self.hosts = judged.of("host")
        self.dashboards = {
            owner_of(judged, name): name
            for name in judged.of("listener")
            if judged.facts(name).get(F.LISTENER_ROLE) == DASHBOARD
        }

    def repositories(self, instance: str) -> list[str]:
        """Return the repositories that belong to an instance."""
        return [name for name in self.judged.of("repository", instance=instance) if not name.startswith("repository:")]

    def host(self, instance: str) -> str | None:
        """Return the host of an instance: that of its disk, or the only one there is."""
        if instance in self.disks:
            return self.disks[instance].partition("/")[0]
        return self.hosts[0] if len(self.hosts) == 1 else None


Line = Callable[[Surroundings, str], Side_]


def _part(part: str) -> Line:
    def line(place: Surroundings, instance: str) -> Side_:
        found = place.judged.judgements.get(subject(instance, part))
        return found if found is not None else _not_seen(place, f"nothing has been reported of its {part}")

    return line


def _fact(field: Field[object]) -> Line:
    def line(place: Surroundings, instance: str) -> Side_:
        return show(place.judged.facts(subject(instance, field.of)).reading(field), place.judged.now)

    return line


def _dashboard(place: Surroundings, instance: str) -> Side_:
    name = place.dashboards.get(instance)
    return place.judged.judgements[name] if name else _not_seen(place, "no listener of it is seen on its usual port")


def _backup(place: Surroundings, instance: str) -> Side_:
    found = [place.judged.judgements[name] for name in place.repositories(instance)]
    if not found:
        return _not_watched(place, f'name its repository under [[repositories]] with instance = "{instance}"')
    return max(found, key=lambda each: each.status.rank)


def _head(place: Surroundings, instance: str) -> Side_:
    found = place.repositories(instance)
    if not found:
        return _not_watched(place, "none is named")
    return show(place.judged.facts(found[0]).reading(F.HEAD), place.judged.now)


def _disk(place: Surroundings, instance: str) -> Side_:
    name = place.disks.get(instance)
    return place.judged.judgements[name] if name else _not_seen(place, "on which file system it lies is not known")


def _host(place: Surroundings, instance: str) -> Side_:
    name = place.host(instance)
    found = place.judged.judgements.get(name) if name else None
    return found if found is not None else _not_seen(place, "on which host it lives is not known")


def _tailnet(place: Surroundings, instance: str) -> Side_:
    """The address of its host on the tailnet; what is wrong there, when something is."""
    name = f"{place.host(instance)}/tailnet"
    found = place.judged.judgements.get(name)
    if found is None:
        return _not_watched(place, "no daemon of a tailnet is asked on its host; the page Coverage says why")
    if found.status is not Status.OK:
        return found
    return show(place.judged.facts(name).reading(F.TAILNET_ADDRESSES), place.judged.now)


def _not_watched(place: Surroundings, how: str) -> Shown:
    return Shown("not watched", State.UNKNOWN, how, place.judged.now, None)


def _not_seen(place: Surroundings, why: str) -> Shown:
    return Shown("not seen", State.UNKNOWN, why, place.judged.now, None)


LINES: tuple[tuple[str, Line], ...] = (
    ("Gateway", _part("gateway")),
    ("Dashboard", _dashboard),
    ("Exposure", _part("exposure")),
    ("Cron", _part("cron")),
    ("Backup", _backup),
    ("Committed", _head),
    ("Logins", _part("credentials")),
    ("First login ends", _fact(F.CRED_EXPIRES_AT)),
    ("Redaction", _part("redaction")),
    ("Model", _part("model")),
    ("Fallbacks", _fact(F.FALLBACKS)),
    ("Disk", _disk),
    ("Host", _host),
    ("Tailnet", _tailnet),
)

# --- what to do ----------------------------------------------------------------------------------------------------


def actions(judged: Judged, instance: str) -> tuple[Link, ...]:
    """Return what an operator can open or copy to look after an instance."""
    one = judged.instances[instance]
    found = [away("Runbook", one.runbook)] if one.runbook else []
    found += [away("Dashboard", one.dashboard)] if one.dashboard else []
    found += _restart(judged, instance)
    if one.ssh:
        found.append(Link("command", f"ssh {one.ssh}", "Log in"))
        found += [tunnel(one.ssh, port) for port in _ports(judged, instance)]
    return tuple(found)


def _restart(judged: Judged, instance: str) -> Iterable[Link]:
    facts, one = judged.facts(subject(instance, "gateway")), judged.instances[instance]
    unit = facts.get(F.UNIT) or one.unit
    if unit:
        flag = "--user " if one.scope == "user" else ""
        yield Link("command", f"systemctl {flag}restart {unit}", "Restart")


def _ports(judged: Judged, instance: str) -> list[str]:
    """Return the loopback ports on which an instance listens, and that of its dashboard."""
    names = (name for name in judged.of("listener") if owner_of(judged, name) == instance)
    seen = [name.rpartition(":")[2] for name in names if judged.facts(name).get(F.LISTENER_PUBLIC) is False]
    dashboard = judged.instances[instance].dashboard or ""
    port = dashboard.partition("://")[2].partition("/")[0].rpartition(":")[2]
    return list(dict.fromkeys([*seen, *([port] if port.isdecimal() else [])]))
