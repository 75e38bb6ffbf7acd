"""Record what a real agent creates in an empty home: ``python -m tests.real.schemas`` writes it anew."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from quarterdeck.demo import schema
from tests.real.agents import REPOSITORY, ensure_agent
from tests.real.homes import Home

PLACE: Final = REPOSITORY / "src" / "quarterdeck" / "demo" / "schema"
LIMIT_S: Final = 60
OF_THE_MOMENT: Final = ("id", "created_at", "next_run_at")
"""What differs each time a job is made."""

MAKE: Final = """
import importlib.util, json
from pathlib import Path
from hermes_constants import get_hermes_home
from hermes_state import SessionDB
from hermes_cli import kanban_db
from cron import jobs
SessionDB().close()
kanban_db.connect().close()
if importlib.util.find_spec("cron.executions"):
    from cron import executions
    executions._connect().close()
if importlib.util.find_spec("gateway.delivery_ledger"):
    from gateway import delivery_ledger
    delivery_ledger._connect().close()
made = [jobs.create_job("demo-text", when, name="demo-text") for when in ("every 5m", "0 9 * * *")]
(Path(get_hermes_home()) / "made.json").write_text(json.dumps(made))
"""


def record(version: str, folder: Path) -> dict[str, str]:
    """Let the agent make an empty home; return what is recorded of it, by file."""
    home = Home(ensure_agent(version), folder / "home", folder / "user")
    home.root.mkdir(mode=0o700)
    home.user.mkdir()
    command = [str(home.agent.python), "-c", MAKE]
    subprocess.run(command, env=home.environment, cwd=home.user, timeout=LIMIT_S, check=True, stdout=subprocess.DEVNULL)
    found = {
        f"{name}.sql": f"-- {place} of release {version}, as the agent creates it.\n{schema.dump(home.root / place)}"
        for name, place in schema.DATABASES.items()
        if (home.root / place).exists()
    }
    jobs = json.loads((home.root / "made.json").read_text())
    timeless = [{name: None if name in OF_THE_MOMENT else value for name, value in job.items()} for job in jobs]
    return found | {"jobs.json": json.dumps(timeless, indent=1) + "\n"}


def main() -> None:
    """Write every recording anew."""
    for version, series in schema.RELEASES.items():
        with tempfile.TemporaryDirectory() as folder:
            for name, content in record(version, Path(folder)).items():
                place = PLACE / series / name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(content, encoding="utf-8")
                sys.stdout.write(f"{place.relative_to(REPOSITORY)}\n")


if __name__ == "__main__":
    main()
