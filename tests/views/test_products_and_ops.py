"""What should answer, what was found beside, and what each agent rests on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.fields import Field
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.reading import AnyReading, Key, Origin
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.contract import Json, as_json
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import View
from tests.truth.cast import NOW, ORIGIN, ago, readings

NORTH = Instance(
    "north",
    "North",
    ssh="me@deck",
    runbook="https://deck.example/north",
    dashboard="http://127.0.0.1:9119",
    unit="n.service",
)
SOUTH = Instance("south", "South")
Facts = Mapping[Field[Any], object]
PAGE: Facts = {
    F.SERVICE_LABEL: "Wiki", F.SERVICE_KIND: "http", F.DEPLOYED: True, F.SERVICE_ADDRESS: "127.0.0.1:9119",
    F.SERVICE_LINK: "http://127.0.0.1:9119/", F.SERVICE_RUNBOOK: None, F.OUTCOME: "answered", F.HTTP_STATUS: 200,
    F.STATUS_EXPECTED: True, F.TLS_EXPIRES_AT: None, F.LATENCY: 12.0, F.SLOW_AFTER: 2000.0, F.LAST_ANSWER_AT: NOW,
}  # fmt: skip
PORT: Facts = {field: value for field, value in PAGE.items() if field.name not in ("http_status", "tls_expires_at")} | {
    F.SERVICE_KIND: "tcp", F.SERVICE_ADDRESS: "db.example:5432", F.SERVICE_LABEL: "Ledger",
}  # fmt: skip
PLANNED: Facts = {F.SERVICE_LABEL: "Forge", F.SERVICE_KIND: "http", F.DEPLOYED: False}
UNIT: Facts = {F.LOAD_STATE: "loaded", F.ACTIVE_STATE: "active", F.SUB_STATE: "running", F.TRIGGERED: False}


def listener(public: bool = False, of: str | None = None, role: str | None = None) -> Facts:
    """Something that listens."""
    return {F.LISTENER_PUBLIC: public, F.LISTENER_ROLE: role, F.LISTENER_OF: of, F.LISTENER_PID: 7}


def told(facts: Mapping[str, Facts]) -> dict[Key, AnyReading]:
    """Readings of some subjects."""
    return {
        (name, field.name): field.known(name, ORIGIN, value, NOW)
        for name, each in facts.items()
        for field, value in each.items()
    }


def view(
    name: str, facts: Mapping[str, Facts], instance: str = "all", more: dict[Key, AnyReading] | None = None
) -> View:
    """A view over two agents and some facts."""
    known = readings() | readings(instance="south") | told(facts) | (more or {})
    return VIEWS[name].make(Judged(Snapshot(1, NOW, (NORTH, SOUTH), known), NOW), Asked(instance), None)


def rows(made: View) -> list[str]:
    """The subjects a view shows, in order."""
    return [row.subject for row in made.rows]


# --- products ------------------------------------------------------------------------------------------------------


def test_what_is_named_comes_first_and_what_is_planned_last() -> None:
    """Services stand worst first, then those that are not deployed, then what nobody named."""
    down = {**PORT, F.OUTCOME: "refused"}
    found = {"service:wiki": PAGE, "service:ledger": down, "service:forge": PLANNED, "systemd:user/x.service": UNIT}
    made = view("products", found)
    assert rows(made) == ["service:ledger", "service:wiki", "service:forge", "systemd:user/x.service"]
    assert [row.name for row in made.rows] == ["Ledger", "Wiki", "Forge", "Unit x.service"]
    assert made.headline == "One thing needs you."


def test_a_plan_is_never_well_and_never_trouble() -> None:
    """What is not deployed is not ok in any answer, needs nobody, and is in no incident."""
    made = view("products", {"service:forge": PLANNED})
    row = as_json(made)["rows"][0]
    assert (row["status"], row["knowledge"], row["rule"]) == ("unknown", "retired", "not deployed")
    assert (made.headline, made.trouble["products"]) == ("All is well.", 0)
    assert "service:forge" not in rows(view("brief", {"service:forge": PLANNED}))


@pytest.mark.parametrize(
    ("address", "at", "claimed"),
    [
        ("127.0.0.1:9119", "127.0.0.1:9119", True),
        ("localhost:9119", "127.0.0.1:9119", True),
        ("localhost:9119", "[::1]:9119", True),
        ("deck.example:9119", "0.0.0.0:9119", True),
        ("127.0.0.1:9119", "127.0.0.1:9120", False),
        ("deck.example:9119", "127.0.0.1:9119", False),
    ],
)
def test_a_listener_that_a_service_claims_is_not_found_again(address: str, at: str, claimed: bool) -> None:
    """What is asked at an address is what listens there, also when the address is written otherwise."""
    name = f"host:deck/listener/{at}"
    made = view("products", {"service:wiki": {**PAGE, F.SERVICE_ADDRESS: address}, name: listener()})
    assert (name not in rows(made)) == claimed


def test_units_that_somebody_claims_are_not_found_again() -> None:
    """The unit of a service, of a gateway, and one that a timer starts belong to somebody."""
    gateway = subject("north", "gateway")
    unit = {(gateway, "unit"): F.UNIT.known(gateway, Origin("systemd (user)", "n.service"), "n.service", NOW)}
    service = {**PLANNED, F.DEPLOYED: True, F.SERVICE_KIND: "unit", F.SERVICE_UNIT: "systemd:user/s.service"}
    found = {
        "service:s": service,
        "systemd:user/s.service": UNIT,
        "systemd:user/n.service": UNIT,
        "systemd:user/job.service": {**UNIT, F.TRIGGERED: True},
        "systemd:user/alone.service": UNIT,
    }
    assert rows(view("products", found, more=unit)) == ["service:s", "systemd:user/alone.service"]


def test_a_port_has_no_release_and_misses_none() -> None:
    """A cell of which nothing can be told is empty, not unknown."""
    row = view("products", {"service:ledger": PORT}).rows[0]
    shown = {cell.column.key: cell.reading is not None for cell in row.cells}
    assert (shown["latency_ms"], shown["http_status"], shown["version"]) == (True, False, False)


def test_where_a_service_leads() -> None:
    """A service's own page is a link that leaves; a listener of another agent is not under this filter."""
    away = [link for link in view("products", {"service:wiki": PAGE}).rows[0].links if link.kind == "away"]
    assert [(link.label, link.href) for link in away] == [("Open it", "http://127.0.0.1:9119/")]
    found = {"host:deck/listener/127.0.0.1:8642": listener(of="north")}
    assert rows(view("products", found, "south")) == []
    assert [row.instance for row in view("products", found, "north").rows] == ["north"]


