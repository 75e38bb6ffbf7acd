"""Somebody else's client of a forge, in an environment of its own: what it takes is not only taken by ours.

It reads settings and a key out of the environment and out of `.env` when it is imported. Run it in an empty folder,
with an environment that names both.
"""

from __future__ import annotations

from pathlib import Path

from tests.real.agents import REPOSITORY, ensure_environment


def python() -> Path:
    """Return the Python that has it, installed first where needed."""
    requirements = REPOSITORY / "requirements" / "pyforgejo.txt"
    return ensure_environment(REPOSITORY / ".cache" / "pyforgejo", requirements, "pyforgejo") / "bin" / "python"
