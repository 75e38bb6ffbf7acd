from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from quarterdeck import __version__
from quarterdeck.cli.app import app
from quarterdeck.cli.main import INTERRUPTED, OUR_MISTAKE, SMALL, WRONG, run
from quarterdeck.views import VIEWS
from tests.fakes.broken_command import SECRET

PLAIN = {"TYPER_USE_RICH": "0", "NO_COLOR": "1", "COLUMNS": "100"}


def quarterdeck(*words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process of its own."""
    command = [sys.executable, "-m", "quarterdeck", *words]
    return subprocess.run(
        command, env=os.environ | PLAIN | dict(env or {}), capture_output=True, text=True, timeout=30, check=False
    )


def test_help_names_every_command() -> None:
    """The help names all commands, also those that are begun before anything else is imported."""
    done = quarterdeck("--help")
    assert done.returncode == 0
    names = [command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands]
    assert set(names) >= {"doctor", "acceptance", "version", *SMALL}
    for name in names:
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize("command", ["doctor", "acceptance", "version", *SMALL])
def test_every_command_explains_itself(command: str) -> None:
    """Each command says with --help what it takes."""
    done = quarterdeck(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"quarterdeck {command}" in done.stdout


def test_the_help_of_show_names_the_views() -> None:
    """The views that show offers in its help are those there are."""
    listed = quarterdeck("show", "--help").stdout
    assert all(view in listed for view in VIEWS)


def test_version(capfd: pytest.CaptureFixture[str]) -> None:
    """The release can be asked for."""
    assert run(["version"]) == 0
    assert capfd.readouterr().out == f"quarterdeck {__version__}\n"


@pytest.mark.parametrize(
    "words",
    [("shwo",), ("show",), ("show", "brief", "--hom", "/"), ("up", "--host", "0.0.0.0"), ("up", "--port", "70000"), ()],
)
def test_asked_wrongly_ends_with_2(words: tuple[str, ...]) -> None:
    """A command that does not exist, or is called with what it does not take, ends with 2 and says so on stderr."""
    done = quarterdeck(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: quarterdeck" in done.stderr.lower()
    assert "Traceback" not in done.stderr


def test_our_errors_are_said_in_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    """An error with a way out is printed as what happened and what to do, and ends with 2."""
    assert run(["show", "brief", "--home", "/nonexistent"]) == WRONG
    said = capfd.readouterr().err
    assert said == "There is no folder /nonexistent. Name the agent's home with --home, such as ~/.hermes.\n"


FAKES = {"broken": "tests.fakes.broken_command"}


def test_an_unexpected_error_names_its_type_and_place_only(capfd: pytest.CaptureFixture[str]) -> None:
    """A mistake of ours is reported by type and line; its text, which may quote what was read, is not shown."""
    assert run(["broken"], FAKES) == OUR_MISTAKE
    said = capfd.readouterr().err
    assert "LookupError in tests.fakes.broken_command, line " in said
    assert "--debug" in said
    assert SECRET not in said


def test_debug_shows_all_of_it() -> None:
    """Who asks for it gets the whole error, as Python shows it."""
    with pytest.raises(LookupError, match=SECRET):
        run(["broken", "--debug"], FAKES)


def test_an_interrupted_command_is_not_an_answer() -> None:
    """A command that is interrupted ends with a code that no answer has."""
    assert run(["broken", "interrupted"], FAKES) == INTERRUPTED


def test_a_reader_that_leaves_is_no_error() -> None:
    """A command whose reader leaves early ends quietly, as any program does."""
    command = f"{sys.executable} -m quarterdeck --help | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == ""
    assert done.stdout.strip() in {"0", str(128 + signal.SIGPIPE)}


def test_the_exporter_starts_without_what_only_people_need() -> None:
    """Beginning the exporter imports no web, no terminal and no database library."""
    program = """
import sys
from quarterdeck.cli.main import run
try:
    run(["export", "--help"])
finally:
    heavy = {"typer", "rich", "fastapi", "uvicorn", "pydantic", "structlog", "jinja2", "watchfiles"}
    print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


UNTIL_IT_LOOKS = """
import sys
from pathlib import Path
import quarterdeck.cli.up_command
import quarterdeck.cli.up
from quarterdeck import settings, wiring
wiring.build(settings.load(None, [Path(sys.argv[1])]), remember=True)
"""
LOOKS_ONCE = """
import sys
from quarterdeck.cli.main import run
run(["show", "brief", "--home", sys.argv[1]])
"""
NO_DOOR = """
door = ("quarterdeck.access.sessions", "quarterdeck.store", "quarterdeck.web")
heavy = {"alembic", "asyncio", "jinja2", "pydantic", "sqlalchemy", "typer", "uvicorn"}
print(sorted(name for name in sys.modules if name in heavy or name.startswith(door)))
"""


@pytest.mark.parametrize("program", [UNTIL_IT_LOOKS, LOOKS_ONCE], ids=["up", "show"])
def test_nothing_of_the_door_is_loaded_in_order_to_look(program: str, tmp_path: Path) -> None:
    """Until a hub looks for the first time it has loaded no pages and no ledger, and a look alone never does."""
    (tmp_path / "config.yaml").write_text("model: {}\n")
    command = [sys.executable, "-c", program + NO_DOOR, str(tmp_path)]
    env = os.environ | {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
