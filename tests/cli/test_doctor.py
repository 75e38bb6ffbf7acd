from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from quarterdeck import wiring
from quarterdeck.cli.doctor import Finding, Level, Machine, as_json, as_text, examine, exit_code
from quarterdeck.settings import Settings
from quarterdeck.truth import fields as F  # noqa: N812 -- as in the tables of truth
from quarterdeck.truth import forge
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- as above
from quarterdeck.truth.fields import Field
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.reading import AnyReading, Origin, Reason
from quarterdeck.truth.snapshot import Look, Snapshot
from quarterdeck.truth.watched import Forge
from tests.fakes.clock import START

NORTH = Instance("north", "North", home=Path("/srv/north"))
BOB = Instance("bob", "Bob", snapshot=Path("/srv/bob/snapshot.json"))
MACHINE = Machine("alice", "deck", "3.11.7", folders=4, tells=True, watches="8192")
STATE = Origin("gateway_state.json", "gateway_state.json")


def known(about: str, field: F.Field[object], value: object, age_s: float = 0) -> AnyReading:
    return field.known(about, STATE, value, START - timedelta(seconds=age_s))


def unavailable(field: F.Field[object], reason: Reason, detail: str, part: str = "gateway") -> AnyReading:
    return field.unavailable(subject("north", part), STATE, reason, detail, START)


def found(
    *readings: AnyReading,
    instances: Iterable[Instance] = (NORTH,),
    looks: Iterable[Look] = (),
    machine: Machine = MACHINE,
) -> list[Finding]:
    """Examine a snapshot that holds these readings; leave out what is always said first."""
    instances = tuple(instances)
    by_key = {(reading.subject, reading.field): reading for reading in readings}
    snapshot = Snapshot(1, START, instances, by_key, {look.source: look for look in looks})
    return list(examine(Settings(instances=instances), snapshot, machine, START))[2:]


def lines(findings: Iterable[Finding], level: Level) -> list[str]:
    return [f"{finding.about}: {finding.what}" for finding in findings if finding.level is level]


def test_says_what_is_found() -> None:
    """For an instance that can be read it says where, how much is known, and which releases wrote it."""
    findings = found(
        known(subject("north"), F.AGENT_VERSION, "0.19.0"),
        known(subject("north"), F.SCHEMA_VERSION, 22),
        known(subject("north"), F.CONFIG_VERSION, None),
    )
    assert lines(findings, Level.FINE)[:2] == [
        "instance north: home /srv/north: 3 facts known",
        "instance north: agent 0.19.0, schema 22",
    ]
    assert exit_code(findings) == 0


def test_says_once_what_cannot_be_seen_and_what_to_do() -> None:
    """Facts that are missing for one reason at one place are one line, with their number and the way out."""
    findings = found(
        unavailable(F.RECORDED_STATE, Reason.CORRUPT, "not JSON"),
        unavailable(F.RECORDED_AT, Reason.CORRUPT, "not JSON"),
        unavailable(F.LOCK_HOLDER, Reason.DENIED, "no permission to read it"),
    )
    assert lines(findings, Level.UNSEEN) == [
        "instance north: home /srv/north: 0 facts known",
        "instance north: gateway_state.json corrupt: not JSON (2 facts)",
        "instance north: gateway_state.json denied: no permission to read it (1 fact)",
    ]
    assert all(finding.fix for finding in findings if finding.level is Level.UNSEEN and "json" in finding.what)
    assert exit_code(findings) == 1


def test_what_is_not_there_is_noted() -> None:
    """A file that does not exist, as before the agent's first start, is no failure to see."""
    findings = found(
        known(subject("north"), F.HALTED, value=False), unavailable(F.RECORDED_STATE, Reason.MISSING, "does not exist")
    )
    assert lines(findings, Level.NOTE) == ["instance north: gateway_state.json missing: does not exist (1 fact)"]
    assert exit_code(findings) == 0


def test_no_agent_is_not_well() -> None:
    """Where no agent is found there is nothing to see, and it says how to name one."""
    findings = found(instances=())
    assert lines(findings, Level.UNSEEN) == ["instances: no agent is found"]
    assert exit_code(findings) == 1


