"""What the agent keeps to itself stays in its home, in whatever state the home is.

One mark, drawn anew for each run, stands in every secret and every personal text. It must not turn up in anything that
Quarterdeck prints, serves, writes or logs: not where all is well, and not where a file is broken right beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from quarterdeck.views import VIEWS
from tests.e2e.commands import ROUTES, Terminal, Up
from tests.e2e.homes import JOB, SHAPES, SPOILABLE, SPOILS, Mark, MarkedHome, Spoil, held

OPENED: Final = {"agents": "gateway", "cron": f"cron/{JOB}"}
WELL_KNOWN: Final = {
    "schema_version", "config_version", "recorded_state", "platforms", "lock_holder", "heartbeat_at",
    "jobs_declared", "ticker_at", "schedule", "last_result", "delivery_error", "total", "tokens_24h", "last_message_at",
    "model", "provider", "fallbacks", "toolsets", "providers", "expires_at", "pool", "exhausted", "tasks",
    "memory_files", "skills", "integrations", "errors_1h",
}  # fmt: skip


@pytest.fixture(scope="module", params=list(SHAPES.values()), ids=list(SHAPES))
def mark(request: pytest.FixtureRequest) -> Mark:
    """The mark, once like a key and once like a sentence."""
    return Mark(request.param)


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """Where commands are typed."""
    return Terminal(tmp_path_factory.mktemp("terminal"))


def every_command(homes: list[Path], out: Path, views: Iterable[str]) -> list[list[str]]:
    """Every way to look at homes from a terminal."""
    named = [part for home in homes for part in ("--home", str(home))]
    looks = [["show", view, *named, *form] for view in views for form in ([], ["--json"])]
    looks += [["doctor", *named], ["doctor", "--json", *named], ["show", "brief", "--debug", *named]]
    looks += [["export", "--home", str(home), "--out", str(out / f"{home.name}.json")] for home in homes]
    return [*looks, ["export", "--home", str(homes[0])]]


def every_answer(up: Up, homes: list[Path]) -> Iterator[tuple[str, bytes]]:
    """Every route, over every home, and with everything opened."""
    yield from ((path, up.get(path)) for path in ROUTES)
    for home in homes:
        yield home.name, up.get(f"/ops?instance={home.name}")
        for view, subject in OPENED.items():
            asked = f"instance={home.name}&open=hermes:{home.name}/{subject}"
            yield f"{home.name} {view}", up.get(f"/{view}?{asked}")


def assert_unmarked(mark: Mark, told: dict[str, bytes]) -> None:
    """Fail with the places where the mark turned up, and not with the mark."""
    assert [place for place, text in told.items() if mark.found_in(text)] == []


def look_everywhere(
    terminal: Terminal, homes: list[Path], out: Path, views: Iterable[str] = tuple(VIEWS)
) -> dict[str, bytes]:
    """Collect everything that Quarterdeck says of homes."""
    out.mkdir()
    said, codes = terminal.run_all(every_command(homes, out, views))
    assert set(codes) <= {0, 1, 3}, said.err[:2_000]
    with terminal.up(*homes) as up:
        up.wait_for_looks(1)
        told = dict(every_answer(up, homes))
    files = {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    logged = up.out.read_bytes() + up.err.read_bytes()
    return {**told, **files, "commands": said.everything.encode(), "log": logged}


def test_nothing_that_is_kept_in_a_home_leaves_it(terminal: Terminal, mark: Mark, tmp_path: Path) -> None:
    """From a home that can be read in full, everything is told that may be, and nothing that may not."""
    home = MarkedHome(tmp_path / "north", mark).root
    with held(home):
        told = look_everywhere(terminal, [home], tmp_path / "out")
    assert_unmarked(mark, told)
    export = json.loads(told["north.json"])
    known = {reading["field"] for reading in _readings(export) if "unavailable" not in reading}
    assert known >= WELL_KNOWN, "what was not read cannot have been kept back"


def _readings(document: Any) -> Iterator[dict[str, Any]]:
    """Every reading in a document, wherever it stands."""
    if isinstance(document, dict):
        if "field" in document and ("value" in document or "unavailable" in document):
            yield document
        document = list(document.values())
    for each in document if isinstance(document, list) else ():
        yield from _readings(each)


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
def test_no_file_leaks_by_being_broken(terminal: Terminal, mark: Mark, spoil: Spoil, tmp_path: Path) -> None:
    """With each file of a home broken in turn, the mark beside, under or instead of what was expected stays inside."""
    homes = []
    with ExitStack() as stack:
        for number, name in enumerate(SPOILABLE):
            home = MarkedHome(tmp_path / f"h{number}", mark)
            spoil(home.root / name, home.mark)
            stack.enter_context(held(home.root))
            homes.append(home.root)
        told = look_everywhere(terminal, homes, tmp_path / "out", ["ops", "coverage"])  # they tell all that is known
    assert_unmarked(mark, told)
    assert b"Quarterdeck itself failed" not in b"".join(told.values())


# --- settings ---------------------------------------------------------------------------------------------------------

BAD_SETTINGS: Final = {
    "unfinished text": 'label = "{}',
    "unfinished table": '# {}\nlabel = "{}"\n[[instances]\n',
    "the same key twice": '[server]\nport = 8710\nport = "{}"\n',
    "an unknown word": '[server]\nprot = "{}"\n',
    "a text for a number": '[server]\nport = "{}"\n',
    "a text for a limit": '[thresholds]\nheartbeat_s = "{}"\n',
    "a text for a table": 'instances = "{}"\n',
    "a text for a switch": '[[instances]]\nid = "a"\nhome = "~/a"\npolicy.job_names = "{}"\n',
    "not an id": '[[instances]]\nid = "{}!"\nhome = "~/a"\n',
    "not an address": '[[instances]]\nid = "a"\nhome = "~/a"\ndashboard = "http://user:{}@localhost"\n',
    "not a unit": '[[instances]]\nid = "a"\nhome = "~/a"\nunit = "{} {}"\n',
    "a list of lists": '[units]\nuser = [["{}"]]\n',
    "not a path": '[[exporters]]\nfiles = ["{}\\u0000"]\n',
    "neither home nor snapshot": '[[instances]]\nid = "a"\nlabel = "{}"\n',
}


def test_an_error_in_the_settings_does_not_quote_them(terminal: Terminal, mark: Mark, tmp_path: Path) -> None:
    """What is wrong is said with file, line and what to do; what stands there is not repeated, with --debug neither."""
    commands = []
    for number, text in enumerate(BAD_SETTINGS.values()):
        settings = tmp_path / f"{number}.toml"
        settings.write_text(text.replace("{}", mark.text), encoding="utf-8")
        for command in (["show", "brief"], ["doctor"], ["up"], ["export", "--home", str(tmp_path)]):
            commands += [[*command, "--config", str(settings)], [*command, "--debug", "--config", str(settings)]]
    said, codes = terminal.run_all(commands)
    assert set(codes) == {2}
    assert [name for number, name in enumerate(BAD_SETTINGS) if f"{number}.toml, line " not in said.err] == []
    assert [line.replace(mark.text, "MARK") for line in said.everything.splitlines() if mark.found_in(line)] == []


def test_neither_do_settings_that_are_no_text(terminal: Terminal, mark: Mark, tmp_path: Path) -> None:
    """A file that cannot be decoded is an error that says where, and not what."""
    settings = tmp_path / "quarterdeck.toml"
    settings.write_bytes(b'label = "' + mark.text.encode() + b'\xff"\n')
    said, codes = terminal.run_all(
        [["show", "brief", "--config", str(settings)], ["doctor", "--config", str(settings)]]
    )
    assert codes == [2, 2]
    assert "is not UTF-8 text" in said.err
    assert not mark.found_in(said.everything)
