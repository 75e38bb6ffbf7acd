from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.hermes.recorded import Case, expected, names


@pytest.mark.parametrize("name", names())
def test_every_reading_of_a_recorded_case(name: str, tmp_path: Path) -> None:
    """Each fact of a recorded home reads as it must: the value, or the reason why there is none."""
    assert Case.lay_out(name, tmp_path / name).readings() == expected(name)


def test_there_are_cases() -> None:
    """The homes that matter most are recorded: never started, idle, killed, half-written, of a newer release."""
    assert {"never-started", "idle-0.19", "idle-0.14", "killed", "half-written", "newer-release"} <= set(names())