def test_notes_of_the_settings_are_said() -> None:
    """What could not be found out while looking for homes is part of the report."""
    decided = Settings(
        instances=(NORTH,), notes=("The profiles in /srv could not be listed.",), file=Path("/etc/q.toml")
    )
    findings = list(examine(decided, Snapshot(1, START, (NORTH,), {}), MACHINE, START))
    assert "settings: /etc/q.toml" in lines(findings, Level.FINE)
    assert "settings: The profiles in /srv could not be listed." in lines(findings, Level.UNSEEN)


def test_an_exporter_that_has_stopped_is_said() -> None:
    """A snapshot that nobody renews is unseen from the moment its facts are stale, and the timer is named."""
    about = "source:exporter:bob"
    fresh = found(known(about, F.SNAPSHOT_WRITTEN_AT, START - timedelta(seconds=20)), instances=[BOB])
    assert "instance bob: its exporter wrote 20 s ago" in lines(fresh, Level.FINE)
    stale = found(known(about, F.SNAPSHOT_WRITTEN_AT, START - timedelta(minutes=20)), instances=[BOB])
    assert "instance bob: its exporter wrote 20 min ago" in lines(stale, Level.UNSEEN)


def test_says_which_way_an_instance_is_read() -> None:
    """Where there are both a home and a snapshot, the report names the one that is read; profiles name their root."""
    both = Instance("bob", "Bob", home=Path("/home/bob/.hermes"), snapshot=Path("/srv/bob/snapshot.json"))
    coder = Instance("coder", "Coder", home=Path("/srv/h/profiles/coder"), root=Path("/srv/h"), profile="coder")
    looks = [Look("exporter:bob", START, 1, answered=True), Look("hermes:coder", START, 1, answered=True)]
    said = " ".join(finding.what for finding in found(instances=[both, coder], looks=looks))
    assert "snapshot /srv/bob/snapshot.json: " in said
    assert "home /srv/h/profiles/coder, profile of /srv/h: " in said


def test_stale_facts_are_counted() -> None:
    """Facts that have expired are not counted as seen without a word."""
    findings = found(known(subject("north"), F.HALTED, value=False, age_s=3600))
    assert "instance north: 1 fact stale" in lines(findings, Level.UNSEEN)


def test_says_how_each_manager_is_asked() -> None:
    """Each systemd manager is said to be asked, absent or silent; an absent one that nobody expects is no fault."""
    looks = [
        Look("systemd:user", START, 5, answered=True),
        Look("systemd:system", START, 5, answered=True),
        Look("systemd:user@bob", START, 5, answered=False, detail="only bob and root may ask"),
    ]
    findings = found(
        known("source:systemd:user", F.SOURCE_ASKED_AS, "systemd-user/alice"),
        known("systemd:user/a.service", F.ACTIVE_STATE, "active"),
        known("source:systemd:system", F.SOURCE_ASKED_AS, None),
        looks=looks,
        instances=(),
    )
    assert "systemd:user: 1 unit or timer, asked as systemd-user/alice" in lines(findings, Level.FINE)
    assert lines(findings, Level.NOTE) == ["systemd:system: this host has no such manager"]
    assert "systemd:user@bob: only bob and root may ask" in lines(findings, Level.UNSEEN)


def test_says_which_source_did_not_answer() -> None:
    """A source that did not answer is unseen, for the reason it was given up."""
    looks = [
        Look("hermes:north", START, 12.4, answered=True),
        Look("host", START, 5000, answered=False, detail="did not answer within 5 s"),
    ]
    findings = found(looks=looks, instances=())
    assert "hermes:north: answered in 12 ms" in lines(findings, Level.FINE)
    assert "host: did not answer within 5 s" in lines(findings, Level.UNSEEN)


def test_says_whether_changes_are_told() -> None:
    """Where the system tells of no changes it is slower, not blind: a note, with the limit to raise."""
    assert "changes: seen within a second in 4 folders, of 8192 that a user may watch" in lines(found(), Level.FINE)
    silent = found(known(subject("north"), F.HALTED, value=False), machine=Machine("a", "b", "c", 4, False, ""))
    (note,) = (finding for finding in silent if finding.level is Level.NOTE)
    assert "fs.inotify.max_user_watches" in note.fix
    assert exit_code(silent) == 0


