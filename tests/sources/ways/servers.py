"""The real Caddy and the real nginx, each on free ports with a configuration of the test's own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin"
PATIENCE_S: Final = 20.0


def program(name: str) -> str:
    """Where a program of the system lies."""
    found = shutil.which(name, path=PATH)
    assert found is not None, f"{name} is not installed; see tests/debian-packages.txt"
    return found


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def running(argv: list[str], port: int, environment: dict[str, str]) -> Iterator[None]:
    """Run a program until it listens on a port, and end it afterwards."""
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + PATIENCE_S
        while not _listens(port):
            assert process.poll() is None, f"{argv[0]} has ended"
            assert time.monotonic() < end, f"{argv[0]} does not listen"
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _listens(port: int) -> bool:
    with closing(socket.socket()) as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def caddy(folder: Path, admin: int, config: dict[str, Any] | None = None) -> Iterator[None]:
    """Run Caddy with its admin API on a port."""
    file = folder / "caddy.json"
    whole = {"admin": {"listen": f"127.0.0.1:{admin}", "config": {"persist": False}}, **(config or {})}
    file.write_text(json.dumps(whole))
    environment = {"PATH": PATH, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with running([program("caddy"), "run", "--config", str(file)], admin, environment):
        yield


def load(admin: int, config: dict[str, Any]) -> None:
    """Have a running Caddy take another configuration, as its operator would."""
    whole = {"admin": {"listen": f"127.0.0.1:{admin}", "config": {"persist": False}}, **config}
    asked = urllib.request.Request(
        f"http://127.0.0.1:{admin}/load", json.dumps(whole).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:
        assert answer.status == 200


def site(listen: str, *dials: str) -> dict[str, Any]:
    """A configuration of Caddy's with one site that passes everything on."""
    handle = [{"handler": "reverse_proxy", "upstreams": [{"dial": dial} for dial in dials]}]
    server = {"listen": [listen], "routes": [{"handle": handle}], "automatic_https": {"disable": True}}
    return {"apps": {"http": {"servers": {"one": server}}}}


def nginx_conf(folder: Path, body: str) -> Path:
    """Write a configuration of nginx's that needs nothing outside its folder."""
    conf = folder / "nginx.conf"
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    conf.write_text(
        f"daemon off;\npid {folder}/pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{paths}\n{body}\n}}\n"
    )
    return conf


def accepts(conf: Path) -> bool:
    """Whether nginx itself takes a configuration."""
    argv = [program("nginx"), "-t", "-q", "-e", "stderr", "-c", str(conf)]
    return subprocess.run(argv, env={"PATH": PATH}, capture_output=True, check=False).returncode == 0


@contextmanager
def nginx(conf: Path, port: int) -> Iterator[None]:
    """Run nginx until it listens on a port."""
    with running([program("nginx"), "-e", "stderr", "-c", str(conf)], port, {"PATH": PATH}):
        yield
