"""Measure what the design promises: one JSON line per figure, all of them in ``.results/bench.json``.

``python -m benchmarks [F0 F1 …] [--smoke]`` runs what was asked for of the files here that are called so, else all of
them. A promise that is not kept is said, and is no error: a machine may be busy. What could not be measured is one: it
ends with 1, after everything else was measured.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import re
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import benchmarks
from benchmarks import homes
from benchmarks.measure import Result
from tests.real.agents import REPOSITORY

RESULTS: Final = REPOSITORY / ".results" / "bench.json"


class Benchmark(Protocol):
    """What each of the files here has."""

    def __call__(self, *, smoke: bool = False, cache: Path = homes.CACHE) -> Iterator[Result]:
        """Measure, and return the figures."""


FILES: Final = re.compile(r"f\d+_\w+|forge_\w+|faults|redaction|soak")


def found() -> dict[str, Benchmark]:
    """Return every benchmark by the name of its file: ``f3_scale`` is chosen by F3 and by its whole name."""
    names = sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__) if FILES.fullmatch(module.name))
    return {name: importlib.import_module(f"benchmarks.{name}").run for name in names}


BENCHMARKS: Final = found()


def chosen(words: Sequence[str]) -> list[str]:
    """Return the benchmarks that were asked for; all of them when none was.

    Raises:
        KeyError: for a word that names none.
    """
    names: list[str] = []
    for word in words:
        meant = [name for name in BENCHMARKS if word.lower() in {name, name.partition("_")[0]}]
        if not meant:
            raise KeyError(word)
        names += meant
    return list(dict.fromkeys(names)) or list(BENCHMARKS)


def main(arguments: Sequence[str] | None = None, results: Path = RESULTS) -> int:
    """Measure what was asked for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure what the design promises.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)} (else all)")
    parser.add_argument("--smoke", action="store_true", help="tiny homes and few rounds: does it run at all?")
    parser.add_argument("--cache", type=Path, default=homes.CACHE, help="where big homes are kept")
    wanted = parser.parse_args(arguments)
    try:
        names = chosen(wanted.names)
    except KeyError as unknown:
        parser.error(f"there is no benchmark called {unknown.args[0]}")
    began, failed, lines = time.monotonic(), [], []
    for name in names:
        try:
            for figure in BENCHMARKS[name](smoke=wanted.smoke, cache=wanted.cache):
                lines.append(figure.as_json())
                print(json.dumps(lines[-1]), flush=True)
        except Exception:  # noqa: BLE001 -- it is printed, and the others are measured all the same
            traceback.print_exc()
            failed.append(name)
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps({"smoke": wanted.smoke, "not_measured": failed, "figures": lines}, indent=1) + "\n")
    print(closing_line(lines, failed, time.monotonic() - began), file=sys.stderr)
    return 1 if failed else 0


def closing_line(lines: Sequence[dict[str, Any]], failed: Sequence[str], seconds: float) -> str:
    """Say how many promises are kept, which are not, and what could not be measured."""
    promised = [line for line in lines if line.get("promise")]
    broken = [f"{line['id']} {line['figure']}" for line in promised if not line["kept"]]
    words = f"{len(promised) - len(broken)} of {len(promised)} promises kept in {seconds:.0f} s"
    words += f"; not kept: {', '.join(broken)}" if broken else ""
    words += f"; NOT MEASURED: {', '.join(failed)}" if failed else ""
    return words


if __name__ == "__main__":
    sys.exit(main())