def test_text_and_json_say_the_same() -> None:
    """Both forms of the report hold every finding, in words that stand for themselves without colour."""
    findings = [Finding(Level.FINE, "a", "well"), Finding(Level.UNSEEN, "long name", "not seen", "do this")]
    assert as_text(findings) == "✔ a          well\n✖ long name  not seen\n             → do this\n"
    assert json.loads(as_json(findings))["findings"][1] == {
        "level": "unseen",
        "about": "long name",
        "what": "not seen",
        "fix": "do this",
    }


def test_a_real_look(tmp_path: Path) -> None:
    """The command looks at a real home once and reports on it, for people and for programs."""
    home = tmp_path / "north"
    home.mkdir()
    (home / "config.yaml").write_text("model: {}\n")
    before = sorted(path.name for path in home.iterdir())
    command = [sys.executable, "-m", "quarterdeck", "doctor", "--home", str(home)]
    env = os.environ | {"HOME": str(tmp_path)}
    text = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert text.returncode in {0, 1}, text.stderr
    assert re.search(rf"^. instance north +home {home}: ", text.stdout, re.MULTILINE)
    data = subprocess.run([*command, "--json"], env=env, capture_output=True, text=True, timeout=30, check=False)
    assert {finding["about"] for finding in json.loads(data.stdout)["findings"]} >= {"quarterdeck", "instance north"}
    assert sorted(path.name for path in home.iterdir()) == before


