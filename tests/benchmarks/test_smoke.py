"""Every benchmark runs, on tiny homes. How long anything took is not asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS, chosen, main

pytestmark = pytest.mark.timeout(280)  # real agents start for it, on a machine that may be busy

FIGURES = {
    "f0_collection": {"cycle_p50_ms", "cycle_cpu_ms", "counts_wrong", "live_sessions"},
    "f1_exporter": {"probe_wall_ms", "export_wall_ms", "export_rss_mb", "writer_p50_moved_percent"},
    "f3_scale": {"merge_of_all_cpu_ms", "tick_growth", "brief_p99_ms", "hub_rss_mb"},
    "f6_start": {"up_to_first_true_page_ms", "show_brief_ms"},
    "forge_decode": {"page_of_50_understood_cpu_ms", "page_of_50_asked_cpu_ms"},
    "forge_scale": {"forge_merge_all_new_cpu_ms", "forge_judge_growth", "forge_brief_p99_ms", "forge_hub_rss_mb"},
    "faults": {"visible_faults", "homes_written_to"},
    "redaction": {"rules_mb_a_cpu_s", "slowest_rule_cpu_s"},
    "soak": {"rss_mb", "rss_grown_percent"},
}
"""What must be among the figures of each; of the others, that there are any."""


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs(name: str, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It ends well, prints its figures one a line, and writes the same into the results."""
    results = tmp_path / "bench.json"
    assert main([name, "--smoke", "--cache", str(cache)], results) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert json.loads(results.read_text())["figures"] == printed
    told = {line["figure"] for line in printed if "figure" in line}
    assert told >= FIGURES.get(name, set())
    assert told
    exact = [line for line in printed if line.get("figure") in {"counts_wrong", "visible_faults", "homes_written_to"}]
    assert all(line["kept"] for line in exact), exact


def test_a_benchmark_is_chosen_by_the_number_of_its_promise_and_by_its_name() -> None:
    """F7 means every file of that promise; nothing means all; a word that names none is refused."""
    assert chosen(["F7"]) == [name for name in BENCHMARKS if name.startswith("f7_")]
    assert chosen(["soak", "F3", "f3_scale"]) == ["soak", "f3_scale"]
    assert chosen([]) == list(BENCHMARKS)
    with pytest.raises(KeyError):
        chosen(["F99"])


def test_what_cannot_be_measured_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A benchmark that fails is named, and ends the run with 1."""
    nowhere = tmp_path / "file"
    nowhere.write_text("not a folder")
    assert main(["F0", "--smoke", "--cache", str(nowhere)], tmp_path / "bench.json") == 1
    assert "NOT MEASURED: f0_collection" in capsys.readouterr().err