# --- ops -----------------------------------------------------------------------------------------------------------


def side(made: View, title: str) -> Json:
    """What a line says of each agent."""
    found: Json = next(each for each in as_json(made)["side_by_side"] if each["title"] == title)["instances"]
    return found


BACKUP: Facts = {
    F.BACKUP: True, F.PUSH_WITHIN: 1_800.0, F.PUSH_LOST: 7_200.0, F.BACKUP_TIMER: None, F.BRANCH_EXPECTED: None,
    F.CONFIRMS: False, F.REPOSITORY_FOUND: "repository", F.BARE: False, F.BRANCH: "main", F.OPERATION: None,
    F.HEAD: "1f02c3d4e5a6", F.COMMITTED_AT: ago(240), F.CHANGED: 0, F.UNTRACKED: 0, F.CONFLICTS: 0,
    F.DIRTY_SINCE: None, F.AHEAD: 0, F.BEHIND: 0, F.UNPUSHED_SINCE: None, F.PUSHED_AT: ago(240), F.CONFIRMED_AT: None,
}  # fmt: skip


def test_at_a_glance() -> None:
    """Each agent's gateway, dashboard, backup, disk and host stand side by side; what is not watched says so."""
    found = {
        "hermes:north/repository/b": BACKUP,
        "host:deck/listener/127.0.0.1:9119": listener(of="north", role="dashboard"),
        "host:deck": {F.MEMORY_TOTAL: 10.0, F.MEMORY_AVAILABLE: 5.0, F.CLOCK_STEP: 0.0, F.LOAD_1M: 0.1},
        "host:deck/disk//": {F.DISK_TOTAL: 10.0, F.DISK_FREE: 5.0, F.INODES_FREE_SHARE: None, F.DISK_OF: ("north",)},
    }
    made = view("ops", found)
    assert side(made, "Gateway")["north"]["status"] == "ok"
    assert side(made, "Dashboard")["north"]["text"] == "dashboard listens on loopback"
    assert side(made, "Dashboard")["south"]["text"] == "not seen"
    assert side(made, "Backup")["north"]["text"].startswith("pushed 4 min ago")
    assert side(made, "Backup")["south"] == {
        "state": "unknown",
        "text": "not watched",
        "source": 'name its repository under [[repositories]] with instance = "south"',
    }
    assert (side(made, "Committed")["north"]["text"], side(made, "Disk")["north"]["status"]) == ("1f02c3d4e5a6", "ok")
    assert (side(made, "Disk")["south"]["text"], side(made, "Host")["south"]["status"]) == ("not seen", "ok")
    assert side(made, "Fallbacks")["north"]["text"] == "small-model"


def test_the_worst_of_several_backups_speaks() -> None:
    """Of two backups of one agent the worse is shown at a glance."""
    found = {"hermes:north/repository/a": BACKUP, "hermes:north/repository/b": {**BACKUP, F.PUSHED_AT: ago(9_000)}}
    assert side(view("ops", found), "Backup")["north"]["status"] == "down"