def test_wrong_settings_end_with_2(tmp_path: Path) -> None:
    """With settings that are wrong nothing is examined: the mistake and its line are said, and the code is 2."""
    (tmp_path / "q.toml").write_text("nonsense = 1\n")
    command = [sys.executable, "-m", "quarterdeck", "doctor", "--config", str(tmp_path / "q.toml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "q.toml, line 1: " in done.stderr


# --- of the memory ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("history", "level", "text"),
    [
        (wiring.Found("here, 1 MB"), Level.FINE, "history: here, 1 MB"),
        (wiring.Found("here", "One was set aside."), Level.NOTE, "history: here"),
        (wiring.Found("damaged", "Look.", readable=False), Level.UNSEEN, "history: damaged"),
    ],
)
def test_says_how_it_stands_with_the_memory(history: wiring.Found, level: Level, text: str) -> None:
    """A memory that can be read is fine, one that was damaged is noted, one that cannot be read is not seen."""
    machine = Machine("alice", "deck", "3.11.7", folders=4, tells=True, watches="8192", history=history)
    findings = list(examine(Settings(), Snapshot(1, START, (), {}), machine, START))
    assert text in lines(findings, level)
    assert history.fix in as_text(findings)


def test_says_how_it_stands_with_the_ledger() -> None:
    """A ledger that can be read is fine, and of one that cannot the way out is said."""
    machine = Machine("alice", "deck", "3.11.7", folders=4, tells=True, watches="8192")
    for found, level in (
        (wiring.Found("here, 2 sessions"), Level.FINE),
        (wiring.Found("damaged", "Put a copy in its place.", readable=False), Level.UNSEEN),
    ):
        findings = list(
            examine(Settings(), Snapshot(1, START, (), {}), dataclasses.replace(machine, ledger=found), START)
        )
        assert f"ledger: {found.what}" in lines(findings, level)
        assert found.fix in as_text(findings)


# --- forges --------------------------------------------------------------------------------------------------------

MAIN = Forge("main", "Main", "https://git.example.com", token_file=Path("/etc/token"))
WELL = {G.FORGE_ANSWERS: "yes", G.FORGE_RELEASE: "1.25.3", G.FORGE_FLAVOUR: "gitea", G.FORGE_REPOS: 7}
ENOUGH = ("read:issue", "read:organization", "read:repository")


def of_forge(told: Mapping[Field[Any], object], *more: AnyReading, forge: Forge = MAIN) -> list[Finding]:
    """Examine what a forge told."""
    readings = (*(field.known(forge.subject, STATE, value, START) for field, value in told.items()), *more)
    snapshot = Snapshot(1, START, (), {(each.subject, each.field): each for each in readings})
    findings = examine(Settings(forges=(forge,)), snapshot, MACHINE, START)
    return [finding for finding in findings if finding.about == "forge main"]


def test_says_of_a_forge_how_it_is_asked() -> None:
    """Its release, whose token it is asked with and what that may, and where its webhooks are heard."""
    found = of_forge({**WELL, G.TOKEN_LOGIN: "watcher", G.TOKEN_SCOPES: ENOUGH, G.TOKEN_MISSING: (), G.FORGE_DEBTS: 0})
    assert lines(found, Level.FINE) == [
        "forge main: gitea 1.25.3 at https://git.example.com, 7 repositories",
        "forge main: the token is watcher's, with read:issue, read:organization, read:repository",
    ]
    assert lines(found, Level.NOTE) == ["forge main: it cannot ring: what moves there is seen within 60 s"]
    bell = of_forge(WELL, forge=replace(MAIN, bell_file=Path("/etc/bell")))
    assert "its webhooks are heard at http://127.0.0.1:8710/hooks/forge/main" in lines(bell, Level.FINE)[-1]
    assert exit_code(found) == 0


@pytest.mark.parametrize(
    ("told", "level", "what"),
    [
        ({}, Level.UNSEEN, "https://git.example.com: it was not heard in time"),
        ({G.FORGE_ANSWERS: "refused"}, Level.UNSEEN, "https://git.example.com: refused"),
        (
            {G.FORGE_ANSWERS: "denied", G.FORGE_SAID: "GET /api/v1/user: 401"},
            Level.UNSEEN,
            "https://git.example.com: denied: GET /api/v1/user: 401",
        ),
        ({**WELL, G.TOKEN_MISSING: ("read:issue",)}, Level.UNSEEN, "the token lacks read:issue"),
        ({**WELL, G.TOKEN_EXCESS: ("all",)}, Level.NOTE, "the token may do more than is needed: all"),
        ({**WELL, G.TOKEN_ADMIN: True}, Level.NOTE, "the token is an admin's"),
        ({**WELL, G.TOKEN_HUMAN: True}, Level.NOTE, "the token is a person's"),
    ],
)
def test_says_what_is_wrong_with_a_forge_or_its_token(
    told: Mapping[Field[Any], object], level: Level, what: str
) -> None:
    """What keeps us from seeing it is unseen, what should not be is a note, and each has its way out."""
    (line,) = [finding for finding in of_forge(told) if finding.what == what]
    assert (line.level, bool(line.fix)) == (level, True)


def test_says_which_repositories_of_a_forge_cannot_be_read() -> None:
    """Up to three are named, with what the forge says of them; what is archived or there is not."""
    states = {"acme/a": "gone", "acme/b": "denied", "acme/c": "there", "acme/d": "archived", "acme/e": "failing"}
    readings = [G.REPO_STATE.known(forge.repo("main", name), STATE, state, START) for name, state in states.items()]
    lost = G.REPO_STATE.unavailable(forge.repo("main", "acme/f"), STATE, Reason.TIMEOUT, "no answer", START)
    (line,) = lines(of_forge(WELL, *readings, lost), Level.UNSEEN)
    assert (
        line == "forge main: 4 repositories cannot be read: acme/a (gone), acme/b (denied), acme/e (failing) and others"
    )


def test_says_of_a_forge_what_is_still_to_come() -> None:
    """Without a token, of a release nobody tried, and with details not read yet, it is noted, and nothing is wrong."""
    told = {**WELL, G.FORGE_KNOWN_RELEASE: False, G.FORGE_DEBTS: 12}
    found = of_forge(told, forge=replace(MAIN, token_file=None))
    said = " ".join(lines(found, Level.NOTE))
    assert all(part in said for part in ("not made for its release", "without a token", "12 details still to be read"))
    assert not lines(found, Level.UNSEEN)
