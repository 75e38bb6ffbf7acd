"""``quarterdeck exposure``, on this machine."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from pathlib import Path

import pytest

from quarterdeck.cli.app import run
from tests.sources.ways.servers import free_port


def settings(folder: Path, **decided: object) -> str:
    """Write a settings file with these words on ways in, and no agent."""
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in decided.items())
    file = folder / "quarterdeck.toml"
    file.write_text(f"discover = false\n[exposure]\n{lines}")
    return str(file)


def test_a_way_ends_with_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A listener that others can reach is printed as the way it is, and the command ends with 1."""
    port = free_port()
    with closing(socket.create_server(("0.0.0.0", port))):
        assert run(["exposure", "--config", settings(tmp_path, protect=[port])]) == 1
    printed = capsys.readouterr().out
    assert f"its port can be reached from beyond: 0.0.0.0:{port}" in printed
    assert "can be reached from beyond this machine and its tailnet." in printed.splitlines()[0]


def test_what_cannot_be_told_ends_with_three(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A configuration that makes no sense is said with its reason, and nothing is called private."""
    conf = tmp_path / "nginx.conf"
    conf.write_text("http {")
    assert run(["exposure", "--json", "--config", settings(tmp_path, nginx_conf=str(conf))]) == 3
    data = json.loads(capsys.readouterr().out)
    assert data["view"] == "exposure"
    found = {row["subject"].partition("/")[2]: row for row in data["rows"]}
    assert found["forwarder/nginx"]["status"] == "unknown"
    assert "`nginx -t` says where" in found["forwarder/nginx"]["reason"]


def test_the_codes_agree_with_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends with what the rows of the page say, whatever this machine is like."""
    code = run(["exposure", "--json", "--config", settings(tmp_path)])
    worst = {
        row["status"] for row in json.loads(capsys.readouterr().out)["rows"] if row["subject"].endswith("/exposure")
    }
    assert code == (1 if worst & {"degraded", "down"} else 3 if worst & {"unknown", "stale"} else 0)


def test_help_says_how_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts rely on the codes, so the help names them."""
    assert run(["exposure", "--help"]) == 0
    assert "Ends with 0 when everything is private" in " ".join(capsys.readouterr().out.split())
