"""A client that others wrote, in an environment of its own: `pyforgejo`, and a program that asks with it.

The rule: exactly what `requirements/forge-client.txt` locks, by hash, is installed under `.cache/forge-client/`, once
per lock file. It is never imported here: it reads the environment and a file of settings when it is.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

REPOSITORY: Final = Path(__file__).resolve().parents[3]
LOCK: Final = REPOSITORY / "requirements" / "forge-client.txt"
CACHE: Final = REPOSITORY / ".cache" / "forge-client"
LIMIT_S: Final = 300.0
PROGRAM: Final = """
import json, sys
from pyforgejo import PyforgejoApi

def plain(found):
    if isinstance(found, (list, tuple)):
        return [plain(each) for each in found]
    return json.loads(found.json()) if hasattr(found, "json") else found

told = json.load(sys.stdin)
client = PyforgejoApi(base_url=told["url"] + "/api/v1", api_key=told["token"], timeout=20)
answers = []
for part, name, words in told["asks"]:
    try:
        answers.append({"found": plain(getattr(getattr(client, part), name)(**words))})
    except Exception as error:
        status = getattr(error, "status_code", None)
        answers.append({"error": type(error).__name__, "status": status, "text": str(error)[:400]})
json.dump(answers, sys.stdout)
"""


def python() -> Path:
    """Return the Python that has the client, installing it first where needed."""
    root, stamp = CACHE / "environment", CACHE / "installed"
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest() + sys.version
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.is_file() or stamp.read_text() != wanted:
            shutil.rmtree(root, ignore_errors=True)
            _run("venv", "--quiet", "--python", sys.executable, str(root))
            inside = str(root / "bin" / "python")
            _run("pip", "install", "--quiet", "--python", inside, "--no-deps", "--require-hashes", "-r", str(LOCK))
            stamp.write_text(wanted)
    return root / "bin" / "python"


def _run(*words: str) -> None:
    uv = Path(sys.executable).with_name("uv")
    done = subprocess.run([str(uv), *words], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, f"uv {' '.join(words)} failed:\n{done.stderr}"


def ask(url: str, token: str, *asks: tuple[str, str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Have the client ask; each ask is a part of it, the name of a method, and its arguments."""
    env = {"PATH": os.environ["PATH"], "HOME": str(CACHE), "PYTHONDONTWRITEBYTECODE": "1"}
    told = json.dumps({"url": url, "token": f"token {token}", "asks": asks})
    done = subprocess.run(
        [str(python()), "-c", PROGRAM],
        input=told,
        env=env,
        cwd=CACHE,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.stderr.write(f"{python().relative_to(REPOSITORY)} has the client of others{os.linesep}")
