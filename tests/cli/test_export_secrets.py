"""The last wall of the exporter: nothing is written in which a secret of the agent stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quarterdeck.cli.main import run
from tests.sources.hermes.agent_home import AgentHome, job

TOKEN = "".join(("k", "4" * 3, "formless", "8" * 4, "token"))


@pytest.fixture
def home(tmp_path: Path) -> AgentHome:
    """A home whose job is called by its secret."""
    made = AgentHome(tmp_path / "home")
    made.write(".env", f"SERVICE_TOKEN={TOKEN}\n")
    made.session("a", title=f"about {TOKEN}")
    made.jobs(job(name=f"Use {TOKEN}"))
    return made


def settings(home: AgentHome, folder: Path) -> Path:
    file = folder / "quarterdeck.toml"
    file.write_text(
        f'[[instances]]\nid = "north"\nhome = "{home.path}"\n'
        "policy = { job_names = true, session_titles = true, redact_secrets = false }\n"
    )
    return file


def test_a_secret_is_masked_in_whatever_is_exported(home: AgentHome, tmp_path: Path) -> None:
    """With names and titles let out, and masking of texts switched off, the secret still stays in its home."""
    out = tmp_path / "out" / "snapshot.json"
    out.parent.mkdir()
    command = ["export", "--home", str(home.path), "--out", str(out), "--config", str(settings(home, tmp_path))]
    assert run(command) == 0
    written = "".join(path.read_text() for path in out.parent.iterdir())
    assert TOKEN not in written
    assert "Use [redacted:known#" in written
    assert "about [redacted:known#" in written
    readings = json.loads(out.read_text())["readings"]
    assert {row["value"] for row in readings if row["field"] == "withheld"} == {1}


def test_a_snapshot_that_masking_cannot_clean_is_not_written(
    home: AgentHome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """When a secret is a word of the snapshot itself, nothing is written, and how to get out of it is said."""
    home.write(".env", "ADMIN_PASSWORD=quarterdeck/snapshot/1\n")
    out = tmp_path / "out" / "snapshot.json"
    out.parent.mkdir()
    assert run(["export", "--home", str(home.path), "--id", "north", "--out", str(out)]) == 2
    assert not out.exists()
    said = capsys.readouterr().err
    assert "a secret of the agent stands in it" in said
    assert "quarterdeck/snapshot/1" not in said
