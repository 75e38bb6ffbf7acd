"""Every benchmark runs, on tiny homes. How long anything took is not asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS, main

pytestmark = pytest.mark.timeout(280)  # real agents start for it, on a machine that may be busy

FIGURES = {
    "F0": {"cycle_p50_ms", "cycle_cpu_ms", "counts_wrong", "live_sessions"},
    "F1": {"probe_wall_ms", "export_wall_ms", "export_rss_mb", "writer_p50_moved_percent"},
    "F6": {"up_to_first_true_page_ms", "show_brief_ms"},
    "faults": {"visible_faults", "homes_written_to"},
}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs(name: str, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It ends well, prints its figures one a line, and writes the same into the results."""
    results = tmp_path / "bench.json"
    assert main([name, "--smoke", "--cache", str(cache)], results) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert json.loads(results.read_text())["figures"] == printed
    assert {line["figure"] for line in printed if "figure" in line} >= FIGURES[name]
    exact = [line for line in printed if line.get("figure") in {"counts_wrong", "visible_faults", "homes_written_to"}]
    assert all(line["kept"] for line in exact), exact


def test_what_cannot_be_measured_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A benchmark that fails is named, and ends the run with 1."""
    nowhere = tmp_path / "file"
    nowhere.write_text("not a folder")
    assert main(["F0", "--smoke", "--cache", str(nowhere)], tmp_path / "bench.json") == 1
    assert "NOT MEASURED: F0" in capsys.readouterr().err
