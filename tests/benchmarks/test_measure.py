"""A figure says what was measured, and nothing that was started outlives its measurement."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.__main__ import closing_line
from benchmarks.measure import BenchmarkError, Figure, Promise, high, own_environment, run, running


@pytest.mark.parametrize(
    ("words", "value", "ratio", "kept"),
    [
        ("<=100", 100, None, True),
        ("<=100", 100.1, None, False),
        ("<5", 5, None, False),
        (">=15", 15, None, True),
        ("ratio>=20", 1, 20.0, True),
        ("ratio>=20", 1, 19.9, False),
        ("ratio>=20", 1, None, False),
    ],
)
def test_a_promise_is_kept_within_its_limit(words: str, value: float, ratio: float | None, kept: bool) -> None:
    """A limit holds for the value, or for the ratio where it speaks of one; without a ratio that is not kept."""
    assert Promise(words).kept(value, ratio) is kept


def test_a_figure_stands_beside_its_peer() -> None:
    """A figure is printed with its promise, its peer and how many times the peer's figure is ours."""
    printed = Figure("F1", "x_ms", 2.0, "ms", Promise("ratio>=20"), "the other", 50.0).as_json()
    assert (printed["kept"], printed["peer_value"], printed["ratio"]) == (True, 50.0, 25.0)


def test_the_95th_percentile_is_what_one_in_twenty_passes() -> None:
    """Of twenty values it is the nineteenth; of few it is the largest."""
    assert high([float(number) for number in range(1, 21)]) == 19.0
    assert high([3.0, 1.0, 2.0]) == 3.0


def test_a_program_is_charged_for_its_own_memory(tmp_path: Path) -> None:
    """The memory of whoever measures does not count as that of the program."""
    mine = bytearray(64_000_000)
    cost = run([sys.executable, "-I", "-S", "-c", "print('said')"], own_environment(tmp_path))
    assert len(mine) / 1e6 > cost.rss_mb > 1
    assert (cost.out, cost.code) == ("said\n", 0)


def test_a_program_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    """The time limit ends a program, and that is an error and no figure."""
    began = time.monotonic()
    with pytest.raises(BenchmarkError, match="ended by signal 9"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], own_environment(tmp_path), limit_s=1)
    assert time.monotonic() - began < 30


def test_what_runs_beside_a_block_ends_with_it(tmp_path: Path) -> None:
    """A program and what it started are gone after the block."""
    command = ["sh", "-c", "sleep 61 & echo $!; wait"]
    with running(command, os.environ, tmp_path / "out") as process:
        while not (said := (tmp_path / "out").read_text()).strip():
            time.sleep(0.01)
        child = psutil.Process(int(said))
    assert process.returncode is not None
    assert child.wait(timeout=5) is not None or not child.is_running()


def test_the_last_line_names_what_failed() -> None:
    """Promises that are not kept and what could not be measured are named."""
    lines = [
        Figure("F0", "fine_ms", 1.0, "ms", Promise("<=2")).as_json(),
        Figure("F0", "slow_ms", 3.0, "ms", Promise("<=2")).as_json(),
        Figure("F0", "plain_ms", 3.0, "ms").as_json(),
    ]
    assert closing_line(lines, ["F6"], 5.0) == ("1 of 2 promises kept in 5 s; not kept: F0 slow_ms; NOT MEASURED: F6")