def test_what_is_at_hand() -> None:
    """Runbook, dashboard, restart, ssh and tunnels are offered where they are set, each port once; else nothing is."""
    found = {
        "host:deck/listener/127.0.0.1:8642": listener(of="north"),
        "host:deck/listener/127.0.0.1:9119": listener(of="north"),
    }
    actions = as_json(view("ops", found))["actions"]
    assert [(each["label"], each["text"]) for each in actions["north"]] == [
        ("Runbook", "https://deck.example/north"),
        ("Dashboard", "http://127.0.0.1:9119"),
        ("Restart", "systemctl --user restart n.service"),
        ("Log in", "ssh me@deck"),
        ("Tunnel", "ssh -N -L 8642:127.0.0.1:8642 me@deck"),
        ("Tunnel", "ssh -N -L 9119:127.0.0.1:9119 me@deck"),
    ]
    assert actions["south"] == []
    assert set(as_json(view("ops", found, "south"))["actions"]) == {"south"}


def test_what_nobody_looks_at_is_said_with_what_would() -> None:
    """Containers and restores stand as not watched, and never as a figure."""
    gaps = {gap.place: gap for gap in view("ops", {}).gaps}
    assert {"containers", "restores and emergency bundles"} <= gaps.keys()
    assert "the tailnet" not in gaps
    assert gaps["containers"].fix


TAILNET: Facts = {
    F.TAILNET_STATE: "running", F.TAILNET_ADDRESSES: ("100.101.102.103",), F.TAILNET_PEERS: 1, F.TAILNET_ONLINE: 1,
    F.TAILNET_KEY_EXPIRED: False, F.TAILNET_KEY_EXPIRES_AT: None,
}  # fmt: skip


def test_each_agent_has_the_tailnet_address_of_its_host() -> None:
    """The address stands beside the agent, or what is wrong with the tailnet; else it says that nobody watches it."""
    host = {"host:deck": {F.MEMORY_TOTAL: 16e9, F.MEMORY_AVAILABLE: 8e9, F.LOAD_1M: 0.5, F.CLOCK_STEP: 0.0}}

    def side(facts: Mapping[str, Facts]) -> Any:
        sides = {each.title: each.cells for each in view("ops", facts).sides}
        return sides["Tailnet"]["north"]

    assert side({**host, "host:deck/tailnet": TAILNET}).text == "100.101.102.103"
    stopped = side({**host, "host:deck/tailnet": {**TAILNET, F.TAILNET_STATE: "stopped"}})
    assert stopped.reason == "not on its tailnet: its daemon is stopped"
    assert side(host).text == "not watched"


def test_a_tailnet_that_nobody_asks_is_a_gap() -> None:
    """Where no daemon is asked, coverage says so and what to do; where one is, it does not."""
    gaps = {gap.place: gap for gap in view("coverage", {}).gaps}
    assert "`tailscaled`" in gaps["the tailnet"].fix
    assert "the tailnet" not in {gap.place for gap in view("coverage", {"host:deck/tailnet": TAILNET}).gaps}


def test_coverage_names_what_only_the_operator_can() -> None:
    """An agent without a repository and a hub without services are gaps, until they are named."""
    places = {(gap.instance, gap.place) for gap in view("coverage", {}).gaps}
    assert {("north", "backup"), ("south", "backup"), ("all", "services")} <= places
    found = {"hermes:north/repository/b": BACKUP, "service:wiki": PAGE}
    places = {(gap.instance, gap.place) for gap in view("coverage", found).gaps}
    assert ("south", "backup") in places
    assert not {("north", "backup"), ("all", "services")} & places


def test_a_failed_unit_is_folded_under_the_gateway_it_ran() -> None:
    """In the brief a dead gateway and its failed unit are one line; a unit of nobody stays a line of its own."""
    gateway = subject("north", "gateway")
    failed = {**UNIT, F.ACTIVE_STATE: "failed", F.RESULT: "oom-kill", F.ENTERED_AT: NOW}
    dead = readings({F.LOCK_HOLDER: None, F.RECORDED_PROCESS: "gone", F.RUNNER_ALIVE: False})
    unit = {(gateway, "unit"): F.UNIT.known(gateway, Origin("systemd (user)", "n.service"), "n.service", NOW)}
    found = {"systemd:user/n.service": failed, "systemd:user/other.service": failed}
    made = view("brief", found, more=dead | unit)
    folded = {row.subject: row.folded for row in made.rows}
    assert "systemd:user/n.service" in folded[gateway]
    assert "systemd:user/other.service" in folded
    exported = readings({F.LEARNT_BY: "exporter"})
    assert "systemd:user/n.service" in {
        row.subject
        for row in view(
            "brief", found, more=exported | dead | unit | told({subject("north"): {F.LEARNT_BY: "exporter"}})
        ).rows
    }


def test_each_page_of_the_navigation_counts_its_own() -> None:
    """A silent service counts on products, a lost backup on ops, a silent source on coverage."""
    source = {F.SOURCE_ANSWERED: False, F.SOURCE_ASKED_AS: "x", F.SOURCE_TOOK: 1.0}
    before = view("brief", {}).trouble
    after = view(
        "brief",
        {
            "service:l": {**PORT, F.OUTCOME: "refused"},
            "hermes:north/repository/b": {**BACKUP, F.PUSHED_AT: None},
            "source:host": source,
        },
    ).trouble
    assert {name: after[name] - before[name] for name in before if after[name] != before[name]} == {
        "products": 1,
        "ops": 1,
        "coverage": 1,
    }
