from __future__ import annotations

import os
from pathlib import Path

from quarterdeck.sources.own import OwnHome, expected, fields_of
from quarterdeck.truth.fields import FIELDS, JOB_NAME, LEARNT_BY, LOCK_HOLDER, OS_USER, UNIT_ACTIVE, field_for
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.reading import AnyReading, Known, Reason, Unavailable
from tests.fakes.clock import START
from tests.fakes.sources import SteadySource

NORTH = Instance("north", "North", user="alice")


def looked(home: Path, uid: int | None = None) -> tuple[SteadySource, list[AnyReading]]:
    """Look at a home as some user; return the source behind it and what came of it."""
    source = SteadySource("hermes:north")
    return source, list(OwnHome(NORTH, home, source, uid=uid).look(START))


def test_our_own_home_is_read(tmp_path: Path) -> None:
    """A home that is ours is read by the source, under the source's name and pace."""
    source = SteadySource("hermes:north", every_s=7)
    source.folders = (tmp_path,)
    own = OwnHome(NORTH, tmp_path, source)
    assert (own.name, own.every_s, own.budget_s) == ("hermes:north", 7, source.budget_s)
    assert own.watched() == (tmp_path,)
    assert len(list(own.look(START))) == source.looks == 1


def test_another_users_home_is_not_touched(tmp_path: Path) -> None:
    """Of another user's home nothing is opened and nothing is watched, whoever we are."""
    source = SteadySource("hermes:north")
    source.folders = (tmp_path,)
    own = OwnHome(NORTH, tmp_path, source, uid=os.geteuid() + 1)
    list(own.look(START))
    assert (source.looks, own.watched()) == (0, ())


def test_another_users_home_says_what_to_do(tmp_path: Path) -> None:
    """Every fact of another user's home is denied, by name of its owner and with the way out; the owner is known."""
    _, readings = looked(tmp_path, os.geteuid() + 1)
    owner = tmp_path.owner()
    (known,) = (reading for reading in readings if isinstance(reading, Known))
    assert (known.field, known.value) == (OS_USER.name, owner)
    denied = [reading for reading in readings if isinstance(reading, Unavailable)]
    assert {reading.reason for reading in denied} == {Reason.DENIED}
    assert (subject("north", "gateway"), LOCK_HOLDER.name) in {(reading.subject, reading.field) for reading in denied}
    assert denied[0].detail.startswith(f"belongs to {owner}: run `quarterdeck units` as {owner}")


def closed(home: Path) -> int:
    """Behave as a home behind a folder that may not be entered; for root there is no such thing."""
    raise PermissionError


def test_a_home_behind_a_closed_door_is_another_users(tmp_path: Path) -> None:
    """A home that may not even be looked at from outside is the user's that was set, or somebody's."""
    source = SteadySource("hermes:north")
    set_, unset = (
        {reading.field: reading for reading in OwnHome(instance, tmp_path, source, owner_of=closed).look(START)}
        for instance in (NORTH, Instance("north", "North"))
    )
    assert source.looks == 0
    owner = set_[OS_USER.name]
    assert isinstance(owner, Known)
    assert owner.value == "alice"
    assert all(isinstance(reading, Unavailable) and reading.reason is Reason.DENIED for reading in unset.values())


def test_a_home_that_is_not_there_is_for_the_source_to_say(tmp_path: Path) -> None:
    """A home that is missing or broken is not another user's; the source tells what is wrong with it."""
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for home in (tmp_path / "nowhere", loop):
        source, _ = looked(home)
        assert source.looks == 1


def test_every_expected_fact_is_declared() -> None:
    """What a home is expected to tell are declared facts, none of them a job's, a unit's or of our own."""
    keys = expected(NORTH)
    assert len(set(keys)) == len(keys) > 50
    assert all(field_for(*key) is not None for key in keys)
    fields = {field for field, _ in fields_of(NORTH)}
    assert not fields & {JOB_NAME, UNIT_ACTIVE}
    assert (subject("north"), LEARNT_BY.name) not in keys
    assert fields <= set(FIELDS.values())
